"""What every press on a report's page asks first: is it there, may they change it, is it as they saw it."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from desk.doors import Fields
from desk.rights import Official, may_change, may_see, official_of
from desk.wire import typed_code
from router.held import lock
from router.house import House
from router.status import Actor, NotAllowed
from router.undo import undoable
from store import queries
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

Correct = Callable[[Session, Report, Actor], object]


class Refused(Exception):  # noqa: N818
    """Nothing was changed: the HTTP status, and the key of the sentence that says why not."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


def to_change(session: Session, request: Request, official: Official, fields: Fields) -> Report:
    """The report of the address, its row held, as the form was shown with it. Raises Refused."""
    report = held(session, official, typed_code(request.path_params["code"]))
    if fields.get("seen") != str(queries.last_line(session, report)):
        raise Refused(409, "moved_meanwhile")
    return report


def corrected(
    house: House, request: Request, login: DeskSession, fields: Fields, what: str, correct: Correct
) -> tuple[int, str | None, dict[str, Any]]:
    """Correct the report of the address, with a chance to undo it: (HTTP status, key of the sentence that says why
    not, words of the answer); no sentence when it is done. `correct` raises Refused or NotAllowed."""
    official = official_of(login.officer)
    by = Actor(name=official.name, agency_id=official.agency_id)
    try:
        with house.store.write() as session:
            report = to_change(session, request, official, fields)
            with undoable(session, report, officer_id=login.officer_id, house=house):
                correct(session, report, by)
            log.info("report %s: %s by officer %s", report.code, what, login.officer_id)
            return 200, None, {"still_mine": may_see(official, report)}
    except Refused as refused:
        return refused.status, refused.problem, {}
    except NotAllowed:
        return 400, "no_moves", {}


def held(session: Session, official: Official, code: str) -> Report:
    """A report that they may change, its row held. Raises Refused."""
    report = queries.report_by_code(session, code)
    if report is None:
        raise Refused(404, "no_change_right")
    lock(session, report)
    if not may_change(official, report):
        raise Refused(403, "no_change_right")
    return report


def visible(house: House, official: Official, code: str) -> Report | None:
    """The whole report, when they may see it."""
    with house.store.read() as session:
        report = queries.whole_report(session, typed_code(code))
    return report if report is not None and may_see(official, report) else None
