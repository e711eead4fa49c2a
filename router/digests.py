"""What reporters of a surge hear while it is open: not each step, but a digest every few hours and at its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import floor

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from router.held import lock_all
from router.house import House
from router.owing import owe, owe_to, reply_channel
from router.reach import reply_address
from router.replies import fields_of, say, status_name
from router.surge import surge_words
from store.bulk import drop_held, keep_all
from store.models import Delivery, Report, Reporter, Surge

DIGESTED = frozenset({"assigned", "accepted", "in_progress", "scheduled"})  # all else is told at once
PEOPLE_AT_ONCE = 200
LISTED = 5  # reports of one person that a digest names
_SURGES = "surges of its reports"  # in session.info: the session itself forgets a row that nobody names


def hold_for_digest(
    session: Session, report: Report, notes: str | None, house: House, *, status: str | None = None
) -> bool:
    """Hold the message about a report's status for the next digest of its surge; False where it must go now.

    `status` is that of the report which this one was joined to. What was held before is forgotten when something
    is told at once: the newer word counts.
    """
    status = status or report.status
    if report.surge_id is None or (address := reply_address(session, report)) is None:
        return False
    surge = _surge(session, report.surge_id)
    if surge.ended_at is not None or status not in DIGESTED:
        drop_held(session, report)
        return False
    fields = fields_of(report, house, report.language, notes)
    text = say(house.pack, report.language, f"to_{status}", address.channel, **fields)
    row = owe_to(session, address, address.channel, text, house.now(), report=report)
    row.state, row.next_attempt_at = "held", _next_slot(surge, house)
    return True


def _surge(session: Session, number: int) -> Surge:
    kept: dict[int, Surge] = session.info.setdefault(_SURGES, {})
    if number not in kept:
        kept[number] = session.get_one(Surge, number)
    return kept[number]


def _next_slot(surge: Surge, house: House) -> datetime:
    """The next of the times, every so many hours from the surge's beginning, at which digests go out."""
    every = timedelta(hours=house.pack.surge["digest_hours"])
    return surge.began_at + (floor((house.now() - surge.began_at) / every) + 1) * every


def tell_digests(house: House) -> int:
    """Tell everybody whose time has come what became of their reports: one message a person and surge.

    Held rows are gone with the commit that owes the digest: killed before, it is told later; never twice.
    """
    now = house.now()
    with house.store.write() as session:
        due = select(Report.reporter_id).join(Delivery, Delivery.report_id == Report.id)
        due = due.where(Delivery.state == "held", Delivery.next_attempt_at <= now).limit(PEOPLE_AT_ONCE)
        people = select(Reporter.id).where(Reporter.id.in_(due)).order_by(Reporter.id)
        # key_share: whoever moves a report of theirs must still be able to name them
        ids = session.scalars(people.with_for_update(skip_locked=True, key_share=True)).all()
        keep_all(session)
        rows = _held(session, ids, now)
        groups: dict[tuple[int, int | None], list[tuple[Delivery, Report]]] = {}
        for row, report in rows:
            groups.setdefault((report.reporter_id, report.surge_id), []).append((row, report))
        for same in groups.values():
            _tell(session, same, house)
        told = delete(Delivery).where(Delivery.id.in_([row.id for row, _ in rows]))
        session.execute(told, execution_options={"synchronize_session": False})
    return len(groups)


def _held(session: Session, people: Sequence[int], now: datetime) -> list[tuple[Delivery, Report]]:
    """What is due for these people, the oldest first.

    Their reports are held before it is read: whoever moves one now is waited for, and their word is the newer one.
    """
    is_due = (Report.reporter_id.in_(people), Delivery.state == "held", Delivery.next_attempt_at <= now)
    ids = select(Delivery.report_id).join(Report, Delivery.report_id == Report.id).where(*is_due)
    lock_all(session, session.scalars(select(Report).where(Report.id.in_(ids)).order_by(Report.id)).all())
    query = select(Delivery, Report).join(Report, Delivery.report_id == Report.id).where(*is_due)
    return [(row, report) for row, report in session.execute(query.order_by(Delivery.id))]


def _tell(session: Session, held: Sequence[tuple[Delivery, Report]], house: House) -> None:
    """Owe one message for all of these: the newest itself where they are of one report, else a list."""
    reports = list({report.id: report for _, report in held}.values())
    last, now = reports[-1], house.now()
    surge = _surge(session, last.surge_id) if last.surge_id else None
    if surge is not None:
        surge.told_at = now
    if len(reports) == 1 or surge is None:
        owe(session, last, held[-1][0].text, house, now, can_wait=True)
        return
    channel, pack = reply_channel(session, last), house.pack
    lines = [f"{each.code}: {status_name(pack, each, last.language)}" for each in reports[:LISTED]]
    if more := len(reports) - LISTED:
        lines += [say(pack, last.language, "digest_more", channel, count=str(more))] if more > 0 else []
    listed = (", " if channel == "sms" else "\n").join(lines)
    words = surge_words(surge, house, last.language)
    text = say(pack, last.language, "digest", channel, list=listed, **words)
    owe(session, last, text, house, now, can_wait=True)


# when held messages are due next
NEXT_DIGEST = select(func.min(Delivery.next_attempt_at)).where(Delivery.state == "held")
