"""What an agency does with its report from outside the desk, by mail or on the page that a link opens."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from router.after_photos import Brought, take_after_photos
from router.holding import current
from router.house import House
from router.not_ours import next_choice, not_ours
from router.status import NEEDS_REASON, Actor, allowed_moves, change_status
from store.models import Report

NOT_OURS = "not_ours"
MOVES = ("accepted", "in_progress", "resolved", NOT_OURS, "rejected")
LONGEST_NOTE = 2000


def open_moves(session: Session, report: Report, house: House) -> list[str]:
    """Which of MOVES the report's agency may make now."""
    allowed = allowed_moves(report)
    moves = [move for move in MOVES if move in allowed]
    if next_choice(session, report, house) is not None:
        moves.insert(moves.index("rejected") if "rejected" in moves else len(moves), NOT_OURS)
    return moves


def refusal(move: str, notes: str, may: Sequence[str]) -> str | None:
    """Why a move cannot be made: `not_now`, `nobody` (is left to pass it to), `no_reason`, `too_long`."""
    if move not in may:
        return "nobody" if move == NOT_OURS else "not_now"
    if move in NEEDS_REASON and not notes:
        return "no_reason"
    return "too_long" if len(notes) > LONGEST_NOTE else None


def make_move(
    session: Session, report: Report, move: str, notes: str, brought: Sequence[Brought], house: House
) -> None:
    """Make one of MOVES in the name of the report's agency; `brought` are photos of what was done. Hold the row
    before, and ask refusal(). Raises NotAllowed."""
    by = Actor(name=f"agency:{report.agency_id}", agency_id=report.agency_id)
    holding = current(session, report)
    if move == NOT_OURS:
        not_ours(session, report, by=by, house=house, notes=notes)
    else:
        change_status(session, report, move, by=by, house=house, notes=notes)
    take_after_photos(session, report, holding, brought, house)
