"""The desk corrects a report's service or place; the report goes to the right agency while nobody works on it."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from config.pack import Area, Pack
from normalizer.normalize import is_enough, normalize
from normalizer.schema import Place
from router.choices import take_candidate
from router.facts import set_place
from router.guesses import guess_of, outcome_of
from router.held import lock
from router.house import House
from router.owing import owe, reply_channel
from router.owner import agency_of
from router.promise import waits_for_answer
from router.replies import fields_of, say
from router.reports import BY_CITIZEN, let_clock_run, missing
from router.status import OPEN, Actor, NotAllowed, add_line, change_status
from store.models import Report, StatusUpdate

_DENIED = re.compile(r"\bbukan\b.*?(?:,|\.|\btapi\b|\bmelainkan\b|$)", re.IGNORECASE)
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
    if service_code not in house.pack.services:
        raise NotAllowed(f"there is no service {service_code!r}")
    if service_code == report.service_code:
        raise NotAllowed(f"the report has the service {service_code} already")
    _check(report)
    guess = guess_of(report)
    decided = {"source": "desk", **_decided(by, house), "guess": guess}
    report.sources = {**report.sources, "service": {**report.sources.get("service", {}), **decided}}
    report.service_guess = outcome_of(guess, service_code)
    report.service_code = service_code
    return _go_on(session, report, "service_corrected", by=by, house=house)


def correct_place(
    session: Session, report: Report, place: Place | Mapping[str, Any], *, by: Actor, house: House
) -> StatusUpdate:
    """Set the place that an official names: one that was read, or one of the report's own candidates.

    From then on no message of the citizen's moves it. Where the report goes and who is told: as with the service.
    Raises NotAllowed for a place that lies in no area of the city, and for a finished report.
    """
    lock(session, report)
    _check(report)
    if isinstance(place, Place):
        if place.area_code is None:
            raise NotAllowed("the place lies in no area of the city")
        set_place(report, place, found=True)
        report.address_string = (place.address_string or "")[:500] or None
    else:
        take_candidate(report, place, house.pack)
    settled = {**report.sources["place"], "conflict": [], "confidence": 1.0, **_decided(by, house)}
    report.sources = {**report.sources, "place": settled}
    return _go_on(session, report, "place_corrected", by=by, house=house)


def correct(session: Session, report: Report, words: str, house: House) -> bool:
    """Let its reporter's "eh salah, …" move a report that nobody works on yet; whether it did. They are told what
    stands there now. A pin, and what an official set, stay."""
    lock(session, report)
    had = report.sources.get("place", {})
    is_free = report.status in {"received", "assigned"} and had.get("source") == "text" and not had.get("by")
    place = _meant(report, words, house.pack) if is_free else None
    if place is None:
        return False
    agency_id = report.agency_id
    correct_place(session, report, place, by=BY_CITIZEN, house=house)
    said = {key: value for key, value in report.sources["place"].items() if key not in {"by", "at"}}
    report.sources = {**report.sources, "place": said}  # who was wrong once may say so again
    if report.agency_id == agency_id:  # else the move tells them
        channel, fields = reply_channel(session, report, asked=True), fields_of(report, house, report.language)
        owe(
            session,
            report,
            say(house.pack, report.language, "answered", channel, **fields),
            house,
            house.now(),
            asked=True,
        )
    return True


def _meant(report: Report, words: str, pack: Pack) -> Place | None:
    """The place that a correction names: its own kelurahan, or another street in the report's; None where it is
    the same, or only a house or an RT."""
    said = _DENIED.sub(" ", words)
    area = pack.areas.get(report.area_code or "")
    place = normalize(said, language=report.language, pack=pack).place
    if place and place.area_code == report.area_code and area is not None and not is_enough(place, pack):
        place = normalize(f"{said}, Kelurahan {area.name}", language=report.language, pack=pack).place
    if place is None or not is_enough(place, pack) or place.source != "text":
        return None
    is_same = place.area_code == report.area_code and place.address_string in {report.address_string, None}
    is_vaguer = place.area_code == report.area_code and area is not None and _is_only(place, area)
    return None if is_same or is_vaguer else place


def _is_only(place: Place, area: Area) -> bool:
    return (place.address_string or "").split(",")[0].lower() == area.name.lower()


def _check(report: Report) -> None:
    if report.status not in OPEN:
        raise NotAllowed(f"a report that is {report.status} keeps its service and its place")


def _decided(by: Actor, house: House) -> dict[str, str]:
    return {"by": by.name, "at": house.now().isoformat(timespec="seconds")}


def _go_on(session: Session, report: Report, key: str, *, by: Actor, house: House) -> StatusUpdate:
    """What was asked is known now, perhaps; the line that says what was corrected, at another agency where it must
    be."""
    report.updated_at = now = house.now()
    waited = waits_for_answer(report)
    if report.asked_for is not None:
        report.asked_for = missing(report)
    session.flush()  # the move below reads the row again
    if waited and report.asked_for is None:
        let_clock_run(session, report, house, by=by)
    notes = say(house.pack, report.language, key, "desk", **fields_of(report, house, report.language))
    agency_id = _next_agency(session, report, house)
    if agency_id is not None:
        return change_status(session, report, "assigned", by=by, house=house, notes=notes, agency_id=agency_id)
    return add_line(session, report, report.status, by=by, house=house, now=now, notes=notes)


def _next_agency(session: Session, report: Report, house: House) -> str | None:
    """The agency that the report goes to now; None when it stays where it is."""
    status = report.status_before if report.status == "needs_info" else report.status
    agency_id = agency_of(session, report, house)
    return agency_id if status in NOBODY_WORKS and agency_id != report.agency_id else None
