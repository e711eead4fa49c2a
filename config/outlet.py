"""Where log lines go out: whoever reads them slowly, or not at all, holds nobody up."""

import logging
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

PIECE = 4096  # bytes: what a pipe takes is not mixed with another process's (PIPE_BUF)
WAIT_SECONDS = 0.05  # for a reader who is a moment late
SHARE = 100  # of the time one part at most is spent so
LEFT_OUT = "%d lines before this one were left out: nobody read what we write"


class Outlet(logging.StreamHandler[TextIO]):
    """Writes lines to a stream. While nobody reads at its other end (a pager, a halted terminal, a log driver that
    hangs) lines are left out, and counted; the first one that can be written again says how many."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._left_out = 0
        self._may_wait_from = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if (out := _number(self.stream)) is None:
                super().emit(record)
            elif self._left_out and not self._has_room(out):
                self._left_out += 1
            else:
                self._say_how_many(out)
                self._left_out += not self._is_written(out, record)
        except Exception:
            self.handleError(record)

    def _say_how_many(self, out: int) -> None:
        if self._left_out:
            told = logging.LogRecord("lapor.logs", logging.WARNING, "", 0, LEFT_OUT, (self._left_out,), None)
            self._left_out = 0 if self._is_written(out, told) else self._left_out

    def _is_written(self, out: int, record: logging.LogRecord) -> bool:
        """Whether at least its beginning is: the rest is cut off where nobody reads on."""
        written = 0
        line = self.format(record) + self.terminator
        raw = line.encode(self.stream.encoding or "utf-8", self.stream.errors or "backslashreplace")
        with suppress(BlockingIOError), _not_waiting(out) as way:
            while written < len(raw) and self._has_room(out):
                written += os.write(way, raw[written : written + PIECE])
        return written > 0

    def _has_room(self, out: int) -> bool:
        began = time.monotonic()
        look = select.poll()
        look.register(out, select.POLLOUT)
        if look.poll(0):
            return True
        if self._left_out or began < self._may_wait_from:
            return False
        has_room = bool(look.poll(WAIT_SECONDS * 1000))
        self._may_wait_from = began + SHARE * (time.monotonic() - began)
        return has_room


@contextmanager
def _not_waiting(out: int) -> Iterator[int]:
    """The same pipe or terminal, opened anew so that a write does not wait: what has room has not room for a whole
    line (a terminal), or another process takes it first (a pipe). Where it cannot be: itself."""
    way = None
    with suppress(OSError):
        if stat.S_ISFIFO(os.fstat(out).st_mode) or os.isatty(out):
            way = os.open(f"/proc/self/fd/{out}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield out if way is None else way
    finally:
        if way is not None:
            os.close(way)


def _number(stream: TextIO) -> int | None:
    """The stream's file descriptor, where it has one."""
    with suppress(OSError, ValueError, AttributeError):
        stream.flush()
        return stream.fileno()
    return None
