"""One message's turn: what was said, what it was taken for, and the rows that its effect may touch."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.schema import Draft, InboundMessage
from router.codes import code_of_thread
from router.house import House
from router.known import Decision
from router.owing import may_answer, owe_to, send_held
from router.reach import NOBODY, PUBLIC, reply_address
from router.replies import fields_of, say
from router.said import Said
from router.senders import Sender
from store.bulk import write_new
from store.models import Address, Delivery, Message, Report

log = logging.getLogger("lapor.intake")


@dataclass(kw_only=True, slots=True)
class Turn:
    """`report` is the one that the decision names, `reports` are all that it may name, by code; `row` is the
    message's own row; `codes` are free codes for new reports."""

    session: Session
    house: House
    sender: Sender
    message: InboundMessage
    draft: Draft
    said: Said
    decision: Decision
    reports: dict[str, Report]
    codes: list[str]
    report: Report | None = None
    row: Message | None = None

    @property
    def address(self) -> Address:
        return self.sender.address

    @property
    def is_theirs(self) -> bool:
        """Whether the sender is a reporter of the report."""
        return self.report is not None and self.report.reporter is self.address.reporter


Effect = Callable[[Turn], None]


def settle_rows(turn: Turn) -> None:
    """Write the turn's rows now, and go on with an address that the session knows: for what moves or removes rows.

    Only where the turn is alone in its transaction (router/intake.py: ALONE): others may hold rows as they were.
    """
    write_new(turn.session)
    turn.session.flush()
    turn.sender.address = turn.session.get_one(Address, turn.address.id)


def owner_by_link(turn: Turn) -> Report | None:
    """The report on whose own page this was written, where its reporter is known elsewhere than on the web.

    Whoever has the link may ask; the answer goes to where the report came from (tell_there).
    """
    thread = turn.message.thread if turn.message.channel == "web" else None
    code = code_of_thread(turn.house.keys.derive("thread"), thread) if thread else None
    report = turn.reports.get(code or "")
    if report is None or report.reporter_id == turn.address.reporter_id:
        return None
    return None if report.address.channel in {NOBODY[0], *PUBLIC} else report


def tell_there(turn: Turn, report: Report, key: str, **fields: str) -> None:
    """Tell a report's reporter on their own channel, and whoever asked by their link that it was sent there."""
    session, house, language = turn.session, turn.house, report.reporter.language
    address = reply_address(session, report, asked=True)
    if address is not None and address.channel not in PUBLIC and may_answer(session, address, house, house.now()):
        text = say(house.pack, language, key, address.channel, **fields)
        subject = say(house.pack, language, "mail_subject_how_to", "email")
        owe_to(session, address, address.channel, text, house.now(), subject=subject)
        house.wake(address.channel)
    answer(turn, "told_there")


def answer(turn: Turn, key: str, *, report: Report | None = None, **fields: str) -> None:
    """Answer the sender with one of the pack's texts, within the limit of automatic answers an hour."""
    language = report.language if report is not None else turn.address.reporter.language
    answer_with(turn, say(turn.house.pack, language, key, turn.address.channel, **fields), report=report)


def answer_with(
    turn: Turn, text: str, *, report: Report | None = None, buttons: Sequence[Sequence[str]] = ()
) -> None:
    """Answer the sender in these words; `buttons` are pairs of what is read and what comes back."""
    house, address, now = turn.house, turn.address, turn.house.now()
    if not may_answer(turn.session, address, house, now):
        log.info("no answer to address %s: the hour's limit is reached", address.id)
        return
    language = report.language if report is not None else address.reporter.language
    subject = say(house.pack, language, "mail_subject_how_to", "email")
    if report is not None:
        subject = say(house.pack, language, "mail_subject", "email", **fields_of(report, house, language))
        send_held(turn.session, report, house, now)
    owe_to(
        turn.session,
        address,
        address.channel,
        text,
        now,
        report=report,
        subject=subject,
        in_reply_to=turn.message.reply_ref,
        buttons=buttons,
    )


def was_just_said(turn: Turn, key: str, *, report: Report | None = None, **fields: str) -> bool:
    """Whether the same was the last that they heard, moments ago: "halo", "mau lapor" is one beginning."""
    house, address = turn.house, turn.address
    language = report.language if report is not None else address.reporter.language
    since = house.now() - timedelta(seconds=house.settings.join_seconds)
    query = select(Delivery.text).where(Delivery.address_id == address.id, Delivery.created_at > since)
    last = turn.session.scalar(query.order_by(Delivery.id.desc()).limit(1))
    return last == say(house.pack, language, key, address.channel, **fields)
