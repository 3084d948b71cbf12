"""The ledger's tables of the web desk.

Belongs here: tables that only the desk's pages fill. Does not belong here: all others (schema.py), statements (sessions.py, formats.py,
drafts.py, mends.py).
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from import_pipeline.ledger.columns import Moment, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("account", String(63), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_sessions_user", "user"),
    Index("ix_sessions_expires", "expires_at"),
)
"""Who is signed in on the desk. `id` is the SHA-256 of the cookie's value, which holds 256 random bits."""

formats = Table(
    "formats",
    metadata,
    Column("account", String(63), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("object_type", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""Formats that were made on the desk, beside those of the account's YAML. `body` is a Format (model/format.py); one that is not `listed`
belongs to a single import, which names it."""

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("user", String(64), nullable=False),
    Column("object_type", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("version", Integer, nullable=False),
    Column("upload", String(16)),
    Column("body", JSON, nullable=False),
    Column("plan", String(40)),
    Column("delivery", String(40)),
    Column("copy_of", String(16)),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("started_at", Moment),
    Index("ix_drafts_account", "account", "state"),
    Index("ix_drafts_delivery", "delivery"),
    Index("ix_drafts_plan", "plan"),
)
"""Imports of the desk, from their first step on: open, then started. `upload` is the file (http_uploads), `body` what was chosen so far,
`plan` the delivery of the latest plan, `delivery` the one that imports. `version` grows with every change: two windows notice each
other by it."""

mends = Table(
    "mends",
    metadata,
    Column("job", String(8), primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("account", String(63), nullable=False),
    Column("cells", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("user", String(64), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("delivery", String(40)),
)
"""Refused rows as people mended them on the desk: the changed cells of a line, by the place of the header cell. `delivery` is set when
they were sent again. `version` grows with every change: two people notice each other by it."""
