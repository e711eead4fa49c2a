"""What the outbox takes in hand: deliveries claimed for this worker, with everything that sending them needs."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from normalizer.schema import Attachment, Button, OutboundMessage, PermanentFailure, TemporaryFailure
from router.codes import thread_of
from router.handover import message_by_way, with_bytes
from router.house import House
from router.invitations import invitation_letter
from router.public_hooks import message_to_subscriber
from router.ways import PAUSED, REMOVED, waits_for_photos
from store.models import AgencyWay, Delivery, Subscription
from store.subscriptions import subscriptions_by_id
from store.ways import ways_by_id
from store.work import claim_deliveries, claimed_deliveries, is_any_due, last_heard

log = logging.getLogger("lapor.outbox")

PHOTOS_SECONDS = 10.0
# WhatsApp takes free words for 24 hours after somebody's last message; some minutes less, for what waits between
FREE_WORDS = timedelta(hours=23, minutes=50)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """A claimed delivery with everything that sending needs, free of the database session."""

    row: Delivery
    message: OutboundMessage
    waits: TemporaryFailure | PermanentFailure | None = None  # why it is not sent now

    @property
    def is_to_system(self) -> bool:
        """Whether it goes to a system of somebody's, which alone is left alone when it fails."""
        return self.row.way_id is not None or (
            self.row.subscription_id is not None and self.row.channel == "webhook"
        )

    @property
    def line(self) -> str:
        """What has limits and pauses of its own: a channel's provider, one agency's way, or one subscriber's."""
        if self.row.way_id is not None:
            return f"way {self.row.way_id}"
        return f"subscription {self.row.subscription_id}" if self.is_to_system else self.row.channel

    @property
    def may_have_arrived(self) -> bool:
        return self.row.last_error == "uncertain"


def claim(house: House, limit: int, ids: Iterable[int] | None, channel: str | None) -> dict[int, int]:
    """Take what is due (of these `ids`, on this `channel`) for this worker: the number of the try by their ids."""
    with house.store.read() as session:  # mostly nothing is due: no reason to ask for the writer's place
        if ids is None and not is_any_due(session, house.now(), channel):
            return {}
    with house.store.write() as session:
        return claim_deliveries(session, house.now(), limit, ids, channel)


def owed_by(house: House, claimed: Mapping[int, int]) -> list[Owed]:
    """What is to be sent of what was claimed; read behind the claim, so that whoever else writes need not wait for
    it."""
    with house.store.read() as session:
        rows = claimed_deliveries(session, claimed)
        ways = ways_by_id(session, [row.way_id for row in rows if row.way_id is not None])
        subscribed = subscriptions_by_id(
            session, [row.subscription_id for row in rows if row.subscription_id is not None]
        )
        late = _late(house, session, rows)
        owed = [_owed(house, session, row, ways, subscribed, late.get(row.address_id or 0, "")) for row in rows]
    return with_photos(house, owed)


def with_photos(house: House, owed: Sequence[Owed]) -> list[Owed]:
    """The same with their photos' bytes. A photos' place that is away is asked once: what else leaves goes on."""
    found, is_away = list[Owed](), False
    for each in owed:
        photos: tuple[Attachment, ...] = ()
        if each.message.photos and not is_away:
            try:
                photos = with_bytes(house, each.message)
            except OSError as error:
                is_away = True
                log.warning("mails leave without their photos, whose place is away: %s", type(error).__name__)
        found.append(replace(each, message=replace(each.message, photos=photos)) if each.message.photos else each)
    return found


def _late(house: House, session: Session, rows: Iterable[Delivery]) -> dict[int, str]:
    """Where WhatsApp takes an approved template only, as nobody wrote there for a day: the addresses, and their
    people's languages."""
    asked = {row.address_id for row in rows if row.channel == "whatsapp" and row.address_id is not None}
    if not asked or not house.settings.content_sids:
        return {}
    since = house.now() - FREE_WORDS
    return {each: language for each, language, heard in last_heard(session, asked) if not heard or heard < since}


def _owed(
    house: House,
    session: Session,
    row: Delivery,
    ways: Mapping[int, AgencyWay],
    subscribed: Mapping[int, Subscription],
    template: str,
) -> Owed:
    if row.way_id is not None:
        return _by_way(house, row, ways[row.way_id])
    if row.subscription_id is not None:
        return _to_subscriber(house, session, row, subscribed.get(row.subscription_id))
    if row.officer_id is not None:
        return _to_official(house, session, row)
    return Owed(row=row, message=_message(house, row, template))


def _to_official(house: House, session: Session, row: Delivery) -> Owed:
    letter = invitation_letter(house, session, row)
    ended = PermanentFailure("the invitation has ended") if letter is None else None
    return Owed(row=row, message=letter or _message(house, row), waits=ended)


def _to_subscriber(house: House, session: Session, row: Delivery, subscription: Subscription | None) -> Owed:
    """Of a report that the public may not see any more nothing goes out, nor to a subscription that is no more."""
    try:
        if subscription is None:
            raise LookupError("the subscription has ended")
        return Owed(row=row, message=message_to_subscriber(house, session, row, subscription))
    except LookupError as error:
        return Owed(row=row, message=_message(house, row), waits=PermanentFailure(str(error)))


def _by_way(house: House, row: Delivery, way: AgencyWay) -> Owed:
    """A hand-over by a way; one that was closed in the very moment that this was owed takes nothing."""
    if way.removed_at is not None or way.paused_at is not None:
        reason = REMOVED if way.removed_at is not None else PAUSED
        return Owed(row=row, message=_message(house, row), waits=PermanentFailure(reason))
    soon = TemporaryFailure("photos are on their way", retry_after=PHOTOS_SECONDS)
    waits = soon if waits_for_photos(row, way, house) else None
    return Owed(row=row, message=message_by_way(house, row, way), waits=waits)


def _message(house: House, row: Delivery, template: str = "") -> OutboundMessage:
    address, report = row.address, row.report
    return OutboundMessage(
        delivery_id=row.id,
        channel=row.channel,  # type: ignore[arg-type]
        account=address.account if address else "",
        to=house.store.sealer.open(address.sealed) if address else "",
        text=row.text,
        subject=row.subject,
        in_reply_to=row.in_reply_to,
        thread=thread_of(house.keys.derive("thread"), report.code) if report and address else None,
        buttons=tuple(Button(text=text, value=value) for text, value in row.buttons),
        ask_position=row.ask_position,
        first_tried_at=row.first_tried_at,
        template=template,
    )
