"""`make bench`: measures this machine in a few minutes and prints one table for docs/bench.md."""

import argparse
import asyncio
import os
import platform
import resource
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Plan, answers, disk, intake, starts
from bench.table import Row, table
from store.database import sqlite_module

PARTS = {"disk": disk, "intake": intake, "answers": answers, "starts": starts}


def main() -> int:
    """Exit codes: 0 done, 1 a message was lost, refused or not answered, or a server did not come up."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than 40 s: does it run, not how fast it is")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part of the table")
    options = parser.parse_args()
    place = Path(os.environ.get("DATA_DIR", "data"))
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind, frozen perhaps
    began, busy = time.perf_counter(), _busy()
    try:
        plan = _plan(folder.resolve(), quick=options.quick)
        rows = asyncio.run(_measure(plan, options.only or list(PARTS)))
    except RuntimeError as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _progress("")
    seconds = time.perf_counter() - began
    others = (_busy() - busy - _own()) / seconds
    print(f"{_machine()}\n{seconds:.0f} s; other processes took {max(others, 0):.2f} cores meanwhile, ", end="")
    print(f"the load {plan.busiest:.2f} of one at most.\n")
    print(table(rows))
    return 0


def _plan(folder: Path, *, quick: bool) -> Plan:
    if quick:
        return Plan(folder=folder, rounds=2, seconds=0.6, paces={1: 2, 20: 1}, say=_progress)
    return Plan(folder=folder, rounds=5, seconds=2.0, paces={1: 4, 20: 4, 100: 2}, say=_progress)


async def _measure(plan: Plan, parts: list[str]) -> list[Row]:
    return [row for part in parts for row in await PARTS[part](plan)]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


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
