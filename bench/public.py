"""How long the public's map and lists take: `python -m bench.public N` fills a SQLite database and asks it."""

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.near import NOW, SERVICES, fill
from config.settings import ROOT, Settings
from desk.asked import Asked, chosen
from desk.counted import counted
from desk.map import Box, spots_of
from router.house import House, open_house
from store.models import Base
from store.public import Cursor, listed

ASKED = 60  # of each kind
WIDE, HIGH = 1280, 900  # pixels of the view
DEEP = Cursor(requested_at=NOW.replace(year=2025, month=12), id=0)
DEGREES_A_TILE = 360  # of longitude, at zoom 0


def main(count: int, folder: str | None = None) -> None:
    """Fill, measure, print; the folder goes when it is done, unless one is named."""
    with TemporaryDirectory() as made:
        where = Path(folder or made)
        settings = Settings(_env_file=None, data_dir=where, city=ROOT / "config" / "jakarta", sandbox="off")  # type: ignore[call-arg]
        is_new = not (where / "reports.db").exists()
        house = replace(open_house(settings), now=lambda: NOW)
        Base.metadata.create_all(house.store.engine)
        if is_new:
            fill(house, count)
        measure(house)


def measure(house: House) -> None:
    """Print the times of views, lists and the count behind, in ms."""
    _print("counting all, behind", [_timed(lambda: counted(house))])
    luck = random.Random(9)
    for zoom in (10, 12, 14, 15, 16, 17, 18, 19):
        views = [(_view(luck), _box(house, luck, zoom)) for _ in range(ASKED)]
        times = [_timed(partial(spots_of, house, view, box, zoom, "id")) for view, box in views]
        _print(f"map, zoom {zoom}", times)
    for kind in ("all", "kelurahan", "kecamatan", "kota"):
        areas = [area.code for area in house.pack.areas.values() if area.level == kind]
        asked = [replace(_view(luck), area=luck.choice(areas) if areas else None) for _ in range(ASKED)]
        _print(f"list, {kind}", [_timed(partial(_page, house, each, None)) for each in asked])
        of_all_times = [replace(each, days=None) for each in asked]
        _print(f"list, {kind}, far down", [_timed(partial(_page, house, each, DEEP)) for each in of_all_times])


def _view(luck: random.Random) -> Asked:
    return Asked(
        service=luck.choice((None, *SERVICES)),
        status=luck.choice((None, "open", "new", "work", "waiting", "done")),
        days=luck.choice((None, 7, 30, 90)),
    )


def _box(house: House, luck: random.Random, zoom: int) -> Box:
    area = luck.choice([each for each in house.pack.areas.values() if each.level == "kelurahan" and each.lat < -6])
    east, north = (DEGREES_A_TILE / 256 / 2**zoom * pixels / 2 for pixels in (WIDE, HIGH))
    return Box(west=area.long - east, east=area.long + east, south=area.lat - north, north=area.lat + north)


def _page(house: House, view: Asked, after: Cursor | None) -> None:
    with house.store.read() as session:
        listed(session, house.pack, chosen(house, view), NOW, after=after, limit=21)


def _timed(work: Callable[[], object]) -> float:
    """The best of three, in milliseconds of this thread's own: others use this machine too."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times) * 1000


def _print(name: str, times: Sequence[float]) -> None:
    high = sorted(times)[int(len(times) * 0.95)]
    print(f"{name}: median {statistics.median(times):.1f}, p95 {high:.1f}, most {max(times):.1f} ms", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2] if len(sys.argv) > 2 else None)
