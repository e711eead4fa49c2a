"""Alembic's entry: the connection is handed over by store/migrate.py."""

from alembic import context

import store.desk
import store.officials
import store.rounds
import store.search  # noqa: F401  (their tables)
from store.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
