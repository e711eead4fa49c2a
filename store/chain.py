"""History lines chained by HMAC: nobody edits one without the key and stays unseen."""

import hashlib
import hmac
import os
import secrets
from collections import deque
from contextlib import suppress
from datetime import UTC

from store.models import StatusUpdate

FIRST = b"\x00" * 32
REDACTED = "redacted"  # a line that is no move: it says that words in lines before it are deleted
SALTS = 128  # drawn at once
SALT_BYTES = 16  # a longer salt could swallow the first words of a text


_salts: deque[bytes] = deque()
os.register_at_fork(after_in_child=_salts.clear)  # two processes never have the same


def new_salt() -> bytes:
    """Random bytes that nobody else gets. Drawn many at once: the system's source lets go of the interpreter."""
    while True:
        with suppress(IndexError):
            return _salts.pop()
        drawn = secrets.token_bytes(SALT_BYTES * SALTS)
        _salts.extend(drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES))


def hash_text(salt: bytes, text: str | None) -> bytes:
    """sha256(salt + text): stays when text and salt are erased, so the chain stays whole."""
    return hashlib.sha256(salt + (text or "").encode()).digest()


def mac_of(key: bytes, code: str, previous: bytes, line: StatusUpdate) -> bytes:
    """HMAC-SHA256 over the line before, the report's code and this line's fields, each with its length."""
    fields = (
        previous,
        code.encode(),
        str(line.seq).encode(),
        line.status.encode(),
        (line.agency_id or "").encode(),
        line.by.encode(),
        line.at.astimezone(UTC).isoformat(timespec="microseconds").encode(),
        line.text_hash,
    )
    joined = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return hmac.new(key, joined, "sha256").digest()  # hmac.digest() would let go of the interpreter


def _has_its_text(line: StatusUpdate) -> bool:
    """The text is the one that was hashed, or it is erased and nothing stands in its place."""
    if line.salt is None:
        return line.notes is None
    return len(line.salt) == SALT_BYTES and line.text_hash == hash_text(line.salt, line.notes)


def first_break(keys: tuple[bytes, ...], code: str, lines: list[StatusUpdate]) -> StatusUpdate | None:
    """Return the first line of one report's history that fits none of the keys, or None."""
    previous = FIRST
    for seq, line in enumerate(lines, start=1):
        fits = line.seq == seq and any(
            hmac.compare_digest(line.mac, mac_of(key, code, previous, line)) for key in keys
        )
        if not fits or not _has_its_text(line):
            return line
        previous = line.mac
    return None
