"""An agency that lives outside the desk hears of its reports by ways of its own: what is owed to it, and when."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from router.house import House
from router.owing import owe_by_way
from store.models import AgencyWay, Delivery, Report
from store.ways import BY_PEOPLE, Way, withdraw_by

if TYPE_CHECKING:
    from router.status import Actor

log = logging.getLogger("lapor.outbox")

HANDED_OVER = "report.assigned"
CHANGED = "report.changed"
PASSED_ON = "report.released"
TEST = "test"  # nothing happened: an admin looks whether the way works
WEIGHT = {CHANGED: 0, PASSED_ON: 1, HANDED_OVER: 2}  # of several in one transaction the heaviest is told

AFTER_PHOTOS = timedelta(minutes=2)  # so long a mail waits for photos that are still to be fetched
PAUSED, REMOVED = "the way is paused", "the way was removed"
PAUSABLE = frozenset({"webhook", "telegram"})
_TOLD = "ways told"  # in session.info: what this transaction owes already


def tell_agency(
    session: Session,
    report: Report,
    by: "Actor",
    house: House,
    happened: str = CHANGED,
    *,
    agency_id: str | None = None,
) -> None:
    """Owe each way of the report's agency (or the named one) one word of this transaction's changes.

    Without ways, which is the rule, nothing is asked and nothing written.
    """
    agency_id = agency_id or report.agency_id
    if agency_id is None:
        return
    for way in house.ways.of(session, agency_id):
        if not (_is_own(way, by) or _is_told_as_group(way, report) or _is_note(way, by, happened)):
            _owe_once(session, report, way, happened, house)


def _is_own(way: Way, by: "Actor") -> bool:
    """Whether the agency did this itself, where the way leads to: a program's copy must not go stale when an
    officer works at the desk or answers a mail, but nobody wants a mail about their own press."""
    is_theirs = by.agency_id == way.agency_id and by.is_official
    return is_theirs and (way.kind in BY_PEOPLE or by.name.startswith("api:"))


def _is_note(way: Way, by: "Actor", happened: str) -> bool:
    """What the router notes down beside somebody's move (a doubted photo) is worth no mail."""
    return way.kind in BY_PEOPLE and by.name == "router" and happened == CHANGED


def _is_told_as_group(way: Way, report: Report) -> bool:
    """A thousand reports of one flood are one mail (router/surge.py); a program takes each."""
    return way.kind in BY_PEOPLE and report.surge_id is not None and not report.urgent


def _owe_once(session: Session, report: Report, way: Way, happened: str, house: House) -> None:
    told: dict[tuple[Report, int], Delivery] = session.info.setdefault(_TOLD, {})
    row = told.get((report, way.id))
    if row is None:
        told[report, way.id] = owe_by_way(session, report, way, happened, house.now())
    elif WEIGHT[happened] > WEIGHT[row.subject]:
        row.subject = happened


def tell_group(session: Session, agency_id: str, text: str, house: House) -> None:
    """Owe the mailboxes and groups of an agency one message for a whole group of reports."""
    for way in house.ways.of(session, agency_id):
        if way.kind in BY_PEOPLE:
            owe_by_way(session, None, way, HANDED_OVER, house.now()).text = text


def waits_for_photos(row: Delivery, way: AgencyWay, house: House) -> bool:
    """Whether a mail had better go a moment later, with the photos that are on their way; never an urgent one."""
    report = row.report
    if way.kind not in BY_PEOPLE or report is None or report.urgent or house.now() - row.created_at > AFTER_PHOTOS:
        return False
    return any(photo.state == "owed" for photo in report.photos)


def tell_programs(session: Session, report: Report | None, house: House) -> None:
    """Owe a word to an agency's programs, none to its people: of what a mail has waited for, or cannot undo."""
    if report is None or report.agency_id is None:
        return
    for way in house.ways.of(session, report.agency_id):
        if way.kind not in BY_PEOPLE:
            _owe_once(session, report, way, CHANGED, house)


# --- how it went --------------------------------------------------------------------------------------------


def note_outcome(
    session: Session, way: AgencyWay | None, failure: Exception | None, house: House, provider_id: str = ""
) -> None:
    """Write down on a way how it went; one whose receiver says that it is gone (HTTP 410, a group without us) is
    paused. A group that has another id by now is followed there."""
    if way is None:
        return
    if failure is None:
        if way.kind == "telegram" and provider_id:
            follow_chat(way, provider_id.rpartition(":")[0], house)
        if way.last_error is not None:
            way.last_error = way.failed_at = None
        return
    way.last_error, way.failed_at = str(failure)[:300], house.now()
    if way.kind in PAUSABLE and getattr(failure, "of_address", False):
        pause_way(session, way, house)


def pause_way(session: Session, way: AgencyWay, house: House) -> None:
    """Owe nothing more to a way, and take back what it was owed."""
    if way.paused_at is not None:
        return
    way.paused_at = house.now()
    withdrawn = withdraw_by(session, way, PAUSED, house.now())
    house.ways.forget()
    log.warning("way %s is gone: paused, %d hand-overs withdrawn", way.id, withdrawn)


def follow_chat(way: AgencyWay, chat: str, house: House) -> None:
    """Let a way lead to this chat from now on."""
    sealer = house.store.sealer
    lookups = sealer.lookups("telegram", chat)
    if way.lookup in lookups:
        return
    way.sealed, way.lookup = sealer.seal(chat), lookups[0]
    house.ways.forget()
