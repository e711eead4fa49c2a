"""The page /sandbox: five phones in the browser, each of them a citizen on another channel."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_STATIC = Path(__file__).parent / "static"
# Nothing of the page comes from elsewhere, and nothing runs that is not a file of ours.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page() -> list[BaseRoute]:
    """The page and its static files."""

    async def show(request: Request) -> Response:
        return FileResponse(_STATIC / "sandbox.html", headers=_HEADERS)

    return [
        Route("/sandbox", show, methods=["GET"]),
        Route("/sandbox/", show, methods=["GET"]),
        Mount("/sandbox/static", StaticFiles(directory=_STATIC)),
    ]
