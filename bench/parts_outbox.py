"""What is owed, sent: in the server's own process, and by a delivery worker through rq; our own limits lifted."""

import asyncio
import time

from bench.beside import LeftOut, postgres, valkey
from bench.look import Look, look_into
from bench.plan import DRAIN_SECONDS, Plan
from bench.seed import owe, report_problems, store_of
from bench.server import Server, ours, until, worker
from bench.stand_in import stand_in
from bench.table import Row
from store.database import Store

LANES = {"sms": "an answer to Twilio's stand-in", "desk": "a hand-over to the desk"}


async def outbox(plan: Plan) -> list[Row]:
    """The server's own outbox, on SQLite."""
    async with stand_in() as twilio, ours(plan.room("outbox"), twilio.url, limits=False) as server:
        rates = {"sms": await _rounds(plan, server, "sms", "outbox")}
    return [Row(what=f"outbox in-process, {LANES['sms']} each, limits off", unit="/s", figures=rates["sms"])]


async def rq(plan: Plan) -> list[Row]:
    """One delivery worker, with Valkey and PostgreSQL; the server carries. And the worker's memory behind it."""
    try:
        async with (
            stand_in() as twilio,
            postgres(plan.folder, "rq") as (url,),
            valkey(plan.folder) as redis,
            ours(plan.room("rq"), twilio.url, {"DATABASE_URL": url, "REDIS_URL": redis}, limits=False) as server,
            worker(plan.folder / "rq", server, limits=False) as beside,
        ):
            started = beside.memory()
            rates = {channel: await _rounds(plan, server, channel, "rq") for channel in LANES}
            memory = {
                "started": started,
                f"after {sum(map(len, rates.values())) * plan.owed:,} deliveries": beside.memory(),
            }
    except LeftOut as why:
        plan.left_out.append(f"outbox through rq: {why}")
        return []
    title = "outbox through rq, one worker, limits off, PostgreSQL"
    return [
        *(Row(what=f"{title}: {LANES[each]} each", unit="/s", figures=figures) for each, figures in rates.items()),
        *(
            Row(what=f"memory of a delivery worker (PSS), {when}", unit="MiB", figures=[pss])
            for when, pss in memory.items()
        ),
    ]


async def _rounds(plan: Plan, server: Server, channel: str, name: str) -> list[float]:
    store = store_of(server)
    try:
        with look_into(server.database) as look:
            return [await _round(plan, store, look, channel, name, number) for number in range(plan.rounds)]
    finally:
        store.engine.dispose()


async def _round(plan: Plan, store: Store, look: Look, channel: str, name: str, number: int) -> float:
    """Deliveries a second, by the rows' own times: from the first that was claimed to the last written down."""
    plan.say(f"{channel} through {name}, round {number + 1}")
    before = look.last("deliveries")
    told = await asyncio.to_thread(report_problems, store, plan.numbers(plan.owed)["first"], plan.owed)

    async def in_the_search() -> bool:
        return look.number("SELECT count(*) FROM words_owed") == 0

    await until(in_the_search, "the reports are not found", seconds=DRAIN_SECONDS, every=0.05)
    await asyncio.to_thread(owe, store, channel, told)
    began, cpu_began = time.perf_counter(), time.process_time()
    mine = f"FROM deliveries WHERE id > {before}"

    async def all_left() -> bool:
        return look.number(f"SELECT count(*) {mine} AND state IN ('sent', 'delivered')") >= plan.owed

    await until(all_left, f"what is owed on {channel} does not leave", seconds=DRAIN_SECONDS, every=0.05)
    busy = (time.process_time() - cpu_began) / (time.perf_counter() - began)
    plan.note(f"{channel} stand-in of {name}", busy)
    return plan.owed / look.seconds("min(first_tried_at)", "max(updated_at)", mine)
