"""People and machines that may log in.

Belongs here: what revision 0003 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table; nobody may log in yet."""
    op.create_table(
        "users",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(63), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_users_account", "users", ["account"])


def downgrade() -> None:
    """Takes it away, with everybody in it."""
    op.drop_table("users")
