"""What every press on a report's page asks first: is it there, may they change it, is it as they saw it."""

from sqlalchemy.orm import Session
from starlette.requests import Request

from desk.doors import Fields
from desk.rights import Official, may_change
from desk.wire import typed_code
from router.held import lock
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
    report = queries.report_by_code(session, typed_code(request.path_params["code"]))
    if report is None:
        raise Refused(404, "no_change_right")
    lock(session, report)
    if not may_change(official, report):
        raise Refused(403, "no_change_right")
    if fields.get("seen") != str(queries.last_line(session, report)):
        raise Refused(409, "moved_meanwhile")
    return report
