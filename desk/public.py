"""The public pages: what this is, how much is going on, and one report as everybody may see it."""

from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from config.pack import Pack
from desk.pages import language_of, render, texts
from desk.photos import public_photos
from desk.view import GROUPS
from desk.wire import typed_code
from normalizer.privacy import public_description
from router.heads import published
from router.house import House
from router.status import OFFICIALS, ROUTER
from store import queries
from store.models import Report, StatusUpdate
from store.near import lead_of

LATEST = 20


def public_notes(line: StatusUpdate) -> str | None:
    """What an official wrote for the citizen and the public, personal data taken out; never a citizen's words."""
    return public_description(line.notes) if line.notes and line.by.startswith(OFFICIALS) else None


def area_name(pack: Pack, report: Report) -> str | None:
    """The kelurahan (or what is known of it) with its kecamatan: as near as the public is told."""
    area = pack.areas.get(report.area_code or "")
    if area is None:
        return None
    return ", ".join(filter(None, (area.name, area.kecamatan)))


def _area(house: House, request: Request, report: Report) -> str:
    return area_name(house.pack, report) or texts(language_of(request))["no_place"]


def home(house: House, request: Request) -> Response:
    """GET /: numbers by status and the latest reports."""
    with house.store.read() as session:
        counts = queries.count_statuses(session, None)
        reports = queries.newest(session, LATEST)
    return render(
        house,
        request,
        "public.html",
        groups={name: sum(counts.get(each, 0) for each in these) for name, these in GROUPS.items()},
        reports=reports,
        area=partial(_area, house, request),
        emergency=house.pack.settings["emergency"],
    )


def find(house: House, request: Request) -> Response:
    """GET /r?code=…: from the search field to the report's own address."""
    code = "".join(c for c in request.query_params.get("code", "") if c.isalnum())[:16]
    return RedirectResponse(f"/r/{quote(typed_code(code))}" if code else "/", status_code=303)


def report_page(house: House, request: Request) -> Response:
    """GET /r/CODE: nothing of the reporter, no exact place, of photos only the public copies."""
    with house.store.read() as session:
        report = queries.public_report(session, typed_code(request.path_params["code"]))
        lead = lead_of(report) if report is not None else None
    if report is None:
        return render(house, request, "public_not_found.html", status=404)
    return render(
        house,
        request,
        "public_report.html",
        report=report,
        lead=lead,
        area=partial(_area, house, request),
        public_notes=public_notes,
        lines=public_lines(report),
        photos_before=_numbers(report, after=False),
        photos_after=_numbers(report, after=True),
    )


def _numbers(report: Report, *, after: bool) -> list[int]:
    """The numbers of the photos that the public may see, from before or from after the work."""
    return [report.photos.index(photo) + 1 for photo in public_photos(report) if photo.is_after == after]


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
