"""Processes that read messages and photos for us, and are killed when one takes too long."""

import logging
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from normalizer.same_picture import Match
from router.beside import JobKilled, Processes
from router.reading import Look, Raw, Unreadable, look_at, match, packed, public_copy, read_packed

log = logging.getLogger("lapor.readers")

READERS = max(2, os.cpu_count() or 2)
READ_SECONDS = 20.0  # for one job: a photo of the largest size takes under a second
JOB_MESSAGES, JOB_BYTES = 50, 1_000_000  # in one job: a hostile message holds few others up
NICENESS = 5  # what was read is worked off first, and a large photo is in nobody's way
MEMORY_BYTES = 2**31  # of address space: what a hostile photo may take
TOOK_TOO_LONG = "it took too long to read"
KILLED_ITS_READER = "it killed its reader"
ENDED = (TimeoutError, JobKilled, MemoryError)  # how a job ends that nobody finished


class Readers(Protocol):
    """Who reads for the house. Where no process can be made for it, all of these raise NobodyThere."""

    def start(self) -> None:
        """Make ready, so that the first message need not wait."""

    def begin(self, messages: Sequence[Raw], learned: Path | None = None) -> "Begun":
        """Begin to read; the answer's result(), unpacked, has a reading for each message, in their order.

        `learned` is the file of the learned model that is in use.
        """

    def look_at(self, content: bytes, content_type: str) -> Look:
        """Look at one photo. Raises ValueError when that cannot be done in time."""

    def match(self, one: bytes, others: Sequence[bytes]) -> list[Match | None]:
        """Where one working copy is another one again. Raises ValueError when that cannot be done in time."""

    def blur(self, photo: bytes) -> bytes:
        """The public copy of a working copy. Raises ValueError when it cannot be made, or not in time."""

    def close(self) -> None:
        """End the processes."""


class Begun(Protocol):
    def result(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class Here:
    """Reads in this very process: for commands, and where nothing hostile comes in."""

    city: Path

    def start(self) -> None:
        """There is nothing to make ready."""

    def begin(self, messages: Sequence[Raw], learned: Path | None = None) -> Begun:
        done: Future[list[bytes]] = Future()
        done.set_result([read_packed(messages, self.city, learned)])
        return done

    def look_at(self, content: bytes, content_type: str) -> Look:
        return look_at(content, content_type)

    def match(self, one: bytes, others: Sequence[bytes]) -> list[Match | None]:
        return match(one, others)

    def blur(self, photo: bytes) -> bytes:
        return public_copy(photo)

    def close(self) -> None:
        """There is nothing to end."""


class Beside:
    """Reads in processes of their own, forked from a server that has everything loaded."""

    def __init__(self, city: Path, seconds: float = READ_SECONDS) -> None:
        self._city = city
        self._seconds = seconds
        self._processes = Processes(READERS, _bounded)

    def start(self) -> None:
        for _ in range(READERS):
            self._schedule(read_packed, [], self._city)

    def _schedule(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        return self._processes.schedule(function, *arguments, seconds=self._seconds)

    def begin(self, messages: Sequence[Raw], learned: Path | None = None) -> Begun:
        jobs = [(job, self._schedule(read_packed, job, self._city, learned)) for job in _jobs(messages)]
        return _Jobs(self, jobs, learned)

    def look_at(self, content: bytes, content_type: str) -> Look:
        try:
            return cast(Look, self._schedule(look_at, content, content_type).result())
        except ENDED as error:
            raise ValueError(f"the photo cannot be looked at: {type(error).__name__}") from None

    def match(self, one: bytes, others: Sequence[bytes]) -> list[Match | None]:
        try:
            return cast("list[Match | None]", self._schedule(match, one, others).result())
        except ENDED as error:
            raise ValueError(f"the photos cannot be compared: {type(error).__name__}") from None

    def blur(self, photo: bytes) -> bytes:
        try:
            return cast(bytes, self._schedule(public_copy, photo).result())
        except ENDED as error:
            raise ValueError(f"the photo cannot be blurred: {type(error).__name__}") from None

    def close(self) -> None:
        self._processes.close()


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Jobs under way; one that was killed is read again message by message, to find out which one it was."""

    readers: Beside
    jobs: list[tuple[list[Raw], "Future[Any]"]]
    learned: Path | None

    def result(self) -> list[bytes]:
        return [blob for job, begun in self.jobs for blob in self._blobs(job, begun)]

    def _blobs(self, job: list[Raw], begun: "Future[Any]") -> list[bytes]:
        try:
            return [begun.result()]
        except ENDED as error:
            log.warning("a reader of %d messages ended: %s", len(job), type(error).__name__)
            if len(job) > 1:
                return [blob for each in job for blob in self.readers.begin([each], self.learned).result()]
            return [packed([Unreadable(reason=_reason(error))])]


def _reason(error: BaseException) -> str:
    return TOOK_TOO_LONG if isinstance(error, TimeoutError) else KILLED_ITS_READER


def _jobs(messages: Sequence[Raw]) -> Iterator[list[Raw]]:
    """Cut messages into jobs: few large ones, more small ones."""
    job: list[Raw] = []
    size = 0
    for each in messages:
        if job and (len(job) >= JOB_MESSAGES or size + len(each.raw) > JOB_BYTES):
            yield job
            job, size = [], 0
        job.append(each)
        size += len(each.raw)
    if job:
        yield job


def _bounded() -> None:
    os.nice(NICENESS)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
