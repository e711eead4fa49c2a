"""Processes that do jobs for this one, each over a pipe of its own.

They share no queue and no lock: whichever is killed, at whatever moment, takes along what it has in hand and
nothing else. It is made anew for the next job. One that stands still is killed.
"""

import atexit
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from queue import SimpleQueue
from typing import Any, TypeAlias

from router.fork_server import ended_where_it_hangs, forked

READY_SECONDS = 60.0  # until one takes a job: a fork takes milliseconds, a fork server that starts anew seconds
STILL_SECONDS = 10  # one that is there takes a job, and goes on with its answer, in no time: else it stands still
UNKNOWN = 255  # exit code: the fork server is gone and cannot say; its children may well be there

_Job: TypeAlias = tuple[Callable[..., Any], Sequence[Any]]


class JobKilled(Exception):  # noqa: N818
    """The process ended with the job in hand."""


class NobodyThere(OSError):  # noqa: N818
    """No process can be made, for want of memory, say: nobody's job is at fault, it waits."""


class Processes:
    """`number` processes; each calls `prepare(*arguments)` before its first job."""

    def __init__(self, number: int, prepare: Callable[..., object], arguments: Sequence[Any] = ()) -> None:
        self._prepare, self._arguments = prepare, arguments
        self._lock = threading.Lock()
        self._alive: set[_Process] = set()
        self._is_closed = False
        self._free: SimpleQueue[_Process | None] = SimpleQueue()  # None: one that is still to be made
        for _ in range(number):
            self._free.put(None)
        self._threads = ThreadPoolExecutor(number, "beside")
        atexit.register(self.close)  # Python would wait for them at its end: they leave SIGTERM alone

    def schedule(
        self, function: Callable[..., Any], *arguments: Any, seconds: float | None = None
    ) -> "Future[Any]":
        """Have `function` called in one of them; the result may raise what it raises.

        Also TimeoutError (it had `seconds`, and was killed), JobKilled and NobodyThere.
        """
        return self._threads.submit(self._do, (function, arguments), seconds)

    def close(self) -> None:
        """End them all, with what they have in hand; no new one is made."""
        atexit.unregister(self.close)
        with self._lock:
            self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in list(self._alive):
            self._end(process)

    def _do(self, job: _Job, seconds: float | None) -> Any:
        process = self._free.get()  # there is one: as many as threads
        try:
            process = self._with_it_in_hand(process, job)
            is_done, result = process.outcome(seconds)
        except BaseException:
            self._end(process)
            process = None
            raise
        finally:
            self._free.put(process)
        if not is_done:
            raise result
        return result

    def _with_it_in_hand(self, process: "_Process | None", job: _Job) -> "_Process":
        """This process, or a new one where it is gone. Raises NobodyThere."""
        if process is not None and process.takes(job, STILL_SECONDS):
            return process
        self._end(process)
        try:
            process = self._made()
        except (OSError, EOFError) as error:
            raise NobodyThere(type(error).__name__) from error
        if process.takes(job, READY_SECONDS):
            return process
        self._end(process)
        raise NobodyThere("it ended at once")

    def _made(self) -> "_Process":
        ours, theirs = forked().Pipe()
        _wait_no_longer(ours)
        arguments = (theirs, self._prepare, self._arguments)
        process = forked().Process(target=_serve, args=arguments, name="beside", daemon=True)
        with theirs, self._lock:  # Python's list of children is nobody's to change at the same time
            if self._is_closed:
                raise NobodyThere("closed")
            with ended_where_it_hangs():
                process.start()
            made = _Process(process, ours)
            self._alive.add(made)
        return made

    def _end(self, process: "_Process | None") -> None:
        if process is not None:
            with self._lock:
                self._alive.discard(process)
                process.end()


@dataclass(frozen=True, slots=True, eq=False)
class _Process:
    process: ForkServerProcess
    pipe: "Connection[Any, Any]"

    def takes(self, job: _Job, seconds: float) -> bool:
        """Whether it has the job in hand; if not, it is gone, or stands still, and is to be ended."""
        try:
            self.pipe.send(job)
            return self.pipe.poll(seconds) and self.pipe.recv() is None
        except (OSError, EOFError):
            return False

    def outcome(self, seconds: float | None) -> tuple[bool, Any]:
        """Whether it was done, and what came out: the result, or what it raised."""
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()  # type: ignore[no-any-return]
        except BlockingIOError as error:
            raise TimeoutError from error
        except (OSError, EOFError) as error:
            raise JobKilled(type(error).__name__) from error
        raise TimeoutError

    def end(self) -> None:
        """The pipe is closed last: who waits at it is woken by the process's end, and by nothing else."""
        if self.process.pid and self.process.exitcode in {None, UNKNOWN}:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(5)
        self.pipe.close()


def _wait_no_longer(pipe: "Connection[Any, Any]") -> None:
    """BlockingIOError where the other end stands still in the middle of what is larger than the pipe."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as end:
        for limit in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            end.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", STILL_SECONDS, 0))


# --- in the process beside ----------------------------------------------------------------------------------


def _serve(pipe: "Connection[Any, Any]", prepare: Callable[..., object], arguments: Sequence[Any]) -> None:
    """Do one job after the other, until nobody is there at the other end."""
    for each in (signal.SIGINT, signal.SIGTERM):  # they are the server's to hear, who then ends this one
        signal.signal(each, signal.SIG_IGN)
    prepare(*arguments)
    with suppress(OSError, EOFError):
        while True:
            job = pipe.recv()
            pipe.send(None)  # it is in hand: from here on it may be what kills this process
            pipe.send(_outcome(*job))


def _outcome(function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except Exception as error:
        return False, error
