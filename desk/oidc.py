"""/desk/login/oidc: log in with the city's own account; nobody gets a right by it that no admin gave."""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote, unquote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk import doors
from desk.pages import is_secure, render
from router.house import House
from router.oidc import Provider, ProviderAwayError, ProviderRefusedError, Who, flow_of
from store.account_changes import link_provider, officer_of_subject
from store.accounts import same
from store.officials import Officer

log = logging.getLogger("lapor.desk")

COOKIE, PATH = "lapor_oidc", "/desk/login/oidc"
SECONDS = 600  # between the two
AT_ONCE, WAITING = 4, 50  # the provider may be slow; the desk's threads are not its waiting room
LONGEST = 4000
_COOKIE = re.compile(r"[\w-]{22}\.([0-9]{1,12})\.([\w%~-]{0,300})", re.ASCII)

Work = Callable[[House, Provider, Request], Response]


def pages(house: House) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """The three addresses, which share what is known of the provider; without one they are not there."""
    provider = Provider(house.settings, house.now) if house.settings.has_oidc else None
    limiter = CapacityLimiter(AT_ONCE)
    return {
        PATH: _page(house, provider, limiter, go),
        f"{PATH}/back": _page(house, provider, limiter, back),
        "/desk/logout/oidc": _page(house, provider, limiter, log_out),
    }


def _page(
    house: House, provider: Provider | None, limiter: CapacityLimiter, work: Work
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if provider is None:
            return await run_sync(partial(render, house, request, "not_found.html", status=404))
        if limiter.statistics().tasks_waiting >= WAITING:
            return Response(status_code=503, headers={"Retry-After": "5"})
        return await run_sync(_answered, house, provider, request, work, limiter=limiter)

    return endpoint


def _answered(house: House, provider: Provider, request: Request, work: Work) -> Response:
    try:
        answer = work(house, provider, request)
    except ProviderAwayError as error:
        log.warning("the provider of accounts is away: %s", error)
        answer = doors.log_in_page(house, request, status=503, wrong="provider_away")
    except ProviderRefusedError as error:
        log.warning("log-in by provider refused: %s", error)
        answer = doors.log_in_page(house, request, wrong="provider_refused")
    if work is back:  # whatever came of it: what this log-in was known by is used up
        answer.delete_cookie(COOKIE, path=PATH)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def go(house: House, provider: Provider, request: Request) -> Response:
    """Lead to the provider, with a cookie that knows this log-in again."""
    until = int(house.now().timestamp()) + SECONDS
    said = f"{secrets.token_urlsafe(16)}.{until}.{quote(doors.next_of(request.query_params), safe='')}"
    answer = RedirectResponse(provider.there(flow_of(house.keys.derive("oidc"), said)), status_code=303)
    answer.set_cookie(
        COOKIE, said, max_age=SECONDS, path=PATH, httponly=True, samesite="lax", secure=is_secure(house)
    )
    return answer


def back(house: House, provider: Provider, request: Request) -> Response:
    """Who comes back is let in when they are an official."""
    said, asked = request.cookies.get(COOKIE, ""), request.query_params
    known = _COOKIE.fullmatch(said)
    if known is None or int(known[1]) < house.now().timestamp():
        raise ProviderRefusedError("no log-in of this browser is under way")
    flow = flow_of(house.keys.derive("oidc"), said)
    if not same(asked.get("state", ""), flow.state):
        raise ProviderRefusedError("the state is another one")
    code = asked.get("code", "")
    if not code or len(code) > LONGEST:
        raise ProviderRefusedError("the provider let nobody in")
    officer = _officer_of(house, provider.who(flow, code, asked.get("iss")))
    if officer is None:
        return doors.log_in_page(house, request, wrong="provider_unknown")
    to = doors.next_of({"next": unquote(known[2])})
    is_trusted = house.settings.oidc_trusts_second_step == "on"
    if officer.totp_since is not None and not is_trusted:
        return doors.ask_code(house, request, officer, to)
    return doors.let_in(house, officer, to, by_provider=True)


def _officer_of(house: House, who: Who) -> Officer | None:
    """The official whom an admin has let in: linked before, or now by the address that an admin put there."""
    with house.store.write() as session:
        officer = officer_of_subject(session, who.issuer, who.subject)
        if officer is None and who.mail is not None:
            officer = link_provider(
                session, who.mail, who.issuer, who.subject, house.store.sealer, now=house.now()
            )
        return None if officer is None or officer.locked_at is not None else officer


def log_out(house: House, provider: Provider, request: Request) -> Response:
    """From our own log-out on to the provider's."""
    return RedirectResponse(provider.log_out() or "/desk", status_code=303)
