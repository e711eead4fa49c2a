"""Opens the database: the same code on SQLite (one machine) and PostgreSQL (many)."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from config.keys import Keys
from config.settings import Settings, SettingsError
from store.bulk import write_new
from store.media import Media, open_media
from store.seal import Sealer

BUSY_SECONDS = 30
CACHE_KIB = 512  # of each connection, and each thread has one: beside it the system keeps the same pages
TRIES = 4  # of what another transaction was in the way of
# libpq's own would let a server that was cut off without a word wait for a quarter of an hour, or two
WHEN_CUT_OFF = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Everything kept, but for the journal: database, photos, and the keys that seal and sign."""

    engine: Engine
    media: Media
    sealer: Sealer
    keys: Keys
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    turn: "Turn | None"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any exception."""
        with self.turn or nullcontext(), self.writing.begin() as session:
            yield session
            write_new(session)

    def write_until_free(self, change: Callable[[Session], Result]) -> Result:
        """`change` in a transaction of its own; anew, some times, where another one was in its way."""
        for _ in range(TRIES - 1):
            try:
                with self.write() as session:
                    return change(session)
            except DBAPIError as error:
                if not was_in_the_way(error):
                    raise
        with self.write() as session:
            return change(session)

    def scrub(self) -> None:
        """SQLite: leave no copy of what was deleted in the log beside the file, unless somebody reads there."""
        if self.turn is None:
            return
        with self.turn, self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            for pragma in (
                "busy_timeout = 200",
                "wal_checkpoint(TRUNCATE)",
                f"busy_timeout = {BUSY_SECONDS * 1000}",
            ):
                cursor.execute(f"PRAGMA {pragma}")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with self.reading() as session:
            yield session


def was_in_the_way(error: DBAPIError) -> bool:
    """Whether another transaction is the reason: one that wrote the same key, or held what this one waited for."""
    return isinstance(error, IntegrityError) or type(error.orig).__name__ == "DeadlockDetected"


class Turn:
    """SQLite has one writer: its threads and processes take turns here, where nobody sleeps a while and looks
    again. The file beside the database is only locked, never written; its lock ends with its process."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._held = threading.local()
        self._path = path
        self._file: int | None = None

    def __enter__(self) -> None:
        # whoever waited as long as SQLite itself would asks SQLite, which says why
        self._held.it = self._lock.acquire(timeout=BUSY_SECONDS)
        if self._held.it:
            self._lock_file(fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._held.it:
            self._lock_file(fcntl.LOCK_UN)
            self._lock.release()

    def _lock_file(self, how: int) -> None:
        """Nothing is lost where this cannot be done: SQLite has locks of its own."""
        with suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, how)


def open_store(settings: Settings, keys: Keys) -> Store:
    """Open (not migrate) the database and the media that the settings name."""
    engine = open_engine(settings)
    return Store(
        engine=engine,
        media=open_media(settings),
        sealer=Sealer(keys.contact),
        keys=keys,
        reading=sessionmaker(engine, expire_on_commit=False),
        writing=sessionmaker(engine.execution_options(immediate=True), expire_on_commit=False),
        turn=Turn(Path(f"{engine.url.database}-turn")) if settings.is_sqlite else None,
    )


def held_alone(settings: Settings) -> int | None:
    """Hold an SQLite database for one server: a descriptor that lets go of it when it is closed.

    Raises OSError where another server holds it: what that one is sending would be taken for a dead one's.
    """
    if not settings.is_sqlite:
        return None
    path = Path(f"{make_url(settings.database).database}-server")
    path.parent.mkdir(parents=True, exist_ok=True)
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise OSError("the SQLite database (DATABASE_URL) is in use by another server") from None
    return held


def open_engine(settings: Settings) -> Engine:
    """Make the engine; no connection is opened yet. Raises SettingsError for an address that cannot be read."""
    if not settings.is_sqlite:
        try:
            address = make_url(settings.database)
        except (ValueError, ArgumentError):
            raise SettingsError("DATABASE_URL must be postgresql+psycopg://user:password@host:port/name") from None
        return create_engine(
            address, pool_size=10, pool_pre_ping=True, hide_parameters=True, connect_args=WHEN_CUT_OFF
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        settings.database, module=sqlite_module(), connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def give_up_locks(engine: Engine, seconds: float) -> None:
    """PostgreSQL: whoever waits so long for another's lock hears OperationalError, as with SQLite."""

    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {round(seconds * 1000)}")
        connection.commit()

    event.listen(engine, "connect", limit)


def sqlite_module() -> Any:
    """The pysqlite3 wheel's SQLite where it is installed, else Python's own."""
    try:
        import pysqlite3 as module
    except ImportError:
        import sqlite3 as module
    return module


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _on_begin
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{CACHE_KIB}",
        "secure_delete = ON",  # who is forgotten leaves nothing in the file's free places
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Any) -> None:
    # A transaction that reads first and writes later could not wait for another writer: it must begin as one.
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
