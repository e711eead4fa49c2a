"""What an official does with a whole surge at once: move many of its reports, or take one out of it."""

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from router.held import lock, lock_all
from router.house import House
from router.owing import owe_handover
from router.status import MOVES, Actor, NotAllowed, add_line, change_status
from router.undo import moved_at, undo, undoable_each
from router.ways import HANDED_OVER, tell_agency
from store.bulk import keep_all
from store.models import Delivery, Report

GROUP_MOVES = ("accepted", "in_progress", "resolved")
AT_ONCE = 200  # reports in one transaction
MOST = 2000  # reports at one press


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """`left` are those that were meant and still are where they could be moved from: press once more. undo_press()
    knows these moves by `press`."""

    done: int
    left: int
    press: str


def move_many(
    house: House,
    surge_id: int,
    status: str,
    *,
    by: Actor,
    officer_id: int,
    notes: str,
    up_to: int,
    codes: Collection[str] | None = None,
) -> Moved:
    """Move the reports of a surge that may be moved so: the named ones, or (None) all up to the id `up_to`.

    An agency's own official moves only its own reports. AT_ONCE in a transaction, MOST in all; what somebody else
    holds at this moment is left. Each can be undone for UNDO_SECONDS (undo_press()). Raises NotAllowed like
    change_status().
    """
    done, last, press = 0, 0, secrets.token_hex(8)
    meant = _meant(surge_id, status, by, up_to, codes)
    while done < MOST:
        with house.store.write() as session:
            query = meant.where(Report.id > last).order_by(Report.id).limit(AT_ONCE)
            reports = session.scalars(query.with_for_update(skip_locked=True)).all()
            keep_all(session)
            for report in undoable_each(session, reports, officer_id=officer_id, house=house, press=press):
                change_status(session, report, status, by=by, house=house, notes=notes)
                last, done = report.id, done + 1
        if len(reports) < AT_ONCE:
            break
    with house.store.read() as session:
        left = session.scalar(meant.with_only_columns(func.count())) or 0
    return Moved(done=done, left=left, press=press)


def undo_press(house: House, press: str, *, by: Actor, officer_id: int) -> int:
    """Undo what this official moved at one press; how many it were. A report that something happened to since, or
    whose news went already, stays as it is. The time that counts is now, however long it takes."""
    now, done = house.now(), 0
    with house.store.read() as session:
        ids = [each.report_id for each in moved_at(session, press, officer_id, now)]
    for start in range(0, len(ids), AT_ONCE):
        with house.store.write() as session:
            some = ids[start : start + AT_ONCE]
            reports = session.scalars(select(Report).where(Report.id.in_(some)).order_by(Report.id)).all()
            lock_all(session, reports)
            keep_all(session)
            for report in reports:
                with suppress(NotAllowed):
                    undo(session, report, officer_id=officer_id, by=by, house=house, now=now)
                    done += 1
    return done


def _meant(surge_id: int, status: str, by: Actor, up_to: int, codes: Collection[str] | None) -> Select[Report]:
    sources = [source for source, targets in MOVES.items() if status in targets]
    query = select(Report).where(Report.surge_id == surge_id, Report.status.in_(sources), Report.id <= up_to)
    if by.agency_id is not None:
        query = query.where(Report.agency_id == by.agency_id)
    return query if codes is None else query.where(Report.code.in_(codes))


def take_out(session: Session, report: Report, *, by: Actor, house: House) -> bool:
    """Make a report of a surge an ordinary one for good: handed over by itself, what was held is told; whether it
    was in one."""
    lock(session, report)
    if report.surge_id is None:
        return False
    now, texts = house.now(), house.pack.texts[house.pack.languages[0]]
    report.surge_id = None
    report.sources = {**report.sources, "no_surge": True}
    report.updated_at = now
    add_line(session, report, report.status, by=by, house=house, now=now, notes=texts["taken_out"])
    if report.agency_id is not None:
        owe_handover(session, report, now)
        tell_agency(session, report, by, house, HANDED_OVER)
    session.flush()
    held = update(Delivery).where(Delivery.report_id == report.id, Delivery.state == "held")
    session.execute(held.values(next_attempt_at=now), execution_options={"synchronize_session": False})
    return True
