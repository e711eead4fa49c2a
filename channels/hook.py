"""A provider's webhook as a bare ASGI application: a page's way through Starlette costs as much as the keeping."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

Place: TypeAlias = tuple[str, str]  # method and path


@dataclass(frozen=True, slots=True)
class Hook:
    """What a Route takes for an application of its own: it answers, and turns an HTTPException into its status."""

    answer: Callable[[Request], Awaitable[Response]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.answer(Request(scope, receive, send))
        except HTTPException as refusal:
            response = Response(status_code=refusal.status_code)
        await response(scope, receive, send)


def hook_route(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    """The route of a webhook that is posted to."""
    return Route(path, Hook(answer), methods=["POST"])


def in_front(routes: Iterable[BaseRoute], app: ASGIApp) -> ASGIApp:
    """The same application; what is posted to the hooks among its routes does not go through it first."""
    hooks: Mapping[Place, ASGIApp] = {
        (method, route.path): route.endpoint
        for route in routes
        if isinstance(route, Route) and isinstance(route.endpoint, Hook)
        for method in route.methods or ()
    }

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        await hooks.get((scope.get("method", ""), scope["path"]), app)(scope, receive, send)

    return front
