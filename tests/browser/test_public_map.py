"""The public's map and list in a real Chromium: on a phone and a desk, with JavaScript and without."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from normalizer.cells import spot_cell
from router.house import House
from tests.browser import looks
from tests.browser.test_phone_to_desk import keep_screen
from tests.wire.desk_rooms import START, add_report, move, open_rooms, serving

pytestmark = pytest.mark.browser

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
PLACES = {
    "31.74.01.1003": (-6.2246, 106.8451),
    "31.71.06.1001": (-6.1965, 106.8322),
    "31.73.05.1003": (-6.1945, 106.7722),
    "31.72.02.1004": (-6.1245, 106.8822),
}
WORDS = {
    "lampu_jalan": "Lampu jalan mati sudah seminggu, gelap sekali di depan sekolah",
    "jalan_rusak": "Jalan berlubang besar setelah hujan, motor sudah ada yang jatuh",
    "sampah": "Sampah menumpuk di TPS dan mulai bau, belum diangkut sejak Senin",
    "banjir": "Air setinggi lutut, saluran mampet oleh sampah",
    "kriminal": "Sering ada tawuran di bawah jembatan pada malam Minggu",
    "ketertiban": "Suara musik keras sampai lewat tengah malam",
}
SERVICES = tuple(WORDS)
HOSTILE = " <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Reports all over the city, and the newest 24 in four kelurahan; one of those has hostile words."""
    house = open_rooms(tmp_path_factory.mktemp("map"))
    near = {area[:8] for area in PLACES}
    others = [
        each for each in house.pack.areas.values() if each.level == "kelurahan" and each.code[:8] not in near
    ]
    spread = [(each.code, (each.lat, each.long)) for each in others[::9] if each.lat < -6 for _ in range(2)]
    reports = [*enumerate(spread), *enumerate(6 * list(PLACES.items()))]
    for age, (number, (area, (south, west))) in enumerate(reports):
        lat, long = south + 0.0013 * (number % 5), west + 0.0011 * (number % 7)
        service = SERVICES[number % len(SERVICES)]
        code = add_report(
            house,
            service_code=service,
            area_code=area,
            lat=lat,
            long=long,
            cell=spot_cell(lat, long),
            public_description=WORDS[service] + (HOSTILE if age == len(spread) + 12 else ""),
            requested_at=START + timedelta(minutes=7 * age),
        )
        if number % 3 == 0:
            move(house, code, "in_progress")
    return house


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    with serving(house) as each:
        yield each


@pytest.fixture(params=[("phone", True), ("desk", True), ("phone", False), ("desk", False)], ids=str)
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size, has_script = request.param
    context = chromium.new_context(viewport=SIZES[size], locale="id-ID", java_script_enabled=has_script)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert problems == []


def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("KEEP_LOOKS"):
        page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png", full_page=True)  # type: ignore[index]


def has_script(page: Page) -> bool:
    return page.locator("#map").is_visible()


def test_map_and_list_lead_to_a_report(page: Page, address: str) -> None:
    page.goto(f"{address}/")
    expect(page.locator(".reports .row")).to_have_count(20)
    if has_script(page):
        expect(page.locator(".spot.area").first).to_be_visible()
        expect(page.locator("#map[data-ground]")).to_be_visible()
        keep(page, "map")
        page.locator(".spot.area").first.click()
        expect(page.locator(".leaflet-popup-content a")).to_be_visible()
        page.goto(f"{address}/?service=lampu_jalan&area=31.74.01")
        expect(page.locator("#map[data-drawn]")).to_be_visible()
    else:
        keep(page, "list")
        page.select_option("#service", "lampu_jalan")
        page.select_option("#area", "31.74.01")
        page.locator(".asked button").click()
    rows = page.locator(".reports .row")
    expect(rows.first).to_contain_text("Lampu jalan")
    expect(page.locator("img[onerror]")).to_have_count(0)
    rows.first.click()
    expect(page.locator(".place svg path.cell")).to_be_visible()
    keep(page, "report")
    page.locator(".place figcaption a").click()
    expect(page.locator("h1")).to_have_text("Menteng Dalam")
    keep(page, "area")
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.locator("body").bounding_box()["width"] <= width  # type: ignore[index]


def test_reports_are_told_apart_from_near(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport=SIZES["desk"], locale="id-ID")
    page = context.new_page()
    page.goto(f"{address}/area/31.74.01.1003")
    expect(page.locator("#map[data-drawn]")).to_be_visible()
    for _ in range(12):
        with page.expect_response(lambda answer: "/map.json" in answer.url) as heard:
            page.locator(".leaflet-control-zoom-in").click()
        if "zoom=17" in heard.value.url:
            break
    assert any("code" in spot or "area" in spot for spot in heard.value.json()["spots"])
    keep(page, "near")
    context.close()


SHOWN = (
    ("public", "/", "desk", 960),
    ("area", "/area/31.74.01.1003", "phone", 1040),
    ("form", "/report", "phone", 1040),
)


@pytest.mark.parametrize(("name", "path", "shown", "height"), SHOWN)
def test_what_the_readme_shows_is_clean_on_a_phone_and_a_desk(
    chromium: Browser, address: str, name: str, path: str, shown: str, height: int
) -> None:
    """`KEEP_SCREENS=1` makes its pictures: the map as a desk has it, the others as a phone has them."""
    for size in ("phone", "desk"):
        with looks.opened(chromium, size) as page:
            page.goto(f"{address}{path}")
            if page.locator("#map").count():
                expect(page.locator("#map[data-drawn][data-ground]")).to_be_visible()
            looks.check(page)
            if size == shown:
                page.set_viewport_size({**looks.SIZES[size], "height": height})
                keep_screen(page, name)
            keep(page, f"readme-{name}")
