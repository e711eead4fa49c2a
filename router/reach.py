"""Where a person is reached: on the channel of their report, else on another one that they linked."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from normalizer.schema import InboundMessage
from store.models import Address, Message, Report

NOBODY = ("none", "forgotten")  # channel and lookup of the one address that forgotten people's reports share
PUBLIC = {"x"}  # everybody reads what is answered there: nothing is sent on from another channel


def is_public(message: InboundMessage) -> bool:
    """Whether others read along: a post on X."""
    return message.channel in PUBLIC


def is_group(message: InboundMessage) -> bool:
    """Whether it was said in a group on Telegram, whose chats have negative numbers."""
    return message.channel == "telegram" and message.sender.startswith("-")


def reply_address(session: Session, report: Report, *, asked: bool = False) -> Address | None:
    """The address that hears of a report: its own, or where that is out of reach or stopped, another linked one.

    With `asked` the text answers what they said after they had stopped us: it goes to them all the same. None
    where they stopped us everywhere. Where nobody is reached on any address the report's own is tried.
    """
    own = report.address
    if own.stopped_at is None and own.unreachable is None:
        return own
    is_wished = own.stopped_at is None or (asked and (report.said_at or report.requested_at) >= own.stopped_at)
    if is_wished and own.unreachable is None:
        return own
    return next_address(session, own) or (own if is_wished else None)


def next_address(session: Session, address: Address) -> Address | None:
    """Another address of the same person that may be written to: the one that spoke last."""
    spoke_last = select(func.max(Message.id)).where(Message.address_id == Address.id).scalar_subquery()
    query = select(Address).where(
        Address.reporter_id == address.reporter_id,
        Address.id != address.id,
        Address.channel.not_in(PUBLIC),
        Address.stopped_at.is_(None),
        Address.unreachable.is_(None),
        Address.forget_at.is_(None),
    )
    return session.scalars(query.order_by(func.coalesce(spoke_last, 0).desc()).limit(1)).first()
