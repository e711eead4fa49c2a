"""The form at /report, and the reporter's own page of what became of it, behind a link that nobody can guess."""

import secrets
from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from channels.web_token import is_token
from desk.icons import ICONS
from desk.open311_tokens import message_of
from desk.pages import HERE, language_of, render, texts
from desk.public import bounds, public_lines, tiles, with_tiles
from desk.thread import Said
from desk.wire import typed_code
from router import shown
from router.codes import code_of_thread, thread_of
from router.house import House
from router.reach import NOBODY, PUBLIC
from store import queries
from store.models import Delivery, Message, Report
from store.near import lead_of
from store.traces import AGENCY_MAIL

WRONG = {"too_large": 413, "too_many": 429, "not_now": 503}  # what went wrong with a form: HTTP status; else 400
STATIC = HERE / "static"
NOT_THEIRS = {"note", AGENCY_MAIL}  # kinds of messages on a report that its reporter does not read
NOT_SAID = {"held", "withdrawn"}  # states of answers
WORDS = (*WRONG, "too_long", "position", "empty", "unreadable")


def own_path(house: House, code: str) -> str:
    """The reporter's own page: `/r/CODE/o/TOKEN`, the token that their mails' thread has too."""
    return f"/r/{code}/o/{thread_of(house.keys.derive('thread'), code).partition('.')[2]}"


def form(house: House, request: Request) -> Response:
    """GET /report: the form of a new report; `wrong` says what was wrong with the last one."""
    wrong, status = _wrong(request)
    page = render(
        house,
        request,
        "report_form.html",
        status=status,
        wrong=wrong,
        thread=None,
        me=None,
        nonce=secrets.token_urlsafe(16),
        emergency=house.pack.settings["emergency"],
        bounds=bounds(house, None),
        **tiles(house),
    )
    page = with_tiles(house, page)
    if wrong == "too_many":
        page.headers["Retry-After"] = "10"
    return page


def _wrong(request: Request) -> tuple[str | None, int]:
    """What was wrong with the form that was posted before, and the HTTP status that says it."""
    wrong = request.query_params.get("wrong", "")
    return (wrong, WRONG.get(wrong, 400)) if wrong in WORDS else (None, 200)


def after_posting(house: House, request: Request) -> Response:
    """GET /report/TOKEN: wait, then on to the report's own page; or what we answered where it is no report."""
    token = request.path_params["token"]
    if not is_token(house.keys, token):
        return render(house, request, "public_not_found.html", status=404)
    message = message_of(house, token)
    report, said = message.report if message is not None else None, []
    if message is not None and message.address_id is not None:
        with house.store.read() as session:
            report = report or queries.newest_of_address(session, message.address_id)
            said = [each.text for each in reversed(queries.beside_reports(session, message.address_id)[1])]
    if report is not None:
        return RedirectResponse(own_path(house, report.code), status_code=303)
    return _private(render(house, request, "report_sent.html", waits=message is None, said=said))


def own_page(house: House, request: Request) -> Response:
    """GET /r/CODE/o/TOKEN: how the report stands, all that was said, and a form to add to it."""
    code, token = typed_code(request.path_params["code"]), request.path_params["token"]
    thread = f"{code.lower()}.{token}"
    report = None
    if code_of_thread(house.keys.derive("thread"), thread) is not None:
        with house.store.read() as session:
            report = queries.whole_report(session, code)
            if report is not None:
                lead, me = lead_of(report), _web_sender(house, report)
                said = _said(
                    house, report, *(queries.beside_reports(session, report.address_id) if me else ((), ()))
                )
    if report is None:
        return _private(render(house, request, "public_not_found.html", status=404))
    wrong, status = _wrong(request)
    page = render(
        house,
        request,
        "own_report.html",
        status=status,
        wrong=wrong,
        report=report,
        lead=lead,
        notes=partial(shown.notes, house.pack, report, knows_all=True),
        lines=public_lines(report),
        said=said,
        waits=report.acknowledged_at is None,
        own_address=house.settings.base_url + own_path(house, report.code),
        thread=thread,
        me=me,
        nonce=secrets.token_urlsafe(16),
        may_ask=report.address.channel not in {NOBODY[0], *PUBLIC},
    )
    return _private(page)


def _web_sender(house: House, report: Report) -> str | None:
    """The name of the report's sender on this channel: what they add here is theirs, commands included."""
    return house.store.sealer.open(report.address.sealed) if report.address.channel == "web" else None


def _said(house: House, report: Report, messages: Sequence[Message], deliveries: Sequence[Delivery]) -> list[Said]:
    """The thread as its reporter may read it: without what others wrote who could not prove to be them, or the
    agency did, and with what was said beside it from the same address (a command, and what we answered).

    What is held back for a while, or was taken back, is not said yet.
    """
    heard = [
        Said(at=each.received_at, channel=each.channel, text=each.text, subject=each.subject, state=None)
        for each in (*report.messages, *messages)
        if each.kind not in NOT_THEIRS and each.address_id is not None
    ]
    told = [
        Said(at=each.created_at, channel=each.channel, text=each.text, subject="", state=each.state)
        for each in (*report.deliveries, *deliveries)
        if each.address_id is not None and _is_said(each, house)
    ]
    return sorted(heard + told, key=lambda each: each.at)


def _is_said(row: Delivery, house: House) -> bool:
    is_due = row.attempts > 0 or row.next_attempt_at is None or row.next_attempt_at <= house.now()
    return row.state not in NOT_SAID and (row.state != "waiting" or is_due)


def _private(page: Response) -> Response:
    """Not for search engines. (Referrer-Policy is same-origin everywhere: the link goes nowhere with a click.)"""
    page.headers["X-Robots-Tag"] = "noindex"
    return page


def worker(house: House, request: Request) -> Response:
    """GET /report-worker.js: the form's service worker; from here its scope may be /report."""
    return FileResponse(STATIC / "report_worker.js", headers={"Cache-Control": "no-cache"})


def manifest(house: House, request: Request) -> Response:
    """GET /manifest.webmanifest: what a phone needs to put the form on its home screen."""
    said = texts(language_of(request))
    mark = {"src": "/desk/static/mark.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    about = {
        "name": said["brand"].format(city=house.pack.name),
        "short_name": said["brand"].format(city=house.pack.name),
        "lang": language_of(request),
        "id": "/report",
        "start_url": "/report",
        "scope": "/",
        "display": "standalone",
        "icons": [mark, *_icons()],
    }
    return JSONResponse(about, media_type="application/manifest+json", headers={"Cache-Control": "no-cache"})


def _icons() -> list[dict[str, str]]:
    return [
        {
            "src": f"/desk/static/{name}",
            "sizes": f"{width}x{width}",
            "type": "image/png",
            "purpose": "maskable" if maskable else "any",
        }
        for name, (width, maskable) in ICONS.items()
    ]
