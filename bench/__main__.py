"""`make bench`: measures this machine in a few minutes and prints one table for docs/bench.md."""

import argparse
import os
import platform
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench.parts_answers import answers
from bench.parts_burst import burst
from bench.parts_desk import desk, desk_postgres
from bench.parts_intake import disk, mail, sms
from bench.parts_outbox import outbox, rq
from bench.parts_public import public
from bench.parts_starts import starts
from bench.parts_way import million, way
from bench.plan import Plan
from bench.server import UNWAITED
from bench.table import Row, table
from store.database import sqlite_module

PARTS = {
    "disk": disk,
    "sms": sms,
    "mail": mail,
    "answers": answers,
    "way": way,
    "outbox": outbox,
    "rq": rq,
    "burst": burst,
    "starts": starts,
    "desk": desk,
    "public": public,
    "million": million,
    "desk-postgres": desk_postgres,
}
SHORT = tuple(part for part in PARTS if part not in {"million", "desk-postgres"})
WHOLE_BURST = 60  # seconds


def main() -> int:
    """Exit codes: 0 done, 1 a message was lost, refused or not answered, or a server did not come up."""
    options = _options()
    place = Path(os.environ.get("DATA_DIR", "data"))
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind, frozen perhaps
    began, busy = time.perf_counter(), _busy()
    plan = _plan(folder.resolve(), options)
    rows: list[Row] = []
    try:
        uvloop.run(_measure(plan, options.only or (list(PARTS) if options.long else SHORT), rows))
    except RuntimeError as error:
        _progress("")
        print(f"{table(rows)}\n")
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _progress("")
    seconds = time.perf_counter() - began
    others = (_busy() - busy - _own() - sum(UNWAITED)) / seconds
    print(f"{_machine()}\n{seconds:.0f} s; other processes took {max(others, 0):.2f} cores meanwhile.")
    print(f"How busy the loads were, of one core, at most: {_loads(plan)}.")
    print(f"Seconds of each part: {', '.join(f'{part} {took:.0f}' for part, took in plan.took.items())}.")
    for left_out in plan.left_out:
        print(f"Left out: {left_out}.")
    print(f"\n{table(rows)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="does it run, not how fast it is")
    parser.add_argument(
        "--long", action="store_true", help="a burst of a whole minute, and a million reports, too"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part of the table")
    return parser.parse_args()


def _plan(folder: Path, options: argparse.Namespace) -> Plan:
    if options.quick:
        return Plan(
            folder=folder,
            rounds=2,
            seconds=0.6,
            paces={1: 2, 20: 1, 100: 1},
            way_seconds=1.0,
            owed=100,
            burst_seconds=2,
            copies=20_000,
            desk_copies=2_000,
            desk_seconds=1.0,
            say=_progress,
        )
    is_whole = options.long or options.only == ["burst"]
    return Plan(
        folder=folder,
        rounds=5,
        seconds=1.5,
        paces={1: 5, 20: 3, 100: 5},
        way_seconds=3.0,
        owed=2_000,
        burst_seconds=WHOLE_BURST if is_whole else 20,
        copies=1_000_000,
        desk_copies=100_000,
        desk_seconds=10.0,
        say=_progress,
    )


async def _measure(plan: Plan, parts: Sequence[str], rows: list[Row]) -> None:
    """The rows of each part, as they come: what was measured before something failed is shown too."""
    for part in parts:
        began = time.perf_counter()
        rows += await PARTS[part](plan)
        plan.took[part] = time.perf_counter() - began


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _loads(plan: Plan) -> str:
    return ", ".join(f"{name} {busy:.2f}" for name, busy in plan.busy.items()) or "no load"


def _machine() -> str:
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({cpu or platform.machine()}), {memory:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, CPython {platform.python_version()}, "
        f"SQLite {sqlite_module().sqlite_version}."
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _busy() -> float:
    """CPU seconds that all processes of this machine have used since it started."""
    user, nice, system, _, _, irq, soft = map(int, _lines("/proc/stat")[0].split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """CPU seconds of this process and of those it started and waited for."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


if __name__ == "__main__":
    sys.exit(main())
