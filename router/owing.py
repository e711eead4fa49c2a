"""What is owed becomes a row: to whom, on which channel or queue, not before when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, inspect, select, update
from sqlalchemy.orm import Session

from router.held import is_ours, may_wait, note_waiting
from router.house import House
from router.quiet import end_of_night, wait_until
from router.reach import reply_address
from router.replies import fields_of, say
from store.bulk import keep, made
from store.models import Address, Delivery, Message, Report, Subscription
from store.ways import Way

REPLIES = "replies"


def owe_status_reply(session: Session, report: Report, notes: str | None, house: House, now: datetime) -> None:
    """Owe the reporter a message about the status that the report has now; by night it may wait."""
    fields = fields_of(report, house, report.language, notes)
    channel = reply_channel(session, report)
    text = say(house.pack, report.language, f"to_{report.status}", channel, **fields)
    owe(session, report, text, house, now, can_wait=True)


def reply_channel(session: Session, report: Report, *, asked: bool = False) -> str:
    """The channel that a text about a report is made for."""
    address = reply_address(session, report, asked=asked)
    return address.channel if address is not None else report.channel


def owe(
    session: Session,
    report: Report,
    text: str,
    house: House,
    now: datetime,
    *,
    asked: bool = False,
    ask_position: bool = False,
    buttons: Sequence[Sequence[str]] = (),
    can_wait: bool = False,
) -> Delivery | None:
    """Owe the reporter a text on the thread of their report, on the channel it came from or the next one linked.

    Nothing (None) where they asked us to write no more, unless `asked`: they said something since that this
    answers. What `can_wait` is held in the quiet hours; anything else takes along what was held.
    """
    address = reply_address(session, report, asked=asked)
    if address is None:
        return None
    fields = fields_of(report, house, report.language)
    morning = wait_until(report, house.pack, now) if can_wait else None
    if morning is None:
        send_held(session, report, house, now)
    else:
        note_waiting(session, report)
    return owe_to(
        session,
        address,
        address.channel,
        with_mail_end(text, report, house) if address.channel == "email" else text,
        now,
        report=report,
        subject=say(house.pack, report.language, "mail_subject", "email", **fields),
        in_reply_to=_last_reply_ref(session, report, address),
        ask_position=ask_position,
        buttons=buttons,
        not_before=morning,
    )


def send_held(session: Session, report: Report, house: House, now: datetime) -> None:
    """What waits for the morning goes now, ahead of what is about to be said: messages keep their order."""
    if not inspect(report).persistent or end_of_night(house.pack, now) is None:
        return
    if not may_wait(session, report, now):
        return
    held = update(Delivery).where(
        Delivery.report_id == report.id, Delivery.state == "waiting", Delivery.attempts == 0
    )
    session.execute(held.where(Delivery.next_attempt_at > now).values(next_attempt_at=now))


def with_mail_end(text: str, report: Report, house: House) -> str:
    """A mail's text: how to add to it, and the link where the text has none."""
    link = house.link(report.code)
    end = say(house.pack, report.language, "mail_end", "email")
    return f"{text}\n\n{end}" if link in text else f"{text}\n\n{end}\n{link}"


def without_mail_end(text: str, report: Report, house: House) -> str:
    """The same text for another channel."""
    return text.partition("\n\n" + say(house.pack, report.language, "mail_end", "email"))[0]


def owe_to(
    session: Session,
    address: Address,
    channel: str,
    text: str,
    now: datetime,
    *,
    report: Report | None = None,
    subject: str = "",
    in_reply_to: str | None = None,
    ask_position: bool = False,
    buttons: Sequence[Sequence[str]] = (),
    not_before: datetime | None = None,
) -> Delivery:
    """Owe a text to an address, not to be sent before a moment; `buttons` are pairs of what is read and what comes
    back."""
    delivery = _owed(
        channel=channel,
        queue=REPLIES,
        now=now,
        report=report,
        address=address,
        text=text,
        subject=subject,
        in_reply_to=in_reply_to,
        ask_position=ask_position,
        buttons=buttons,
        not_before=not_before,
    )
    keep(session, delivery)
    if address.owed_this_hour is not None:
        address.owed_this_hour += 1
    return delivery


def owe_handover(session: Session, report: Report, now: datetime) -> None:
    """Hand the report to its agency. Our own desk has it with the commit: nothing goes over a wire."""
    queue, agency = f"deliver-{report.agency_id}", report.agency_id
    row = _owed(channel="desk", queue=queue, now=now, report=report, agency_id=agency, state="delivered")
    keep(session, row)


def owe_by_way(session: Session, report: Report | None, way: Way, happened: str, now: datetime) -> Delivery:
    """Owe an agency a word of a report by a way of its own; it is put together when it is sent."""
    row = _owed(
        channel="email" if way.kind == "mail" else way.kind,
        queue=f"deliver-{way.agency_id}",
        now=now,
        report=report,
        agency_id=way.agency_id,
        subject=happened,
    )
    row.way_id = way.id
    keep(session, row)
    return row


def owe_official(session: Session, officer_id: int, happened: str, now: datetime) -> None:
    """Owe an official a mail; it is put together when it is sent."""
    row = _owed(channel="email", queue=REPLIES, now=now, report=None, subject=happened)
    row.officer_id = officer_id
    keep(session, row)


def owe_subscriber(
    session: Session,
    subscription: Subscription,
    now: datetime,
    *,
    text: str,
    subject: str,
    not_before: datetime | None = None,
) -> None:
    """Owe a subscriber a mail, or a message in their chat; to a webhook `text` is the code of a report, whose body
    is made when it is sent."""
    channel = "email" if subscription.kind == "mail" else subscription.kind
    row = _owed(
        channel=channel, queue=REPLIES, now=now, report=None, text=text, subject=subject, not_before=not_before
    )
    row.subscription_id = subscription.id
    keep(session, row)


def owe_group(session: Session, agency_id: str, text: str, key: str, now: datetime) -> None:
    """Hand a group of reports over in one line; `key` names it and finds it again as its `provider_id`."""
    queue = f"deliver-{agency_id}"
    row = _owed(
        channel="desk", queue=queue, now=now, report=None, agency_id=agency_id, text=text, state="delivered"
    )
    row.provider_id = key
    keep(session, row)


def _owed(
    *,
    channel: str,
    queue: str,
    now: datetime,
    report: Report | None,
    address: Address | None = None,
    agency_id: str | None = None,
    text: str = "",
    subject: str = "",
    in_reply_to: str | None = None,
    ask_position: bool = False,
    buttons: Sequence[Sequence[str]] = (),
    state: str = "waiting",
    not_before: datetime | None = None,
) -> Delivery:
    """A delivery with every column set: rows that are alike are written many at once."""
    return made(
        Delivery,
        report=report,
        address=address,
        agency_id=agency_id,
        way_id=None,
        officer_id=None,
        subscription_id=None,
        channel=channel,
        queue=queue,
        in_reply_to=in_reply_to,
        ask_position=ask_position,
        text=text,
        subject=subject,
        buttons=[list(button) for button in buttons],
        state=state,
        attempts=0,
        uncertain=0,
        first_tried_at=None,
        next_attempt_at=not_before or now,
        lease_until=None,
        last_error=None,
        provider_id=None,
        created_at=now,
        updated_at=now,
    )


def may_answer(session: Session, address: Address, house: House, now: datetime) -> bool:
    """Whether this address may get one more automatic answer within the hour (RFC 3834 section 2)."""
    limits = house.pack.settings["answers_per_hour"]
    limit = limits.get(address.channel, limits["other"])
    if address.owed_this_hour is not None:
        return address.owed_this_hour < int(limit)
    query = select(func.count()).where(
        Delivery.address_id == address.id, Delivery.created_at > now - timedelta(hours=1)
    )
    return (session.scalar(query) or 0) < int(limit)


def _last_reply_ref(session: Session, report: Report, address: Address) -> str | None:
    """What was said last on this thread from this address: an answer points there."""
    if address is report.address and is_ours(session, report):
        return report.newest_ref
    query = (
        select(Message.reply_ref)
        .where(Message.report_id == report.id, Message.address_id == address.id)
        .order_by(Message.id.desc())
        .limit(1)
    )
    return session.scalar(query)
