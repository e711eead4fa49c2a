"""What a transaction holds: rows of reports until its end, and the newest of what hangs on each."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session, selectinload

from store.models import Base, Delivery, Holding, Message, Report, StatusUpdate

_HELD = "held reports"  # in session.info, by id: the session itself forgets rows that nobody names
_WAITING = "waiting messages"  # in session.info: of which held reports that was asked, and which have some


def is_new(row: Base) -> bool:
    """Whether a row was made in this transaction and is not in the database yet: nothing to ask there."""
    return not inspect(row).persistent


def is_ours(session: Session, report: Report) -> bool:
    """Whether nobody else can change the report now: `newest_line`, `newest_holding`, … are what they say."""
    return is_new(report) or session.info.get(_HELD, {}).get(report.id) is report


def lock(session: Session, report: Report) -> None:
    """Hold the report's row until the transaction's end, with its newest values; a new one is ours already."""
    lock_all(session, [report])


def lock_all(session: Session, reports: Iterable[Report]) -> None:
    """Hold the rows of reports, in one order everywhere, and read what their next moves need: five questions in
    all instead of as many for each."""
    older: dict[int | None, Report] = {each.id: each for each in reports if not is_ours(session, each)}
    if not older:
        return
    session.flush()
    ids = sorted(each.id for each in older.values())
    query = select(Report).where(Report.id.in_(ids)).order_by(Report.id).with_for_update(of=Report)
    query = query.options(selectinload(Report.address), selectinload(Report.reporter))
    session.execute(query, execution_options={"populate_existing": True}).all()
    _read_newest(session, older, ids)
    session.info.setdefault(_HELD, {}).update(older)


def _read_newest(session: Session, reports: dict[int | None, Report], ids: Sequence[int]) -> None:
    for report in reports.values():
        report.newest_line = report.newest_holding = report.newest_ref = None
        report.has_joined = False
    last = (
        select(func.max(StatusUpdate.id)).where(StatusUpdate.report_id.in_(ids)).group_by(StatusUpdate.report_id)
    )
    for line in session.scalars(select(StatusUpdate).where(StatusUpdate.id.in_(last))):
        reports[line.report_id].newest_line = line
    held = select(Holding).where(Holding.report_id.in_(ids), Holding.until.is_(None)).order_by(Holding.id)
    for holding in session.scalars(held):
        reports[holding.report_id].newest_holding = holding
    said = select(Message.report_id, Message.reply_ref).join(Report, Message.report_id == Report.id)
    said = said.where(Message.report_id.in_(ids), Message.address_id == Report.address_id).order_by(Message.id)
    for number, ref in session.execute(said):
        reports[number].newest_ref = ref
    query = select(Report.parent_id).where(Report.parent_id.in_(ids)).distinct()
    for parent in session.scalars(query):
        if parent is not None:
            reports[parent].has_joined = True


def may_wait(session: Session, report: Report, now: datetime) -> bool:
    """Whether a message of the report may wait for a later time: asked once for all reports that are held."""
    if not is_ours(session, report):
        return True
    asked, found = session.info.setdefault(_WAITING, (set(), set()))
    if report.id not in asked:
        ids = session.info.get(_HELD, {}).keys() - asked
        waits = (Delivery.state == "waiting", Delivery.attempts == 0, Delivery.next_attempt_at > now)
        with session.no_autoflush:
            found.update(session.scalars(select(Delivery.report_id).where(Delivery.report_id.in_(ids), *waits)))
        asked.update(ids)
    return report.id in found


def note_waiting(session: Session, report: Report) -> None:
    """From here on a message of the report waits for a later time."""
    session.info.setdefault(_WAITING, (set(), set()))[1].add(report.id)
