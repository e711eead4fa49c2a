"""What a bot can send and change through the played Bot API: messages, photos, places, buttons."""

import html
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from sandbox.memory import Kept, Person, change_message, message, person_by_number, photo, recall
from sandbox.photos import Photo, read_photo
from sandbox.stage import Stage
from sandbox.telegram import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    bot_user,
    buttons_of,
    new_message,
    photo_sizes,
    put_in_thread,
    replied,
)

MOST = 2**53
Params = Mapping[str, Any]


class Refused(Exception):  # noqa: N818
    """The Bot API's error answer: https://core.telegram.org/bots/api#making-requests"""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def bad(words: str) -> Refused:
    return Refused(400, f"Bad Request: {words}")


def number_of(params: Params, name: str, default: int) -> int:
    try:
        number = int(params.get(name, default))
    except (TypeError, ValueError):
        number = MOST + 1
    if abs(number) > MOST:
        raise bad(f"parameter {name} must be a number")
    return number


def object_of(params: Params, name: str) -> Any:
    """A parameter that is JSON inside of a form."""
    value = params.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise bad(f"can't parse {name} JSON object") from None


def _chat(stage: Stage, params: Params) -> Person:
    """The person behind chat_id; a bot can only write to who wrote to it."""
    if "chat_id" not in params:
        raise bad("chat_id is empty")
    try:
        found = person_by_number(stage.db, "telegram", int(params["chat_id"]))
    except (TypeError, ValueError, OverflowError):  # SQLite's numbers end at 64 bits
        found = None
    if found is None:
        raise bad("chat not found")
    return found


def _common(stage: Stage, params: Params) -> dict[str, Any]:
    """reply_markup and the message that is replied to, as fields of the new message."""
    fields: dict[str, Any] = {}
    if markup := object_of(params, "reply_markup"):
        fields["reply_markup"] = markup
    reply = object_of(params, "reply_parameters") or {"message_id": params.get("reply_to_message_id")}
    if reply.get("message_id") is None:
        return fields
    target = replied(stage, number_of(reply, "message_id", 0))
    if target:
        fields["reply_to_message"] = target
    elif str(reply.get("allow_sending_without_reply", "")).lower() != "true":
        raise bad("message to be replied not found")
    return fields


def _send(stage: Stage, params: Params, fields: Params, photos: tuple[Photo, ...] = ()) -> dict[str, Any]:
    who = _chat(stage, params)
    kept = new_message(stage, who, bot_user(stage), {**_common(stage, params), **fields})
    put_in_thread(stage, who, "out", kept, photos=photos)
    return _answered(kept)


def _answered(body: Params) -> dict[str, Any]:
    """A Message carries inline buttons only; the keyboard of an answer is not repeated."""
    markup = body.get("reply_markup", {})
    return {k: v for k, v in body.items() if k != "reply_markup" or "inline_keyboard" in markup}


def _text(params: Params, name: str, longest: int) -> str:
    """The words as a person reads them, their marks taken off."""
    text = str(params.get(name) or "")
    if str(params.get("parse_mode", "")).upper() == "HTML":
        text = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text))
    elif params.get("parse_mode"):
        text = re.sub(r"\\([^\w\s])|[*_`~]", r"\1", text)
    if len(text) > longest:
        raise bad(f"message {'caption ' if name == 'caption' else ''}is too long")
    return text.strip()


async def send_message(stage: Stage, params: Params, request: Request) -> object:
    text = _text(params, "text", LONGEST_TEXT)
    if not text:
        raise bad("message text is empty")
    return _send(stage, params, {"text": text})


async def send_photo(stage: Stage, params: Params, request: Request) -> object:
    given = params.get("photo")
    if isinstance(given, str) and given.startswith("attach://"):
        given = params.get(given.removeprefix("attach://"))
    if isinstance(given, str):
        known = photo(stage.db, given[-33:-1])
        given = known.content if known else None
    if not given:
        raise bad("there is no photo in the request")
    sent = read_photo(given)
    if not sent.is_image or not sent.width:
        raise bad("IMAGE_PROCESS_FAILED")
    caption = _text(params, "caption", LONGEST_CAPTION)
    fields = {"photo": photo_sizes(sent)} | ({"caption": caption} if caption else {})
    return _send(stage, params, fields, (sent,))


async def send_location(stage: Stage, params: Params, request: Request) -> object:
    try:
        place = {name: float(params[name]) for name in ("latitude", "longitude")}
    except (KeyError, TypeError, ValueError):
        raise bad("parameters latitude and longitude must be numbers") from None
    return _send(stage, params, {"location": place})


async def answer_query(stage: Stage, params: Params, request: Request) -> object:
    if not recall(stage.db, f"query {params.get('callback_query_id')}"):
        raise bad("query is too old and response timeout expired or query ID is invalid")
    return True


def _edited(stage: Stage, params: Params) -> Kept:
    _chat(stage, params)
    found = message(stage.db, "telegram", str(params.get("message_id")))
    if found is None or found.direction != "out":
        raise bad("message to edit not found" if found is None else "message can't be edited")
    return found


def _edit(stage: Stage, kept: Kept, body: dict[str, Any], text: str) -> object:
    if body == kept.wire:
        raise bad("message is not modified: specified new message content and reply markup are the same")
    body["edit_date"] = int(time.time())
    change_message(stage.db, kept, text=text, buttons=[b["text"] for b in buttons_of(body)], wire=body)
    return _answered(body)


async def edit_text(stage: Stage, params: Params, request: Request) -> object:
    kept, text = _edited(stage, params), _text(params, "text", LONGEST_TEXT)
    if not text:
        raise bad("message text is empty")
    rest = {k: v for k, v in kept.wire.items() if k != "reply_markup"}
    markup = object_of(params, "reply_markup")
    return _edit(stage, kept, rest | {"text": text} | ({"reply_markup": markup} if markup else {}), text)


async def edit_markup(stage: Stage, params: Params, request: Request) -> object:
    kept = _edited(stage, params)
    body = {k: v for k, v in kept.wire.items() if k != "reply_markup"}
    markup = object_of(params, "reply_markup")
    return _edit(stage, kept, body | ({"reply_markup": markup} if markup else {}), kept.text)


async def send_action(stage: Stage, params: Params, request: Request) -> object:
    _chat(stage, params)
    return True
