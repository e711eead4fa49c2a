"""Photos on their way out: copies for officials, originals for a few of them, public copies for everybody."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from config.pack import Pack
from desk.doors import Fields
from desk.pages import render, texts
from desk.rights import Official, may_change, may_release, may_see, may_see_original, official_of
from desk.wire import typed_code
from router.doubts import is_doubted
from router.held import lock
from router.house import House
from router.status import Actor, add_line
from store import queries
from store.models import Photo, Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
SAME_WITHIN = timedelta(days=90)  # so far back the same picture is looked for
NO_PHOTO_TO_SEE = frozenset({"rejected"})  # a report that was no report shows the public nothing
AT_ONCE, WAITING = 8, 200
SANDBOXED = "default-src 'none'; sandbox; frame-ancestors 'none'"


def is_picture(photo: Photo) -> bool:
    """Whether a browser may draw it: kept, and of a kind that holds no script (so no SVG)."""
    return photo.state == "kept" and (bool(photo.copy_key) or photo.content_type.lower() in PICTURES)


def is_public(photo: Photo) -> bool:
    """Whether everybody may see its public copy now."""
    return photo.state == "kept" and photo.public_state == "shown" and bool(photo.public_key)


def public_photos(pack: Pack, report: Report) -> list[Photo]:
    is_bare = report.status in NO_PHOTO_TO_SEE or pack.publicity(report.service_code).near == "hidden"
    return [] if is_bare else [photo for photo in report.photos if is_public(photo)]


def photo_numbers(pack: Pack, report: Report, *, after: bool | None = None) -> list[int]:
    """The numbers of the photos that everybody may see; of those from before or after the work, or all."""
    seen = [photo for photo in public_photos(pack, report) if after is None or photo.is_after == after]
    return [report.photos.index(photo) + 1 for photo in seen]


def apart(work: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A photo's address, in a few threads of its own: all other pages go on while the photos' place hangs. 503
    when too many wait already."""
    limiter = CapacityLimiter(AT_ONCE)

    async def endpoint(request: Request) -> Response:
        if limiter.statistics().tasks_waiting >= WAITING:
            return Response(status_code=503, headers={"Retry-After": "30"})
        return await run_sync(work, request, limiter=limiter)

    return endpoint


# --- for officials ------------------------------------------------------------------------------------------


def photo(house: House, request: Request, login: DeskSession) -> Response:
    """A photo's working copy, or the unreadable file as a download; only to those who may see its report."""
    found = photo_file(house, official_of(login.officer), request.path_params["id"])
    return found or render(house, request, "not_found.html", status=404, nav=login)


def photo_part(house: House, request: Request, login: DeskSession) -> Response:
    """`thumb` or `public` (what the public sees or would see) as pictures, `original` as a download for few."""
    official, part = official_of(login.officer), request.path_params["part"]
    kept = _photo(house, official, request.path_params["id"])
    found = None
    if kept is not None and part == "thumb":
        found = served(house, kept.thumb_key or kept.copy_key, "image/jpeg")
    elif kept is not None and part == "public":
        found = served(house, kept.public_key, "image/jpeg")
    elif kept is not None and part == "original" and kept.report and may_see_original(official, kept.report):
        log.info("the original of photo %s was taken by officer %s", kept.id, login.officer_id)
        found = served(house, kept.media_key, "application/octet-stream", kept.name)
    return found or render(house, request, "not_found.html", status=404, nav=login)


def photo_file(house: House, official: Official, asked: str) -> Response | None:
    """The photo with this number, when it is kept and its report may be seen."""
    kept = _photo(house, official, asked)
    if kept is None:
        return None
    if is_picture(kept):
        kind = "image/jpeg" if kept.copy_key else kept.content_type.lower()
        return served(house, kept.copy_key or kept.media_key, kind)
    return served(house, kept.media_key, "application/octet-stream", kept.name)


def _photo(house: House, official: Official, asked: str) -> Photo | None:
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 19  # what fits into a bigint
    with house.store.read() as session:
        kept = queries.photo_with_report(session, int(asked)) if is_number else None
    return kept if kept is not None and kept.report is not None and may_see(official, kept.report) else None


def served(house: House, key: str | None, kind: str, name: str = "") -> Response | None:
    """The bytes of a key; as a download where they are no picture of ours. None when there are none."""
    headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": SANDBOXED, "Content-Type": kind}
    if not kind.startswith("image/"):
        safe = "".join(c for c in name if c.isprintable() and c not in '/\\"')[-100:] or "file"
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(safe, safe='')}"
    try:
        return Response(house.store.media.get(key or ""), headers=headers)
    except KeyError:
        return None
    except OSError:  # the photos' place is away: try again, the photo is not lost
        return Response(status_code=503, headers={"Retry-After": "30"})


def same_pictures(house: House, report: Report) -> dict[int, Sequence[str]]:
    """For each photo of a report: the codes of other reports that have the same picture, the newest first."""
    found: dict[int, Sequence[str]] = {}
    with house.store.read() as session:
        for each in report.photos:
            if each.phash:
                like = queries.photos_like(session, each.phash, since=house.now() - SAME_WITHIN)
                codes = dict.fromkeys(other.report.code for other in like if other.report)
                found[each.id] = [code for code in codes if code != report.code]
    return found


def show(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Show a photo to the public, or hide it from them: `photo` is its number on the report, `show` yes or no.

    A photo without a public copy is shown as its working copy: the official has seen it and answers for it.
    """
    official, code = official_of(login.officer), typed_code(request.path_params["code"])
    number, shows = fields.get("photo", ""), fields.get("show") == "yes"
    with house.store.write() as session:
        report = queries.report_by_code(session, code)
        if report is None or not may_see(official, report):
            return render(house, request, "not_found.html", status=404, nav=login)
        if not may_change(official, report):
            return render(house, request, "bad_form.html", status=403, nav=login)
        lock(session, report)
        place = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
        chosen = report.photos[place - 1 : place]
        if not chosen or not is_picture(chosen[0]) or not chosen[0].copy_key:
            return render(house, request, "not_found.html", status=404, nav=login)
        if shows and is_doubted(session, chosen[0]) and not may_release(official, report):
            return render(house, request, "bad_form.html", status=403, nav=login)
        if (chosen[0].public_state == "shown") != shows:
            chosen[0].public_key = chosen[0].public_key or chosen[0].copy_key
            chosen[0].public_state = "shown" if shows else "hidden"
            _note(house, session, report, official, place, shows=shows)
            log.info("photo %s is %s by officer %s", chosen[0].id, chosen[0].public_state, login.officer_id)
    return RedirectResponse(f"/desk/r/{quote(code)}#photos", status_code=303)


def _note(house: House, session: Session, report: Report, by: Official, place: int, *, shows: bool) -> None:
    """One line of history: who showed or hid which photo; the status stays."""
    said = texts(house.pack.languages[0])["photo_shown" if shows else "photo_hidden"].format(number=place)
    actor, now = Actor(name=by.name, agency_id=by.agency_id), house.now()
    report.updated_at = now
    add_line(session, report, report.status, by=actor, house=house, now=now, notes=said)


# --- for everybody ------------------------------------------------------------------------------------------


def public_photo(house: House, request: Request) -> Response:
    """GET /r/CODE/photos/NUMBER: the public copy and nothing else; 404 for all that is not shown."""
    number = request.path_params["number"]
    with house.store.read() as session:
        report = queries.public_report(session, typed_code(request.path_params["code"]))
    is_number = number.isascii() and number.isdigit() and len(number) < 4
    chosen = report.photos[int(number) - 1 : int(number)] if report and is_number and int(number) else []
    if report is None or not chosen or chosen[0] not in public_photos(house.pack, report):
        return render(house, request, "public_not_found.html", status=404)
    found = served(house, chosen[0].public_key, "image/jpeg")
    return found or render(house, request, "public_not_found.html", status=404)
