"""accept() keeps what a channel heard; work_off() gives every kept message its effect, in order per lane."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from channels.protocol import Accept, Cursor
from router import metrics
from router.beside import NobodyThere
from router.carry_out import Carried, DatabaseDown
from router.clerk import KILLED_ITS_CLERK, Clerk, Here
from router.clerk import Begun as Carrying
from router.house import House
from router.readers import KILLED_ITS_READER, TOOK_TOO_LONG, Begun
from router.reading import Raw
from store.journal import IN_ROW_LIMIT, Entry, Journal, lane_of
from store.steps import reached
from store.work import wait_after

log = logging.getLogger("lapor.journal")

_bodies = ThreadPoolExecutor(8, "bodies")  # of its own: intake never waits for whoever waits for the database

HERE = Here()
NOBODY_READS = "no process to read in"
BATCH = 100  # entries in one transaction
TRIES = 5  # of an entry that our own code cannot digest, before it is set aside
HOPELESS = {TOOK_TOO_LONG, KILLED_ITS_READER, KILLED_ITS_CLERK}
HOPELESS_TRIES = 2  # each costs a process its life


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


class Answer(NamedTuple):
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
    """Entries that the clerk has in hand already, while those before them are written down."""

    entries: Sequence[Entry] = ()
    carrying: Carrying | None = None


def work_off(
    house: House, journal: Journal, ahead: Ahead | None = None, limit: int = BATCH, clerk: Clerk = HERE
) -> int:
    """Give waiting entries their effect; the number of those that had it. Raises DatabaseDown.

    Up to `limit` are one transaction. When that breaks they are taken one by one: an entry that fails is tried
    again later and holds up its own lane only; after five tries it is set aside. With `ahead` the next entries
    are read meanwhile and handed to the clerk, who has no time to wait; the next call writes them down.
    """
    mine = ahead or Ahead()
    entries, carrying, mine.carrying = mine.entries, mine.carrying, None
    if carrying is None:
        entries = journal.waiting(limit)
        if not entries:
            return 0
        carrying = clerk.begin(house, entries, _read(_begin(house, entries)))
    if ahead is None or len(entries) < limit:
        return _write_down(house, journal, entries, carrying.result())
    following = journal.waiting(limit, skip=[lane_of(entry) for entry in entries])
    reading = _begin(house, following) if following else None
    carried = carrying.result()
    if reading and carried.is_down is None:
        with suppress(DatabaseDown):  # nobody reads: the next call hears so itself
            ahead.entries, ahead.carrying = following, clerk.begin(house, following, _read(reading))
    return _write_down(house, journal, entries, carried)


def _begin(house: House, entries: Sequence[Entry]) -> Begun:
    return house.readers.begin(_raws(entries), house.learned.path)


def _read(begun: Begun) -> list[bytes]:
    try:
        return begun.result()
    except NobodyThere as error:  # no message's fault
        raise DatabaseDown(NOBODY_READS) from error


def _raws(entries: Sequence[Entry]) -> list[Raw]:
    return [Raw(channel=e.channel, external_id=e.external_id, meta=e.meta, raw=e.raw) for e in entries]


def _write_down(house: House, journal: Journal, entries: Sequence[Entry], carried: Carried) -> int:
    """Mark what was carried out, and set back what failed. Raises DatabaseDown where that ended it."""
    for entry in entries:
        if entry.key in carried.failed:
            _set_back(house, journal, entry, carried.failed[entry.key])
    done = set(carried.done)
    journal.done(carried.done)
    metrics.worked_off(entry for entry in entries if entry.key in done)
    if carried.is_down is not None:
        raise DatabaseDown(carried.is_down)
    return len(carried.done)


def _set_back(house: House, journal: Journal, entry: Entry, reason: str) -> None:
    """Write the failed try down: the entry waits for its next one, or is set aside and its lane goes on."""
    log.error("entry %s failed: %s", entry.key, reason.partition(":")[0])
    if entry.attempts + 1 >= (TRIES if reason not in HOPELESS else HOPELESS_TRIES):
        journal.fail(entry.key, reason)
    else:
        journal.retry(entry.key, reason, house.now() + wait_after(entry.attempts + 1))


def replay(house: House, journal: Journal, keys: list[str]) -> int:
    """Work kept messages off again on today's code; what had its effect already has no second one."""
    journal.again(keys)
    deadline = house.now() + timedelta(minutes=10)
    done = 0
    while house.now() < deadline and (worked := work_off(house, journal)):
        done += worked
    return done
