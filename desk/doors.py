"""Who comes in at the desk: log-in, the cookie, the token in every form, log out, a new password."""

import hmac
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.pages import is_secure, render
from desk.wire import BadBody, read_fields, read_upload
from normalizer.schema import Attachment
from router.house import House
from store import accounts, second_step
from store.officials import DeskSession, Officer
from store.passwords import PasswordError

log = logging.getLogger("lapor.desk")

COOKIE = "lapor_desk"
FORM_COOKIE = "lapor_form"  # before there is a log-in, this one and the form's token must fit each other
UPLOADS_AT_ONCE = 4  # forms with photos that are held in memory
LOG_INS_AT_ONCE, LOG_INS_WAITING = 2, 50  # argon2 takes 64 MiB and a core for each
_AFTER_LOG_IN = re.compile(
    r"/desk(/r/[A-Z0-9]{1,16}|/surge/[0-9]{1,18}|/rapor|/rules|/deeds|/account|/accounts|/admin(/[a-z]{1,10})?)?"
)

TICKET_SECONDS = 300  # between the password and the second step
# what the log-in page says on top
SAID = frozenset({"password_changed", "logged_out_everywhere", "logged_out_provider"})
_NUMBERS = re.compile(r"[0-9]{1,18} [0-9]{1,12}", re.ASCII)

Fields = Mapping[str, str]
Shown = Callable[[House, Request, DeskSession], Response]
Posted = Callable[[House, Request, DeskSession, Fields], Response]
Uploaded = Callable[[House, Request, DeskSession, Fields, Sequence[Attachment]], Response]


def current(house: House, request: Request) -> DeskSession | None:
    """The log-in behind this request's cookie."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    with house.store.read() as session:
        return accounts.find_session(session, token, now=house.now())


def inside(house: House, work: Shown) -> Callable[[Request], Response]:
    """A page that only somebody who logged in (and has a password of their own) may see."""

    def page(request: Request) -> Response:
        login = current(house, request)
        if login is None:
            return _go(request, f"/desk?next={quote(request.url.path)}")
        return within(house, work, request, login)

    return page


def within(house: House, work: Shown, request: Request, login: DeskSession) -> Response:
    """The page for somebody who logged in, or where they go first."""
    first = unready(house, login)
    return _go(request, first) if first else work(house, request, login)


def unready(house: House, login: DeskSession) -> str | None:
    """Where an official goes first: to a password of their own, to a second step that their role needs."""
    officer = login.officer
    if officer.must_change_password:
        return "/desk/password"
    if officer.totp_since is None and officer.role in house.settings.totp_roles and not _trusted(house, login):
        return "/desk/account"
    return None


def _trusted(house: House, login: DeskSession) -> bool:
    """Whether the city's provider asked for the second step."""
    return login.by_provider and house.settings.oidc_trusts_second_step == "on"


def _go(request: Request, address: str) -> Response:
    """Lead the whole page to `address`, also out of a part that htmx asks for (its HX-Redirect header)."""
    if request.headers.get("HX-Request"):
        return Response(headers={"HX-Redirect": address, "Cache-Control": "no-store"})
    return RedirectResponse(address, status_code=303)


def posted_by_anybody(
    house: House, work: Callable[[House, Request, Fields], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """A form that needs no log-in; `work` asks `is_of_form`."""
    return _form(house, partial(work, house))


def posted(
    house: House, work: Posted, *, with_any_password: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """A form that only somebody who logged in may send; its `csrf` must be the log-in's own."""

    return _form(house, partial(_checked, house, work, with_any_password=with_any_password))


def _checked(
    house: House, work: Posted, request: Request, fields: Fields, *, with_any_password: bool = False
) -> Response:
    login = current(house, request)
    if login is None:
        return RedirectResponse("/desk", status_code=303)
    if not accounts.same(fields.get("csrf", ""), login.csrf_token):
        return render(house, request, "bad_form.html", status=403)
    if not with_any_password and (first := unready(house, login)):
        return RedirectResponse(first, status_code=303)
    return work(house, request, login, fields)


def uploaded(house: House, work: Uploaded) -> Callable[[Request], Awaitable[Response]]:
    """A form that may bring photos. Nothing of it is read from somebody who is not logged in."""
    limiter = CapacityLimiter(UPLOADS_AT_ONCE)

    async def endpoint(request: Request) -> Response:
        if await run_in_threadpool(current, house, request) is None:
            return RedirectResponse("/desk", status_code=303, headers={"Connection": "close"})
        async with limiter:
            try:
                fields, files = await read_upload(request)
            except BadBody as error:
                return await run_in_threadpool(_refused, house, request, error)

            def with_files(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
                return work(house, request, login, fields, files)

            return await run_in_threadpool(_checked, house, with_files, request, fields)

    return endpoint


def _refused(house: House, request: Request, error: BadBody) -> Response:
    """The page that says so; the connection ends with it, for what was not read of the body."""
    page = render(house, request, "bad_form.html", status=error.status)
    page.headers["Connection"] = "close"
    return page


def _form(
    house: House, work: Callable[[Request, Fields], Response], limiter: CapacityLimiter | None = None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            fields = await read_fields(request)
        except BadBody as error:
            return await run_in_threadpool(render, house, request, "bad_form.html", status=error.status)
        return await run_sync(work, request, fields, limiter=limiter)

    return endpoint


def log_in_page(house: House, request: Request, *, status: int = 0, **words: Any) -> Response:
    words = {"wrong": None, "name": "", "next": next_of(request.query_params), "said": None, **words}
    words |= {"has_provider": house.settings.has_oidc}
    return open_form(house, request, "log_in.html", status=status or (403 if words["wrong"] else 200), **words)


def open_form(house: House, request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
    """A form for somebody who is not logged in, with a token that only this browser's cookie fits."""
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    response = render(house, request, template, status=status, csrf=_form_token(house, nonce), **words)
    _set_form_cookie(house, response, nonce)
    return response


def _set_form_cookie(house: House, response: Response, nonce: str) -> None:
    response.set_cookie(
        FORM_COOKIE, nonce, max_age=3600, path="/desk", httponly=True, samesite="lax", secure=is_secure(house)
    )


def is_of_form(house: House, request: Request, fields: Fields) -> bool:
    """Whether a form of `open_form` was sent from the browser that got it."""
    nonce = request.cookies.get(FORM_COOKIE, "")
    return bool(nonce) and accounts.same(fields.get("csrf", ""), _form_token(house, nonce))


def _form_token(house: House, nonce: str) -> str:
    return hmac.digest(house.keys.derive("desk form"), nonce.encode(), "sha256").hex()


def next_of(said: Mapping[str, str]) -> str:
    """Where to go after the log-in: only our own desk's pages."""
    wanted = said.get("next", "")
    return wanted if _AFTER_LOG_IN.fullmatch(wanted) else "/desk"


def log_in(house: House) -> Callable[[Request], Awaitable[Response]]:
    """POST /desk/login. Few at once, waiting outside of the threads that everything else needs too."""
    limiter = CapacityLimiter(LOG_INS_AT_ONCE)
    check = _form(house, lambda request, fields: _log_in(house, request, fields), limiter)

    async def endpoint(request: Request) -> Response:
        if limiter.statistics().tasks_waiting >= LOG_INS_WAITING:
            return Response(status_code=503, headers={"Retry-After": "5"})
        return await check(request)

    return endpoint


def _log_in(house: House, request: Request, fields: Fields) -> Response:
    name, now = fields.get("name", ""), house.now()
    if not is_of_form(house, request, fields):
        return log_in_page(house, request, wrong="form_too_old", name=name[:64], next=next_of(fields))
    officer = accounts.check_password(house.store, name, fields.get("password", ""), now=now)
    if officer is None:
        log.info("log-in refused")
        return log_in_page(house, request, wrong="wrong_log_in", name=name[:64], next=next_of(fields))
    if officer.totp_since is not None:
        return ask_code(house, request, officer, next_of(fields))
    return let_in(house, officer, next_of(fields))


def ask_code(house: House, request: Request, officer: Officer, to: str) -> Response:
    """The page for the second step, for a browser that has shown the first."""
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    ticket = _ticket(house, officer, nonce, int(house.now().timestamp()) + TICKET_SECONDS)
    page = _code_page(house, request, ticket, to)
    _set_form_cookie(house, page, nonce)
    return page


def let_in(house: House, officer: Officer, to: str, *, by_provider: bool = False) -> Response:
    with house.store.write() as session:
        token = accounts.open_session(session, officer, now=house.now(), by_provider=by_provider)
    log.info("officer %s logged in", officer.id)
    response = RedirectResponse(to, status_code=303)
    response.delete_cookie(FORM_COOKIE, path="/desk")
    lasts = int(accounts.SESSION_LASTS.total_seconds())
    response.set_cookie(
        COOKIE, token, max_age=lasts, path="/desk", httponly=True, samesite="lax", secure=is_secure(house)
    )
    return response


def _ticket(house: House, officer: Officer, nonce: str, until: int) -> str:
    """That this browser said the password: `id.until.hmac`, void with the password and the form's cookie."""
    said = f"{officer.id}\0{until}\0{nonce}\0{officer.password_hash}".encode()
    return f"{officer.id}.{until}.{hmac.digest(house.keys.derive('desk ticket'), said, 'sha256').hex()}"


def _code_page(house: House, request: Request, ticket: str, to: str, wrong: str | None = None) -> Response:
    status = 403 if wrong else 200
    return render(house, request, "log_in_code.html", status=status, ticket=ticket, next=to, wrong=wrong)


def log_in_code(house: House) -> Callable[[Request], Awaitable[Response]]:
    """POST /desk/login/code: the second step of those who have one."""
    return _form(house, partial(_log_in_code, house))


def _log_in_code(house: House, request: Request, fields: Fields) -> Response:
    ticket, now = fields.get("ticket", ""), house.now()
    officer = _of_ticket(house, ticket, request.cookies.get(FORM_COOKIE, ""))
    if officer is None:
        return log_in_page(house, request, wrong="form_too_old", next=next_of(fields))
    with house.store.write() as session:
        fits = second_step.check_code(session, officer.id, fields.get("code", ""), house.store.sealer, now=now)
    if not fits:
        log.info("log-in refused")
        return _code_page(house, request, ticket, next_of(fields), "wrong_code")
    return let_in(house, officer, next_of(fields))


def _of_ticket(house: House, ticket: str, nonce: str) -> Officer | None:
    number, _, rest = ticket.partition(".")
    until = rest.partition(".")[0]
    if not nonce or not _NUMBERS.fullmatch(f"{number} {until}") or int(until) < house.now().timestamp():
        return None
    with house.store.read() as session:
        officer = session.get(Officer, int(number))
    if officer is None or not accounts.same(ticket, _ticket(house, officer, nonce, int(until))):
        return None
    return officer


def log_out(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    with house.store.write() as session:
        accounts.close_session(session, request.cookies[COOKIE])
    has_more = house.settings.has_oidc and login.officer.oidc_subject is not None
    return to_log_in("logged_out_provider" if has_more else "")


def to_log_in(said: str = "") -> Response:
    response = RedirectResponse(f"/desk?said={said}" if said else "/desk", status_code=303)
    response.delete_cookie(COOKIE, path="/desk")
    return response


def password_page(house: House, request: Request) -> Response:
    login = current(house, request)
    if login is None:
        return RedirectResponse("/desk", status_code=303)
    return _password_form(house, request, login)


def _password_form(house: House, request: Request, login: DeskSession, wrong: str | None = None) -> Response:
    status = 400 if wrong else 200
    return render(house, request, "password.html", status=status, wrong=wrong, csrf=login.csrf_token, nav=login)


def change_password(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    old, new = fields.get("old", ""), fields.get("new", "")
    if new != fields.get("again", ""):
        return _password_form(house, request, login, "passwords_differ")
    try:
        changed = accounts.change_password(house.store, login.officer_id, old, new, now=house.now())
    except PasswordError as refused:
        return _password_form(house, request, login, str(refused))
    if not changed:
        return _password_form(house, request, login, "old_password_wrong")
    return to_log_in("password_changed")
