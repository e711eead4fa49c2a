"""The desk corrects a report's service; the report goes to the right agency while nobody works on it."""

from sqlalchemy.orm import Session

from router.guesses import guess_of, outcome_of
from router.held import lock
from router.house import House
from router.owner import agency_of
from router.promise import waits_for_answer
from router.replies import fields_of, say
from router.reports import let_clock_run, missing
from router.status import OPEN, Actor, NotAllowed, add_line, change_status
from store.models import Report, StatusUpdate

NOBODY_WORKS = frozenset({None, "received", "assigned"})  # (None: no question was asked)


def correct_service(
    session: Session, report: Report, service_code: str, *, by: Actor, house: House
) -> StatusUpdate:
    """Set the service that an official names; the line of history that says so.

    `sources["service"]` keeps who decided, when, and what the normalizer had guessed. While nobody works on the
    report it goes to the new service's agency, and the citizen is told; otherwise it stays where it is. Raises
    NotAllowed for a service that the pack does not have or the report has already, and for a finished report.
    """
    lock(session, report)
    _check(report, service_code, house)
    guess, now = guess_of(report), house.now()
    decided = {"source": "desk", "by": by.name, "at": now.isoformat(timespec="seconds"), "guess": guess}
    report.sources = {**report.sources, "service": {**report.sources.get("service", {}), **decided}}
    report.service_guess = outcome_of(guess, service_code)
    report.service_code = service_code
    report.updated_at = now
    waited = waits_for_answer(report)
    if report.asked_for is not None:
        report.asked_for = missing(report)
    session.flush()  # the move below reads the row again
    if waited and report.asked_for is None:
        let_clock_run(session, report, house, by=by)
    fields = fields_of(report, house, report.language)
    notes = say(house.pack, report.language, "service_corrected", "desk", **fields)
    agency_id = _next_agency(session, report, house)
    if agency_id is not None:
        return change_status(session, report, "assigned", by=by, house=house, notes=notes, agency_id=agency_id)
    return add_line(session, report, report.status, by=by, house=house, now=now, notes=notes)


def _check(report: Report, service_code: str, house: House) -> None:
    if service_code not in house.pack.services:
        raise NotAllowed(f"there is no service {service_code!r}")
    if service_code == report.service_code:
        raise NotAllowed(f"the report has the service {service_code} already")
    if report.status not in OPEN:
        raise NotAllowed(f"a report that is {report.status} keeps its service")


def _next_agency(session: Session, report: Report, house: House) -> str | None:
    """The agency that the report goes to now; None when it stays where it is."""
    status = report.status_before if report.status == "needs_info" else report.status
    agency_id = agency_of(session, report, house)
    return agency_id if status in NOBODY_WORKS and agency_id != report.agency_id else None
