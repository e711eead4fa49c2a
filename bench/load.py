"""The load, a process of its own: `python -m bench.load sms|mail|photo|paced PORT …` says what it saw."""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Generator, Iterable

from bench import wording

SMTP_STEPS = (b"MAIL FROM:<warga@example.org>\r\n", b"RCPT TO:<lapor@localhost>\r\n", b"DATA\r\n")
PATIENCE = 60.0  # seconds after the last message began


class Run:
    """Hands messages to the connections until time or messages are out, and counts what came back."""

    def __init__(self, messages: Iterable[bytes], seconds: float, connections: int) -> None:
        self._messages = iter(messages)
        self._seconds = seconds
        self._ready = self._open = connections
        self.clients: list[Http | Mail] = []
        self.latencies: list[float] = []
        self.wrong = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ready(self) -> None:
        """A connection stands; when all do, the clock starts."""
        self._ready -= 1
        if self._ready == 0:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()
            for client in self.clients:
                asyncio.get_running_loop().call_soon(client.next)

    def take(self) -> bytes | None:
        if time.perf_counter() - self.began > self._seconds:
            return None
        return next(self._messages, None)

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
    """p50 and p99 in milliseconds."""
    ordered = sorted(seconds)
    return {"p50": statistics.median(ordered) * 1000, "p99": ordered[int(len(ordered) * 0.99)] * 1000}


class Http(asyncio.Protocol):
    """One kept-alive connection: the next request when the last is answered."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._heard = b""
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._run.ready()

    def next(self) -> None:
        message = self._run.take()
        if message is None:
            self._since = None
            self._transport.close()
            return
        self._since = time.perf_counter()
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
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
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
        while (letter := self._run.take()) is not None:
            for step in SMTP_STEPS:
                self._transport.write(step)
                yield
            self._since = time.perf_counter()
            self._transport.write(letter)
            answer = yield
            self._run.count(self._since, right=answer.startswith(b"250"))
            self._since = None
        self._transport.close()
        yield


# --- what can be asked for --------------------------------------------------------------------------------


async def closed_loop(options: argparse.Namespace) -> dict[str, float]:
    """As much as the server takes: each connection says its next message when the last is answered."""
    run = Run(_messages(options), options.seconds, options.connections)
    make = Http if options.what == "sms" else Mail
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        run.clients.append(make(run))
        await loop.create_connection(lambda: run.clients[-1], "127.0.0.1", options.port)
    await asyncio.wait_for(run.ended, options.seconds + PATIENCE)
    return run.seen()


def _messages(options: argparse.Namespace) -> Iterable[bytes]:
    numbers = range(options.first, options.first + options.limit)
    if options.what == "sms":  # signed before the clock starts
        return [wording.request(options.port, number) for number in numbers]
    before, after = wording.mail(photo=options.what == "photo")
    return (before + wording.message_id(number) + after for number in numbers)


async def paced(options: argparse.Namespace) -> dict[str, object]:
    """So many SMS a second, whatever the server does; when (time.monotonic) each number had its 200."""
    answered: dict[str, float] = {}
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for place in range(options.limit):
            await asyncio.sleep(began + place / options.rate - time.monotonic())
            group.create_task(_say(options.port, options.first + place, answered))
    return {"answered": answered, "wrong": options.limit - len(answered)}


async def _say(port: int, number: int, answered: dict[str, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wording.request(port, number, keep=False))
    if (await reader.readline()).startswith(b"HTTP/1.1 200"):
        answered[wording.citizen(number)] = time.monotonic()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.load")
    parser.add_argument("what", choices=["sms", "mail", "photo", "paced"])
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first", type=int, default=0, help="number of the first message and its citizen")
    parser.add_argument("--limit", type=int, required=True, help="messages at most")
    parser.add_argument("--rate", type=float, default=1.0, help="paced: messages a second")
    options = parser.parse_args()
    json.dump(asyncio.run(paced(options) if options.what == "paced" else closed_loop(options)), sys.stdout)


if __name__ == "__main__":
    main()
