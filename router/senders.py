"""Who speaks in a batch of messages: their addresses and open reports, read at once or made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from normalizer.schema import Draft, InboundMessage
from router.house import House
from router.status import OPEN
from store.bulk import keep, made
from store.models import Address, Delivery, Report, Reporter
from store.seal import normal

RECENT = timedelta(days=30)
MOST = 50  # reports of one person that a message may belong to


@dataclass(kw_only=True, slots=True)
class Sender:
    """One address of a batch, and its person's reports: open, or finished within 30 days; the oldest first."""

    address: Address
    recent: list[Report] = field(default_factory=list)


def key_of(message: InboundMessage) -> tuple[str, str]:
    return message.channel, normal(message.channel, message.sender)


def senders_of(
    session: Session,
    said: Sequence[tuple[InboundMessage, Draft]],
    house: House,
    beside: int | None = None,
) -> dict[tuple[str, str], Sender]:
    """Find the senders, make those who are new, and hold their rows (and that of the person `beside`) to the end.

    Two servers that make the same one at once meet at the unique key: IntegrityError, and the batch is told again.
    """
    lookups = {key_of(message): house.store.sealer.lookups(*key_of(message)) for message, _ in said}
    channels = {channel for channel, _ in lookups}
    kept = _kept(session, channels, [each for known in lookups.values() for each in known], beside)
    senders: dict[tuple[str, str], Sender] = {}
    for message, draft in said:
        key = key_of(message)
        if key not in senders:
            found = next((kept[each] for each in lookups[key] if each in kept), None)
            senders[key] = Sender(address=found or _made(session, message, draft, lookups[key][0], house))
        _heard_from(senders[key].address, message)
    _read_recent(session, list(senders.values()), house)
    _count_answers(session, [each.address for each in senders.values()], house)
    return senders


def _kept(session: Session, channels: set[str], lookups: list[str], beside: int | None) -> dict[str, Address]:
    """The known addresses by their hash, their persons' rows held. In the index the channel stands before it:
    without, PostgreSQL would read the whole table."""
    known = (Address.channel.in_(channels), Address.lookup.in_(lookups))
    query = select(Address).where(*known).options(joinedload(Address.reporter))
    while True:
        found = {address.lookup: address for address in session.scalars(query)}
        held = {address.reporter_id for address in found.values()} | ({beside} if beside else set())
        if not held:
            return found
        # in one order everywhere, so that two servers never wait for each other
        rows = select(Reporter.id).where(Reporter.id.in_(sorted(held))).order_by(Reporter.id).with_for_update()
        session.execute(rows)
        if session.get_bind().dialect.name == "sqlite" or _are_still(session, found.values()):
            return found
        session.expire_all()  # somebody linked them, or took them apart, while we waited


def _are_still(session: Session, addresses: Iterable[Address]) -> bool:
    """Whether the addresses still belong to those whose rows are held."""
    known = {address.id: address.reporter_id for address in addresses}
    query = select(Address.id, Address.reporter_id).where(Address.id.in_(known))
    return dict(session.execute(query).all()) == known


def _heard_from(address: Address, message: InboundMessage) -> None:
    """Who writes is reached there again, and known again where they had asked to be forgotten."""
    address.account = message.account
    if message.auto is None:
        if address.unreachable is not None:
            address.unreachable = None
        if address.forget_at is not None:
            address.forget_at = None


def _made(session: Session, message: InboundMessage, draft: Draft, lookup: str, house: House) -> Address:
    now = house.now()
    reporter = made(
        Reporter,
        language=language_of(message, draft, house),
        opted_out=False,
        created_at=now,
        question=None,
        question_until=None,
        link_code=None,
        link_until=None,
        copy_token=None,
        copy_until=None,
        copies_left=None,
    )
    keep(session, reporter)
    address = made(
        Address,
        channel=message.channel,
        lookup=lookup,
        sealed=house.store.sealer.seal(message.sender),
        account=message.account,
        unreachable=None,
        stopped_at=None,
        forget_at=None,
        created_at=now,
        reporter=reporter,
    )
    keep(session, address)
    return address


def language_of(message: InboundMessage, draft: Draft, house: House) -> str:
    """The language to answer in: the message's own, else the channel's hint, else the city's first. A command with
    a slash ("/start", which a link wrote) is in none."""
    said = None if message.text.startswith("/") else draft.language
    for language in (said, message.language):
        if language in house.pack.languages:
            return str(language)
    return house.pack.languages[0]


def _read_recent(session: Session, senders: Sequence[Sender], house: House) -> None:
    """Linked addresses of one person share one list: a report of this very batch is seen by both."""
    shared: dict[int, list[Report]] = {}
    for sender in senders:
        if sender.address.id:
            sender.recent = shared.setdefault(sender.address.reporter_id, sender.recent)
    if not shared:
        return
    since = house.now() - RECENT
    query = select(Report).where(
        Report.reporter_id.in_(shared), or_(Report.status.in_(OPEN), Report.updated_at > since)
    )
    for report in session.scalars(query.order_by(Report.id)):
        shared[report.reporter_id].append(report)
    for reports in shared.values():
        del reports[:-MOST]


def _count_answers(session: Session, addresses: Sequence[Address], house: House) -> None:
    """How many answers each address was owed within the hour; a new one none."""
    query = select(Delivery.address_id, func.count()).group_by(Delivery.address_id)
    known = [address.id for address in addresses if address.id]
    since = house.now() - timedelta(hours=1)
    query = query.where(Delivery.address_id.in_(known), Delivery.created_at > since)
    counts = dict(session.execute(query).all()) if known else {}
    for address in addresses:
        address.owed_this_hour = counts.get(address.id, 0)
