"""Everything that time does: idempotent, restartable, on the house's own clock."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from router.area_news import NEXT_NEWS, tell_subscribers
from router.between_reports import decide_question
from router.digests import NEXT_DIGEST, tell_digests
from router.forget import NEXT_TO_LET_GO, let_go
from router.heads import make_head, next_head_at
from router.held import lock_all
from router.house import House
from router.joins import join_if_sure
from router.late import raise_late
from router.public_hooks import NEXT_CALLS, tell_hooks
from router.reports import acknowledge
from router.retention import forget_old
from router.silence import close_silent, give_up, remind
from router.surge import NEXT_LOOK, look_at_surges
from store.bulk import keep_all
from store.models import Base, Report, Reporter
from store.rounds import NEXT_ROUND
from store.work import forgive_clock

log = logging.getLogger("lapor.clock")

AT_ONCE = 200
REMIND_AFTER = timedelta(hours=24)
GIVE_UP_AFTER = timedelta(hours=72)
Row = TypeVar("Row", bound=Base)


@dataclass(slots=True)
class Seen:
    """What the clock showed at the last tick; before the first nobody knows what it showed."""

    at: datetime | None = None


def tick(house: House, seen: Seen | None = None) -> int:
    """Do what is due: acknowledge after the quiet time, remind, close what nobody completed, decide questions.

    Returns how many reports and questions were moved. With `seen` a clock that was set back is noticed: nothing
    waits for the time that it was set back by.
    """
    if seen is not None:
        _notice(house, seen)
    moved, done = 0, set[Callable[[House], int]]()
    while due := [do for do, at in _due(house) if at <= house.now() and do not in done]:
        for do in [each for each in due if each is not make_head] or due:  # the histories' head is done last
            done.add(do)
            moved += do(house)  # which may make others due
    if moved:
        house.wake()
    return moved


def _acknowledge(house: House) -> int:
    return _each(
        house, select(Report).where(Report.quiet_until <= house.now()).order_by(Report.quiet_until), acknowledge
    )


def _each(house: House, query: Select[Row], do: Callable[[Session, Row, House], None]) -> int:
    """Do it to each row that nobody else holds, in one transaction; the number of them."""
    with house.store.write() as session:
        rows = list(session.scalars(query.limit(AT_ONCE).with_for_update(skip_locked=True)))
        if all(isinstance(row, Report) for row in rows):
            lock_all(session, [row for row in rows if isinstance(row, Report)])
            keep_all(session)
        for row in rows:
            do(session, row, house)
    return len(rows)


def _notice(house: House, seen: Seen) -> None:
    now = house.now()
    if seen.at is None or now < seen.at:
        with house.store.write() as session:
            forgive_clock(session, now, timedelta(seconds=house.settings.quiet_seconds))
    if seen.at is not None and now < seen.at:
        log.warning("the clock was set back by %.0f s", (seen.at - now).total_seconds())
        house.wake()
    seen.at = now


def next_tick(house: House) -> datetime | None:
    """When something is due next, if anything is."""
    return min((at for _, at in _due(house)), default=None)


def _remind(house: House) -> int:
    """Ask once more, a day after the question."""
    query = select(Report).where(_waits(house, REMIND_AFTER), Report.reminded_at.is_(None))
    return _each(house, query.order_by(Report.asked_at), remind)


def _give_up(house: House) -> int:
    """Close what nobody completed; an answer opens it again."""
    query = select(Report).where(_waits(house, GIVE_UP_AFTER), Report.reminded_at.is_not(None))
    return _each(house, query.order_by(Report.asked_at), give_up)


def _waits(house: House, since: timedelta) -> ColumnElement[bool]:
    return and_(Report.asked_for.is_not(None), Report.asked_at <= house.now() - since)


def _close_silent(house: House) -> int:
    query = select(Report).where(Report.closes_at <= house.now()).order_by(Report.closes_at)
    return _each(house, query, close_silent)


def _decide_questions(house: House) -> int:
    """What nobody chose: it is a report of its own."""
    query = select(Reporter).where(Reporter.question_until <= house.now()).order_by(Reporter.question_until)
    return _each(house, query, decide_question)


def _raise_late(house: House) -> int:
    return _each(house, select(Report).where(Report.late_at <= house.now()).order_by(Report.late_at), raise_late)


def _join_same(house: House) -> int:
    query = select(Report).where(Report.join_at <= house.now()).order_by(Report.join_at)
    with house.store.write() as session:
        rows = list(session.scalars(query.limit(AT_ONCE).with_for_update(skip_locked=True)))
        for row in rows:
            row.join_at = None
        session.flush()  # all of them at once
        for row in rows:
            join_if_sure(session, row, house)
    return len(rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something that time does, so long `after` the moment that `since` finds; nothing where that finds none."""

    do: Callable[[House], int]
    since: Select[Any]  # of one moment
    after: timedelta = timedelta(0)


ASKED = select(func.min(Report.asked_at)).where(Report.asked_for.is_not(None))
JOBS = (
    Job(do=_acknowledge, since=select(func.min(Report.quiet_until))),
    Job(do=_remind, since=ASKED.where(Report.reminded_at.is_(None)), after=REMIND_AFTER),
    Job(do=_give_up, since=ASKED.where(Report.reminded_at.is_not(None)), after=GIVE_UP_AFTER),
    Job(do=_decide_questions, since=select(func.min(Reporter.question_until))),
    Job(do=_raise_late, since=select(func.min(Report.late_at))),
    Job(do=_join_same, since=select(func.min(Report.join_at)).where(Report.join_at.is_not(None))),
    Job(do=_close_silent, since=select(func.min(Report.closes_at)).where(Report.closes_at.is_not(None))),
    Job(do=look_at_surges, since=NEXT_LOOK),
    Job(do=tell_digests, since=NEXT_DIGEST),
    Job(do=let_go, since=NEXT_TO_LET_GO),
    Job(do=tell_subscribers, since=NEXT_NEWS),
    Job(do=tell_hooks, since=NEXT_CALLS),
    Job(do=forget_old, since=NEXT_ROUND),
)
SINCE = select(*(job.since.scalar_subquery() for job in JOBS))  # one question at each beat, however many jobs


def _due(house: House) -> list[tuple[Callable[[House], int], datetime]]:
    """What is to be done, and when."""
    with house.store.read() as session:
        since, head = session.execute(SINCE).one(), next_head_at(session, house)
    found = [(job.do, at + job.after) for job, at in zip(JOBS, since, strict=True) if at is not None]
    return [*found, (make_head, head)] if head is not None else found
