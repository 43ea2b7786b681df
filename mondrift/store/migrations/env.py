"""Alembic's entry: runs the steps on the connection that `mondrift.store.schema` hands over."""

from __future__ import annotations

from alembic import context

from mondrift.store.schema import VERSION_TABLE, includes
from mondrift.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=includes,
)
with context.begin_transaction():
    context.run_migrations()
