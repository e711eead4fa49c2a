"""What time takes away: the log of its rounds, and who and what is due; nothing in it names anybody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Index, Select, String, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.media import Media
from store.models import Address, Base, Id, Message, Photo, Report, Reporter, UtcDateTime
from store.officials import DeskSession
from store.traces import blank_raw, drop_unnamed

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class RetentionRound(Base):
    """One day's round of the retention: how many went of each kind, and when.

    A round in work (`ended_at` None) stands at `kind`, behind the row `after`; `next_at` of the newest is when it
    goes on, or when the next round begins.
    """

    __tablename__ = "retention_rounds"
    __table_args__ = (Index("ix_retention_rounds_next_at", "next_at"),)

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(String(16))
    after: Mapped[int] = mapped_column(Id)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)


_NEXT_AT = select(func.min(RetentionRound.next_at)).scalar_subquery()
_FIRST = case((exists().where(Reporter.id > 0), literal(LONG_AGO, UtcDateTime())))  # once there is anybody
NEXT_ROUND = select(func.coalesce(_NEXT_AT, _FIRST, type_=UtcDateTime()))


def newest_rounds(session: Session, limit: int) -> list[RetentionRound]:
    """The newest first."""
    return list(session.scalars(select(RetentionRound).order_by(RetentionRound.number.desc()).limit(limit)))


def begin(session: Session, number: int, kind: str, now: datetime) -> None:
    """Begin a round. Raises IntegrityError where another server did."""
    session.execute(update(RetentionRound).values(next_at=None).where(RetentionRound.next_at.is_not(None)))
    session.add(RetentionRound(number=number, began_at=now, next_at=now, kind=kind, after=0, counts={}))
    session.flush()


def hold(session: Session, number: int) -> RetentionRound | None:
    """A round to go on with; None while another server does."""
    query = select(RetentionRound).where(RetentionRound.number == number).with_for_update(skip_locked=True)
    return session.scalar(query)


# --- due: the next rows of each kind, in the order of their ids ---------------------------------------------


def silent_people(
    session: Session, until: datetime, after: int, limit: int, *, is_open: Sequence[str]
) -> list[int]:
    """Who has nothing open, and neither said anything nor had anything closed since `until`."""
    report = select(Report.id).where(
        Report.reporter_id == Reporter.id, or_(Report.status.in_(is_open), Report.updated_at > until)
    )
    said = (
        select(Message.id)
        .join(Address, Message.address_id == Address.id)
        .where(Address.reporter_id == Reporter.id, Message.received_at > until)
    )
    is_somebody = exists().where(Address.reporter_id == Reporter.id, Address.sealed != b"")
    query = select(Reporter.id).where(
        Reporter.created_at <= until, Reporter.id > after, is_somebody, ~report.exists(), ~said.exists()
    )
    return _ids(session, query.order_by(Reporter.id), limit)


def old_raw(session: Session, until: datetime, after: int, limit: int) -> list[int]:
    query = select(Message.id).where(
        Message.id > after, Message.raw_key.is_not(None), Message.received_at <= until
    )
    return _ids(session, query.order_by(Message.id), limit)


def old_originals(session: Session, until: datetime, after: int, limit: int) -> list[int]:
    query = select(Photo.id).where(Photo.id > after, Photo.media_key.is_not(None), Photo.created_at <= until)
    return _ids(session, query.order_by(Photo.id), limit)


def unclaimed(session: Session, until: datetime, after: int, limit: int) -> list[int]:
    """Messages of no report and of nobody whom we could answer: bounces, what programs wrote."""
    query = select(Message.id).where(
        Message.id > after,
        Message.address_id.is_(None),
        Message.report_id.is_(None),
        Message.received_at <= until,
        or_(Message.text != "", Message.subject != ""),
    )
    return _ids(session, query.order_by(Message.id), limit)


def _ids(session: Session, query: Select[Any], limit: int) -> list[int]:
    return list(session.scalars(query.limit(limit)))


# --- done ---------------------------------------------------------------------------------------------------


def drop_raw(session: Session, ids: Sequence[int], media: Media) -> int:
    """Take the raw bytes of these messages; their words stay. Raises OSError."""
    rows = list(session.scalars(select(Message).where(Message.id.in_(ids), Message.raw_key.is_not(None))))
    blank_raw(rows, media)
    return len(rows)


def drop_originals(session: Session, ids: Sequence[int], media: Media) -> int:
    """Take the originals of these photos, with what stands in them (EXIF); copies stay. Raises OSError."""
    rows = list(session.scalars(select(Photo).where(Photo.id.in_(ids), Photo.media_key.is_not(None))))
    keys = [row.media_key for row in rows if row.media_key is not None]
    for row in rows:
        row.media_key = None
    session.flush()
    drop_unnamed(session, keys, media)
    return len(rows)


def blank_unclaimed(session: Session, ids: Sequence[int], media: Media) -> int:
    """Take the words and raw bytes of these messages. Raises OSError."""
    rows = list(session.scalars(select(Message).where(Message.id.in_(ids))))
    blank_raw(rows, media)
    session.execute(update(Message).where(Message.id.in_(ids)).values(text="", subject="", note=None))
    return len(rows)


def drop_log_ins(session: Session, now: datetime) -> int:
    """Delete officials' log-ins that ran out."""
    return int(session.execute(delete(DeskSession).where(DeskSession.expires_at < now)).rowcount)  # type: ignore[attr-defined]
