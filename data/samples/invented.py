"""Invented companies, people and addresses for the sample files, the same on every machine for the same seed.

Belongs here: what a sample row says. Does not belong here: files and their formats (make_samples.py).

Cities, states and ZIP codes exist and fit together; houses, companies, people, numbers and mail addresses do not (phone numbers are
from the range kept for fiction, mail addresses end in `.example`). Lat and Lng lie within a few miles of the city's centre.
"""

import random
import re

PLACES = (
    ("Albany", "NY", "12207", 42.6526, -73.7562),
    ("Syracuse", "NY", "13202", 43.0481, -76.1474),
    ("Rochester", "NY", "14604", 43.1566, -77.6088),
    ("Stamford", "CT", "06901", 41.0534, -73.5387),
    ("Hartford", "CT", "06103", 41.7658, -72.6734),
    ("Providence", "RI", "02903", 41.8240, -71.4128),
    ("Worcester", "MA", "01608", 42.2626, -71.8023),
    ("Portland", "ME", "04101", 43.6591, -70.2568),
    ("Burlington", "VT", "05401", 44.4759, -73.2121),
    ("Newark", "NJ", "07102", 40.7357, -74.1724),
    ("Trenton", "NJ", "08608", 40.2206, -74.7597),
    ("Scranton", "PA", "18503", 41.4090, -75.6624),
    ("Wilmington", "DE", "19801", 39.7447, -75.5484),
    ("Richmond", "VA", "23219", 37.5407, -77.4360),
    ("Raleigh", "NC", "27601", 35.7796, -78.6382),
)
MIDWEST = (
    ("Naperville", "IL", "60540", 41.7508, -88.1535),
    ("Peoria", "IL", "61602", 40.6936, -89.5890),
    ("Madison", "WI", "53703", 43.0731, -89.4012),
    ("Des Moines", "IA", "50309", 41.5868, -93.6250),
    ("St. Paul", "MN", "55101", 44.9537, -93.0900),
    ("Lawrence", "KS", "66044", 38.9717, -95.2353),
)
# fmt: off
STREETS = (
    "Main St", "Oak Ave", "Maple St", "Washington St", "Elm St", "Cedar Ln", "Park Ave", "Lake Rd", "Hillside Dr",
    "River Rd", "Church St", "Chestnut St", "Spruce St", "N 2nd St", "W 14th St", "Market St", "Mill Rd", "Franklin Ave",
    "Sunset Blvd", "Dr. Martin Luther King Jr. Blvd",
)
FIRST = (
    "Aaliyah", "Beatriz", "Carlos", "Deborah", "Elijah", "Fiona", "Giovanni", "Hannah", "Imani", "José", "Kavya", "Liam",
    "Mónica", "Nikolai", "Olivia", "Priya", "Quentin", "Rosa", "Samir", "Tomás", "Ursula", "Víctor", "Wendy", "Ximena",
    "Yusuf", "Zoë",
)
LAST = (
    "Abbott", "Baptiste", "Castillo", "Delgado", "Edwards", "Fitzgerald", "Gallagher", "Hernández", "Iverson", "Jankowski",
    "Keller", "Lefebvre", "Muñoz", "Nakamura", "O'Brien", "Petrov", "Quinn", "Robinson", "Schäfer", "Thompson", "Underwood",
    "Vasquez", "Whitfield", "Yamada", "Zielinski",
)
# fmt: on
BUSINESS = {
    "Roofing": ("Roofing", "Roofers", "Roof & Siding"),
    "Solar": ("Solar", "Sun Power", "Renewables"),
    "HVAC": ("Heating & Cooling", "HVAC", "Air"),
    "Retail": ("Hardware", "Outfitters", "Supply"),
    "Restaurant": ("Diner", "Grill", "Bakery"),
    "Office": ("Partners", "Consulting", "Insurance"),
    "Medical": ("Dental", "Clinic", "Family Practice"),
    "Education": ("Academy", "Learning Center", "Music School"),
}
INDUSTRIES = tuple(BUSINESS)
SERVICES = ("Solar", "Roof", "HVAC", "Gutters", "Windows")
VISITS = ("Home", "Not home", "Not interested", "Follow up")
LOSSES = ("Price", "Competitor", "No Budget", "Bad Timing", "No Decision")
STAGES = ("Prospect", "Prospect", "Prospect", "Qualified", "Qualified", "Proposal Sent", "Customer", "Customer", "Lost")
NOTES = (
    "",
    "",
    "",
    "Gate code at the desk, ask for Sam.",
    "Prefers mornings; closed on Mondays",
    'Calls himself "the roof whisperer"',
    "Two buildings, one meter",
    "Spoke with the owner.\nWants a quote for both roofs.",
)
OWNERS = ("ana.silva", "ben.carter", "chloe.nguyen", "daniel.osei", "emma.lindqvist", "farid.rahman")
TEAM = ("grace.miller", "hugo.santos", "iris.cohen", "jamal.brooks")
Row = dict[str, str]


def address(rng: random.Random, places: tuple[tuple[str, str, str, float, float], ...] = PLACES) -> Row:
    """House Number to Lng of an invented house in a city that exists."""
    city, state, code, lat, lng = rng.choice(places)
    return {
        "House Number": str(rng.randrange(10, 9900)),
        "Street": rng.choice(STREETS),
        "City": city,
        "Zip": code,
        "State": state,
        "Country": "US",
        "Lat": f"{lat + rng.uniform(-0.04, 0.04):.5f}",
        "Lng": f"{lng + rng.uniform(-0.04, 0.04):.5f}",
    }


def phone(rng: random.Random) -> str:
    """A number of the range that is kept for fiction: (NPA) 555-0100 to 555-0199."""
    return f"({rng.choice((212, 315, 518, 585, 203, 401, 508, 802, 973, 302, 804, 919))}) 555-01{rng.randrange(100):02d}"


def day(rng: random.Random, first: int, last: int) -> str:
    """An ISO date in the years `first` to `last`."""
    return f"{rng.randint(first, last)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def several(rng: random.Random) -> str:
    """None to three services, separated by semicolons, in the order of the field's choices."""
    chosen = rng.sample(SERVICES, rng.randrange(4))
    return ";".join(s for s in SERVICES if s in chosen)


def mail(name: str, domain: str = "") -> str:
    """`name` as a mail address under the reserved top-level domain `.example`."""
    plain = name.translate(str.maketrans("éóáñäëíÉ", "eoanaeiE")).lower()
    word = re.sub(r"[^a-z0-9]+", ".", plain).strip(".")
    return f"{word}@{domain}.example" if domain else f"office@{word.replace('.', '-')}.example"


def company(rng: random.Random, number: int, prefix: str = "A") -> Row:
    """One account. External ids are `prefix` and the number; the pin's id is that of the house."""
    industry = rng.choice(INDUSTRIES)
    name = f"{rng.choice(LAST)} {rng.choice(BUSINESS[industry])}" + rng.choice(("", "", " LLC", ", Inc."))
    stage = rng.choice(STAGES)
    place = address(rng)
    return {
        "ExternalDataObjectId": f"{prefix}-{number:05d}",
        "ExternalPinId": f"PIN-{prefix}{number:05d}",
        "Name": name,
        "Customer ID": f"C{prefix}{40_000 + number}",
        "Owner Email": f"{rng.choice(OWNERS)}@acme.example",
        "Stage": stage,
        "Loss Reason": rng.choice(LOSSES) if stage == "Lost" else "",
        **place,
        "Phone": phone(rng),
        "Email": mail(name),
        "Industry": industry,
        "Services": several(rng),
        "Employees": str(rng.choice((1, 3, 5, 8, 12, 25, 40, 75, 120, 260))),
        "Annual Revenue": f"{rng.randrange(80, 9000) * 1000}.{rng.randrange(100):02d}",
        "Customer Since": day(rng, 2009, 2025) if stage == "Customer" else "",
        "Next Visit": f"2026-11-{rng.randint(3, 28):02d}T{rng.randint(8, 17):02d}:{rng.choice((0, 15, 30, 45)):02d}:00",
        "Preferred Partner": rng.choice(("Y", "N")),
        "Account Market": "Public" if industry == "Education" else rng.choice(("Residential", "Commercial")),
        "Billing Address": f"{place['House Number']} {place['Street']}, {place['City']}, {place['State']} {place['Zip']}",
        "Notes": rng.choice(NOTES),
        "Last Visit Result": rng.choice(VISITS),
    }


def person(rng: random.Random, number: int, account: Row, prefix: str = "C") -> Row:
    """One contact who works at `account` and shares its pin."""
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    return {
        "ExternalDataObjectId": f"{prefix}-{number:05d}",
        "RelatedTo": account["ExternalDataObjectId"],
        "ExternalPinId": account["ExternalPinId"],
        "Name": name,
        "Email": mail(f"{name} {prefix}{number}", "people"),
        "Phone": phone(rng),
        "Owner Email": account["Owner Email"],
        "Stage": rng.choice(("New", "Contacted", "Customer")),
        "Job Title": rng.choice(("Owner", "Office Manager", "Facilities Lead", "Head of Purchasing", "Bookkeeper")),
        "Decision Maker": rng.choice(("Y", "N")),
        "Birthday": day(rng, 1956, 2001),
        "Interests": several(rng),
        "Preferred Channel": rng.choice(("Call", "Text", "Mail", "Visit")),
    }


def sale(rng: random.Random, number: int, account: Row) -> Row:
    """One opportunity at `account`."""
    stage = rng.choice(("Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost"))
    product = rng.choice(SERVICES)
    return {
        "ExternalDataObjectId": f"O-{number:05d}",
        "RelatedTo": account["ExternalDataObjectId"],
        "Name": f"{product} for {account['Name']}",
        "Owner Email": account["Owner Email"],
        "Stage": stage,
        "Loss Reason": rng.choice(LOSSES) if stage == "Closed Lost" else "",
        "Amount": f"{rng.randrange(20, 2400) * 100 + rng.choice((0, 49.5, 99)):.2f}",
        "Close Date": f"2026-12-{rng.randint(1, 28):02d}",
        "Probability": str(rng.choice((5, 12.5, 25, 40, 60, 75, 90))),
        "Products": product,
        "Lead Source": rng.choice(("Door", "Phone", "Web", "Referral", "Event")),
        "Next Step": rng.choice(("Send the quote", "Measure the roof", "Call back after the holidays", "")),
    }


def household(rng: random.Random, number: int) -> Row:
    """One lead of a canvassing team."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    stage = rng.choice(("New Lead", "New Lead", "Not Home", "Follow Up", "Appointment Set", "Sold", "Not Interested"))
    return {
        "ExternalLeadId": f"L-{number:05d}",
        "First Name": first,
        "Last Name": last,
        **address(rng, MIDWEST),
        "Email": mail(f"{first} {last} L{number}", "homes"),
        "Phone": phone(rng),
        "Owner Email": f"{rng.choice(TEAM)}@acme.example",
        "Stage": stage,
        "Loss Reason": rng.choice(("Price", "Renter", "Has Contract")) if stage == "Not Interested" else "",
        "Homeowner": rng.choice(("Y", "Y", "N")),
        "Roof Age": str(rng.randrange(1, 45)),
        "Monthly Bill": f"{rng.randrange(60, 420)}.{rng.randrange(100):02d}",
        "Interests": several(rng),
        "Appointment": f"2026-11-{rng.randint(3, 28):02d}T{rng.randint(9, 18):02d}:30:00" if stage == "Appointment Set" else "",
        "Best Time": rng.choice(("Morning", "Afternoon", "Evening", "Weekend")),
        "Notes": rng.choice(NOTES),
        "Last Visit Result": rng.choice(VISITS),
    }
