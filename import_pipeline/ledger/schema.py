"""The ledger's tables, in plain SQL types that SQLite and PostgreSQL share.

Belongs here: a table, a column, an index; each change comes with a migration in migrations/versions and a new HEAD (columns.py).
Does not belong here: tables of the desk (desk_schema.py), statements (files.py, deliveries.py, jobs.py, content.py, parked.py, outbox.py,
meta.py, users.py, tokens.py, idempotency.py, uploads.py, bulk_jobs.py, http_jobs.py, figures.py).
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint, text

from import_pipeline.ledger import desk_schema
from import_pipeline.ledger.columns import HEAD, Moment, metadata

__all__ = ["HEAD", "Moment", "desk_schema", "metadata"]
_Sequence = BigInteger().with_variant(Integer, "sqlite")
_LIVE = text("state NOT IN ('gone', 'changed') AND projected_at IS NULL")

files = Table(
    "files",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("account", String(63), nullable=False),
    Column("door", String(20), nullable=False),
    Column("path", Text),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text),
    Column("size", BigInteger, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("first_look", Float),
    Column("cut_suspect", Boolean, nullable=False),
    Column("arrived_at", Moment, nullable=False),
    Column("state", String(10), nullable=False),
    Column("owner", String(100)),
    Column("lease", Moment),
    Column("sha256", String(64)),
    Column("object_type", Text),
    Column("format", Text),
    Column("delivery", String(40)),
    Column("outcome", String(10)),
    Column("note", Text),
    Column("told_at", Moment),
    Column("project_to", Text),
    Column("projected", Text),
    Column("projected_at", Moment),
    Column("project_tries", Integer, nullable=False),
    Column("project_next", Moment),
    Index("ix_files_state", "account", "state"),
    Index("ix_files_delivery", "delivery"),
    Index("ix_files_sha256", "sha256"),
    Index("ix_files_name", "name"),
    Index("ux_files_live", "account", "path", "fingerprint", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    sqlite_autoincrement=True,
)
"""Arrivals. `path` is relative to the account's tree, percent-encoded (landing/names.py); empty for a file that was submitted.
`first_look` is monotonic seconds. One arrival is unique by path and fingerprint only while it lives: a later file of the same
name, size and preserved mtime is another arrival (reference/intake.md section 4)."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("account", String(63), nullable=False),
    Column("door", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("requested_at", Moment),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("reason", Text),
    Column("types", JSON, nullable=False),
    Column("files", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Index("ix_deliveries_state", "account", "state"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("delivery", String(40), nullable=False),
    Column("account", String(63), nullable=False),
    Column("file_id", String(16), nullable=False),
    Column("object_type", Text, nullable=False),
    Column("format", Text),
    Column("name", Text, nullable=False),
    Column("archive", Text),
    Column("member", Text),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("fault", JSON(none_as_null=True)),
    Column("notices", JSON, nullable=False),
    Column("reason", Text),
    Column("rows", BigInteger, nullable=False),
    Column("good", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False),
    Column("parked", BigInteger, nullable=False),
    Column("parked_open", BigInteger, nullable=False),
    Column("packages_done", Integer, nullable=False),
    Column("packages_total", Integer, nullable=False),
    Column("receipt", Text),
    Column("errors_file", Text),
    Column("failed_file", Text),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("undo_of", String(8)),
    Column("undone_by", String(8)),
    Column("held_until", Moment),
    Column("plan_file", Text),
    Column("resolved", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("delivery", "number", name="ux_jobs_delivery_number"),
    Index("ix_jobs_account", "account", "created_at"),
    Index("ix_jobs_file", "file_id"),
    Index("ix_jobs_sha256", "sha256"),
    Index("ix_jobs_state", "state"),
)
"""`undo_of` is the job that an undo takes back, `undone_by` the undo in force of this one. `held_until` is when a job that waits for
approval is decided by itself. `plan_file` is the page of a plan. `resolved` counts refused rows that came in since."""

parked = Table(
    "parked",
    metadata,
    Column("account", String(63), primary_key=True),
    Column("object_type", String(200), primary_key=True),
    Column("open_rows", BigInteger, nullable=False),
)
"""How many rows of a type wait for their parent: their type's assets take part in the parent's next delivery."""

content = Table(
    "content",
    metadata,
    Column("account", String(63), primary_key=True),
    Column("object_type", String(200), primary_key=True),
    Column("format", String(200), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("job", String(8), nullable=False),
    Column("at", Moment, nullable=False),
)
"""Which bytes were imported with success, as what. `format` is '' when no saved format was used."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_try", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("error", Text),
    Index("ix_outbox_due", "state", "next_try"),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("password", Text),
    Column("keys", JSON, nullable=False),
    Column("role", String(10), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Index("ix_users_account", "account"),
)
"""Who may log in through SFTP and on the desk. A name is unique over the instance; `password` is an argon2id hash, `keys` are public
keys."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Index("ix_tokens_account", "account"),
)
"""Keys of programs that call the HTTP doors. `secret` is the SHA-256 of the whole key, which holds 256 random bits."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("account", String(63), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_idempotency_created", "created_at"),
)
"""Answers to requests that carried an Idempotency-Key. `key` and `request` are SHA-256 digests."""

http_uploads = Table(
    "http_uploads",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("door", String(20), nullable=False),
    Column("ref", String(400), nullable=False),
    Column("job", String(40)),
    Column("part", Integer),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("token", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("delivery", String(40)),
    Column("file_id", String(16)),
    UniqueConstraint("account", "door", "ref", name="ux_http_uploads_ref"),
    Index("ix_http_uploads_job", "account", "job"),
    Index("ix_http_uploads_sha256", "sha256"),
    Index("ix_http_uploads_expires", "expires_at"),
)
"""Uploaded files. `ref` is what the door's answers call a file; `job` and `part` say which bulk job holds it; `delivery` and `file_id`
are set when it was submitted. What was never submitted goes at `expires_at`."""

bulk_jobs = Table(
    "bulk_jobs",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("door", String(20), nullable=False),
    Column("operation", String(20), nullable=False),
    Column("object_type", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("delivery", String(40)),
    Column("token", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("cleaned_at", Moment),
    Column("results_kept", Boolean, nullable=False),
    Index("ix_bulk_jobs_account", "account", "state"),
    Index("ix_bulk_jobs_delivery", "delivery"),
)
"""Jobs that are made first, get their data files, and are started then: open → started, or cleaned from either. What people see of a
started one follows from its delivery."""

http_jobs = Table(
    "http_jobs",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account", String(63), nullable=False),
    Column("door", String(20), nullable=False),
    Column("type", String(60), nullable=False),
    Column("name", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("output_format", String(10), nullable=False),
    Column("mailto", Text),
    Column("file_ref", String(400), nullable=False),
    Column("params", JSON(none_as_null=True)),
    Column("format", String(200), nullable=False),
    Column("token", String(16), nullable=False),
    Column("delivery", String(40), nullable=False),
    Column("status", String(10), nullable=False),
    Column("reason", Text),
    Column("records", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("expires_at", Moment),
    Index("ix_http_jobs_account", "account", "created_at"),
    Index("ix_http_jobs_status", "status"),
    Index("ix_http_jobs_ref", "account", "file_ref"),
    Index("ix_http_jobs_expires", "expires_at"),
)
"""Jobs of one uploaded file each, asked for by its reference: PENDING, then COMPLETED or ABORTED with their figures."""
