"""The journal's tables and what is asked of one of its files, in as few steps as SQLite allows."""

import json
from typing import Any, TypeAlias

from store.group_commit import Operation

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    meta TEXT NOT NULL,
    raw BLOB,
    file TEXT,
    received_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    error TEXT,
    UNIQUE (channel, external_id)
);
CREATE INDEX IF NOT EXISTS entries_waiting ON entries (id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS entries_failed ON entries (id) WHERE state = 'failed';
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


INSERTION = (
    "INSERT INTO entries (channel, external_id, lane, meta, raw, file, received_at) VALUES {rows}"
    " ON CONFLICT DO NOTHING"
)

Counts: TypeAlias = tuple[int, int, int]  # waiting, failed, all

COLUMNS = "id, channel, external_id, lane, meta, raw, file, received_at, next_attempt_at, attempts, state, error"


def waiting_rows(after: int, limit: int) -> Operation:
    """One step for all rows, as JSON: SQLite lets go of the interpreter at each step."""
    query = (
        "SELECT json_group_array(json_array(id, channel, external_id, lane, meta, hex(raw), file,"
        " CAST(received_at * 1000000 AS INTEGER), next_attempt_at, attempts, state, error))"
        " FROM (SELECT * FROM entries WHERE state = 'waiting' AND id > ? ORDER BY id LIMIT ?)"
    )
    return lambda connection: connection.execute(query, (after, limit)).fetchone()[0]


def rows_of(told: str | None) -> list[list[Any]]:
    """What waiting_rows told, as rows of COLUMNS."""
    rows: list[list[Any]] = json.loads(told or "[]")
    for row in rows:
        row[5], row[7] = bytes.fromhex(row[5]), row[7] / 1_000_000
    return rows


def in_state(state: str, limit: int) -> Operation:
    query = f"SELECT {COLUMNS} FROM entries WHERE state = ? ORDER BY id LIMIT ?"  # noqa: S608
    return lambda connection: connection.execute(query, (state, limit)).fetchall()


def counts_of(connection: Any) -> Counts:
    """Entries are never deleted: the last id is their number. The other two have an index of their own."""
    waiting, failed, last = connection.execute(
        "SELECT (SELECT count(*) FROM entries WHERE state = 'waiting'),"
        " (SELECT count(*) FROM entries WHERE state = 'failed'), (SELECT max(id) FROM entries)"
    ).fetchone()
    return waiting, failed, last or 0


def oldest(connection: Any) -> Any:
    query = "SELECT received_at FROM entries WHERE state = 'waiting' ORDER BY id LIMIT 1"
    return connection.execute(query).fetchone()


def execute(statement: str, arguments: tuple[Any, ...], connection: Any) -> None:
    connection.execute(statement, arguments)


def fetch_one(statement: str, arguments: tuple[Any, ...], connection: Any) -> Any:
    return connection.execute(statement, arguments).fetchone()


def probe(connection: Any) -> None:
    connection.execute("INSERT OR REPLACE INTO cursors VALUES ('probe', 'ok')")
