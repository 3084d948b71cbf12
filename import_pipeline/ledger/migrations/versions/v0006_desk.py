"""The web desk: sessions, formats that are made on it, imports that are begun, rows that are mended.

Belongs here: what revision 0006 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_index("ix_sessions_expires", "sessions", ["expires_at"])
    op.create_table(
        "formats",
        sa.Column("account", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
    )
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("upload", sa.String(16)),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("plan", sa.String(40)),
        sa.Column("delivery", sa.String(40)),
        sa.Column("copy_of", sa.String(16)),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("started_at", moment),
    )
    op.create_index("ix_drafts_account", "drafts", ["account", "state"])
    op.create_index("ix_drafts_delivery", "drafts", ["delivery"])
    op.create_index("ix_drafts_plan", "drafts", ["plan"])
    op.create_table(
        "mends",
        sa.Column("job", sa.String(8), primary_key=True),
        sa.Column("line", sa.BigInteger(), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("delivery", sa.String(40)),
    )


def downgrade() -> None:
    """Takes them away."""
    for table in ("mends", "drafts", "formats", "sessions"):
        op.drop_table(table)
