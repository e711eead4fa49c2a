"""accept() keeps what a channel heard; work_off() gives every kept message its effect, in order per lane."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from channels.protocol import Accept, Cursor
from normalizer.schema import ChatChanged, Receipt
from router import metrics
from router.agency_chat import is_talk, take_agency_chat, take_chat_change
from router.agency_mail import take_agency_mail
from router.house import House
from router.intake import keep_parts, take_messages
from router.readers import KILLED_ITS_READER, TOOK_TOO_LONG, Begun
from router.reading import Raw, Reading, Understood, Unreadable, where
from router.receipts import take_receipt
from store.journal import IN_ROW_LIMIT, Entry, Journal, lane_of
from store.steps import reached
from store.work import wait_after

log = logging.getLogger("lapor.journal")

_bodies = ThreadPoolExecutor(8, "bodies")  # of its own: intake never waits for whoever waits for the database

BATCH = 100  # entries in one transaction
DOWN = {"OperationalError", "InterfaceError", "AdminShutdown", "CannotConnectNow"}
TRIES = 5  # of an entry that our own code cannot digest, before it is set aside
HOPELESS = {TOOK_TOO_LONG, KILLED_ITS_READER}
HOPELESS_TRIES = 2  # each costs a reader its life


class DatabaseDown(Exception):  # noqa: N818
    """The database does not answer; everything waits in the journal."""


def accept_for(journal: Journal, channel: str, wake: Callable[[], None]) -> Accept:
    """The accept() that one channel is handed. To be called in the running event loop."""
    told = Told(asyncio.get_running_loop())

    async def accept(*, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        reached("accept, not kept")
        answer = told.answer()
        keep = partial(
            journal.keep, answer, channel=channel, external_id=external_id, lane=lane, raw=raw, meta=meta
        )
        if len(raw) > IN_ROW_LIMIT:  # written as a file of its own: not on the loop
            await asyncio.get_running_loop().run_in_executor(_bodies, keep)
        else:
            keep()
        await answer.future
        reached("accept, kept, not answered")
        wake()

    return metrics.timed(channel, accept)


class Told:
    """Brings what the journal's thread says to the event loop: one wake-up for all that ended together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ended: deque[tuple[asyncio.Future[object], BaseException | None]] = deque()
        self._is_on_its_way = False

    def answer(self) -> "Answer":
        return Answer(self, self._loop.create_future())

    def end(self, future: "asyncio.Future[object]", error: BaseException | None) -> None:
        """Called by the journal's thread."""
        self._ended.append((future, error))
        if not self._is_on_its_way:
            self._is_on_its_way = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_on_its_way = False
        while self._ended:
            future, error = self._ended.popleft()
            if future.done():  # whoever asked has hung up; the message is kept all the same
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Answer:
    """One message's promise, to be waited for in the event loop."""

    told: Told
    future: "asyncio.Future[object]"

    def set_running_or_notify_cancel(self) -> bool:
        return True

    def set_result(self, result: object) -> None:
        self.told.end(self.future, None)

    def set_exception(self, error: BaseException) -> None:
        self.told.end(self.future, error)


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


@dataclass(kw_only=True, slots=True)
class Ahead:
    """Entries whose reading has begun, while those before them are being carried out."""

    entries: Sequence[Entry] = ()
    begun: Begun | None = None


def work_off(house: House, journal: Journal, ahead: Ahead | None = None, limit: int = BATCH) -> int:
    """Give waiting entries their effect; the number of those that had it. Raises DatabaseDown.

    Up to `limit` are one transaction. When that breaks they are taken one by one: an entry that fails is tried
    again later and holds up its own lane only; after five tries it is set aside. With `ahead` the next entries
    are read meanwhile, and carried out by the next call.
    """
    ahead = ahead or Ahead()
    now, ahead.begun = ahead.begun, None
    entries = ahead.entries if now else journal.waiting(limit)
    if not entries:
        return 0
    begun = now or house.readers.begin(_raws(entries), house.learned.path)
    if len(entries) >= limit:
        ahead.entries = journal.waiting(limit, skip=[lane_of(entry) for entry in entries])
        raws = _raws(ahead.entries)
        ahead.begun = house.readers.begin(raws, house.learned.path) if raws else None
    return _carry_out(house, journal, entries, begun.result())


def _raws(entries: Sequence[Entry]) -> list[Raw]:
    return [Raw(channel=e.channel, external_id=e.external_id, meta=e.meta, raw=e.raw) for e in entries]


def _carry_out(house: House, journal: Journal, entries: Sequence[Entry], readings: Sequence[Reading]) -> int:
    """Give read entries their effect; those that could not be read are set back. The number of the others."""
    read: list[tuple[Entry, Reading]] = []
    stuck: set[str] = set()
    for entry, reading in zip(entries, readings, strict=True):
        if lane_of(entry) in stuck:
            continue
        if isinstance(reading, Unreadable):
            stuck.add(lane_of(entry))
            _set_back(house, journal, entry, reading.reason)
        else:
            read.append((entry, reading))
    try:
        with _waiting_out():
            process(house, read)
    except DatabaseDown:
        raise
    except Exception as error:
        log.info("%d entries are taken one by one: %s", len(read), type(error).__name__)
        return _one_by_one(house, journal, read)
    journal.done([entry.key for entry, _ in read])
    return len(read)


@contextmanager
def _waiting_out() -> Iterator[None]:
    """What is ours to wait for becomes DatabaseDown: no message is at fault."""
    try:
        yield
    except DBAPIError as error:
        if not _is_down(error):
            raise
        raise DatabaseDown(type(error.orig).__name__) from error
    except (OSError, PoolTimeout) as error:  # the disk of the photos
        raise DatabaseDown(type(error).__name__) from error


def _one_by_one(house: House, journal: Journal, read: Sequence[tuple[Entry, Reading]]) -> int:
    finished: list[str] = []
    stuck: set[str] = set()
    try:
        for entry, reading in read:
            if lane_of(entry) in stuck:
                continue
            if _try(house, journal, entry, reading):
                finished.append(entry.key)
            else:
                stuck.add(lane_of(entry))
    finally:
        journal.done(finished)
    return len(finished)


def _try(house: House, journal: Journal, entry: Entry, reading: Reading) -> bool:
    try:
        with _waiting_out():
            process(house, [(entry, reading)])
    except DatabaseDown:
        raise
    except Exception as error:
        log.debug("entry %s", entry.key, exc_info=True)
        _set_back(house, journal, entry, f"{type(error).__name__}: {where(error)}")
        return False
    return True


def _is_down(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error.orig).__name__ in DOWN


def _set_back(house: House, journal: Journal, entry: Entry, reason: str) -> None:
    """Write the failed try down: the entry waits for its next one, or is set aside and its lane goes on."""
    log.error("entry %s failed: %s", entry.key, reason.partition(":")[0])
    if entry.attempts + 1 >= (TRIES if reason not in HOPELESS else HOPELESS_TRIES):
        journal.fail(entry.key, reason)
    else:
        journal.retry(entry.key, reason, house.now() + wait_after(entry.attempts + 1))


def process(house: House, read: Sequence[tuple[Entry, Reading]]) -> None:
    """Carry out read messages, in their order; doing it twice is doing it once."""
    parts = [(entry, said) for entry, reading in read if not isinstance(reading, Unreadable) for said in reading]
    for _, said in parts:
        if isinstance(said, ChatChanged):
            take_chat_change(house, said)
    receipts = [said for _, said in parts if isinstance(said, Receipt)]
    messages = [
        (entry, said) for entry, said in parts if isinstance(said, Understood) and not is_talk(house, said.message)
    ]
    # a receipt's raw bytes hold a number, and no row would ever name them: they stay in the journal only
    entries = list({entry.key: entry for entry, _ in messages}.values())
    keys = house.store.media.put_many([entry.raw for entry in entries])
    raw_keys = {entry.key: raw_key for entry, raw_key in zip(entries, keys, strict=True)}
    heard = [keep_parts(house, said, raw_keys[entry.key], entry.received_at) for entry, said in messages]
    heard = [each for each in heard if not (take_agency_mail(house, each) or take_agency_chat(house, each))]
    if heard:
        take_messages(house, heard)
    for receipt in receipts:
        take_receipt(house, receipt)
    metrics.worked_off(entry for entry, _ in read)


def replay(house: House, journal: Journal, keys: list[str]) -> int:
    """Work kept messages off again on today's code; what had its effect already has no second one."""
    journal.again(keys)
    deadline = house.now() + timedelta(minutes=10)
    done = 0
    while house.now() < deadline and (worked := work_off(house, journal)):
        done += worked
    return done
