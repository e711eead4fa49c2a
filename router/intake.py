"""From an understood message to a report and everything owed for it, in one transaction."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from channels.links import short_link_in
from normalizer.photo import NO_HEIC
from normalizer.schema import Attachment, Draft, InboundMessage, PhotoFacts
from normalizer.text import own_words
from router.conversation import Decision, decide, says_yes
from router.house import LINK, PHOTOS, House
from router.reading import Look, Understood, understand
from router.replies import fields_of, may_answer, owe_to, say, status_name
from router.reports import BY_CITIZEN, add, ask_for_jpeg, free_codes, open_report, settle, take_place
from router.senders import Sender, key_of, language_of, senders_of
from router.status import change_status
from store.bulk import keep, made
from store.models import Address, Message, Photo, Report
from store.steps import reached

log = logging.getLogger("lapor.intake")


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
    return Heard(message=said.message, draft=said.draft, photos=photos, raw_key=raw_key, received_at=received_at)


def take_messages(house: House, heard: Sequence[Heard]) -> None:
    """Give messages their effects in their order, in one transaction; repeats have none.

    When another server writes one of them, or one of their senders, at the same moment, the unique key says so:
    everything is told again, now one by one.
    """
    reached("work off, parsed")
    try:
        with house.store.write() as session:
            _take(session, heard, house)
    except (IntegrityError, OperationalError) as error:
        if not isinstance(error, IntegrityError) and type(error.orig).__name__ != "DeadlockDetected":
            raise
        if len(heard) == 1:
            with house.store.write() as session:
                _take(session, heard, house)
        else:
            for each in heard:
                take_messages(house, [each])
    reached("work off, committed")
    owes_photos = any(each.short_link or each.photos for each in heard)  # to be fetched or copied
    house.wake(*{each.message.channel for each in heard}, *([PHOTOS] if owes_photos else []))


def _take(session: Session, heard: Sequence[Heard], house: House) -> None:
    seen = _seen(session, heard)
    new = []
    for each in heard:
        if (key := _key(each.message)) not in seen:
            seen.add(key)
            new.append(each)
    codes = free_codes(session, len(new))  # before anything is new: a query would write it, row by row
    senders = senders_of(session, [(each.message, each.draft) for each in new], house)
    for each in new:
        sender = senders[key_of(each.message)]
        decision = decide(session, each.message, each.draft, sender.address, sender.recent, house)
        _carry_out(session, decision, each, sender, codes, house)
    reached("work off, before commit")


def _key(message: InboundMessage) -> tuple[str, str, str]:
    return message.channel, message.account, message.external_id


def _seen(session: Session, heard: Sequence[Heard]) -> set[tuple[str, str, str]]:
    """The keys of those messages that had their effect already."""
    ids = [each.message.external_id for each in heard]
    query = select(Message.channel, Message.account, Message.external_id).where(Message.external_id.in_(ids))
    return {(channel, account, external_id) for channel, account, external_id in session.execute(query)}


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


def _message_row(heard: Heard, address: Address, kind: str, report: Report | None) -> Message:
    message = heard.message
    return made(
        Message,
        address=address,
        report=report,
        channel=message.channel,
        account=message.account,
        external_id=message.external_id,
        kind=kind,
        text=message.text,
        subject=message.subject,
        note=(message.unreadable or "")[:300] or None,
        reply_ref=message.reply_ref,
        raw_key=heard.raw_key,
        sent_at=message.sent_at,
        received_at=heard.received_at,
    )


def _photo_rows(session: Session, heard: Heard, row: Message, house: House) -> None:
    for photo in heard.photos:
        facts, attachment = photo.facts, photo.attachment
        position, state = facts.position if facts else None, state_of_photo(photo)
        photo_row = made(
            Photo,
            message=row,
            report=row.report,
            channel=heard.message.channel,
            ref=attachment.ref,
            name=attachment.name[:200],
            content_type=(facts.content_type if facts else attachment.content_type)[:100],
            state=state,
            note=((facts.note if facts else None) or attachment.note or "")[:300] or None,
            media_key=photo.media_key,
            copy_key=photo.copy_key,
            thumb_key=photo.thumb_key,
            public_key=None,
            public_state="owed" if photo.copy_key else "hidden",
            phash=facts.phash if facts else None,
            direction=facts.direction if facts else None,
            width=facts.width if facts else 0,
            height=facts.height if facts else 0,
            lat=position.lat if position else None,
            long=position.long if position else None,
            taken_at=facts.taken_at if facts else None,
            next_attempt_at=house.now(),
            created_at=house.now(),
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


def _carry_out(
    session: Session, decision: Decision, heard: Heard, sender: Sender, codes: list[str], house: House
) -> None:
    address, report = sender.address, decision.report
    if decision.kind == "report":
        report = _open(session, heard, sender, codes.pop(), house)
    if report is not None:
        report.newest_ref = heard.message.reply_ref
    row = _message_row(heard, address, decision.kind, report if decision.kind != "status" else None)
    keep(session, row)
    _photo_rows(session, heard, row, house)
    if report is not None and decision.kind != "status" and _is_heic_unread(heard):
        ask_for_jpeg(session, report, house)
    if decision.kind == "report" and report is not None:
        settle(session, report, house)
        reached("owe")
    elif decision.kind in {"join", "answer"} and report is not None:
        add(session, report, heard.draft, house)
    elif decision.kind == "follow_up" and report is not None:
        _follow_up(session, report, heard, address, house)
    elif decision.kind == "status" and report is not None:
        _answer(session, address, heard, state_of(report, house, address.channel), house)
    elif decision.kind == "how_to":
        language = address.reporter.language
        _answer(session, address, heard, say(house.pack, language, "how_to", address.channel), house)


def _is_heic_unread(heard: Heard) -> bool:
    return any(photo.facts is not None and photo.facts.note == NO_HEIC for photo in heard.photos)


def _open(session: Session, heard: Heard, sender: Sender, code: str, house: House) -> Report:
    language = language_of(heard.message, heard.draft, house)
    report = open_report(
        session,
        heard.draft,
        sender.address,
        house,
        code=code,
        language=language,
        requested_at=heard.received_at,
    )
    sender.recent.append(report)
    return report


def _follow_up(session: Session, report: Report, heard: Heard, address: Address, house: House) -> None:
    """More about a report that has its agency: shown to the officials, never a second report."""
    words = _own_words(heard, report.code)
    unfinished = report.asked_for or report.acknowledged_at is None
    if report.reporter is address.reporter and unfinished and report.status != "resolved":
        add(session, report, heard.draft, house)
        return
    take_place(report, heard.draft.place, house.pack)
    report.updated_at = house.now()
    if report.reporter is address.reporter and report.status == "resolved":
        status = "closed" if says_yes(words) else "reopened"
        change_status(session, report, status, by=BY_CITIZEN, house=house, notes=words or None)
        return
    if report.status == "needs_info" and report.status_before:
        change_status(
            session, report, report.status_before, by=BY_CITIZEN, house=house, notes=words or None, silent=True
        )
    if says_yes(words) and not heard.photos:
        return  # thanks need no answer
    fields = fields_of(report, house, report.language)
    state = status_name(house.pack, report, report.language)
    text = say(house.pack, report.language, "added", address.channel, **fields, status=state)
    _answer(session, address, heard, text, house, report)


def _own_words(heard: Heard, code: str) -> str:
    """What they say now: without the mail they answer to, and without the report's code."""
    return re.sub(rf"(?i)\b{code}\b", "", own_words(heard.draft.description)).strip(" ,.:;-\n")


def state_of(report: Report, house: House, channel: str) -> str:
    """One line about where a report stands, as everybody may know it."""
    language = report.language
    fields = fields_of(report, house, language)
    area = house.pack.areas.get(report.area_code or "")
    fields["place"] = area.name if area else house.pack.texts[language]["no_place"]  # never a stranger's address
    return say(house.pack, language, "state", channel, **fields, status=status_name(house.pack, report, language))


def _answer(
    session: Session, address: Address, heard: Heard, text: str, house: House, report: Report | None = None
) -> None:
    """Answer the sender, within the limit of automatic answers an hour."""
    now = house.now()
    if not may_answer(session, address, house, now):
        log.info("no answer to address %s: the hour's limit is reached", address.id)
        return
    language = address.reporter.language
    subject = say(house.pack, language, "mail_subject_how_to", "email")
    if report is not None:
        subject = say(house.pack, language, "mail_subject", "email", **fields_of(report, house, language))
    owe_to(
        session,
        address,
        address.channel,
        text,
        now,
        report=report,
        subject=subject,
        in_reply_to=heard.message.reply_ref,
    )
