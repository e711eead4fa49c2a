"""How long it takes to start, and to explain one text."""

import asyncio
import sys
import time

from bench import wording
from bench.plan import Plan
from bench.server import ROOT, ours
from bench.stand_in import stand_in
from bench.table import Row


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
