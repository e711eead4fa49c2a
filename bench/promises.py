"""`python -m bench.promises N`: how long the clock's round takes over so many open promises."""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select, text

from bench.card import PEOPLE
from config.settings import ROOT, Settings
from router.clock import next_tick, tick
from router.house import House, open_house
from store.models import Base, Report, StatusUpdate

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
ROUNDS = 20
DUE = (1, 50, 200)  # promises that are over, one round each
SPREAD = 30 * 86400  # seconds from NOW within which all the others end

REPORTS = """
INSERT INTO reports (id, code, status, service_code, description, public_description, area_code, sources,
                     agency_id, urgent, language, channel, reporter_id, address_id, unread, requested_at,
                     updated_at, acknowledged_at, expected_at, late_at, raised)
WITH RECURSIVE s (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < {count})
SELECT n, 'C' || n, 'assigned', 'lampu_jalan', 'lampu mati', 'lampu mati', '31.74.01.1005', '{{}}',
       'dbm', {no}, 'id', 'sms', 1, 1, {no}, {start}, {start}, {start}, {ends}, {ends}, 0 FROM s
"""
LINES = """
INSERT INTO status_updates (report_id, seq, status, agency_id, "by", at, text_hash, mac)
SELECT id, 1, 'assigned', 'dbm', 'router', {start}, {bytes}, {bytes} FROM reports
"""
HOLDINGS = """
INSERT INTO holdings (report_id, agency_id, service_code, area_code, state, since, term, due_at, runs_since,
                      was_late, worked, reopened)
SELECT id, 'dbm', service_code, area_code, 'assigned', {start}, 91800, late_at, {start}, {no}, 0, 0 FROM reports
"""


def fill(engine: Engine, count: int) -> None:
    """So many reports at their agency, each with a promise that ends within a month, two minutes from now on."""
    is_sqlite = engine.dialect.name == "sqlite"
    after = f"(120 + n * 7919 % {SPREAD})"
    if is_sqlite:
        ends = f"strftime('%Y-%m-%d %H:%M:%S', '{NOW:%Y-%m-%d %H:%M}', {after} || ' seconds') || '.000000'"
        words = {"start": f"'{NOW:%Y-%m-%d %H:%M:%S}.000000'", "no": "0", "bytes": "zeroblob(32)"}
    else:
        ends = f"timestamptz '{NOW:%Y-%m-%d %H:%M}+00' + {after} * interval '1 second'"
        words = {"start": f"timestamptz '{NOW:%Y-%m-%d %H:%M}+00'", "no": "false"}
        words["bytes"] = "decode(repeat('00', 32), 'hex')"
    with engine.begin() as connection:
        for statement in (*PEOPLE.split(";"), REPORTS, LINES, HOLDINGS):
            written = statement.format(count=count, ends=ends, **words)
            connection.exec_driver_sql(written if is_sqlite else written.replace("%", "%%"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def measure(house: House) -> None:
    """Print the round in which nothing is due, and rounds in which so many promises are over."""
    idle = [_seconds(house)[0] for _ in range(ROUNDS)]
    print(f"nothing due: {statistics.median(idle) * 1000:.1f} ms, at most {max(idle) * 1000:.1f} ms")
    for due in DUE:
        _end(house, due)
        took, moved = _seconds(house)
        print(f"{due} due: {took * 1000:.0f} ms, {moved} moved, {_raised(house)} on record so far")


def _seconds(house: House) -> tuple[float, int]:
    """How long one round and the look for the next one take, and what was moved."""
    began = time.perf_counter()
    moved = tick(house)
    next_tick(house)
    return time.perf_counter() - began, moved


def _end(house: House, due: int) -> None:
    """Let so many promises, from all over the table, be over a second ago."""
    with house.store.write() as session:
        step = (session.scalar(select(func.max(Report.id))) or 1) // due
        chosen = session.scalars(
            select(Report).where(Report.raised == 0, Report.id % step == step // 2).limit(due)
        )
        for report in chosen.all():
            report.late_at = NOW - timedelta(seconds=1)


def _raised(house: House) -> int:
    """The lines that the clock wrote: one for each promise that was over, for no other."""
    with house.store.read() as session:
        return session.scalar(select(func.count()).where(StatusUpdate.by == "clock")) or 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.promises", description=__doc__)
    parser.add_argument("promises", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", help="an empty PostgreSQL database's URL instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = {"database_url": options.database} if options.database else {}
        if options.database:
            given |= {"secret_key": "s" * 32, "contact_key": "c" * 32}
        read = Settings(_env_file=None, data_dir=Path(folder), city=ROOT / "config" / "jakarta", **given)  # type: ignore[call-arg]
        house = replace(open_house(read), now=lambda: NOW)
        Base.metadata.create_all(house.store.engine)
        began = time.perf_counter()
        fill(house.store.engine, options.promises)
        took = time.perf_counter() - began
        print(f"{options.promises} promises on {house.store.engine.dialect.name}, {took:.0f} s to fill")
        tick(house)  # the first head of all histories is the clock's too, once an hour
        measure(house)
        house.store.engine.dispose()


if __name__ == "__main__":
    main()
