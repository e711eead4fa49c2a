"""Works off what is owed: claim, send, write down; here and now, or through rq."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from channels import CHANNELS
from channels.protocol import Connection
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    Button,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)
from router.codes import thread_of
from router.house import House
from store.models import Delivery
from store.work import GIVE_UP_AFTER, claim_deliveries, wait_after

log = logging.getLogger("lapor.outbox")

AT_ONCE = 50
SEND_SECONDS = 90.0  # longer than any channel's own limit: the last resort against one that hangs


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """A claimed delivery with everything that sending needs, free of the database session."""

    row: Delivery
    message: OutboundMessage

    @property
    def may_have_arrived(self) -> bool:
        return self.row.last_error == "uncertain"


class Desk:
    """The hand-over to our own desk: the agency's queue shows the report; nothing goes over a wire."""

    async def send(self, message: OutboundMessage) -> str:
        return f"desk:{message.delivery_id}"

    async def fetch(self, attachment: Attachment) -> bytes:
        raise PermanentFailure("the desk has no photos of its own")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        return f"desk:{message.delivery_id}"


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Mapping[str, Connection]]:
    """One connection per channel's module, and the desk."""
    async with AsyncExitStack() as stack:
        by_module = {
            id(module): await stack.enter_async_context(module.connect(settings)) for module in CHANNELS.values()
        }
        yield {"desk": Desk()} | {name: by_module[id(module)] for name, module in CHANNELS.items()}


async def deliver_due(
    house: House,
    connections: Mapping[str, Connection],
    ids: Iterable[int] | None = None,
    limit: int = AT_ONCE,
) -> int:
    """Send what is due (with `ids`: of these), side by side; the number of deliveries that were tried."""
    claimed = await asyncio.to_thread(_claim, house, limit, ids)
    await asyncio.gather(*(_deliver(house, connections, owed) for owed in claimed))
    return len(claimed)


def _claim(house: House, limit: int, ids: Iterable[int] | None) -> list[Owed]:
    with house.store.write() as session:
        rows = claim_deliveries(session, house.now(), limit, ids)
        return [Owed(row=row, message=_message(house, row)) for row in rows]


def _message(house: House, row: Delivery) -> OutboundMessage:
    address, report = row.address, row.report
    return OutboundMessage(
        delivery_id=row.id,
        channel=row.channel,  # type: ignore[arg-type]
        account=address.account if address else "",
        to=house.store.sealer.open(address.sealed) if address else "",
        text=row.text,
        subject=row.subject,
        in_reply_to=row.in_reply_to,
        thread=thread_of(house.keys.derive("thread"), report.code) if report and address else None,
        buttons=tuple(Button(text=text, value=value) for text, value in row.buttons),
        ask_position=row.ask_position,
        first_tried_at=row.first_tried_at,
    )


async def _deliver(house: House, connections: Mapping[str, Connection], owed: Owed) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            provider_id = await _send(connections, owed)
    except TimeoutError:
        await asyncio.to_thread(_later, house, owed, TemporaryFailure("no answer in time", uncertain=True))
    except TemporaryFailure as failure:
        await asyncio.to_thread(_later, house, owed, failure)
    except PermanentFailure as failure:
        await asyncio.to_thread(_failed, house, owed, str(failure))
    except Exception as error:
        log.exception("delivery %s broke", owed.row.id)
        await asyncio.to_thread(_later, house, owed, TemporaryFailure(f"our mistake: {type(error).__name__}"))
    else:
        await asyncio.to_thread(_sent, house, owed, provider_id)
    house.wake()


async def _send(connections: Mapping[str, Connection], owed: Owed) -> str:
    connection = connections.get(owed.message.channel)
    if connection is None:
        raise PermanentFailure(f"there is no channel {owed.message.channel}")
    if owed.may_have_arrived:
        found = await connection.find(owed.message)
        if isinstance(found, str):
            return found
    return await connection.send(owed.message)


def _sent(house: House, owed: Owed, provider_id: str) -> None:
    with house.store.write() as session:
        row = session.get_one(Delivery, owed.row.id, with_for_update=True)
        row.state = "delivered" if row.channel == "desk" else "sent"
        row.provider_id, row.last_error, row.lease_until = provider_id[:300], None, None
        row.updated_at = house.now()


def _later(house: House, owed: Owed, failure: TemporaryFailure) -> None:
    now = house.now()
    if now - owed.row.created_at > GIVE_UP_AFTER:
        _failed(house, owed, str(failure))
        return
    with house.store.write() as session:
        row = session.get_one(Delivery, owed.row.id, with_for_update=True)
        row.state = "unknown" if failure.uncertain else "waiting"
        row.last_error, row.lease_until, row.updated_at = str(failure)[:300], None, now
        row.next_attempt_at = now + max(wait_after(row.attempts, failure.retry_after), timedelta(milliseconds=200))


def _failed(house: House, owed: Owed, reason: str) -> None:
    log.warning("delivery %s failed for good", owed.row.id)
    with house.store.write() as session:
        row = session.get_one(Delivery, owed.row.id, with_for_update=True)
        row.state, row.last_error, row.lease_until = "failed", reason[:300], None
        row.updated_at = house.now()
