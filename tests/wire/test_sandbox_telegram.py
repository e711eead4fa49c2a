"""Telegram's stand-in, spoken to with python-telegram-bot."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, Conflict, EndPointNotFound, InvalidToken

import sandbox
from sandbox.stage import stage_of
from tests.wire.test_sandbox_stage import JAKARTA, Served, b64, picture, serve, settings_in, until


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


@pytest.fixture
async def bot(served: Served) -> AsyncIterator[Bot]:
    async with bot_of(served) as running:
        yield running


def bot_of(served: Served, token: str | None = None) -> Bot:
    url = served.settings.telegram_api_url
    return Bot(token or served.settings.telegram_token or "", f"{url}/bot", f"{url}/file/bot")


async def messages(bot: Bot) -> list[Message]:
    """The messages of all waiting updates; acknowledges them."""
    updates = await bot.get_updates(timeout=1)
    if updates:
        await bot.get_updates(offset=updates[-1].update_id + 1)
    return [update.message for update in updates if update.message]


async def hello(served: Served, bot: Bot, who: str = "budi") -> int:
    await served.say("telegram", who=who, text="halo")
    (message,) = await messages(bot)
    return message.chat.id


async def test_the_bot_knows_itself(served: Served, bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.is_bot, str(me.id)) == (True, (served.settings.telegram_token or "").partition(":")[0])


async def test_an_update_comes_again_until_the_offset_passes_it(served: Served, bot: Bot) -> None:
    for text in ("satu", "dua", "tiga"):
        await served.say("telegram", who="Budi Santoso", text=text)
    first = await bot.get_updates(limit=2)
    assert [u.message.text for u in first if u.message] == ["satu", "dua"]
    again = await bot.get_updates()
    assert [u.update_id for u in again[:2]] == [u.update_id for u in first]
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [u.message.text for u in rest if u.message] == ["tiga"]
    assert await bot.get_updates(offset=rest[-1].update_id + 1) == ()


async def test_a_negative_offset_forgets_all_but_the_last(served: Served, bot: Bot) -> None:
    for text in ("satu", "dua", "tiga"):
        await served.say("telegram", who="budi", text=text)
    assert [u.message.text for u in await bot.get_updates(offset=-1) if u.message] == ["tiga"]
    assert len(await bot.get_updates()) == 1


async def test_unacknowledged_updates_survive_a_restart(tmp_path: Path) -> None:
    settings = sandbox.prepare(settings_in(tmp_path))
    async with serve(settings) as first, bot_of(first) as bot:
        await first.say("telegram", who="budi", text="banjir")
        (before,) = await bot.get_updates()
    async with serve(settings) as second, bot_of(second) as bot:
        (after,) = await bot.get_updates()
        assert after.to_dict() == before.to_dict()
        await second.say("telegram", who="budi", text="lagi")
        assert (await bot.get_updates())[1].update_id > after.update_id


async def test_a_waiting_poll_wakes_at_a_new_update(served: Served, bot: Bot) -> None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(bot.get_updates(timeout=30))
    await until(lambda: stage_of(served.settings).turn == 1)
    began = loop.time()
    await served.say("telegram", who="budi", text="halo")
    (update,) = await waiting
    assert update.message is not None
    assert loop.time() - began < 2


async def test_a_second_poller_ends_the_first(served: Served, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await until(lambda: stage_of(served.settings).turn == 1)
    async with bot_of(served) as other:
        second = asyncio.create_task(other.get_updates(timeout=2))
        with pytest.raises(Conflict):
            await first
        assert await second == ()


async def test_a_wrong_token_and_an_unknown_method_are_refused(served: Served) -> None:
    token = (served.settings.telegram_token or "")[:-1] + "_"
    with pytest.raises(InvalidToken):
        await bot_of(served, token).get_me()
    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"{served.settings.telegram_api_url}/bot"
        wrong = await http.get(f"{url}{token}/getMe")
        assert (wrong.status_code, wrong.json()["ok"]) == (401, False)
    async with bot_of(served) as bot:
        with pytest.raises(EndPointNotFound):
            await bot.do_api_request("makeCoffee")


async def test_a_captioned_photo_comes_in_sizes_and_can_be_fetched(served: Served, bot: Bot) -> None:
    await served.say("telegram", who="budi", text="Jalan berlubang", photos=[b64(picture())])
    (message,) = await messages(bot)
    assert message.caption == "Jalan berlubang"
    widths = [size.width for size in message.photo]
    assert widths == sorted(widths)
    assert widths[-1] == 1600
    original = await bot.get_file(message.photo[-1].file_id)
    assert bytes(await original.download_as_bytearray()) == picture()
    small = await (await bot.get_file(message.photo[0].file_id)).download_as_bytearray()
    assert small.startswith(b"\xff\xd8")
    assert len(small) < len(picture())


async def test_several_photos_are_an_album_and_the_place_comes_last(served: Served, bot: Bot) -> None:
    photos = [b64(picture()), b64(picture("PNG")), b64(picture())]
    said = await served.say("telegram", who="budi", text="Banjir", photos=photos, **JAKARTA)
    found = await messages(bot)
    assert [str(m.message_id) for m in found] == said["ids"]
    assert len({m.media_group_id for m in found[:3]}) == 1
    assert [m.caption for m in found] == ["Banjir", None, None, None]
    place = found[3].location
    assert place is not None
    assert (place.latitude, place.longitude) == (JAKARTA["lat"], JAKARTA["long"])
    assert [m["photos"] for m in await served.thread("telegram", "budi")] == [1, 1, 1, 0]


async def test_bytes_that_are_no_photo_come_as_a_document(served: Served, bot: Bot) -> None:
    await served.say("telegram", who="budi", text="ini", photos=[b64(b"bukan foto")])
    (message,) = await messages(bot)
    assert message.document is not None
    assert message.document.mime_type == "application/octet-stream"
    file = await bot.get_file(message.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"bukan foto"


async def test_an_answer_carries_the_message_it_answers(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot)
    sent = await bot.send_message(chat, "Di mana?")
    await served.say("telegram", who="budi", text="Di Tebet", reply_to=str(sent.message_id))
    (message,) = await messages(bot)
    assert message.reply_to_message is not None
    assert message.reply_to_message.text == "Di mana?"
    assert message.reply_to_message.message_id == sent.message_id


async def test_a_chat_id_and_a_name_are_one_person(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot, "@Budi")
    assert await served.thread("telegram", "budi") == await served.thread("telegram", str(chat))
    assert await hello(served, bot, "4711") == 4711


async def test_what_the_bot_sends_stands_in_the_thread(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot)
    await bot.send_message(chat, "<b>Diterima</b> &amp; dicatat", parse_mode="HTML")
    await bot.send_photo(chat, picture(), caption="Sesudah")
    await bot.send_location(chat, -6.2, 106.8)
    await bot.send_chat_action(chat, "typing")
    words, photo, place = (await served.thread("telegram", "budi"))[1:]
    assert (words["direction"], words["text"]) == ("out", "Diterima & dicatat")
    assert (photo["text"], photo["photos"]) == ("Sesudah", 1)
    assert (place["lat"], place["long"]) == (-6.2, 106.8)


@pytest.mark.parametrize(
    ("chat", "text", "words"),
    [
        (1, "halo", "chat not found"),
        (10**30, "halo", "chat not found"),
        (None, " ", "message text is empty"),
        (None, "x" * 4097, "message is too long"),
    ],
)
async def test_refusals_are_in_telegrams_words(
    served: Served, bot: Bot, chat: int | None, text: str, words: str
) -> None:
    known = await hello(served, bot)
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_message(chat or known, text)


async def test_an_answer_to_nothing_is_refused_unless_allowed(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot)
    with pytest.raises(BadRequest, match=r"(?i)message to be replied not found"):
        await bot.send_message(chat, "x", reply_parameters=ReplyParameters(999))
    lenient = ReplyParameters(999, allow_sending_without_reply=True)
    assert (await bot.send_message(chat, "x", reply_parameters=lenient)).text == "x"


async def test_an_inline_button_comes_as_a_callback_query(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot)
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Sudah beres", callback_data="close:1")]])
    asked = await bot.send_message(chat, "Sudah?", reply_markup=keyboard)
    assert (await served.thread("telegram", "budi"))[-1]["buttons"] == ["Sudah beres"]
    await served.say("telegram", who="budi", press="Sudah beres")
    (update,) = await bot.get_updates()
    query = update.callback_query
    assert query is not None
    assert query.message is not None
    assert (query.data, query.message.message_id) == ("close:1", asked.message_id)
    assert await query.answer("Terima kasih")
    await bot.edit_message_text("Selesai", chat, asked.message_id)
    last = (await served.thread("telegram", "budi"))[-1]
    assert (last["text"], last["buttons"]) == ("Selesai", [])
    with pytest.raises(BadRequest, match=r"(?i)not modified"):
        await bot.edit_message_reply_markup(chat, asked.message_id)
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await bot.answer_callback_query("1")


async def test_a_keyboard_button_speaks_and_may_share_a_place(served: Served, bot: Bot) -> None:
    chat = await hello(served, bot)
    keys = ReplyKeyboardMarkup([[KeyboardButton("Bagikan lokasi", request_location=True), "Lewati"]])
    await bot.send_message(chat, "Di mana?", reply_markup=keys)
    body: dict[str, Any] = {"from": "budi", "press": "Bagikan lokasi"}
    answer = await served.http.post("/sandbox/api/telegram/messages", json=body)
    assert answer.status_code == 400
    await served.say("telegram", who="budi", press="Bagikan lokasi", **JAKARTA)
    await served.say("telegram", who="budi", press="Lewati")
    place, skipped = await messages(bot)
    assert place.location is not None
    assert skipped.text == "Lewati"


async def test_only_allowed_updates_are_queued(served: Served, bot: Bot) -> None:
    await bot.get_updates(allowed_updates=[Update.CALLBACK_QUERY])
    await served.say("telegram", who="budi", text="tidak")
    await bot.get_updates(allowed_updates=[])
    await served.say("telegram", who="budi", text="ya")
    assert [m.text for m in await messages(bot)] == ["ya"]


async def test_a_webhook_gets_updates_in_order_with_its_secret(served: Served, bot: Bot) -> None:
    await bot.set_webhook(f"{served.settings.base_url}/hooks/telegram", secret_token="rahasia")
    with pytest.raises(Conflict):
        await bot.get_updates()
    await served.say("telegram", who="budi", text="satu")
    served.bot.status = 500
    assert (await served.say("telegram", who="budi", text="dua"))["delivered"] is False
    state = await bot.get_webhook_info()
    assert state.pending_update_count == 1
    assert "500" in (state.last_error_message or "")
    served.bot.status = 200
    await served.say("telegram", who="budi", text="tiga")
    await until(lambda: len(served.bot.heard) == 3)
    assert {headers["X-Telegram-Bot-Api-Secret-Token"] for _, headers, _ in served.bot.heard} == {"rahasia"}
    texts = [json.loads(body)["message"]["text"] for _, _, body in served.bot.heard]
    assert texts == ["satu", "dua", "tiga"]
    await bot.delete_webhook()
    assert await bot.get_updates() == ()
