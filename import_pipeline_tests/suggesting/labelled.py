"""Files of many styles, each column labelled with what it means; the part that the weights were tuned on.

Belongs here: headers with small value columns and the right answer. Does not belong here: measuring (test_labelled.py), the part that
nobody tuned on (held_out.py).
"""

from dataclasses import dataclass

Column = tuple[str, str | None, str]
"""Header cell, the column's key (None: it means no column of the type), and its values, parted by `|`."""

EMAILS = "ann.lee@mail.example|bob@web.example|c.diaz@post.example|dora.k@mail.example|eva@home.example|finn@web.example"
MAILBOXES = "office@acme.example|info@bolt.example|hello@cord.example|sales@dune.example|team@elm.example|post@fir.example"
USERS = "ana.silva@acme.example|ben.carter@acme.example|ana.silva@acme.example|daniel.osei@acme.example|chloe.nguyen@acme.example"
LEAD_USERS = "grace.miller@acme.example|hugo.santos@acme.example|iris.cohen@acme.example|grace.miller@acme.example"
PHONES = "(302) 555-0121|(212) 555-0117|+1 585 555 0173|302-555-0188|(804) 555-0125|(415) 555-0111"
GERMAN_PHONES = "+49 30 5550121|030 5550122|+49 89 5550123|0171 5550124|+49 40 5550125|0221 5550126"
PEOPLE = "Ann Lee|Bob Stone|Carla Diaz|Dora Kuhn|Eva Maria Roth|Finn O'Neil"
FIRST, LAST = "Ann|Bob|Carla|Dora|Eva|Finn", "Lee|Stone|Diaz|Kuhn|Roth|O'Neil"
COMPANIES = "Acme Solar|Bolt Roofing, Inc.|Cord Diner LLC|Dune Supply|Elm Partners|Fir GmbH"
CITIES = "Albany|Raleigh|Syracuse|Wilmington|Lawrence|St. Paul"
STREETS = "Hillside Dr|Oak Ave|Lake Rd|Mill Rd|Cedar Ln|Church St"
GERMAN_STREETS = "Hauptstraße|Lindenstr.|Bahnhofstraße|Gartenstraße|Schillerstr.|Ringstraße"
LINES = "3601 Hillside Dr|2621 Oak Ave|1824 Lake Rd|7202 Mill Rd|855 Cedar Ln|12 Church St"
FULL_ADDRESSES = (
    "3601 Hillside Dr, Albany, NY 12207|2621 Oak Ave, Raleigh, NC 27601|1824 Lake Rd, Syracuse, NY 13202|12 Elm St, Troy, NY 12180"
)
HOUSES = "3601|2621|1824|7202|855|12"
ZIPS, STATES = "12207|27601|13202|19801|66044|55101", "NY|NC|NY|DE|KS|MN"
LATS, LNGS = "42.63895|35.78522|43.05|39.74684|38.96487|44.95434", "-73.78483|-78.65491|-76.14742|-75.52016|-95.21431|-93.12312"
CODES = "A-00001|A-00002|A-00003|A-00004|A-00005|A-00006"
CUSTOMER_CODES = "CA40001|CA40002|CA40003|CA40004|CA40005|CA40006"
FOREIGN_IDS = "0015e00001a|0015e00002b|0015e00003c|0015e00004d|0015e00005e|0015e00006f"
BIRTHDAYS = "1982-05-23|1974-03-18|1990-11-02|1968-07-30|2001-01-15|1985-09-09"
RECENT = "2026-10-01|2026-10-04|2026-10-09|2026-11-01|2026-11-02|2026-11-05"
MOMENTS = "2026-11-18T14:00:00|2026-11-15T10:30:00|2026-12-01T09:00:00|2026-12-02T16:15:00"
AMOUNTS = "12500.00|830.50|44000.00|2100.25|990.00|15750.75"
BIG_AMOUNTS = "5872000.03|5724000.02|910000.00|1200000.00|430000.50|88000.00"
TITLES = "Facilities Lead|Bookkeeper|Owner|Site Manager|Buyer|Head of Operations"
TEXTS = "Call after ten.|Wants a quote for both roofs.|Has a dog, ring first.|Spoke with the owner.|Prefers e-mail"
FLAGS, WORDY_FLAGS = "Y|N|N|Y|Y|N", "yes|no|no|yes|yes|no"
INDUSTRIES = "Roofing|Solar|HVAC|Retail|Office|Medical|Education"
MARKETS = "Residential|Commercial|Public|Residential"
STAGES, CONTACT_STAGES = "Prospect|Qualified|Proposal Sent|Customer|Lost", "New|Contacted|Customer|New|Lost"
SALE_STAGES, LEAD_STAGES = "Discovery|Proposal|Negotiation|Closed Won|Closed Lost", "New Lead|Not Home|Follow Up|Sold|Do Not Knock"
PRODUCTS = "Solar;Roof|HVAC|Gutters;Windows|Roof|Windows|Solar"
NUMBERS = "12|40|7|230|55|18"


@dataclass(frozen=True)
class Labelled:
    """One file: the account and object type it is for, and its columns."""

    name: str
    account: str
    object_type: str
    columns: tuple[Column, ...]


TUNED: tuple[Labelled, ...] = (
    Labelled(
        "salesforce accounts",
        "field_sales",
        "Account",
        (
            ("Account Name", "Name", COMPANIES),
            ("AccountNumber", "Customer ID", CUSTOMER_CODES),
            ("BillingStreet", "Address Line", LINES),
            ("BillingCity", "City", CITIES),
            ("BillingState", "State", STATES),
            ("BillingPostalCode", "Zip", ZIPS),
            ("BillingCountry", "Country", "US|US|US|US"),
            ("NumberOfEmployees", "Employees", NUMBERS),
            ("AnnualRevenue", "Annual Revenue", BIG_AMOUNTS),
            ("Owner.Email", "Owner Email", USERS),
            ("IsDeleted", None, "false|false|false|false"),
            ("SystemModstamp", None, MOMENTS),
            ("Legacy_Id__c", "ExternalDataObjectId", CODES),
            ("Customer_Since__c", "Customer Since", RECENT),
            ("Website", None, "https://acme.example|www.bolt.example|https://cord.example"),
        ),
    ),
    Labelled(
        "hubspot companies",
        "field_sales",
        "Account",
        (
            ("Company name", "Name", COMPANIES),
            ("Phone Number", "Phone", PHONES),
            ("Company owner", "Owner Email", USERS),
            ("Postal Code", "Zip", ZIPS),
            ("State/Region", "State", STATES),
            ("Number of Employees", "Employees", NUMBERS),
            ("Lifecycle Stage", None, "subscriber|lead|marketingqualifiedlead|opportunity"),
            ("Record ID - Company", None, "88120334411|88120334412|88120334413|88120334414"),
            ("Facebook Company Page", None, "https://fb.example/acme|https://fb.example/bolt"),
            ("LinkedIn Bio", None, TEXTS),
            ("Industry Sector", "Industry", INDUSTRIES),
            ("Next Activity Date", None, RECENT),
        ),
    ),
    Labelled(
        "snake case accounts",
        "field_sales",
        "Account",
        (
            ("cust_no", "Customer ID", CUSTOMER_CODES),
            ("acct_nm", "Name", COMPANIES),
            ("tel_no", "Phone", PHONES),
            ("email_addr", "Email", MAILBOXES),
            ("house_nr", "House Number", HOUSES),
            ("zip_cd", "Zip", ZIPS),
            ("geo_lat", "Lat", LATS),
            ("geo_lon", "Lng", LNGS),
            ("annual_rev", "Annual Revenue", BIG_AMOUNTS),
            ("emp_count", "Employees", NUMBERS),
            ("created_ts", None, MOMENTS),
            ("row_hash", None, "9f86d081884c7d65|60303ae22b998861|fd61a03af4f77d87|a4e624d686e03ed2"),
            ("sales_rep_email", "Owner Email", USERS),
            ("acct_status", "Stage", STAGES),
        ),
    ),
    Labelled(
        "german accounts",
        "field_sales",
        "Account",
        (
            ("Firma", "Name", "Acme Dach GmbH|Bolt AG|Cord OHG|Dune KG|Elm Bau GmbH"),
            ("Kundennummer", "Customer ID", CUSTOMER_CODES),
            ("Telefonnummer", "Phone", GERMAN_PHONES),
            ("E-Mail-Adresse", "Email", MAILBOXES),
            ("Straße", "Street", GERMAN_STREETS),
            ("Hausnr.", "House Number", "12|7a|103|5|18|22"),
            ("PLZ", "Zip", "10115|80331|20095|50667|70173"),
            ("Ort", "City", "Berlin|München|Hamburg|Köln|Stuttgart"),
            ("Land", "Country", "DE|DE|AT|CH"),
            ("Branche", "Industry", INDUSTRIES),
            ("Mitarbeiterzahl", "Employees", NUMBERS),
            ("Jahresumsatz", "Annual Revenue", BIG_AMOUNTS),
            ("Kunde seit", "Customer Since", RECENT),
            ("Bemerkungen", "Notes", TEXTS),
            ("Steuernummer", None, "12/345/67890|21/815/08150|13/111/22222"),
            ("Rechnungsanschrift", "Billing Address", "Hauptstraße 12, 10115 Berlin|Ringstraße 5, 80331 München"),
        ),
    ),
    Labelled(
        "camel case contacts",
        "field_sales",
        "Contact",
        (
            ("contactName", "Name", PEOPLE),
            ("emailAddress", "Email", EMAILS),
            ("phoneNumber", "Phone", PHONES),
            ("dateOfBirth", "Birthday", BIRTHDAYS),
            ("isDecisionMaker", "Decision Maker", FLAGS),
            ("contactStatus", "Stage", CONTACT_STAGES),
            ("ownerEmail", "Owner Email", USERS),
            ("postalCode", "Zip", ZIPS),
            ("parentAccountId", "RelatedTo", CODES),
            ("companyName", None, COMPANIES),
            ("lastLoginAt", None, MOMENTS),
            ("newsletterOptIn", None, FLAGS),
            ("jobRole", "Job Title", TITLES),
        ),
    ),
    Labelled(
        "salesforce contacts",
        "field_sales",
        "Contact",
        (
            ("Account ID", "RelatedTo", FOREIGN_IDS),
            ("Birthdate", "Birthday", BIRTHDAYS),
            ("MailingCity", "City", CITIES),
            ("MailingPostalCode", "Zip", ZIPS),
            ("Title", "Job Title", TITLES),
            ("HasOptedOutOfEmail", None, "0|0|1|0|0|1"),
            ("Department", None, "Sales|Finance|Operations|Sales"),
            ("Contact Owner: Email", "Owner Email", USERS),
            ("LastActivityDate", None, RECENT),
            ("Salutation", None, "Ms.|Mr.|Dr.|Mr."),
            ("Preferred_Contact_Method__c", "Preferred Channel", "Call|Text|Mail|Visit|Call"),
        ),
    ),
    Labelled(
        "nameless contacts",
        "field_sales",
        "Contact",
        (
            ("Column 1", "Email", EMAILS),
            ("Column 2", "Owner Email", USERS),
            ("Column 3", "Stage", CONTACT_STAGES),
            ("Column 4", None, NUMBERS),
            ("Column 5", "Preferred Channel", "Call|Text|Mail|Visit|Call"),
            ("Column 6", "Phone", PHONES),
            ("Column 7", None, TEXTS),
            ("Column 8", "Interests", PRODUCTS),
            ("Column 9", None, "blue|red|green|blue|red"),
        ),
    ),
    Labelled(
        "spanish contacts",
        "field_sales",
        "Contact",
        (
            ("Nombre completo", "Name", PEOPLE),
            ("Correo electrónico", "Email", EMAILS),
            ("Teléfono", "Phone", PHONES),
            ("Fecha de nacimiento", "Birthday", BIRTHDAYS),
            ("Ciudad", "City", "Madrid|Sevilla|Bilbao|Valencia"),
            ("Código postal", "Zip", "28001|41001|48001|46001"),
            ("País", "Country", "ES|ES|MX|ES"),
            ("Cargo", "Job Title", "Gerente|Compras|Director|Gerente"),
            ("Empresa", None, COMPANIES),
            ("NIF", None, "12345678Z|87654321X|11223344B"),
        ),
    ),
    Labelled(
        "pipeline deals",
        "field_sales",
        "Opportunity",
        (
            ("Deal - Title", "Name", "Roof for Acme|Solar for Bolt|Windows for Cord|HVAC for Dune"),
            ("Deal - Value", "Amount", AMOUNTS),
            ("Deal - Stage", "Stage", SALE_STAGES),
            ("Deal - Expected close date", "Close Date", RECENT),
            ("Deal - Probability", "Probability", "10|25|50|75|90|100"),
            ("Deal - Lost reason", "Loss Reason", "Price|Competitor|No Budget|Price"),
            ("Deal - Owner", "Owner Email", USERS),
            ("Deal - Weighted value", None, "1250.00|207.60|22000.00|1575.10"),
            ("Deal - Currency", None, "USD|USD|EUR|USD"),
            ("Deal - Organization", None, COMPANIES),
        ),
    ),
    Labelled(
        "short opportunities",
        "field_sales",
        "Opportunity",
        (
            ("opp_nm", "Name", "Roof for Acme|Solar for Bolt|Windows for Cord|HVAC for Dune"),
            ("opp_amt", "Amount", AMOUNTS),
            ("stg", "Stage", SALE_STAGES),
            ("close_dt", "Close Date", RECENT),
            ("prob_pct", "Probability", "10|25|50|75|90|100"),
            ("lead_src", "Lead Source", "Door|Phone|Web|Referral|Event"),
            ("acct_id", "RelatedTo", CODES),
            ("qty", None, NUMBERS),
            ("upd_dt", None, RECENT),
            ("next_steps", "Next Step", TEXTS),
        ),
    ),
    Labelled(
        "canvass leads",
        "door_to_door",
        "Lead",
        (
            ("fname", "First Name", FIRST),
            ("lname", "Last Name", LAST),
            ("Mobile", "Phone", PHONES),
            ("e-mail addr.", "Email", EMAILS),
            ("owns_home", "Homeowner", WORDY_FLAGS),
            ("roof_age_yrs", "Roof Age", NUMBERS),
            ("electric_bill", "Monthly Bill", "142.50|88.00|230.10|199.99"),
            ("appt_time", "Appointment", MOMENTS),
            ("best_time_to_call", "Best Time", "Morning|Afternoon|Evening|Weekend"),
            ("lead_status", "Stage", LEAD_STAGES),
            ("canvasser_email", "Owner Email", LEAD_USERS),
            ("street_address", "Address Line", LINES),
            ("town", "City", CITIES),
            ("utm_campaign", None, "spring|spring|fall|fall"),
            ("ip_address", None, "10.0.0.4|10.0.0.9|10.0.1.7"),
            ("comments", "Notes", TEXTS),
        ),
    ),
    Labelled(
        "german leads",
        "door_to_door",
        "Lead",
        (
            ("Vorname", "First Name", FIRST),
            ("Nachname", "Last Name", LAST),
            ("Handy", "Phone", GERMAN_PHONES),
            ("Mailadresse", "Email", EMAILS),
            ("Postleitzahl", "Zip", "10115|80331|20095|50667|70173"),
            ("Wohnort", "City", "Berlin|München|Hamburg|Köln|Stuttgart"),
            ("Eigentümer", "Homeowner", FLAGS),
            ("Termin", "Appointment", MOMENTS),
            ("Notiz", "Notes", TEXTS),
            ("Geburtsdatum", None, BIRTHDAYS),
            ("Anrede", None, "Frau|Herr|Frau|Herr"),
        ),
    ),
)
