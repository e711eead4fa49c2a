"""GET /desk/map.json: the reports of a view of the queue as points, as exactly as the official may see them."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk.due import soon
from desk.pages import language_of, texts
from desk.queue import query_of
from desk.rights import official_of
from desk.view import view_of
from router.house import House
from router.replies import service_name
from store.models import Report
from store.officials import DeskSession

MOST = 500  # points of one view, in the list's order
DRAWN = (Report.code, Report.lat, Report.long, Report.status, Report.urgent, Report.service_code)


def map_json(house: House, request: Request, login: DeskSession) -> Response:
    """The query is the queue's own. `without` counts those without a point, `more` says that MOST did not do."""
    official, now = official_of(login.officer), house.now()
    view = replace(view_of(official, request.query_params, house.pack, login.officer_id), page=1)
    with house.store.read() as session:
        query = query_of(session, house.pack, view, soon(house.pack, now))
        rows = session.execute(query.with_only_columns(*DRAWN).limit(MOST + 1)).all()
    language = language_of(request)
    spots = [_spot(house, row, language) for row in rows[:MOST] if row.lat is not None]
    said = {"spots": spots, "without": len(rows[:MOST]) - len(spots), "more": len(rows) > MOST}
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


def _spot(house: House, row: Row[*tuple[Any, ...]], language: str) -> dict[str, Any]:
    return {
        "code": row.code,
        "lat": row.lat,
        "long": row.long,
        "status": row.status,
        "urgent": row.urgent,
        "service": service_name(house.pack, row.service_code, language) or texts(language)["no_service"],
    }
