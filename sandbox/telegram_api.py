"""The Bot API played: getUpdates with its acknowledging and waiting, the webhook, and files."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.memory import photo, recall, remember
from sandbox.photos import smaller
from sandbox.stage import Stage
from sandbox.telegram import SIZES, bot_user, pending
from sandbox.telegram_send import (
    Params,
    Refused,
    answer_query,
    bad,
    edit_markup,
    edit_text,
    number_of,
    object_of,
    send_action,
    send_location,
    send_message,
    send_photo,
)

LONGEST_WAIT_SECONDS = 50
LARGEST_DOWNLOAD = 20 * 1024 * 1024
_HANG_UP_SECONDS = 0.5  # how soon a client that went away is noticed


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
            raise bad("can't parse JSON object") from None
        return params | body if isinstance(body, dict) else params
    form = await request.form()
    return params | {k: await v.read() if isinstance(v, UploadFile) else v for k, v in form.items()}


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
        remember(stage.db, "telegram allowed", object_of(params, "allowed_updates"))
    _confirm(stage, number_of(params, "offset", 0))
    limit = min(max(number_of(params, "limit", 100), 1), 100)
    deadline = time.monotonic() + min(max(number_of(params, "timeout", 0), 0), LONGEST_WAIT_SECONDS)
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
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise bad("secret token contains unallowed characters")
    if "allowed_updates" in params:
        remember(stage.db, "telegram allowed", object_of(params, "allowed_updates"))
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


async def _get_file(stage: Stage, params: Params, request: Request) -> object:
    file_id = str(params.get("file_id", ""))
    found = photo(stage.db, file_id[-33:-1])
    if found is None:
        raise bad("invalid file_id")
    if len(found.content) > LARGEST_DOWNLOAD:
        raise bad("file is too big")
    letter = file_id[-1]
    path = f"{'documents' if letter == 'd' else 'photos'}/file_{found.token}{letter}.{found.ending}"
    unique = f"AQAD{found.token[:14]}{letter}"
    size = {} if letter in SIZES else {"file_size": len(found.content)}
    return {"file_id": file_id, "file_unique_id": unique, "file_path": path, **size}


async def _set_commands(stage: Stage, params: Params, request: Request) -> object:
    remember(stage.db, "telegram commands", object_of(params, "commands") or [])
    return True


async def _get_commands(stage: Stage, params: Params, request: Request) -> object:
    return recall(stage.db, "telegram commands") or []


_METHODS: dict[str, Callable[[Stage, Params, Request], Awaitable[object]]] = {
    "getme": _get_me,
    "getupdates": _get_updates,
    "setwebhook": _set_webhook,
    "deletewebhook": _delete_webhook,
    "getwebhookinfo": _get_webhook,
    "sendmessage": send_message,
    "sendphoto": send_photo,
    "sendlocation": send_location,
    "sendchataction": send_action,
    "getfile": _get_file,
    "answercallbackquery": answer_query,
    "editmessagetext": edit_text,
    "editmessagereplymarkup": edit_markup,
    "setmycommands": _set_commands,
    "getmycommands": _get_commands,
}
