"""People in chats on Telegram: updates pushed to our webhook over HTTP, and what we say at a Bot API that listens."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from router.clock import tick
from router.outbox import deliver_due, open_connections
from store.models import Base
from store.work import is_any_due
from tests.unit.houses import Town
from tests.wire.loopback import answering, serving
from tests.wire.test_telegram import TOKEN, BotApi
from tests.wire.test_web_channel import Room, room_in

SECRET = "rahasia"
BOT = int(TOKEN.partition(":")[0])
_numbers = count(1)


@dataclass
class Chats:
    """A served house and the Bot API that it speaks to."""

    room: Room
    api: BotApi
    said: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def town(self) -> Town:
        return Town(house=self.room.house, clock=self.room.house.now)  # type: ignore[arg-type]

    def rows(self, model: type[Base], **where: Any) -> list[Any]:
        return self.town.rows(model, **where)

    def push(self, update: dict[str, Any]) -> None:
        """Telegram tells us something, and it is worked off."""
        heads = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        body = {"update_id": next(_numbers), **update}
        assert self.room.http.post("/hooks/telegram", json=body, headers=heads).status_code == 200
        self.room.work()

    def say(
        self, text: str = "", chat: int = 7, reply_to: int | None = None, username: str | None = None, **more: Any
    ) -> int:
        """Somebody writes in a chat; the message's number. A negative chat is a group, with a `username` one that
        is open to everybody."""
        number = next(self.numbers) + 5000
        kind = "private" if chat > 0 else "supergroup"
        person = {"id": abs(chat) % 1000 + 3, "first_name": "Sri", "is_bot": False, "language_code": "id"}
        room = {"id": chat, "type": kind} | ({"username": username} if username else {})
        message = {"message_id": number, "chat": room, "from": person, "date": 1_793_000_000}
        message |= {"text": text} if text else {}
        if reply_to is not None:
            message["reply_to_message"] = {"message_id": reply_to, "from": {"id": BOT, "is_bot": True}}
        self.push({"message": {**message, **more}})
        return number

    def press(self, value: str, number: int, chat: int = 7) -> None:
        """Somebody presses a button under one of our messages."""
        kind = "private" if chat > 0 else "supergroup"
        message = {"message_id": number, "chat": {"id": chat, "type": kind}, "from": {"id": BOT, "is_bot": True}}
        query = {"id": str(next(self.numbers)), "from": {"id": 9, "is_bot": False, "first_name": "Sri"}}
        self.push({"callback_query": {**query, "message": message, "data": value}})

    def heard(self) -> list[dict[str, Any]]:
        """Send all that is due; what went to Telegram since the last look."""
        with self.room.house.store.read() as session:
            is_due = is_any_due(session, self.room.house.now(), "telegram")
        if is_due:
            asyncio.run(self._all_due())
        sends = [asked for name, asked in self.api.calls if name in {"sendMessage", "sendPhoto"}]
        new, self.said = sends[self.said :], len(sends)
        return new

    async def _all_due(self) -> None:
        async with open_connections(self.room.house.settings) as connections:
            while await deliver_due(self.room.house, connections, channel="telegram"):
                pass

    def answer(self) -> str:
        """The one message that went since the last look."""
        (only,) = self.heard()
        return str(only.get("text") or only.get("caption"))

    def wake_at(self, at: datetime) -> list[dict[str, Any]]:
        """The clock shows it, and does what is due; what went to Telegram."""
        self.room.house.now.at = at  # type: ignore[attr-defined]
        while tick(self.room.house):
            pass
        return self.heard()


@contextmanager
def chats_in(folder: Path, **settings: object) -> Iterator[Chats]:
    """A house on `folder` and its Bot API, each with a port of its own."""
    api, loop = BotApi(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = serving(answering(api.answer))
    url = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(30)
    said = {"telegram_token": TOKEN, "telegram_api_url": url, "telegram_webhook_secret": SECRET, **settings}
    with room_in(folder, **said) as room:
        yield Chats(room=replace(room), api=api)
    asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
