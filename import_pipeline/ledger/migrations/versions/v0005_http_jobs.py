"""Jobs that are asked for over HTTP with the reference of an uploaded file.

Belongs here: what revision 0005 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "http_jobs",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("type", sa.String(60), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("output_format", sa.String(10), nullable=False),
        sa.Column("mailto", sa.Text()),
        sa.Column("file_ref", sa.String(400), nullable=False),
        sa.Column("params", sa.JSON()),
        sa.Column("format", sa.String(200), nullable=False),
        sa.Column("token", sa.String(16), nullable=False),
        sa.Column("delivery", sa.String(40), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_http_jobs_account", "http_jobs", ["account", "created_at"])
    op.create_index("ix_http_jobs_status", "http_jobs", ["status"])
    op.create_index("ix_http_jobs_ref", "http_jobs", ["account", "file_ref"])
    op.create_index("ix_http_jobs_expires", "http_jobs", ["expires_at"])


def downgrade() -> None:
    """Takes it away."""
    op.drop_table("http_jobs")
