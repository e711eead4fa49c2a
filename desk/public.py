"""The public pages: what is going on, as a list and a map, and one report as everybody may see it."""

from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from desk.asked import A_PAGE, STATUSES, Asked, asked, chosen, read_cursor, write_cursor
from desk.counted import LEVELS, Counted, counted, of_area, of_group, of_service
from desk.pages import language_of, render, texts
from desk.photos import photo_numbers
from desk.place_map import drawing
from desk.wire import HEADERS, typed_code
from router import shown
from router.heads import published
from router.house import House
from router.replies import service_name
from router.status import MOVES, OPEN, ROUTER
from store import queries
from store.models import Report, StatusUpdate
from store.near import lead_of
from store.public import SPANS, listed

MOST_SERVICES = 12  # that are offered as links; the others are in the form


def home(house: House, request: Request) -> Response:
    """GET /: the map, what there is by status, area and service, and the newest reports, as they are asked for."""
    view = asked(house.pack, request.query_params)
    page = render(house, request, "public.html", **whole(house, request, view), emergency=_emergency(house))
    return with_tiles(house, page)


def whole(house: House, request: Request, view: Asked, limit: int = A_PAGE) -> dict[str, Any]:
    """A view as a page shows it: counts that are links, a page of the list, and where the next one begins."""
    pack, now, language = house.pack, house.now(), language_of(request)
    after = read_cursor(request.query_params.get("after"))
    with house.store.read() as session:
        reports = listed(session, pack, chosen(house, view), now, after=after, limit=limit + 1)
    last = reports[limit - 1] if len(reports) > limit else None
    return {
        "view": view,
        "reports": reports[:limit],
        "next": write_cursor(last.requested_at, last.id) if last else None,
        "is_first": after is None,
        "is_area": False,
        "areas": pack.areas.values(),
        "statuses": tuple(STATUSES),
        "statuses_all": tuple(MOVES),
        "spans": SPANS,
        "services": [code for code in pack.services if pack.publicity(code).near != "hidden"],
        "service_word": lambda code: service_name(pack, code, language),
        "area": partial(area_words, house, request),
        "words": partial(shown.words, pack),
        **tiles(house),
        "bounds": bounds(house, view.area),
        **_counts(house, view),
    }


def embed(house: House, request: Request) -> Response:
    """GET /embed: the map alone, for a frame on somebody else's page; its filters are the list's."""
    view = asked(house.pack, request.query_params)
    said: dict[str, Any] = {
        "view": view,
        "statuses_all": tuple(MOVES),
        "bounds": bounds(house, view.area),
        **tiles(house),
    }
    page = with_tiles(house, render(house, request, "embed.html", **said))
    policy = page.headers.get("Content-Security-Policy", HEADERS["Content-Security-Policy"])
    page.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors *")
    return page


def tiles(house: House) -> dict[str, str]:
    return {"tiles": house.settings.map_tiles_url or "", "credit": house.settings.map_tiles_credit or ""}


def _counts(house: House, view: Asked) -> dict[str, Any]:
    found: Counted = counted(house)
    table, within = found.everything, view.area
    services = of_service(table, within=within, groups=view.groups, span=view.span)
    return {
        "groups": of_group(table, within=within, service=view.service, span=view.span),
        "parts": _parts(house, view, found),
        "by_service": dict(list(services.items())[:MOST_SERVICES]),
    }


def _parts(house: House, view: Asked, found: Counted) -> list[tuple[str, str, int]]:
    """Code, name and count of each area in the one that is looked at: cities, their kecamatan, their kelurahan."""
    level = house.pack.areas[view.area].level if view.area else None
    below = {None: "kota", "kota": "kecamatan", "kecamatan": "kelurahan"}.get(level)
    if below is None:
        return []
    counts = of_area(
        found.everything,
        LEVELS[below],
        within=view.area,
        service=view.service,
        groups=view.groups,
        span=view.span,
    )
    areas = (area for area in house.pack.areas.values() if area.level == below)
    inside = (area for area in areas if view.area is None or area.code.startswith(f"{view.area}."))
    return [(area.code, area.name, counts.get(area.code, 0)) for area in inside]


def bounds(house: House, area: str | None) -> str:
    """What the map shows first, `south,west,north,east` in degrees: the middles of an area's kelurahan and some
    way around."""
    codes = (code for code in house.pack.areas if area is None or f"{code}.".startswith(f"{area}."))
    places = [house.pack.areas[code] for code in codes]
    if area is None:  # the islands lie far out
        places = [each for each in places if each.lat < house.pack.settings["map_south_of"]]
    lats, longs = [each.lat for each in places], [each.long for each in places]
    return f"{min(lats) - 0.01:.4f},{min(longs) - 0.01:.4f},{max(lats) + 0.01:.4f},{max(longs) + 0.01:.4f}"


def area_words(house: House, request: Request, report: Report) -> str:
    return shown.area_name(house.pack, report) or texts(language_of(request))["no_place"]


def _emergency(house: House) -> str:
    return str(house.pack.settings["emergency"])


def with_tiles(house: House, page: Response) -> Response:
    """The page may draw a base map from where MAP_TILES_URL says, and from nowhere else."""
    if house.settings.map_tiles_url:
        origin = urlsplit(house.settings.map_tiles_url)
        policy = HEADERS["Content-Security-Policy"]
        page.headers["Content-Security-Policy"] = f"{policy}; img-src 'self' {origin.scheme}://{origin.netloc}"
    return page


def find(house: House, request: Request) -> Response:
    """GET /r?code=…: from the search field to the report's own address."""
    code = "".join(c for c in request.query_params.get("code", "") if c.isalnum())[:16]
    return RedirectResponse(f"/r/{quote(typed_code(code))}" if code else "/", status_code=303)


def report_page(house: House, request: Request) -> Response:
    """GET /r/CODE: nothing of the reporter, no exact place, of photos only the public copies."""
    with house.store.read() as session:
        report = queries.public_report(session, typed_code(request.path_params["code"]))
        lead = lead_of(report) if report is not None else None
    if report is None or lead is None:
        return render(house, request, "public_not_found.html", status=404)
    pack = house.pack
    return render(
        house,
        request,
        "public_report.html",
        report=report,
        lead=lead,
        area=partial(area_words, house, request),
        is_hidden=shown.is_hidden(pack, report),
        words=shown.words(pack, report),
        notes=partial(shown.notes, pack, report),
        lines=public_lines(report),
        drawing=drawing(house, report),
        promise=_promise(lead),
        concerns=_concerns(house, report, lead),
        photos_before=photo_numbers(pack, report, after=False),
        photos_after=photo_numbers(pack, report, after=True),
    )


def _promise(lead: Report) -> str | None:
    """What became of the promise: kept, broken, running, or standing while somebody else has to move."""
    if lead.expected_at is None:
        return None
    if lead.raised:
        return "broken"
    if lead.status in {"resolved", "closed"}:
        return "kept"
    return "running" if lead.late_at else "stands"


def _concerns(house: House, report: Report, lead: Report) -> bool:
    """Whether others may say that it concerns them too (router/too.py)."""
    is_a_persons = lead.service_code is None or lead.service_code in house.pack.never_joined
    return lead.status in OPEN and not is_a_persons and not shown.is_hidden(house.pack, report)


def public_lines(report: Report) -> list[StatusUpdate]:
    """The history without the router's remarks for officials, which change no status."""
    before = [None, *report.history]
    return [line for line, last in zip(report.history, before, strict=False) if not _is_remark(line, last)]


def _is_remark(line: StatusUpdate, last: StatusUpdate | None) -> bool:
    return (
        last is not None and line.by == ROUTER and (line.status, line.agency_id) == (last.status, last.agency_id)
    )


def history_head(house: House, request: Request) -> Response:
    """GET /history-head.json: the newest signed head of all histories, or the one of ?number=N; 404 without."""
    asked = request.query_params.get("number")
    if asked is not None and not (asked.isascii() and asked.isdigit() and len(asked) <= 15):
        return JSONResponse({"error": "number must be a head's number"}, 400)
    head = published(house, int(asked) if asked is not None else None)
    return JSONResponse(head) if head else JSONResponse({"error": "there is no such head"}, 404)
