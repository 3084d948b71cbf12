"""Words of Engaging Networks that accounts are described with: transaction types, participations, the layout of the transaction export.

Belongs here: the documents' lists (systems.md 1.3). Does not belong here: reading or writing files, the interface over HTTP
(gateway/http/engaging_networks/).
"""

from pydantic import Field, field_validator

from import_pipeline.failures import known_values
from import_pipeline.model.base import Model

IMPORT_TRANSACTIONS = "importTransactions"
"""The fixed format name of transactional imports; formats named `importTransactions …` are its other layouts."""
SUPPORTER, TRANSACTION, SEGMENTS = "Supporter", "Transaction", "Segments"
"""The object types, and the field of a supporter that holds the segments it is a member of."""
TYPE_CODES: dict[str, str] = {
    "ETT": "e-mail to target",
    "TWT": "tweet to target",
    "CTT": "click to call",
    "DCF": "data capture form",
    "EMS": "e-mail subscribe",
    "PET": "petition",
    "SVY": "survey",
    "ECF": "e-card",
    "UNS": "subscription management",
    "EBC": "broadcast e-mail",
    "MBC": "marketing automation e-mail",
    "QCB": "opt-in or checkbox question",
    "QCS": "question with confirmation",
    "QMR": "multiple response",
    "FCS": "card donation, single",
    "FCR": "card donation, recurring",
    "FUR": "unmanaged recurring",
}
OPT_IN_CODES = ("QCB", "QCS")
"""Answers to questions: imported ones are not in the bulk export (acceptance E-11)."""
DATA_COLUMNS = tuple(f"Campaign Data {n}" for n in range(1, 36))
REFERENCE_COLUMNS = tuple(f"External Reference {n}" for n in range(1, 11))
HEAD_COLUMNS = (
    "Account ID",
    "Supporter ID",
    "Supporter Email",
    "Date Created",
    "Date Modified",
    "Campaign Number",
    "Campaign Type",
    "Campaign ID",
    "Campaign Date",
    "Campaign Time",
    "Campaign Status",
)
RECORD_COLUMNS = (
    "Email Address",
    "Title",
    "First Name",
    "Middle Name",
    "Last Name",
    "Address 1",
    "Address 2",
    "Address 3",
    "City",
    "Region",
    "Postcode",
    "Country",
    "Phone Number",
)
LAYOUT = (*HEAD_COLUMNS, *DATA_COLUMNS, *REFERENCE_COLUMNS, *RECORD_COLUMNS)
"""The transaction export's columns in order."""
DUMMY_DOMAIN = "dummy.invalid"
"""Where made-up addresses lie: a domain that can never receive mail (RFC 2606)."""


class Participation(Model):
    """A field of a supporter whose value P is the participation in a campaign, and makes one transaction (acceptance E-7).

    `campaign` is the campaign's number, `type` the code of its transactions. Campaigns that are not `live` take no participations.
    """

    campaign: str = Field(pattern=r"[0-9]{1,18}")
    type: str
    live: bool = True

    @field_validator("type")
    @classmethod
    def _type_is_known(cls, value: str) -> str:
        if value not in TYPE_CODES:
            raise ValueError(f"{value!r} is not a transaction type; {known_values(value, TYPE_CODES)}")
        return value
