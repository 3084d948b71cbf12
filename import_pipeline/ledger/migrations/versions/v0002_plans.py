"""What jobs need for plans, undo, held imports and resubmitted rows.

Belongs here: what revision 0002 made, for ever. Does not belong here: any later change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
ADDED = ("undo_of", "undone_by", "held_until", "plan_file", "resolved")


def upgrade() -> None:
    """Adds the columns; jobs that exist are none of these things."""
    op.add_column("jobs", sa.Column("undo_of", sa.String(8)))
    op.add_column("jobs", sa.Column("undone_by", sa.String(8)))
    op.add_column("jobs", sa.Column("held_until", sa.DateTime(timezone=True)))
    op.add_column("jobs", sa.Column("plan_file", sa.Text()))
    op.add_column("jobs", sa.Column("resolved", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_jobs_state", "jobs", ["state"])


def downgrade() -> None:
    """Takes the columns away."""
    op.drop_index("ix_jobs_state", "jobs")
    with op.batch_alter_table("jobs") as jobs:
        for name in ADDED:
            jobs.drop_column(name)
