"""Telegram: citizens' messages in, by long polling or a webhook, and answers out through the Bot API."""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from telegram import Bot
from telegram.error import Conflict, RetryAfter

from channels.fetch import read_body
from channels.hook import hook_route
from channels.protocol import Accept, Cursor
from channels.telegram_api import call, connect, open_bot, retry_after
from channels.telegram_updates import UPDATES, chat_of, decode, parse
from config.settings import Settings
from normalizer.schema import TemporaryFailure

__all__ = ["bot_name", "connect", "parse", "receive", "routes"]

log = logging.getLogger("lapor.telegram")

HOOK = "/hooks/telegram"
POLL_SECONDS = 25

_names: dict[str, str] = {}  # our bots' user names, by id, as getMe told this process


def routes(settings: Settings, accept: Accept) -> Sequence[BaseRoute]:
    """Give the webhook where TELEGRAM_WEBHOOK_SECRET is set: 403 without it, 503 when it cannot be kept."""
    secret = (settings.telegram_webhook_secret or "").encode()
    if not (settings.telegram_token and secret):
        return []
    bot_id = _bot_id(settings)

    async def hook(request: Request) -> Response:
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(given.encode(), secret):
            return Response(status_code=403)
        raw = await read_body(request)
        update = decode(raw)
        try:
            await _keep(update, raw, bot_id, accept)
        except TemporaryFailure:
            return Response(status_code=503)
        press = _press_id(update)
        # an answer may carry one call: https://core.telegram.org/bots/api#making-requests-when-getting-updates
        return JSONResponse({"method": "answerCallbackQuery", "callback_query_id": press} if press else {})

    return [hook_route(HOOK, hook)]


async def _keep(update: object, raw: bytes, bot_id: str, accept: Accept) -> None:
    number = update.get("update_id") if isinstance(update, dict) else None
    key = number if isinstance(number, int) else sha256(raw).hexdigest()
    meta = {"bot_id": bot_id, "username": _names.get(bot_id, "")}
    await accept(external_id=f"{bot_id}:{key}", lane=chat_of(update), raw=raw, meta=meta)


def _press_id(update: object) -> str | None:
    press = update.get("callback_query") if isinstance(update, dict) else None
    found = press.get("id") if isinstance(press, dict) else None
    return found if isinstance(found, str) else None


async def receive(settings: Settings, accept: Accept, cursor: Cursor) -> None:
    """Poll getUpdates for ever; with TELEGRAM_WEBHOOK_SECRET, tell Telegram our webhook and return.

    The offset moves only after everything before it is kept; nothing that waits at Telegram is dropped.
    """
    if not settings.telegram_token:
        return
    async with open_bot(settings) as bot:
        if settings.telegram_webhook_secret:
            await _set_webhook(bot, settings)
        else:
            await _poll(bot, _bot_id(settings), accept, cursor)


async def _set_webhook(bot: Bot, settings: Settings) -> None:
    asked = {
        "url": settings.base_url + HOOK,
        "secret_token": settings.telegram_webhook_secret,
        "allowed_updates": UPDATES,
    }
    failures = 0
    while True:
        try:
            await call(bot, "setWebhook", asked)
            break
        except Exception as error:
            failures += 1
            log.warning("setWebhook failed: %s", type(error).__name__)
            await asyncio.sleep(_pause(error, failures))
    await _learn_name(bot, _bot_id(settings))


async def _poll(bot: Bot, bot_id: str, accept: Accept, cursor: Cursor) -> None:
    offset: int | None = None
    failures = 0
    while True:
        try:
            offset = offset or _offset(await cursor.get(), bot_id)
            await _learn_name(bot, bot_id)
            offset = await _round(bot, bot_id, accept, cursor, offset)
            failures = 0
        except Exception as error:
            failures += 1
            log.warning("getUpdates: %s, try %d", type(error).__name__, failures)
            if isinstance(error, Conflict) and "webhook" in str(error):
                await _leave_webhook(bot)
            await asyncio.sleep(_pause(error, failures))


def _offset(kept: str | None, bot_id: str) -> int | None:
    owner, _, number = (kept or "").partition(":")
    return int(number) if owner == bot_id and number.isdecimal() else None


async def _round(bot: Bot, bot_id: str, accept: Accept, cursor: Cursor, offset: int | None) -> int | None:
    """Ask once, keep all, then move the cursor; gives the next offset."""
    began = time.monotonic()
    asked = {"offset": offset, "timeout": POLL_SECONDS, "allowed_updates": UPDATES}
    answer = await call(bot, "getUpdates", asked, seconds=POLL_SECONDS + 10.0)
    updates = [one for one in answer if isinstance(one, dict) and isinstance(one.get("update_id"), int)]
    if not updates:
        # a server that does not wait for news must not make us spin
        await asyncio.sleep(max(0.0, began + 0.3 - time.monotonic()))
        return offset
    await _keep_all(updates, bot_id, accept)
    offset = max(int(one["update_id"]) for one in updates) + 1
    await cursor.put(f"{bot_id}:{offset}")
    for press in filter(None, map(_press_id, updates)):
        await _answer_press(bot, press)
    return offset


async def _keep_all(updates: list[dict[str, Any]], bot_id: str, accept: Accept) -> None:
    """Keep a batch: a chat's updates in order, chats side by side so that they share an fsync."""
    lanes: dict[str, list[dict[str, Any]]] = {}
    for update in sorted(updates, key=lambda one: int(one["update_id"])):
        lanes.setdefault(chat_of(update), []).append(update)

    async def keep_lane(lane: list[dict[str, Any]]) -> None:
        for update in lane:
            await _keep(update, json.dumps(update).encode(), bot_id, accept)

    results = await asyncio.gather(*map(keep_lane, lanes.values()), return_exceptions=True)
    for failed in (result for result in results if isinstance(result, BaseException)):
        raise failed


async def _learn_name(bot: Bot, bot_id: str) -> None:
    """Ask who we are, once; groups' messages name the bot. Failing is no reason to wait."""
    if not _names.get(bot_id):
        try:
            _names[bot_id] = str((await call(bot, "getMe", {}, seconds=5.0)).get("username", ""))
        except Exception as error:
            log.info("getMe: %s", type(error).__name__)


def bot_name(settings: Settings) -> str:
    """The user name under which people find our bot; "" where it is not known. TELEGRAM_NAME, or what Telegram
    itself told this process: a stand-in's name may be somebody else's at Telegram."""
    if settings.telegram_name:
        return settings.telegram_name.removeprefix("@")
    return "" if settings.telegram_api_url or not settings.telegram_token else _names.get(_bot_id(settings), "")


async def _leave_webhook(bot: Bot) -> None:
    """Take a webhook of earlier days off, as polling needs; what waits there stays."""
    try:
        await call(bot, "deleteWebhook", {"drop_pending_updates": False})
    except Exception as error:
        log.warning("deleteWebhook: %s", type(error).__name__)


async def _answer_press(bot: Bot, press: str) -> None:
    """Take the waiting mark off the citizen's button; a nicety, so failing is fine."""
    try:
        await call(bot, "answerCallbackQuery", {"callback_query_id": press}, seconds=3.0)
    except Exception as error:
        log.debug("answerCallbackQuery: %s", type(error).__name__)


def _pause(error: Exception, failures: int) -> float:
    named = retry_after(error) if isinstance(error, RetryAfter) else None
    return min(named or 0.25 * 2 ** min(failures, 7), 300.0)


def _bot_id(settings: Settings) -> str:
    return (settings.telegram_token or "").partition(":")[0]
