"""Kept, then thanked: the disk, SMS and mail, each round A B A B with servers that keep nothing."""

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.beside import LeftOut, postfix
from bench.plan import Plan, against, alone
from bench.server import Server, bare, ours
from bench.slow_disk import ADDED_MS, shim
from bench.stand_in import stand_in
from bench.table import Row

BLOCK = bytes(4096)
DISK_BYTES = 16_777_216
SMS_RATE, OK_RATE = 12_000, 24_000  # messages a second that are signed beforehand: more than is taken
SMS, MAIL = 32, {"mail": 32, "photo": 8}  # connections

Rounds = dict[str, list[dict[str, Any]]]


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


# --- SMS --------------------------------------------------------------------------------------------------


async def sms(plan: Plan) -> list[Row]:
    """The webhook, as the disk is and with one that is slower on purpose. The backlog is thrown away."""
    async with AsyncExitStack() as stack:
        twilio = await stack.enter_async_context(stand_in())
        ok = await stack.enter_async_context(bare("http"))
        server = await stack.enter_async_context(ours(plan.room("sms"), twilio.url))
        slow = None
        if (preload := await shim(plan.folder)) is not None:
            slow = await stack.enter_async_context(ours(plan.room("slow"), twilio.url, preload))
        else:
            plan.left_out.append("a slower disk: there is no C compiler (cc)")
        rounds: Rounds = {name: [] for name in ("ok", "kept", "beside", "slow")}
        for number in range(plan.rounds):
            plan.say(f"SMS webhook, round {number + 1}")
            await _sms_round(plan, server, slow, ok, rounds)
        await _all_kept(server, [*rounds["kept"], *rounds["beside"]])
        if slow is not None:
            await _all_kept(slow, rounds["slow"])
    title = f"SMS webhook, {SMS} connections: signed, kept (fsync), 200"
    rows = [
        against(f"{title}; no work-off beside it", rounds["kept"], rounds["ok"]),
        against(f"the same, {ADDED_MS} ms added to each fsync", rounds["slow"], rounds["ok"]),
        against(
            "the same, as the disk is, kept messages being worked off beside it", rounds["beside"], rounds["ok"]
        ),
    ]
    return [row for row in rows if row.figures]


async def _sms_round(plan: Plan, server: Server, slow: Server | None, ok: Server, rounds: Rounds) -> None:
    among = [each for each in (server, slow, ok) if each is not None]

    async def say(name: str, port: int, rate: int) -> None:
        limit = int(rate * plan.seconds)
        rounds[name].append(await alone(plan, f"SMS {name}", "sms", port, among, connections=SMS, limit=limit))

    await say("ok", ok.port, OK_RATE)
    async with server.database_held():
        await say("kept", server.port, SMS_RATE)
    if slow is not None:
        async with slow.database_held():
            await say("slow", slow.port, SMS_RATE)
    await say("beside", server.port, SMS_RATE)


async def _all_kept(server: Server, rounds: list[dict[str, Any]]) -> None:
    thanked, kept = sum(one["done"] for one in rounds), await server.kept()
    if kept != thanked:
        raise RuntimeError(f"{thanked} messages were thanked, {kept} were kept")


# --- mail -------------------------------------------------------------------------------------------------


async def mail(plan: Plan) -> list[Row]:
    """Mail of 1 KB and with a photo, against aiosmtpd that discards, with Postfix's durable accept beside it."""
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        twilio = await stack.enter_async_context(stand_in())
        discard = await stack.enter_async_context(bare("smtp"))
        server = await stack.enter_async_context(ours(plan.room("mail"), twilio.url))
        theirs = None
        try:
            theirs = await stack.enter_async_context(postfix(plan.folder))
        except LeftOut as why:
            plan.left_out.append(f"Postfix beside our mail: {why}")
        thanked = []
        for what in MAIL:
            rounds = await _mail_rounds(plan, what, server, discard, theirs)
            thanked += rounds["ours"]
            rows += _mail_rows(what, rounds)
        await _all_kept(server, thanked)
    return rows


async def _mail_rounds(plan: Plan, what: str, server: Server, discard: Server, theirs: Server | None) -> Rounds:
    rounds: Rounds = {"discard": [], "ours": [], "Postfix": []}
    among = [each for each in (server, discard, theirs) if each is not None]

    async def say(name: str, port: int) -> None:
        limit = int(SMS_RATE * plan.seconds)
        rounds[name].append(
            await alone(plan, f"{what} {name}", what, port, among, connections=MAIL[what], limit=limit)
        )

    for number in range(plan.rounds):
        plan.say(f"{what}, round {number + 1}")
        await say("discard", discard.port)
        async with server.database_held():
            await say("ours", server.smtp)
        if theirs is not None:
            await say("Postfix", theirs.port)
    return rounds


def _mail_rows(what: str, rounds: Rounds) -> list[Row]:
    size = "1 KB" if what == "mail" else "with a 200 KB photo"
    rows = [
        against(f"mail {size}, {MAIL[what]} connections: kept (fsync), 250", rounds["ours"], rounds["discard"]),
        against("... beside it Postfix: into its queue (fsync), 250", rounds["Postfix"], rounds["discard"]),
    ]
    return [row for row in rows if row.figures]
