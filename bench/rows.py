"""What is measured, a function for each part of the table; every round is A B A B with its ceiling."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wording
from bench.load import percentiles
from bench.server import ROOT, Server, bare, load, ours
from bench.stand_in import StandIn, stand_in
from bench.table import Row

BLOCK = bytes(4096)
DISK_BYTES = 16_777_216
LIMIT_RATE = 12_000  # messages a second that are signed beforehand: more than the ceiling takes
DRAIN_SECONDS = 90.0


@dataclass(kw_only=True, slots=True)
class Plan:
    """How long, how often and where; `say` shows progress; no message number is used twice."""

    folder: Path
    rounds: int
    seconds: float
    paces: dict[int, int]  # SMS a second -> for how many seconds a round
    say: Callable[[str], None]
    used: int = 0
    busiest: float = (
        0.0  # the most that a load was busy, 1 being a whole core: at 1 it is the load that was measured
    )

    def room(self, name: str) -> Path:
        """A new folder for one server."""
        (self.folder / name).mkdir()
        return self.folder / name

    def numbers(self, count: int) -> dict[str, int]:
        """The load's --first and --limit for so many messages."""
        self.used += count
        return {"first": self.used - count, "limit": count}


# --- disk -------------------------------------------------------------------------------------------------


async def disk(plan: Plan) -> list[Row]:
    """How often a second the disk under DATA_DIR takes 4 KB and says that it is safe."""
    rates = []
    for number in range(plan.rounds):
        plan.say(f"disk, round {number + 1}")
        rates.append(await asyncio.to_thread(_sync_rate, plan.folder, plan.seconds / 2))
    return [Row(what="disk: 4 KB write + fdatasync, one after the other", unit="/s", figures=rates)]


def _sync_rate(folder: Path, seconds: float) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, DISK_BYTES)
        os.fsync(file.fileno())
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            os.pwrite(file.fileno(), BLOCK, count * len(BLOCK) % DISK_BYTES)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began)


# --- intake -----------------------------------------------------------------------------------------------


async def intake(plan: Plan) -> list[Row]:
    """Kept, then thanked: SMS and mail against servers that keep nothing. The backlog is thrown away."""
    async with (
        stand_in() as twilio,
        bare("http") as ok,
        bare("smtp") as discard,
        ours(plan.room("intake"), twilio.url, discard.port) as server,
    ):
        rows, thanked = await _sms(plan, server, ok)
        for what, connections in (("mail", 32), ("photo", 8)):
            row, more = await _mail(plan, server, discard, what, connections)
            rows.append(row)
            thanked += more
        kept = await server.kept()
        if kept != thanked:
            raise RuntimeError(f"{thanked} messages were thanked, {kept} were kept")
    return rows


async def _sms(plan: Plan, server: Server, ok: Server) -> tuple[list[Row], int]:
    ceilings, alone, beside, reports = [], [], [], []
    for number in range(plan.rounds):
        plan.say(f"SMS webhook, round {number + 1}")
        server.freeze()
        ceilings.append(await _closed(plan, "sms", ok.port, 32))
        server.thaw()
        async with server.database_held():
            alone.append(await _closed(plan, "sms", server.port, 32))
        before, began = server.reports(), time.perf_counter()
        beside.append(await _closed(plan, "sms", server.port, 32))
        reports.append((server.reports() - before) / (time.perf_counter() - began))
    rows = [
        _against("SMS webhook, 32 connections: signed, kept (fsync), 200; no work-off beside it", alone, ceilings),
        _against("the same, kept messages being worked off beside it", beside, ceilings),
        Row(what="... reports made meanwhile", unit="/s", figures=reports),
    ]
    return rows, sum(one["done"] for one in [*alone, *beside])


async def _mail(plan: Plan, server: Server, discard: Server, what: str, connections: int) -> tuple[Row, int]:
    ceilings, rounds = [], []
    for number in range(plan.rounds):
        plan.say(f"{what}, round {number + 1}")
        server.freeze()
        ceilings.append(await _closed(plan, what, discard.port, connections))
        server.thaw()
        async with server.database_held():
            rounds.append(await _closed(plan, what, server.smtp, connections))
    size = "1 KB" if what == "mail" else "with a 200 KB photo"
    title = f"mail {size}, {connections} connections: kept (fsync), 250"
    return _against(title, rounds, ceilings), sum(one["done"] for one in rounds)


async def _closed(plan: Plan, what: str, port: int, connections: int) -> dict[str, Any]:
    numbers = plan.numbers(int(LIMIT_RATE * plan.seconds))
    seen: dict[str, Any] = await load(what, port, connections=connections, seconds=plan.seconds, **numbers)
    plan.busiest = max(plan.busiest, seen["busy"])
    return seen


def _against(what: str, rounds: list[dict[str, Any]], ceilings: list[dict[str, Any]]) -> Row:
    return Row(
        what=what,
        unit="/s",
        figures=[one["done"] / one["seconds"] for one in rounds],
        p50=[one["p50"] for one in rounds],
        p99=[one["p99"] for one in rounds],
        ceilings=[one["done"] / one["seconds"] for one in ceilings],
    )


# --- from the 200 to the answer ---------------------------------------------------------------------------


async def answers(plan: Plan) -> list[Row]:
    """One server with its work: acknowledgements at a pace, then bursts worked off, and its memory."""
    async with stand_in() as twilio, ours(plan.room("answers"), twilio.url) as server:
        memory = [server.memory()]
        rows = await _paces(plan, server, twilio)
        rows += await _bursts(plan, server, twilio)
        memory.append(server.memory())
        worked = server.reports()
    titles = ("memory of the server (PSS), started", f"memory of the server (PSS), after {worked:,} SMS")
    return rows + [Row(what=what, unit="MiB", figures=[pss]) for what, pss in zip(titles, memory, strict=True)]


async def _paces(plan: Plan, server: Server, twilio: StandIn) -> list[Row]:
    waits: dict[int, list[dict[str, float]]] = {rate: [] for rate in plan.paces}
    for number in range(plan.rounds):
        for rate in plan.paces:
            plan.say(f"SMS answered, {rate}/s, round {number + 1}")
            waits[rate].append(await _paced(plan, server, twilio, rate))
    return [
        Row(
            what=f"from the 200 to the acknowledgement at Twilio, {rate} SMS/s for {plan.paces[rate]} s",
            p50=[one["p50"] for one in rounds],
            p99=[one["p99"] for one in rounds],
        )
        for rate, rounds in waits.items()
    ]


async def _paced(plan: Plan, server: Server, twilio: StandIn, rate: int) -> dict[str, float]:
    seen = await load("paced", server.port, rate=rate, **plan.numbers(rate * plan.paces[rate]))
    answered: dict[str, float] = seen["answered"]
    await _until(lambda: answered.keys() <= twilio.arrived.keys(), "acknowledgements did not arrive")
    return percentiles([twilio.arrived[number] - at for number, at in answered.items()])


async def _bursts(plan: Plan, server: Server, twilio: StandIn) -> list[Row]:
    reports, sends, size = [], [], int(50 * plan.seconds)
    for number in range(plan.rounds):
        plan.say(f"burst of {size} SMS, round {number + 1}")
        made, sent = server.reports(), twilio.count
        async with server.database_held():
            await load("sms", server.port, **plan.numbers(size))
        began = time.perf_counter()
        await _until(lambda: server.reports() >= made + size, "the burst is not worked off")  # noqa: B023
        reports.append(size / (time.perf_counter() - began))
        await _until(lambda: twilio.count >= sent + size, "the burst is not answered")  # noqa: B023
        sends.append(size / (time.perf_counter() - began))
        size = min(max(size, int(reports[-1] * plan.seconds)), 5000)
    return [
        Row(what="burst of SMS, kept -> report committed (SQLite)", unit="/s", figures=reports),
        Row(what="... -> acknowledgement at Twilio", unit="/s", figures=sends),
    ]


async def _until(look: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{complaint} within {DRAIN_SECONDS:.0f} s")
        await asyncio.sleep(0.02)


# --- start ------------------------------------------------------------------------------------------------


async def starts(plan: Plan) -> list[Row]:
    """From exec to /healthz, on an empty DATA_DIR and on one that has been used; and one `explain`."""
    first, again, explained = [], [], []
    for number in range(plan.rounds):
        plan.say(f"start, round {number + 1}")
        folder = plan.room(f"start-{number}")
        async with stand_in() as twilio:
            async with ours(folder, twilio.url) as server:
                first.append(server.started_in)
            async with ours(folder, twilio.url) as server:
                again.append(server.started_in)
        explained.append(await _explain())
    return [
        Row(what="start, empty DATA_DIR: exec -> /healthz 200", unit="s", figures=first),
        Row(what="start again, same DATA_DIR", unit="s", figures=again),
        Row(what="`run_bots.py explain TEXT`", unit="s", figures=explained),
    ]


async def _explain() -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "run_bots.py", "explain", wording.TEXTS[0]), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError("explain failed")
    return time.perf_counter() - began
