"""When an address takes nothing more, or is to be left alone: what it was owed goes to the next linked one."""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from router.house import House
from router.owing import owe_to, with_mail_end, without_mail_end
from router.reach import next_address
from store.models import Address, Delivery

log = logging.getLogger("lapor.outbox")

WITHDRAWN = "withdrawn: they asked us to write no more"


def note_unreachable(session: Session, row: Delivery, reason: str, house: House) -> None:
    """The address of this failed delivery takes nothing any more: the same text goes to the next one, once."""
    if row.address is None:
        return
    row.address.unreachable = row.address.unreachable or reason[:200]
    log.info("address %s is out of reach", row.address_id)
    owe_elsewhere(session, row, house)


def withdraw_owed(session: Session, address: Address, house: House) -> None:
    """Take back what this address is owed and was not sent; other linked addresses get it instead."""
    query = select(Delivery).where(Delivery.address_id == address.id, Delivery.state.in_(("waiting", "unknown")))
    for row in session.scalars(query.order_by(Delivery.id).with_for_update()):
        withdraw(session, row, house)


def withdraw(session: Session, row: Delivery, house: House) -> None:
    row.state, row.last_error, row.updated_at = "withdrawn", WITHDRAWN, house.now()
    row.lease_until = None
    owe_elsewhere(session, row, house)


def is_unwanted(row: Delivery) -> bool:
    """Whether they asked us to write no more after this was owed."""
    stopped_at = row.address.stopped_at if row.address is not None else None
    return stopped_at is not None and row.created_at < stopped_at


def owe_elsewhere(session: Session, row: Delivery, house: House) -> None:
    """Owe the text about a report anew, to the next linked address; without one, or a report, to nobody."""
    if row.report is None or row.address is None or (found := next_address(session, row.address)) is None:
        return
    text = without_mail_end(row.text, row.report, house)
    owe_to(
        session,
        found,
        found.channel,
        with_mail_end(text, row.report, house) if found.channel == "email" else text,
        house.now(),
        report=row.report,
        subject=row.subject,
        buttons=row.buttons,
    )
