"""The load's connections: kept-alive HTTP and SMTP, each with one message on its way at a time."""

import asyncio
import statistics
import time
from collections.abc import Generator, Iterable
from typing import Any, cast

SMTP_STEPS = (b"MAIL FROM:<%b>\r\n", b"RCPT TO:<lapor@localhost>\r\n", b"DATA\r\n")


class Run:
    """Hands messages to the connections until time or messages are out, and counts what came back.

    `allow` holds them back: no more than so many messages are begun. `rate` says when each one is due; what is
    late counts as waiting from then on.
    """

    def __init__(
        self, messages: Iterable[Any], *, seconds: float, connections: int, rate: float | None = None
    ) -> None:
        self._messages = iter(messages)
        self._seconds = seconds
        self._rate = rate
        self._allowed: float | None = None
        self._begun = 0
        self._ready = self._open = connections
        self._held: list[Http | Mail] = []
        self.clients: list[Http | Mail] = []
        self.latencies: list[float] = []
        self.wrong = 0
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ready(self) -> None:
        """A connection stands; when all do, the clock starts."""
        self._ready -= 1
        if self._ready == 0:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()
            self.started.set_result(None)
            for client in self.clients:
                asyncio.get_running_loop().call_soon(client.next)

    def allow(self, count: float) -> None:
        """From now on this many messages may have been begun; connections that were held back go on."""
        self._allowed = count
        held, self._held = self._held, []
        for client in held:
            client.next()

    def holds(self, client: "Http | Mail") -> bool:
        """Whether this connection must wait until more is allowed."""
        if self._allowed is None or self._begun < self._allowed or self.is_over:
            return False
        self._held.append(client)
        return True

    @property
    def is_over(self) -> bool:
        return time.perf_counter() - self.began > self._seconds

    def take(self) -> tuple[Any, float] | None:
        """The next message, and since when its latency counts."""
        message = None if self.is_over else next(self._messages, None)
        if message is None:
            return None
        due = time.perf_counter() if self._rate is None else self.began + self._begun / self._rate
        self._begun += 1
        return message, due

    def count(self, since: float, *, right: bool) -> None:
        self.last = time.perf_counter()
        self.latencies.append(self.last - since)
        self.wrong += not right

    def leave(self) -> None:
        self._open -= 1
        if self._open == 0 and not self.ended.done():
            self.ended.set_result(None)

    def seen(self) -> dict[str, float]:
        """Messages answered, the seconds that took, latencies in ms, and how busy this process was."""
        seconds = self.last - self.began
        return {
            "done": len(self.latencies) - self.wrong,
            "wrong": self.wrong,
            "seconds": seconds,
            "busy": (time.process_time() - self.cpu_began) / (time.perf_counter() - self.began),
            **percentiles(self.latencies),
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)
    parts = {f"p{part}": ordered[len(ordered) * part // 100] * 1000 for part in (95, 99)}
    return {"p50": statistics.median(ordered) * 1000, **parts}


class Http(asyncio.Protocol):
    """One kept-alive connection: the next request when the last is answered."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._heard = b""
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        self._run.ready()

    def next(self) -> None:
        self._since = None
        if self._transport.is_closing() or self._run.holds(self):
            return
        taken = self._run.take()
        if taken is None:
            self._transport.close()
            return
        message, self._since = taken
        self._transport.write(message)

    def data_received(self, chunk: bytes) -> None:
        self._heard += chunk
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head) or self._since is None:
            return
        self._heard = b""
        self._run.count(self._since, right=head.startswith(b"HTTP/1.1 200"))
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if self._since is not None:
            self._run.count(self._since, right=False)
        self._run.leave()


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


class Mail(asyncio.Protocol):
    """One SMTP connection, a mail after the other; the time from the end of a mail to its 250 counts."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._heard = b""
        self._talk = self._conversation()
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        next(self._talk)

    def next(self) -> None:
        self._talk.send(b"")

    def data_received(self, chunk: bytes) -> None:
        self._heard += chunk
        lines = self._heard.split(b"\r\n")
        if lines[-1] or lines[-2][3:4] == b"-":
            return
        self._heard = b""
        self._talk.send(lines[-2])

    def connection_lost(self, error: Exception | None) -> None:
        if self._since is not None:
            self._run.count(self._since, right=False)
        self._run.leave()

    def _conversation(self) -> Generator[None, bytes, None]:
        """Each yield waits for the server's answer, but for the one that waits until all connections stand."""
        yield
        self._transport.write(b"EHLO bench.example.org\r\n")
        yield
        self._run.ready()
        yield
        while (taken := self._run.take()) is not None:
            (sender, letter), _ = taken
            for step in SMTP_STEPS:
                self._transport.write(step.replace(b"%b", sender))
                yield
            self._since = time.perf_counter()
            self._transport.write(letter)
            answer = yield
            self._run.count(self._since, right=answer.startswith(b"250"))
            self._since = None
        self._transport.close()
        yield
