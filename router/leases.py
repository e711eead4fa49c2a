"""One poller an account: of several servers only the one that holds the account's lease asks its provider."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import TypeAlias

from config.settings import Settings
from router.house import House
from store.leases import LASTS, database_now, give_back, take

log = logging.getLogger("lapor.leases")

LOOK_SECONDS = 5.0  # how often a server that waits looks whether it is its turn
RENEW_SECONDS = 15.0
ASK_SECONDS = 10.0  # a database that takes longer has said nothing
GIVE_BACK_SECONDS = 3.0

Receive: TypeAlias = Callable[[], Awaitable[object]]


def polled_account(channel: str, settings: Settings) -> str | None:
    """The account that one server at a time may poll; None where nothing is polled. Never a secret."""
    if channel == "telegram" and settings.telegram_token and not settings.telegram_webhook_secret:
        bot, colon, _ = settings.telegram_token.partition(":")
        return f"telegram:{bot if colon and bot.isdecimal() else _digest(settings.telegram_token)}"
    if channel == "x" and settings.has_x and settings.x_access_token:
        return f"x:{_x_user(settings.x_access_token)}"
    return None


def _x_user(token: str) -> str:
    """X writes the user's id before the token's hyphen; of a token without one a digest tells accounts apart."""
    user, hyphen, _ = token.partition("-")
    return user if hyphen and user.isdecimal() else _digest(token)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()[:16]


def by_one_server(house: House, channel: str, receive: Receive) -> Receive:
    """The same `receive`, which with a polled account runs only while this server holds its lease."""
    account = polled_account(channel, house.settings)
    return partial(in_turn, Claim(house=house, name=account), receive) if account else receive


def _this_process() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(kw_only=True, slots=True)
class Claim:
    """One process's claim to a lease. `is_ours` is what the database said last, also while it is away."""

    house: House
    name: str
    holder: str = field(default_factory=_this_process)
    lasts: timedelta = LASTS
    look_seconds: float = LOOK_SECONDS
    renew_seconds: float = RENEW_SECONDS
    ask_seconds: float = ASK_SECONDS
    is_ours: bool = False
    asking: "asyncio.Future[bool] | None" = None


async def in_turn(claim: Claim, receive: Receive) -> None:
    """Wait for the lease, then receive until it is lost, and wait again. Ends when `receive` returns or raises.

    The lease is needed to start, not to go on: while the database is away its holder receives all the same.
    However this ends, the lease is given back.
    """
    try:
        while True:
            await _wait(claim)
            log.info("%s: this server polls", claim.name)
            if await _ends_while_ours(claim, receive):
                return
            log.warning("%s: another server polls by now, this one waits", claim.name)
    finally:
        await _give_back(claim)


async def _wait(claim: Claim) -> None:
    is_told = False
    while not await _ask(claim):
        if not is_told:
            log.info("%s: another server polls, or the database is away; this one waits", claim.name)
        is_told = True
        await asyncio.sleep(claim.look_seconds)


async def _ends_while_ours(claim: Claim, receive: Receive) -> bool:
    """Receive and renew side by side; True when `receive` returned, False when the lease is somebody else's."""
    receiving, renewing = asyncio.ensure_future(receive()), asyncio.create_task(_renew(claim))
    try:
        done, _ = await asyncio.wait((receiving, renewing), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return receiving in done
    finally:
        receiving.cancel()
        renewing.cancel()
        await asyncio.gather(receiving, renewing, return_exceptions=True)


async def _renew(claim: Claim) -> None:
    """Returns when somebody else holds the lease."""
    while True:
        await asyncio.sleep(claim.renew_seconds)
        if not await _ask(claim):
            return


async def _ask(claim: Claim) -> bool:
    """Take the lease or renew it. A database that does not answer in time leaves it as it was.

    One that hangs is asked once, however often we come back: it costs one thread.
    """
    if claim.asking is None:
        claim.asking = asyncio.get_running_loop().run_in_executor(None, _take, claim)
    if (await asyncio.wait((claim.asking,), timeout=claim.ask_seconds))[0]:
        answer, claim.asking = claim.asking, None
        if error := answer.exception():
            log.debug("%s: the lease cannot be asked for: %s", claim.name, type(error).__name__)
        else:
            claim.is_ours = answer.result()
    return claim.is_ours


def _take(claim: Claim) -> bool:
    with claim.house.store.write() as session:
        now = database_now(session, claim.house.now())
        return take(session, claim.name, claim.holder, now, claim.lasts)


async def _give_back(claim: Claim) -> None:
    """As far as the database lets us: else it runs out by itself, and until then we may go on."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GIVE_BACK_SECONDS):
            if claim.asking is not None:  # it would take the lease again behind our back
                await asyncio.wait((claim.asking,))
                claim.asking.exception()  # whatever it was
                claim.asking = None
            try:
                await asyncio.to_thread(_let_go, claim)
                claim.is_ours = False
            except Exception as error:
                log.info("%s: the lease runs out by itself: %s", claim.name, type(error).__name__)


def _let_go(claim: Claim) -> None:
    with claim.house.store.write() as session:
        give_back(session, claim.name, claim.holder)
