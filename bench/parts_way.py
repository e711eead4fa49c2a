"""The whole way, sustained: from the SMS to the committed report and what is owed for it, intake beside it."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.beside import LeftOut, postgres, valkey
from bench.fill import fill_with
from bench.look import look_into
from bench.plan import DRAIN_SECONDS, Plan
from bench.server import Server, ours, until, worker
from bench.stand_in import StandIn, stand_in
from bench.table import Row

WITHIN = 1000  # messages that are kept and no report yet, at most
WAY_RATE = 3_000  # messages a second that are signed beforehand
TITLE = "SMS in -> report, history, reply and hand-over committed, sustained"


async def way(plan: Plan) -> list[Row]:
    """On SQLite in one process; on PostgreSQL with Valkey and a delivery worker, all on the same cores."""
    rows = []
    async with stand_in() as twilio:
        async with ours(plan.room("way"), twilio.url) as server:
            rates = [await _round(plan, server, "SQLite", number) for number in range(plan.rounds)]
            rows.append(Row(what=f"{TITLE}: SQLite", unit="/s", figures=rates))
        try:
            async with (
                postgres(plan.folder, "way") as (url,),
                _with_worker(plan.room("way-postgres"), twilio, url) as (server, _),
            ):
                rates = [await _round(plan, server, "PostgreSQL", number) for number in range(plan.rounds)]
        except LeftOut as why:
            plan.left_out.append(f"the whole way on PostgreSQL: {why}")
        else:
            rows.append(Row(what=f"{TITLE}: PostgreSQL, Valkey and a worker", unit="/s", figures=rates))
    return rows


@asynccontextmanager
async def _with_worker(folder: Path, twilio: StandIn, database: str) -> AsyncIterator[tuple[Server, Server]]:
    """A server on PostgreSQL and its delivery worker, with a Valkey of their own."""
    async with (
        valkey(folder) as redis,
        ours(folder, twilio.url, {"DATABASE_URL": database, "REDIS_URL": redis}) as server,
        worker(folder, server) as beside,
    ):
        yield server, beside


async def _round(plan: Plan, server: Server, name: str, number: int) -> float:
    """Reports a second; behind it all that was thanked has become a report with all that belongs to it."""
    plan.say(f"the whole way on {name}, round {number + 1}")
    with look_into(server.database) as look:
        before = {table: look.last(table) for table in ("reports", "status_updates", "deliveries")}
        seen = await plan.load(
            f"whole way {name}",
            "whole-way",
            server.port,
            int(WAY_RATE * (plan.way_seconds + 1)) + WITHIN,
            seconds=plan.way_seconds,
            within=WITHIN,
            database=server.database,
        )
        done = int(seen["done"])

        async def is_worked_off() -> bool:
            return look.reports(before["reports"]) >= done

        await until(is_worked_off, "the whole way's messages are no reports", seconds=DRAIN_SECONDS, every=0.05)
        for table, each in (("reports", 1), ("status_updates", 2), ("deliveries", 2)):
            made = int(look.number(f"SELECT count(*) FROM {table} WHERE id > {before[table]}"))
            if table == "deliveries":  # what belongs to a surge is handed over with it, in one line
                in_surges = f"SELECT count(*) FROM reports WHERE surge_id IS NOT NULL AND id > {before['reports']}"
                made += int(look.number(in_surges))
            if made < done * each:
                raise RuntimeError(f"{done} messages made {made} rows in {table}, not {done * each}")
    return float(seen["rate"])


# --- with a big store -------------------------------------------------------------------------------------


async def million(plan: Plan) -> list[Row]:
    """The same with many reports in the store, in turns with a server whose store began empty."""
    rows = []
    async with stand_in() as twilio:
        full = plan.room("full")
        rows.append(await fill_with(plan, full, twilio.url, "SQLite", plan.copies, {}))
        async with ours(plan.room("empty"), twilio.url) as empty, ours(full, twilio.url) as big:
            rows.append(await _compared(plan, "SQLite", (empty,), (big,)))
        shutil.rmtree(full)
        try:
            async with postgres(plan.folder, "began_empty", "filled") as (small, large):
                full = plan.room("full-postgres")
                settings = {"DATABASE_URL": large}
                rows.append(await fill_with(plan, full, twilio.url, "PostgreSQL", plan.copies, settings))
                async with (
                    _with_worker(plan.room("empty-postgres"), twilio, small) as empty_ones,
                    _with_worker(full, twilio, large) as big_ones,
                ):
                    rows.append(await _compared(plan, "PostgreSQL", empty_ones, big_ones))
        except LeftOut as why:
            plan.left_out.append(f"a big store on PostgreSQL: {why}")
    return rows


async def _compared(plan: Plan, name: str, empty: Sequence[Server], big: Sequence[Server]) -> Row:
    rates: dict[str, list[float]] = {"empty": [], "big": []}
    for number in range(plan.rounds):
        for which, (mine, others) in {"empty": (empty, big), "big": (big, empty)}.items():
            for server in others:
                server.freeze()
            rates[which].append(await _round(plan, mine[0], f"{name}, {which} store", number))
            for server in others:
                server.thaw()
    return Row(
        what=f"{TITLE}: {name}, {plan.copies:,} reports in the store; the ceiling is a store that began empty",
        unit="/s",
        figures=rates["big"],
        ceilings=rates["empty"],
    )
