"""Letters by e-mail: whom an account tells what became of its jobs.

Belongs here: what defs.yaml may state about it. Does not belong here: the mail server (settings.py), writing and sending letters
(reporting/letters.py, gateway/http/mailing.py).
"""

import re

from pydantic import Field, field_validator

from import_pipeline.model.base import Model
from import_pipeline.model.http_door import EVENTS, Event

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")


def is_address(text: str) -> bool:
    """Whether letters can be sent to it."""
    return _ADDRESS.fullmatch(text) is not None


class Mail(Model):
    """People who are told by e-mail: one letter for each answer of a job, to all of them."""

    to: tuple[str, ...] = Field(min_length=1)
    events: tuple[Event, ...] = EVENTS

    @field_validator("to")
    @classmethod
    def _addresses_are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an e-mail address such as 'ann@example.com'")
        return value
