"""GET tokens: from the answer to a posted request to its service_request_id (wiki.open311.org/GeoReport_v2)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from channels.web_token import is_token
from desk.open311 import reader
from desk.open311_words import Refused, answer
from router.house import House
from store import queries
from store.models import Message

WAIT_SECONDS = 3.0
LOOK_SECONDS = 0.1  # another server may make the report, so nothing but the database can say that it is there
MOST_WAITING = 50  # who comes beside them is answered at once


def message_of(house: House, token: str) -> Message | None:
    """The message that a token of ours names, with its report; None while it is still on its way."""
    with house.store.read() as session:
        return queries.message_by_id(session, "web", "web", token)


def waiting(house: House, seconds: float = WAIT_SECONDS) -> Callable[[Request], Awaitable[Response]]:
    """GET tokens, which waits a little for a report that is on its way.

    FixMyStreet asks once, right behind its POST; without an id it sends the report again later.
    """
    read, places = reader(house, token), asyncio.Semaphore(MOST_WAITING)

    async def endpoint(request: Request) -> Response:
        if is_token(house.keys, request.path_params["token"]) and not places.locked():
            async with places:
                await _arrived(house, request.path_params["token"], seconds)
        return await run_in_threadpool(read, request)

    return endpoint


async def _arrived(house: House, token: str, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await run_in_threadpool(message_of, house, token) is None:  # noqa: ASYNC110  (see LOOK_SECONDS)
                await asyncio.sleep(LOOK_SECONDS)


def token(house: House, request: Request) -> Response:
    """`service_request_id` is null until the report is made, and not there in XML, where clients take an empty
    element for an id. Raises Refused (404)."""
    said, format_ = request.path_params["token"], request.path_params["format"]
    if not is_token(house.keys, said):
        raise Refused(404, "token was not found")
    message = message_of(house, said)
    code = message.report.code if message is not None and message.report is not None else None
    item = {"service_request_id": code, "token": said}
    if code is None and format_ == "xml":
        del item["service_request_id"]
    return answer(format_, "service_requests", "request", [item])
