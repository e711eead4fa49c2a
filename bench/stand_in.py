"""A Twilio that takes every message at once and remembers when it came (the bench's own process)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

NONE_SENT = json.dumps({"messages": [], "next_page_uri": None, "page": 0, "page_size": 50}).encode()


@dataclass(kw_only=True, slots=True)
class StandIn:
    """`arrived` says when (time.monotonic) the first message for a number came; `count` counts all."""

    url: str = ""
    arrived: dict[str, float] = field(default_factory=dict)
    count: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                writer.write(self._take(body) if head.startswith(b"POST") else _answer(b"200 OK", NONE_SENT))
        writer.close()

    def _take(self, body: bytes) -> bytes:
        form = dict(parse_qsl(body.decode()))
        self.arrived.setdefault(form.get("To", ""), time.monotonic())
        self.count += 1
        said = {"sid": f"SM{self.count:032x}", "status": "queued", "to": form.get("To"), "body": form.get("Body")}
        return _answer(b"201 Created", json.dumps(said).encode())


def _answer(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    twilio = StandIn()
    server = await asyncio.start_server(twilio.serve, "127.0.0.1", 0)
    twilio.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield twilio
    finally:
        server.close()
