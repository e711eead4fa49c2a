"""Undo at the desk: for some seconds what a move owes waits, and the one who made it may take it back.

The history is written at once and keeps both lines: the move, and the one that corrects it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, inspect, select, update
from sqlalchemy.orm import Session

from router.held import is_ours, lock, lock_all
from router.holding import current
from router.house import House
from router.status import Actor, NotAllowed, undo_change
from store import queries
from store.bulk import watch, write_now
from store.desk import Undo
from store.models import Base, Delivery, Holding, Photo, Report, StatusUpdate, UtcDateTime
from store.traces import drop_unnamed

# what a move may change of a report
MOVED = (
    *("status", "status_before", "agency_id", "officer_id", "parent_id", "service_guess"),
    *("expected_at", "late_at", "time_left", "raised", "closes_at"),
)
UNDONE = "undone at the desk before it went"
NOT_GONE = ("waiting", "held")


@contextmanager
def undoable(session: Session, report: Report, *, officer_id: int, house: House) -> Iterator[None]:
    """Make a move inside: what it owes waits UNDO_SECONDS, and undo() takes it back. In the move's transaction."""
    moves = undoable_each(session, [report], officer_id=officer_id, house=house)
    next(moves)
    yield
    next(moves, None)


def undoable_each(
    session: Session, reports: Sequence[Report], *, officer_id: int, house: House, press: str | None = None
) -> Iterator[Report]:
    """As undoable(), with as few questions as for one: each report's move is made in the loop's body, all in one
    transaction. moved_at() finds them again by their `press`."""
    lock_all(session, reports)
    had, owed, moved = _after_photos(session, reports), watch(session), []
    for report in reports:
        stood, service, place, already = _stand(session, report), _service(report), _place(report), len(owed)
        yield report
        if report.service_code != service["service_code"]:
            stood["service"] = service
        if _place(report)["source"] != place["source"]:
            stood["place"] = place
        moved.append((report, stood | ({"press": press} if press else {}), owed[already:]))
    if not house.settings.undo_seconds:
        return
    write_now(session)
    session.flush()
    has, now = _after_photos(session, reports), house.now()
    until = now + timedelta(seconds=house.settings.undo_seconds)
    ids = [report.id for report in reports]
    session.execute(delete(Undo).where((Undo.until < now) | Undo.report_id.in_(ids)))
    for report, before, rows in moved:
        waiting = [row for row in rows if isinstance(row, Delivery) and row.state in NOT_GONE]
        for row in waiting:
            row.next_attempt_at = max(row.next_attempt_at, until)
        session.add(
            Undo(
                report_id=report.id,
                officer_id=officer_id,
                seq=_last_line(session, report),
                until=until,
                before=before,
                owed=[row.id for row in waiting],
                photos=sorted(has[report.id] - had[report.id]),
            )
        )


def moved_at(session: Session, press: str, officer_id: int, now: datetime) -> list[Undo]:
    """What may still be undone, as far as time goes, of what this official moved at one press."""
    mine = (Undo.officer_id == officer_id, Undo.until > now, Undo.before["press"].as_string() == press)
    return list(session.scalars(select(Undo).where(*mine).order_by(Undo.report_id)))


def undo(
    session: Session, report: Report, *, officer_id: int, by: Actor, house: House, now: datetime | None = None
) -> StatusUpdate:
    """Take this official's newest move back: the report stands as before, what was owed is withdrawn, and a line
    of the history says so. `now` is when they pressed. Raises NotAllowed, and has changed nothing, when it is not
    theirs, too late, or something happened since; OSError while the photos are away.
    """
    lock(session, report)
    kept = newest(session, report, officer_id=officer_id, now=now or house.now())
    if kept is None:
        raise NotAllowed("there is nothing of yours to undo any more")
    _withdraw(session, kept.owed, house.now())
    _set_back_holding(session, report, kept.before["holding"])
    _drop_photos(session, kept.photos, house)
    _set_back_service(report, kept.before.get("service"))
    _set_back_place(report, kept.before.get("place"))
    session.delete(kept)
    return undo_change(session, report, _read(Report, kept.before["report"]), by=by, house=house)


def newest(session: Session, report: Report, *, officer_id: int, now: datetime) -> Undo | None:
    """What this official may still undo of the report; None: nothing."""
    kept = session.get(Undo, report.id)
    is_theirs = kept is not None and kept.officer_id == officer_id and now < kept.until
    return kept if is_theirs and kept and kept.seq == _last_line(session, report) else None


def _last_line(session: Session, report: Report) -> int:
    if is_ours(session, report):
        return report.newest_line.seq if report.newest_line else 0
    return queries.last_line(session, report)


def settle(session: Session, report: Report, now: datetime) -> None:
    """What the newest move owes goes now: it can be undone no more."""
    kept = session.get(Undo, report.id)
    if kept is None:
        return
    owed = update(Delivery).where(Delivery.id.in_(kept.owed), Delivery.state == "waiting", Delivery.attempts == 0)
    session.execute(owed.where(Delivery.next_attempt_at == kept.until).values(next_attempt_at=now))
    session.delete(kept)


def _withdraw(session: Session, ids: Sequence[int], now: datetime) -> None:
    rows = list(
        session.scalars(select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.id).with_for_update())
    )
    if any(row.attempts for row in rows):
        raise NotAllowed("what this move owed is on its way already")
    for row in rows:
        if row.state in NOT_GONE:
            row.state, row.last_error, row.updated_at = "withdrawn", UNDONE, now


# --- how it stood -------------------------------------------------------------------------------------------


def _stand(session: Session, report: Report) -> dict[str, Any]:
    holding = current(session, report)
    names = [column.key for column in inspect(Holding).columns if column.key != "report_id"]
    return {"report": _written(report, MOVED), "holding": holding and _written(holding, names)}


def _written(row: Base, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _read(model: type[Base], written: Mapping[str, Any]) -> dict[str, Any]:
    """The same values as the columns have them."""
    columns = inspect(model).columns
    dates = {name for name in written if isinstance(columns[name].type, UtcDateTime)}
    return {
        name: datetime.fromisoformat(value) if name in dates and value else value
        for name, value in written.items()
    }


def _set_back_holding(session: Session, report: Report, before: Mapping[str, Any] | None) -> None:
    """What the move began never was; who held the report holds it on, on a clock that never stopped."""
    number = before["id"] if before else 0
    unseen = {"synchronize_session": False}  # what the session holds of them is read anew below
    begun = delete(Holding).where(Holding.report_id == report.id, Holding.id > number)
    session.execute(begun, execution_options=unseen)
    if before:
        values = _read(Holding, before)
        session.execute(update(Holding).where(Holding.id == number).values(**values), execution_options=unseen)
    session.expire(report, ["holdings"])
    report.newest_holding = session.get(Holding, number, populate_existing=True) if before else None


def _service(report: Report) -> dict[str, Any]:
    """What a correction of the service changes, beside MOVED."""
    source = (report.sources or {}).get("service")
    return {"service_code": report.service_code, "asked_for": report.asked_for, "source": source}


def _set_back_service(report: Report, before: Mapping[str, Any] | None) -> None:
    """Before a correction. What came meanwhile of the other fields (a photo's place) stays."""
    if before is None:
        return
    report.service_code, report.asked_for = before["service_code"], before["asked_for"]
    others = {name: source for name, source in report.sources.items() if name != "service"}
    report.sources = {**others, "service": before["source"]} if before["source"] else others


PLACE = ("lat", "long", "cell", "area_code", "address_string", "asked_for")


def _place(report: Report) -> dict[str, Any]:
    """What a correction of the place changes, beside MOVED."""
    return _written(report, PLACE) | {"source": (report.sources or {}).get("place")}


def _set_back_place(report: Report, before: Mapping[str, Any] | None) -> None:
    if before is None:
        return
    for name in PLACE:
        setattr(report, name, before[name])
    others = {name: source for name, source in report.sources.items() if name != "place"}
    report.sources = {**others, "place": before["source"]} if before["source"] else others


def _after_photos(session: Session, reports: Sequence[Report]) -> dict[int, set[int]]:
    """The after-photos of each report, by its id."""
    found: dict[int, set[int]] = {report.id: set() for report in reports}
    query = select(Photo.report_id, Photo.id).where(Photo.report_id.in_(found), Photo.is_after)
    for report_id, photo_id in session.execute(query):
        found[report_id or 0].add(photo_id)
    return found


def _drop_photos(session: Session, ids: Sequence[int], house: House) -> None:
    if not ids:
        return
    rows = list(session.scalars(select(Photo).where(Photo.id.in_(ids))))
    keys = [key for row in rows for key in (row.media_key, row.copy_key, row.thumb_key, row.public_key) if key]
    session.execute(delete(Photo).where(Photo.id.in_(ids)))
    drop_unnamed(session, keys, house.store.media)
