"""Takes away what a person leaves behind: words, photos, what was sent to them; the bare rows stay."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from store.desk import Note
from store.media import Media
from store.models import Address, Delivery, Message, Photo, Report

AGENCY_MAIL = "agency"  # the kind of an agency's answer by mail
BLANK = {"text": "", "subject": "", "note": None, "reply_ref": None, "edit_of": None, "raw_key": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """How much went; nothing of what it was."""

    addresses: int = 0
    reports: int = 0
    messages: int = 0
    photos: int = 0
    answers: int = 0
    subscriptions: int = 0


def blank_messages(
    session: Session,
    addresses: Sequence[Address],
    mailboxes: Sequence[str],
    media: Media,
    new_id: Callable[[str], str],
) -> list[int]:
    """Take the words and raw bytes from all that was said by these addresses; the messages' ids.

    What stays is the key under which a repeat is known, as `new_id` has it where it names a chat. Bounces that
    quote one of the `mailboxes`, and agencies' mails about their reports, are blanked, too. Raises OSError.
    """
    said = _said_by(session, addresses)
    rows = [*said, *_bounces(session, mailboxes), *_quoting(session, addresses)]
    blank_raw(rows, media)
    for row in rows:
        for column, value in BLANK.items():
            setattr(row, column, value)
    for row in said:
        row.address = None
        if row.channel == "telegram":
            row.external_id = new_id(row.external_id)
    session.flush()
    return [row.id for row in said]


def blank_raw(rows: Sequence[Message], media: Media) -> None:
    """Overwrite or delete messages' raw bytes. Raises OSError."""
    media.blank(*(row.raw_key for row in rows if row.raw_key is not None))
    for row in rows:
        row.raw_key = None


def _said_by(session: Session, addresses: Sequence[Address]) -> list[Message]:
    query = select(Message).where(Message.address_id.in_([address.id for address in addresses]))
    return list(session.scalars(query))


def _quoting(session: Session, addresses: Sequence[Address]) -> list[Message]:
    """Agencies' answers by mail about their reports: most quote what they answer to."""
    people = {address.reporter_id for address in addresses}
    query = select(Message).join(Report, Message.report_id == Report.id)
    return list(session.scalars(query.where(Report.reporter_id.in_(people), Message.kind == AGENCY_MAIL)))


def _bounces(session: Session, mailboxes: Sequence[str]) -> list[Message]:
    """Mail of programs that names these mailboxes; every mail of a program is looked at."""
    if not mailboxes:
        return []
    quotes = or_(*(func.lower(Message.text).contains(name.lower(), autoescape=True) for name in mailboxes))
    query = select(Message).where(and_(Message.channel == "email", Message.kind == "auto", quotes))
    return list(session.scalars(query))


def drop_photos(session: Session, message_ids: Sequence[int], media: Media, *, but_public: bool = False) -> int:
    """Delete the photos of these messages, and their files that no other row names; how many. Raises OSError.

    `but_public`: of a photo that the public sees its blurred copy stays, and nothing else of it.
    """
    rows = list(session.scalars(select(Photo).where(Photo.message_id.in_(message_ids))))
    if but_public:
        shown = [row for row in rows if row.public_key is not None and row.public_state == "shown"]
        for row in shown:
            _leave_public(session, row, media)
        rows = [row for row in rows if row not in shown]
    keys = [key for row in rows for key in (row.media_key, row.copy_key, row.thumb_key, row.public_key) if key]
    session.execute(delete(Photo).where(Photo.id.in_([row.id for row in rows])))
    drop_unnamed(session, keys, media)
    return len(rows)


def _leave_public(session: Session, row: Photo, media: Media) -> None:
    keys = filter(None, (row.media_key, row.copy_key, row.thumb_key))
    row.media_key = row.copy_key = row.thumb_key = row.ref = row.note = row.phash = row.software = None
    row.lat = row.long = row.direction = row.taken_at = None
    row.name = ""
    session.flush()
    drop_unnamed(session, keys, media)


def drop_unnamed(session: Session, keys: Iterable[str], media: Media) -> None:
    """Delete the files that no photo's row names (any more). Raises OSError."""
    wanted = set(keys)
    columns = (Photo.media_key, Photo.copy_key, Photo.thumb_key, Photo.public_key)
    named = select(*columns).where(or_(*(column.in_(wanted) for column in columns)))
    still = {key for row in session.execute(named) for key in row} if wanted else set()
    for key in wanted - still:
        media.delete(key)


def drop_answers(session: Session, addresses: Sequence[Address]) -> int:
    """Delete what was sent, or is owed, to these addresses; how many."""
    ids = [address.id for address in addresses]
    found = session.execute(delete(Delivery).where(Delivery.address_id.in_(ids)))
    return int(found.rowcount)  # type: ignore[attr-defined]


def blank_notes(session: Session, report_ids: Sequence[int]) -> None:
    """Take the words from what officials noted about these reports: they may name the person."""
    session.execute(update(Note).where(Note.report_id.in_(report_ids)).values(text=""))
