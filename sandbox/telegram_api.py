"""The Bot API played: getUpdates with its acknowledging and waiting, what a bot can send, and files."""

import asyncio
import html
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.memory import Kept, Person, change_message, message, person_by_number, photo, recall, remember
from sandbox.photos import Photo, read_photo, smaller
from sandbox.stage import Stage
from sandbox.telegram import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    SIZES,
    bot_user,
    buttons_of,
    new_message,
    pending,
    photo_sizes,
    put_in_thread,
    replied,
)

LONGEST_WAIT_SECONDS = 50
LARGEST_DOWNLOAD = 20 * 1024 * 1024
_HANG_UP_SECONDS = 0.5  # how soon a client that went away is noticed

Params = Mapping[str, Any]


class Refused(Exception):  # noqa: N818
    """The Bot API's error answer: https://core.telegram.org/bots/api#making-requests"""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def _bad(words: str) -> Refused:
    return Refused(400, f"Bad Request: {words}")


def wire(stage: Stage) -> list[BaseRoute]:
    """The paths below TELEGRAM_API_URL."""

    async def call(request: Request) -> Response:
        try:
            _check_token(stage, request.path_params["token"])
            method = _METHODS.get(request.path_params["method"].lower(), _unknown)
            return JSONResponse({"ok": True, "result": await method(stage, await _params(request), request)})
        except Refused as error:
            body = {"ok": False, "error_code": error.code, "description": error.words}
            return JSONResponse(body, status_code=error.code)

    async def file(request: Request) -> Response:
        found = re.fullmatch(r"\w+/file_([0-9a-f]{32})([smxywd])\.\w+", request.path_params["path"])
        kept = photo(stage.db, found[1]) if found else None
        if not found or not kept or request.path_params["token"] != stage.settings.telegram_token:
            return JSONResponse({"ok": False, "error_code": 404, "description": "Not Found"}, status_code=404)
        edge = SIZES.get(found[2])
        content = await asyncio.to_thread(smaller, kept, edge) if edge else kept.content
        return Response(content, media_type="application/octet-stream")

    return [
        Route("/bot{token}/{method}", call, methods=["GET", "POST"]),
        Route("/file/bot{token}/{path:path}", file, methods=["GET"]),
    ]


def _check_token(stage: Stage, token: str) -> None:
    if not re.fullmatch(r"\d+:[\w-]+", token):
        raise Refused(404, "Not Found")
    if token != stage.settings.telegram_token:
        raise Refused(401, "Unauthorized")


async def _params(request: Request) -> dict[str, Any]:
    """Parameters from the query, a form, multipart or JSON, whichever came."""
    params: dict[str, Any] = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise _bad("can't parse JSON object") from None
        return params | body if isinstance(body, dict) else params
    form = await request.form()
    return params | {k: await v.read() if isinstance(v, UploadFile) else v for k, v in form.items()}


def _number(params: Params, name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except (TypeError, ValueError):
        raise _bad(f"parameter {name} must be a number") from None


def _object(params: Params, name: str) -> Any:
    """A parameter that is JSON inside of a form."""
    value = params.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise _bad(f"can't parse {name} JSON object") from None


async def _unknown(stage: Stage, params: Params, request: Request) -> object:
    raise Refused(404, "Not Found")


async def _get_me(stage: Stage, params: Params, request: Request) -> object:
    flags = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
    return bot_user(stage) | dict.fromkeys(flags, False)


async def _get_updates(stage: Stage, params: Params, request: Request) -> object:
    if recall(stage.db, "telegram webhook"):
        words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first"
        raise Refused(409, words)
    stage.turn += 1
    mine = stage.turn
    stage.bell.ring()  # ends an older call that still waits
    if "allowed_updates" in params:
        remember(stage.db, "telegram allowed", _object(params, "allowed_updates"))
    _confirm(stage, _number(params, "offset", 0))
    limit = min(max(_number(params, "limit", 100), 1), 100)
    deadline = time.monotonic() + min(max(_number(params, "timeout", 0), 0), LONGEST_WAIT_SECONDS)
    while True:
        if stage.turn != mine:
            words = "Conflict: terminated by other getUpdates request; make sure that only one bot is running"
            raise Refused(409, words)
        rows = stage.db.execute("select * from updates order by id limit ?", (limit,)).fetchall()
        if rows or time.monotonic() >= deadline or await request.is_disconnected():
            return [{"update_id": row["id"], **json.loads(row["body"])} for row in rows]
        await stage.bell.wait(min(_HANG_UP_SECONDS, deadline - time.monotonic()))


def _confirm(stage: Stage, offset: int) -> None:
    """An offset acknowledges all before it; a negative one all but the last so many."""
    if offset < 0:
        last = "select min(id) from (select id from updates order by id desc limit ?)"
        stage.db.execute(f"delete from updates where id < ({last})", (-offset,))  # noqa: S608
    stage.db.execute("delete from updates where id < ?", (offset,))


async def _set_webhook(stage: Stage, params: Params, request: Request) -> object:
    url, secret = str(params.get("url", "")), str(params.get("secret_token", ""))
    if not url:
        return await _delete_webhook(stage, params, request)
    if not re.match(r"https?://", url):
        raise _bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise _bad("secret token contains unallowed characters")
    if "allowed_updates" in params:
        remember(stage.db, "telegram allowed", _object(params, "allowed_updates"))
    _drop_pending(stage, params)
    remember(stage.db, "telegram webhook", {"url": url, "secret_token": secret})
    stage.push_tries, stage.push_due = 0, 0.0
    stage.turn += 1  # a waiting getUpdates ends
    stage.bell.ring()
    return True


async def _delete_webhook(stage: Stage, params: Params, request: Request) -> object:
    _drop_pending(stage, params)
    remember(stage.db, "telegram webhook", None)
    return True


def _drop_pending(stage: Stage, params: Params) -> None:
    if str(params.get("drop_pending_updates", "")).lower() in {"true", "1"}:
        stage.db.execute("delete from updates")


async def _get_webhook(stage: Stage, params: Params, request: Request) -> object:
    hook = recall(stage.db, "telegram webhook") or {"url": ""}
    found = {k: v for k, v in hook.items() if k != "secret_token"}
    allowed = recall(stage.db, "telegram allowed")
    extra = {"has_custom_certificate": False, "pending_update_count": pending(stage)}
    return found | extra | ({"allowed_updates": allowed} if allowed else {})


def _chat(stage: Stage, params: Params) -> Person:
    """The person behind chat_id; a bot can only write to who wrote to it."""
    if "chat_id" not in params:
        raise _bad("chat_id is empty")
    try:
        found = person_by_number(stage.db, "telegram", int(params["chat_id"]))
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise _bad("chat not found")
    return found


def _common(stage: Stage, params: Params) -> dict[str, Any]:
    """reply_markup and the message that is replied to, as fields of the new message."""
    fields: dict[str, Any] = {}
    if markup := _object(params, "reply_markup"):
        fields["reply_markup"] = markup
    reply = _object(params, "reply_parameters") or {"message_id": params.get("reply_to_message_id")}
    if reply.get("message_id") is None:
        return fields
    target = replied(stage, _number(reply, "message_id", 0))
    if target:
        fields["reply_to_message"] = target
    elif str(reply.get("allow_sending_without_reply", "")).lower() != "true":
        raise _bad("message to be replied not found")
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
        raise _bad(f"message {'caption ' if name == 'caption' else ''}is too long")
    return text.strip()


async def _send_message(stage: Stage, params: Params, request: Request) -> object:
    text = _text(params, "text", LONGEST_TEXT)
    if not text:
        raise _bad("message text is empty")
    return _send(stage, params, {"text": text})


async def _send_photo(stage: Stage, params: Params, request: Request) -> object:
    given = params.get("photo")
    if isinstance(given, str) and given.startswith("attach://"):
        given = params.get(given.removeprefix("attach://"))
    if isinstance(given, str):
        known = photo(stage.db, given[-33:-1])
        given = known.content if known else None
    if not given:
        raise _bad("there is no photo in the request")
    sent = read_photo(given)
    if not sent.is_image or not sent.width:
        raise _bad("IMAGE_PROCESS_FAILED")
    caption = _text(params, "caption", LONGEST_CAPTION)
    fields = {"photo": photo_sizes(sent)} | ({"caption": caption} if caption else {})
    return _send(stage, params, fields, (sent,))


async def _send_location(stage: Stage, params: Params, request: Request) -> object:
    try:
        place = {name: float(params[name]) for name in ("latitude", "longitude")}
    except (KeyError, TypeError, ValueError):
        raise _bad("parameters latitude and longitude must be numbers") from None
    return _send(stage, params, {"location": place})


async def _get_file(stage: Stage, params: Params, request: Request) -> object:
    file_id = str(params.get("file_id", ""))
    found = photo(stage.db, file_id[-33:-1])
    if found is None:
        raise _bad("invalid file_id")
    if len(found.content) > LARGEST_DOWNLOAD:
        raise _bad("file is too big")
    letter = file_id[-1]
    path = f"{'documents' if letter == 'd' else 'photos'}/file_{found.token}{letter}.{found.ending}"
    unique = f"AQAD{found.token[:14]}{letter}"
    size = {} if letter in SIZES else {"file_size": len(found.content)}
    return {"file_id": file_id, "file_unique_id": unique, "file_path": path, **size}


async def _answer_query(stage: Stage, params: Params, request: Request) -> object:
    if not recall(stage.db, f"query {params.get('callback_query_id')}"):
        raise _bad("query is too old and response timeout expired or query ID is invalid")
    return True


def _edited(stage: Stage, params: Params) -> Kept:
    _chat(stage, params)
    found = message(stage.db, "telegram", str(params.get("message_id")))
    if found is None or found.direction != "out":
        raise _bad("message to edit not found" if found is None else "message can't be edited")
    return found


def _edit(stage: Stage, kept: Kept, body: dict[str, Any], text: str) -> object:
    if body == kept.wire:
        raise _bad("message is not modified: specified new message content and reply markup are the same")
    body["edit_date"] = int(time.time())
    change_message(stage.db, kept, text=text, buttons=[b["text"] for b in buttons_of(body)], wire=body)
    return _answered(body)


async def _edit_text(stage: Stage, params: Params, request: Request) -> object:
    kept, text = _edited(stage, params), _text(params, "text", LONGEST_TEXT)
    if not text:
        raise _bad("message text is empty")
    rest = {k: v for k, v in kept.wire.items() if k != "reply_markup"}
    markup = _object(params, "reply_markup")
    return _edit(stage, kept, rest | {"text": text} | ({"reply_markup": markup} if markup else {}), text)


async def _edit_markup(stage: Stage, params: Params, request: Request) -> object:
    kept = _edited(stage, params)
    body = {k: v for k, v in kept.wire.items() if k != "reply_markup"}
    markup = _object(params, "reply_markup")
    return _edit(stage, kept, body | ({"reply_markup": markup} if markup else {}), kept.text)


async def _set_commands(stage: Stage, params: Params, request: Request) -> object:
    remember(stage.db, "telegram commands", _object(params, "commands") or [])
    return True


async def _get_commands(stage: Stage, params: Params, request: Request) -> object:
    return recall(stage.db, "telegram commands") or []


async def _send_action(stage: Stage, params: Params, request: Request) -> object:
    _chat(stage, params)
    return True


_METHODS: dict[str, Callable[[Stage, Params, Request], Awaitable[object]]] = {
    "getme": _get_me,
    "getupdates": _get_updates,
    "setwebhook": _set_webhook,
    "deletewebhook": _delete_webhook,
    "getwebhookinfo": _get_webhook,
    "sendmessage": _send_message,
    "sendphoto": _send_photo,
    "sendlocation": _send_location,
    "sendchataction": _send_action,
    "getfile": _get_file,
    "answercallbackquery": _answer_query,
    "editmessagetext": _edit_text,
    "editmessagereplymarkup": _edit_markup,
    "setmycommands": _set_commands,
    "getmycommands": _get_commands,
}
