"""What "not ours" does: the next likely agency gets the report, and its citizen hears that one's name."""

from sqlalchemy.orm import Session

from router.held import lock
from router.house import House
from router.owner import second_choice
from router.replies import say
from router.status import Actor, NotAllowed, allowed_moves, change_status
from store.models import Report, StatusUpdate


def next_choice(session: Session, report: Report, house: House) -> str | None:
    """The agency that "not ours" would give the report to now; None where that is not possible."""
    if report.agency_id is None or "assigned" not in allowed_moves(report):
        return None
    return second_choice(session, report, house)


def not_ours(session: Session, report: Report, *, by: Actor, house: House, notes: str = "") -> StatusUpdate:
    """Give the report to the next likely agency; the line of history that says so, which the citizen is told.

    The holding that ends so (state passed_on) is what router/rules.py learns from. Raises NotAllowed where nobody
    has it, where its status does not allow it, and where nobody is left who did not have it before.
    """
    lock(session, report)
    agency_id = next_choice(session, report, house)
    if agency_id is None or report.agency_id is None:
        raise NotAllowed("nobody is left who did not have this report before")
    pack = house.pack
    key = "undecided" if agency_id == pack.routing["coordinator"] else "not_ours"
    agency = pack.agencies.get(report.agency_id)
    before = agency.name if agency else report.agency_id
    words = f"{say(pack, report.language, key, 'desk', before=before)} {notes}"
    return change_status(session, report, "assigned", by=by, house=house, notes=words, agency_id=agency_id)
