"""Fills a store from inside the database: the few reports that real messages made, copied until it is full."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table

from bench.look import look_into, path_of
from bench.plan import Plan
from bench.server import ours, until
from bench.table import Row
from bench.wording import TEXTS
from store.database import sqlite_module
from store.models import Base, UtcDateTime

TABLES = ("reporters", "addresses", "reports", "messages", "status_updates", "deliveries")  # parents first
APART = 126  # seconds between two copies, the last one the newest: a million reports are half a year
OPEN_DAYS = 3  # reports older than that are closed
RAW_DAYS = 89  # older messages have their words alone, as the pack's `keep_days` leaves them
LATE_DAYS = 2  # open ones older than that are late
SERIES = (
    "WITH RECURSIVE series (n, age) AS"
    " (SELECT 1, {copies} - 1 UNION ALL SELECT n + 1, age - 1 FROM series WHERE n < {copies})"
)


async def fill_with(
    plan: Plan, folder: Path, twilio_url: str, name: str, count: int, settings: Mapping[str, str]
) -> Row:
    """Real messages make real rows, which are then copied in the database until there are so many reports."""
    async with ours(folder, twilio_url, settings) as server:
        await plan.load("a few SMS", "sms", server.port, len(TEXTS))

        async def are_sent() -> bool:
            with look_into(server.database) as look:
                done = "state IN ('sent', 'delivered')"
                owed = look.number("SELECT count(*) FROM words_owed")
                return look.number(f"SELECT count(*) FROM deliveries WHERE {done}") == 2 * len(TEXTS) and not owed

        await until(are_sent, "the first answers did not leave", every=0.1)
    plan.say(f"filling {name} with {count:,} reports")
    began = time.perf_counter()
    await asyncio.to_thread(fill, server.database, count // len(TEXTS))
    seconds = time.perf_counter() - began
    return Row(
        what=f"... filling {name} with {count:,} reports (once, not part of it)", unit="s", figures=[seconds]
    )


def fill(database: str, copies: int) -> None:
    """Copy every row so many times, each copy with ids, keys, codes and times of its own. The server must be
    stopped.

    Row r of copy n has the id r + n * (the greatest id so far), and its foreign keys likewise; the later a copy,
    the newer it is.
    """
    with look_into(database) as look:
        stride = {name: look.last(name) for name in TABLES}
    if database.startswith("sqlite"):
        _fill_sqlite(database, copies, stride)
    else:
        _fill_postgres(database, copies, stride)


def _fill_sqlite(database: str, copies: int, stride: dict[str, int]) -> None:
    connection = sqlite_module().connect(str(path_of(database)), isolation_level=None)
    for pragma in ("synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    for name in TABLES:
        connection.execute(f"CREATE TEMP TABLE few_{name} AS SELECT * FROM {name}")
        connection.execute(_copy(name, copies, stride, "sqlite"))
    for statement in _words("rowid", "replace(words, {old}, {new})", copies, stride):
        connection.execute(statement)
    for closing in ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA synchronous = FULL"):
        connection.execute(closing)
    connection.close()


def _fill_postgres(database: str, copies: int, stride: dict[str, int]) -> None:
    import psycopg

    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # the keys fit: no trigger need look at each
        for name in TABLES:
            connection.execute(f"CREATE TEMP TABLE few_{name} AS SELECT * FROM {name}".encode())
            connection.execute(_copy(name, copies, stride, "postgresql").encode())
            sequence = f"pg_get_serial_sequence('{name}', 'id')"
            connection.execute(f"SELECT setval({sequence}, (SELECT max(id) FROM {name}))".encode())
        renamed = "ts_delete(words, {old}) || array_to_tsvector(ARRAY[{new}])"
        for statement in _words("report_id", renamed, copies, stride):
            connection.execute(statement.encode())
        for closing in (b"VACUUM ANALYZE", b"CHECKPOINT"):
            connection.execute(closing)


def _words(key: str, renamed: str, copies: int, stride: dict[str, int]) -> tuple[str, ...]:
    """The search index as the server would have written it, and nothing that is owed to it any more. `renamed` are
    the words with the copy's code in place of the original's."""
    number = f"few.id + n * {stride['reports']}"
    words = renamed.format(old="few.code", new=f"'b' || ({number})")
    few = f"SELECT report_words.{key} AS id, words, lower(code) AS code FROM report_words JOIN reports"
    return (
        f"CREATE TEMP TABLE few_words AS {few} ON reports.id = report_words.{key}",
        f"INSERT INTO report_words ({key}, words) {SERIES.format(copies=copies)}"
        f" SELECT {number}, {words} FROM series CROSS JOIN few_words AS few",
        "DELETE FROM words_owed",
    )


def _copy(name: str, copies: int, stride: dict[str, int], dialect: str) -> str:
    table: Table = Base.metadata.tables[name]
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(_value(column, stride, dialect) for column in table.columns)
    series = SERIES.format(copies=copies)
    return f"INSERT INTO {name} ({columns}) {series} SELECT {values} FROM series CROSS JOIN few_{name}"


def _value(column: Column[Any], stride: dict[str, int], dialect: str) -> str:
    """What a copy has in this column: the original's, shifted where it must be another's."""
    name, table = f'"{column.name}"', column.table.name
    if column.primary_key:
        return f"{name} + n * {stride[table]}"
    if (key := next(iter(column.foreign_keys), None)) and key.column.table.name in stride:
        return f"{name} + n * {stride[key.column.table.name]}"
    if key is not None:
        return "NULL"  # a surge's reports are not copied with it
    is_old = f"age * {APART} > {OPEN_DAYS} * 86400"
    special = {
        ("addresses", "lookup"): _random(dialect),
        ("reports", "code"): f"'B' || (id + n * {stride['reports']})",
        ("reports", "status"): f"CASE WHEN {is_old} THEN 'closed' ELSE status END",
        # the clock has seen them all: nothing becomes late while it is measured
        ("reports", "late_at"): f"CASE WHEN {is_old} THEN NULL ELSE late_at END",
        ("reports", "raised"): f"CASE WHEN {is_old} OR age * {APART} < {LATE_DAYS} * 86400 THEN 0 ELSE 1 END",
        # what the retention takes away is gone already
        ("messages", "raw_key"): f"CASE WHEN age * {APART} > {RAW_DAYS} * 86400 THEN NULL ELSE raw_key END",
        ("messages", "external_id"): "external_id || '-' || n",
        ("deliveries", "provider_id"): "provider_id || '-' || n",
    }
    known = special.get((table, column.name))
    return known or (_earlier(name, dialect) if isinstance(column.type, UtcDateTime) else name)


def _earlier(name: str, dialect: str) -> str:
    if dialect == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f', {name}, '-' || (age * {APART}) || ' seconds')"
    return f"{name} - age * interval '{APART} seconds'"


def _random(dialect: str) -> str:
    return "lower(hex(randomblob(32)))" if dialect == "sqlite" else "md5(id || '/' || n) || md5(n || '/' || id)"
