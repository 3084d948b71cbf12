"""Business words: spellings, abbreviations and translations that mean the same in a header.

Belongs here: a new word of headers in English, German, Spanish or French. Does not belong here: comparing names (names.py), the
synonyms that an object type states (its YAML).
"""

CONCEPTS: dict[str, str] = {
    "email": "email, e mail, mail, email address, e mail address, mail address, email adresse, e mail adresse, mailadresse, email "
    "id, correo, correo electronico, email direccion, courriel, adresse email, adresse e mail, adresse electronique, "
    "direccion de correo, elektronische post",
    "phone": "phone, tel, telephone, telefon, telefono, fon, fone, ph, phone number, phone no, tel no, tel nr, telephone number, "
    "telefonnummer, telefon nr, telefon nummer, rufnummer, numero de telephone, numero de telefono, contact number, contact "
    "no, phone nr, phone num",
    "mobile": "mobile, cell, cellphone, cell phone, cellular, mobile phone, handy, mobil, movil, telefono movil, portable, telephone "
    "portable, gsm, mobile number, mobiltelefon, handynummer, celular, telefono celular, mobile no, handy nr, sms, whatsapp",
    "fax": "fax, telefax, fax number, faxnummer",
    "zip": "zip, zipcode, zip code, postcode, post code, postal code, postalcode, plz, postleitzahl, code postal, codigo postal, "
    "pin code, pincode, zip postal code, zip postcode, zip postal, postal zip, zip cd, post cd, postal, postal cd",
    "city": "city, town, ort, stadt, ciudad, ville, locality, municipality, wohnort, localidad, poblacion, suburb, city name, cty",
    "state": "state, province, bundesland, region, state province, provincia, state region, state code, state prov",
    "country": "country, land, pais, pays, nation, country region, country name, country code, ctry",
    "street": "street, strasse, str, calle, rue, street name, road, strassenname",
    "address": "address, addr, adresse, anschrift, direccion, street address, address line, address line 1, address 1, addr 1, adresse "
    "1, domicilio, street number and name, full address, addr line 1, strasse hausnummer, strasse und hausnummer, street "
    "and number, strasse nr",
    "housenumber": "house number, house no, house num, hausnummer, hausnr, haus nr, hnr, house nr, street number, street no, numero de "
    "casa, building number",
    "lat": "lat, latitude, breitengrad, geo lat, latitud",
    "lng": "lng, lon, longitude, laengengrad, langengrad, geo lng, geo lon, longitud",
    "name": "name, nm, nombre, nom, bezeichnung, deal title, opp title, opportunity title, subject, topic",
    "firstname": "first name, fname, forename, given name, vorname, prenom, nombre de pila, first nm, name first",
    "lastname": "last name, lname, surname, family name, nachname, familienname, apellido, apellidos, nom de famille, last nm, name last",
    "fullname": "full name, display name, person name, nombre completo, nom complet, vollstandiger name, vor und nachname",
    "company": "company, firma, firm, organisation, organization, org, business, empresa, societe, unternehmen, entreprise, employer, "
    "corporation, corp, company name, business name, organization name, organisation name, firmenname, razon social, raison "
    "sociale, nombre de la empresa, legal name, trading name, customer name, client name, cust name, kundenname, nom du "
    "client, nombre del cliente",
    "owner": "owner, rep, sales rep, sales representative, salesperson, sales person, account manager, assigned to, assignee, "
    "responsible, betreuer, verantwortlich, verantwortlicher, zustandig, propietario, vendedor, proprietaire, salesrep, "
    "record owner, verkaufer, vertreter, canvasser, knocker, sls rep, salesman, sales man, aussendienst",
    "stage": "stage, status, phase, etappe, sales stage, pipeline stage, deal stage, statut, etapa, verkaufsphase, sales phase, "
    "stat, lifecycle, lifecycle stage",
    "lossreason": "loss reason, lost reason, reason lost, closed lost reason, verlustgrund, absagegrund, motivo de perdida, reason for "
    "loss, loss cause, why lost",
    "birthday": "birthday, birthdate, birth date, date of birth, dob, bday, geburtstag, geburtsdatum, geb datum, fecha de nacimiento, "
    "date de naissance, fecha nacimiento, born, birth dt, geb, born on, date birth",
    "jobtitle": "job title, title, position, role, beruf, funktion, puesto, cargo, poste, occupation, designation, stellenbezeichnung, "
    "job, job role, position title",
    "amount": "amount, amt, value, betrag, importe, montant, deal value, deal amount, wert, deal size, monto, opp amt, contract "
    "value, deal amt, auftragswert, est revenue, expected revenue, estimated revenue, estimated value, est value, expected "
    "amount",
    "revenue": "revenue, turnover, umsatz, ingresos, chiffre d affaires, rev, sales volume, sales amt, sales amount, sales revenue",
    "employees": "employees, headcount, staff, mitarbeiter, number of employees, empleados, company size, employee count, anzahl "
    "mitarbeiter, mitarbeiterzahl, numero de empleados, effectif, emp count, staff count, num employees, no of employees, "
    "nombre de salaries, employee number total, size of staff, employee cnt, emp cnt, staff cnt, anz mitarbeiter",
    "industry": "industry, branche, sector, sektor, industria, secteur, vertical, line of business, industry sector",
    "website": "website, web, url, homepage, site, webseite, web site, sitio web, web address, domain",
    "notes": "notes, note, comments, comment, remarks, remark, bemerkung, bemerkungen, notiz, notizen, notas, kommentar, kommentare, "
    "observaciones, remarques, commentaires, memo, anmerkung, anmerkungen, comentarios, free text, message, nachricht, "
    "mensaje, anything else",
    "closedate": "close date, closing date, expected close, expected close date, close dt, abschlussdatum, fecha de cierre, date de "
    "cloture, est close date, estimated close date, expected closing, closing, exp close, estimated close, close on, "
    "anticipated close date, abschluss, est close, exp close date, expected closing date, target close, target close date",
    "probability": "probability, prob, wahrscheinlichkeit, win probability, chance, probabilidad, likelihood, probability percent, "
    "probabilite, win chance, win rate, probability pct, prob pct",
    "leadsource": "lead source, source, origin, quelle, herkunft, leadquelle, fuente, origen, lead origin, original source, lead src",
    "quantity": "quantity, qty, menge, anzahl, cantidad, quantite",
    "product": "product, products, produkt, produkte, artikel, productos, producto, produits, line items",
    "interest": "interest, interests, interessen, interesse, intereses, interested in, interests list",
    "service": "service, services, leistungen, leistung, dienstleistungen, dienstleistung, servicios, prestations",
    "number": "number, no, nr, num, nummer, numero",
    "id": "id, identifier, kennung, uid, guid",
    "external": "external, ext, extern, externe, foreign, legacy",
    "customer": "customer, client, kunde, kunden, cliente, cust, kd",
    "account": "account, acct, acc, konto",
    "opportunity": "opportunity, opp, oppty, deal, oportunidad, opportunite",
    "customersince": "customer since, client since, kunde seit, cliente desde, client depuis, cust since, date of first order, first order "
    "date",
    "date": "date, datum, fecha, dt",
    "time": "time, zeit, hora, heure, uhrzeit",
    "annual": "annual, yearly, per year, jahres, jahrlich, anual, annuel, annuals, yr, p a",
    "monthly": "monthly, per month, monatlich, monats, mensual, mensuel, mo",
    "bill": "bill, rechnung, utility bill, electric bill, power bill, factura, facture, stromrechnung, energy bill",
    "bestTime": "best time, best time to call, best time to contact, preferred time, best contact time, contact time, beste zeit, time "
    "to call, preferred time of day, time of day, when to call",
    "appointment": "appointment, appt, termin, cita, rendez vous, appointment date, appt date, appointment time, appt time, appointment "
    "date time, appt dt, booked for",
    "homeowner": "homeowner, owns home, home owner, owns house, hausbesitzer, eigentumer, property owner, is homeowner, house owner, "
    "home ownership, owner occupied, own home, own your home, do you own your home",
    "roof": "roof, dach, techo, toit",
    "age": "age, alter, edad, age years, age in years, years old",
    "roofage": "roof age, age of roof, dachalter, roof years, roof yrs, age roof",
    "decisionmaker": "decision maker, entscheider, decisor, is decision maker, decideur, signs contracts, decision mkr, dm flag, dm, is dm",
    "channel": "channel, contact method, communication channel, preferred contact, preferred contact method, kanal, kontaktweg, canal, "
    "contact preference, contact via, bevorzugter kanal, bevorzugter kontaktweg, preferred channel, pref channel, contact "
    "by, contact me by, how to contact",
    "partner": "partner, partnerprogramm",
    "market": "market, segment, markt, mercado, marche, customer segment, market segment",
    "nextstep": "next step, next steps, next action, nachster schritt, proximo paso, follow up action, prochaine etape, siguiente paso, "
    "action item, action items, to do",
    "nextvisit": "next visit, next appointment, next meeting, nachster besuch, proxima visita, next visit date, next visit at, next "
    "visit date time, prochaine visite, next call on site",
    "billingaddress": "billing address, invoice address, rechnungsadresse, rechnungsanschrift, bill to address, bill to, direccion de "
    "facturacion, adresse de facturation, invoice to",
    "unit": "unit, suite, apt, apartment, floor, wohnung, etage, unit number, suite number, apt number, suite no, address line 2, "
    "address 2, addr 2, adresszusatz, apt unit",
    "late": "late, overdue, past due, uberfallig",
    "receivable": "a r, ar, receivable, receivables, accounts receivable",
    "preferred": "preferred, pref, bevorzugt, preferido",
}
"""A word of its own for each meaning, and how headers write it: folded words, accents taken away, several words parted by blanks."""

RELATED: dict[frozenset[str], float] = {
    frozenset(("mobile", "phone")): 0.8,
    frozenset(("fullname", "name")): 0.95,
    frozenset(("company", "name")): 0.35,
    frozenset(("street", "address")): 0.75,
    frozenset(("number", "id")): 0.9,
    frozenset(("customer", "account")): 0.6,
    frozenset(("annual", "monthly")): 0.0,
    frozenset(("amount", "revenue")): 0.3,
    frozenset(("firstname", "name")): 0.25,
    frozenset(("lastname", "name")): 0.25,
    frozenset(("billingaddress", "address")): 0.5,
    frozenset(("appointment", "nextvisit")): 0.8,
    frozenset(("interest", "product")): 0.5,
    frozenset(("interest", "service")): 0.4,
    frozenset(("service", "product")): 0.4,
    frozenset(("unit", "address")): 0.3,
}
"""How near two meanings are where it is neither 0 nor 1."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LIGHT = _words(
    "field custom the of a an in on at for to and or is has de la le les el los du des der die das den und y et main primary "
    "haupt default current crm c pk value text info data details record entry listed 1 one my our your principal percent pct "
    "years yrs required optional cnt desc description cd flag average avg mean total me you how which do what please deg"
)
"""Words that hardly change what a name means."""
QUALIFIERS = _words(
    "business work home office personal private direct other alternate secondary second alt 2 3 4 two three contact person "
    "prospect lead account company customer user member geschaftlich privat buro sales monthly annual"
)
"""Words that say which one of several: they count half."""
WHERE_TO = _words("billing shipping mailing geo gps location map")
"""Words before the parts of an address. Most types have one address, so they count little."""
HEADS = _words("number id date time name type code")
"""Words that many names end with: they tell less than others."""
TELLING_NOTHING = _words(
    "column col field spalte feld unnamed unknown var variable attr attribute value data text info misc other sonstiges x y z "
    "c f champ colonne columna campo header item untitled custom general"
)
"""A header of these and numbers says nothing about its column."""


def phrases() -> dict[tuple[str, ...], str]:
    """Each spelling as its words, with the meaning it has."""
    return {tuple(text.split()): concept.lower() for concept, texts in CONCEPTS.items() for text in texts.split(", ")}
