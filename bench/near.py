"""How long the search for reports nearby takes: `python -m bench.near N` fills a SQLite database and asks it."""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.pack import Pack
from config.settings import ROOT, Settings
from normalizer.cells import spot_cell
from router.duplicates import find, to_ask
from router.house import House, open_house
from store.models import Address, Base, Report, Reporter
from store.near import reports_near

ASKED = 400  # searches that are measured
DAYS = 180  # over which the reports are spread
STILL_OPEN = 0.1  # of the reports that are older than three days
PINS = 0.4  # the other places are words: all of a kelurahan in one cell
SERVICES = ("lampu_jalan", "jalan_rusak", "trotoar", "sampah", "saluran", "banjir", "pohon", "parkir_liar", "pkl")
COLUMNS = (
    *("id", "code", "status", "service_code", "description", "public_description", "lat", "long"),
    *("address_string", "area_code", "sources", "agency_id", "urgent", "language", "channel", "reporter_id"),
    *("address_id", "unread", "requested_at", "updated_at", "raised", "cell"),
)
NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
WORDS = "lampu mati sejak kemarin di depan warung Pak Kumis dekat pos ronda RT 05, gelap sekali kalau malam"


def main(count: int) -> None:
    """Fill, measure, print; the folder goes when it is done."""
    with TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), city=ROOT / "config" / "jakarta", sandbox="off")  # type: ignore[call-arg]
        house = replace(open_house(settings), now=lambda: NOW)
        Base.metadata.create_all(house.store.engine)
        began = time.perf_counter()
        fill(house, count)
        print(f"{count:,} reports, filled in {time.perf_counter() - began:.0f} s")
        measure(house)


def fill(house: House, count: int) -> None:
    """So many reports over half a year and the whole city, by SQL."""
    with house.store.write() as session:
        person = Reporter(language="id", created_at=NOW)
        session.add(person)
        session.flush()
        session.add(
            Address(reporter_id=person.id, channel="sms", lookup="x", sealed=b"", account="+62", created_at=NOW)
        )
    statement = f"INSERT INTO reports ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    with house.store.engine.begin() as connection:
        connection.connection.cursor().executemany(statement, _rows(house.pack, count))  # type: ignore[arg-type]  # sqlite3 takes an iterator
    with house.store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def _rows(pack: Pack, count: int) -> Iterator[Sequence[Any]]:
    luck = random.Random(7)
    areas = [area for area in pack.areas.values() if area.level == "kelurahan" and area.kecamatan]
    for number in range(1, count + 1):
        area, is_pin = luck.choice(areas), luck.random() < PINS
        lat, long = (luck.gauss(middle, 0.006 * is_pin) for middle in (area.lat, area.long))
        at = NOW - timedelta(days=DAYS) * luck.random()
        is_open = NOW - at < timedelta(days=3) or luck.random() < STILL_OPEN
        source = "pin" if is_pin else "text"
        yield (
            *(
                number,
                f"N{number}",
                "assigned" if is_open else "closed",
                luck.choice(SERVICES),
                WORDS,
                WORDS,
                lat,
                long,
            ),
            *(f"Jl. Nomor {luck.randrange(40)}, {area.name}", area.code),
            *(json.dumps({"place": {"source": source, "enough": True}}), "dbm", 0, "id", "sms", 1, 1, 0),
            *(f"{at:%Y-%m-%d %H:%M:%S.%f}",) * 2,
            *(0, spot_cell(lat, long)),
        )


def measure(house: House) -> None:
    """Print the time of the query alone and of the whole search, median and 99th of a hundred, in ms."""
    luck = random.Random(8)
    with house.store.read() as session:
        last = session.scalar(select(func.max(Report.id))) or 0
        for name, source in (("pin", "pin"), ("words only", "text")):
            asked = [
                report for report in _some(session, luck, last) if report.sources["place"]["source"] == source
            ]
            near = [to_ask(report, house.pack, NOW) for report in asked]
            rows = [len(reports_near(session, each, but=0)) for each in near]
            print(
                f"{name}: {statistics.mean(len(each.cells) for each in near):.0f} cells, {max(rows)} rows at most"
            )
            _print("  the query", [_timed(partial(reports_near, session, each, but=0)) for each in near])
            _print("  the whole search", [_timed(partial(find, session, each, house)) for each in asked])


def _some(session: Session, luck: random.Random, last: int) -> list[Report]:
    ids = {luck.randrange(1, last + 1) for _ in range(ASKED)}
    return list(session.scalars(select(Report).where(Report.id.in_(ids))))


def _timed(work: Callable[[], object]) -> float:
    """The best of three: others use this machine too."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def _print(name: str, times: Sequence[float]) -> None:
    print(f"{name}: median {statistics.median(times):.2f} ms, p99 {sorted(times)[int(len(times) * 0.99)]:.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
