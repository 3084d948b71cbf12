"""The first shape of the ledger: files, deliveries, jobs, parked, content, outbox, meta.

Belongs here: what revision 0001 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVE = sa.text("state NOT IN ('gone', 'changed') AND projected_at IS NULL")


def upgrade() -> None:
    """Makes all tables."""
    _files()
    _deliveries()
    _jobs()
    _parked()
    _content()
    _outbox()
    _meta()


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(16), nullable=False, unique=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("first_look", sa.Float()),
        sa.Column("cut_suspect", sa.Boolean(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("owner", sa.String(100)),
        sa.Column("lease", sa.DateTime(timezone=True)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("object_type", sa.Text()),
        sa.Column("format", sa.Text()),
        sa.Column("delivery", sa.String(40)),
        sa.Column("outcome", sa.String(10)),
        sa.Column("note", sa.Text()),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("project_to", sa.Text()),
        sa.Column("projected", sa.Text()),
        sa.Column("projected_at", sa.DateTime(timezone=True)),
        sa.Column("project_tries", sa.Integer(), nullable=False),
        sa.Column("project_next", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_files_delivery", "files", ["delivery"])
    op.create_index("ix_files_name", "files", ["name"])
    op.create_index("ix_files_sha256", "files", ["sha256"])
    op.create_index("ix_files_state", "files", ["account", "state"])
    op.create_index("ux_files_live", "files", ["account", "path", "fingerprint"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(40), nullable=False, unique=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_state", "deliveries", ["account", "state"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(8), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.String(40), nullable=False),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("file_id", sa.String(16), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("format", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("archive", sa.Text()),
        sa.Column("member", sa.Text()),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.JSON()),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("good", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("parked", sa.BigInteger(), nullable=False),
        sa.Column("parked_open", sa.BigInteger(), nullable=False),
        sa.Column("packages_done", sa.Integer(), nullable=False),
        sa.Column("packages_total", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.Text()),
        sa.Column("errors_file", sa.Text()),
        sa.Column("failed_file", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("delivery", "number", name="ux_jobs_delivery_number"),
    )
    op.create_index("ix_jobs_account", "jobs", ["account", "created_at"])
    op.create_index("ix_jobs_file", "jobs", ["file_id"])
    op.create_index("ix_jobs_sha256", "jobs", ["sha256"])


def _parked() -> None:
    op.create_table(
        "parked",
        sa.Column("account", sa.String(63), primary_key=True),
        sa.Column("object_type", sa.String(200), primary_key=True),
        sa.Column("open_rows", sa.BigInteger(), nullable=False),
    )


def _content() -> None:
    op.create_table(
        "content",
        sa.Column("account", sa.String(63), primary_key=True),
        sa.Column("object_type", sa.String(200), primary_key=True),
        sa.Column("format", sa.String(200), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("job", sa.String(8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_try"])


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drops all tables."""
    for table in ("meta", "outbox", "content", "parked", "jobs", "deliveries", "files"):
        op.drop_table(table)
