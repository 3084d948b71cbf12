"""What alembic runs: the migrations, on the connection and in the transaction of Ledger.upgrade().

Belongs here: handing the connection over. Does not belong here: addresses, logging, anything about one migration.
"""

from alembic import context

from import_pipeline.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
