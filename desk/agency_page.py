"""One report for its agency without a log-in: the page that the signed link of a mail opens, and its moves."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import UPLOADS_AT_ONCE, Fields
from desk.pages import language_of, render, texts
from desk.photos import served
from desk.wire import BadBody, read_upload
from normalizer.privacy import public_description
from normalizer.schema import Attachment
from router.after_photos import Brought, NotAPhoto, drop_brought, read_after_photos
from router.agency_moves import make_move, open_moves, refusal
from router.handover import GOOD_FOR, is_shown, later_words
from router.held import lock
from router.house import PHOTOS, House
from router.passes import Pass, make_pass, read_pass
from store import queries
from store.models import AgencyWay, Photo, Report

log = logging.getLogger("lapor.desk")


def page(house: House, request: Request) -> Response:
    """GET /a/PASS: the report as its agency may see it, and its moves. Looking changes nothing: mail scanners look
    too."""
    given = _pass(house, request)
    return _page(house, request, given) if given else _gone(house, request)


def _pass(house: House, request: Request) -> Pass | None:
    return read_pass(house.keys, "report", request.path_params["name"], house.now())


def _gone(house: House, request: Request, *, status: int = 404, said: str = "gone") -> Response:
    return _hidden(render(house, request, "agency_gone.html", status=status, said=said))


def _hidden(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _opened(session: Session, given: Pass) -> tuple[Report, AgencyWay] | None:
    """The report, while it is with the agency and the way is there."""
    way, report = session.get(AgencyWay, given.way_id), session.get(Report, given.number)
    if way is None or way.removed_at is not None or report is None or report.agency_id != way.agency_id:
        return None
    return report, way


def _page(house: House, request: Request, given: Pass, *, status: int = 200, **words: Any) -> Response:
    with house.store.read() as session:
        found = _opened(session, given)
        if found is None and "done" in request.query_params:  # their own press passed it on
            return _gone(house, request, status=200, said="passed")
        if found is None:
            return _gone(house, request)
        report, way = found
        moves = open_moves(session, report, house)
        shown = [photo for photo in report.photos if is_shown(photo)]
        words = {"problem": None, "note": "", "done": request.query_params.get("done") is not None, **words}
        return _hidden(
            render(
                house,
                request,
                "agency_page.html",
                status=status,
                report=report,
                agency=way.agency_id,
                action=request.url.path,
                moves=moves,
                area=house.pack.areas.get(report.area_code or ""),
                said=later_words(report),
                lines=report.history,
                seen_line=report.history[-1].seq if report.history else 0,
                cleaned=public_description,
                photos=[(photo, _photo_address(house, photo, way)) for photo in shown],
                asks_photo=_asks_photo(house, report),
                **words,
            )
        )


def _asks_photo(house: House, report: Report) -> bool:
    service = house.pack.services.get(report.service_code or "")
    return service is not None and service.after_photo


def _photo_address(house: House, photo: Photo, way: AgencyWay) -> str:
    return f"/a/photo/{make_pass(house.keys, 'photo', photo.id, way.id, house.now() + GOOD_FOR)}"


def photo(house: House, request: Request) -> Response:
    """GET /a/photo/PASS: the working copy of a photo, while its report is with the agency that the pass is for."""
    given = read_pass(house.keys, "photo", request.path_params["name"], house.now())
    key = _copy_of(house, given) if given else None
    response = served(house, key, "image/jpeg") if key else None
    return _hidden(response) if response is not None else _gone(house, request)


def _copy_of(house: House, given: Pass) -> str | None:
    """The key of the working copy that the pass opens now."""
    with house.store.read() as session:
        kept = queries.photo_with_report(session, given.number)
        report = kept.report if kept is not None and is_shown(kept) else None
        whole = Pass(number=report.id, way_id=given.way_id) if report is not None else None
        if kept is None or whole is None or _opened(session, whole) is None:
            return None
        return kept.copy_key


# --- moves ------------------------------------------------------------------------------------------------------


def posted(house: House) -> Callable[[Request], Awaitable[Response]]:
    """POST /a/PASS. Nothing of the form is read without a good pass, or from another site's page."""
    limiter = CapacityLimiter(UPLOADS_AT_ONCE)

    async def endpoint(request: Request) -> Response:
        given = _pass(house, request)
        if given is None or not is_same_origin(house, request):
            status = 404 if given is None else 403
            refused = await run_in_threadpool(partial(_gone, house, request, status=status))
            refused.headers["Connection"] = "close"
            return refused
        async with limiter:
            try:
                fields, files = await read_upload(request)
            except BadBody as error:
                page = await run_in_threadpool(
                    partial(render, house, request, "bad_form.html", status=error.status)
                )
                page.headers["Connection"] = "close"
                return page
            return await run_in_threadpool(_move, house, request, given, fields, files)

    return endpoint


def is_same_origin(house: House, request: Request) -> bool:
    """Whether a form was sent from our own page: Origin is PUBLIC_URL's, or, where a browser sends none,
    Sec-Fetch-Site says so (Fetch, 3.2; Fetch Metadata, 2.4)."""
    base = urlsplit(house.settings.base_url)
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    return origin == f"{base.scheme}://{base.netloc}"


def _move(house: House, request: Request, given: Pass, fields: Fields, files: Sequence[Attachment]) -> Response:
    """Make the move, when the report still is what the page was shown with."""
    note, said = fields.get("note", "").replace("\r\n", "\n").strip(), texts(language_of(request))
    again = partial(_page, house, request, given, note=note)
    with house.store.read() as session:
        found = _opened(session, given)
    if found is None:
        return _gone(house, request)
    try:
        brought = read_after_photos(house, found[0], files)
    except NotAPhoto as error:
        return again(status=400, problem=said["not_a_photo"].format(name=str(error) or "-"))
    except OSError:
        return again(status=503, problem=said["photos_away"])
    status, problem = _make(house, given, fields, note, brought)
    if problem is not None:
        drop_brought(house, brought)
        return again(status=status, problem=said[problem])
    house.wake()
    if brought:
        house.wake(PHOTOS)
    return RedirectResponse(f"{request.url.path}?done", status_code=303)


PROBLEMS: Mapping[str, str] = {
    "not_now": "moved_meanwhile",
    "nobody": "nobody_left",
    "no_reason": "needs_reason",
    "too_long": "note_too_long",
}


def _make(
    house: House, given: Pass, fields: Fields, note: str, brought: Sequence[Brought]
) -> tuple[int, str | None]:
    move = fields.get("move", "")
    with house.store.write() as session:
        found = _opened(session, given)
        if found is None:
            return 409, "moved_meanwhile"
        report, way = found
        lock(session, report)
        if report.agency_id != way.agency_id or fields.get("seen") != str(queries.last_line(session, report)):
            return 409, "moved_meanwhile"
        problem = refusal(move, note, open_moves(session, report, house))
        if problem is not None:
            return 400, PROBLEMS[problem]
        make_move(session, report, move, note, brought, house)
        log.info("report %s: %s on the page of way %s", report.code, move, way.id)
    return 200, None
