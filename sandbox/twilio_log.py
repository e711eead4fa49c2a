"""Twilio's log of messages played: filters, pages, a message as the API shows it, and what came along with it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from sandbox.memory import Kept, messages, photos_of
from sandbox.stage import Stage
from sandbox.twilio import segments

API = "/2010-04-01/Accounts"
MOST_ROWS = 1000  # on one page


def list_messages(stage: Stage, request: Request) -> dict[str, Any]:
    """One page of the log, newest first: https://www.twilio.com/docs/usage/twilios-response#pagination.

    `Page` counts from 0; a next page begins behind the message that its `PageToken` names, so that what comes in
    between shifts nothing.
    """
    asked = request.query_params
    number, size = int(asked.get("Page", "0")), min(max(int(asked.get("PageSize", "50")), 1), MOST_ROWS)
    found = [m for m in _log(stage, asked) if _is_within(m, asked)]
    behind = int(asked["PageToken"].removeprefix("PA")) if "PageToken" in asked else None
    if behind is not None:
        found = [m for m in found if m.row < behind]
    start = 0 if behind is not None else number * size
    shown = found[start : start + size]
    uri = f"{API}/{stage.settings.twilio_account_sid}/Messages.json"

    def link(page: int, token: str | None = None) -> str:
        kept = {name: value for name, value in asked.items() if name != "PageToken"}
        more = {"PageToken": token} if token else {}
        return f"{uri}?{urlencode({**kept, 'Page': page, 'PageSize': size, **more})}"

    return {
        "messages": [as_json(stage, m) for m in shown],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(len(shown) - 1, 0),
        "uri": link(number, asked.get("PageToken")),
        "first_page_uri": link(0),
        "previous_page_uri": link(number - 1) if number else None,
        "next_page_uri": link(number + 1, f"PA{shown[-1].row}") if len(found) > start + size else None,
    }


def list_media(stage: Stage, kept: Kept) -> dict[str, Any]:
    """What came along with a message: https://www.twilio.com/docs/messaging/api/media-resource"""
    account = stage.settings.twilio_account_sid
    uri, at = f"{API}/{account}/Messages/{kept.id}/Media", format_datetime(kept.at)
    rows = [
        {
            "sid": f"ME{each.token}",
            "account_sid": account,
            "parent_sid": kept.id,
            "content_type": each.content_type,
            "date_created": at,
            "date_updated": at,
            "uri": f"{uri}/ME{each.token}.json",
        }
        for each in photos_of(stage.db, kept)
    ]
    return {"media_list": rows, "page": 0, "page_size": 50, "uri": f"{uri}.json", "next_page_uri": None}


def _log(stage: Stage, asked: Mapping[str, str]) -> list[Kept]:
    where, values = "channel in ('sms', 'whatsapp')", []
    for name in ("To", "From"):
        if name in asked:
            where += f" and json_extract(wire, '$.{name.lower()}')=?"
            values.append(asked[name])
    return messages(stage.db, where, values, "row desc")


def _is_within(kept: Kept, asked: Mapping[str, str]) -> bool:
    day = asked.get("DateSent")
    if day and kept.at.date() != date.fromisoformat(day[:10]):
        return False
    after, before = asked.get("DateSent>"), asked.get("DateSent<")
    return (not after or kept.at >= _moment(after)) and (not before or kept.at <= _moment(before))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def as_json(stage: Stage, kept: Kept) -> dict[str, Any]:
    """A message as the API shows it: https://www.twilio.com/docs/messaging/api/message-resource"""
    uri = f"{API}/{stage.settings.twilio_account_sid}/Messages/{kept.id}"
    at = format_datetime(kept.at)
    return {
        "sid": kept.id,
        "account_sid": stage.settings.twilio_account_sid,
        "api_version": "2010-04-01",
        "body": kept.text,
        "from": kept.wire["from"],
        "to": kept.wire["to"],
        "direction": "inbound" if kept.direction == "in" else "outbound-api",
        "status": kept.wire["status"],
        "error_code": kept.wire.get("error"),
        "error_message": None,
        "messaging_service_sid": None,
        "num_media": str(kept.photos or len(kept.wire.get("media", ()))),
        "num_segments": str(segments(kept.text)),
        "price": None,
        "price_unit": "USD",
        "date_created": at,
        "date_sent": at,
        "date_updated": at,
        "uri": uri + ".json",
        "subresource_uris": {"media": uri + "/Media.json"},
    }
