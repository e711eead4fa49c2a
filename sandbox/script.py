"""The sandbox for scripts: say something as a citizen on a channel, and read that citizen's thread."""

import asyncio
import base64
import binascii
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from normalizer.schema import Position
from sandbox import mail, telegram, twilio, x
from sandbox.memory import (
    Kept,
    Person,
    messages,
    person,
    person_by_key,
    person_by_number,
    photos_of,
    thread,
    together,
)
from sandbox.photos import Photo, read_photo
from sandbox.stage import CHANNELS, BadRequest, Outcome, Said, Stage, is_played

LARGEST_BODY = 64 * 1024 * 1024

_KEYS: dict[str, Callable[[str], str]] = {
    "sms": twilio.number_key,
    "whatsapp": twilio.number_key,
    "email": mail.address_key,
    "telegram": telegram.name_key,
    "x": x.handle_key,
}
_SAY: dict[str, Callable[[Stage, Said], Awaitable[Outcome]]] = {
    "sms": twilio.say,
    "whatsapp": twilio.say,
    "email": mail.say,
    "telegram": telegram.say,
    "x": x.say,
}


def api(stage: Stage) -> list[BaseRoute]:
    """The routes below /sandbox/api; CONTRACT.md says what they take and give."""

    async def say(request: Request) -> Response:
        channel = request.path_params["channel"]
        if refusal := _refusal(stage, request, channel):
            return refusal
        try:
            asked = await _body(request)
            photos = await asyncio.to_thread(_photos, asked.get("photos"))
            outcome = await _SAY[channel](stage, _said(stage, channel, asked, photos))
        except BadRequest as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        first = outcome.ids[0] if outcome.ids else None
        shown = {"id": first, "ids": list(outcome.ids), "delivered": outcome.delivered}
        return JSONResponse(shown | ({"refused": outcome.refused} if outcome.refused else {}), status_code=202)

    async def read(request: Request) -> Response:
        channel = request.path_params["channel"]
        try:
            kept = thread(stage.db, channel, _key(stage, channel, request.path_params["person"]))
        except BadRequest as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except KeyError:
            return JSONResponse({"error": f"no such channel: {channel}"}, status_code=404)
        return JSONResponse({"messages": [_shown(message) for message in kept]})

    async def photo(request: Request) -> Response:
        row, position = request.path_params["row"], request.path_params["position"]
        found = [p for m in messages(stage.db, "row=?", (row,)) for p in photos_of(stage.db, m)]
        if position >= len(found):
            return Response(status_code=404)
        headers = {"Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"}
        return Response(found[position].content, media_type=found[position].content_type, headers=headers)

    async def channels(request: Request) -> Response:
        return JSONResponse({"channels": _channels(stage)})

    return [
        Route("/channels", channels, methods=["GET"]),
        Route("/photos/{row:int}/{position:int}", photo, methods=["GET"]),
        Route("/{channel}/messages", say, methods=["POST"]),
        Route("/{channel}/{person}", read, methods=["GET"]),
    ]


def _refusal(stage: Stage, request: Request, channel: str) -> Response | None:
    if request.headers.get("sec-fetch-site") == "cross-site":
        return JSONResponse({"error": "another site's page may not write here"}, status_code=403)
    if channel not in CHANNELS:
        return JSONResponse({"error": f"no such channel: {channel}"}, status_code=404)
    if not is_played(stage.settings, channel):
        reason = f"{channel} has real credentials (or none): no stand-in plays it"
        return JSONResponse({"error": reason}, status_code=409)
    return None


async def _body(request: Request) -> dict[str, Any]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY:
            raise BadRequest(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(asked, dict):
        raise BadRequest("the body is not a JSON object")
    return asked


def _said(stage: Stage, channel: str, asked: dict[str, Any], photos: tuple[Photo, ...]) -> Said:
    if all(asked.get(name) is None for name in ("text", "press", "lat", "long")) and not photos:
        raise BadRequest("nothing is said: give text, photos, lat and long, or press")
    who = _person(stage, channel, _text(asked, "from"))
    return Said(
        person=who,
        text=_text(asked, "text"),
        photos=photos,
        position=_position(asked.get("lat"), asked.get("long")),
        reply_to=_reply_to(stage, who, asked.get("reply_to")),
        press=None if asked.get("press") is None else _text(asked, "press"),
    )


def _text(asked: dict[str, Any], name: str) -> str:
    value = "" if asked.get(name) is None else asked[name]
    if name == "from" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise BadRequest(f"{name}: not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{name}: not valid Unicode") from None
    return value


def _key(stage: Stage, channel: str, name: str) -> str:
    """The thread's key of a name. A Telegram chat id may stand for a person known by name."""
    key = _KEYS[channel](name.strip())
    if channel == "telegram" and key.isdecimal() and not person_by_key(stage.db, channel, key):
        known = person_by_number(stage.db, channel, int(key[:15]))
        return known.key if known else key
    return key


def _person(stage: Stage, channel: str, name: str) -> Person:
    key = _key(stage, channel, name)
    number = int(key[:15]) if channel == "telegram" and key.isdecimal() else None
    shown = {"sms": key, "whatsapp": "Warga", "telegram": "Warga" if number else name.strip()}
    with together(stage.db):
        return person(stage.db, channel, key, shown.get(channel, name.strip().removeprefix("@")), number)


def _photos(given: object) -> tuple[Photo, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise BadRequest("photos: not a list")
    return tuple(_photo(one) for one in given)


def _photo(given: object) -> Photo:
    if not isinstance(given, str):
        raise BadRequest("photos: each one is base64")
    text = given.partition(",")[2] if given.startswith("data:") else given
    try:
        return read_photo(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest("photos: each one is base64") from None


def _position(lat: object, long: object) -> Position | None:
    if lat is None and long is None:
        return None
    return Position(lat=_degrees("lat", lat, 90), long=_degrees("long", long, 180))


def _degrees(name: str, value: object, most: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(f"{name}: not a number; lat and long come together")
    if abs(value) > most:
        raise BadRequest(f"{name}: not between -{most} and {most}")
    return float(value)


def _reply_to(stage: Stage, who: Person, given: object) -> Kept | None:
    if given is None:
        return None
    found = messages(
        stage.db, "channel=? and person=? and id=?", (who.channel, who.key, str(given)), "row desc limit 1"
    )
    if not found:
        raise BadRequest("reply_to: no message of this thread has that id")
    return found[0]


def _shown(kept: Kept) -> dict[str, Any]:
    return {
        "id": kept.id,
        "direction": kept.direction,
        "text": kept.text,
        "photos": kept.photos or len(kept.wire.get("media", ())),
        "buttons": list(kept.buttons),
        "lat": kept.lat,
        "long": kept.long,
        "at": kept.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "photo_urls": [f"/sandbox/api/photos/{kept.row}/{n}" for n in range(kept.photos)],
    }


def _channels(stage: Stage) -> dict[str, dict[str, Any]]:
    """What the page must know of each phone: whether a stand-in plays it, and whom it writes to."""
    settings = stage.settings
    ours = {
        "sms": settings.twilio_number,
        "whatsapp": settings.twilio_whatsapp_number,
        "email": settings.email_address,
        "telegram": f"@{telegram.bot_user(stage)['username']}",
        "x": f"@{x.HANDLE}",
    }
    return {name: {"played": is_played(settings, name), "to": ours[name]} for name in CHANNELS}
