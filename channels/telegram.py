"""Telegram: citizens' messages in, by long polling or a webhook, and answers out through the Bot API."""

import asyncio
import hmac
import json
import logging
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter
from telegram.request import HTTPXRequest

from channels.fetch import Off, PhotoHosts, fetch_photo, read_body
from channels.protocol import Accept, Connection, Cursor
from channels.telegram_updates import UPDATES, chat_of, decode, parse
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

__all__ = ["connect", "parse", "receive", "routes"]

log = logging.getLogger("lapor.telegram")

API = "https://api.telegram.org"
HOOK = "/hooks/telegram"
POLL_SECONDS = 25
SEND_SECONDS = 20.0
TEXT_UNITS = 4096  # UTF-16 units: https://core.telegram.org/bots/api#sendmessage
MAX_FILE = 20_000_000  # https://core.telegram.org/bots/api#getfile
LOCATION_BUTTON = "📍 Kirim lokasi / Send location"

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

    return [Route(HOOK, hook, methods=["POST"])]


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
    async with _open(settings) as bot:
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
            await _call(bot, "setWebhook", asked)
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
    answer = await _call(bot, "getUpdates", asked, seconds=POLL_SECONDS + 10.0)
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
            _names[bot_id] = str((await _call(bot, "getMe", {}, seconds=5.0)).get("username", ""))
        except Exception as error:
            log.info("getMe: %s", type(error).__name__)


async def _leave_webhook(bot: Bot) -> None:
    """Take a webhook of earlier days off, as polling needs; what waits there stays."""
    try:
        await _call(bot, "deleteWebhook", {"drop_pending_updates": False})
    except Exception as error:
        log.warning("deleteWebhook: %s", type(error).__name__)


async def _answer_press(bot: Bot, press: str) -> None:
    """Take the waiting mark off the citizen's button; a nicety, so failing is fine."""
    try:
        await _call(bot, "answerCallbackQuery", {"callback_query_id": press}, seconds=3.0)
    except Exception as error:
        log.debug("answerCallbackQuery: %s", type(error).__name__)


def _pause(error: Exception, failures: int) -> float:
    named = _retry_after(error) if isinstance(error, RetryAfter) else None
    return min(named or 0.5 * 2 ** min(failures, 6), 300.0)


def _retry_after(error: RetryAfter) -> float:
    wait = error.retry_after
    return float(wait) if isinstance(wait, int) else wait.total_seconds()


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """Open the Bot API for sending and for photos; nothing is asked of Telegram until then."""
    if not settings.telegram_token:
        yield Off("TELEGRAM_TOKEN")
        return
    hosts = PhotoHosts(
        hosts=("api.telegram.org",),
        only=settings.telegram_api_url,
        max_bytes=MAX_FILE,
        missing_is_temporary=True,
    )
    files = f"{_api(settings)}/file/bot{settings.telegram_token}"
    async with _open(settings) as bot, httpx.AsyncClient(timeout=10) as client:
        yield _Connection(bot=bot, client=client, hosts=hosts, files=files)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Connection:
    bot: Bot
    client: httpx.AsyncClient
    hosts: PhotoHosts
    files: str
    # what went out of a long text whose later parts failed: the next try goes on from there
    halfway: dict[int, list[str]] = field(default_factory=dict)

    async def send(self, message: OutboundMessage) -> str:
        """Send the text, in parts of 4096 UTF-16 units, and return "chat:message" of the last."""
        done = self.halfway.get(message.delivery_id, [])
        parts = split_text(message.text)
        with _failures():
            for number in range(len(done), len(parts)):
                asked = _send_message(message, parts[number], first=number == 0, last=number == len(parts) - 1)
                done = [*done, await self._deliver(asked)]
                if number < len(parts) - 1:
                    self.halfway[message.delivery_id] = done
        self.halfway.pop(message.delivery_id, None)
        return done[-1]

    async def _deliver(self, asked: dict[str, Any]) -> str:
        try:
            answer = await _call(self.bot, "sendMessage", asked)
        except ChatMigrated as moved:
            asked = {**asked, "chat_id": moved.new_chat_id, "reply_parameters": None}
            answer = await _call(self.bot, "sendMessage", asked)
        return f"{asked['chat_id']}:{answer['message_id']}"

    async def fetch(self, attachment: Attachment) -> bytes:
        """Get a file of up to 20 MB by its file_id."""
        if not attachment.ref:
            raise PermanentFailure("the attachment names no file")
        with _failures():
            answer = await _call(self.bot, "getFile", {"file_id": attachment.ref})
            path = quote(str(answer["file_path"]).lstrip("/"))
            return await fetch_photo(self.client, f"{self.files}/{path}", self.hosts)

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """The Bot API has no way to look a sent message up."""
        return CannotTell.CANNOT_TELL


def _send_message(message: OutboundMessage, text: str, *, first: bool, last: bool) -> dict[str, Any]:
    chat, _, number = (message.in_reply_to or "").rpartition(":")
    answers = first and chat == message.to and number.isdecimal()
    reply = {"message_id": int(number), "allow_sending_without_reply": True} if answers else None
    markup = _markup(message) if last else None
    return {"chat_id": message.to, "text": text, "reply_parameters": reply, "reply_markup": markup}


def _markup(message: OutboundMessage) -> dict[str, Any] | None:
    """Buttons under the message, or, where a place is asked for, a keyboard with the location button."""
    # groups refuse request_location: https://core.telegram.org/bots/api#keyboardbutton
    if message.ask_position and not message.to.startswith("-"):
        rows: list[list[dict[str, Any]]] = [[{"text": button.text}] for button in message.buttons]
        rows.append([{"text": LOCATION_BUTTON, "request_location": True}])
        return {"keyboard": rows, "resize_keyboard": True, "one_time_keyboard": True}
    if not message.buttons:
        return None
    return {"inline_keyboard": [[{"text": one.text, "callback_data": one.value}] for one in message.buttons]}


def split_text(text: str, limit: int = TEXT_UNITS) -> list[str]:
    """Cut a text into parts of at most `limit` UTF-16 units, at a line's or word's end where there is one."""
    parts = []
    while len(text.encode("utf-16-le")) > 2 * limit:
        head = text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")
        cut = head.rfind("\n") if head.rfind("\n") > len(head) // 2 else head.rfind(" ")
        cut = cut if cut > 0 else len(head)
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [part for part in (*parts, text) if part] or [text]


@contextmanager
def _failures() -> Iterator[None]:
    """Turn whatever goes wrong into TemporaryFailure or PermanentFailure; codes only, never people's words."""
    try:
        yield
    except (TemporaryFailure, PermanentFailure):
        raise
    except RetryAfter as error:
        raise TemporaryFailure("Telegram said 429", retry_after=_retry_after(error)) from None
    except InvalidToken:
        raise TemporaryFailure("Telegram refuses TELEGRAM_TOKEN", retry_after=300) from None
    except Forbidden as error:
        raise PermanentFailure(f"Telegram said 403{_reason(error)}") from None
    except BadRequest as error:
        if "temporarily" in str(error):
            raise TemporaryFailure("Telegram said 400: temporarily unavailable") from None
        raise PermanentFailure(f"Telegram said 400{_reason(error)}") from None
    except Exception as error:
        raise TemporaryFailure(f"Telegram: {type(error).__name__}") from None


def _reason(error: Exception) -> str:
    known = ("blocked", "deactivated", "kicked", "chat not found", "not enough rights", "too big", "file_id")
    return next((f": {words}" for words in known if words in str(error).lower()), "")


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Bot]:
    """A Bot that asks nothing when it opens, so that a provider that is down delays nobody's start."""
    # these write addresses with the token, and people's words, into the log
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # raw calls are meant: one odd update must not spoil its batch, as the library's classes would
    warnings.filterwarnings("ignore", message="Please use 'Bot")
    request = HTTPXRequest(connection_pool_size=16, read_timeout=10, connect_timeout=5, pool_timeout=5)
    api = _api(settings)
    bot = Bot(
        settings.telegram_token or "",
        base_url=f"{api}/bot",
        base_file_url=f"{api}/file/bot",
        request=request,
        get_updates_request=request,
    )
    try:
        yield bot
    finally:
        await request.shutdown()


async def _call(bot: Bot, method: str, asked: Mapping[str, object], *, seconds: float = SEND_SECONDS) -> Any:
    async with asyncio.timeout(seconds):
        return await bot.do_api_request(method, api_kwargs=dict(asked), read_timeout=seconds)


def _api(settings: Settings) -> str:
    return (settings.telegram_api_url or API).rstrip("/")


def _bot_id(settings: Settings) -> str:
    return (settings.telegram_token or "").partition(":")[0]
