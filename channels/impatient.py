"""What requests leaves out: answers have an end, in seconds and in bytes, and so has a thread that waits."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import pool_classes_by_scheme

from channels.fetch import LARGEST_ANSWER

T = TypeVar("T")

_here = threading.local()


class Call:
    """One question that a thread asks, whose connection can be cut from outside: requests' own timeout is for each
    silence, and somebody who says a byte now and then would hold the thread for hours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._is_cut = False

    def run(self, ask: Callable[[], T]) -> T:
        _here.call = self
        try:
            return ask()
        finally:
            _here.call = None
            self.goes_over(None)

    def goes_over(self, line: socket.socket | None) -> None:
        """A copy of its own, for TLS takes the first one away."""
        copy = socket.socket(fileno=os.dup(line.fileno())) if line is not None else None
        with self._lock:
            self._line, old = copy, self._line
            self._shut_where_cut()
        if old is not None:
            old.close()

    def cut(self) -> None:
        """Also what it connects only later: it may be waiting for a name server still."""
        with self._lock:
            self._is_cut = True
            self._shut_where_cut()

    def _shut_where_cut(self) -> None:
        if self._is_cut and self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)


async def ask_in_thread(pool: ThreadPoolExecutor, seconds: float, ask: Callable[[], T]) -> T:
    """What a blocking client says, within so many seconds. Raises TimeoutError, and whatever `ask` does; however
    this ends, the thread is free again."""
    call = Call()
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(pool, call.run, ask)
    finally:
        call.cut()


def _note(line: socket.socket | None) -> None:
    call: Call | None = getattr(_here, "call", None)
    if call is not None and line is not None:
        call.goes_over(line)


class _Known:
    """A connection that its call knows."""

    def _new_conn(self) -> socket.socket:
        line: socket.socket = super()._new_conn()  # type: ignore[misc]
        _note(line)
        return line

    def request(self, *asked: Any, **more: Any) -> None:
        _note(self.sock)  # type: ignore[attr-defined]
        super().request(*asked, **more)  # type: ignore[misc]


class _Http(_Known, HTTPConnection):
    pass


class _Https(_Known, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *asked: Any, **more: Any) -> None:
        super().init_poolmanager(*asked, **more)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *asked: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*asked, **more)
        if manager.pool_classes_by_scheme is pool_classes_by_scheme:  # SOCKS has others
            manager.pool_classes_by_scheme = POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *_: Any, **more: Any) -> requests.Response:
        """The answer with its body, as it comes over the wire: a few packed bytes may unpack to gigabytes."""
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, **{**more, "stream": True})
        body = response.raw.read(LARGEST_ANSWER + 1, decode_content=False)
        if len(body) > LARGEST_ANSWER:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too large")
        if response.raw.length_remaining:
            raise requests.exceptions.ConnectionError("the answer broke off")
        response._content = body
        return response


def be_impatient(session: requests.Session) -> None:
    """From now on this session's answers are bounded, and ask_in_thread() can end its calls."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
