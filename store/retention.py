"""How long the journal keeps: files of past days go as a whole when nothing in them waits or is set aside."""

import logging
import shutil
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from normalizer.schema import TemporaryFailure
from store.group_commit import GroupCommit

log = logging.getLogger("lapor.journal")


def forget_before(first: date, files: GroupCommit, folder: Path, cursor: Callable[[str], str | None]) -> list[str]:
    """Remove the files of days before `first` that are over; the names of those that went, oldest first.

    A file with an entry that waits or failed stays, and so does one that cannot be read. `cursor` tells where a
    polling channel stands: what only an old file knows is written into the current one first. The bodies beside
    a file go the next time, when no backup reads them any more. Raises TemporaryFailure when the disk refuses.
    """
    _sweep(first, folder)
    removed = []
    for name in files.files():
        if not _is_before(name, first):
            continue
        try:
            if not files.do(name, _is_over).result():
                continue
            names = files.do(name, _cursors).result()
        except TemporaryFailure:
            continue
        for each in names:
            files.do(files.current(), partial(_carry, each, cursor(each))).result()
        if files.remove(name, _is_over).result():
            removed.append(name)
    if removed:
        log.info("%d files of past days are over and removed: %s", len(removed), ", ".join(removed))
    return removed


def _sweep(first: date, folder: Path) -> None:
    """Take away what lies beside a file that has gone."""
    for path in folder.iterdir():
        name = path.name.removesuffix(".d").removesuffix(".sqlite-wal").removesuffix(".sqlite-shm")
        if name == path.name or not _is_before(name, first) or (folder / f"{name}.sqlite").exists():
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_before(name: str, first: date) -> bool:
    try:
        return date.fromisoformat(name[:10]) < first
    except ValueError:  # somebody else's
        return False


def _is_over(connection: Any) -> bool:
    query = "SELECT 1 FROM entries WHERE state = 'waiting' UNION ALL SELECT 1 FROM entries WHERE state = 'failed'"
    return connection.execute(query).fetchone() is None


def _cursors(connection: Any) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM cursors")]


def _carry(name: str, value: str | None, connection: Any) -> None:
    """What the channel itself wrote meanwhile is newer."""
    if value is not None:
        connection.execute("INSERT INTO cursors VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
