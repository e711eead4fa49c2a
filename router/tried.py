"""What a text, photos and a pin would be understood as, and what would be answered; nothing of it is kept."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.learned import Model
from normalizer.normalize import explain, normalize
from normalizer.photo import read_photo
from normalizer.schema import Attachment, Channel, InboundMessage, Position
from router.agencies import fitting
from router.house import House
from router.intake import Heard, take_in
from router.reading import understand
from router.reports import acknowledge
from store.bulk import write_new
from store.models import Address, Delivery, Report


def explained(
    text: str, photos: Sequence[bytes], pin: Position | None, language: str | None, pack: Pack, model: Model | None
) -> dict[str, object]:
    """What `run_bots.py explain` prints: service, place and agency with their confidence, and what is missing."""
    facts = [read_photo(photo) for photo in photos]
    draft = normalize(text, pin=pin, photos=facts, language=language, pack=pack, learned=model)
    said: dict[str, object] = explain(draft, pack)
    return said | _by_rules(said, draft.description, pack)


def _by_rules(said: Mapping[str, object], text: str, pack: Pack) -> dict[str, object]:
    """The agency that the pack's rules name, where one of them fits."""
    code, area_code = said["service_code"], said["area_code"]
    if not isinstance(code, str) or pack.services[code].agency_id is None:
        return {}
    area = area_code if isinstance(area_code, str) else None
    route = next(fitting(pack, code, area, text, datetime.now(UTC)), None)
    if route is None:
        return {}
    return {"agency_id": route.agency_id, "agency_responsible": pack.agencies[route.agency_id].name}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What would come of a message: the answers in their order, and the agency (None: none, or no report)."""

    answers: Sequence[str] = ()
    agency_id: str | None = None
    is_report: bool = False


class _TakenBack(Exception):  # noqa: N818
    """Rolls the transaction back, with what was seen in it."""

    def __init__(self, tried: Tried) -> None:
        self.tried = tried


def tried(
    house: House,
    text: str,
    photos: Sequence[Attachment],
    pin: Position | None,
    language: str | None,
    channel: Channel,
) -> Tried:
    """Take a message in as a stranger's on this channel, look at what is owed then, and take it all back."""
    message = InboundMessage(
        channel=channel,
        account="",
        external_id=f"try:{secrets.token_hex(8)}",
        sender=f"nobody:{secrets.token_hex(16)}",
        text=text,
        attachments=tuple(photos),
        position=pin,
        language=language,
    )
    said, quiet = understand(message, house.pack, house.learned.model), replace(house, wake=lambda *_: None)
    heard = Heard(
        message=said.message, draft=said.draft, said=said.said, photos=(), raw_key="", received_at=house.now()
    )
    try:
        with house.store.write() as session:
            take_in(session, [heard], quiet)
            raise _TakenBack(_what_came(session, message, quiet))
    except _TakenBack as back:
        return back.tried


def _what_came(session: Session, message: InboundMessage, house: House) -> Tried:
    """What is owed to the sender in this transaction; a report that would wait for more words is answered now."""
    write_new(session)
    lookup = house.store.sealer.lookups(message.channel, message.sender)[0]
    address = session.scalar(select(Address).where(Address.channel == message.channel, Address.lookup == lookup))
    if address is None:
        return Tried()
    report = session.scalar(select(Report).where(Report.address_id == address.id))
    if report is not None and report.acknowledged_at is None:
        acknowledge(session, report, house)
        write_new(session)
    rows = session.scalars(select(Delivery).where(Delivery.address_id == address.id).order_by(Delivery.id))
    answers = [row.text for row in rows]
    return Tried(answers=answers, agency_id=report.agency_id if report else None, is_report=report is not None)
