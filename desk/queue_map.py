"""GET /desk/map.json: the reports of a view of the queue as points, as exactly as the official may see them."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk.due import soon
from desk.pages import language_of, texts
from desk.queue import ask
from desk.rights import official_of
from desk.view import view_of
from router.house import House
from router.replies import service_name
from store.models import Report
from store.officials import DeskSession

MOST = 500  # points of one view, in the list's order


def map_json(house: House, request: Request, login: DeskSession) -> Response:
    """The query is the queue's own. `without` counts those without a point, `more` says that MOST did not do."""
    official, now = official_of(login.officer), house.now()
    view = replace(view_of(official, request.query_params, house.pack, login.officer_id), page=1)
    with house.store.read() as session:
        reports = ask(session, house.pack, view, soon(house.pack, now), size=MOST)
    language = language_of(request)
    spots = [_spot(house, report, language) for report in reports[:MOST] if report.lat is not None]
    said = {"spots": spots, "without": len(reports[:MOST]) - len(spots), "more": len(reports) > MOST}
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


def _spot(house: House, report: Report, language: str) -> dict[str, Any]:
    return {
        "code": report.code,
        "lat": report.lat,
        "long": report.long,
        "status": report.status,
        "urgent": report.urgent,
        "service": service_name(house.pack, report.service_code, language) or texts(language)["no_service"],
    }
