"""The learned model of an installation: one row that every server copies into a file, which its readers open."""

import hashlib
import logging
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.settings import Settings
from normalizer.learned import LEARNED, VERSION, Model, dump, load
from router.house import House
from store.officials import LearnedModel

log = logging.getLogger("lapor.learned")

LOOK_SECONDS = 60.0  # how often a server looks for a newer model


def folder_of(settings: Settings) -> Path:
    return settings.data_dir / LEARNED


def new_version(now: datetime) -> str:
    """Later ones come later in the alphabet, and no two are the same."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def keep_model(house: House, model: Model, figures: dict[str, Any]) -> None:
    """Put a model in the place of the one before, and to use in this process."""
    content = dump(model)
    with house.store.write() as session:
        session.execute(delete(LearnedModel))
        session.add(
            LearnedModel(
                version=model.version,
                made_at=house.now(),
                figures=figures,
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
    look_for_model(house)


def forget_model(house: House) -> str | None:
    """Remove the model: the lexicon goes on alone. The version that it had, None where there was none."""
    with house.store.write() as session:
        version = _version(session)
        session.execute(delete(LearnedModel))
    look_for_model(house)
    return version


def look_for_model(house: House) -> None:
    """Put the database's model to use where it is another one than before, or none.

    A model that cannot be read is left out with a line in the log: the lexicon goes on alone. Where only its file
    cannot be written, that is tried again at the next look. What the database itself raises is the caller's.
    """
    with house.store.read() as session:
        version = _version(session)
    path = folder_of(house.settings) / f"{version}.bin"
    if version is None:
        house.learned.path = None
    elif path == house.learned.path or version == house.learned.broken:
        return
    else:
        _take(house, version, path)
    _sweep(house)


def _take(house: House, version: str, path: Path) -> None:
    house.learned.path = None
    try:
        if not _is_good(path, version):
            _write(path, _content(house, version))
    except ValueError as error:
        house.learned.broken = version
        log.warning("learned model %s is left out: %s", version, error)
    except OSError as error:
        log.warning("the file of learned model %s cannot be written: %s", version, type(error).__name__)
    else:
        house.learned.path, house.learned.broken = path, None
        log.info("learned model %s is in use", version)


def _version(session: Session) -> str | None:
    query = select(LearnedModel.version).order_by(LearnedModel.made_at.desc()).limit(1)
    version = session.scalar(query)
    return version if version is not None and VERSION.fullmatch(version) else None


def _is_good(path: Path, version: str) -> bool:
    try:
        return load(path.read_bytes()).version == version
    except (OSError, ValueError):
        return False


def _content(house: House, version: str) -> bytes:
    """The model's bytes out of the database. Raises ValueError where they are not what was put there."""
    with house.store.read() as session:
        row = session.get(LearnedModel, version)
    if row is None or hashlib.sha256(row.content).hexdigest() != row.sha256:
        raise ValueError("the row is broken")
    if load(row.content).version != version:
        raise ValueError("the row holds another model")
    return row.content


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: a reader may open it at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _sweep(house: House) -> None:
    """Take the files of former models away; a reader that has one open keeps what it read."""
    for path in folder_of(house.settings).glob("*.bin"):
        if path != house.learned.path:
            path.unlink(missing_ok=True)
