"""Group commit: one thread owns the journal's files and puts all that waits into one commit and one fsync."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from normalizer.schema import TemporaryFailure
from store.bulk import in_powers_of_two
from store.database import sqlite_module
from store.media import sync_folder
from store.room import Room
from store.steps import reached

log = logging.getLogger("lapor.journal")

BATCH = 500  # operations in one commit
MOST_ROWS = 64  # in one statement
CHECKPOINT_BYTES = 4_000_000
PAUSE_SECONDS = 0.5  # after a refusal by the disk, before it is tried again

Operation: TypeAlias = Callable[[Any], Any]


Row: TypeAlias = tuple[Any, ...]


class Promise(Protocol):
    """Who is told how an operation ended: a Future, or the answers of an event loop."""

    def set_running_or_notify_cancel(self) -> bool: ...

    def set_result(self, result: Any) -> None: ...

    def set_exception(self, error: BaseException) -> None: ...


class Asked(NamedTuple):
    """One operation that waits, or a row to be inserted; without a file's name it is run between the commits."""

    name: str
    operation: Operation | Row
    promise: Promise
    is_new: bool = False  # a message: taken only while the disk has more than its reserve


class Gone(Exception):  # noqa: N818
    """A past day's file that is not there any more."""


class GroupCommit:
    """Runs operations on SQLite files, each file by one connection of this one thread.

    After any error of write or fsync the file is closed for good as far as new messages go: `current()` then
    names a fresh one, and everything is refused for half a second so that a full disk is not hammered.
    """

    def __init__(
        self, folder: Path, today: Callable[[], str], schema: str, insertion: str, inserted: Callable[[str], None]
    ) -> None:
        """`insertion` has `{rows}` where rows go; `inserted` hears a file's name behind them, in this thread."""
        self._folder = folder
        self._today = today
        self._schema = schema
        self._insertion = insertion
        self._inserted = inserted
        self._waiting: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._open: dict[str, Any] = {}
        self._newest = max((name for name in self.files() if _is_near(name, today())), default=today())
        self.room = Room(folder)
        self._refuse_until = 0.0
        self.broken: frozenset[str] = frozenset()  # files whose last operation failed, but for the newest
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def files(self) -> list[str]:
        """The names of the files, oldest first."""
        return sorted(path.stem for path in self._folder.glob("*.sqlite"))

    def current(self) -> str:
        """The file that new messages go to: the day's, or the fresh one after an error.

        A clock that is set back over midnight goes on with the file that it has: what came later lies behind
        what came before. Only a file that is days ahead is left for the day's own.
        """
        day = self._today()
        if not self._newest.startswith(day) and not _is_near(self._newest, day):
            self._newest = day
        return self._newest

    def do(self, name: str, operation: Operation) -> "Future[Any]":
        """Run the operation in the next commit of that file; the future is done behind the fsync."""
        future: Future[Any] = Future()
        self.tell(name, operation, future)
        return future

    def tell(self, name: str, operation: Operation | Row, promise: Promise, *, is_new: bool = False) -> None:
        """The same, or insert a row, for whoever brings a promise; a new message leaves the disk its reserve."""
        self._waiting.put(Asked(name, operation, promise, is_new))
        if self._is_closed:
            self._refuse_rest()

    def _refuse_rest(self) -> None:
        """After the close nobody works: whoever still asks is told so rather than left to wait."""
        with suppress(queue.Empty):
            while True:
                if item := self._waiting.get_nowait():
                    item.promise.set_exception(TemporaryFailure("journal: closed"))

    def remove(self, name: str, is_over: Operation) -> "Future[bool]":
        """Unlink a past day's file if `is_over` says so of it, with all that SQLite has beside; whether it did."""
        future: Future[bool] = Future()
        self._waiting.put(Asked("", partial(self._remove, name, is_over), future))
        if self._is_closed:
            self._refuse_rest()
        return future

    def _remove(self, name: str, is_over: Operation, _: None) -> bool:
        if not is_over(self._connection(name)):
            return False
        self._open.pop(name).close()
        for end in ("", "-wal", "-shm"):  # a log without its file means nothing; a file without its log might
            (self._folder / f"{name}.sqlite{end}").unlink(missing_ok=True)
        sync_folder(self._folder)
        return True

    def empty_log(self, name: str) -> "Future[None]":
        """Move a file's log into the file and cut it to nothing, between two commits."""
        future: Future[None] = Future()
        self._waiting.put(Asked("", partial(self._empty_log, name), future))
        if self._is_closed:
            self._refuse_rest()
        return future

    def _empty_log(self, name: str, _: None) -> None:
        self._connection(name).execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Finish what waits, then close the files."""
        self._waiting.put(None)
        self._thread.join()
        self._is_closed = True
        self._refuse_rest()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            stopping = None in batch
            self._work(filter(None, batch))
        for connection in self._open.values():
            with suppress(Exception):
                connection.close()

    def _work(self, batch: Iterable[Asked]) -> None:
        by_file: dict[str, list[Asked]] = {}
        for asked in batch:
            if not asked.promise.set_running_or_notify_cancel():
                continue
            if asked.is_new and not self.room.is_enough():
                asked.promise.set_exception(TemporaryFailure("journal: the disk has too little room"))
            else:
                by_file.setdefault(asked.name, []).append(asked)
        between = by_file.pop("", ())
        for name, operations in by_file.items():
            self._commit(name, operations)
        for asked in between:
            self._run_alone(asked)

    def _run_alone(self, asked: Asked) -> None:
        try:
            result = None if isinstance(asked.operation, tuple) else asked.operation(None)
        except Exception as error:
            asked.promise.set_exception(TemporaryFailure(f"journal: {type(error).__name__}"))
        else:
            asked.promise.set_result(result)

    def _commit(self, name: str, operations: list[Asked]) -> None:
        try:
            if time.monotonic() < self._refuse_until:
                raise TimeoutError("the disk refused a moment ago")
            connection = self._connection(name)
            connection.execute("BEGIN IMMEDIATE")
            results = self._operate(name, connection, operations)
            reached("keep, before commit")
            connection.execute("COMMIT")
        except Exception as error:
            self._drop(name, error)
            for asked in operations:
                asked.promise.set_exception(TemporaryFailure(f"journal: {type(error).__name__}"))
            return
        reached("keep, after commit")
        self.broken -= {name}
        for asked, result in zip(operations, results, strict=True):
            asked.promise.set_result(result)
        self._checkpoint(name, connection)

    def _operate(self, name: str, connection: Any, operations: list[Asked]) -> list[Any]:
        """Rows first, many in one step: SQLite lets go of the interpreter at each, and busy threads keep it."""
        rows = [asked.operation for asked in operations if isinstance(asked.operation, tuple)]
        for some in in_powers_of_two(rows, MOST_ROWS):
            places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
            connection.execute(self._insertion.format(rows=places), list(chain.from_iterable(some)))
        if rows:
            self._inserted(name)
        return [
            True if isinstance(asked.operation, tuple) else asked.operation(connection) for asked in operations
        ]

    def _connection(self, name: str) -> Any:
        path = self._folder / f"{name}.sqlite"
        if name in self._open:
            self._look_for(path)
        else:
            if name[:10] < self._today() and not path.exists():  # removed: reading must not make it anew
                raise Gone
            self._open[name] = _open(path, self._schema)
            sync_folder(self._folder)
        return self._open[name]

    def _look_for(self, path: Path) -> None:
        """Raise FileNotFoundError where somebody removed an open file: it takes what is written, for nobody."""
        if not path.exists() and not self.room.is_taken_away():  # (the room refuses there, and it may come back)
            raise FileNotFoundError

    def _drop(self, name: str, error: Exception) -> None:
        if isinstance(error, TimeoutError | Gone):
            return
        if name not in self.broken:
            log.error("journal file %s refused: %s", name, type(error).__name__)
        connection = self._open.pop(name, None)
        with suppress(Exception):
            connection.close()
        if name != self._newest:  # an old file that cannot be read is no reason to refuse what comes
            self.broken |= {name}
            return
        self._refuse_until = time.monotonic() + PAUSE_SECONDS
        if connection is not None or not isinstance(error, sqlite_module().OperationalError):
            # (a file that could not be made, on a full disk, is tried again by its name)
            self._newest = f"{name[:10]}.{int(name[11:] or 0) + 1:04d}"

    def _checkpoint(self, name: str, connection: Any) -> None:
        """Move the log into the file, outside of any commit and only when nobody waits."""
        if not self._waiting.empty():
            return
        with suppress(Exception):
            if os.stat(self._folder / f"{name}.sqlite-wal").st_size > CHECKPOINT_BYTES:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_near(name: str, day: str) -> bool:
    """Whether a file is the day's or the next day's."""
    try:
        ahead = date.fromisoformat(name[:10]) - date.fromisoformat(day)
    except ValueError:  # somebody else's file
        return False
    return timedelta(0) <= ahead <= timedelta(days=1)


def _open(path: Path, schema: str) -> Any:
    connection = sqlite_module().connect(str(path), isolation_level=None, check_same_thread=False)
    pragmas = (
        *("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"),
        "secure_delete = ON",  # marking an entry moves its row: no copy stays where it was
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(schema)
    except Exception:
        connection.close()
        raise
    return connection
