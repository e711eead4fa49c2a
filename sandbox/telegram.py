"""Telegram's side of a chat played: what a person writes or presses becomes updates, polled for or pushed."""

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from sandbox.memory import Direction, Kept, Person, keep_message, message, next_number, recall, thread, together
from sandbox.photos import Photo, fitted
from sandbox.stage import BadRequest, Outcome, Said, Stage, answer_to, log, wait_after

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LARGEST_ALBUM = 10
# Telegram keeps a photo in several sizes; the last letter of a file id says which: https://core.telegram.org/api/files
SIZES = {"s": 90, "m": 320, "x": 800, "y": 1280}
_UNASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


def name_key(name: str) -> str:
    """A chat id, or any name; one person whether written with @ or in capitals."""
    if not name.removeprefix("@").strip():
        raise BadRequest("from: a name or a chat id is missing")
    return name.removeprefix("@").strip().lower()


def bot_user(stage: Stage) -> dict[str, Any]:
    number = int((stage.settings.telegram_token or "0").partition(":")[0])
    return {"id": number, "is_bot": True, "first_name": "Lapor Jakarta", "username": "LaporJakartaBot"}


async def say(stage: Stage, said: Said) -> Outcome:
    """Make the updates of what was said (captioned photo or album, then the place) or of a pressed button."""
    ids = _press(stage, said, said.press) if said.press is not None else _speak(stage, said)
    stage.bell.ring()
    if not recall(stage.db, "telegram webhook"):
        return Outcome(ids=tuple(ids))
    await push(stage)
    return Outcome(ids=tuple(ids), delivered=pending(stage) == 0)


def pending(stage: Stage) -> int:
    return int(stage.db.execute("select count(*) from updates").fetchone()[0])


def _speak(stage: Stage, said: Said) -> list[str]:
    if len(said.text) > LONGEST_TEXT:
        raise BadRequest(f"text: Telegram takes at most {LONGEST_TEXT} characters")
    contents = _contents(said)
    if not contents:
        raise BadRequest("text: message text is empty")
    if said.reply_to:
        replied = {k: v for k, v in said.reply_to.wire.items() if k != "reply_to_message"}
        contents[0][0]["reply_to_message"] = replied
    with together(stage.db):
        return [_keep(stage, said.person, fields, photos) for fields, photos in contents]


_Content = tuple[dict[str, Any], tuple[Photo, ...]]


def _contents(said: Said) -> list[_Content]:
    """The messages that Telegram's app makes of it, without their common fields."""
    media = _albums([p for p in said.photos if p.is_image])
    media += [({"document": _document(p)}, (p,)) for p in said.photos if not p.is_image]
    contents: list[_Content] = []
    if media and len(said.text) <= LONGEST_CAPTION:
        media[0][0].update({"caption": said.text} if said.text else {})
    elif said.text:
        contents.append(({"text": said.text} | _entities(said.text), ()))
    contents += media
    if said.position:
        place = {"latitude": said.position.lat, "longitude": said.position.long}
        if said.position.accuracy is not None:
            place["horizontal_accuracy"] = said.position.accuracy
        contents.append(({"location": place}, ()))
    return contents


def _albums(photos: Sequence[Photo]) -> list[_Content]:
    contents: list[_Content] = []
    for start in range(0, len(photos), LARGEST_ALBUM):
        album = photos[start : start + LARGEST_ALBUM]
        joined = {"media_group_id": str(10**16 + secrets.randbelow(10**15))} if len(album) > 1 else {}
        contents += [(joined | {"photo": photo_sizes(p)}, (p,)) for p in album]
    return contents


def photo_sizes(photo: Photo) -> list[dict[str, Any]]:
    """The photo's sizes, smallest first and the original last."""
    sizes = [(letter, *fitted(photo, edge)) for letter, edge in SIZES.items()]
    sizes = [size for size in sizes if max(size[1:]) < max(photo.width, photo.height)]
    found = [_file(photo, letter) | {"width": w, "height": h} for letter, w, h in sizes]
    whole = {"width": photo.width, "height": photo.height, "file_size": len(photo.content)}
    return [*found, _file(photo, "w") | whole]


def _file(photo: Photo, letter: str) -> dict[str, Any]:
    kind = "BQAC" if letter == "d" else "AgAC"
    return {"file_id": f"{kind}AgUAAxkB{photo.token}{letter}", "file_unique_id": f"AQAD{photo.token[:14]}{letter}"}


def _document(photo: Photo) -> dict[str, Any]:
    name = f"foto.{photo.ending}"
    return _file(photo, "d") | {
        "file_name": name,
        "mime_type": photo.content_type,
        "file_size": len(photo.content),
    }


def _entities(text: str) -> dict[str, Any]:
    """A leading command is marked."""
    command = re.match(r"/\w+(?:@\w+)?", text, re.ASCII)
    return {"entities": [{"offset": 0, "length": command.end(), "type": "bot_command"}]} if command else {}


def _keep(stage: Stage, who: Person, fields: Mapping[str, Any], photos: tuple[Photo, ...]) -> str:
    body = new_message(stage, who, user(who), fields)
    put_in_thread(stage, who, "in", body, photos=photos)
    add_update(stage, {"message": body})
    return str(body["message_id"])


def user(who: Person) -> dict[str, Any]:
    found = {"id": who.number, "is_bot": False, "first_name": who.name, "language_code": "id"}
    has_username = who.name.isascii() and who.name.isidentifier() and len(who.name) >= 5
    return found | ({"username": who.name} if has_username else {})


def new_message(stage: Stage, who: Person, sender: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A Message as https://core.telegram.org/bots/api#message has it, in the private chat with that person."""
    chat = {k: v for k, v in user(who).items() if k in {"id", "first_name", "username"}} | {"type": "private"}
    number = next_number(stage.db, "telegram message")
    return {"message_id": number, "from": dict(sender), "chat": chat, "date": int(time.time()), **fields}


def put_in_thread(
    stage: Stage,
    who: Person,
    direction: Direction,
    body: Mapping[str, Any],
    *,
    photos: tuple[Photo, ...] = (),
) -> None:
    place = body.get("location", {})
    keep_message(
        stage.db,
        channel="telegram",
        person=who.key,
        id=str(body["message_id"]),
        direction=direction,
        text=body.get("text", body.get("caption", "")),
        lat=place.get("latitude"),
        long=place.get("longitude"),
        buttons=[button["text"] for button in buttons_of(body)],
        wire=body,
        photos=photos,
    )


def buttons_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The buttons under a message, inline or keyboard, in reading order."""
    markup = body.get("reply_markup") or {}
    rows = markup.get("inline_keyboard") or markup.get("keyboard") or []
    return [{"text": b} if isinstance(b, str) else b for row in rows for b in row]


def _press(stage: Stage, said: Said, text: str) -> list[str]:
    """The newest button with these words: a callback query, or a message where it is one of the keyboard's."""
    kept, button = _find_button(stage, said.person, text)
    if "callback_data" in button:
        return [_callback(stage, said.person, kept, button["callback_data"])]
    if "url" in button:
        raise BadRequest(f"press: this button only opens {button['url']}")
    if button.get("request_location"):
        if said.position is None:
            raise BadRequest("press: this button shares a place: give lat and long")
        return _speak(stage, Said(person=said.person, position=said.position))
    return _speak(stage, Said(person=said.person, text=button["text"]))


def _find_button(stage: Stage, who: Person, text: str) -> tuple[Kept, dict[str, Any]]:
    for kept in reversed(thread(stage.db, "telegram", who.key)):
        for button in buttons_of(kept.wire) if kept.direction == "out" else ():
            if button["text"].strip() == text.strip():
                return kept, button
    raise BadRequest(f"press: no button says {text!r}")


def _callback(stage: Stage, who: Person, kept: Kept, value: str) -> str:
    query = {
        "id": str(secrets.randbelow(9 * 10**18) + 10**18),
        "from": user(who),
        "message": dict(kept.wire),
        "chat_instance": str(who.number * 7919),
        "data": value,
    }
    add_update(stage, {"callback_query": query})
    stage.db.execute("insert or replace into kept values (?, '1')", (f"query {query['id']}",))
    return str(query["id"])


def add_update(stage: Stage, body: Mapping[str, Any]) -> None:
    """Queue an update, unless its kind is not among the allowed ones."""
    allowed = recall(stage.db, "telegram allowed")
    kind = next(iter(body))
    if kind in allowed if allowed else kind not in _UNASKED:
        number = next_number(stage.db, "telegram update", at_least=100_000_000 + secrets.randbelow(10**6))
        stage.db.execute("insert into updates (id, body) values (?, ?)", (number, json.dumps(body)))


async def push(stage: Stage) -> None:
    """Send the queued updates to the webhook in order; stop at the first that is not taken and wait longer."""
    async with stage.pushing:
        while hook := recall(stage.db, "telegram webhook"):
            row = stage.db.execute("select * from updates order by id limit 1").fetchone()
            if row is None or stage.push_due > time.monotonic():
                return
            reason = await _push_one(stage, hook, {"update_id": row["id"], **json.loads(row["body"])})
            if reason is None:
                stage.db.execute("delete from updates where id=?", (row["id"],))
                stage.push_tries = 0
                continue
            _wait_longer(stage, hook, reason)


async def _push_one(stage: Stage, hook: Mapping[str, Any], update: Mapping[str, Any]) -> str | None:
    secret = hook.get("secret_token")
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
    try:
        got = await stage.client.post(hook["url"], json=update, headers=headers)
    except httpx.HTTPError as error:
        return type(error).__name__
    if answer_to(got.status_code).state == "taken":
        return None
    return f"Wrong response from the webhook: {got.status_code} {got.reason_phrase}"


def _wait_longer(stage: Stage, hook: Mapping[str, Any], reason: str) -> None:
    stage.push_due = time.monotonic() + wait_after(stage.push_tries)
    stage.push_tries += 1
    failed = {**hook, "last_error_date": int(time.time()), "last_error_message": reason}
    stage.db.execute("insert or replace into kept values ('telegram webhook', ?)", (json.dumps(failed),))
    log.info("telegram webhook: not taken (try %s)", stage.push_tries)


def replied(stage: Stage, number: int) -> dict[str, Any] | None:
    """The message an answer points to, as Telegram shows it inside of the answer."""
    kept = message(stage.db, "telegram", str(number))
    return {k: v for k, v in kept.wire.items() if k != "reply_to_message"} if kept else None
