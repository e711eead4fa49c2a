"""Runs parts side by side: each works when it is woken, is started again when it falls, and may finish."""

import asyncio
import contextlib
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from normalizer.schema import TemporaryFailure

log = logging.getLogger("lapor.serve")

IDLE_SECONDS = 0.5  # how often work is looked for that nobody woke us for
TOGETHER_SECONDS = 0.03  # what is done at once is gathered for so long,
MANY = 50  # or is so many that it need not be
DATABASE_SECONDS = 5.0  # a database, a Redis or a journal's disk that went away is asked again at least this often
DOWN = {"DatabaseDown", "OperationalError", "RedisError"}
OUR_WORDS = {"DatabaseDown", "SettingsError"}
BACK_OFF = (1.0, 60.0)  # seconds before a fallen part is started again: the first time, at most
SAY_SECONDS = 60.0  # how often a part says of what is away that it still is
WORKERS = ("journal", "outbox", "photos", "clock")  # the parts that are let finish
FINISH_SECONDS = 15.0
HANGING_SECONDS = 5.0  # behind these; systemd kills after 45
OPEN_FILES = 65_536


def allow_many_files() -> None:
    """Each connection is an open file: as many as the system lets us have, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Bell:
    """Wakes those who listen: all of them, or those of a name; may be rung from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: list[tuple[str, asyncio.Event]] = []
        self.is_down = False

    def take_down(self) -> None:
        """Tell the listeners to end after what they have in hand."""
        self.is_down = True
        self.ring()

    def listen(self, name: str) -> asyncio.Event:
        self._listeners.append((name, asyncio.Event()))
        return self._listeners[-1][1]

    def ring(self, *names: str) -> None:
        for name, listener in self._listeners:
            if not listener.is_set() and (not names or name in names):
                self._loop.call_soon_threadsafe(listener.set)


def working(bell: Bell, name: str, once: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
    """Work until the bell is taken down, whenever it rings or twice a second.

    Behind a piece of work it pauses: what comes meanwhile is done together, which costs little more than one.
    """
    rung = bell.listen(name)

    async def work() -> None:
        while not bell.is_down:
            rung.clear()
            if done := await once():
                await asyncio.sleep(TOGETHER_SECONDS if done < MANY else 0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):  # wait_for of 3.11 may swallow a cancellation
                    await rung.wait()

    return work


async def every(seconds: float, once: Callable[[], object]) -> None:
    while True:
        await asyncio.to_thread(once)
        await asyncio.sleep(seconds)


async def keep_running(name: str, part: Callable[[], Awaitable[object]]) -> None:
    """Start a part again when it falls, with back-off; one that returns has nothing to do."""
    (wait, longest), said_at = BACK_OFF, -SAY_SECONDS
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await part()
        except Exception as error:
            if asyncio.get_running_loop().time() - began > longest:
                wait = BACK_OFF[0]
            is_ours = name == "journal" and isinstance(error, TemporaryFailure | OSError)  # its disk, its files
            is_down = is_ours or is_away(error)
            wait = min(wait, DATABASE_SECONDS) if is_down else wait
            level = logging.WARNING if is_down else logging.ERROR
            if not is_down or began - said_at >= SAY_SECONDS:
                log.log(level, "%s fell (%s), again in %.0f s", name, _named(error), wait)
                said_at = began
            log.debug("%s", name, exc_info=True)
        else:
            return
        await asyncio.sleep(wait)
        wait = min(wait * 2, longest)


def _named(error: Exception) -> str:
    """Its type, and what is away or set wrong where the words are our own: others' may quote a citizen."""
    kind = type(error).__name__
    return f"{kind}: {error}" if kind in OUR_WORDS else kind


def is_away(error: Exception) -> bool:
    """By name: a house without PostgreSQL or Redis loads neither's library."""
    return any(kind.__name__ in DOWN for kind in type(error).__mro__)


def leave_who_hangs(threads: ThreadPoolExecutor, _: object, error: BaseException | None, __: object) -> None:
    """End here and now where a thread waits for a database that hangs: Python would wait for it for ever. What it
    had in hand is in the journal or under its claim, as after a kill."""
    threads.shutdown(wait=False, cancel_futures=True)
    deadline = time.monotonic() + HANGING_SECONDS
    working = [each for each in threading.enumerate() if each.name.startswith("work_")]
    for each in working:
        each.join(max(0.0, deadline - time.monotonic()))
    if hanging := sum(each.is_alive() for each in working):
        log.warning("%d threads hang and are left behind", hanging)
        if error is not None:
            sys.stderr.write(f"run_bots.py: {error or type(error).__name__}\n")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0 if error is None else 1)


def leave_after(seconds: float, code: int) -> None:
    """End the process then, if it has not ended: Python waits for every thread first, and one that waits for an
    answer without an end is left behind."""

    def leave() -> None:
        time.sleep(seconds)
        log.warning("something hangs and is left behind")
        logging.shutdown()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)

    threading.Thread(target=leave, daemon=True).start()


async def end(tasks: list["asyncio.Task[None]"], *bells: Bell) -> None:
    """Hear nobody any more, so that another server can at once; let the workers finish what they have in hand, a
    message half sent above all; then end the rest."""
    for bell in bells:
        bell.take_down()
    workers = [task for task in tasks if task.get_name().startswith(WORKERS)]
    for task in set(tasks) - set(workers):
        task.cancel()
    await asyncio.wait(workers, timeout=FINISH_SECONDS)
    for task in workers:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
