"""`python -m bench.card N`: how long a month's report card takes on so many holdings of a year."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from config.settings import Settings
from store.card import Column, Month, cards, named
from store.database import open_engine
from store.models import Base

START = datetime(2025, 12, 31, 17, tzinfo=UTC)  # 1 January 2026 in Jakarta
MONTH = Month(
    since=datetime(2026, 6, 30, 17, tzinfo=UTC),
    before=datetime(2026, 7, 31, 17, tzinfo=UTC),
    now=datetime(2026, 8, 9, tzinfo=UTC),
)
YEAR = 365 * 86400
AGENCIES, SERVICES, AREAS = 300, 48, 267
ROUNDS = 5

PEOPLE = """
INSERT INTO reporters (id, language, opted_out, created_at) VALUES (1, 'id', {no}, {start});
INSERT INTO addresses (id, reporter_id, channel, lookup, sealed, account, created_at)
VALUES (1, 1, 'sms', 'one', '', '', {start})
"""
REPORTS = """
INSERT INTO reports (id, code, status, description, public_description, sources, agency_id, urgent, language,
                     channel, reporter_id, address_id, unread, requested_at, updated_at, raised)
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
SELECT n, 'C' || n, CASE WHEN n % 20 = 0 THEN 'duplicate' ELSE 'closed' END, '', '', '{{}}', 'a1', {no}, 'id',
       'sms', 1, 1, {no}, {at}, {at}, 0 FROM s
"""
# x is as good as random, and the same every time
HOLDINGS = """
INSERT INTO holdings (id, report_id, agency_id, service_code, area_code, state, since, until, term, due_at,
                      was_late, worked, acted_worked, resolved_worked, reopened, stars, flags)
WITH RECURSIVE s (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < {count}),
r AS (SELECT n, n * 1103515245 % 2147483647 AS x FROM s)
SELECT n, n, 'a' || (x % {agencies}), 's' || (x / 300 % {services}), 'k' || (x / 14400 % {areas}),
       CASE WHEN n % 20 = 0 THEN 'duplicate' WHEN x % 13 = 0 THEN 'passed_on' WHEN x % 7 = 0 THEN 'assigned'
            ELSE 'closed' END,
       {at}, CASE WHEN x % 13 = 0 THEN {at} END, 91800,
       CASE WHEN x % 7 = 0 AND x % 13 > 0 THEN {at} END, {late},
       x % 200000, CASE WHEN x % 7 > 0 THEN x % 90000 END, CASE WHEN x % 7 > 0 THEN x % 200000 END,
       CASE WHEN x % 17 = 0 THEN 1 ELSE 0 END, CASE WHEN x % 3 = 0 THEN 1 + x % 5 END,
       CASE WHEN x % 41 = 0 THEN '["same_photo"]' END
FROM r
"""


def fill(engine: Engine, count: int) -> None:
    """So many reports and holdings, evenly over the year."""
    is_sqlite = engine.dialect.name == "sqlite"
    step = YEAR / count
    at = f"strftime('%Y-%m-%d %H:%M:%f', '{START:%Y-%m-%d %H:%M}', (n * {step}) || ' seconds') || '000'"
    start, no, late = f"'{START:%Y-%m-%d %H:%M:%S}.000000'", "0", "x % 9 = 0"
    if not is_sqlite:
        at = f"timestamptz '{START:%Y-%m-%d %H:%M}+00' + n * interval '{step} seconds'"
        start, no = f"timestamptz '{START:%Y-%m-%d %H:%M}+00'", "false"
    words = {"count": count, "at": at, "start": start, "no": no, "late": late}
    words |= {"agencies": AGENCIES, "services": SERVICES, "areas": AREAS}
    with engine.begin() as connection:
        for statement in (*PEOPLE.split(";"), REPORTS, HOLDINGS):
            written = statement.format(**words)
            if not is_sqlite:
                written = written.replace("THEN '[\"same_photo\"]'", "THEN '[\"same_photo\"]'::json")
            connection.exec_driver_sql(written.replace("%", "%%") if not is_sqlite else written)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def measure(engine: Engine) -> None:
    """Print each view's middle and longest time of ROUNDS."""
    views: dict[str, Callable[[Session], list[Any]]] = {
        "agencies": lambda session: cards(session, MONTH),
        "agencies x services": lambda session: cards(session, MONTH, _by("agency_id", "service_code")),
        "agencies x kelurahan": lambda session: cards(session, MONTH, _by("agency_id", "area_code")),
        "one agency's services": lambda session: cards(session, MONTH, _by("service_code"), "a7"),
        "one agency's kelurahan": lambda session: cards(session, MONTH, _by("area_code"), "a7"),
        "one agency's late reports": lambda session: named(session, MONTH, "a7", "late"),
    }
    for name, view in views.items():
        took, lines = [], 0
        for _ in range(ROUNDS):
            with Session(engine) as session:
                began = time.perf_counter()
                lines = len(view(session))
                took.append((time.perf_counter() - began) * 1000)
        print(f"{name:28} {lines:6} lines   {statistics.median(took):7.0f} ms   at most {max(took):.0f} ms")


def _by(*names: Column) -> tuple[Column, ...]:
    return names


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.card", description=__doc__)
    parser.add_argument("holdings", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", help="an empty PostgreSQL database's URL instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = {"database_url": options.database} if options.database else {}
        if options.database:
            given |= {"secret_key": "s" * 32, "contact_key": "c" * 32}
        engine = open_engine(Settings(_env_file=None, data_dir=Path(folder), **given))  # type: ignore[call-arg]
        Base.metadata.create_all(engine)
        began = time.perf_counter()
        fill(engine, options.holdings)
        print(f"{options.holdings} holdings on {engine.dialect.name}, {time.perf_counter() - began:.0f} s to fill")
        measure(engine)
        engine.dispose()


if __name__ == "__main__":
    main()
