"""Every public page, on a phone and a desk, with scripts and without: clean for axe, still, touchable, and light."""

import pytest
from playwright.sync_api import Browser, expect

from router.house import House
from tests.browser import looks
from tests.browser.test_public_map import address, house

__all__ = ["address", "house"]

pytestmark = pytest.mark.browser
LIGHT = 150_000  # bytes on the wire before tiles and photos
PAGES = (
    "/",
    "/area/31.74.01.1003",
    "/report",
    "/rapor",
    "/embed",
    "/r/ZZZZZZ",
    "/report?wrong=empty",
    "/?lang=en&area=31.74",
)


@pytest.mark.parametrize(
    ("size", "script"),
    [
        pytest.param("phone", True, id="phone"),
        pytest.param("desk", True, id="desk", marks=pytest.mark.long),
        pytest.param("phone", False, id="phone, no script", marks=pytest.mark.long),
        pytest.param("desk", False, id="desk, no script", marks=pytest.mark.long),
    ],
)
def test_every_public_page_is_clean(
    chromium: Browser, address: str, house: House, size: str, script: bool
) -> None:
    with looks.opened(chromium, size, script=script) as page:
        page.goto(f"{address}/")
        first = page.locator(".reports .row").first.get_attribute("href") or ""
        for path in (*PAGES, first):
            page.goto(f"{address}{path}")
            if script and page.locator("#map").count():
                expect(page.locator("#map[data-drawn]")).to_be_visible()
            looks.check(page)


@pytest.mark.parametrize("path", ["/", "/area/31.74.01.1003", "/report", "/rapor"])
def test_a_phones_first_load_is_light_on_the_wire(chromium: Browser, address: str, path: str) -> None:
    with looks.opened(chromium, "phone") as page, looks.weighed(page) as bytes_of:
        page.goto(f"{address}{path}")
        page.wait_for_load_state("networkidle")
        assert len(bytes_of) > 2
        assert sum(bytes_of.values()) < LIGHT, bytes_of
