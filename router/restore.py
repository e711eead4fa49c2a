"""`run_bots.py restore`: puts a backup into an empty DATA_DIR, once it has proved whole."""

import hashlib
import json
import os
import re
import shutil
import socket
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from config.keys import read_keys
from config.settings import Settings, read_settings
from router.backup import FORM, Say, database_path, is_s3, key_marks
from router.forget import forget_listed
from router.forgotten import LIST, blank_journal, merge_lists, read_list
from router.house import open_house
from router.operate import first_edited_row
from store.journal import Journal
from store.migrate import migrate

NAMES = re.compile(
    r"reports\.db|keys\.json|journal/[0-9][0-9.-]*\.sqlite|journal/[0-9][0-9.-]*\.d/[0-9a-f]+"
    r"|media/([0-9a-f]{2})/([0-9a-f]{2})/(?P<key>\1\2[0-9a-f]{60})"
)
LARGEST_MANIFEST = 100_000  # bytes
CHUNK = 1_000_000


def restore_backup(settings: Settings, file: Path, say: Say, forgotten: Path | None = None) -> str | None:
    """Put everything in its place; the first edited line of the history, None when it is unbroken.

    Who is on the list of `forgotten` people (by default the one beside the file) is deleted again before that.
    All is tried out before anything takes its place: a file that is not whole, or not ours, leaves DATA_DIR
    empty. Raises OSError, ValueError.
    """
    _check_room(settings)
    beside = forgotten or file.parent / LIST
    if forgotten is not None:
        read_list(forgotten)  # one that was named must be there
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    stage = settings.data_dir / ".restore"
    stage.mkdir(mode=0o700)
    try:
        manifest = _unpack(file, stage, say)
        _check_fits(settings, stage, manifest)
        say("history")
        edited = _try_out(_staged(settings, stage), beside) if settings.is_sqlite else None
        os.sync()
        _move_in(settings, stage)
        merge_lists(beside, into=settings.data_dir / LIST)
    finally:
        shutil.rmtree(stage)
    return edited


def _check_room(settings: Settings) -> None:
    """Raises OSError when something is there that could be overwritten, or a server runs."""
    for listen in (settings.ops_listen, settings.http_listen):
        with socket.socket(socket.AF_INET6 if ":" in listen.host else socket.AF_INET) as probe:
            probe.settimeout(2)
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104
            if probe.connect_ex((host, listen.port)) == 0:
                raise OSError(f"something answers at {listen}: stop the server first")
    folders = [settings.data_dir] if is_s3(settings) else [settings.data_dir, Path(settings.media)]
    for folder in folders:
        if folder.exists() and {path.name for path in folder.iterdir()} - {"lost+found"}:
            raise OSError(f"{folder} is not empty: restore into a new one, or move this away")
    if settings.is_sqlite and database_path(settings).exists():
        raise OSError(f"{database_path(settings)} is there already: move it away")


# --- unpacking ---------------------------------------------------------------------------------------------


def _unpack(file: Path, stage: Path, say: Say) -> dict[str, Any]:
    """Write out what the file holds, and give its manifest. Raises ValueError for anything unexpected."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            members = iter(tar)
            manifest = _read_manifest(tar, next(members, None))
            _write_out(tar, members, stage, manifest, say)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{file} is damaged, or no backup: {error}") from None
    return manifest


def _read_manifest(tar: tarfile.TarFile, first: tarfile.TarInfo | None) -> dict[str, Any]:
    if first is None or first.name != "manifest.json" or not first.isreg() or first.size > LARGEST_MANIFEST:
        raise ValueError("this is no backup: it does not begin with a manifest")
    try:
        manifest: dict[str, Any] = json.loads(_content(tar, first).read())
        form, sizes = manifest["form"], [int(manifest["counts"][name]) for name in ("files", "bytes")]
    except (ValueError, TypeError, LookupError):
        raise ValueError("this is no backup: its manifest cannot be read") from None
    if form != FORM:
        raise ValueError(f"this backup was made by another version ({manifest.get('version')}): restore it there")
    return manifest | {"counts": dict(zip(("files", "bytes"), sizes, strict=True))}


def _write_out(
    tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], stage: Path, manifest: dict[str, Any], say: Say
) -> None:
    counts = manifest["counts"]
    number = size = 0
    for number, member in enumerate(members, start=1):
        name = NAMES.fullmatch(member.name)
        size += member.size
        if name is None or not member.isreg() or size > counts["bytes"]:
            raise ValueError("this is no backup of ours: it holds what does not belong there")
        digest = _write_one(_content(tar, member), stage / member.name)
        if name["key"] not in {None, digest}:
            raise ValueError(f"this backup is damaged: {member.name} is not what was kept")
        if number % 100 == 0:
            say(f"{number} of {counts['files']} files")
    if (number, size) != (counts["files"], counts["bytes"]):
        raise ValueError(f"this backup is not whole: {number} of {counts['files']} files")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise ValueError(f"{member.name} has no content")
    return content


def _write_one(content: IO[bytes], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


# --- trying out --------------------------------------------------------------------------------------------


def _check_fits(settings: Settings, stage: Path, manifest: dict[str, Any]) -> None:
    """Raises ValueError when the settings are not those of the installation that was backed up."""
    if (manifest.get("database") == "sqlite") != settings.is_sqlite:
        raise ValueError(f"this backup belongs to {manifest.get('database')}: set DATABASE_URL accordingly")
    if (manifest.get("media") == "s3") != is_s3(settings):
        raise ValueError(f"this backup's photos lie in a {manifest.get('media')}: set MEDIA_URL accordingly")
    has_keys = (stage / "keys.json").exists() or (settings.secret_key and settings.contact_key)
    if not has_keys or key_marks(read_keys(_staged(settings, stage))) != manifest.get("keys"):
        raise ValueError("this backup was made with other keys: set its SECRET_KEY and CONTACT_KEY")


def _staged(settings: Settings, stage: Path) -> Settings:
    """The same settings for the place where the backup is tried out."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    here = {"data_dir": stage, "media_url": str(stage / "media")}
    if settings.is_sqlite:
        here["database_url"] = f"sqlite:///{stage / 'reports.db'}"
    return read_settings(**{**given, **here})


def _try_out(staged: Settings, forgotten: Path) -> str | None:
    """Bring the restored database up to this version, without whom it may not have any more; the first edited line
    of its history."""
    house = open_house(staged)
    try:
        migrate(house.store.engine)
        if forgotten.exists():
            _, traces = forget_listed(forgotten, house)
            (staged.data_dir / LIST).unlink(missing_ok=True)  # no news: all of it is on the list
            with closing(Journal(staged.data_dir / "journal")) as journal:
                blank_journal(journal, traces, house)
            (staged.data_dir / "journal" / "lock").unlink()
        return first_edited_row(house)
    except CommandError as error:
        raise ValueError(f"this backup was made by a newer version: {error}") from None
    except DBAPIError as error:
        raise ValueError(f"this backup's database cannot be read: {error.orig}") from None
    finally:
        house.store.engine.dispose()


def _move_in(settings: Settings, stage: Path) -> None:
    """Keys last: without them nothing starts."""
    media = settings.data_dir / "media" if is_s3(settings) else Path(settings.media)
    _move_children(stage / "media", media)
    _move_children(stage / "journal", settings.data_dir / "journal")
    if settings.is_sqlite:
        database_path(settings).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(stage / "reports.db", database_path(settings))
    if (stage / "keys.json").exists():
        shutil.move(stage / "keys.json", settings.data_dir / "keys.json")
    os.sync()


def _move_children(source: Path, target: Path) -> None:
    for child in list(source.iterdir()) if source.exists() else []:
        target.mkdir(parents=True, exist_ok=True)
        shutil.move(child, target / child.name)
