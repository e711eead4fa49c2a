"""The journal: every raw message on fsync'd disk before anybody hears OK, without database or Redis."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from normalizer.schema import TemporaryFailure
from store.group_commit import PAUSE_SECONDS, GroupCommit, Operation, Promise
from store.journal_sql import (
    BLANKING,
    INSERTION,
    SCHEMA,
    Counts,
    IsTheirs,
    counts_of,
    execute,
    fetch_one,
    in_state,
    named_in,
    oldest,
    probe,
    rows_of,
    waiting_rows,
)
from store.media import sync_folder, write_synced
from store.retention import forget_before

BATCH_BYTES = 8_000_000  # of bodies that are worked off at once
LONGEST_RETRY = timedelta(minutes=5)  # a later try was set before the clock was set back
IN_ROW_LIMIT = 65_536  # larger bodies lie as files beside the day's file


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One raw message as it was kept. `key` finds it again: the day's file and the row."""

    key: str
    channel: str
    external_id: str
    lane: str
    meta: Mapping[str, str]
    raw: bytes
    received_at: datetime
    attempts: int
    state: str
    error: str | None


def lane_of(entry: Entry) -> str:
    """Messages of one lane are worked off in order."""
    return f"{entry.channel}\0{entry.lane}"


class Journal:
    """One file per day in DATA_DIR/journal, written by one thread of one process.

    Every method may be called from any thread. Futures fail with TemporaryFailure when the disk refuses.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open and probe the newest file. Raises OSError when the folder cannot be written."""
        self._folder = folder
        self._now = now
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = _lock(folder)
        self._settled: set[str] = set()  # older files with nothing left to work off
        self._settled_counts: dict[str, Counts] = {}
        today = lambda: now().date().isoformat()  # noqa: E731
        self._files = GroupCommit(folder, today, SCHEMA, INSERTION, self._has_more)
        try:
            self._start()
        except TemporaryFailure as error:
            self.close()
            raise OSError(f"the journal in {folder} cannot be written: {error}") from error

    def _start(self) -> None:
        """Probe the newest file; when it is broken, the fresh one."""
        name = self._files.current()
        try:
            self._files.do(name, probe).result()
        except TemporaryFailure:
            if self._files.current() == name:
                raise
            time.sleep(PAUSE_SECONDS)
            self._files.do(self._files.current(), probe).result()

    def is_taken_away(self) -> bool:
        """Whether its folder is gone, or another one: new messages are refused until it is back."""
        return self._files.room.is_taken_away()

    def broken(self) -> list[str]:
        """Older files that could not be read or marked when they were last asked: what waits there waits on."""
        return sorted(self._files.broken)

    # --- keeping ------------------------------------------------------------------------------------------

    def put(
        self, *, channel: str, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]
    ) -> "Future[bool]":
        """Keep a message. Done means: fsync'd."""
        kept: Future[bool] = Future()
        self.keep(kept, channel=channel, external_id=external_id, lane=lane, raw=raw, meta=meta)
        return kept

    def keep(
        self, kept: Promise, *, channel: str, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]
    ) -> None:
        """The same, for whoever brings a promise of their own."""
        received = self._now().timestamp()
        beside: str | None = None
        row: bytes | None = raw
        day = self._files.current()
        if len(raw) > IN_ROW_LIMIT:
            beside, row = f"{day}.d/{os.urandom(12).hex()}", None
            if not self._files.room.is_enough():
                kept.set_exception(TemporaryFailure("journal: the disk has too little room"))
                return
            try:
                write_synced(self._folder / beside, raw)
                sync_folder(self._folder)
            except OSError as error:
                kept.set_exception(TemporaryFailure(f"journal: {type(error).__name__}"))
                return
        values = (
            channel,
            _encodable(external_id),
            _encodable(lane),
            _written(tuple(meta.items())),
            row,
            beside,
            received,
        )

        self._files.tell(day, values, kept, is_new=True)

    def _has_more(self, name: str) -> None:
        """A past day's file may have new ones: the clock was set back, or the put began before midnight."""
        self._settled.discard(name)
        self._settled_counts.pop(name, None)

    # --- working off --------------------------------------------------------------------------------------

    def waiting(self, limit: int, *, skip: Sequence[str] = ()) -> list[Entry]:
        """Entries to work off, oldest first, the first one of each lane's line only behind no other.

        A lane whose oldest entry waits for its next try is left out as a whole. `skip` names lanes in work.
        A try that is further away than any pause was meant before the clock was set back: it is due.
        """
        now = self._now().timestamp()
        yesterday = (self._now() - timedelta(days=1)).strftime("%Y-%m-%d")
        found: list[Entry] = []
        blocked = set(skip)
        for name in self._files.files():
            if name in self._settled:
                continue
            rows = rows_of(self._look(name, partial(self._first_waiting, name, limit * 2, yesterday)))
            while rows and len(found) < limit and _size(found) < BATCH_BYTES:
                for row in rows:
                    self._take(name, row, now, blocked, found)
                    if len(found) >= limit or _size(found) >= BATCH_BYTES:
                        return found
                more = len(rows) == limit * 2
                rows = rows_of(self._look(name, waiting_rows(rows[-1][0], limit * 2))) if more else []
        return found

    def _first_waiting(self, name: str, limit: int, yesterday: str, connection: Any) -> str:
        """In the writer's thread, so that no entry comes between the look and what it says of the file."""
        rows: str = waiting_rows(0, limit)(connection)
        if rows == "[]" and name[:10] < yesterday:
            self._settled.add(name)
        return rows

    def _take(self, name: str, row: Sequence[Any], now: float, blocked: set[str], found: list[Entry]) -> None:
        """Add a row to what was found, unless its lane is held."""
        lane = f"{row[1]}\0{row[3]}"
        if lane in blocked or now < row[8] <= now + LONGEST_RETRY.total_seconds():
            blocked.add(lane)
            return
        try:
            found.append(self._entry(name, row, self._body(row)))
        except FileNotFoundError:
            self.fail(f"{name}:{row[0]}", "its body is not beside the journal any more")

    def _look(self, name: str, operation: Operation) -> Any:
        """What a file answers; None when an old one cannot be read (it is logged, and holds nothing up)."""
        try:
            return self._files.do(name, operation).result()
        except TemporaryFailure:
            if name == self._files.current():
                raise
            return None

    def done(self, keys: Sequence[str]) -> None:
        """Mark entries as worked off: one operation a file, however many there are."""
        by_file: dict[str, list[int]] = {}
        for key in keys:
            name, _, row = key.rpartition(":")
            by_file.setdefault(name, []).append(int(row))
        statement = "UPDATE entries SET state = 'done', error = NULL WHERE id IN (SELECT value FROM json_each(?))"
        futures = [
            self._files.do(name, partial(execute, statement, (json.dumps(ids),))) for name, ids in by_file.items()
        ]
        for future in futures:
            future.result()

    def retry(self, key: str, error: str, at: datetime) -> None:
        """Write a failed try down; the entry and its lane wait until `at`."""
        self._update(
            [key],
            "UPDATE entries SET attempts = attempts + 1, error = ?2, next_attempt_at = ?3 WHERE id = ?1",
            error[:300],
            at.timestamp(),
        )

    def fail(self, key: str, error: str) -> None:
        """Set an entry aside with its reason; its lane goes on."""
        self._update(
            [key],
            "UPDATE entries SET state = 'failed', attempts = attempts + 1, error = ?2 WHERE id = ?1",
            error[:300],
        )

    def again(self, keys: Sequence[str]) -> None:
        """Let entries be worked off once more (replay)."""
        statement = "UPDATE entries SET state = 'waiting', attempts = 0, next_attempt_at = 0 WHERE id = ?"
        try:
            self._update(keys, statement)
        finally:
            self._settled.clear()
            self._settled_counts.clear()

    def find(self, state: str, limit: int = 100) -> list[Entry]:
        """Entries in a state (`waiting`, `failed`, `done`), oldest first, without the bodies beside."""
        found: list[Entry] = []
        for name in self._files.files():
            rows = self._look(name, in_state(state, limit - len(found))) or []
            found += [self._entry(name, row) for row in rows]
            if len(found) >= limit:
                break
        return found

    def has(self, key: str) -> bool:
        """Whether there is an entry of this key."""
        name, _, row = key.rpartition(":")
        if name not in self._files.files() or not row.isdecimal() or len(row) > 18:  # SQLite's ids: 63 bits
            return False
        query = "SELECT 1 FROM entries WHERE id = ? AND (raw IS NOT NULL OR file IS NOT NULL)"  # not blanked
        found = self._files.do(name, partial(fetch_one, query, (int(row),)))
        return found.result() is not None

    def counts(self) -> dict[str, int]:
        """How many entries stand in each state; states that nothing stands in are left out.

        Cheap at any size: what is done is never counted, and a file with nothing left to do is asked once.
        """
        waiting = failed = kept = 0
        for name in self._files.files():
            each = self._counts_of(name)
            waiting, failed, kept = waiting + each[0], failed + each[1], kept + each[2]
        total = {"waiting": waiting, "failed": failed, "done": kept - waiting - failed}
        return {state: count for state, count in total.items() if count}

    def _counts_of(self, name: str) -> Counts:
        if name in self._settled_counts:
            return self._settled_counts[name]
        is_settled = name in self._settled
        counts: Counts = self._look(name, counts_of) or (0, 0, 0)
        if is_settled and name in self._settled:
            self._settled_counts[name] = counts
        return counts

    def oldest_waiting(self) -> datetime | None:
        """When the first entry that waits (for its first or its next try) came in; None when none does."""
        for name in self._files.files():
            if name not in self._settled and (row := self._look(name, oldest)):
                return datetime.fromtimestamp(row[0], UTC)
        return None

    def probe(self) -> "Future[None]":
        """Write something: done means that a message could be kept now."""
        return self._files.do(self._files.current(), probe)

    # --- cursors ------------------------------------------------------------------------------------------

    def get_cursor(self, name: str) -> str | None:
        """Where a polling channel stands: the current file if it knows it, or the newest that does."""
        current = self._files.current()
        for file in sorted(self._files.files(), key=lambda name: (name == current, name), reverse=True):
            query = partial(fetch_one, "SELECT value FROM cursors WHERE name = ?", (name,))
            if row := self._look(file, query):
                return str(row[0])
        return None

    def put_cursor(self, name: str, value: str) -> "Future[None]":
        """Keep where a polling channel stands; done means fsync'd."""

        def upsert(connection: Any) -> None:
            connection.execute(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

        return self._files.do(self._files.current(), upsert)

    # --- the files ----------------------------------------------------------------------------------------

    def forget(self, days: int) -> list[str]:
        """Remove the files of days that are more than so many days past and over; their names, oldest first."""
        first = self._now().date() - timedelta(days=days)
        removed = forget_before(first, self._files, self._folder, self.get_cursor)
        for name in removed:
            self._settled.discard(name)
            self._settled_counts.pop(name, None)
        return removed

    def blank(self, is_theirs: IsTheirs, new_id: Callable[[str], str]) -> int:
        """Take sender, words and id from all entries that `is_theirs` says it of; how many.

        Those that wait are left: they have had no effect yet. What was set aside is done with it. The files are
        read beside the writer, which only writes what was found. Raises TemporaryFailure when the disk refuses.
        """
        return sum(self._blank_in(name, is_theirs, new_id) for name in self._files.files())

    def _blank_in(self, name: str, is_theirs: IsTheirs, new_id: Callable[[str], str]) -> int:
        found = named_in(self._folder, name, is_theirs)
        if not found:
            return 0
        rows = json.dumps([[number, new_id(external_id)] for number, external_id, _ in found])
        self._files.do(name, partial(execute, BLANKING, (rows,))).result()
        for _, _, beside in found:
            if beside is not None:
                (self._folder / beside).unlink(missing_ok=True)
        self._files.empty_log(name).result()
        self._settled_counts.pop(name, None)
        return len(found)

    def close(self) -> None:
        """Finish what waits and close."""
        if self._lock is not None:
            self._files.close()
            os.close(self._lock)
            self._lock = None

    def _body(self, row: Sequence[Any]) -> bytes:
        return bytes(row[5]) if row[6] is None else (self._folder / row[6]).read_bytes()

    def _entry(self, name: str, row: Sequence[Any], raw: bytes | None = None) -> Entry:
        return Entry(
            key=f"{name}:{row[0]}",
            channel=row[1],
            external_id=row[2],
            lane=row[3],
            meta=json.loads(row[4]),
            raw=(row[5] or b"") if raw is None else raw,
            received_at=datetime.fromtimestamp(row[7], UTC),
            attempts=row[9],
            state=row[10],
            error=row[11],
        )

    def _update(self, keys: Sequence[str], statement: str, *values: Any) -> None:
        futures = []
        for key in keys:
            name, _, row = key.rpartition(":")
            arguments = (int(row), *values)
            futures.append(self._files.do(name, partial(execute, statement, arguments)))
        for future in futures:
            future.result()


@lru_cache(64)
def _written(meta: tuple[tuple[str, str], ...]) -> str:
    """As JSON; a webhook's is nearly always the same."""
    return json.dumps(dict(meta))


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.raw) for entry in entries)


def _lock(folder: Path) -> int:
    """Only one process writes a journal (flock; a killed process lets go of it)."""
    import fcntl

    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OSError(f"the journal in {folder} is in use by another process") from None
    return descriptor


def _encodable(text: str) -> str:
    """Lone surrogates (from undecodable wire bytes) as escapes: SQLite takes no others."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
