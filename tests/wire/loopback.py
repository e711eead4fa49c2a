"""What the wire tests share: a real HTTP server on a free loopback port, a memory that accepts, a patient wait."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from normalizer.schema import TemporaryFailure

METHODS = ["GET", "POST"]
Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serve on a free port; gives the address, such as http://127.0.0.1:41234."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def answering(answer: Answer) -> Starlette:
    """An application that gives every request to one function."""
    return Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)])


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition; a test that waits in vain fails here."""
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


@dataclass
class Kept:
    """What was accepted, in order; refuses while `is_full`, as a journal on a full disk does."""

    rows: list[tuple[str, str, bytes, Mapping[str, str]]] = field(default_factory=list)
    is_full: bool = False
    refused: int = 0

    async def accept(self, *, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        if self.is_full:
            self.refused += 1
            raise TemporaryFailure("disk full")
        if external_id not in self.ids:
            self.rows.append((external_id, lane, raw, meta))

    @property
    def ids(self) -> list[str]:
        return [row[0] for row in self.rows]


@dataclass
class Place:
    """A cursor that remembers every value it was given."""

    values: list[str] = field(default_factory=list)

    async def get(self) -> str | None:
        return self.values[-1] if self.values else None

    async def put(self, value: str) -> None:
        self.values.append(value)
