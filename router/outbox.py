"""Works off what is owed: claim, send, write down; here and now, or through rq."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from channels import CHANNELS, agency_queue, webhook
from channels.protocol import Connection
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)
from router import metrics
from router.claims import Owed, claim, owed_by
from router.elsewhere import is_unwanted, note_unreachable, withdraw
from router.house import House
from router.limits import LONGEST_WAIT, Limits
from router.public_hooks import note_subscriber
from router.receipts import is_any_early, take_early
from router.ways import note_outcome
from store.models import AgencyWay, Delivery
from store.steps import reached
from store.ways import Try, note_try, ways_by_id
from store.work import GIVE_UP_AFTER, LEASE, UNFINISHED, note_sent, wait_after

log = logging.getLogger("lapor.outbox")

Answer = TypeVar("Answer")

AT_ONCE = 200
TOGETHER_SECONDS = 0.02  # a moment: longer, and a death in it leaves more answers that may have arrived
TURN_SECONDS = 0.1  # what our own limit holds back leaves in turns, and is written down a turn at a time
WITH_RECEIPTS = ("sms", "whatsapp")
WAY_PAUSE = 60.0  # seconds at most that one agency's own system is left alone after it failed
OUT_ONLY = {"webhook": webhook, "queue": agency_queue}  # agencies' own systems: no citizen speaks there
AWAY = (OperationalError, InterfaceError, PoolTimeout)
AT_HAND = ("desk", "web")  # nothing goes over a wire: it stands on a page of ours
SEND_SECONDS = 90.0  # longer than any channel's own limit: the last resort against one that hangs
# Of a claim: a try that begins later may not be over when the claim is, and then others take it for a dead one's.
GOOD_FOR_SECONDS = LEASE.total_seconds() - SEND_SECONDS


class Desk:
    """Hand-overs to our own desk that an earlier version still owes; today they are done with the commit."""

    async def send(self, message: OutboundMessage) -> str:
        return f"desk:{message.delivery_id}"

    async def fetch(self, attachment: Attachment) -> bytes:
        raise PermanentFailure("the desk has no photos of its own")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        return f"desk:{message.delivery_id}"


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Mapping[str, Connection]]:
    """One connection per channel's module, the desk, and the ways to agencies' own systems."""
    async with AsyncExitStack() as stack:
        ways = {name: await stack.enter_async_context(way.connect(settings)) for name, way in OUT_ONLY.items()}
        by_module = {
            id(module): await stack.enter_async_context(module.connect(settings)) for module in CHANNELS.values()
        }
        yield {"desk": Desk()} | ways | {name: by_module[id(module)] for name, module in CHANNELS.items()}


async def deliver_due(
    house: House,
    connections: Mapping[str, Connection],
    ids: Iterable[int] | None = None,
    limit: int = AT_ONCE,
    channel: str | None = None,
    limits: Limits | None = None,
) -> int:
    """Send what is due (of these `ids`, on this `channel`), side by side; the number that was tried.

    What ends within the same moment is written down in one transaction. What was claimed too long ago, because
    this process stood still or the database did, is not sent: it may be somebody else's soon.
    """
    too_late = time.monotonic() + GOOD_FOR_SECONDS
    claimed = await asyncio.to_thread(claim, house, limit, ids, channel)
    limits = limits or Limits()
    owed = await _once_it_answers(partial(owed_by, house, claimed), AWAY) if claimed else []
    sending = {asyncio.create_task(_try(connections, each, limits, too_late)) for each in owed}
    while sending:
        ended, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        if sending:
            soon, sending = await asyncio.wait(sending, timeout=TOGETHER_SECONDS)
            ended |= soon
        reached("send, answered")
        outcomes = [task.result() for task in ended]
        await _once_it_answers(partial(_written_down, house, outcomes), (SQLAlchemyError,))
        reached("write down, committed")
    return len(claimed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a try ended: the provider's id, or what went wrong."""

    owed: Owed
    provider_id: str = ""
    failure: TemporaryFailure | PermanentFailure | None = None
    is_ours: bool = False  # we held it back ourselves: no reason ever to give it up
    seconds: float = 0.0  # what the try took

    @property
    def is_taken_for_citizen(self) -> bool:
        row = self.owed.row
        return self.failure is None and row.way_id is None and row.subscription_id is None


async def _try(connections: Mapping[str, Connection], owed: Owed, limits: Limits, too_late: float) -> Outcome:
    reached("claim, committed")
    if owed.waits is not None:
        return Outcome(owed=owed, failure=owed.waits, is_ours=True)
    channel, to = owed.line, owed.message.to
    if (wait := limits.take(channel, to)) > LONGEST_WAIT:
        failure = TemporaryFailure("our own limit for this channel", retry_after=wait)
        return Outcome(owed=owed, failure=failure, is_ours=True)
    await asyncio.sleep(math.ceil(wait / TURN_SECONDS) * TURN_SECONDS)
    if (wait := limits.paused(channel)) > 0:  # the provider asked for a pause meanwhile
        failure = TemporaryFailure("the provider's pause", retry_after=wait)
        return Outcome(owed=owed, failure=failure, is_ours=True)
    began = time.monotonic()
    if began > too_late:
        return Outcome(owed=owed, failure=TemporaryFailure("claimed too long ago", retry_after=0.0), is_ours=True)
    sent = await _sending(connections, owed, limits)
    seconds = time.monotonic() - began
    if isinstance(sent, str):
        return Outcome(owed=owed, provider_id=sent, seconds=seconds)
    return Outcome(owed=owed, failure=sent, seconds=seconds)


async def _sending(
    connections: Mapping[str, Connection], owed: Owed, limits: Limits
) -> str | TemporaryFailure | PermanentFailure:
    """The provider's id, or why there is none."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            return await _send(connections, owed)
    except TimeoutError:
        return TemporaryFailure("no answer in time", uncertain=True)
    except (TemporaryFailure, PermanentFailure) as failure:
        if isinstance(failure, TemporaryFailure) and (wait := _pause_after(owed, failure)) > 0:
            limits.pause(owed.line, wait)
        return failure
    except Exception as error:
        log.error("delivery %s broke: %s", owed.row.id, type(error).__name__)  # noqa: TRY400  (may hold a token)
        return TemporaryFailure(f"our mistake: {type(error).__name__}", uncertain=True)


def _pause_after(owed: Owed, failure: TemporaryFailure) -> float:
    """Seconds for which nothing leaves on this line: what the provider says. An agency's system that failed is
    left alone a while in any case, so that thousands of its reports do not hold up another agency's."""
    if failure.retry_after is not None or not owed.is_to_system:
        return failure.retry_after or 0.0
    return min(wait_after(owed.row.attempts).total_seconds(), WAY_PAUSE)


async def _send(connections: Mapping[str, Connection], owed: Owed) -> str:
    connection = connections.get(owed.message.channel)
    if connection is None:
        raise PermanentFailure(f"there is no channel {owed.message.channel}")
    if owed.may_have_arrived:
        found = await _find(connection, owed)
        if isinstance(found, str):
            return found
    reached("send, before")
    with metrics.sending(owed.row):
        return await connection.send(owed.message)


async def _find(connection: Connection, owed: Owed) -> str | CannotTell | None:
    """Look a message up whose sending ended without an answer.

    Where the provider cannot tell it is sent once more; a second try without an answer is the last one: better
    one message too few, seen by the officials, than the same one again and again.
    """
    try:
        found = await connection.find(owed.message)
    except TemporaryFailure as failure:  # nothing was sent now: it is as uncertain as it was
        raise TemporaryFailure(str(failure), retry_after=failure.retry_after) from None
    if found is CannotTell.CANNOT_TELL and owed.row.uncertain > 1:
        raise PermanentFailure("twice without an answer: it may have arrived")
    if found is CannotTell.CANNOT_TELL:
        metrics.sent_again(owed.message.channel)
    return found


async def _once_it_answers(ask: Callable[[], Answer], away: tuple[type[SQLAlchemyError], ...]) -> Answer:
    """What the database says; while it is away we wait: what we claimed nobody else sends, and what was sent must
    not be sent again."""
    wait = 0.2
    while True:
        try:
            return await asyncio.to_thread(ask)
        except away as error:
            log.warning("the outbox waits for the database: %s", type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)


def _written_down(house: House, outcomes: Sequence[Outcome]) -> None:
    _write_down(house, outcomes)
    _hear_early(house, outcomes)


def _write_down(house: House, outcomes: Sequence[Outcome]) -> None:
    """What a provider took for a citizen, which is nearly all, by one statement; the rest row by row."""
    taken = [outcome for outcome in outcomes if outcome.is_taken_for_citizen]
    with house.store.write() as session:
        note_sent(session, house.now(), {each.owed.row.id: _sent_as(each) for each in taken})
        rows = _note_each(house, session, [outcome for outcome in outcomes if not outcome.is_taken_for_citizen])
        reached("write down, before commit")
    metrics.written_down([(each.owed.row.channel, "sent") for each in taken])
    metrics.written_down([(row.channel, "sent" if row.state == "delivered" else row.state) for row in rows])


def _note_each(house: House, session: Session, outcomes: Sequence[Outcome]) -> list[Delivery]:
    if not outcomes:
        return []
    ids = sorted(outcome.owed.row.id for outcome in outcomes)
    query = select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.id).with_for_update()
    rows = {row.id: row for row in session.scalars(query)}
    ways = ways_by_id(session, [row.way_id for row in rows.values() if row.way_id is not None])
    for outcome in outcomes:
        row = rows.get(outcome.owed.row.id)  # None: its person asked to be forgotten meanwhile
        if row is not None and not _is_anothers(row, outcome):
            _note(house, session, row, outcome, ways)
    return list(rows.values())


def _is_anothers(row: Delivery, outcome: Outcome) -> bool:
    """Whether it was claimed anew while we tried: how it goes on is not ours to say, unless it went out."""
    return outcome.failure is not None and row.attempts != outcome.owed.row.attempts


def _note(house: House, session: Session, row: Delivery, outcome: Outcome, ways: Mapping[int, AgencyWay]) -> None:
    failure = outcome.failure
    row.lease_until, row.updated_at = None, house.now()
    if row.way_id is not None and not outcome.is_ours:
        note_outcome(session, ways[row.way_id], failure, house, outcome.provider_id)
    if row.subscription_id is not None and not outcome.is_ours:
        note_subscriber(session, row.subscription_id, failure, house)
    if failure is None:
        row.state, row.provider_id = _sent_as(outcome)
        row.last_error = None
    elif isinstance(failure, TemporaryFailure) and is_unwanted(row):
        withdraw(session, row, house)
    elif isinstance(failure, TemporaryFailure) and (outcome.is_ours or _is_young(row, house)):
        _later(row, failure, house)
    else:
        _failed(row, str(failure))
        if isinstance(failure, PermanentFailure) and failure.of_address:
            note_unreachable(session, row, str(failure), house)
    if row.way_id is not None and not outcome.is_ours:
        note_try(row, _try_of(outcome, row, house))


def _try_of(outcome: Outcome, row: Delivery, house: House) -> Try:
    """As the log of a way has it; `row` is written down already."""
    return Try(
        at=house.now() - timedelta(seconds=outcome.seconds),
        seconds=round(outcome.seconds, 3),
        is_taken=outcome.failure is None,
        said=outcome.provider_id if outcome.failure is None else str(outcome.failure),
        next_at=row.next_attempt_at if row.state in UNFINISHED else None,
    )


def _is_young(row: Delivery, house: House) -> bool:
    return house.now() - row.created_at <= GIVE_UP_AFTER


def _hear_early(house: House, outcomes: Sequence[Outcome]) -> None:
    """Only channels with receipts; behind the commit that wrote the ids, so that none slips between."""
    told = [
        each.owed.row.id for each in outcomes if each.failure is None and each.owed.row.channel in WITH_RECEIPTS
    ]
    if not told:
        return
    with house.store.read() as session:
        is_any = is_any_early(session)
    if is_any:
        with house.store.write() as session:
            take_early(house, session, list(session.scalars(select(Delivery).where(Delivery.id.in_(told)))))


def _sent_as(outcome: Outcome) -> tuple[str, str]:
    """The state that it leaves behind, and the provider's id."""
    return "delivered" if outcome.owed.row.channel in AT_HAND else "sent", outcome.provider_id[:300]


def _later(row: Delivery, failure: TemporaryFailure, house: House) -> None:
    may_have_arrived = failure.uncertain or row.last_error == "uncertain"  # in this try, or in one before it
    row.state = "unknown" if may_have_arrived else "waiting"
    row.uncertain += failure.uncertain
    row.last_error = str(failure)[:300]
    wait = max(wait_after(row.attempts, failure.retry_after), timedelta(milliseconds=200))
    row.next_attempt_at = house.now() + wait


def _failed(row: Delivery, reason: str) -> None:
    log.warning("delivery %s failed for good", row.id)
    row.state, row.last_error = "failed", reason[:300]
