"""/desk/admin/agencies: each agency's ways beside the desk, added, changed, tried, taken away; how they went."""

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.admin import draw, number_of
from desk.deeds import write_deed
from desk.doors import Fields
from desk.rights import official_of
from desk.view import page_asked
from router.house import House
from router.way_changes import (
    add_way,
    change_way,
    needs_warning,
    new_code,
    remove_way,
    resume_way,
    try_way,
    where_to,
)
from store.models import AgencyWay
from store.officials import DeskSession
from store.ways import BY_PEOPLE, count_owed, last_by, tries_of, ways_there

log = logging.getLogger("lapor.desk")

KINDS = ("webhook", "mail", "telegram", "queue")
LOG_LINES = 100
LONGEST_ADDRESS = 500
DONE = ("added", "changed", "removed", "resumed", "tried")


def agencies(house: House, request: Request, login: DeskSession, **words: Any) -> Response:
    """All agencies with their ways, and which of them fail."""
    with house.store.read() as session:
        ways, owed = ways_there(session), count_owed(session)
    by_agency: dict[str, list[AgencyWay]] = {}
    for way in ways:
        by_agency.setdefault(way.agency_id, []).append(way)
    done = request.query_params.get("done")
    return draw(
        house,
        request,
        login,
        "admin_agencies.html",
        agencies=sorted(house.pack.agencies.values(), key=lambda each: (each.id not in by_agency, each.name)),
        ways=by_agency,
        owed=owed,
        kinds=KINDS,
        by_people=BY_PEOPLE,
        where=lambda way: where_to(house, way),
        **{
            "problem": None,
            "secret": None,
            "code": None,
            "warning": None,
            "done": done if done in DONE else None,
            **words,
        },
    )


def add(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Add a way; a webhook's secret stands on the answer, this once, and in no address or log."""
    agency_id, kind = fields.get("agency", "")[:40], fields.get("kind", "")
    try:
        added = add_way(house, agency_id, kind, fields.get("address", "").strip()[:LONGEST_ADDRESS])
    except (LookupError, ValueError) as error:
        return agencies(house, request, login, status=400, problem=str(error))
    _written(house, login, "way_added", f"{added.id}: {agency_id}, {kind}")
    warning = needs_warning(house, kind)
    once = {"code" if kind == "telegram" else "secret": added.secret}
    return agencies(house, request, login, warning=warning, done="added", **once)


def move(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """One way changed, tried, resumed or removed, as the pressed button says."""
    number, what, code = number_of(request.path_params["number"]), request.path_params["what"], None
    try:
        if what == "coded":
            code = new_code(house, number)
        elif what == "changed":
            change_way(house, number, fields.get("address", "").strip()[:LONGEST_ADDRESS])
        elif what == "tried":
            try_way(house, number)
        elif what == "resumed":
            resume_way(house, number)
        elif what == "removed":
            remove_way(house, number)
        else:
            raise LookupError("there is no such press")
    except (LookupError, ValueError) as error:
        return agencies(house, request, login, status=400, problem=str(error).partition(": `")[0])
    _written(house, login, f"way_{what}", str(number))
    if code is not None:  # it stands on the answer, this once, and in no address
        return agencies(house, request, login, code=code)
    after = f"/desk/admin/ways/{number}" if what == "tried" else "/desk/admin/agencies"
    return RedirectResponse(f"{after}?done={what}", status_code=303)


def _written(house: House, login: DeskSession, what: str, about: str) -> None:
    write_deed(house, official_of(login.officer), what, about)
    log.info("%s by officer %s: %s", what, login.officer_id, about)


def way(house: House, request: Request, login: DeskSession) -> Response:
    """The log of one way: each hand-over, its tries and what was answered, the newest first."""
    number, page = number_of(request.path_params["number"]), page_asked(request.query_params.get("page", ""))
    with house.store.read() as session:
        found = session.get(AgencyWay, number)
        rows = last_by(session, [number], page * LOG_LINES + 1)[(page - 1) * LOG_LINES :] if found else []
        for row in rows:
            _ = row.report
    if found is None:
        return agencies(house, request, login, status=404, problem="there is no such way")
    done = "tried" if request.query_params.get("done") == "tried" else None
    return draw(
        house,
        request,
        login,
        "admin_way.html",
        way=found,
        where=where_to(house, found) if found.removed_at is None else "",
        rows=rows[:LOG_LINES],
        tries_of=tries_of,
        page=page,
        has_more=len(rows) > LOG_LINES,
        done=done,
    )
