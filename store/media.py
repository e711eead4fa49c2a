"""Photos and raw messages as files, each found by the key that put() gave."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from config.settings import Settings, SettingsError


class Media(Protocol):
    """A place for bytes; the same bytes have the same key."""

    def put(self, content: bytes) -> str:
        """Keep the bytes, on fsync'd disk, and give their key."""

    def put_many(self, contents: Sequence[bytes]) -> list[str]:
        """Keep many small things with one fsync, together in one file; a key for each, in their order."""

    def get(self, key: str) -> bytes:
        """Give the bytes back. Raises KeyError."""

    def delete(self, key: str) -> None:
        """Forget the bytes; no error when they are gone."""

    def blank(self, *keys: str) -> None:
        """Forget parts of what is kept together: zeros stand in their place, their neighbours keep their keys. One
        write for the parts of one file; what is no key of ours has nothing that lies there."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Media in a folder, two levels deep, named by their sha256."""

    root: Path

    def put(self, content: bytes) -> str:
        key = key_of(content)
        path = self._path(key)
        if not path.exists():
            write_synced(path, content)
        return key

    def put_many(self, contents: Sequence[bytes]) -> list[str]:
        return part_keys(self.put(b"".join(contents)), contents) if contents else []

    def get(self, key: str) -> bytes:
        name, part = split_key(key)
        try:
            with self._path(name).open("rb") as file:
                if part is None:
                    return file.read()
                file.seek(part[0])
                return file.read(part[1])
        except FileNotFoundError:
            raise KeyError(key) from None

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def blank(self, *keys: str) -> None:
        for name, parts in parts_of(keys).items():
            path = self._path(name)
            if not path.exists() or is_all(parts, path.stat().st_size):
                self.delete(name)
                continue
            with path.open("r+b") as file:
                for start, length in parts:
                    file.seek(start)
                    file.write(bytes(length))
                file.flush()
                os.fsync(file.fileno())

    def _path(self, key: str) -> Path:
        return self.root / place_of(key)


def key_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def place_of(key: str) -> str:
    """Where the bytes of a key lie, under the folder or the bucket's prefix. Raises KeyError."""
    if len(key) != 64 or not key.isalnum():
        raise KeyError(key)
    return f"{key[:2]}/{key[2:4]}/{key}"


def part_keys(together: str, contents: Sequence[bytes]) -> list[str]:
    """A key for each of the things that lie one after the other under the key `together`."""
    starts = accumulate((len(content) for content in contents), initial=0)
    return [f"{together}-{start}-{len(content)}" for start, content in zip(starts, contents, strict=False)]


def split_key(key: str) -> tuple[str, tuple[int, int] | None]:
    """The key of what is kept whole, and the start and length of a part of it. Raises KeyError."""
    name, *part = key.split("-")
    if not part:
        return name, None
    if len(part) != 2 or not all(number.isdecimal() for number in part):
        raise KeyError(key)
    return name, (int(part[0]), int(part[1]))


Parts = set[tuple[int, int]]  # starts and lengths


def parts_of(keys: Iterable[str]) -> dict[str, Parts]:
    """The parts that these keys name, by the key of what they lie in; none where a key is of the whole of it."""
    found: defaultdict[str, Parts] = defaultdict(set)
    whole = set()
    for key in keys:
        with suppress(KeyError):
            name, part = split_key(key)
            place_of(name)
            found[name] |= {part} if part else set()
            whole |= set() if part else {name}
    return {name: set() if name in whole else parts for name, parts in found.items()}


def is_all(parts: Parts, size: int) -> bool:
    """Whether nothing else lies there; no parts are the whole."""
    return not parts or sum(length for _, length in parts) >= size


def write_synced(path: Path, content: bytes) -> None:
    """Write the file whole or not at all: file and folder are fsync'd before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with half.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_media(settings: Settings) -> Media:
    """Open what MEDIA_URL names; nothing is asked of S3 yet. Raises SettingsError for a kind that is not there."""
    if "://" not in settings.media:
        return Folder(Path(settings.media))
    if not settings.media.startswith("s3://"):
        kind = settings.media.split(":")[0]
        raise SettingsError(f"MEDIA_URL: {kind}:// is not known; name a folder or s3://bucket/prefix")
    from store.s3 import open_bucket  # boto3 takes a while to load: only those wait who use it

    return open_bucket(settings.media)
