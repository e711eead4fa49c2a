"""The admin's screens in a real Chromium, at a phone's and a desk's size: nothing is wide, axe finds nothing."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from router.way_changes import add_way
from store.journal import Journal
from tests.wire.desk_rooms import PASSWORD, add_officer, add_report, open_rooms
from tests.wire.test_desk_admin import serving_with

sync_api = pytest.importorskip("playwright.sync_api", reason="LEFT OUT: no playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="LEFT OUT: no axe")
pytestmark = [pytest.mark.browser, pytest.mark.long]
PAGES = ("", "/agencies", "/ways/1", "/pack", "/try", "/accuracy", "/import", "/owed?state=waiting", "/../deeds")


def test_the_admins_screens_fit_phone_and_desk_and_axe_finds_nothing(tmp_path: Path) -> None:
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("LEFT OUT: there is no chromium on this machine")
    house, complaints = open_rooms(tmp_path), list[str]()
    add_officer(house, "admin", "admin")
    add_report(house)
    add_way(house, "dbm", "mail", "dbm@example.org")
    with (
        closing(Journal(house.settings.data_dir / "journal")) as journal,
        serving_with(house, journal) as address,
        sync_api.sync_playwright() as play,
    ):
        chromium = play.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
        for width, height in ((390, 844), (1280, 800)):
            page = chromium.new_page(base_url=address, viewport={"width": width, "height": height})
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.goto("/desk")
            page.fill("#name", "admin")
            page.fill("#password", PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_selector("#queue")
            for path in PAGES:
                page.goto(f"/desk/admin{path}")
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
                assert not [found["id"] for found in axe.Axe().run(page).response["violations"]], path
        chromium.close()
    assert not complaints
