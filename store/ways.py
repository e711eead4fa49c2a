"""The ways to agencies outside the desk: which are open, as a process knows them, and what was sent by each."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from store.models import AgencyWay, Delivery
from store.work import UNFINISHED

BY_PEOPLE = frozenset({"mail", "telegram"})  # the kinds that people read: they want less than a program
MOST_TRIES = 20  # of one delivery; in three days it has some 300, all but the first ones alike
LONGEST_SAID = 200
FRESH_SECONDS = 5.0  # how long a way that was added, paused or removed by another process may go unnoticed


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """An open way, free of any session."""

    id: int
    agency_id: str
    kind: str
    lookup: str | None = None


@dataclass(slots=True)
class Ways:
    """The open ways as this process last read them: one small question in FRESH_SECONDS, none for a report.

    What is owed to a way that was closed meanwhile is met where it would be sent. `now` counts seconds.
    """

    now: Callable[[], float] = time.monotonic
    _read_at: float | None = None
    _all: Sequence[Way] = ()
    _by_agency: Mapping[str, Sequence[Way]] = field(default_factory=dict)

    @property
    def is_stale(self) -> bool:
        return self._read_at is None or self.now() - self._read_at > FRESH_SECONDS

    def of(self, session: Session, agency_id: str) -> Sequence[Way]:
        """The open ways of an agency."""
        if self.is_stale:
            self.read(session)
        return self._by_agency.get(agency_id, ())

    def all(self, read: Callable[[], AbstractContextManager[Session]]) -> Sequence[Way]:
        """All open ways; `read` opens a session where they must be read anew."""
        if self.is_stale:
            with read() as session:
                self.read(session)
        return self._all

    def read(self, session: Session) -> None:
        columns = (AgencyWay.id, AgencyWay.agency_id, AgencyWay.kind, AgencyWay.lookup)
        query = select(*columns).where(_is_open()).order_by(AgencyWay.id)
        with session.no_autoflush:  # what is new in this transaction is written at its end, many rows at once
            found = [
                Way(id=number, agency_id=agency_id, kind=kind, lookup=lookup)
                for number, agency_id, kind, lookup in session.execute(query)
            ]
        by_agency: dict[str, list[Way]] = {}
        for way in found:
            by_agency.setdefault(way.agency_id, []).append(way)
        self._all, self._by_agency, self._read_at = found, by_agency, self.now()

    def forget(self) -> None:
        """They are read again at the next look."""
        self._read_at = None


def _is_open() -> ColumnElement[bool]:
    is_linked = (AgencyWay.kind != "telegram") | AgencyWay.sealed.is_not(None)
    return AgencyWay.paused_at.is_(None) & AgencyWay.removed_at.is_(None) & is_linked


def ways_by_id(session: Session, ids: Sequence[int]) -> dict[int, AgencyWay]:
    if not ids:
        return {}
    return {way.id: way for way in session.scalars(select(AgencyWay).where(AgencyWay.id.in_(ids)))}


def ways_there(session: Session, agency_id: str | None = None) -> list[AgencyWay]:
    """The ways that were not removed, paused ones too; of one agency or of all."""
    query = select(AgencyWay).where(AgencyWay.removed_at.is_(None))
    if agency_id is not None:
        query = query.where(AgencyWay.agency_id == agency_id)
    return list(session.scalars(query.order_by(AgencyWay.agency_id, AgencyWay.id)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One try of a hand-over: when it began, how long it took (None: nobody waited for it, a mail came back), what
    was answered, and when the next one is due (None: it was the last)."""

    at: datetime
    seconds: float | None
    is_taken: bool
    said: str
    next_at: datetime | None


def note_try(row: Delivery, one: Try) -> None:
    """Write a try down on its delivery, which keeps the newest MOST_TRIES."""
    next_at = one.next_at.isoformat() if one.next_at else None
    words = (one.at.isoformat(), one.seconds, one.is_taken, one.said[:LONGEST_SAID], next_at)
    row.tries = [*(row.tries or ()), words][-MOST_TRIES:]


def tries_of(row: Delivery) -> list[Try]:
    """The newest tries, the first of them first."""
    return [
        Try(
            at=datetime.fromisoformat(at),
            seconds=seconds,
            is_taken=is_taken,
            said=said,
            next_at=datetime.fromisoformat(next_at) if next_at else None,
        )
        for at, seconds, is_taken, said, next_at in row.tries or ()
    ]


def withdraw_by(session: Session, way: AgencyWay, reason: str, now: datetime) -> int:
    """Take back what this way is owed and was not sent; how many."""
    query = update(Delivery).where(Delivery.way_id == way.id, Delivery.state.in_(("waiting", "unknown")))
    values = {"state": "withdrawn", "last_error": reason, "lease_until": None, "updated_at": now}
    found = session.execute(query.values(**values).execution_options(synchronize_session=False))
    return int(getattr(found, "rowcount", 0))


def count_owed(session: Session) -> dict[int, int]:
    """How many hand-overs wait, by way."""
    query = select(Delivery.way_id, func.count()).where(Delivery.way_id.is_not(None))
    query = query.where(Delivery.state.in_(UNFINISHED)).group_by(Delivery.way_id)
    return {number: count for number, count in session.execute(query) if number is not None}


def last_by(session: Session, way_ids: Sequence[int], limit: int) -> list[Delivery]:
    """What was owed by these ways last, the newest first."""
    query = select(Delivery).where(Delivery.way_id.in_(way_ids)).order_by(Delivery.id.desc())
    return list(session.scalars(query.limit(limit)))


def count_since(session: Session, way_id: int, since: datetime, subject: str) -> int:
    """How many hand-overs of one kind a way was owed since then."""
    query = select(func.count()).where(Delivery.way_id == way_id, Delivery.subject == subject)
    return session.scalar(query.where(Delivery.created_at > since)) or 0
