"""A citizen on a sandbox phone, an official at the desk, in a real Chromium; the README's pictures come from here."""

import os
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from town import ROOT, Town

pytestmark = pytest.mark.browser

SCREENS = ROOT / "docs" / "screens"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="id-ID")
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def keep_screen(page: Page, name: str) -> None:
    """Only when asked (`KEEP_SCREENS=1`): the README's pictures do not change with every test run."""
    if os.environ.get("KEEP_SCREENS"):
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENS / f"{name}.png")
        with Image.open(SCREENS / f"{name}.png") as taken:  # half the bytes, and nobody sees it
            small = taken.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(SCREENS / f"{name}.png", optimize=True)


def first_password(town: Town) -> str:
    name, password = (town.folder / "data" / "first-login").read_text().split()
    assert name == "admin"
    return password


def log_in(page: Page, town: Town, name: str, password: str) -> None:
    page.goto(f"{town.url}/desk")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("button.main")


def first_log_in(page: Page, town: Town) -> None:
    """The first admin's way: the one-time password must be changed before anything else."""
    one_time, new = first_password(town), "gerobak-bakso-lewat-sini"
    log_in(page, town, "admin", one_time)
    page.fill("#old", one_time)
    page.fill("#new", new)
    page.fill("#again", new)
    page.click("button.main")
    if page.locator("#password").count():
        log_in(page, town, "admin", new)


def say_on_phone(page: Page, channel: str, text: str, *, place: str | None = None) -> None:
    phone = page.locator(f"#phone-{channel}")
    phone.locator(".sample").click()
    expect(phone.locator(".ready canvas")).to_have_count(1)
    if place:
        phone.locator(".place").click()
        phone.get_by_role("button", name=place).click()
    phone.locator("textarea").fill(text)
    phone.locator(".send").click()


def answers_on_phone(page: Page, channel: str) -> list[str]:
    return page.locator(f"#phone-{channel} .bubble:not(.mine) .body").all_inner_texts()


def test_from_the_phone_to_the_desk_and_back(town: Town, page: Page) -> None:
    page.goto(f"{town.url}/sandbox")
    say_on_phone(page, "telegram", "Min, jalan berlubang besar, motor sering jatuh", place="Stasiun Manggarai")
    answer = page.locator("#phone-telegram .bubble:not(.mine) .body").first
    expect(answer).to_contain_text("Dinas Bina Marga", timeout=15_000)
    code = re.search(r"Kode: (\w+)", answer.inner_text())
    assert code

    desk = page.context.new_page()
    first_log_in(desk, town)
    expect(desk.locator("#queue")).to_contain_text(code[1])
    desk.click(f"#r-{code[1]}")
    expect(desk.locator("h1")).to_contain_text("Jalan rusak")
    expect(desk.locator(".photos img")).to_have_count(1)
    desk.fill("#note", "Tim sedang menuju lokasi")
    desk.click('button[name=status][value="in_progress"]')
    expect(desk.locator("[role=status]")).to_be_visible()
    expect(page.locator("#phone-telegram")).to_contain_text("Tim sedang menuju lokasi", timeout=15_000)

    desk.fill("#note", "Lubang sudah ditambal")
    desk.click('button[name=status][value="resolved"]')
    expect(page.locator("#phone-telegram")).to_contain_text("Lubang sudah ditambal", timeout=15_000)
    assert len(answers_on_phone(page, "telegram")) == 3


@pytest.mark.long
def test_the_screens_of_the_readme(town: Town, page: Page) -> None:
    page.goto(f"{town.url}/sandbox")
    say_on_phone(page, "sms", "Lampu jalan mati di Jl. Kemang Raya, Kelurahan Bangka, sudah 3 hari gelap")
    say_on_phone(page, "whatsapp", "Pohon tumbang nutup jalan", place="Stasiun Manggarai")
    say_on_phone(
        page, "email", "Sampah menumpuk di depan Pasar Rumput, Kelurahan Pasar Manggis. Baunya sampai ke rumah."
    )
    say_on_phone(page, "telegram", "got mampet, tiap hujan banjir", place="Kota Tua")
    say_on_phone(page, "x", "@LaporJakarta parkir liar nutup trotoar Jl. Sabang, Kelurahan Kebon Sirih")
    for channel in ("sms", "whatsapp", "email", "telegram", "x"):
        expect(page.locator(f"#phone-{channel} .bubble:not(.mine)").first).to_be_visible(timeout=20_000)
    keep_screen(page, "sandbox")

    name, password = "petugas", town.run("user", "add", "petugas", "--role", "triage").stdout.strip()
    log_in(page, town, name, password)
    page.fill("#old", password)
    page.fill("#new", "es-teh-manis-satu-gelas")
    page.fill("#again", "es-teh-manis-satu-gelas")
    page.click("button.main")
    if page.locator("#password").count():
        log_in(page, town, name, "es-teh-manis-satu-gelas")
    expect(page.locator("#queue .row").first).to_be_visible()
    keep_screen(page, "desk")
    page.locator("#queue .row").first.click()
    expect(page.locator("h1")).to_be_visible()
    keep_screen(page, "report")

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{town.url}/desk")
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    keep_screen(page, "desk-phone")
