"""Telegram on the wire: a Bot API of the test's own that is late, busy, broken, or gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from channels import telegram
from channels.fetch import LARGEST_ANSWER, LONGEST_NAMED
from channels.hook import in_front
from channels.telegram_api import split_text
from config.settings import Settings, read_settings
from normalizer.schema import (
    Attachment,
    Button,
    CannotTell,
    InboundMessage,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)
from tests.wire.loopback import Kept, Place, answering, serving, until

TOKEN = "70012345:TEST-token"
SECRET = "rahasia_sekali"


@dataclass
class BotApi:
    """Keeps updates until an offset confirms them, as Telegram does; `script` holds answers to give first."""

    updates: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    script: dict[str, list[Response]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    number: int = 1000

    async def answer(self, request: Request) -> Response:
        if request.url.path.startswith(f"/file/bot{TOKEN}/"):
            return Response(self.files[request.url.path.rpartition("/")[2]])
        method = request.url.path.rpartition("/")[2]
        asked = {name: decoded(value) for name, value in (await request.form()).items()}
        self.calls.append((method, asked))
        if self.script.get(method):
            return self.script[method].pop(0)
        answers = {
            "getMe": {"id": 70012345, "is_bot": True, "first_name": "Lapor", "username": "lapor_dki_bot"},
            "sendMessage": {"message_id": self.number, "chat": {"id": asked.get("chat_id")}},
            "sendPhoto": {"message_id": self.number, "chat": {"id": asked.get("chat_id")}},
            "getFile": {"file_id": "f", "file_path": "photos/file_1.jpg"},
        }
        self.number += method in {"sendMessage", "sendPhoto"}
        result = await self.waiting(asked) if method == "getUpdates" else answers.get(method, True)
        return JSONResponse({"ok": True, "result": result})

    async def waiting(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        self.updates = [one for one in self.updates if one["update_id"] >= asked.get("offset", 0)]
        if not self.updates:
            await asyncio.sleep(0.05)
        return self.updates[:100]

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [asked for name, asked in self.calls if name == method]


def decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):  # a file
        return value


def refusal(code: int, description: str, **parameters: Any) -> Response:
    answer = {"ok": False, "error_code": code, "description": description}
    return JSONResponse({**answer, "parameters": parameters} if parameters else answer, status_code=code)


def said(number: int, text: str = "halo", chat: int = 7) -> dict[str, Any]:
    message = {"message_id": number, "chat": {"id": chat, "type": "private"}, "from": {"id": chat}, "text": text}
    return {"update_id": number, "message": message}


def told(**changes: Any) -> OutboundMessage:
    kwargs = {"delivery_id": 1, "channel": "telegram", "account": "70012345", "to": "7", "text": "Terima kasih"}
    return OutboundMessage(**{**kwargs, **changes})


def at(api_url: str, **more: Any) -> Settings:
    return read_settings(_env_file=None, telegram_token=TOKEN, telegram_api_url=api_url + "/", **more)


@pytest.fixture
def api() -> BotApi:
    return BotApi()


@asynccontextmanager
async def listening(api: BotApi, kept: Kept, cursor: Place) -> AsyncIterator[None]:
    async with serving(answering(api.answer)) as url:
        task = asyncio.create_task(telegram.receive(at(url), kept.accept, cursor))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_updates_are_kept_in_order_and_then_confirmed(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    api.updates = [said(5), said(6), said(7, chat=8)]
    async with listening(api, kept, cursor):
        await until(lambda: not api.updates)
    assert sorted(kept.ids) == ["70012345:5", "70012345:6", "70012345:7"]
    assert [row[0] for row in kept.rows if row[1] == "7"] == ["70012345:5", "70012345:6"]
    assert cursor.values == ["70012345:8"]
    assert kept.rows[0][3] == {"bot_id": "70012345", "username": "lapor_dki_bot"}
    assert api.asked("getUpdates")[0]["timeout"] >= 20


async def test_the_offset_waits_until_the_journal_can_keep_again(api: BotApi) -> None:
    kept, cursor = Kept(is_full=True), Place()
    api.updates = [said(5)]
    async with listening(api, kept, cursor):
        await until(lambda: kept.refused >= 2)
        assert [one["update_id"] for one in api.updates] == [5]
        assert cursor.values == []
        kept.is_full = False
        await until(lambda: cursor.values == ["70012345:6"])
    assert kept.ids == ["70012345:5"]


async def test_a_restart_goes_on_behind_what_was_kept(api: BotApi) -> None:
    kept, cursor = Kept(), Place(["70012345:6"])
    api.updates = [said(5), said(6)]
    async with listening(api, kept, cursor):
        await until(lambda: len(kept.ids) == 1)
    assert kept.ids == ["70012345:6"]


async def test_another_bots_offset_hides_nothing(api: BotApi) -> None:
    kept, cursor = Kept(), Place(["999:600"])
    api.updates = [said(5)]
    async with listening(api, kept, cursor):
        await until(lambda: len(kept.ids) == 1)
    assert "offset" not in api.asked("getUpdates")[0]


async def test_an_odd_update_does_not_spoil_its_batch(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    odd = {"update_id": 6, "message": {"message_id": "x", "date": "kemarin", "chat": 7, "photo": {"a": 1}}}
    api.updates = [said(5), odd, said(7)]
    async with listening(api, kept, cursor):
        await until(lambda: cursor.values == ["70012345:8"])
    heard = [telegram.parse(row[2], row[3]) for row in kept.rows]
    assert len(heard) == 3
    assert sum(bool(getattr(one[0], "unreadable", None)) for one in heard) == 1


async def test_polling_goes_on_after_whatever_telegram_answers(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    api.script["getUpdates"] = [
        refusal(429, "Too Many Requests: retry after 1", retry_after=1),
        refusal(502, "Bad Gateway"),
        PlainTextResponse("<html>no JSON</html>"),
        JSONResponse({"ok": True, "result": None}),
    ]
    api.updates = [said(5)]
    async with listening(api, kept, cursor):
        await until(lambda: kept.ids == ["70012345:5"], seconds=20)
    assert api.script["getUpdates"] == []


async def test_a_webhook_of_earlier_days_is_taken_off_and_drops_nothing(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    words = (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook"
    )
    api.script["getUpdates"] = [refusal(409, words)]
    api.updates = [said(5)]
    async with listening(api, kept, cursor):
        await until(lambda: kept.ids == ["70012345:5"])
    assert api.asked("deleteWebhook") == [{"drop_pending_updates": False}]


async def test_another_poller_is_waited_for(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    api.script["getUpdates"] = [refusal(409, "Conflict: terminated by other getUpdates request")]
    api.updates = [said(5)]
    async with listening(api, kept, cursor):
        await until(lambda: kept.ids == ["70012345:5"])
    assert api.asked("deleteWebhook") == []


async def test_a_pressed_button_is_kept_and_stops_blinking(api: BotApi) -> None:
    kept, cursor = Kept(), Place()
    api.updates = [{"update_id": 5, "callback_query": {"id": "77", "from": {"id": 7}, "data": "ya"}}]
    async with listening(api, kept, cursor):
        await until(lambda: bool(api.asked("answerCallbackQuery")))
    assert kept.ids == ["70012345:5"]
    assert api.asked("answerCallbackQuery") == [{"callback_query_id": 77}]


@asynccontextmanager
async def hooked(kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    settings = at("http://127.0.0.1:9", telegram_webhook_secret=SECRET)
    routes = telegram.routes(settings, kept.accept)
    async with (
        serving(in_front(routes, Starlette(routes=routes))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


def signed(**more: str) -> dict[str, str]:
    return {"X-Telegram-Bot-Api-Secret-Token": SECRET, **more}


async def test_the_webhook_keeps_what_carries_the_secret_whatever_its_type() -> None:
    kept = Kept()
    async with hooked(kept) as client:
        for kind in ("application/json", "application/json; charset=utf-8", "text/plain"):
            headers = signed(**{"Content-Type": kind})
            answer = await client.post("/hooks/telegram", content=json.dumps(said(5)), headers=headers)
            assert answer.status_code == 200
    assert kept.ids == ["70012345:5"]


@pytest.mark.parametrize("secret", ["", "salah", SECRET + "x", "sécret"])
async def test_a_wrong_secret_is_refused_and_nothing_kept(secret: str) -> None:
    kept = Kept()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret.encode("latin-1")}
    async with hooked(kept) as client:
        answer = await client.post("/hooks/telegram", json=said(5), headers=headers)
    assert answer.status_code == 403
    assert kept.ids == []


async def test_the_webhook_says_503_while_nothing_can_be_kept() -> None:
    kept = Kept(is_full=True)
    async with hooked(kept) as client:
        answer = await client.post("/hooks/telegram", json=said(5), headers=signed())
    assert answer.status_code == 503


async def test_what_cannot_be_read_is_kept_once_and_thanked() -> None:
    kept = Kept()
    async with hooked(kept) as client:
        for _ in range(2):
            answer = await client.post("/hooks/telegram", content=b'{"update_id": 1,', headers=signed())
            assert answer.status_code == 200
    assert len(kept.ids) == 1


async def test_a_body_over_the_limit_is_refused_even_when_it_names_no_length() -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    kept = Kept()
    async with hooked(kept) as client:
        answer = await client.post("/hooks/telegram", content=flood(), headers=signed())
    assert answer.status_code == 413
    assert kept.ids == []


async def test_the_webhook_answers_a_press_in_its_own_answer() -> None:
    async with hooked(Kept()) as client:
        update = {"update_id": 5, "callback_query": {"id": "77", "from": {"id": 7}, "data": "ya"}}
        answer = await client.post("/hooks/telegram", json=update, headers=signed())
    assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": "77"}


async def test_with_a_secret_telegram_is_told_our_webhook_until_it_listens(api: BotApi) -> None:
    api.script["setWebhook"] = [refusal(500, "Internal Server Error")]
    async with serving(answering(api.answer)) as url:
        settings = at(url, telegram_webhook_secret=SECRET, public_url="https://lapor.example/")
        await asyncio.wait_for(telegram.receive(settings, Kept().accept, Place()), 10)
    assert len(api.asked("setWebhook")) == 2
    asked = api.asked("setWebhook")[1]
    assert asked["url"] == "https://lapor.example/hooks/telegram"
    assert asked["secret_token"] == SECRET
    assert "edited_message" in asked["allowed_updates"]
    assert "drop_pending_updates" not in asked


async def test_without_a_token_the_channel_is_off() -> None:
    settings = read_settings(_env_file=None)
    assert telegram.routes(settings, Kept().accept) == []
    await telegram.receive(settings, Kept().accept, Place())
    async with telegram.connect(settings) as connection:
        with pytest.raises(PermanentFailure, match="TELEGRAM_TOKEN"):
            await connection.send(told())


async def test_an_answer_points_at_the_message_it_answers(api: BotApi) -> None:
    buttons = (Button(text="Sudah beres", value="c:1:yes"), Button(text="Belum", value="c:1:no"))
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        assert await connection.send(told(in_reply_to="7:31", buttons=buttons)) == "7:1000"
        assert await connection.find(told()) is CannotTell.CANNOT_TELL
    (asked,) = api.asked("sendMessage")
    assert asked["reply_parameters"] == {"message_id": 31, "allow_sending_without_reply": True}
    assert [row[0]["callback_data"] for row in asked["reply_markup"]["inline_keyboard"]] == ["c:1:yes", "c:1:no"]
    assert "parse_mode" not in asked


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_the_environments_proxy_is_used(api: BotApi, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serving(answering(api.answer)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("http://", scheme))
        async with telegram.connect(at("http://telegram.invalid")) as connection:
            assert await connection.send(told())


async def test_a_question_for_the_place_brings_a_location_button_but_not_to_groups(api: BotApi) -> None:
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        await connection.send(told(ask_position=True))
        await connection.send(told(ask_position=True, to="-100200"))
    private, group = api.asked("sendMessage")
    assert private["reply_markup"]["keyboard"][-1][0]["request_location"] is True
    assert "reply_markup" not in group


async def test_a_reply_to_what_we_sent_names_the_id_that_send_gave(api: BotApi) -> None:
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        sent = await connection.send(told())
    update = said(6)
    update["message"]["reply_to_message"] = {"message_id": 1000}
    (heard,) = telegram.parse(json.dumps(update).encode(), {"bot_id": "70012345"})
    assert isinstance(heard, InboundMessage)
    assert heard.in_reply_to == (sent,)


async def test_a_long_text_goes_in_parts_and_resumes_at_the_part_that_failed(api: BotApi) -> None:
    text = " ".join(f"kata😀{number}" for number in range(1000))
    busy = refusal(429, "Too Many Requests: retry after 3", retry_after=3)
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        api.script["sendMessage"] = []
        first_part = split_text(text)[0]
        api.script["sendMessage"] = [JSONResponse({"ok": True, "result": {"message_id": 999}}), busy]
        with pytest.raises(TemporaryFailure) as failed:
            await connection.send(told(text=text, in_reply_to="7:31"))
        await connection.send(told(text=text, in_reply_to="7:31"))
    assert failed.value.retry_after == 3
    texts = [asked["text"] for asked in api.asked("sendMessage")]
    assert texts.count(first_part) == 1
    assert len(split_text(text)) == 3
    assert all(len(part.encode("utf-16-le")) <= 8192 for part in texts)
    assert " ".join(dict.fromkeys(texts)) == text


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(403, "Forbidden: bot was blocked by the user"), PermanentFailure, "403: blocked"),
        (refusal(403, "Forbidden: user is deactivated"), PermanentFailure, "403: deactivated"),
        (refusal(400, "Bad Request: chat not found"), PermanentFailure, "400: chat not found"),
        (refusal(400, "Bad Request: nomor 0812 rahasia"), PermanentFailure, "400$"),
        (refusal(401, "Unauthorized"), TemporaryFailure, "TELEGRAM_TOKEN"),
        (refusal(500, "Internal Server Error"), TemporaryFailure, "Telegram"),
        (PlainTextResponse("upstream timed out", status_code=504), TemporaryFailure, "Telegram"),
        (PlainTextResponse("not JSON at all"), TemporaryFailure, "Telegram"),
        (JSONResponse({"ok": True, "result": {}}), TemporaryFailure, "KeyError"),
    ],
)
async def test_a_refusal_says_whether_to_try_again(
    api: BotApi, answer: Response, kind: type[Exception], words: str
) -> None:
    api.script["sendMessage"] = [answer]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(kind, match=words) as failed:
            await connection.send(told())
    assert TOKEN not in str(failed.value)
    assert "rahasia" not in str(failed.value)
    gone = {"403: blocked", "403: deactivated", "400: chat not found"}
    assert getattr(failed.value, "of_address", False) is (words in gone)


@pytest.mark.parametrize(
    ("answer", "may_have_arrived"),
    [
        (refusal(500, "Internal Server Error"), False),
        (PlainTextResponse("<html>Bad Gateway", status_code=502), False),
        (PlainTextResponse("<html>no server", status_code=503), False),
        (PlainTextResponse("Too Many Requests", status_code=429), False),
        (refusal(429, "Too Many Requests", retry_after=0), False),
        (refusal(429, "Too Many Requests", retry_after=-5), False),
        (refusal(429, "Too Many Requests", retry_after="soon"), False),
        (refusal(429, "Too Many Requests", retry_after=1e30), False),
        (PlainTextResponse("<html>a proxy's page", status_code=400), False),
        (PlainTextResponse("<html>a proxy's page", status_code=403), False),
        (PlainTextResponse("", status_code=302, headers={"location": "/login"}), False),
        (PlainTextResponse("upstream timed out", status_code=504), True),
        (PlainTextResponse("not JSON at all"), True),
    ],
)
async def test_an_outages_no_is_told_from_silence(api: BotApi, answer: Response, may_have_arrived: bool) -> None:
    api.script["sendMessage"] = [answer]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure) as failed:
            await connection.send(told())
    assert failed.value.uncertain is may_have_arrived


async def test_an_answer_that_is_too_large_is_none(api: BotApi) -> None:
    api.script["sendMessage"] = [Response(bytes(LARGEST_ANSWER + 1), media_type="application/json")]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure, match="NetworkError"):
            await connection.send(told())


async def test_a_wait_of_years_is_no_wait_of_years(api: BotApi) -> None:
    api.script["sendMessage"] = [refusal(429, "Too Many Requests", retry_after=315_360_000)]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure) as failed:
            await connection.send(told())
    assert failed.value.retry_after == LONGEST_NAMED


async def test_the_last_try_is_not_spent_on_a_telegram_that_answers_nothing(api: BotApi) -> None:
    api.script["getMe"] = [PlainTextResponse("not JSON at all")]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure):
            await connection.find(told())
        assert await connection.find(told()) is CannotTell.CANNOT_TELL


async def test_a_group_that_became_a_supergroup_is_followed(api: BotApi) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    api.script["sendMessage"] = [refusal(400, words, migrate_to_chat_id=-100777)]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        assert await connection.send(told(to="-55")) == "-100777:1000"


async def test_a_telegram_that_is_down_is_a_temporary_failure() -> None:
    async with telegram.connect(at("http://127.0.0.1:9")) as connection:
        with pytest.raises(TemporaryFailure):
            await connection.send(told())
        with pytest.raises(TemporaryFailure):
            await connection.fetch(Attachment(ref="f"))


async def test_a_photo_is_fetched_by_its_file_id(api: BotApi) -> None:
    api.files["file_1.jpg"] = b"\xff\xd8jpeg"
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        assert await connection.fetch(Attachment(ref="AgAC-besar")) == b"\xff\xd8jpeg"
    assert api.asked("getFile") == [{"file_id": "AgAC-besar"}]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Bad Request: file is too big", PermanentFailure),
        ("Bad Request: wrong file_id or the file is temporarily unavailable", TemporaryFailure),
        ("Bad Request: invalid file_id", PermanentFailure),
    ],
)
async def test_a_photo_that_telegram_does_not_give(api: BotApi, words: str, kind: type[Exception]) -> None:
    api.script["getFile"] = [refusal(400, words)]
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(kind):
            await connection.fetch(Attachment(ref="f"))


async def test_the_log_holds_neither_token_nor_words(api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    kept, cursor = Kept(), Place()
    api.updates = [said(5, text="alamat saya di Tebet")]
    api.script["sendMessage"] = [PlainTextResponse("Tebet, tanpa JSON")]
    async with listening(api, kept, cursor):
        await until(lambda: kept.ids == ["70012345:5"])
    async with serving(answering(api.answer)) as url, telegram.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure):
            await connection.send(told(text="Tebet"))
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert "TEST-token" not in written
    assert "Tebet" not in written
