"""What providers tell about what we sent: a delivery only moves forward, in whatever order its receipts come."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from normalizer.schema import PermanentFailure, Receipt
from router.elsewhere import note_unreachable
from router.house import House
from router.public_hooks import note_subscriber
from router.ways import note_outcome
from store.models import AgencyWay, Delivery, EarlyReceipt
from store.ways import Try, note_try

ORDER = {"waiting": 0, "sending": 0, "unknown": 0, "withdrawn": 0, "sent": 1, "failed": 2, "delivered": 3}
UNREACHABLE = "unreachable"  # an early receipt's state: failed, and so will everything else to that address
KEPT = timedelta(days=1)


def take_receipt(house: House, receipt: Receipt) -> None:
    """Move the delivery that a receipt tells of; one that nobody knows yet is kept for when its id is written.

    It is looked for once more after that: the id may have been written in between.
    """
    is_failed = receipt.state in {"failed", "bounced"}
    state = UNREACHABLE if receipt.of_address else "failed" if is_failed else receipt.state
    if _move(house, receipt, state):
        return
    with house.store.write() as session:
        early = EarlyReceipt(channel=receipt.channel, provider_id=receipt.provider_id, state=state)
        early.reason, early.at = receipt.reason[:300], house.now()
        session.add(early)
    _move(house, receipt, state)


def _move(house: House, receipt: Receipt, state: str) -> bool:
    with house.store.write() as session:
        query = select(Delivery).where(
            Delivery.channel == receipt.channel, Delivery.provider_id == receipt.provider_id
        )
        found = list(session.scalars(query.with_for_update()))
        for delivery in found:
            move_on(session, delivery, state, receipt.reason, house)
        return bool(found)


def move_on(session: Session, delivery: Delivery, state: str, reason: str, house: House) -> None:
    """Write a receipt's state down where it is news; an address out of reach has its text owed to the next one."""
    moved = "failed" if state == UNREACHABLE else state
    if ORDER[moved] <= ORDER[delivery.state]:
        return
    delivery.state = moved
    delivery.last_error = reason[:300] or None
    delivery.updated_at = house.now()
    if moved == "failed" and delivery.way_id is not None:  # a mail to an agency came back
        note_outcome(session, session.get(AgencyWay, delivery.way_id), PermanentFailure(reason), house)
        note_try(delivery, Try(at=house.now(), seconds=None, is_taken=False, said=reason, next_at=None))
    if state == UNREACHABLE and delivery.subscription_id is not None:
        gone = PermanentFailure(reason, of_address=True)
        note_subscriber(session, delivery.subscription_id, gone, house)
    elif state == UNREACHABLE:
        note_unreachable(session, delivery, reason, house)


def is_any_early(session: Session) -> bool:
    return session.scalar(select(EarlyReceipt.id).limit(1)) is not None


def take_early(house: House, session: Session, sent: Sequence[Delivery]) -> None:
    """Give deliveries whose provider's id was just written the receipts that were quicker."""
    by_id = {(each.channel, each.provider_id): each for each in sent if each.provider_id}
    query = select(EarlyReceipt).where(EarlyReceipt.provider_id.in_([provider_id for _, provider_id in by_id]))
    for early in session.scalars(query.order_by(EarlyReceipt.id)):
        if (early.channel, early.provider_id) in by_id:
            move_on(session, by_id[early.channel, early.provider_id], early.state, early.reason, house)
            session.delete(early)
    session.execute(delete(EarlyReceipt).where(EarlyReceipt.at < house.now() - KEPT))
