"""Brings the database's schema up to this version (Alembic); one server at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

ADVISORY_LOCK = 0x6C61706F72  # "lapor": servers that start together migrate one after the other


def migrate(engine: Engine) -> None:
    """Upgrade the schema to the newest version; nothing to do when it is there.

    Raises ValueError when the schema is one of a version after this.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:  # a revision that this version's folder does not have
            raise ValueError(
                "the database's schema is a newer version's: start that one, or restore a backup from before it"
            ) from error
        finally:
            connection.commit()
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
                connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether the schema is the one that this code was written for."""
    with engine.connect() as connection:
        heads = set(ScriptDirectory.from_config(_config(connection)).get_heads())
        return set(MigrationContext.configure(connection).get_current_heads()) == heads


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
