"""An area's news by mail: the form on its page, and the links in the mails, which one press confirms or ends."""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from channels.web_limits import Budget, client_of
from config.pack import Pack
from desk.pages import LANGUAGES, language_of, render
from desk.wire import BadBody, read_fields
from router.house import House
from router.subscriptions import ask, by_token, confirm, end, is_end, read_mailbox
from store.models import Subscription
from store.subscriptions import of_mailbox

EACH_SECONDS, AT_ONCE = 30.0, 10  # of one client


def signing_up(house: House) -> Callable[[Request], Awaitable[Response]]:
    """POST /area/CODE/follow: the same answer whether or not the mailbox is on the list already."""
    budget = Budget(each=EACH_SECONDS, burst=AT_ONCE)

    async def endpoint(request: Request) -> Response:
        try:
            fields = await read_fields(request)
        except BadBody as error:
            return await run_in_threadpool(render, house, request, "bad_form.html", status=error.status)
        if (wait := budget.take(client_of(request))) > 0:
            refused = await run_in_threadpool(_said, house, request, "often", 429)
            refused.headers["Retry-After"] = str(int(wait) + 1)
            return refused
        return await run_in_threadpool(_sign_up, house, request, fields.get("mailbox", ""))

    return endpoint


def _sign_up(house: House, request: Request, said: str) -> Response:
    area = house.pack.areas.get(request.path_params["code"])
    if area is None:
        return render(house, request, "area_unknown.html", status=404)
    mailbox = read_mailbox(house, said)
    if mailbox is None:
        return _said(house, request, "wrong", 400)
    language = request.query_params.get("lang", "")
    ask(house, mailbox, area.code, language if language in LANGUAGES else language_of(request))
    return _said(house, request, "asked")


def page(house: House, request: Request) -> Response:
    """GET /follow/TOKEN: what the link does, and a button; a program that looks at links changes nothing."""
    with house.store.read() as session:
        found = by_token(session, house, request.path_params["token"])
        theirs = of_mailbox(session, [found[0].lookup or ""]) if found else []
    if found is None:
        return _said(house, request, "gone", 404)
    row, ends = found
    names = ", ".join(_name(house.pack, each) for each in theirs if each.confirmed_at is not None)
    what = {"areas": names} if ends else {"area": _name(house.pack, row)}
    return _private(render(house, request, "follow.html", key="stop" if ends else "confirm", words=what))


def press(house: House, request: Request) -> Response:
    """POST /follow/TOKEN: the press on that page, or a mail program's (RFC 8058), whose body says nothing more."""
    token = request.path_params["token"]
    with house.store.write() as session:
        found = by_token(session, house, token)
        if found is not None and found[1]:
            end(house, session, [found[0].lookup or ""])
        elif found is not None:
            confirm(session, found[0], house)
            name = _name(house.pack, found[0])
    if found is not None and not found[1]:
        return _said(house, request, "confirmed", area=name)
    if found is None and not is_end(token):
        return _said(house, request, "gone", 404)
    house.store.scrub()
    return _said(house, request, "stopped")


def _name(pack: Pack, row: Subscription) -> str:
    area = pack.areas.get(row.area_code or "")
    return area.name if area else ""


def _said(house: House, request: Request, key: str, status: int = 200, **words: str) -> Response:
    return _private(render(house, request, "follow_said.html", status=status, key=key, words=words))


def _private(answer: Response) -> Response:
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
