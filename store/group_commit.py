"""Group commit: one thread owns the journal's files and puts all that waits into one commit and one fsync."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from normalizer.schema import TemporaryFailure
from store.database import sqlite_module
from store.media import sync_folder
from store.steps import reached

log = logging.getLogger("lapor.journal")

BATCH = 500  # operations in one commit
CHECKPOINT_BYTES = 4_000_000
PAUSE_SECONDS = 0.5  # after a refusal by the disk, before it is tried again

Operation: TypeAlias = Callable[[Any], Any]


class Promise(Protocol):
    """Who is told how an operation ended: a Future, or the answers of an event loop."""

    def set_running_or_notify_cancel(self) -> bool: ...

    def set_result(self, result: Any) -> None: ...

    def set_exception(self, error: BaseException) -> None: ...


class GroupCommit:
    """Runs operations on SQLite files, each file by one connection of this one thread.

    After any error of write or fsync the file is closed for good as far as new messages go: `current()` then
    names a fresh one, and everything is refused for half a second so that a full disk is not hammered.
    """

    def __init__(self, folder: Path, today: Callable[[], str], schema: str) -> None:
        self._folder = folder
        self._today = today
        self._schema = schema
        self._waiting: queue.SimpleQueue[tuple[str, Operation, Promise] | None] = queue.SimpleQueue()
        self._open: dict[str, Any] = {}
        self._newest = max((name for name in self.files() if name.startswith(today())), default=today())
        self._refuse_until = 0.0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def files(self) -> list[str]:
        """The names of the files, oldest first."""
        return sorted(path.stem for path in self._folder.glob("*.sqlite"))

    def current(self) -> str:
        """The file that new messages go to: the day's, or the fresh one after an error."""
        day = self._today()
        if not self._newest.startswith(day):
            self._newest = day
        return self._newest

    def do(self, name: str, operation: Operation) -> "Future[Any]":
        """Run the operation in the next commit of that file; the future is done behind the fsync."""
        future: Future[Any] = Future()
        self.tell(name, operation, future)
        return future

    def tell(self, name: str, operation: Operation, promise: Promise) -> None:
        """The same, for whoever brings a promise of their own."""
        self._waiting.put((name, operation, promise))
        if self._is_closed:
            self._refuse_rest()

    def _refuse_rest(self) -> None:
        """After the close nobody works: whoever still asks is told so rather than left to wait."""
        with suppress(queue.Empty):
            while True:
                if item := self._waiting.get_nowait():
                    item[2].set_exception(TemporaryFailure("journal: closed"))

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
            by_file: dict[str, list[tuple[Operation, Promise]]] = {}
            for item in batch:
                if item is not None:
                    by_file.setdefault(item[0], []).append(item[1:])
            for name, operations in by_file.items():
                self._commit(name, [each for each in operations if each[1].set_running_or_notify_cancel()])
        for connection in self._open.values():
            with suppress(Exception):
                connection.close()

    def _commit(self, name: str, operations: list[tuple[Operation, Promise]]) -> None:
        try:
            if time.monotonic() < self._refuse_until:
                raise TimeoutError("the disk refused a moment ago")
            connection = self._connection(name)
            connection.execute("BEGIN IMMEDIATE")
            results = [operation(connection) for operation, _ in operations]
            reached("keep, before commit")
            connection.execute("COMMIT")
        except Exception as error:
            self._drop(name, error)
            for _, future in operations:
                future.set_exception(TemporaryFailure(f"journal: {type(error).__name__}"))
            return
        reached("keep, after commit")
        for (_, future), result in zip(operations, results, strict=True):
            future.set_result(result)
        self._checkpoint(name, connection)

    def _connection(self, name: str) -> Any:
        if name not in self._open:
            self._open[name] = _open(self._folder / f"{name}.sqlite", self._schema)
            sync_folder(self._folder)
        return self._open[name]

    def _drop(self, name: str, error: Exception) -> None:
        if isinstance(error, TimeoutError):
            return
        log.error("journal file %s refused: %s", name, type(error).__name__)
        connection = self._open.pop(name, None)
        with suppress(Exception):
            connection.close()
        if name != self._newest:  # an old file that cannot be read is no reason to refuse what comes
            return
        self._refuse_until = time.monotonic() + PAUSE_SECONDS
        if connection is not None or not isinstance(error, sqlite_module().OperationalError):
            # (a file that could not be made, on a full disk, is tried again by its name)
            day = self._today()
            self._newest = f"{day}.{int(name[len(day) + 1 :] or 0) + 1:04d}"

    def _checkpoint(self, name: str, connection: Any) -> None:
        """Move the log into the file, outside of any commit and only when nobody waits."""
        if not self._waiting.empty():
            return
        with suppress(Exception):
            if os.stat(self._folder / f"{name}.sqlite-wal").st_size > CHECKPOINT_BYTES:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _open(path: Path, schema: str) -> Any:
    connection = sqlite_module().connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(schema)
    except Exception:
        connection.close()
        raise
    return connection
