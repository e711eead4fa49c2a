"""Who gives read messages their effect: this process, or one beside it that does nothing else."""

import gc
import logging
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from config.settings import Settings
from router.beside import JobKilled, NobodyThere, Processes
from router.carry_out import Carried, carry_out, set_back
from router.house import House, open_house
from router.reading import pack_at, packed, unpacked
from store import steps
from store.database import give_up_locks
from store.journal import Entry, lane_of

log = logging.getLogger("lapor.clerk")

KILLED_ITS_CLERK = "it killed the process that wrote it down"
NOBODY_THERE = "no process to work off in"
NO_ANSWER = "who works off gave no answer"
WAITED_TOO_LONG = "it took too long to write down"
ANSWER_SECONDS = 60.0  # a batch takes 0.1; a database that is locked or cut off is told of in 30
BUSY_SECONDS = 30.0  # of processor time: only our own code turns in a circle, over one message's words
ENDED = (JobKilled, MemoryError)
MANY_OBJECTS = 50_000  # some batches' worth: to look through each 700 takes a twentieth of the time, for nothing


class Clerk(Protocol):
    """Who works off."""

    def begin(self, house: House, entries: Sequence[Entry], blobs: Sequence[bytes]) -> "Begun":
        """Begin to carry entries out, `blobs` being their packed readings. result() says how it went."""


class Begun(Protocol):
    def result(self) -> Carried: ...


@dataclass(frozen=True, slots=True)
class Here:
    """Works off in this very process: for commands."""

    def begin(self, house: House, entries: Sequence[Entry], blobs: Sequence[bytes]) -> Begun:
        done: Future[Carried] = Future()
        done.set_result(carry_out(house, entries, unpacked(blobs)))
        return done


class Beside:
    """Works off in a process of its own, forked like the readers; killed, it is there again at once.

    It opens the house anew, by the same settings. The journal stays ours. One that gives no answer in `seconds` is
    killed: it stood still, or what it waited for did, and no message is at fault, but for one alone whose
    neighbours have their answer (hundreds of photos on their way to a slow place, say). One that was busy for
    `busy_seconds` ends by itself, and its message is.
    """

    def __init__(
        self, settings: Settings, seconds: float = ANSWER_SECONDS, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        # half of it for a lock, so that PostgreSQL says so itself: who is killed leaves his place there waiting on
        self._processes = Processes(1, _move_in, (settings, os.getpid(), busy_seconds, seconds / 2))
        self._seconds = seconds

    def start(self) -> None:
        self.schedule([], [], None)

    def schedule(self, entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> "Future[_Told]":
        return self._processes.schedule(_carry_out, entries, blobs, learned, seconds=self._seconds)

    def begin(self, house: House, entries: Sequence[Entry], blobs: Sequence[bytes]) -> Begun:
        return _Job(self, house, entries, blobs, self.schedule(entries, blobs, house.learned.path))

    def close(self) -> None:
        self._processes.close()


@dataclass(frozen=True, slots=True)
class _Job:
    clerk: Beside
    house: House
    entries: Sequence[Entry]
    blobs: Sequence[bytes]
    begun: "Future[_Told]"

    def result(self) -> Carried:
        try:
            told = self.begun.result()
        except NobodyThere:  # no message's fault
            return Carried(is_down=NOBODY_THERE)
        except TimeoutError:
            log.warning("who carried out %d messages gave no answer, and was ended", len(self.entries))
            return self._one_by_one() if len(self.entries) > 1 else Carried(is_down=NO_ANSWER)
        except ENDED as error:
            log.warning("who carried out %d messages ended: %s", len(self.entries), type(error).__name__)
            return self._one_by_one()
        for names in told.woken:
            self.house.wake(*names)
        return told.carried

    def _one_by_one(self) -> Carried:
        """To find out which one it was, if it was one of them."""
        whole = Carried()
        if len(self.entries) == 1:
            set_back(whole, self.entries[0], KILLED_ITS_CLERK)
            return whole
        silent: Entry | None = None  # it gave no answer: it is at fault if another one gives its
        for entry, reading in zip(self.entries, unpacked(self.blobs), strict=True):
            if lane_of(entry) in whole.stuck or whole.is_down is not None:
                continue
            carried = self.clerk.begin(self.house, [entry], [packed([reading])]).result()
            if carried.is_down == NO_ANSWER and silent is None:
                silent = entry
                whole.stuck.add(lane_of(entry))
                continue
            if carried.is_down is None and silent is not None:
                set_back(whole, silent, WAITED_TOO_LONG)
            whole.add(carried)
        if silent is not None and silent.key not in whole.failed:
            whole.is_down = whole.is_down or NO_ANSWER
        return whole


# --- in the process beside ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    carried: Carried
    woken: list[tuple[str, ...]]


_open: list[tuple[House, float]] = []


def _move_in(settings: Settings, server: int, busy_seconds: float, lock_seconds: float) -> None:
    steps.dies_with(server)
    gc.set_threshold(MANY_OBJECTS)
    house = open_house(settings, pack_at(settings.city))
    if not settings.is_sqlite:
        give_up_locks(house.store.engine, lock_seconds)
    _open[:] = [(house, busy_seconds)]


def _carry_out(entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> _Told:
    woken: list[tuple[str, ...]] = []
    whole, busy_seconds = _open[0]
    signal.setitimer(signal.ITIMER_PROF, busy_seconds)  # its signal ends us, wherever we are
    house = replace(whole, wake=lambda *names: woken.append(names))
    house.learned.path = learned
    return _Told(carry_out(house, entries, unpacked(blobs)), woken)
