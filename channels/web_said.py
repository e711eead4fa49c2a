"""What an app or the form said: read from its fields, kept as a line of JSON with the photos' bytes behind it."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.fetch import clean
from normalizer.schema import Attachment, Heard, InboundMessage, Position

LONGEST_WORDS = 4000  # characters: GeoReport v2's `description`
LONGEST_PLACE = 500
LONGEST_URL = 1000
LONGEST_KEPT = 20_000  # of what an older version, or somebody else, put into the journal


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A report as it was posted. `thread` is the reporter's own link's token where it adds to one; `nonce` is the
    form's own number, so that two people who say the same are two."""

    words: str = ""
    place: str = ""
    position: Position | None = None
    service_code: str | None = None
    language: str | None = None
    thread: str | None = None
    nonce: str = ""
    photos: Sequence[Attachment] = ()


class Wrong(Exception):  # noqa: N818
    """The fields cannot be taken; `status` is the HTTP status that says so, `key` a word for the form."""

    def __init__(self, status: int, reason: str, key: str = "unreadable") -> None:
        super().__init__(reason)
        self.status = status
        self.key = key


def read_words(fields: Mapping[str, str], name: str, most: int) -> str:
    words = fields.get(name, "").strip()
    if len(words) > most:
        raise Wrong(400, f"{name} has {most} characters at most", "too_long")
    return words


def read_position(fields: Mapping[str, str]) -> Position | None:
    """The point of `lat` and `long` (degrees), `accuracy` in metres. Raises Wrong for half of one or none."""
    lat, long = fields.get("lat", "").strip(), fields.get("long", "").strip()
    if not lat and not long:
        return None
    found = _position(lat, long, fields.get("accuracy", ""))
    if found is None:
        raise Wrong(400, "lat and long must be a point in degrees (WGS 84), both of them", "position")
    return found


def _position(lat: object, long: object, accuracy: object) -> Position | None:
    at = (_number(lat), _number(long))
    if at[0] is not None and at[1] is not None and abs(at[0]) > 90 >= abs(at[1]):  # turned round, and surely so
        at = (at[1], at[0])
    if at[0] is None or at[1] is None or abs(at[0]) > 90 or abs(at[1]) > 180:
        return None
    within = _number(accuracy)
    return Position(lat=at[0], long=at[1], accuracy=within if within is not None and within >= 0 else None)


def _number(said: object) -> float | None:
    try:
        number = float(said) if isinstance(said, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


# --- as it lies in the journal ------------------------------------------------------------------------------


def kept_form(said: Said) -> bytes:
    """One line of JSON, then the bytes of the photos in their order. Never a key, a name, a mail address."""
    head: dict[str, Any] = {
        "words": said.words,
        "place": said.place,
        "service_code": said.service_code,
        "language": said.language,
        "thread": said.thread,
        "nonce": said.nonce,
        "photos": [_photo_line(photo) for photo in said.photos],
    }
    if said.position is not None:
        head |= {"lat": said.position.lat, "long": said.position.long, "accuracy": said.position.accuracy}
    line = json.dumps(head, ensure_ascii=True, sort_keys=True).encode()
    return line + b"\n" + b"".join(photo.content or b"" for photo in said.photos)


def _photo_line(photo: Attachment) -> dict[str, Any]:
    size = len(photo.content) if photo.content is not None else None
    return {"type": photo.content_type, "name": photo.name, "size": size, "url": photo.ref, "note": photo.note}


def parse(raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
    """Read what was kept; `meta` has the sender. Never raises."""
    sender = meta.get("sender", "")
    try:
        return [_message(raw, sender)]
    except Exception as error:
        why = f"not as this channel keeps it: {type(error).__name__}"
        return [_unreadable(raw, sender, why)]


def _unreadable(raw: bytes, sender: str, why: str) -> InboundMessage:
    text = clean(raw.decode("utf-8", "replace"))[:2000]
    return InboundMessage(
        channel="web", account="web", external_id="", sender=sender or "unknown", text=text, unreadable=why
    )


def _message(raw: bytes, sender: str) -> InboundMessage:
    line, _, photos = raw.partition(b"\n")
    head = json.loads(line)
    words, place = clean(head.get("words"))[:LONGEST_KEPT], clean(head.get("place"))[:LONGEST_KEPT]
    return InboundMessage(
        channel="web",
        account="web",
        external_id="",
        sender=sender or "unknown",
        text="\n".join(filter(None, (words, "" if place in words else place))),
        attachments=tuple(_photos(head.get("photos") or [], photos)),
        position=_position(head.get("lat"), head.get("long"), head.get("accuracy")),
        thread=clean(head.get("thread"))[:100] or None,
        service_code=clean(head.get("service_code"))[:40] or None,
        language=clean(head.get("language"))[:8] or None,
        unreadable=None if sender else "no sender",
    )


def _photos(lines: Sequence[Mapping[str, Any]], content: bytes) -> Iterator[Attachment]:
    start = 0
    for line in lines:
        size = line.get("size")
        end = start + size if isinstance(size, int) and size >= 0 else start
        yield Attachment(
            content_type=clean(line.get("type"))[:100] or "application/octet-stream",
            name=clean(line.get("name"))[:200],
            content=content[start:end] if isinstance(size, int) else None,
            ref=clean(line.get("url"))[:LONGEST_URL] or None,
            note=clean(line.get("note"))[:300] or None,
        )
        start = end
