"""Gives read messages their effect, a batch at a time; what the journal must know of it is said, not written."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from normalizer.schema import ChatChanged, Receipt
from router.agency_chat import is_talk, take_agency_chat, take_chat_change
from router.agency_mail import take_agency_mail
from router.house import House
from router.intake import keep_parts, take_messages
from router.reading import Reading, Understood, Unreadable, where
from router.receipts import take_receipt
from store.journal import Entry, lane_of

log = logging.getLogger("lapor.journal")

# PostgreSQL's SQLSTATEs, none a message's fault: no connection, no room, shut down, its disk, a standby that only
# reads; a lock that is not had; another version's tables, a right that was taken; what a pooler lost
DOWN = ("08", "53", "57P", "58", "25006", "25P03", "25P04", "55", "42501", "42703", "42P01", "26", "42P05")


class DatabaseDown(Exception):  # noqa: N818
    """The database does not answer, or something else of ours; everything waits in the journal."""


@dataclass(kw_only=True, slots=True)
class Carried:
    """What became of a batch, by the entries' keys; those not named wait as before.

    `failed` has the reason of each that goes back. `is_down` is why the database ended it, before all were done.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)  # lanes with an entry that failed: the rest of them waits
    is_down: str | None = None

    def add(self, other: "Carried") -> None:
        self.done += other.done
        self.failed |= other.failed
        self.stuck |= other.stuck
        self.is_down = self.is_down or other.is_down


def carry_out(house: House, entries: Sequence[Entry], readings: Sequence[Reading]) -> Carried:
    """Give entries their effect, in their order. One transaction; when that breaks they are taken one by one, and
    one that fails holds up its own lane only."""
    carried = Carried()
    read = list(_readable(entries, readings, carried))
    try:
        with _waiting_out():
            process(house, read)
        carried.done += [entry.key for entry, _ in read]
    except DatabaseDown as down:
        carried.is_down = str(down)
    except Exception as error:
        log.info("%d entries are taken one by one: %s", len(read), type(error).__name__)
        _one_by_one(house, read, carried)
    return carried


def _readable(
    entries: Iterable[Entry], readings: Iterable[Reading], carried: Carried
) -> Iterator[tuple[Entry, Reading]]:
    for entry, reading in zip(entries, readings, strict=True):
        if lane_of(entry) in carried.stuck:
            continue
        if isinstance(reading, Unreadable):
            set_back(carried, entry, reading.reason)
        else:
            yield entry, reading


def set_back(carried: Carried, entry: Entry, reason: str) -> None:
    carried.failed[entry.key] = reason
    carried.stuck.add(lane_of(entry))


@contextmanager
def _waiting_out() -> Iterator[None]:
    """What is ours to wait for becomes DatabaseDown: no message is at fault."""
    try:
        yield
    except DBAPIError as error:
        if not _is_down(error):
            raise
        raise DatabaseDown(type(error.orig).__name__) from error
    except PoolTimeout as error:
        raise DatabaseDown(type(error).__name__) from error
    except OSError as error:
        raise DatabaseDown(f"the photos' place, {type(error).__name__}") from error


def _is_down(error: DBAPIError) -> bool:
    """Whether it would have gone so with any other message. SQLite's errors, and a driver's own, have no state."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(DOWN)


def _one_by_one(house: House, read: Sequence[tuple[Entry, Reading]], carried: Carried) -> None:
    for entry, reading in read:
        if lane_of(entry) in carried.stuck:
            continue
        try:
            with _waiting_out():
                process(house, [(entry, reading)])
            carried.done.append(entry.key)
        except DatabaseDown as down:
            carried.is_down = str(down)
            return
        except Exception as error:
            log.debug("entry %s", entry.key, exc_info=True)
            set_back(carried, entry, f"{type(error).__name__}: {where(error)}")


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
    for entry, said in messages:
        if said.message.unreadable:
            log.error("entry %s: %s", entry.key, said.message.unreadable)
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
