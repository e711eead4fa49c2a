"""What the desk shows of reports of one problem: perhaps the same, joined, and one press for either way."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import Fields
from desk.photos import is_picture
from desk.rights import Official, may_change, may_see, official_of
from desk.wire import typed_code
from router.duplicates import Candidate, find
from router.house import House
from router.joins import in_order, join, take_apart
from router.status import OPEN, Actor, NotAllowed
from store import near, queries
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

MOST_PHOTOS = 3
MOST_LISTED = 200  # of what is joined to one report

Answer = Callable[..., Response]  # draws the report's page with a sentence on top


@dataclass(frozen=True, kw_only=True, slots=True)
class Perhaps:
    """A report that is perhaps the same, as the page shows it. `apart` is how long lies between the two."""

    report: Report
    metres: int | None
    apart: timedelta
    reasons: tuple[str, ...]
    photos: tuple[int, ...]
    may_join: bool


def shown(house: House, official: Official, report: Report) -> dict[str, Any]:
    """What the page needs: the report that it was joined to, those joined to it, those that are perhaps the same.

    Another agency's reports are only codes, and are not offered to be joined.
    """
    with house.store.read() as session:
        own = session.get_one(Report, report.id)
        lead, joined = near.lead_of(own), near.joined_to(session, own.id)
        found = find(session, own, house) if own.status in OPEN else []
        visible = [each for each in found if may_see(official, each.report)]
        perhaps = [_perhaps(session, official, own, each) for each in visible]
    return {
        "lead": None if lead is own else lead,
        "joined": joined[:MOST_LISTED],
        "count_joined": len(joined),
        "perhaps_same": perhaps,
        "sees": lambda other: may_see(official, other),
        "may_part": lambda other: may_change(official, other) and may_change(official, lead),
    }


def _perhaps(session: Session, official: Official, report: Report, found: Candidate) -> Perhaps:
    photos = [each.id for each in near.photos_of(session, found.report.id) if is_picture(each)]
    return Perhaps(
        report=found.report,
        metres=found.metres,
        apart=abs(found.report.requested_at - report.requested_at),
        reasons=found.reasons,
        photos=tuple(photos[:MOST_PHOTOS]),
        may_join=may_change(official, report) and may_change(official, found.report),
    )


def posted_join(house: House, request: Request, login: DeskSession, fields: Fields, page: Answer) -> Response:
    """Join the page's report and the one that `other` names: the older one, or the one still open, leads."""
    return _answer(house, request, _try(house, request, login, fields, _join), "together", page)


def posted_apart(house: House, request: Request, login: DeskSession, fields: Fields, page: Answer) -> Response:
    """Take apart the report that `other` names: the page's own, or one that was joined to it."""
    return _answer(house, request, _try(house, request, login, fields, _part), "apart", page)


def _answer(house: House, request: Request, tried: tuple[int, str | None], said: str, page: Answer) -> Response:
    status, problem = tried
    if problem:
        return page(status=status, problem=problem)
    house.wake()
    code = typed_code(request.path_params["code"])
    return RedirectResponse(f"/desk/r/{quote(code)}?joins={said}", status_code=303)


Work = Callable[[Session, Report, Report, Actor, House], None]


def _try(house: House, request: Request, login: DeskSession, fields: Fields, work: Work) -> tuple[int, str | None]:
    """(HTTP status, key of the sentence that says why not); no sentence when it is done."""
    official = official_of(login.officer)
    by = Actor(name=official.name, agency_id=official.agency_id)
    with house.store.write() as session:
        report = queries.report_by_code(session, typed_code(request.path_params["code"]))
        other = queries.report_by_code(session, typed_code(fields.get("other", "")[:16]))
        if report is None or other is None or not may_see(official, report):
            return 404, "join_unknown"
        touched = {report, other, near.lead_of(report), near.lead_of(other)}
        if not all(may_change(official, each) for each in touched):
            return 403, "join_no_right"
        try:
            work(session, report, other, by, house)
        except NotAllowed as reason:
            log.info("report %s: not done: %s", report.code, reason)
            session.rollback()
            return 409, "join_not_now"
        log.info("reports %s and %s: %s by officer %s", report.code, other.code, work.__name__, login.officer_id)
    return 200, None


def _join(session: Session, report: Report, other: Report, by: Actor, house: House) -> None:
    joined, lead = in_order(near.lead_of(report), near.lead_of(other))
    join(session, joined, lead, by=by, house=house)


def _part(session: Session, report: Report, other: Report, by: Actor, house: House) -> None:
    if near.lead_of(other) is not near.lead_of(report):
        raise NotAllowed("these two are not joined")
    take_apart(session, other, by=by, house=house)
