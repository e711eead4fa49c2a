"""Names to addresses: a name server that hangs holds up nobody but who asked for that name."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

import uvloop

THREADS = 16


class Names:
    """Asks for a name once, however many wait for it, in threads of its own: one that hangs costs one of them.

    uvloop asks in four threads that all of its names share, and does not let go of a question that nobody waits
    for any more.
    """

    def __init__(self, label: str, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, label)
        self._asked: dict[tuple[Any, ...], asyncio.Future[Any]] = {}

    async def look_up(self, host: Any, port: Any, family: int, kind: int, proto: int, flags: int) -> Any:
        """What socket.getaddrinfo gives, and raises."""
        asked = (host, port, family, kind, proto, flags)
        if asked not in self._asked:
            ask = partial(socket.getaddrinfo, *asked)
            self._asked[asked] = asyncio.get_running_loop().run_in_executor(self._threads, ask)
            self._asked[asked].add_done_callback(partial(self._answered, asked))
        return await asyncio.shield(self._asked[asked])

    def _answered(self, asked: tuple[Any, ...], answer: "asyncio.Future[Any]") -> None:
        del self._asked[asked]
        if not answer.cancelled():
            answer.exception()  # heard, even where nobody waits for it any more

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Loop(uvloop.Loop):
    """uvloop's, whose providers' names do not share four threads."""

    def __init__(self) -> None:
        super().__init__()
        self._names = Names("names")

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        if is_address(host):  # nobody is asked
            return await super().getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
        return await self._names.look_up(host, port, family, type, proto, flags)

    def close(self) -> None:
        self._names.close()
        super().close()


def is_address(host: str | bytes | None) -> bool:
    if host is None:
        return True
    with suppress(ValueError):
        return bool(ip_address(host.decode("ascii", "replace") if isinstance(host, bytes) else host))
    return False
