"""From an understood message to a report and everything owed for it, in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from channels.links import short_link_in
from normalizer.photo import NO_HEIC
from normalizer.schema import Attachment, Draft, InboundMessage, PhotoFacts
from router.completing import ask_for_photo
from router.context import context_of
from router.conversation import decide
from router.effects import take_effect
from router.forgotten import forgotten_id
from router.held import lock_all
from router.house import LINK, PHOTOS, House
from router.joins import look_for_joins
from router.linking import maker_of
from router.reading import Look, Understood, understand
from router.reports import BY_CITIZEN, free_codes, heed_flood, open_report
from router.said import Said
from router.senders import Sender, key_of, language_of, senders_of
from router.status import OPEN
from router.turn import Turn
from router.ways import tell_agency
from store.bulk import keep, made
from store.database import was_in_the_way
from store.models import Message, Photo, Report
from store.near import lead_of
from store.steps import reached

EDITED = {"telegram"}  # channels where a message may be edited


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptPhoto:
    """An attachment on its way into the database: its bytes are in media already, or still owed."""

    attachment: Attachment
    facts: PhotoFacts | None = None
    media_key: str | None = None
    copy_key: str | None = None
    thumb_key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A message with all that was worked out before the transaction began."""

    message: InboundMessage
    draft: Draft
    said: Said
    photos: Sequence[KeptPhoto]
    raw_key: str
    received_at: datetime

    @property
    def short_link(self) -> str | None:
        """A map's short link, where nothing better says the point."""
        place = self.draft.place
        has_point = place is not None and place.source in {"pin", "photo"} and place.area_code is not None
        return None if has_point else short_link_in(self.message.text)


def take_message(house: House, message: InboundMessage, raw_key: str, received_at: datetime) -> None:
    """Give one message its effect, once: a second run meets its key and does nothing."""
    said = understand(message, house.pack, house.learned.model)
    take_messages(house, [keep_parts(house, said, raw_key, received_at)])


def keep_parts(house: House, said: Understood, raw_key: str, received_at: datetime) -> Heard:
    """Put what came along with a message into media; what must be fetched stays owed."""
    photos = [
        keep_photo(house, attachment, look)
        for attachment, look in zip(said.message.attachments, said.looks, strict=True)
    ]
    return Heard(
        message=said.message,
        draft=said.draft,
        said=said.said,
        photos=photos,
        raw_key=raw_key,
        received_at=received_at,
    )


def take_messages(house: House, heard: Sequence[Heard]) -> None:
    """Give messages their effects in their order, in one transaction; repeats have none.

    A command that moves or takes back rows of others' turns has a transaction of its own.
    When another server writes one of them, or one of their senders, at the same moment, the unique key says so:
    everything is told again, now one by one.
    """
    reached("work off, parsed")
    for together in _parted(heard):
        _take_together(house, together)
    reached("work off, committed")
    owes_photos = any(each.short_link or each.photos for each in heard)  # to be fetched or copied
    house.wake(*{each.message.channel for each in heard}, *([PHOTOS] if owes_photos else []))


ALONE = {"link", "unlink", "forget", "copy", "stop", "follow", "unfollow"}


def _parted(heard: Sequence[Heard]) -> Iterator[Sequence[Heard]]:
    """The messages in their order, those of ALONE one by one."""
    first = 0
    for number, each in enumerate(heard):
        if each.said.command is not None and each.said.command.name in ALONE:
            yield from (part for part in (heard[first:number], [each]) if part)
            first = number + 1
    if first < len(heard):
        yield heard[first:]


def _take_together(house: House, heard: Sequence[Heard]) -> None:
    try:
        with house.store.write() as session:
            take_in(session, heard, house)
    except DBAPIError as error:
        if not was_in_the_way(error):
            raise
        if len(heard) == 1:
            with house.store.write() as session:
                take_in(session, heard, house)
        else:
            for each in heard:
                _take_together(house, [each])


def take_in(session: Session, heard: Sequence[Heard], house: House) -> None:
    """Give messages their effects in this transaction; repeats have none."""
    seen = _seen(session, heard, house)
    new = []
    for each in heard:
        if (key := _key(each.message)) not in seen:
            seen.add(key)
            new.append(each)
    codes = free_codes(session, len(new))  # before anything is new: a query would write it, row by row
    said = [(each.message, each.draft) for each in new]
    senders = senders_of(session, said, house, beside=_linked_to(session, new, house))
    edited = _edited_before(session, new)
    _hold_open(session, senders.values())
    for each in new:
        superseded = (each.message.channel, each.message.external_id) in edited
        _turn(session, each, senders[key_of(each.message)], codes, superseded, house)
    reached("work off, before commit")


def _hold_open(session: Session, senders: Iterable[Sender]) -> None:
    """Hold what the senders may speak of in one go, instead of each as it is spoken of. What is joined to another
    report is not open: such a row is held behind that one's, never before."""
    lock_all(session, (report for sender in senders for report in sender.recent if report.status in OPEN))


def _linked_to(session: Session, heard: Sequence[Heard], house: House) -> int | None:
    """The id of whose code a message brings: their row is held in one go with the sender's."""
    command = heard[0].said.command if len(heard) == 1 else None
    if command is None or command.name != "link":
        return None
    maker = maker_of(session, command.argument, house)
    return maker.id if maker is not None else None


def _key(message: InboundMessage) -> tuple[str, str, str]:
    return message.channel, message.account, message.external_id


def _seen(session: Session, heard: Sequence[Heard], house: House) -> set[tuple[str, str, str]]:
    """The keys of those messages that had their effect already."""
    ids = {each.message.external_id: each.message.external_id for each in heard}
    # where a key names a chat it is another one when its person was forgotten
    ids |= {forgotten_id(house, each): each for each in _chat_keys(heard)}
    query = select(Message.channel, Message.account, Message.external_id).where(
        Message.channel.in_({each.message.channel for each in heard}),  # the unique key's order: or all are read
        Message.account.in_({each.message.account for each in heard}),
        Message.external_id.in_(ids),
    )
    return {(channel, account, ids[external_id]) for channel, account, external_id in session.execute(query)}


def _chat_keys(heard: Sequence[Heard]) -> list[str]:
    return [each.message.external_id for each in heard if each.message.channel == "telegram"]


def _edited_before(session: Session, heard: Sequence[Heard]) -> set[tuple[str, str]]:
    """Those whose edit came first: nothing in them is news."""
    ids = [each.message.external_id for each in heard if each.message.channel in EDITED]
    if not ids:
        return set()
    query = select(Message.channel, Message.edit_of).where(Message.edit_of.in_(ids))
    return {(channel, str(edit_of)) for channel, edit_of in session.execute(query)}


def keep_photo(house: House, attachment: Attachment, look: Look | None) -> KeptPhoto:
    """Put a photo and its copy into media; one that nobody looked at must still be fetched."""
    if attachment.content is None or look is None:
        return KeptPhoto(attachment=attachment)
    media, copies = house.store.media, look.copies
    return KeptPhoto(
        attachment=attachment,
        facts=look.facts,
        media_key=media.put(attachment.content),
        copy_key=media.put(copies.copy) if copies else None,
        thumb_key=media.put(copies.thumb) if copies else None,
    )


def state_of_photo(photo: KeptPhoto) -> str:
    """`owed`, `kept` (people can be shown it), `unreadable` (kept, a file to be downloaded) or `lost`."""
    if photo.facts is None:
        return "owed" if photo.attachment.ref is not None else "lost"
    return "kept" if photo.facts.readable and photo.copy_key else "unreadable"


# --- rows -------------------------------------------------------------------------------------------------


def message_values(heard: Heard, kind: str) -> dict[str, Any]:
    """What a Message's row says of a message; whose it is and of which report is the caller's."""
    message = heard.message
    return {
        "channel": message.channel,
        "account": message.account,
        "external_id": message.external_id,
        "kind": kind,
        "text": message.text,
        "subject": message.subject,
        "note": (message.unreadable or "")[:300] or None,
        "reply_ref": message.reply_ref,
        "edit_of": message.edit_of,
        "raw_key": heard.raw_key,
        "sent_at": message.sent_at,
        "received_at": heard.received_at,
    }


def photo_values(photo: KeptPhoto, now: datetime) -> dict[str, Any]:
    """What a Photo's row says of a picture; how it came and who may see it is the caller's."""
    facts, attachment = photo.facts, photo.attachment
    position = facts.position if facts else None
    return {
        "name": attachment.name[:200],
        "content_type": (facts.content_type if facts else attachment.content_type)[:100],
        "state": state_of_photo(photo),
        "note": ((facts.note if facts else None) or attachment.note or "")[:300] or None,
        "media_key": photo.media_key,
        "copy_key": photo.copy_key,
        "thumb_key": photo.thumb_key,
        "phash": facts.phash if facts else None,
        "direction": facts.direction if facts else None,
        "width": facts.width if facts else 0,
        "height": facts.height if facts else 0,
        "lat": position.lat if position else None,
        "long": position.long if position else None,
        "taken_at": facts.taken_at if facts else None,
        "software": facts.software if facts else None,
        "created_at": now,
    }


def _photo_rows(session: Session, heard: Heard, row: Message, house: House) -> None:
    now = house.now()
    for photo in heard.photos:
        photo_row = made(
            Photo,
            message=row,
            report=row.report,
            channel=heard.message.channel,
            ref=photo.attachment.ref,
            public_key=None,
            public_state="owed" if photo.copy_key else "hidden",
            is_after=False,
            next_attempt_at=now,
            **photo_values(photo, now),
        )
        keep(session, photo_row)
    if heard.short_link and row.report is not None:
        keep(session, _link_row(heard.short_link, row, house))


def _link_row(address: str, row: Message, house: House) -> Photo:
    """A short link of a map that must still be followed: owed like a photo, shown to nobody, gone when done."""
    return made(
        Photo,
        message=row,
        report=None,
        channel=LINK,
        ref=address,
        name="",
        content_type="text/uri-list",
        state="owed",
        note=None,
        media_key=None,
        copy_key=None,
        width=0,
        height=0,
        lat=None,
        long=None,
        taken_at=None,
        next_attempt_at=house.now(),
        created_at=house.now(),
    )


# --- effects ----------------------------------------------------------------------------------------------


def _turn(
    session: Session, heard: Heard, sender: Sender, codes: list[str], superseded: bool, house: House
) -> None:
    """Decide what a message is, write its row, and give it its effect."""
    message, draft = heard.message, heard.draft
    found = context_of(session, message, draft, sender, house, superseded=superseded)
    decision = decide(message, draft, heard.said, found.context)
    turn = Turn(
        session=session,
        house=house,
        sender=sender,
        message=message,
        draft=draft,
        said=heard.said,
        decision=decision,
        reports=found.reports,
        codes=codes,
        report=found.reports.get(decision.code or ""),
    )
    if decision.kind == "report":
        turn.report = _open(session, heard, sender, codes.pop(), decision.code, house)
    if turn.report is not None:
        if turn.report.address is sender.address:
            turn.report.newest_ref = message.reply_ref
        for each in {turn.report, lead_of(turn.report)} if decision.kind in NEWS else ():
            each.unread = True
            tell_agency(session, each, BY_CITIZEN, house)
    belongs = None if decision.kind in UNATTACHED else turn.report
    said = message_values(heard, decision.kind)
    turn.row = made(Message, address=sender.address, report=belongs, **said)
    keep(session, turn.row)
    _photo_rows(session, heard, turn.row, house)
    if turn.report is not None and belongs is not None and _is_heic_unread(heard):
        ask_for_photo(session, turn.report, "send_jpeg", house)
    take_effect(turn)
    if turn.row.report is not None and any(photo.media_key for photo in heard.photos):
        look_for_joins(turn.row.report, house)
    if turn.report is not None and turn.is_theirs:
        turn.report.said_at = house.now()


def _is_heic_unread(heard: Heard) -> bool:
    return any(photo.facts is not None and photo.facts.note == NO_HEIC for photo in heard.photos)


NEWS = {"follow_up", "note", "answer", "deny", "reopen", "confirm", "rate"}  # the officials should look at these
UNATTACHED = {"too", "status", "ask_which", "ask_reopen", "unknown_code"}


def _open(
    session: Session, heard: Heard, sender: Sender, code: str, linked_to: str | None, house: House
) -> Report:
    language = language_of(heard.message, heard.draft, house)
    report = open_report(
        session,
        heard.draft,
        sender.address,
        house,
        code=code,
        language=language,
        requested_at=heard.received_at,
        linked_to=linked_to,
    )
    heed_flood(session, report, sender.recent, house)
    sender.recent.append(report)
    return report
