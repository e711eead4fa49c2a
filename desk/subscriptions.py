"""Open311 beside GeoReport: an API key's own subscriptions by webhook (docs/decisions/0031)."""

from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from desk.open311 import caller
from desk.open311_words import Item, Refused, answer, date, error
from desk.rights import Official
from desk.wire import BadBody, read_fields
from router.house import House
from router.public_hooks import add_hook, end_hook, open_hook
from store.models import Subscription
from store.subscriptions import hooks_of

LONGEST_URL = 1000

Fields = Mapping[str, str]
Work = Callable[[House, Request, Official, Fields], list[Item]]


def with_key(house: House, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for who brings a key, which may stand in a posted body, too."""

    async def endpoint(request: Request) -> Response:
        format_ = request.path_params["format"]
        if format_ not in {"json", "xml"}:
            return error("json", 404, "the formats are json and xml")
        try:
            fields = await read_fields(request, takes_json=True) if request.method == "POST" else {}
            items = await run_in_threadpool(_work, house, work, request, fields)
        except (Refused, BadBody) as refused:
            return error(format_, refused.status, str(refused))
        return answer(format_, "subscriptions", "subscription", items)

    return endpoint


def _work(house: House, work: Work, request: Request, fields: Fields) -> list[Item]:
    official = caller(house, request, fields.get("api_key"))
    if official is None:
        raise Refused(403, "an api_key is needed: in the body or as `Authorization: Bearer …`")
    try:
        return work(house, request, official, fields)
    except LookupError as unknown:
        raise Refused(404, str(unknown)) from None
    except ValueError as wrong:
        raise Refused(400, str(wrong)) from None


def mine(house: House, request: Request, official: Official, fields: Fields) -> list[Item]:
    """GET subscriptions: the key's own, with what went wrong last."""
    with house.store.read() as session:
        return [_item(house, row) for row in hooks_of(session, official.name)]


def subscribe(house: House, request: Request, official: Official, fields: Fields) -> list[Item]:
    """POST subscriptions: a new one, with its secret, which is said this once."""
    url = fields.get("url", "").strip()
    if len(url) > LONGEST_URL:
        raise Refused(400, f"url has {LONGEST_URL} characters at most")
    area, service = fields.get("area_code", "").strip(), fields.get("service_code", "").strip()
    row, secret = add_hook(house, official.name, url, area or None, service or None)
    return [{**_item(house, row), "secret": secret}]


def open_one(house: House, request: Request, official: Official, fields: Fields) -> list[Item]:
    """POST subscriptions/ID: the code that was sent to its url opens it, also one that was suspended."""
    row = open_hook(house, official.name, _number(request), fields.get("code", ""))
    return [_item(house, row)]


def unsubscribe(house: House, request: Request, official: Official, fields: Fields) -> list[Item]:
    """DELETE subscriptions/ID: gone with its url and secret."""
    end_hook(house, official.name, _number(request))
    return []


def _number(request: Request) -> int:
    said: str = request.path_params["id"]
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise LookupError("there is no subscription with this number")
    return int(said)


def _item(house: House, row: Subscription) -> Item:
    zone = ZoneInfo(house.pack.timezone)
    state = "suspended" if row.suspended_at else "open" if row.confirmed_at else "unverified"
    return {
        "subscription_id": row.id,
        "url": house.store.sealer.open(row.sealed),
        "area_code": row.area_code,
        "service_code": row.service_code,
        "state": state,
        "created_datetime": date(row.created_at, zone),
        "last_error": row.last_error,
        "failing_since": date(row.failing_since, zone) if row.failing_since else None,
        "suspended_datetime": date(row.suspended_at, zone) if row.suspended_at else None,
    }
