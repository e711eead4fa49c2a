"""Where the processes beside this one come from: a copy of it that has everything loaded and not one thread."""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import ForkServerContext

FORK_SECONDS = 30.0  # a fork takes milliseconds, one of a fork server that starts anew some seconds
FIRST_FREE = 3  # file descriptor behind stdin, stdout and stderr


def forked() -> ForkServerContext:
    """For pools of processes. Where fork_here() was not called, the server loads what it needs itself."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "router.preloaded"])
    return context


def fork_here() -> None:
    """Make the fork server a fork of this process, whose memory it goes on sharing.

    Python's own would start Python anew and load everything a second time. To be called when all is loaded and
    before the first thread: where there is one already, nothing is done.
    """
    if threading.active_count() > 1:
        return
    resource_tracker.ensure_running()  # it is started the same way, and must be Python's own
    gc.freeze()  # nothing that is loaded is ever garbage, and looking for some would make each page one's own
    exec_python, util.spawnv_passfds = util.spawnv_passfds, _fork  # type: ignore[assignment]
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = exec_python


def _fork(_path: bytes, _arguments: object, passed: Sequence[int]) -> int:
    """In place of exec: the child becomes what these two descriptors are for (multiprocessing/forkserver.py)."""
    listener, alive = passed
    if pid := os.fork():
        return pid
    try:
        _close_all_but({listener, alive})
        gc.enable()
        forkserver.main(listener, alive, [])
    finally:
        os._exit(1)


def _close_all_but(kept: set[int]) -> None:
    first = FIRST_FREE
    for number in [*sorted(kept), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(first, number)
        first = number + 1


@contextmanager
def ended_where_it_hangs() -> Iterator[None]:
    """Kill a fork server that hangs: whoever waits for it in here, without end, hears that it is gone (EOFError),
    and the next one who asks finds another. What it forked goes on."""
    watch = threading.Timer(FORK_SECONDS, _end_fork_server)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _end_fork_server() -> None:
    with suppress(OSError):
        if pid := forkserver._forkserver._forkserver_pid:  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)
