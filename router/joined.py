"""Tells everybody whose report was joined to another how that one goes on: each on their own channel, once."""

from datetime import datetime

from sqlalchemy.orm import Session

from normalizer.privacy import public_description
from router.digests import hold_for_digest
from router.held import is_ours
from router.house import House
from router.owing import owe, reply_channel
from router.replies import fields_of, say
from store.models import Report
from store.near import joined_to

TOLD = frozenset(
    {"assigned", "accepted", "in_progress", "scheduled", "resolved", "reopened", "closed", "rejected"}
)  # a question is for the one reporter who can answer it


def tell_joined(
    session: Session, report: Report, notes: str | None, house: House, now: datetime, *, knows: int | None = None
) -> None:
    """Owe the reporters of what was joined to `report` a message about its new status, under their own code.

    The report's own reporter was told already, unless `knows` names who made the move through a joined report:
    then that one was. Officials' `notes` reach the others without personal data. Nobody is told twice.
    """
    if report.status in TOLD and (others := _others(session, report, knows)):
        words = public_description(notes or "")
        for each in others:
            if not hold_for_digest(session, each, words, house, status=report.status):
                _tell(session, each, f"to_{report.status}", words, house, now)


def tell_late(session: Session, report: Report, rung: str, house: House, now: datetime) -> None:
    """Owe them the honest word that it is late, and for whom it is on record now."""
    for each in _others(session, report, None):
        _tell(session, each, "late", "", house, now, rung=rung)


def _tell(session: Session, each: Report, key: str, notes: str, house: House, now: datetime, **more: str) -> None:
    each.updated_at = now
    fields = fields_of(each, house, each.language, notes) | more
    text = say(house.pack, each.language, key, reply_channel(session, each), **fields)
    owe(session, each, text, house, now, can_wait=True)


def _others(session: Session, report: Report, knows: int | None) -> list[Report]:
    """One report for each person; a report that is new has nothing that was joined to it."""
    joined = [] if is_ours(session, report) and not report.has_joined else joined_to(session, report.id)
    told = {report.reporter_id if knows is None else knows}
    found: dict[int, Report] = {}
    for each in joined if knows is None or not joined else [report, *joined]:
        if each.reporter_id not in told:
            found.setdefault(each.reporter_id, each)
    return list(found.values())
