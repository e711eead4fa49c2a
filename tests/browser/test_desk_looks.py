"""The queue as list, board and map in a real Chromium, and how open pages stay new, on a phone and a desk."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from router.house import House
from tests.wire.desk_rooms import PASSWORD, add_officer, add_report, move, open_rooms, serving, status_of

pytestmark = pytest.mark.browser

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}
STATUSES = ("assigned", "assigned", "accepted", "in_progress", "needs_info", "resolved")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = open_rooms(tmp_path_factory.mktemp("looks"))
    add_officer(house, "budi", "officer", "dbm")
    for number, status in enumerate(STATUSES * 2):
        said = {"lat": -6.21 - 0.004 * number, "long": 106.84 + 0.003 * (number % 4), "urgent": number == 1}
        code = add_report(house, description=f"Lubang nomor {number}", **said)
        if status != "assigned":
            move(house, code, status)
    add_report(house, description="Tanpa titik", lat=None, long=None)
    return house


@pytest.fixture(params=["phone", pytest.param("desk", marks=pytest.mark.long)])
def context(house: House, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Logged in; whatever its pages complain about fails the test."""
    complaints: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

    with serving(house) as address:
        context = chromium.new_context(base_url=address, viewport=SIZES[request.param], locale="id-ID")
        context.on("page", watch)
        page = context.new_page()
        page.goto("/desk")
        page.fill("#name", "budi")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        expect(page.locator("#queue")).to_be_visible()
        yield context
        context.close()
    assert complaints == []


def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("KEEP_LOOKS"):
        page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png")  # type: ignore[index]


def is_wide(page: Page) -> bool:
    return page.viewport_size == SIZES["desk"]


def fits(page: Page) -> bool:
    wide = page.evaluate("document.documentElement.scrollWidth")
    return bool(wide <= page.viewport_size["width"])  # type: ignore[index]


def test_pages_stay_new_as_list_board_and_map(house: House, context: BrowserContext) -> None:
    page = context.pages[0]

    # the list: a new report comes by itself; what was ticked, written and focused stays
    ticked = add_report(house, description="Ini dicentang")
    page.goto("/desk")
    page.locator(f"#t-{ticked}").check()
    page.fill("#q", "sedang menulis")
    new = add_report(house, description="Baru saja masuk")
    expect(page.locator(f"#r-{new}")).to_be_visible()
    expect(page.locator(f"#t-{ticked}")).to_be_checked()
    expect(page.locator("#q")).to_have_value("sedang menulis")
    expect(page.locator("#q")).to_be_focused()
    move(house, ticked, "in_progress")
    expect(page.locator(f"#r-{ticked}")).to_have_count(0)

    # the board: a card goes to another column by a key, and by itself
    page.goto("/desk?look=board")
    keep(page, "board")
    assert fits(page)
    page.locator(f"#r-{new}").focus()
    page.keyboard.press("a")
    expect(page.locator(f"#column-accepted #r-{new}")).to_be_focused()
    assert status_of(house, new) == "accepted"
    move(house, new, "in_progress")
    expect(page.locator(f"#column-in_progress #r-{new}")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#column-accepted a.row:focus")).to_have_count(1)

    # the map: one side shows what the other picked, and a new report is drawn
    page.goto("/desk?look=map&group=new")
    box = page.locator("#queue-map[data-drawn]")
    expect(box).to_be_visible()
    if not is_wide(page):  # a phone shows one of the two
        expect(page.locator("#queue")).to_be_hidden()
        page.click("#map-switch")
        expect(page.locator("#queue")).to_be_visible()
        expect(box).to_be_hidden()
        page.click("#map-switch")
    drawn = int(box.get_attribute("data-drawn") or 0)
    expect(page.locator("#queue-map-said")).to_contain_text("tanpa titik")
    spot = add_report(house, description="Digambar sendiri", lat=-6.22, long=106.845)
    expect(page.locator(f'#queue-map[data-drawn="{drawn + 1}"]')).to_be_visible()
    if is_wide(page):
        page.locator(f"#r-{spot}").focus()
        expect(page.locator(f'#queue-map[data-picked="{spot}"]')).to_be_visible()
        expect(page.locator(f"#r-{spot}.picked")).to_be_visible()
    keep(page, "map")
    assert fits(page)
    click_the_only_marker(page, house, spot)

    # a report's page: it says that it changed, and what was being written is still there afterwards
    page.goto(f"/desk/r/{spot}")
    field = page.locator("#answer")
    field.fill("Sedang saya tulis")
    expect(page.locator("#changed span")).to_be_hidden()
    move(house, spot, "accepted")
    expect(page.locator("#changed span")).to_be_visible()
    page.locator("#changed").scroll_into_view_if_needed()
    keep(page, "changed")
    page.click("#changed a")
    expect(page.locator(".head-tags")).to_contain_text("Diterima")
    expect(page.locator("#changed span")).to_be_hidden()
    expect(field).to_have_value("Sedang saya tulis")


def click_the_only_marker(page: Page, house: House, code: str) -> None:
    """With one report in view its point lies in the middle; a press on it leads to its page."""
    page.goto("/desk?look=map&area=31.74.01.1003&service=pohon")
    expect(page.locator('#queue-map[data-drawn="0"]')).to_be_attached()
    lone = add_report(house, service_code="pohon", lat=-6.2146, long=106.8451)
    expect(page.locator('#queue-map[data-drawn="1"]')).to_be_visible()
    page.locator("#queue-map").click()  # in its middle
    expect(page.locator(f'#queue-map[data-picked="{lone}"]')).to_be_visible()
    keep(page, "picked")
    page.locator(".leaflet-popup-content a").press("Enter")  # the map may still be moving the popup into view
    expect(page.locator(f'[data-code="{lone}"]')).to_be_visible()
    move(house, lone, "resolved")  # so that the next size finds none again


@pytest.mark.long
def test_screens_are_clean_for_axe(house: House, chromium: Browser) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="LEFT OUT: axe is not installed")
    with serving(house) as address:
        context = chromium.new_context(base_url=address, viewport=SIZES["phone"], bypass_csp=True)
        page = context.new_page()
        page.goto("/desk")
        page.fill("#name", "budi")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        code = add_report(house)
        for size in SIZES.values():
            page.set_viewport_size(size)  # type: ignore[arg-type]
            for path in ("/desk?lang=en", "/desk?look=board", "/desk?look=map", f"/desk/r/{code}"):
                page.goto(path)
                expect(page.locator("main h1")).to_be_visible()
                found = axe.Axe().run(page)
                assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        context.close()
