"""The desk in a real Chromium: by keyboard alone, on a phone's screen, moving by itself, without a complaint."""

from collections.abc import Iterator

import pytest
from playwright import sync_api

from router.house import House
from tests.wire.desk_rooms import PASSWORD, add_report, answers_to, serving, status_of

pytestmark = pytest.mark.browser
OFFICERS = {"budi": ("officer", "dbm")}
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def page(house: House, chromium: sync_api.Browser) -> Iterator[sync_api.Page]:
    """A phone's screen at the log-in; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    with serving(house) as address:
        page = chromium.new_page(base_url=address, viewport=PHONE)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/desk")
        yield page
        page.close()
    assert not complaints


def log_in_by_keyboard(page: sync_api.Page) -> None:
    page.wait_for_selector("#name:focus")  # the browser gives the focus a moment after the page is there
    page.keyboard.type("budi")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#queue")


def test_official_works_by_keyboard_alone(house: House, page: sync_api.Page) -> None:
    code = add_report(house)
    log_in_by_keyboard(page)
    page.locator(f"#r-{code}").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#note")
    page.locator("#note").focus()
    page.keyboard.type("Regu berangkat besok.")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "after-photos"  # this time there are none
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "accepted"
    page.keyboard.press("Enter")
    page.wait_for_selector("p.good")
    assert status_of(house, code) == "accepted"
    assert "Regu berangkat besok." in answers_to(house, code)[-1]


def test_new_report_appears_by_itself_and_the_focus_stays(house: House, page: sync_api.Page) -> None:
    old = add_report(house)
    log_in_by_keyboard(page)
    page.locator(f"#r-{old}").focus()
    new = add_report(house, urgent=True)
    page.wait_for_selector(f"#r-{new}", timeout=15_000)
    assert page.evaluate("document.activeElement.id") == f"r-{old}"


def test_phone_scrolls_only_downwards(house: House, page: sync_api.Page) -> None:
    code = add_report(house, description="w" * 300, address_string="Jalan" + "x" * 200)
    log_in_by_keyboard(page)
    for path in ("/desk", f"/desk/r/{code}", "/desk/password", "/", f"/r/{code}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
