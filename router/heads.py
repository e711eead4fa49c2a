"""The hourly signed head over all histories: made by the clock, shown to the public, checked by `verify`."""

import hashlib
import logging
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from router.house import House
from store import heads
from store.heads import MOST_ROWS, NONE_BEFORE, End
from store.models import Head, Report, StatusUpdate

log = logging.getLogger("lapor.heads")

EVERY = timedelta(hours=1)


# --- by the clock -----------------------------------------------------------------------------------------


def make_head(house: House) -> int:
    """Sign the lines that came since the last head, if its hour is over. Always 0: no report moves by it.

    Reading is all that takes time, and holds up nobody. Of two servers that do it at once one is first.
    """
    try:
        with house.store.read() as session:
            up_to = heads.settled(session)
    except OperationalError:
        log.warning("no head of the history yet: lines are being written for over 2 seconds")
        return 0
    with house.store.read() as session:
        last = next(iter(heads.newest(session, 1)), None)
        if not _is_due(session, house):  # asked behind `last`: another server's newer head has done it
            return 0
        head = heads.next_head(session, last, up_to, house.now())
    heads.sign(head, house.keys.derive("heads"))
    with house.store.write() as session:
        is_kept = heads.keep_head(session, head)
    if is_kept:
        log.info("head %s of the history: %s", head.number, head.hash)
    return 0


def _is_due(session: Session, house: House) -> bool:
    at = next_head_at(session, house)
    return at is not None and at <= house.now()


def next_head_at(session: Session, house: House) -> datetime | None:
    """The full hour behind the last head (or the first line); at once when the last head was full."""
    rows = session.execute(select(Head.at, Head.rows).order_by(Head.number.desc()).limit(2)).all()
    if not rows:
        first = session.scalar(select(StatusUpdate.at).order_by(StatusUpdate.id).limit(1))
        return _full_hour(first) if first is not None else None
    at, signed = rows[0]
    is_full = signed - (rows[1].rows if len(rows) > 1 else 0) == MOST_ROWS
    was_set_back = at > house.now() + EVERY
    return house.now() if is_full or was_set_back else _full_hour(at)


def _full_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + EVERY


# --- for everybody ----------------------------------------------------------------------------------------


def published(house: House, number: int | None = None) -> dict[str, Any] | None:
    """The newest head, or the one of this number, as /history-head.json has it; None when there is none."""
    with house.store.read() as session:
        head = session.get(Head, number) if number is not None else next(iter(heads.newest(session, 1)), None)
        return _as_json(head) if head is not None else None


def _as_json(head: Head) -> dict[str, Any]:
    """What store/heads.py's statement() puts together, and with what it was signed."""
    return {
        "number": head.number,
        "time": head.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reports": head.reports,
        "rows": head.rows,
        "last_row": head.last_row,
        "ends": hashlib.sha256(head.ends).hexdigest(),
        "previous": head.previous,
        "hash": head.hash,
        "algorithm": "Ed25519",
        "signature": head.signature,
        "public_key": head.public_key,
    }


# --- for verify -------------------------------------------------------------------------------------------


def first_gone(house: House, saved: dict[str, Any] | None = None) -> str | None:
    """The first line under a head that is gone or is another one now, in words; or the head that was touched.

    `saved` is a head as it was published: one that must be among the heads. None when all is as it was signed.
    """
    ours = {heads.public_key(seed) for seed in house.keys.derive_all("heads")}
    last: Head | None = None
    with house.store.read() as session:
        for head in session.scalars(select(Head).order_by(Head.number).execution_options(yield_per=10)):
            wrong = _touched(head, last, ours) or _gone(session, head, last)
            if wrong is not None:
                return wrong
            last = head
        return _missed(session, saved) if saved is not None else None


def _touched(head: Head, last: Head | None, ours: set[str]) -> str | None:
    number, previous = (last.number + 1, last.hash) if last else (1, NONE_BEFORE)
    if head.number != number:
        return f"heads row {number} is gone"
    if head.previous != previous or head.public_key not in ours or not heads.is_signed(head):
        return f"heads row {number} is not the one that was signed"
    return None


def _gone(session: Session, head: Head, last: Head | None) -> str | None:
    after, signed = (last.last_row, last.rows) if last else (0, 0)
    lines = heads.lines_between(session, after, head.last_row)
    try:
        for end in heads.unpack_ends(head.ends):
            if lines.get(end.row) != end:
                return _in_words(session, end, lines.get(end.row), head)
    except struct.error:
        return f"heads row {head.number} is not the one that was signed"
    if len(lines) != head.rows - signed:
        return f"{head.rows - signed} lines were signed as head {head.number}, and {len(lines)} are there"
    return None


def _in_words(session: Session, end: End, found: End | None, head: Head) -> str:
    row = f"status_updates row {end.row} (report {end.code}, line {end.seq})"
    if found is not None:
        return f"{row} is not the line of head {head.number}"
    report = session.scalar(select(Report.id).where(Report.code == end.code))
    if report is None:
        return f"{row} is gone, and the report with it"
    lines = select(StatusUpdate.seq).where(StatusUpdate.report_id == report).order_by(StatusUpdate.seq.desc())
    return f"{row} is gone: the history was cut off behind line {session.scalar(lines.limit(1)) or 0}"


def _missed(session: Session, saved: dict[str, Any]) -> str | None:
    number, said = int(saved["number"]), str(saved["hash"])
    head = session.get(Head, number)
    if head is None:
        return f"head {number}, which was saved elsewhere, is gone with all that came behind it"
    return None if head.hash == said else f"head {number} is not the one that was saved elsewhere"
