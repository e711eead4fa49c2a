"""GET /desk/map.json: the reports of a view of the queue as points, as exactly as the official may see them."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk.due import soon
from desk.pages import language_of, texts
from desk.queue import ids_of
from desk.rights import official_of
from desk.view import view_of
from router.house import House
from router.replies import service_name
from store.models import Report
from store.officials import DeskSession

MOST = 500  # points of one view, in the list's order
DRAWN = (Report.id, Report.code, Report.lat, Report.long, Report.status, Report.urgent, Report.service_code)


def map_json(house: House, request: Request, login: DeskSession) -> Response:
    """The query is the queue's own. `without` counts those without a point, `more` says that MOST did not do."""
    official, now = official_of(login.officer), house.now()
    view = replace(view_of(official, request.query_params, house.pack, login.officer_id), page=1)
    with house.store.read() as session:
        ids = ids_of(session, house.pack, view, soon(house.pack, now), count=MOST + 1)
        rows = {row.id: row for row in session.execute(select(*DRAWN).where(Report.id.in_(ids[:MOST])))}
    language = language_of(request)
    spots = [_spot(house, rows[number], language) for number in ids[:MOST] if rows[number].lat is not None]
    said = {"spots": spots, "without": len(rows) - len(spots), "more": len(ids) > MOST}
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
