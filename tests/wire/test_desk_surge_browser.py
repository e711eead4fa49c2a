"""A surge's page in a real Chromium: on a phone and on a desk's screen, without a complaint of the browser."""

import os

import pytest
from playwright import sync_api
from sqlalchemy import update

from config.settings import ROOT
from router.house import House
from store.models import Surge
from tests.wire.desk_rooms import PASSWORD, serving, status_of
from tests.wire.test_desk_surge import add_flood, add_surge

pytestmark = pytest.mark.browser
OFFICERS = {"budi": ("officer", "dsda")}


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_from_the_queues_line_to_two_moved_reports(
    house: House, chromium: sync_api.Browser, width: int, height: int
) -> None:
    with house.store.write() as session:  # one open surge a kecamatan: the other screen's is over
        session.execute(update(Surge).values(ended_at=house.now()))
    number, codes = add_surge(house, 60)
    add_flood(house, number, 61, urgent=True)
    complaints: list[str] = []
    with serving(house) as address:
        page = chromium.new_page(base_url=address, viewport={"width": width, "height": height})
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/desk")
        page.fill("#name", "budi")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        page.click(f"#surge-{number}")
        sync_api.expect(page.locator("h1")).to_have_text("Banjir · Kec. Jatinegara · 61 laporan")
        assert page.locator(".surge-map path").count() == 8
        box = page.locator(".surge-map").bounding_box()
        assert box is not None
        assert 200 < box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if os.environ.get("KEEP_SCREENS"):
            page.screenshot(path=ROOT / "docs" / "screens" / f"surge-{width}.png")
        for code in codes[:2]:
            page.check(f'[name="r-{code}"]')
        page.click('button[name=status][value="accepted"]')
        sync_api.expect(page.locator("[role=status]")).to_contain_text("2 laporan diubah")
        page.close()
    assert [status_of(house, code) for code in codes[:3]] == ["accepted", "accepted", "assigned"]
    assert not complaints
