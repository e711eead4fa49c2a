"""The two HTTP ports: the public one (webhooks, desk, API, sandbox) and the operators' one."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import uvicorn
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channels import CHANNELS, email
from channels.hook import in_front
from config.settings import Listen, Settings
from desk import open311_words
from desk.app import routes as desk_routes
from desk.live import Live
from router import operate
from router.house import House
from router.journal import accept_for
from store.journal import Journal

log = logging.getLogger("lapor.web")

AWAY = "Sedang ada gangguan, silakan coba sebentar lagi.\nSomething is out of order, please try again soon.\n"
STOP_SECONDS = 5
LARGEST_HEAD = 65_536
HEAD_SECONDS = 20.0  # from the connection, or from the head's first byte


class Http(HttpToolsProtocol):
    """httptools knows no largest head of a request, and uvicorn no slowest one; ours hangs up.

    A request's head and the first of its body are waited for together; the rest is its reader's to wait for.
    """

    _head = 0
    _is_in_body = False
    _waits_for_body = False
    _until: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_there()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._until = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _is_there(self) -> None:
        self._waits_for_body = False
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def data_received(self, data: bytes) -> None:
        self._head += 0 if self._is_in_body else len(data)
        super().data_received(data)
        if self._head > LARGEST_HEAD:
            self.transport.close()
        elif self._until is None and (self._head or self._waits_for_body):
            self._wait()

    def on_headers_complete(self) -> None:
        self._head, self._is_in_body, self._waits_for_body = 0, True, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._waits_for_body:
            self._is_there()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        self._is_there()
        super().on_message_complete()


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: SIGTERM is run_bots'."""

    capture_signals = staticmethod(contextlib.nullcontext)  # type: ignore[assignment]
    running: "asyncio.Task[None]"
    at_stop: Callable[[], None] = staticmethod(lambda: None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What would never end by itself ends first, so that nobody waits for it."""
        self.at_stop()
        await super().shutdown(sockets)


def check_ports(settings: Settings) -> None:
    """Raise OSError when a port is taken, SettingsError when SMTP's certificate does not serve: said before
    anything is loaded, and not by a channel that falls again and again."""
    email.tls_of(settings)
    for listen in (settings.http_listen, settings.ops_listen, settings.smtp_listen):
        open_socket(listen).close()


async def start_servers(
    house: House, journal: Journal, wake: Callable[[], None], stand_ins: Sequence[BaseRoute]
) -> list[Server]:
    """Listen on HTTP_LISTEN and OPS_LISTEN. Raises OSError when one is taken."""
    live = Live(house)
    hooks = _hooks(house, journal, wake)
    public = [
        *_own_routes(house.settings),
        *hooks,
        *stand_ins,
        *desk_routes(house, journal, live),
    ]
    handlers: dict[Any, Any] = {
        404: partial(_not_here, house.settings),
        405: _wrong_method,
        OperationalError: _database_away,
        PoolTimeout: _database_away,
    }
    app = Starlette(routes=public, exception_handlers=handlers)
    app.router.redirect_slashes = False  # it believes the Host header
    return [
        await _listen(in_front(hooks, app), house.settings.http_listen, at_stop=live.close),
        await _listen(Starlette(routes=operate.routes(house, journal)), house.settings.ops_listen),
    ]


async def stop_servers(servers: Sequence[Server]) -> None:
    """Answer what is being asked, then close."""
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*(server.running for server in servers), return_exceptions=True)


def _wrong_method(request: Request, error: Exception) -> Response:
    """405 with every method of the address: one route may read and another one write (RFC 9110, 15.5.6)."""
    found = (route for route in request.app.routes if isinstance(route, Route))
    here = (route for route in found if route.matches(request.scope)[0] is not Match.NONE)
    methods = sorted({method for route in here for method in route.methods or ()})
    allowed = ", ".join(methods) or (getattr(error, "headers", None) or {}).get("Allow", "")  # of a mount: its own
    return PlainTextResponse("Method Not Allowed", 405, {"Allow": allowed})


def _database_away(request: Request, error: Exception) -> Response:
    log.warning("a page fell: the database is away (%s)", type(error).__name__)
    headers = {"Retry-After": "30", "Cache-Control": "no-store"}
    path = request.url.path
    if path.startswith("/open311/") and path.endswith((".json", ".xml")):
        response = open311_words.error(path.rpartition(".")[2], 503, "out of order, please try again soon")
        response.headers.update(headers)
        return response
    return PlainTextResponse(AWAY, 503, headers)


def _not_here(settings: Settings, request: Request, error: Exception) -> Response:
    """404; where only a slash at the end is too much, the address without it, at PUBLIC_URL."""
    path = request.scope["path"].rstrip("/")
    shorter = {**request.scope, "path": path}
    is_there = (
        isinstance(route, Route) and route.matches(shorter)[0] is Match.FULL for route in request.app.routes
    )
    if path == request.scope["path"] or not any(is_there):
        return PlainTextResponse("Not Found", 404)
    query = request.url.query
    return RedirectResponse(settings.base_url + quote(path) + (f"?{query}" if query else ""), 307)


def _own_routes(settings: Settings) -> list[BaseRoute]:
    async def alive(request: Request) -> Response:
        is_up = await _answers(settings.smtp_listen)
        return JSONResponse({"alive": is_up}, 200 if is_up else 503)

    return [Route("/healthz", alive)]


def _hooks(house: House, journal: Journal, wake: Callable[[], None]) -> list[BaseRoute]:
    """The webhooks of each channel's module, once."""
    modules = {id(module): (name, module) for name, module in reversed(CHANNELS.items())}
    hooks: list[BaseRoute] = []
    for name, channel in modules.values():
        hooks += channel.routes(house.settings, accept_for(journal, name, wake))
    return hooks


async def _answers(listen: Listen) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, listen.port), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _listen(app: ASGIApp, listen: Listen, at_stop: Callable[[], None] = lambda: None) -> Server:
    config = uvicorn.Config(
        app,
        host=listen.host,
        port=listen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
        http=Http,
    )
    server = Server(config)
    server.at_stop = at_stop
    server.running = asyncio.create_task(server.serve(sockets=[open_socket(listen)]))
    while not server.started:
        if server.running.done():
            raise OSError(f"cannot serve on {listen}")
        await asyncio.sleep(0.01)
    return server


def open_socket(listen: Listen) -> socket.socket:
    """A listening socket. Raises OSError with one line that names the address and why not."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off (40 ms an answer) only where TCP is named
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((listen.host, listen.port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OSError(f"cannot listen on {listen}: {error.strerror or type(error).__name__}") from None
    return listening
