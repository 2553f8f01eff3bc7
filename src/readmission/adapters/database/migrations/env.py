"""Alembic's environment for all three databases; ``database.migrate`` passes the connection."""

from alembic import context

from readmission.adapters.database.migrate import version_table

attributes = context.config.attributes
context.configure(connection=attributes["connection"], version_table=version_table(attributes["name"]))
with context.begin_transaction():
    context.run_migrations()
