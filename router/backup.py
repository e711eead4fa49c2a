"""`run_bots.py backup`: journal, database, photos and keys in one file, taken while the server runs."""

import io
import json
import os
import re
import tarfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import make_url

from config.keys import Keys, derive, read_keys
from config.settings import ROOT, Settings
from router.forgotten import LIST, merge_lists
from store.database import sqlite_module
from store.media import place_of, sync_folder

FORM = 1  # of the file; a restore refuses what is newer
KEY = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]
LAST_BACKUP = "last-backup"  # in DATA_DIR: its time is when one was last written from here


def write_backup(settings: Settings, file: Path, say: Say) -> list[str]:
    """Write the file whole or not at all, mode 0600; what the operator should know, a line each.

    Copied in this order: journal, database, photos. A message that the journal has as done is then in the
    database, and its photos are in the media; one that had its effect in between is worked off again, which the
    database's unique key makes nothing of. Raises OSError, LookupError.
    """
    if not (settings.data_dir / "journal").is_dir():
        raise LookupError(f"DATA_DIR={settings.data_dir} holds no journal: there is nothing to back up")
    if not (settings.secret_key and settings.contact_key) and not (settings.data_dir / "keys.json").exists():
        raise LookupError(f"{settings.data_dir / 'keys.json'} is missing: without it sealed contacts are lost")
    with TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        copies, notes = Path(folder), _where_else(settings)
        members = [*_journal(settings.data_dir / "journal", copies, notes, say)]
        members += _database(settings, copies, say)
        members += _photos(settings, say)
        members += _keys(settings)
        manifest = _manifest(settings, members)
        _write(copies / "whole", manifest, members, say)
        (copies / "whole").replace(file)
    sync_folder(file.parent)
    with suppress(OSError):  # the backup is there all the same
        (settings.data_dir / LAST_BACKUP).touch()
    beside = file.parent / LIST
    merge_lists(settings.data_dir / LIST, beside, into=beside)
    counts = manifest["counts"]
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if name not in {"files", "bytes"})
    return [f"{file}: {said}", *notes]


def _where_else(settings: Settings) -> list[str]:
    """What has to be kept by other means."""
    notes = []
    if not settings.is_sqlite:
        notes.append(
            "the database is NOT in it: run pg_dump now, after this; then copy the media folder once more "
            "(each server's own journal needs a backup of its own)"
        )
    if is_s3(settings):
        notes.append(f"the photos are NOT in it: they stay in {settings.media}; use the bucket's own versioning")
    if settings.secret_key or settings.contact_key:
        notes.append("SECRET_KEY and CONTACT_KEY from the settings are NOT in it: keep them")
    return notes


def is_s3(settings: Settings) -> bool:
    return "://" in settings.media


def database_path(settings: Settings) -> Path:
    """Where the SQLite database lies."""
    return Path(make_url(settings.database).database or "")


# --- what goes in: (name in the file, path on the disk) ----------------------------------------------------


def _journal(folder: Path, copies: Path, notes: list[str], say: Say) -> Iterator[tuple[str, Path]]:
    """A copy of each day's file, and the bodies that it names."""
    (copies / "journal").mkdir()
    for source in sorted(folder.glob("*.sqlite")):
        say(f"journal {source.stem}")
        copy = copies / "journal" / source.name
        try:
            copy_sqlite(source, copy)
        except OSError:
            if source.exists():
                raise
            continue  # a day that is over was removed meanwhile
        yield f"journal/{source.name}", copy
        try:
            beside = [row[0] for row in _rows(copy, "SELECT file FROM entries WHERE file IS NOT NULL")]
        except sqlite_module().DatabaseError:
            notes.append(f"journal/{source.name} is damaged; it is in the backup as it is")
            continue
        for name in beside:
            if (folder / name).is_file():
                yield f"journal/{name}", folder / name
            else:
                notes.append(f"journal/{name} is missing on the disk")


def _database(settings: Settings, copies: Path, say: Say) -> Iterator[tuple[str, Path]]:
    if not settings.is_sqlite:
        return
    say("database")
    copy = copies / "reports.db"
    copy_sqlite(database_path(settings), copy)
    ((checked,),) = _rows(copy, "PRAGMA quick_check(1)")
    if checked != "ok":
        raise OSError(f"the database {database_path(settings)} is damaged ({checked}): no backup was written")
    yield "reports.db", copy


def _photos(settings: Settings, say: Say) -> Iterator[tuple[str, Path]]:
    if is_s3(settings):
        return
    say("photos")
    for path in sorted(Path(settings.media).glob("*/*/*")):
        if KEY.fullmatch(path.name):
            yield f"media/{place_of(path.name)}", path


def _keys(settings: Settings) -> Iterator[tuple[str, Path]]:
    if (settings.data_dir / "keys.json").exists():
        yield "keys.json", settings.data_dir / "keys.json"


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, whoever writes to it meanwhile. Raises OSError."""
    module = sqlite_module()
    try:
        reading = module.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        with closing(reading), closing(module.connect(str(target))) as writing:
            writing.execute("PRAGMA synchronous = OFF")  # the whole is fsync'd at the end
            reading.backup(writing)
    except module.DatabaseError as error:
        raise OSError(f"{source} cannot be copied: {error}") from error


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite_module().connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as connection:
        return [tuple(row) for row in connection.execute(query)]


# --- the file ----------------------------------------------------------------------------------------------


def _manifest(settings: Settings, members: list[tuple[str, Path]]) -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "form": FORM,
        "version": project["version"],
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sqlite": sqlite_module().sqlite_version,
        "database": "sqlite" if settings.is_sqlite else "postgresql",
        "media": "s3" if is_s3(settings) else "folder",
        "keys": key_marks(read_keys(settings)),
        "counts": _counts(members),
    }


def key_marks(keys: Keys) -> list[str]:
    """What tells whether keys are the same ones, and tells nothing else about them."""
    return [derive(key, "backup").hex() for key in (keys.secret[0], keys.contact[0])]


def _counts(members: list[tuple[str, Path]]) -> dict[str, int]:
    counts = {"messages": 0, "reports": 0, "kept files": 0}
    for name, path in members:
        counts["kept files"] += name.startswith("media/")
        table = "reports" if name == "reports.db" else "entries" if name.endswith(".sqlite") else None
        if table is None:
            continue
        try:
            ((number,),) = _rows(path, f"SELECT count(*) FROM {table}")  # noqa: S608  (one of the two above)
        except sqlite_module().DatabaseError:  # a damaged journal file; it was said
            number = 0
        counts["messages" if table == "entries" else "reports"] += number
    return counts | {"files": len(members), "bytes": sum(path.stat().st_size for _, path in members)}


def _write(target: Path, manifest: dict[str, Any], members: list[tuple[str, Path]], say: Say) -> None:
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1, dereference=True) as tar:
            head = json.dumps(manifest, indent=1).encode()
            first = tarfile.TarInfo("manifest.json")
            first.size, first.mode = len(head), 0o600
            tar.addfile(first, io.BytesIO(head))
            for number, (name, path) in enumerate(members):
                if number % 100 == 0:
                    say(f"{number} of {len(members)} files")
                tar.add(path, name, recursive=False, filter=_without_owner)
        file.flush()
        os.fsync(file.fileno())


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member
