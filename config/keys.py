"""The two secrets of an installation: made on the first run with SQLite, given by settings with PostgreSQL."""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings, SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """32-byte keys, the newest first: the first one writes, all of them read (`new,old` for rotation)."""

    secret: tuple[bytes, ...]
    contact: tuple[bytes, ...]

    def derive(self, purpose: str) -> bytes:
        """A key of its own for one purpose, from the newest secret."""
        return derive(self.secret[0], purpose)

    def derive_all(self, purpose: str) -> tuple[bytes, ...]:
        """That key from each secret, the newest first: what was written before a rotation is still read."""
        return tuple(derive(secret, purpose) for secret in self.secret)


def derive(key: bytes, purpose: str) -> bytes:
    return hashlib.blake2b(purpose.encode(), key=key, digest_size=32).digest()


def read_keys(settings: Settings) -> Keys:
    """Read SECRET_KEY and CONTACT_KEY, or DATA_DIR/keys.json, made with mode 0600 when it is not there."""
    kept = {} if settings.secret_key and settings.contact_key else _kept(settings.data_dir / "keys.json")
    return Keys(
        secret=_split(settings.secret_key or kept["secret"], "SECRET_KEY"),
        contact=_split(settings.contact_key or kept["contact"], "CONTACT_KEY"),
    )


def check_keys(settings: Settings) -> None:
    """Raise SettingsError for keys that are there and cannot be used; none is made."""
    for name in ("secret_key", "contact_key"):
        if given := getattr(settings, name):
            _split(given, name.upper())
    if (settings.data_dir / "keys.json").exists():
        read_keys(settings)


def _split(text: str, name: str) -> tuple[bytes, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or any(len(part) < 16 for part in parts):
        raise SettingsError(f"{name} must have at least 16 characters (two keys for rotation: new,old)")
    return tuple(hashlib.sha256(part.encode()).digest() for part in parts)


def _kept(path: Path) -> dict[str, str]:
    if not path.exists():
        _make(path)
    try:
        kept = json.loads(path.read_text())
        return {name: str(kept[name]) for name in ("secret", "contact")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SettingsError(f"{path} cannot be read: without it sealed contacts are lost; restore it") from error


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {"secret": secrets.token_urlsafe(32), "contact": secrets.token_urlsafe(32)}
    half = path.with_suffix(f".{secrets.token_hex(8)}")
    with os.fdopen(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(made, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(half, path)  # the first process wins; the others read what it made
    except FileExistsError:
        pass
    finally:
        half.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # contacts sealed with a key that a power cut took away are lost
    finally:
        os.close(folder)
