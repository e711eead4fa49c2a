"""accept() keeps what a channel heard; work_off() gives every kept message its effect, in order per lane."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from channels import CHANNELS
from channels.protocol import Accept, Cursor
from normalizer.schema import InboundMessage, Press, Receipt
from router.house import House
from router.intake import Heard, take_messages, understand
from router.receipts import take_receipt
from store.journal import IN_ROW_LIMIT, Entry, Journal
from store.steps import reached
from store.work import wait_after

log = logging.getLogger("lapor.journal")

_bodies = ThreadPoolExecutor(8, "bodies")  # of its own: intake never waits for whoever waits for the database

BATCH = 100  # entries in one transaction
DOWN = {"OperationalError", "InterfaceError", "AdminShutdown", "CannotConnectNow"}
TRIES = 5  # of an entry that our own code cannot digest, before it is set aside


class DatabaseDown(Exception):  # noqa: N818
    """The database does not answer; everything waits in the journal."""


def accept_for(journal: Journal, channel: str, wake: Callable[[], None]) -> Accept:
    """The accept() that one channel is handed."""

    async def accept(*, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        reached("accept, not kept")
        put = partial(journal.put, channel=channel, external_id=external_id, lane=lane, raw=raw, meta=meta)
        # a large body is written as a file of its own: not on the loop
        is_large = len(raw) > IN_ROW_LIMIT
        kept = await asyncio.get_running_loop().run_in_executor(_bodies, put) if is_large else put()
        await asyncio.shield(asyncio.wrap_future(kept))
        reached("accept, kept, not answered")
        wake()

    return accept


class JournalCursor:
    """A polling channel's place, kept in the journal."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    async def get(self) -> str | None:
        return await asyncio.to_thread(self._journal.get_cursor, self._name)

    async def put(self, value: str) -> None:
        await asyncio.wrap_future(self._journal.put_cursor(self._name, value))


def cursor_for(journal: Journal, channel: str) -> Cursor:
    return JournalCursor(journal, channel)


def work_off(house: House, journal: Journal, limit: int = BATCH) -> int:
    """Give waiting entries their effect; the number of those that had it. Raises DatabaseDown.

    All that can be read goes into one transaction. When one of them breaks it, they are taken one by one: an
    entry that fails is tried again later and holds up its own lane only; after five tries it is set aside.
    """
    entries = journal.waiting(limit)
    try:
        process(house, entries)
        journal.done([entry.key for entry in entries])
        return len(entries)
    except DBAPIError as error:
        if _is_down(error):
            raise DatabaseDown(type(error.orig).__name__) from error
    except (OSError, PoolTimeout) as error:  # the disk of the photos: ours to wait for, not the messages' fault
        raise DatabaseDown(type(error).__name__) from error
    except Exception as error:
        log.info("%d entries are taken one by one: %s", len(entries), type(error).__name__)
    return _one_by_one(house, journal, entries)


def _one_by_one(house: House, journal: Journal, entries: Sequence[Entry]) -> int:
    finished: list[str] = []
    stuck: set[tuple[str, str]] = set()
    try:
        for entry in entries:
            if (entry.channel, entry.lane) in stuck:
                continue
            if _try(house, journal, entry):
                finished.append(entry.key)
            else:
                stuck.add((entry.channel, entry.lane))
    finally:
        journal.done(finished)
    return len(finished)


def _try(house: House, journal: Journal, entry: Entry) -> bool:
    try:
        process(house, [entry])
    except DBAPIError as error:
        if _is_down(error):
            raise DatabaseDown(type(error.orig).__name__) from error
        return _set_back(house, journal, entry, error)
    except (OSError, PoolTimeout) as error:
        raise DatabaseDown(type(error).__name__) from error
    except Exception as error:
        return _set_back(house, journal, entry, error)
    return True


def _is_down(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error.orig).__name__ in DOWN


def _set_back(house: House, journal: Journal, entry: Entry, error: Exception) -> bool:
    """Write the failed try down. True when the entry is out of its lane's way."""
    reason = f"{type(error).__name__}: {_harmless(error)}"
    log.error("entry %s failed: %s", entry.key, type(error).__name__, exc_info=log.isEnabledFor(logging.DEBUG))
    if entry.attempts + 1 >= TRIES:
        journal.fail(entry.key, reason)
        return False
    journal.retry(entry.key, reason, house.now() + wait_after(entry.attempts + 1))
    return False


def _harmless(error: Exception) -> str:
    """Where it happened, without what was said: an exception's text may quote a citizen."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""


def process(house: House, entries: Sequence[Entry]) -> None:
    """Parse, understand and carry out kept messages, in their order; doing it twice is doing it once."""
    heard: list[Heard] = []
    receipts: list[Receipt] = []
    raw_keys = house.store.media.put_many([entry.raw for entry in entries])
    for entry, raw_key in zip(entries, raw_keys, strict=True):
        for each in _parsed(entry):
            if isinstance(each, Receipt):
                receipts.append(each)
            else:
                heard.append(understand(house, each, raw_key, entry.received_at))
    if heard:
        take_messages(house, heard)
    for receipt in receipts:
        take_receipt(house, receipt)


def _parsed(entry: Entry) -> Iterator[InboundMessage | Receipt]:
    """What an entry holds; a message without an id of its own has the entry's."""
    meta = {**entry.meta, "external_id": entry.external_id}
    for number, each in enumerate(CHANNELS[entry.channel].parse(entry.raw, meta)):
        said = _as_message(each) if isinstance(each, Press) else each
        if isinstance(said, InboundMessage) and not said.external_id:
            said = replace(said, external_id=f"{entry.external_id}:{number}" if number else entry.external_id)
        yield said


def _as_message(press: Press) -> InboundMessage:
    """A pressed button says what stands behind it."""
    return InboundMessage(
        channel=press.channel,
        account=press.account,
        external_id=press.external_id,
        sender=press.sender,
        text=press.value,
        in_reply_to=press.in_reply_to,
    )


def replay(house: House, journal: Journal, keys: list[str]) -> int:
    """Work kept messages off again on today's code; what had its effect already has no second one."""
    journal.again(keys)
    deadline = house.now() + timedelta(minutes=10)
    done = 0
    while house.now() < deadline and (worked := work_off(house, journal)):
        done += worked
    return done
