"""What is known when a message comes: its sender's reports, the report it names, the question that waits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.schema import Draft, InboundMessage, Place
from normalizer.text import own_words
from router.codes import code_of_thread, codes_in
from router.house import House
from router.known import Context, Known, Pending
from router.questions import is_to_come, is_waiting
from router.replies import service_options
from router.senders import Sender
from router.spots import Spot
from store.bulk import waiting
from store.models import Address, Delivery, Message, Report, Reporter
from store.near import lead_of

_LEVEL = re.compile(r"^(?:kelurahan|kel|kecamatan|kec|kota)\b\.?\s*")


@dataclass(kw_only=True, slots=True)
class Found:
    """A context, and the rows behind its codes."""

    context: Context
    reports: dict[str, Report] = field(default_factory=dict)


def context_of(
    session: Session, message: InboundMessage, draft: Draft, sender: Sender, house: House, *, superseded: bool
) -> Found:
    """Gather what `decide` must know of one message; changes nothing."""
    address, rows = sender.address, {report.code: report for report in sender.recent}
    thread, by_token = _thread(session, message, address, house)
    edited = _edited(session, message, address)
    named = _named(session, f"{own_words(message.text)} {message.subject}")
    known = sorted(
        (known_of(each, house.pack) for each in sender.recent), key=lambda each: each.said_at, reverse=True
    )
    rows |= {report.code: report for report in (thread, edited, named) if report is not None}
    mine = address.reporter
    context = Context(
        now=house.now(),
        join_within=timedelta(seconds=house.settings.join_seconds),
        reports=tuple(known),
        thread=_known(thread, house.pack, theirs=thread is not None and (by_token or thread.reporter is mine)),
        named=_known(named, house.pack, theirs=named is not None and named.reporter is mine),
        edited=_known(edited, house.pack, theirs=True),
        spot=spot_of_place(draft.place),
        superseded=superseded,
        pending=pending_of(mine, sender.recent, known, house),
        proven=message.proven or by_token,
        has_code=mine.link_until is not None and mine.link_until > house.now(),
    )
    return Found(context=context, reports=rows)


def _known(report: Report | None, pack: Pack, *, theirs: bool) -> Known | None:
    return None if report is None else known_of(report, pack, theirs=theirs)


def known_of(report: Report, pack: Pack, *, theirs: bool = True) -> Known:
    """Give a report as `decide` sees it: a joined one stands where the one does that it was joined to."""
    lead = lead_of(report)
    return Known(
        code=report.code,
        status=lead.status,
        service_code=report.service_code,
        area_code=report.area_code,
        has_place=bool(report.sources.get("place", {}).get("enough")),
        spot=spot_of_report(report, pack),
        asked_for=report.asked_for,
        acknowledged=report.acknowledged_at is not None,
        requested_at=report.requested_at,
        updated_at=lead.updated_at,
        said_at=report.said_at or report.requested_at,
        is_theirs=theirs,
        chosen=bool(report.sources.get("chosen")),
    )


def spot_of_report(report: Report, pack: Pack) -> Spot:
    """Where exactly a report is."""
    return spot_of(report.lat, report.long, report.address_string, report.area_code, report.sources, pack)


def spot_of(
    lat: float | None,
    long: float | None,
    address: str | None,
    area_code: str | None,
    sources: Mapping[str, Any],
    pack: Pack,
) -> Spot:
    """Where exactly something is: a point that only words gave is an area's middle, and no spot."""
    area = pack.areas.get(area_code or "")
    names = (area.name, area.kecamatan, area.kota) if area else ()
    is_point = sources.get("place", {}).get("source") in {"pin", "photo"}
    point = (lat, long) if is_point and lat is not None and long is not None else None
    return Spot(point=point, words=words_of_address(address, names))


def spot_of_place(place: Place | None) -> Spot:
    """Where exactly a message says it is."""
    if place is None:
        return Spot()
    is_point = place.source in {"pin", "photo"} and place.lat is not None and place.long is not None
    point = (place.lat or 0.0, place.long or 0.0) if is_point else None
    names = (place.kelurahan, place.kecamatan, place.kota)
    return Spot(point=point, words=words_of_address(place.address_string, names))


def words_of_address(address: str | None, names: Iterable[str | None]) -> str:
    """An address without the areas it lies in: street, house number, RT/RW, landmark, in plain small letters."""
    areas = {re.sub(r"^(?:Kota|Kabupaten) Administrasi ", "", name).lower() for name in names if name}
    parts = [part.strip().lower() for part in (address or "").split(", ")]
    own = [_LEVEL.sub("", part) for part in parts if part not in areas]  # "Kota Bambu Utara" is no city's name
    return " ".join(re.sub(r"[^a-z0-9]+", " ", part).strip() for part in own if part and part not in areas)


# --- the report that a message names ------------------------------------------------------------------------


def _thread(
    session: Session, message: InboundMessage, address: Address, house: House
) -> tuple[Report | None, bool]:
    """The report whose thread this answers, and whether its token said so: by mail a token is proof."""
    if message.thread and (code := code_of_thread(house.keys.derive("thread"), message.thread)):
        return _by_code(session, code), True
    if not message.in_reply_to:
        return None, False
    refs = message.in_reply_to
    return _by_our_message(session, refs, address) or _by_their_message(session, refs, address), False


def _edited(session: Session, message: InboundMessage, address: Address) -> Report | None:
    return _by_their_message(session, [message.edit_of], address) if message.edit_of else None


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
    return _of_this_batch(session, refs, address) or session.scalars(query.limit(1)).first()


def _of_this_batch(session: Session, refs: Sequence[str], address: Address) -> Report | None:
    """The same among the messages that came with this one and are not written yet."""
    theirs = (row for row in waiting(session, Message) if row.address is address)
    return next((row.report for row in theirs if row.reply_ref in refs or row.external_id in refs), None)


def _named(session: Session, words: str) -> Report | None:
    """The report whose code stands in the text."""
    return next(filter(None, (_by_code(session, code) for code in codes_in(words)[:5])), None)


def _by_code(session: Session, code: str) -> Report | None:
    with session.no_autoflush:  # a code that this very batch makes is nobody's to write yet
        return session.scalar(select(Report).where(Report.code == code))


# --- the question that waits --------------------------------------------------------------------------------


def pending_of(
    reporter: Reporter, recent: Sequence[Report], known: Sequence[Known], house: House
) -> Pending | None:
    """The numbered question that waits for this person: between reports, else that of their report itself."""
    if (question := reporter.question) and is_waiting(reporter, house) and not is_to_come(reporter):
        return Pending(kind=question["kind"], options=tuple(question["options"]))
    rows = {each.code: each for each in recent}
    asked = next((rows[each.code] for each in known if each.is_unfinished and each.asked_for), None)
    if asked is None or not (options := service_options(asked)):
        return None
    return Pending(kind="service", options=options, code=asked.code)
