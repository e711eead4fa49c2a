"""What every press on a report's page asks first: is it there, may they change it, is it as they saw it."""

from sqlalchemy.orm import Session
from starlette.requests import Request

from desk.doors import Fields
from desk.rights import Official, may_change, may_see
from desk.wire import typed_code
from router.held import lock
from router.house import House
from store import queries
from store.models import Report


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
