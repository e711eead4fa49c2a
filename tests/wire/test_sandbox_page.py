"""The sandbox page in a real Chromium: a citizen writes, attaches, shares a place and presses a button."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from twilio.rest import Client

import sandbox
from tests.wire.test_sandbox_stage import Served, serve, settings_in, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED: there is no chromium on this machine"),
]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


@pytest.fixture
async def page(served: Served) -> AsyncIterator[Page]:
    complaints: list[str] = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        shown = await browser.new_page(viewport={"width": 1440, "height": 860})
        shown.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        await shown.goto(f"{served.settings.base_url}/sandbox")
        yield shown
        await browser.close()
    assert complaints == []


async def test_a_citizen_writes_an_sms_and_reads_the_answer(served: Served, page: Page) -> None:
    phone = page.locator("#phone-sms")
    await phone.locator("textarea").fill("Lampu jalan mati <b>di Tebet</b>")
    await phone.locator("textarea").press("Enter")
    await expect(phone.locator(".bubble.mine .body")).to_contain_text("Lampu jalan mati <b>di Tebet</b>")
    settings = served.settings
    client = Client(settings.twilio_account_sid, settings.twilio_auth_token)
    client.api.base_url = settings.twilio_api_url
    number = await phone.locator(".from").input_value()
    await asyncio.to_thread(client.messages.create, to=number, from_=settings.twilio_number, body="Diterima")
    await expect(phone.locator(".bubble:not(.mine) .body")).to_contain_text("Diterima")


async def test_a_photo_a_place_and_a_button_on_telegram(served: Served, page: Page) -> None:
    phone = page.locator("#phone-telegram")
    await phone.locator(".sample").click()
    await expect(phone.locator(".ready canvas")).to_have_count(1)
    await phone.locator(".place").click()
    await phone.get_by_role("button", name="Stasiun Manggarai").click()
    await phone.locator("textarea").fill("Jalan berlubang")
    await phone.locator(".send").click()
    await expect(phone.locator(".bubble.mine")).to_have_count(2)
    await until(lambda: phone.locator("img").evaluate("image => image.naturalWidth > 0"))
    url = served.settings.telegram_api_url
    async with Bot(served.settings.telegram_token or "", f"{url}/bot", f"{url}/file/bot") as bot:
        updates = await bot.get_updates(timeout=5)
        assert updates[0].message is not None
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("Sudah beres", callback_data="close")]])
        await bot.send_message(updates[0].message.chat.id, "Sudah?", reply_markup=keys)
        await phone.get_by_role("button", name="Sudah beres").click()
        pressed = await bot.get_updates(offset=updates[-1].update_id + 1, timeout=5)
        assert pressed[0].callback_query is not None
        assert pressed[0].callback_query.data == "close"


async def test_the_page_speaks_english_too(page: Page) -> None:
    await expect(page.locator(".note")).to_contain_text("tidak ada pesan yang keluar")
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".note")).to_contain_text("no message leaves this machine")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Five citizens’ phones")
