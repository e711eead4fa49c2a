"""GET tokens: from the answer to a posted request to its service_request_id (wiki.open311.org/GeoReport_v2)."""

from starlette.requests import Request
from starlette.responses import Response

from channels.web_token import is_token
from desk.open311_words import Refused, answer
from router.house import House
from store import queries
from store.models import Message


def message_of(house: House, token: str) -> Message | None:
    """The message that a token of ours names, with its report; None while it is still on its way."""
    with house.store.read() as session:
        return queries.message_by_id(session, "web", "web", token)


def token(house: House, request: Request) -> Response:
    """`service_request_id` is null until the report is made, mostly within a second. Raises Refused (404)."""
    said = request.path_params["token"]
    if not is_token(house.keys, said):
        raise Refused(404, "token was not found")
    message = message_of(house, said)
    report = message.report if message is not None else None
    item = {"service_request_id": report.code if report else None, "token": said}
    return answer(request.path_params["format"], "service_requests", "request", [item])
