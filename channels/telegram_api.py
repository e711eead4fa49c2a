"""Speaks to Telegram's Bot API: answers out, photos in, its refusals in our words."""

import asyncio
import json
import logging
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from telegram import Bot, InputFile
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

from channels.fetch import Bounded, Off, PhotoHosts, fetch_photo, named_wait, proxy_for, tls
from channels.protocol import Connection
from channels.telegram_updates import MAX_FILE
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

API = "https://api.telegram.org"
CALL_SECONDS = 10.0
TEXT_UNITS = 4096  # UTF-16 units: https://core.telegram.org/bots/api#sendmessage
CAPTION_UNITS = 1024
PHOTO_SECONDS = 40.0
LOCATION_BUTTON = "📍 Kirim lokasi / Send location"


def retry_after(error: RetryAfter) -> float | None:
    wait = error.retry_after
    return named_wait(wait if isinstance(wait, int) else wait.total_seconds())


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
    async with open_bot(settings) as bot, httpx.AsyncClient(timeout=10, verify=tls()) as client:
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
        """Send the text, in parts of 4096 UTF-16 units, and return "chat:message" of the last.

        The first photo goes with a text that fits under it, as one message; without its bytes, and with a longer
        text, the text goes alone.
        """
        photo = next((each.content for each in message.photos if each.content), None)
        if photo is not None and len(split_text(message.text, CAPTION_UNITS)) == 1:
            with _failures():
                return await self._deliver(_send_message(message, message.text, first=True, last=True), photo)
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

    async def _deliver(self, asked: dict[str, Any], photo: bytes | None = None) -> str:
        try:
            answer = await self._ask(asked, photo)
        except ChatMigrated as moved:
            asked = {**asked, "chat_id": moved.new_chat_id, "reply_parameters": None}
            answer = await self._ask(asked, photo)
        return f"{asked['chat_id']}:{answer['message_id']}"

    async def _ask(self, asked: dict[str, Any], photo: bytes | None) -> Any:
        if photo is None:
            return await call(self.bot, "sendMessage", asked)
        more = {name: asked[name] for name in ("chat_id", "reply_parameters", "reply_markup")}
        more |= {"caption": asked["text"], "photo": InputFile(photo, filename="foto.jpg")}
        return await call(self.bot, "sendPhoto", more, seconds=PHOTO_SECONDS)

    async def fetch(self, attachment: Attachment) -> bytes:
        """Get a file of up to 20 MB by its file_id."""
        if not attachment.ref:
            raise PermanentFailure("the attachment names no file")
        with _failures():
            answer = await call(self.bot, "getFile", {"file_id": attachment.ref})
            path = quote(str(answer["file_path"]).lstrip("/"))
            return await fetch_photo(self.client, f"{self.files}/{path}", self.hosts)

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """The Bot API has no way to look a sent message up. A Telegram that answers nothing is waited for: the
        last try is not spent on it."""
        with _failures():
            await call(self.bot, "getMe", {})
        return CannotTell.CANNOT_TELL


def _send_message(message: OutboundMessage, text: str, *, first: bool, last: bool) -> dict[str, Any]:
    chat, _, number = (message.in_reply_to or "").rpartition(":")
    answers = first and chat == message.to and number.isdecimal()
    reply = {"message_id": int(number), "allow_sending_without_reply": True} if answers else None
    markup = _markup(message) if last else None
    asked = {"chat_id": message.to, "text": text, "reply_parameters": reply, "reply_markup": markup}
    return asked | ({"link_preview_options": {"is_disabled": True}} if message.plain_links else {})


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
        raise TemporaryFailure("Telegram said 429", retry_after=retry_after(error)) from None
    except Refused as error:
        raise TemporaryFailure(f"Telegram said {error}") from None
    except InvalidToken:
        raise TemporaryFailure("Telegram refuses TELEGRAM_TOKEN", retry_after=300) from None
    except Forbidden as error:
        gone = _reason(error) != ": not enough rights"  # a group may forbid this message, and take another
        raise PermanentFailure(f"Telegram said 403{_reason(error)}", of_address=gone) from None
    except BadRequest as error:
        if "temporarily" in str(error):
            raise TemporaryFailure("Telegram said 400: temporarily unavailable") from None
        gone = _reason(error) == ": chat not found"
        raise PermanentFailure(f"Telegram said 400{_reason(error)}", of_address=gone) from None
    except Exception as error:
        never_left = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        raise TemporaryFailure(f"Telegram: {type(error).__name__}", uncertain=not never_left) from None


def _reason(error: Exception) -> str:
    known = ("blocked", "deactivated", "kicked", "chat not found", "not enough rights", "too big", "file_id")
    return next((f": {words}" for words in known if words in str(error).lower()), "")


class Refused(NetworkError):  # noqa: N818
    """An answer that says no for now: nothing was done, so it may be asked again. Its text is the code."""


class _Request(HTTPXRequest):
    """The library tells an outage's 502, which is an answer, from silence by its words only."""

    async def do_request(self, *asked: Any, **more: Any) -> tuple[int, bytes]:
        code, said = await super().do_request(*asked, **more)
        if code in {500, 502, 503} or (300 <= code < 500 and not _is_of_telegram(code, said)):
            raise Refused(str(code))
        return code, said


def _is_of_telegram(code: int, said: bytes) -> bool:
    """Whether it is a no of the Bot API's form, and not of somebody's who stands between us and it; a 429 also
    names a wait that is one."""
    try:
        answer = json.loads(said)
        wait = answer["parameters"]["retry_after"] if code == 429 else 1
        return answer["ok"] is False and isinstance(wait, int) and 0 < wait < 10**9
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


@asynccontextmanager
async def open_bot(settings: Settings) -> AsyncIterator[Bot]:
    """A Bot that asks nothing when it opens, so that a provider that is down delays nobody's start."""
    # these write addresses with the token, and people's words, into the log
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # raw calls are meant: one odd update must not spoil its batch, as the library's classes would
    warnings.filterwarnings("ignore", message="Please use 'Bot|Deprecated since version v22.2")
    api, limits = _api(settings), httpx.Limits(max_connections=16)
    bounded = Bounded(httpx.AsyncHTTPTransport(verify=tls(), limits=limits, proxy=proxy_for(api)))
    request = _Request(read_timeout=10, connect_timeout=5, pool_timeout=5, httpx_kwargs={"transport": bounded})
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


async def call(bot: Bot, method: str, asked: Mapping[str, object], *, seconds: float = CALL_SECONDS) -> Any:
    async with asyncio.timeout(seconds):
        return await bot.do_api_request(method, api_kwargs=dict(asked), read_timeout=seconds)


def _api(settings: Settings) -> str:
    return (settings.telegram_api_url or API).rstrip("/")
