"""The journal's tables and what is asked of one of its files, in as few steps as SQLite allows."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from store.database import sqlite_module
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

BLANKING = """
UPDATE entries
SET external_id = new.id, lane = '', meta = '{}', raw = NULL, file = NULL, error = NULL, state = 'done'
FROM (SELECT json_extract(value, '$[0]') AS row, json_extract(value, '$[1]') AS id FROM json_each(?)) AS new
WHERE entries.id = new.row
"""
IsTheirs: TypeAlias = Callable[[str, str, str, bytes], bool]  # of channel, external_id, lane and raw bytes
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


def named_in(folder: Path, name: str, is_theirs: IsTheirs) -> list[tuple[int, str, str | None]]:
    """Row, external_id and body beside of a file's entries that do not wait and that `is_theirs` says it of."""
    query = "SELECT id, channel, external_id, lane, raw, file FROM entries WHERE state <> 'waiting'"
    uri = f"{(folder / name).resolve().as_uri()}.sqlite?mode=ro"
    found = []
    with closing(sqlite_module().connect(uri, uri=True, timeout=30)) as reading:
        for number, channel, external_id, lane, raw, beside in reading.execute(query):
            body = _bytes_of(folder / beside) if beside else raw
            if body is not None and is_theirs(channel, external_id, lane, bytes(body)):
                found.append((number, external_id, beside))
    return found


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def execute(statement: str, arguments: tuple[Any, ...], connection: Any) -> None:
    connection.execute(statement, arguments)


def fetch_one(statement: str, arguments: tuple[Any, ...], connection: Any) -> Any:
    return connection.execute(statement, arguments).fetchone()


def probe(connection: Any) -> None:
    connection.execute("INSERT OR REPLACE INTO cursors VALUES ('probe', 'ok')")
