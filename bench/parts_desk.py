"""The desk and the public's window over a full store, at a pace, while SMS come in."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx

from bench.beside import LeftOut, postgres
from bench.fill import fill_with
from bench.look import look_into
from bench.plan import Plan
from bench.seed import store_of
from bench.server import Server, ours
from bench.stand_in import StandIn, stand_in
from bench.table import Row
from bench.wire import percentiles
from desk.doors import COOKIE
from store import accounts
from store.database import Store

PACE = 20  # requests a second
INTAKE = 10  # SMS a second beside: a flood day's 20,000 in half an hour
WORDS = ("lampu", "lampu mati manggarai", "berlubang kemang", "tebet barat", "sampahnya", "street light", "B1234")
GROUPS = ("new", "due", "late", "waiting", "all", "done")
OFFICIALS = {"bench": ("triage", None), "bench-dbm": ("officer", "dbm")}  # one sees all, one what half of all is

A_REPORT = "a report's page"

Ask = Callable[[random.Random], str]  # an address


async def desk(plan: Plan) -> list[Row]:
    """On SQLite, in one process."""
    async with stand_in() as twilio:
        return await _over(plan, plan.room("desk"), twilio, "SQLite", plan.desk_copies, {})


async def desk_postgres(plan: Plan) -> list[Row]:
    """On PostgreSQL with as many reports as the big store has."""
    try:
        async with stand_in() as twilio, postgres(plan.folder, "desk") as (url,):
            settings = {"DATABASE_URL": url}
            return await _over(plan, plan.room("desk-postgres"), twilio, "PostgreSQL", plan.copies, settings)
    except LeftOut as why:
        plan.left_out.append(f"the desk on PostgreSQL: {why}")
        return []


async def _over(
    plan: Plan, folder: Path, twilio: StandIn, name: str, count: int, settings: Mapping[str, str]
) -> list[Row]:
    filled = await fill_with(plan, folder, twilio.url, name, count, settings)
    async with ours(folder, twilio.url, settings) as server:
        await server.rest()
        store = store_of(server)
        cookies = [_log_in(store, name) for name in OFFICIALS]
        store.engine.dispose()
        with look_into(server.database) as look:
            last = look.last("reports")
        async with asyncio.TaskGroup() as group:
            pages = group.create_task(_pages(plan, server, cookies, last, name))
            group.create_task(_intake(plan, server))
        return [filled, *pages.result()]


def _log_in(store: Store, name: str) -> str:
    """The value of this official's cookie."""
    now, (role, agency_id) = datetime.now(UTC), OFFICIALS[name]
    with store.write() as session:
        accounts.add_officer(session, name, role, agency_id, now=now)
        officer = accounts.find_officer(session, name)
        if officer is None:
            raise RuntimeError("the official's account could not be made")
        officer.must_change_password = False
        return accounts.open_session(session, officer, now=now)


async def _intake(plan: Plan, server: Server) -> None:
    seconds = len(_asks(1)) * plan.desk_seconds
    await plan.load("SMS beside the desk", "paced", server.port, int(INTAKE * seconds), rate=INTAKE)


async def _pages(plan: Plan, server: Server, cookies: Sequence[str], last: int, name: str) -> list[Row]:
    rows, luck = [], random.Random(4)
    limits = httpx.Limits(max_connections=64)
    base = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=60) as client:
        for what, ask in _asks(last).items():
            plan.say(f"{name}: {what}, {PACE} a second")
            who = cookies[:1] if what == A_REPORT else cookies  # a report of whatever agency
            asks = [(ask(luck), luck.choice(who)) for _ in range(int(PACE * plan.desk_seconds))]
            await _at_a_pace(client, asks[:2])  # what is made once and kept is there
            seen = percentiles(await _at_a_pace(client, asks))
            p50, p95, p99 = ([seen[each]] for each in ("p50", "p95", "p99"))
            rows.append(Row(what=f"{name}: {what}, {PACE}/s", unit="ms (p95)", figures=p95, p50=p50, p99=p99))
    return rows


def _asks(last: int) -> dict[str, Ask]:
    """What is asked for; a copy's code is B and its number (bench/fill.py)."""
    return {
        "the desk's queue": lambda luck: f"/desk?group={luck.choice(GROUPS)}&page={luck.choice((1, 1, 1, 2, 5))}",
        "its search": lambda luck: f"/desk?q={quote(luck.choice(WORDS))}",
        "its map": lambda luck: f"/desk/map.json?group={luck.choice(GROUPS)}",
        A_REPORT: lambda luck: f"/desk/r/B{luck.randrange(last // 2, last)}",
        "the public's map": lambda luck: f"/map.json?bbox={_box(luck)}&zoom={luck.randrange(10, 19)}",
        "the public's list": lambda luck: f"/?days={luck.choice((7, 30, 90))}&page={luck.randrange(1, 4)}",
        "a public report": lambda luck: f"/r/B{luck.randrange(last // 2, last)}",
    }


def _box(luck: random.Random) -> str:
    west, south = luck.uniform(106.7, 106.9), luck.uniform(-6.3, -6.15)
    return f"{west:.4f},{south:.4f},{west + 0.06:.4f},{south + 0.05:.4f}"


async def _at_a_pace(client: httpx.AsyncClient, asks: Sequence[tuple[str, str]]) -> list[float]:
    """Seconds from when each was due to its whole answer, whatever the server does."""
    times: list[float] = []

    async def get(path: str, cookie: str, due: float) -> None:
        answer = await client.get(path, headers={"Cookie": f"{COOKIE}={cookie}"})
        if answer.status_code != 200:
            raise RuntimeError(f"{path.partition('?')[0]} answered {answer.status_code}")
        times.append(time.monotonic() - due)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, (path, cookie) in enumerate(asks):
            due = began + number / PACE
            await asyncio.sleep(due - time.monotonic())
            group.create_task(get(path, cookie, due))
    return times
