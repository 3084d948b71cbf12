"""What the HTTP doors need: keys of programs, answers kept for repeated requests, uploads, bulk jobs.

Belongs here: what revision 0004 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables; no program may call yet."""
    _tokens()
    _idempotency()
    _uploads()
    _bulk_jobs()


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_tokens_account", "tokens", ["account"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("account", sa.String(63), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_idempotency_created", "idempotency", ["created_at"])


def _uploads() -> None:
    op.create_table(
        "http_uploads",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("ref", sa.String(400), nullable=False),
        sa.Column("job", sa.String(40)),
        sa.Column("part", sa.Integer()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery", sa.String(40)),
        sa.Column("file_id", sa.String(16)),
        sa.UniqueConstraint("account", "door", "ref", name="ux_http_uploads_ref"),
    )
    op.create_index("ix_http_uploads_job", "http_uploads", ["account", "job"])
    op.create_index("ix_http_uploads_sha256", "http_uploads", ["sha256"])
    op.create_index("ix_http_uploads_expires", "http_uploads", ["expires_at"])


def _bulk_jobs() -> None:
    op.create_table(
        "bulk_jobs",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("delivery", sa.String(40)),
        sa.Column("token", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("cleaned_at", sa.DateTime(timezone=True)),
        sa.Column("results_kept", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_bulk_jobs_account", "bulk_jobs", ["account", "state"])
    op.create_index("ix_bulk_jobs_delivery", "bulk_jobs", ["delivery"])


def downgrade() -> None:
    """Takes it all away; uploads that no job took are lost."""
    for table in ("bulk_jobs", "http_uploads", "idempotency", "tokens"):
        op.drop_table(table)
