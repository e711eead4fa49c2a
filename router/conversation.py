"""What is this message: a new report, a part of one, an answer, a question about one, or nothing to act on?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from normalizer.schema import Draft, InboundMessage
from router.codes import code_of_thread, codes_in
from router.house import House
from router.status import OPEN
from store.models import Address, Delivery, Message, Report

Kind: TypeAlias = Literal["report", "join", "answer", "follow_up", "status", "how_to", "auto"]

_ASKS_STATUS = re.compile(r"(?i)^(?:status|cek|check|laporan|report|kode|code|progres|\W)*$")
_YES = re.compile(
    r"(?i)^\W*(?:\U0001f44d\W*|(?:ya+|iya+|yes|ok(?:e|ay)?|sip|s?udah|beres|selesai|bagus|baik|nyala|di\w+i"
    r"|fixed|done|terima|kasih|makasih|thanks?|thank|you|tq|it|is|now|min|pak|bu|banyak|lagi|semua|kok)(?:\W+|$))+$"
)
_NO = re.compile(r"(?i)^\W*(?:belum|blm|tidak|nggak|ngga|gak|ga|no|not|masih|still)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do with a message, and with which report."""

    kind: Kind
    report: Report | None = None


def decide(
    session: Session,
    message: InboundMessage,
    draft: Draft,
    address: Address,
    recent: Sequence[Report],
    house: House,
) -> Decision:
    """Find what this message is and which report it belongs to; changes nothing.

    `recent` are this address's open reports of the last 30 days, the oldest first.
    """
    if message.auto is not None:
        return Decision(kind="auto")
    if report := _named_by_thread(session, message, address, house):
        return Decision(kind="follow_up", report=report)
    if decision := _named_by_code(session, message, address):
        return decision
    if is_empty(message):
        return Decision(kind="how_to")
    open_ones = [report for report in reversed(recent) if report.status in OPEN]
    if report := _asked_by_officials(open_ones, message, draft, house.now()):
        return Decision(kind="follow_up", report=report)
    waiting = next((each for each in open_ones if each.quiet_until or each.asked_for), None)
    if waiting is not None and _completes(waiting, draft, message):
        return Decision(kind="join" if waiting.asked_for is None else "answer", report=waiting)
    since = house.now() - timedelta(seconds=house.settings.join_seconds)
    last = next((each for each in open_ones if each.updated_at >= since), None)
    if last is not None and _is_addition(message, draft):
        return Decision(kind="join", report=last)
    if not draft.is_report and not message.attachments and message.position is None:
        return Decision(kind="how_to")
    return Decision(kind="report")


def is_empty(message: InboundMessage) -> bool:
    has_words = bool(message.text.strip() or message.subject.strip())
    return not has_words and not message.attachments and message.position is None


def says_yes(text: str) -> bool:
    """Whether an answer to `resolved` confirms it, in as few words as people use."""
    return bool(_YES.match(text.strip()))


def says_no(text: str) -> bool:
    """Whether an answer to `resolved` denies it."""
    return bool(_NO.match(text.strip()))


def _named_by_thread(session: Session, message: InboundMessage, address: Address, house: House) -> Report | None:
    """The report whose thread this answers: its token, our message's id, or their own earlier one's."""
    if message.thread and (code := code_of_thread(house.keys.derive("thread"), message.thread)):
        return session.scalar(select(Report).where(Report.code == code))
    refs = [*message.in_reply_to, *([message.edit_of] if message.edit_of else [])]
    if not refs:
        return None
    return _by_our_message(session, refs, address) or _by_their_message(session, refs, address)


def _by_our_message(session: Session, refs: Sequence[str], address: Address) -> Report | None:
    query = (
        select(Delivery.provider_id, Report)
        .join(Report, Delivery.report_id == Report.id)
        .where(
            Delivery.channel == address.channel,
            Delivery.provider_id.in_(refs),
            Report.reporter_id == address.reporter_id,
        )
    )
    return _nearest(session, query, refs)


def _nearest(session: Session, query: Select[str | None, Report], refs: Sequence[str]) -> Report | None:
    """The report of the nearest reference: `refs` are in that order, the rows are not."""
    found = dict(session.execute(query.order_by(Report.id.desc())).all())
    return next((found[ref] for ref in refs if ref in found), None)


def _by_their_message(session: Session, refs: Sequence[str], address: Address) -> Report | None:
    query = (
        select(Report)
        .join(Message, Message.report_id == Report.id)
        .where(
            Message.channel == address.channel,
            or_(Message.reply_ref.in_(refs), Message.external_id.in_(refs)),
            Report.reporter_id == address.reporter_id,
        )
    )
    return session.scalars(query.limit(1)).first()


def _named_by_code(session: Session, message: InboundMessage, address: Address) -> Decision | None:
    """A code in the text: alone it asks for the status; with words by its reporter it is a follow-up."""
    words = f"{message.subject} {message.text}"
    for code in codes_in(words)[:5]:
        with session.no_autoflush:  # a code that this very batch makes is nobody's to write yet
            report = session.scalar(select(Report).where(Report.code == code))
        if report is None:
            continue
        rest = re.sub(code, "", message.text, flags=re.IGNORECASE)
        is_theirs = report.reporter_id == address.reporter_id
        has_more = bool(message.attachments) or message.position is not None or not _ASKS_STATUS.match(rest)
        return Decision(kind="follow_up" if is_theirs and has_more else "status", report=report)
    return None


def _asked_by_officials(
    open_ones: Sequence[Report], message: InboundMessage, draft: Draft, now: datetime
) -> Report | None:
    """Their newest report that waits for their word, when this is one: most phones show no "reply" to a text.

    A problem with a place of its own is a report of its own; to `resolved` only a yes or a no counts.
    """
    asked = [each for each in open_ones if each.status in {"needs_info", "resolved"} and not each.asked_for]
    report = max(asked, key=lambda each: each.updated_at, default=None)
    if report is None or (said_service(draft) is not None and draft.place is not None):
        return None
    if report.status == "resolved" and not (says_yes(message.text) or says_no(message.text)):
        return None
    return report if report.updated_at > now - timedelta(days=14) else None


def _completes(report: Report, draft: Draft, message: InboundMessage) -> bool:
    """Whether this message goes on with that report rather than beginning another one.

    A message that says a problem and a place of its own is a report of its own; so is one that names another
    problem than the report has. Everything else belongs to what is unfinished.
    """
    said = said_service(draft)
    if said is not None and draft.place is not None:
        return report.service_code in {None, said} and _lacks_place(report)
    return said is None or report.service_code in {None, said}


def said_service(draft: Draft) -> str | None:
    """The problem that a message names, if it is a report at all."""
    return draft.service.service_code if draft.is_report and draft.service is not None else None


def _lacks_place(report: Report) -> bool:
    return not report.sources.get("place", {}).get("enough", False)


def _is_addition(message: InboundMessage, draft: Draft) -> bool:
    """A photo or a pin without a problem of its own."""
    return said_service(draft) is None and (bool(message.attachments) or message.position is not None)
