"""The button "not ours": who would get the report, and the press."""

import logging
from typing import Any

from starlette.requests import Request

from desk.changes import Refused, to_change
from desk.doors import Fields
from desk.rights import Official, may_change, may_see, official_of
from router.house import House
from router.not_ours import next_choice, not_ours
from router.status import Actor, NotAllowed
from router.undo import undoable
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")


def receiver(house: House, official: Official, report: Report) -> str | None:
    """The agency that a press would give the report to; None where there is nothing to press."""
    if not may_change(official, report):
        return None
    with house.store.read() as session:
        return next_choice(session, report, house)


def try_not_ours(
    house: House, request: Request, login: DeskSession, fields: Fields, note: str
) -> tuple[int, str | None, dict[str, Any]]:
    """(HTTP status, key of the sentence that says why not, words of the answer); no sentence when it is done."""
    official = official_of(login.officer)
    with house.store.write() as session:
        try:
            report = to_change(session, request, official, fields)
        except Refused as refused:
            return refused.status, refused.problem, {}
        before = report.agency_id
        try:
            by = Actor(name=official.name, agency_id=official.agency_id)
            with undoable(session, report, officer_id=login.officer_id, house=house):
                not_ours(session, report, by=by, house=house, notes=note)
        except NotAllowed:
            return 400, "nobody_left", {}
        log.info("report %s: from %s to %s by officer %s", report.code, before, report.agency_id, login.officer_id)
        return 200, None, {"still_mine": may_see(official, report)}
