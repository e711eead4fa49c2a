"""Heads: one signed line over the ends of all histories, so that a cut end or a deleted report is missed."""

import base64
import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Row, Select, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from store.models import Head, Report, StatusUpdate

NONE_BEFORE = "0" * 64
MOST_ROWS = 100_000  # lines under one head: a history older than heads is taken in by several
_END = struct.Struct(">QI16s16s")  # the line's id and seq, the report's code, the first half of the line's HMAC


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The last line of one report's history: `row` is its id in status_updates, `mac` half its HMAC."""

    row: int
    seq: int
    code: str
    mac: bytes


def pack_ends(ends: Iterable[End]) -> bytes:
    return b"".join(_END.pack(end.row, end.seq, end.code.encode(), end.mac) for end in ends)


def unpack_ends(packed: bytes) -> Iterator[End]:
    """Raises struct.error when bytes were added or taken away."""
    for row, seq, code, mac in _END.iter_unpack(packed):
        yield End(row=row, seq=seq, code=code.rstrip(b"\0").decode("utf-8", "replace"), mac=mac)


def statement(head: Head) -> bytes:
    """What is signed, and hashed by SHA-256 to the head's `hash`: eight lines of text without a last newline."""
    at = head.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ends = hashlib.sha256(head.ends).hexdigest()
    numbers = (head.number, at, head.reports, head.rows, head.last_row)
    return "\n".join(["lapor history head 1", *map(str, numbers), ends, head.previous]).encode()


def sign(head: Head, seed: bytes) -> None:
    """Fill in hash, Ed25519 signature (RFC 8032) and public key, both in base64. `seed` are 32 secret bytes."""
    said, key = statement(head), Ed25519PrivateKey.from_private_bytes(seed)
    head.hash = hashlib.sha256(said).hexdigest()
    head.signature = base64.b64encode(key.sign(said)).decode()
    head.public_key = public_key(seed)


def public_key(seed: bytes) -> str:
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode()


def is_signed(head: Head) -> bool:
    """Whether hash and signature are those of what the head says now; whose key it is the caller must know."""
    said = statement(head)
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(head.public_key, validate=True))
        key.verify(base64.b64decode(head.signature, validate=True), said)
    except (InvalidSignature, ValueError):
        return False
    return head.hash == hashlib.sha256(said).hexdigest()


def newest(session: Session, count: int) -> list[Head]:
    """The newest heads, the newest first; their ends stay in the database until somebody reads them."""
    query = select(Head).options(defer(Head.ends)).order_by(Head.number.desc()).limit(count)
    return list(session.scalars(query))


def settled(session: Session) -> int:
    """The newest line's id, when no line with a smaller one can come any more; 0 without lines.

    PostgreSQL gives out ids before the commit: here it waits, for 2 seconds at most, until those who write lines
    now are done, and they for it. SQLite's writer is alone. Raises OperationalError when they take longer.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL lock_timeout = '2s'"))
        session.execute(text("LOCK TABLE status_updates IN SHARE MODE"))
    return session.scalar(select(func.max(StatusUpdate.id))) or 0


def next_head(session: Session, last: Head | None, up_to: int, now: datetime) -> Head:
    """The unsigned head behind `last`, over the lines that came since, up to the id `up_to`."""
    ends: dict[str, Row[int, int, str, bytes]] = {}
    count = reports = 0
    last_row = last.last_row if last else 0
    for line in session.execute(_lines(last_row, up_to).limit(MOST_ROWS)):
        ends.pop(line.code, None)  # the last one of each report, in the order of their ids
        ends[line.code] = line
        count, reports, last_row = count + 1, reports + (line.seq == 1), line.id
    return Head(
        number=last.number + 1 if last else 1,
        at=now.replace(microsecond=0),
        reports=(last.reports if last else 0) + reports,
        rows=(last.rows if last else 0) + count,
        last_row=last_row,
        ends=pack_ends(map(_end, ends.values())),
        previous=last.hash if last else NONE_BEFORE,
    )


def _lines(after: int, up_to: int) -> Select[int, int, str, bytes]:
    query = select(StatusUpdate.id, StatusUpdate.seq, Report.code, StatusUpdate.mac).join(StatusUpdate.report)
    return query.where(StatusUpdate.id > after, StatusUpdate.id <= up_to).order_by(StatusUpdate.id)


def lines_between(session: Session, after: int, up_to: int) -> dict[int, End]:
    """The lines with an id behind `after`, up to `up_to`, by their ids."""
    return {line.id: _end(line) for line in session.execute(_lines(after, up_to))}


def _end(line: Row[int, int, str, bytes]) -> End:
    return End(row=line.id, seq=line.seq, code=line.code, mac=line.mac[:16])


def keep_head(session: Session, head: Head) -> bool:
    """Write it down; False when another server was first with this number."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {column.key: getattr(head, column.key) for column in Head.__table__.columns}
    kept = insert(Head).values(values).on_conflict_do_nothing().returning(Head.number)
    return session.scalar(kept) is not None
