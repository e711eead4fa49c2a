"""Who of an agency has a report: one press for oneself, a choice for whoever leads."""

import logging
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.changes import Refused, held
from desk.doors import Fields
from desk.rights import Official, may_change, may_give, official_of
from desk.wire import typed_code
from router.house import House
from store.models import Report
from store.officials import DeskSession, colleagues, names_of

log = logging.getLogger("lapor.desk")


def taken(house: House, official: Official, report: Report, me: int) -> dict[str, Any]:
    """What the page needs: who has it, whether they may take it or give it back, and whom they may give it to."""
    may = may_change(official, report)
    with house.store.read() as session:
        names = names_of(session, [report.officer_id] if report.officer_id else [])
        to = colleagues(session, report.agency_id) if may_give(official, report) and report.agency_id else {}
    return {
        "taken_by": names.get(report.officer_id or 0),
        "is_mine": report.officer_id == me,
        "may_take": may and report.officer_id is None,
        "may_let_go": may
        and report.officer_id is not None
        and (report.officer_id == me or may_give(official, report)),
        "may_give_to": {number: name for number, name in to.items() if number != report.officer_id},
    }


def take_for(report: Report, official: Official, me: int, to: int | None) -> None:
    """Give the report to an official, or (None) to nobody. What a colleague has only they and who leads may give
    away. Raises Refused."""
    is_free = report.officer_id in {None, me}
    if not (may_give(official, report) or (is_free and to in {None, me})):
        raise Refused(403, "taken_by_other")
    report.officer_id = to


def take(house: House, request: Request, login: DeskSession, fields: Fields, page: Any) -> Response:
    """The press on the report's page; `to` is `me`, an official's number, or empty for nobody."""
    official, me, code = official_of(login.officer), login.officer_id, typed_code(request.path_params["code"])
    said = fields.get("to", "")
    try:
        with house.store.write() as session:
            report = held(session, official, code)
            known = {str(number) for number in colleagues(session, report.agency_id)}
            if said not in {"me", "", *known}:
                raise Refused(400, "not_a_colleague")
            take_for(report, official, me, me if said == "me" else int(said) if said else None)
            log.info("report %s: officer %s has it, by officer %s", code, report.officer_id, me)
    except Refused as refused:
        return page(status=refused.status, problem=refused.problem)  # type: ignore[no-any-return]
    return RedirectResponse(f"/desk/r/{quote(code)}", status_code=303)
