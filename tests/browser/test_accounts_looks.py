"""From an admin's invitation to the invited's first look, and in by an office account, in a real Chromium."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from router.invitations import invite
from store import account_changes
from store.officials import Officer
from tests.browser.looks import check, opened
from tests.town import free_port
from tests.wire.desk_rooms import PASSWORD, Clock, add_officer, open_rooms, serving
from tests.wire.oidc_stand_in import CLIENT, SECRET, provider

pytestmark = [pytest.mark.browser, pytest.mark.long]
NEW = "tiga kopi tubruk pahit"


def look(page: Page, name: str) -> None:
    """As it stands it is clean; KEEP_LOOKS=FOLDER keeps a picture."""
    check(page)
    if folder := os.environ.get("KEEP_LOOKS"):
        page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png", full_page=True)  # type: ignore[index]


def come_in(page: Page, address: str) -> None:
    page.goto(f"{address}/desk")
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    expect(page.locator("#queue")).to_be_visible()


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_an_admin_invites_and_the_invited_comes_in(tmp_path: Path, chromium: Browser, size: str) -> None:
    port = free_port()
    house = open_rooms(tmp_path, public_url=f"http://127.0.0.1:{port}")
    add_officer(house, "admin", "admin")
    add_officer(house, "lurah manggarai", "officer", "kelurahan", "31.74.01.1007")
    add_officer(house, "kepala.bina-marga", "head", "dbm")
    with house.store.write() as session:
        account_changes.lock(session, "kepala.bina-marga", now=house.now(), by="officer:admin")
    invite(house, "rina", "triage", None, None, "rina@example.org", by="officer:admin")
    with serving(house, port) as address, opened(chromium, size) as page, opened(chromium, size) as theirs:
        come_in(page, address)
        page.goto(f"{address}/desk/accounts")
        expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=1)
        look(page, "accounts")
        page.locator(".admin-cards summary").first.click()
        page.locator("details.card summary").click()
        look(page, "accounts-open")
        page.fill("#name", "budi")
        page.select_option("#role-new", "officer")
        page.select_option("#agency-new", "dbm")
        page.get_by_role("button", name="Undang", exact=True).click()
        look(page, "accounts-link")
        theirs.goto(page.locator("code.secret").inner_text())
        look(theirs, "invitation")
        theirs.fill("#new", "Rahasia12345")
        theirs.fill("#again", "Rahasia12345")
        theirs.click("button.main")
        expect(theirs.get_by_role("alert")).to_contain_text("terlalu mudah ditebak")
        theirs.fill("#new", NEW)
        theirs.fill("#again", NEW)
        theirs.click("button.main")
        expect(theirs.locator("#queue")).to_be_visible()
        theirs.goto(f"{address}/desk/invitation/x")
        look(theirs, "invitation-gone")


def test_an_office_account_of_another_site_lets_in_and_out(tmp_path: Path, chromium: Browser) -> None:
    """`localhost` and `127.0.0.1` are two sites for a browser: what the cookie and the policy allow is tried."""
    clock, port = Clock(), free_port()
    with provider(clock) as stand_in:
        stand_in.issuer = stand_in.issuer.replace("127.0.0.1", "localhost")
        said = {"oidc_issuer": stand_in.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        house = replace(open_rooms(tmp_path, public_url=f"http://127.0.0.1:{port}", **said), now=clock)
        add_officer(house, "siti", "triage")
        with house.store.write() as session:
            held, sealer = session.query(Officer).one(), house.store.sealer
            account_changes.set_mail(session, held, "siti@example.org", sealer, now=clock(), by="console")
        with serving(house, port) as address, opened(chromium, "phone") as page:
            page.goto(f"{address}/desk")
            look(page, "log-in")
            page.get_by_role("link", name="Masuk dengan akun kantor").click()
            expect(page.locator("#queue")).to_be_visible()
            page.goto(f"{address}/desk/account")
            page.get_by_role("button", name="Keluar", exact=True).click()
            look(page, "logged-out")
            page.get_by_role("link", name="Keluar juga dari akun kantor").click()
            expect(page.locator("body")).to_have_text("bye")
