"""What an agency is sent of a report by a way of its own: versioned, and only what it may have out there."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from channels.agency_queue import queue_name
from normalizer.privacy import public_description
from normalizer.schema import Attachment, Button, OutboundMessage
from router.agency_answers import ANSWER
from router.agency_letter import letter_of
from router.codes import agency_thread_of
from router.house import House
from router.passes import make_pass
from router.replies import service_name
from router.status import OPEN, allowed_moves
from router.ways import CHANGED, HANDED_OVER, PASSED_ON
from store.models import AgencyWay, Delivery, Message, Photo, Report

VERSION = 1
GOOD_FOR = timedelta(days=14)  # of links
LAST_SAID = 10
MAIL_PHOTOS, MAIL_BYTES = 5, 5_000_000
PRESSED = {"accepted": "TERIMA", "in_progress": "PROSES"}  # router/agency_answers.py reads it

Item = dict[str, Any]


def message_by_way(house: House, row: Delivery, way: AgencyWay) -> OutboundMessage:
    """The message of a hand-over, as its report stands now. In a session; photos are named, not read."""
    sealer, report = house.store.sealer, row.report
    to = sealer.open(way.sealed) if way.sealed else queue_name(way.agency_id)
    secret = sealer.open(way.secret) if way.secret else ""
    if way.kind == "mail":
        return _letter(house, row, way, to)
    if way.kind == "telegram":
        return _in_group(house, row, way, to)
    item = report_item(house, report, way, row.subject) if report else _nothing(row, way)
    body = item if way.kind == "queue" else enveloped(item, house.now())
    return OutboundMessage(
        delivery_id=row.id,
        channel=row.channel,  # type: ignore[arg-type]
        account="",
        to=to,
        text=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        secret=secret,
        first_tried_at=row.first_tried_at,
    )


def _nothing(row: Delivery, way: AgencyWay) -> Item:
    """The body of a test: no report is in it."""
    return {"version": VERSION, "event": row.subject, "agency_id": way.agency_id}


def enveloped(item: Item, now: datetime) -> Item:
    """What Standard Webhooks asks a body to look like: type, timestamp, data."""
    return {"type": item.get("event", CHANGED), "timestamp": now.isoformat(timespec="seconds"), "data": item}


def report_item(house: House, report: Report, way: AgencyWay, happened: str) -> Item:
    """A report as an agency may have it outside the desk; of one that is with another, only that it is gone.

    The citizen's words come with personal data taken out, and nobody's name, number or address; the exact place is
    there. `line` counts the history: of two bodies the one with the larger is newer.
    """
    zone = ZoneInfo(house.pack.timezone)
    line = report.history[-1].seq if report.history else 0
    if report.agency_id != way.agency_id:
        gone = {"version": VERSION, "event": PASSED_ON, "service_request_id": report.code, "line": line}
        return gone | {"agency_id": way.agency_id, "updated_datetime": _date(report.updated_at, zone)}
    area, agency = house.pack.areas.get(report.area_code or ""), house.pack.agencies.get(way.agency_id)
    return {
        "version": VERSION,
        "event": CHANGED if happened == PASSED_ON else happened,
        "service_request_id": report.code,
        "line": line,
        "status": "open" if report.status in OPEN else "closed",
        "extended_status": report.status,
        "status_notes": _notes(report),
        "service_code": report.service_code,
        "service_name": service_name(house.pack, report.service_code, house.pack.languages[0]),
        "description": report.public_description,
        "said": [_said(each, zone) for each in later_words(report)],
        "urgent": report.urgent,
        "address": report.address_string,
        "address_id": report.area_code,
        "kelurahan": area.name if area else None,
        "kecamatan": area.kecamatan if area else None,
        "lat": _rounded(report.lat),
        "long": _rounded(report.long),
        "photos": [_photo(house, each, way, zone) for each in report.photos if is_shown(each)],
        "agency_id": way.agency_id,
        "agency_responsible": agency.name if agency else None,
        "requested_datetime": _date(report.requested_at, zone),
        "updated_datetime": _date(report.updated_at, zone),
        "expected_datetime": _date(report.expected_at, zone) if report.expected_at else None,
        "public_url": house.link(report.code),
    }


def is_shown(photo: Photo) -> bool:
    """Whether officials have a copy of it."""
    return photo.state == "kept" and bool(photo.copy_key)


def later_words(report: Report) -> list[Message]:
    """What the reporter has said since the first message, the oldest of the last ten first."""
    heard = [each for each in report.messages if each.address_id is not None and each.text.strip()]
    return heard[1:][-LAST_SAID:]


def _said(message: Message, zone: ZoneInfo) -> Item:
    return {"at": _date(message.received_at, zone), "text": public_description(message.text)}


def _notes(report: Report) -> str | None:
    notes = report.history[-1].notes if report.history else None
    return public_description(notes) if notes else None


def _photo(house: House, photo: Photo, way: AgencyWay, zone: ZoneInfo) -> Mapping[str, Any]:
    until = house.now() + GOOD_FOR
    name = make_pass(house.keys, "photo", photo.id, way.id, until)
    url = f"{house.settings.base_url}/a/photo/{name}"
    return {"url": url, "expires_datetime": _date(until, zone), "is_after": photo.is_after}


def _date(at: datetime, zone: ZoneInfo) -> str:
    """W3C's date and time, to the second, in the city's zone."""
    return at.astimezone(zone).isoformat(timespec="seconds")


def _rounded(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, 6)


# --- by mail ------------------------------------------------------------------------------------------------


def _letter(house: House, row: Delivery, way: AgencyWay, to: str) -> OutboundMessage:
    report = row.report
    thread = agency_thread_of(house.keys.derive("agency thread"), report.code, way.id) if report else None
    subject, text = letter_of(house, row, way, _link(house, report, way), later_words(report) if report else [])
    domain = house.settings.email_address.rpartition("@")[2]
    return OutboundMessage(
        delivery_id=row.id,
        channel="email",
        account="",
        to=to,
        text=text,
        subject=subject,
        in_reply_to=row.in_reply_to or (f"<report.{report.code}.{way.id}@{domain}>" if report else None),
        thread=thread,
        photos=_photos_of(report, row, way)[-MAIL_PHOTOS:],
        first_tried_at=row.first_tried_at,
    )


def _link(house: House, report: Report | None, way: AgencyWay) -> str:
    """The page that opens one report without a log-in."""
    if report is None:
        return ""
    return (
        f"{house.settings.base_url}/a/{make_pass(house.keys, 'report', report.id, way.id, house.now() + GOOD_FOR)}"
    )


def _photos_of(report: Report | None, row: Delivery, way: AgencyWay) -> tuple[Attachment, ...]:
    """What the reporter has shown, while the report is theirs."""
    if report is None or report.agency_id != way.agency_id or row.text:
        return ()
    return tuple(_attached(each) for each in report.photos if is_shown(each) and not each.is_after)


def _attached(photo: Photo) -> Attachment:
    return Attachment(content_type="image/jpeg", name=f"foto-{photo.id}.jpg", ref=photo.copy_key)


# --- in a group on Telegram -----------------------------------------------------------------------------------


def _in_group(house: House, row: Delivery, way: AgencyWay, to: str) -> OutboundMessage:
    """A message with the first photo, and buttons for the moves that need no words; what comes later of the same
    report answers it."""
    report = row.report
    said = later_words(report) if report else []
    text = row.text if row.subject == ANSWER else letter_of(house, row, way, _link(house, report, way), said)[1]
    is_new = row.subject == HANDED_OVER
    return OutboundMessage(
        delivery_id=row.id,
        channel="telegram",
        account="",
        to=to,
        text=text,
        in_reply_to=row.in_reply_to or (_told_before(report, row, way) if report else None),
        buttons=_buttons(house, report, row, way),
        photos=_photos_of(report, row, way)[:1] if is_new else (),
        plain_links=True,
        first_tried_at=row.first_tried_at,
    )


def _told_before(report: Report, row: Delivery, way: AgencyWay) -> str | None:
    """Our first message about a report in this group, as long as it is the same group."""
    told = (each for each in report.deliveries if each.way_id == way.id and each.id != row.id)
    return next((each.provider_id for each in told if each.provider_id), None)


def _buttons(house: House, report: Report | None, row: Delivery, way: AgencyWay) -> tuple[Button, ...]:
    """TERIMA and PROSES where they may be said: what stands behind a button is what a hand would write."""
    if report is None or report.agency_id != way.agency_id or row.text:
        return ()
    allowed, texts = allowed_moves(report), house.pack.texts[house.pack.languages[0]]
    return tuple(
        Button(text=texts[f"agency_button_{move}"], value=word)
        for move, word in PRESSED.items()
        if move in allowed
    )


def with_bytes(house: House, message: OutboundMessage) -> tuple[Attachment, ...]:
    """A mail's photos with their bytes, MAIL_BYTES at most; what is not there is left out: the link shows it.

    Raises OSError when the photos' place is away.
    """
    found: list[Attachment] = []
    room = MAIL_BYTES
    for photo in message.photos:
        try:
            content = house.store.media.get(photo.ref or "")
        except KeyError:
            continue
        if len(content) <= room:
            room -= len(content)
            found.append(Attachment(content_type=photo.content_type, name=photo.name, content=content))
    return tuple(found)
