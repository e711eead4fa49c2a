"""Open311's words and ours: statuses, dates, JSON and XML."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, TypeAlias
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.wire import seen
from router.status import MOVES, OPEN

Item: TypeAlias = Mapping[str, Any]

# FixMyStreet's Open311 extension, and what each of its words means here (docs/open311.md).
FROM_EXTENSION = {
    "open": "received",
    "investigating": "accepted",
    "in_progress": "in_progress",
    "action_scheduled": "scheduled",
    "planned": "scheduled",
    "fixed": "resolved",
    "closed": "resolved",
    "duplicate": "duplicate",
    "not_councils_responsibility": "rejected",
    "no_further_action": "rejected",
    "reopen": "reopened",
}
TO_EXTENSION = {
    "received": "OPEN",
    "needs_info": "OPEN",
    "assigned": "OPEN",
    "accepted": "INVESTIGATING",
    "in_progress": "IN_PROGRESS",
    "scheduled": "ACTION_SCHEDULED",
    "resolved": "FIXED",
    "reopened": "OPEN",
    "closed": "CLOSED",
    "rejected": "NO_FURTHER_ACTION",
    "duplicate": "DUPLICATE",
}


class Refused(Exception):  # noqa: N818
    """The request is not answered as asked; `status` is the HTTP status, the message says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def our_status(word: str) -> str | None:
    """Our status for a word of ours or of the extension, in any case, with spaces or hyphens for underscores."""
    plain = "_".join(re.split(r"[\s_-]+", word.strip().lower()))
    return FROM_EXTENSION.get(plain) or (plain if plain in MOVES else None)


def statuses_of(word: str) -> frozenset[str]:
    """Our statuses that `open`, `closed` (Open311's) or a word of ours stands for. Raises Refused."""
    plain = word.strip().lower()
    if plain == "open":
        return OPEN
    if plain == "closed":
        return frozenset(MOVES) - OPEN
    if plain in MOVES:
        return frozenset({plain})
    raise Refused(400, f"status must be open or closed, not {seen(word)[:40]!r}")


def read_date(name: str, text: str, zone: ZoneInfo, *, ends: bool = False) -> datetime:
    """An ISO 8601 / W3C date and time with its zone; a bare date is the whole day in the city. Raises Refused.

    A plus sign that a client forgot to escape has become a space: it is read as a plus.
    """
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip())
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901  (what has no zone is refused below)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        at = datetime.combine(at.date(), time.max if ends else time.min, zone)
    if at.tzinfo is not None and 1970 <= at.year <= 9000:  # further out, UTC would not hold it
        return at
    raise Refused(400, f"{name} must be a date and time with its zone, such as 2026-11-05T08:00:00+07:00")


def date(at: datetime, zone: ZoneInfo) -> str:
    """W3C's date and time, to the second, in the city's zone."""
    return at.astimezone(zone).isoformat(timespec="seconds")


def answer(format_: str, root: str, each: str, items: Sequence[Item], *, status: int = 200) -> Response:
    """A list as GeoReport v2 writes it: a JSON array, or XML `<root><each>…</each>…</root>`."""
    if format_ == "json":
        return _response(status, "application/json", json.dumps(items, ensure_ascii=False))
    element = ElementTree.Element(root)
    for item in items:
        _append(element, each, item)
    return _xml(status, element)


def answer_one(format_: str, root: str, item: Item, *, status: int = 200) -> Response:
    """One object: JSON, or XML with its fields in `root`."""
    if format_ == "json":
        return _response(status, "application/json", json.dumps(item, ensure_ascii=False))
    holder = ElementTree.Element("holder")
    _append(holder, root, item)
    return _xml(status, holder[0])


def error(format_: str, status: int, reason: str) -> Response:
    return answer(format_, "errors", "error", [{"code": status, "description": reason}], status=status)


def _xml(status: int, element: ElementTree.Element) -> Response:
    text = ElementTree.tostring(element, encoding="unicode")
    return _response(status, "text/xml", f'<?xml version="1.0" encoding="utf-8"?>\n{text}')


def _response(status: int, kind: str, text: str) -> Response:
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    body = text.encode("utf-8", "replace")
    return Response(body, status_code=status, media_type=f"{kind}; charset=utf-8", headers=headers)


def _append(parent: ElementTree.Element, name: str, value: Any) -> None:
    """A field with its value; lists become elements named by their plural's singular."""
    element = ElementTree.SubElement(parent, name)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _append(element, key, inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _append(element, name.removesuffix("s"), inner)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = seen(str(value))
