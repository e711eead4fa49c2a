"""Cached pages of the public while many ask for the same ones, with intake beside, against Starlette's `ok`."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from bench.fill import fill_with
from bench.parts_desk import INTAKE
from bench.plan import Plan, against, alone
from bench.server import Server, bare, ours
from bench.stand_in import stand_in
from bench.table import Row

READERS = 32  # connections
MOST_RATE = 12_000  # pages a second, more than is taken


async def public(plan: Plan) -> list[Row]:
    """Each round: the ceiling, the server alone, the server while SMS come in. SQLite, one process."""
    rounds: dict[str, list[Any]] = {"ok": [], "pages": [], "beside": []}
    async with AsyncExitStack() as stack:
        twilio = await stack.enter_async_context(stand_in())
        folder = plan.room("public")
        filled = await fill_with(plan, folder, twilio.url, "SQLite", plan.desk_copies, {})
        ok = await stack.enter_async_context(bare("http"))
        server = await stack.enter_async_context(ours(folder, twilio.url))
        await _ask(plan, server, [server, ok])  # what is drawn once is there
        for number in range(plan.rounds):
            plan.say(f"public pages, round {number + 1}")
            rounds["ok"].append(await _ask(plan, ok, [server, ok]))
            rounds["pages"].append(await _ask(plan, server, [server, ok]))
            rounds["beside"].append(await _beside(plan, server, ok))
    title = f"the public's pages, {READERS} connections, seven addresses, kept and compressed"
    return [
        filled,
        against(title, rounds["pages"], rounds["ok"]),
        against(f"the same, {INTAKE} SMS/s beside", rounds["beside"], rounds["ok"]),
    ]


async def _ask(plan: Plan, of: Server, among: list[Server]) -> Any:
    limit = int(MOST_RATE * 2 * plan.seconds)
    return await alone(plan, "public pages", "pages", of.port, among, connections=READERS, limit=limit)


async def _beside(plan: Plan, server: Server, ok: Server) -> Any:
    async with asyncio.TaskGroup() as group:
        limit = int(INTAKE * plan.seconds)
        group.create_task(plan.load("SMS beside the pages", "paced", server.port, limit, rate=INTAKE))
        asked = group.create_task(_ask(plan, server, [server, ok]))
    return asked.result()
