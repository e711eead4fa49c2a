"""From an understood message to a report and everything owed for it, in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.normalize import normalize
from normalizer.photo import make_copy, read_photo
from normalizer.schema import Attachment, Draft, InboundMessage, PhotoFacts
from router.conversation import Decision, decide, says_yes
from router.house import House
from router.replies import fields_of, may_answer, owe_to, say, status_name
from router.reports import BY_CITIZEN, add, open_report, settle, take_place
from router.status import change_status
from store.models import Address, Message, Photo, Report, Reporter
from store.work import insert_once

log = logging.getLogger("lapor.intake")

COPY_SIDE = 1600  # pixels: the working copy of a photo


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptPhoto:
    """An attachment on its way into the database: its bytes are in media already, or still owed."""

    attachment: Attachment
    facts: PhotoFacts | None = None
    media_key: str | None = None
    copy_key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A message with all that was worked out before the transaction began."""

    message: InboundMessage
    draft: Draft
    photos: Sequence[KeptPhoto]
    raw_key: str
    received_at: datetime


def take_message(house: House, message: InboundMessage, raw_key: str, received_at: datetime) -> None:
    """Give a message its effect, once: a second run meets its key and does nothing."""
    photos = [keep_photo(house, attachment) for attachment in message.attachments]
    draft = normalize(
        message.text,
        subject=message.subject,
        pin=message.position,
        photos=[photo.facts for photo in photos if photo.facts is not None],
        language=message.language,
        pack=house.pack,
    )
    heard = Heard(message=message, draft=draft, photos=photos, raw_key=raw_key, received_at=received_at)
    with house.store.write() as session:
        address = _address(session, heard, house)
        row = _message_row(session, heard, address)
        if row is None:
            return
        session.scalars(select(Reporter).where(Reporter.id == address.reporter_id).with_for_update()).one()
        decision = decide(session, message, draft, address, house)
        row.kind = decision.kind
        _carry_out(session, decision, heard, row, address, house)
    house.wake()


def keep_photo(house: House, attachment: Attachment) -> KeptPhoto:
    """Put what came along into media; what must be fetched stays owed."""
    if attachment.content is None:
        return KeptPhoto(attachment=attachment)
    facts = read_photo(attachment.content, attachment.content_type)
    return KeptPhoto(
        attachment=attachment,
        facts=facts,
        media_key=house.store.media.put(attachment.content),
        copy_key=_copy(house, attachment.content, facts),
    )


def _copy(house: House, content: bytes, facts: PhotoFacts) -> str | None:
    if not facts.readable:
        return None
    try:
        return house.store.media.put(make_copy(content, COPY_SIDE))
    except ValueError:  # readable by its head, broken further in
        return None


# --- rows -------------------------------------------------------------------------------------------------


def _address(session: Session, heard: Heard, house: House) -> Address:
    """The sender's address, found or made; two servers that make it at once meet in one row."""
    message, sealer = heard.message, house.store.sealer
    lookups = sealer.lookups(message.channel, message.sender)
    query = select(Address).where(Address.channel == message.channel, Address.lookup.in_(lookups))
    address = session.scalars(query).first()
    if address is None:
        reporter = Reporter(language=_language(heard, house), created_at=house.now())
        session.add(reporter)
        session.flush()
        made = insert_once(
            session,
            Address,
            reporter_id=reporter.id,
            channel=message.channel,
            lookup=lookups[0],
            sealed=sealer.seal(message.sender),
            account=message.account,
            created_at=house.now(),
        )
        if made is None:
            session.delete(reporter)
        address = session.scalars(query).one()
    address.account = message.account
    return address


def _language(heard: Heard, house: House) -> str:
    for language in (heard.draft.language, heard.message.language):
        if language in house.pack.languages:
            return str(language)
    return house.pack.languages[0]


def _message_row(session: Session, heard: Heard, address: Address) -> Message | None:
    """The message's row, or None when it stands there already."""
    message = heard.message
    made = insert_once(
        session,
        Message,
        channel=message.channel,
        account=message.account,
        external_id=message.external_id,
        kind="new",
        address_id=address.id,
        text=message.text,
        subject=message.subject,
        note=(message.unreadable or None) and str(message.unreadable)[:300],
        reply_ref=message.reply_ref,
        raw_key=heard.raw_key,
        sent_at=message.sent_at,
        received_at=heard.received_at,
    )
    return None if made is None else session.get_one(Message, made)


def _photo_rows(session: Session, heard: Heard, row: Message, house: House) -> None:
    for photo in heard.photos:
        facts, attachment = photo.facts, photo.attachment
        position = facts.position if facts else None
        state = "owed" if facts is None else ("kept" if facts.readable and photo.copy_key else "unreadable")
        if facts is None and attachment.ref is None:
            state = "lost"
        session.add(
            Photo(
                message_id=row.id,
                report_id=row.report_id,
                channel=heard.message.channel,
                ref=attachment.ref,
                name=attachment.name[:200],
                content_type=(facts.content_type if facts else attachment.content_type)[:100],
                state=state,
                note=((facts.note if facts else None) or attachment.note or "")[:300] or None,
                media_key=photo.media_key,
                copy_key=photo.copy_key,
                width=facts.width if facts else 0,
                height=facts.height if facts else 0,
                lat=position.lat if position else None,
                long=position.long if position else None,
                taken_at=facts.taken_at if facts else None,
                next_attempt_at=house.now(),
                created_at=house.now(),
            )
        )


# --- effects ----------------------------------------------------------------------------------------------


def _carry_out(
    session: Session, decision: Decision, heard: Heard, row: Message, address: Address, house: House
) -> None:
    report = decision.report
    if decision.kind == "report":
        report = open_report(
            session,
            heard.draft,
            address,
            house,
            language=_language(heard, house),
            requested_at=heard.received_at,
        )
    if report is not None and decision.kind != "status":
        row.report_id = report.id
    session.flush()
    _photo_rows(session, heard, row, house)
    if decision.kind == "report" and report is not None:
        settle(session, report, house)
    elif decision.kind in {"join", "answer"} and report is not None:
        add(session, report, heard.draft, house)
    elif decision.kind == "follow_up" and report is not None:
        _follow_up(session, report, heard, address, house)
    elif decision.kind == "status" and report is not None:
        _answer(session, address, heard, state_of(report, house, address.channel), house)
    elif decision.kind == "how_to":
        language = session.get_one(Reporter, address.reporter_id).language
        _answer(session, address, heard, say(house.pack, language, "how_to", address.channel), house)


def _follow_up(session: Session, report: Report, heard: Heard, address: Address, house: House) -> None:
    """More about a report that has its agency: shown to the officials, never a second report."""
    if report.reporter_id == address.reporter_id and (report.asked_for or report.acknowledged_at is None):
        add(session, report, heard.draft, house)
        return
    take_place(report, heard.draft.place, house.pack)
    report.updated_at = house.now()
    words = heard.draft.description.strip()
    if report.reporter_id == address.reporter_id and report.status == "resolved":
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
    language = session.get_one(Reporter, address.reporter_id).language
    subject = say(house.pack, language, "mail_subject_how_to", "email")
    if report is not None:
        subject = say(house.pack, language, "mail_subject", "email", **fields_of(report, house, language))
    owe_to(
        session,
        address.id,
        address.channel,
        text,
        now,
        report_id=report.id if report else None,
        subject=subject,
        in_reply_to=heard.message.reply_ref,
    )
