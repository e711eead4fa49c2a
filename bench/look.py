"""Looks into the database under measure, SQLite or PostgreSQL, through one connection that only reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store.database import sqlite_module

WAIT_SECONDS = 60.0
BETWEEN = {
    "sqlite": "SELECT (julianday({last}) - julianday({first})) * 86400 {rows}",
    "postgresql+psycopg": "SELECT extract(epoch FROM {last} - {first}) {rows}",
}


class Look:
    """One question at a time; each sees what is committed at that moment."""

    def __init__(self, connection: Any, between: str) -> None:
        self._connection = connection
        self._between = between

    def number(self, query: str) -> float:
        """The one number that a query gives, 0 where it gives none."""
        return self._connection.execute(query).fetchone()[0] or 0

    def reports(self, after: int = 0) -> int:
        """How many reports are committed whose id is above `after`."""
        return int(self.number(f"SELECT count(*) FROM reports WHERE id > {after}"))

    def seconds(self, first: str, last: str, rows: str) -> float:
        """How long it was from one time to another, both taken from the same rows."""
        return float(
            self._connection.execute(self._between.format(first=first, last=last, rows=rows)).fetchone()[0]
        )

    def last(self, table: str) -> int:
        """The newest row's id: quick at any size, and no less than what was committed since an earlier one."""
        return int(self.number(f"SELECT max(id) FROM {table}"))


@contextmanager
def look_into(database: str) -> Iterator[Look]:
    """`database` as DATABASE_URL spells it."""
    connection = _connect(database)
    try:
        yield Look(connection, BETWEEN[database.partition(":")[0]])
    finally:
        connection.close()


def path_of(database: str) -> Path:
    return Path(database.removeprefix("sqlite:///"))


def _connect(database: str) -> Any:
    if database.startswith("sqlite"):
        return sqlite_module().connect(
            str(path_of(database)), timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
    import psycopg

    return psycopg.connect(database.replace("+psycopg", ""), autocommit=True)
