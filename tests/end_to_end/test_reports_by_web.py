"""The web as a channel on a running installation: an app's request, and the form with and without JavaScript."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from town import API_KEY, PLACE, Town, eventually, jpeg

KEY = {"Authorization": f"Bearer {API_KEY}"}
WORDS = "Lampu jalan mati total sejak Senin, gelap sekali"
WHERE = "Jl. Manggarai Utara 2, Kelurahan Manggarai"


def code_of(town: Town, token: str) -> str:
    def look() -> str | None:
        said = town.client.get(f"/open311/v2/tokens/{token}.json").json()
        return said[0]["service_request_id"]

    return str(eventually(look, what="the token has a service_request_id"))


def test_an_app_reports_is_answered_and_hears_the_news(town: Town) -> None:
    fields = {"service_code": "sampah", "description": "Tumpukan sampah", **PLACE}
    files = [("media", ("foto.jpg", jpeg(), "image/jpeg"))]
    answer = town.client.post("/open311/v2/requests.json", data=fields, files=files, headers=KEY)
    assert answer.status_code == 200, answer.text
    token = answer.json()[0]["token"]
    code = code_of(town, token)
    (shown,) = town.requests(service_request_id=code)
    assert (shown["service_code"], shown["channel"]) == ("sampah", "web")
    assert shown["media_url"]
    assert town.update(code, "IN_PROGRESS", "Truk berangkat pukul sepuluh").status_code == 200
    own = town.client.get(f"/report/{token}").headers["location"]
    assert "Truk berangkat pukul sepuluh" in town.client.get(own).text
    again = town.client.post("/open311/v2/requests.json", data=fields, files=files, headers=KEY)
    assert again.json()[0]["token"] == token
    log = town.log()
    assert token not in log
    assert own not in log


def fill_in(page: Page, photo: bytes) -> None:
    page.fill("#words", WORDS)
    page.set_input_files("#camera", {"name": "foto.jpg", "mimeType": "image/jpeg", "buffer": photo})


@pytest.mark.browser
def test_a_phone_reports_from_where_it_is(town: Town, chromium: Browser) -> None:
    place = {"latitude": PLACE["lat"], "longitude": PLACE["long"], "accuracy": 12}
    phone = chromium.new_context(
        base_url=town.url, viewport={"width": 390, "height": 844}, geolocation=place, permissions=["geolocation"]
    )
    page, problems = phone.new_page(), []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto("/report")
    fill_in(page, jpeg("red"))
    page.reload()
    expect(page.locator("#words")).to_have_value(WORDS)  # typed words survive
    page.click("#here")
    expect(page.locator("#here-said")).to_contain_text("12 m")
    photo = {"name": "foto.jpg", "mimeType": "image/jpeg", "buffer": jpeg("red")}
    page.set_input_files("#gallery", [photo] * 5)
    page.click("button.main")
    expect(page.locator("#photos-said")).to_contain_text("Fotonya terlalu besar atau terlalu banyak")
    page.set_input_files("#gallery", [])
    page.set_input_files("#camera", photo)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("button.main")
    expect(page.locator("h1")).to_have_text("Lampu jalan (PJU) mati")
    expect(page.locator(".thread")).to_contain_text("Dinas Bina Marga")
    own = page.url
    assert re.search(r"/r/[A-Z0-9]{6}/o/[a-z2-7]{16}$", own)

    page.fill("#words", "Tiang nomor 14")
    page.click("button.main")
    expect(page.locator(".thread")).to_contain_text("Tiang nomor 14")
    assert page.url == own
    expect(page.locator("#words")).to_have_value("")
    page.goto("/report")
    expect(page.locator("#words")).to_have_value("")
    assert problems == []
    phone.close()


@pytest.mark.browser
def test_a_phone_reports_without_javascript(town: Town, chromium: Browser) -> None:
    phone = chromium.new_context(base_url=town.url, java_script_enabled=False)
    page = phone.new_page()
    page.goto("/report?lang=en")
    fill_in(page, jpeg("blue"))
    page.fill("#place", WHERE)
    expect(page.locator("#here")).to_be_hidden()
    page.click("button.main")
    expect(page.locator(".thread")).to_contain_text("Dinas Bina Marga")
    expect(page.locator("h1")).to_have_text("Street light out")
    assert httpx.get(page.url).status_code == 200
    phone.close()
