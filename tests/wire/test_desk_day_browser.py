"""Whole days at the desk in a real Chromium: an official on a phone, a head in the morning, triage; presses counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api
from sqlalchemy import update
from town import free_port, jpeg

from normalizer.schema import InboundMessage
from router.house import House
from router.intake import take_message
from router.passes import make_pass
from router.way_changes import add_way
from store.models import Report, Surge
from tests.wire.desk_rooms import (
    PASSWORD,
    START,
    add_photo,
    add_report,
    answers_to,
    open_desk,
    serving,
    status_of,
)
from tests.wire.test_desk_joins import pair
from tests.wire.test_desk_surge import add_surge

pytestmark = pytest.mark.browser
OFFICERS = {
    "budi": ("officer", "dbm"),
    "sari": ("officer", "dbm"),
    "ratna": ("head", "dbm"),
    "tono": ("triage",),
}
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
PHOTO = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": jpeg("green", 400)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    home = f"http://127.0.0.1:{free_port()}"
    return open_desk(tmp_path_factory.mktemp("rooms"), OFFICERS, public_url=home)


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    with serving(house, port=int(house.settings.base_url.rpartition(":")[2])) as given:
        yield given


@dataclass
class Screen:
    """One person's browser; what it complains about is kept, and every press is counted."""

    context: sync_api.BrowserContext
    page: sync_api.Page
    complaints: list[str] = field(default_factory=list)
    presses: int = 0

    def press(self, selector: str) -> None:
        self.presses += 1
        self.page.click(selector)

    def choose_photo(self) -> None:
        self.presses += 1
        with self.page.expect_file_chooser() as chosen:
            self.page.click("#after-photos")
        chosen.value.set_files([PHOTO])

    def open_queue(self, group: str = "new") -> None:
        self.page.goto(f"/desk?group={group}")
        self.presses = 0


@pytest.fixture
def open_screen(address: str, chromium: sync_api.Browser) -> Iterator[object]:
    """Makes screens of people who have logged in; a complaint of their browser fails the test."""
    opened: list[Screen] = []

    def make(name: str, size: dict[str, int]) -> Screen:
        context = chromium.new_context(base_url=address, viewport=size, locale="id-ID")
        screen = Screen(context=context, page=context.new_page())
        screen.page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        screen.page.goto("/desk")
        screen.page.fill("#name", name)
        screen.page.fill("#password", PASSWORD)
        screen.page.click("button.main")
        screen.page.wait_for_selector("#queue")
        opened.append(screen)
        return screen

    yield make
    for each in opened:
        each.context.close()
        assert each.complaints == []


def test_from_the_queue_to_accepted_are_two_presses_and_to_done_with_photo_four(house: House, open_screen) -> None:
    code = add_report(house)
    screen = open_screen("budi", PHONE)
    screen.open_queue()
    screen.press(f"#r-{code}")
    screen.press(".thumb-bar button[value=accepted]")
    screen.page.wait_for_selector(".undo")
    assert (status_of(house, code), screen.presses) == ("accepted", 2)

    screen.open_queue("work")
    screen.press(f"#r-{code}")
    screen.choose_photo()
    screen.press("text=Lubang sudah ditambal dan aman dilalui.")
    screen.press(".thumb-bar button[value=resolved]")
    screen.page.wait_for_selector(".undo")
    assert (status_of(house, code), screen.presses) == ("resolved", 4)
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        assert [photo.is_after for photo in report.photos] == [True]
        assert report.history[-1].notes == "Lubang sudah ditambal dan aman dilalui."


def test_words_and_photo_outlive_a_dead_spot_and_are_sent_when_it_ends(house: House, open_screen) -> None:
    code = add_report(house)
    screen = open_screen("budi", PHONE)
    page = screen.page
    page.goto(f"/desk/r/{code}")
    page.fill("#note", "Ditambal pukul sepuluh")
    screen.choose_photo()
    page.context.set_offline(True)
    page.click(".thumb-bar button[value=resolved]")
    sync_api.expect(page.locator("#kept-said")).to_contain_text("tersimpan di ponsel ini")
    assert status_of(house, code) == "assigned"
    page.context.set_offline(False)
    page.wait_for_url("**?done=resolved")
    assert status_of(house, code) == "resolved"
    with house.store.read() as session:
        assert len(session.query(Report).filter_by(code=code).one().photos) == 1


@pytest.mark.long
def test_a_page_that_was_closed_in_a_dead_spot_still_has_them_and_who_logs_out_leaves_none(
    house: House, open_screen
) -> None:
    code = add_report(house)
    screen = open_screen("budi", PHONE)
    page = screen.page
    page.goto(f"/desk/r/{code}")
    page.fill("#note", "Ditambal pukul sebelas")
    screen.choose_photo()
    page.context.set_offline(True)
    page.click(".thumb-bar button[value=resolved]")
    sync_api.expect(page.locator("#kept-said")).to_be_visible()
    context = page.context
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto(f"/desk/r/{code}")
    sync_api.expect(page.locator("#kept-said")).to_contain_text("masih ada")
    sync_api.expect(page.locator("#note")).to_have_value("Ditambal pukul sebelas")
    assert page.evaluate("document.getElementById('after-photos').files[0].name") == "IMG_1.jpg"
    assert status_of(house, code) == "assigned"
    assert page.evaluate("indexedDB.databases()") != []
    page.goto("/desk")
    page.evaluate("document.querySelector('form[action=\"/desk/logout\"]').requestSubmit()")
    page.wait_for_selector("#name")
    assert page.evaluate("indexedDB.databases()") == []


@pytest.mark.long
def test_the_page_behind_an_agencys_link_outlives_a_dead_spot_too(house: House, open_screen) -> None:
    code = add_report(house)
    way = add_way(house, "dbm", "mail", "pju@dbm.example")
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        name = make_pass(house.keys, "report", report.id, way.id, house.now() + timedelta(days=1))
    page = open_screen("budi", PHONE).page
    page.goto(f"/a/{name}")
    page.fill("#note", "Ditambal pukul dua belas")
    page.set_input_files("#after-photos", PHOTO)
    page.context.set_offline(True)
    page.click("button[value=resolved]")
    sync_api.expect(page.locator("#kept-said")).to_contain_text("tersimpan di ponsel ini")
    page.context.set_offline(False)
    page.wait_for_url("**?done")
    assert status_of(house, code) == "resolved"


def test_a_move_that_the_server_refuses_keeps_what_was_written(house: House, open_screen) -> None:
    code = add_report(house)
    screen = open_screen("budi", PHONE)
    page = screen.page
    page.goto(f"/desk/r/{code}")
    page.fill("#note", "Sudah ditambal")
    page.set_input_files("#after-photos", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"})
    page.click(".thumb-bar button[value=resolved]")
    sync_api.expect(page.locator("#kept-said")).to_contain_text("x.jpg")
    sync_api.expect(page.locator("#note")).to_have_value("Sudah ditambal")
    page.set_input_files("#after-photos", [])
    page.click(".thumb-bar button[value=resolved]")
    page.wait_for_url("**?done=resolved")
    assert status_of(house, code) == "resolved"


def hear(house: House, code: str, words: str) -> None:
    """The citizen answers our question by SMS."""
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        number = house.store.sealer.open(report.address.sealed)
    said = {"channel": "sms", "account": "+6221500", "external_id": f"answer-{code}", "sender": number}
    take_message(house, InboundMessage(text=words, **said), "raw", house.now())  # type: ignore[arg-type]


def test_an_officials_day_on_a_phone(house: House, open_screen) -> None:
    code = add_report(house, description="Lubang besar di tikungan, tolong", acknowledged_at=START)
    screen = open_screen("budi", PHONE)
    page = screen.page
    page.click(f"#r-{code}")
    page.fill("#note", "Di depan nomor berapa persisnya?")
    page.click(".moves button[value=needs_info]")
    page.wait_for_selector(".undo")
    assert status_of(house, code) == "needs_info"
    assert "Di depan nomor berapa persisnya?" in answers_to(house, code)[-1]

    hear(house, code, "Di depan nomor 12, pagar hijau")
    page.goto("/desk?group=new")
    page.click(f"#r-{code}")
    sync_api.expect(page.locator("#thread")).to_contain_text("Di depan nomor 12, pagar hijau")
    assert status_of(house, code) == "assigned"

    page.fill("#on", "2026-11-09")
    page.click(".moves button[value=scheduled]")
    page.wait_for_selector(".undo")
    assert "Senin, 9 November 2026" in answers_to(house, code)[-1]
    page.goto("/desk?group=work")
    page.click(f"#r-{code}")
    screen.choose_photo()
    page.click("text=Lubang sudah ditambal dan aman dilalui.")
    page.click(".thumb-bar button[value=resolved]")
    page.wait_for_url("**?done=resolved")
    assert status_of(house, code) == "resolved"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_heads_morning(house: House, open_screen) -> None:
    late, *many = [add_report(house, description=f"Pagi {number}") for number in range(3)]
    with house.store.write() as session:
        past = house.now() - timedelta(days=2)
        session.execute(update(Report).where(Report.code == late).values(late_at=past, raised=1))
    screen = open_screen("ratna", DESK)
    page = screen.page
    page.goto("/desk")
    page.click("#tab-due")
    page.click(f"#r-{late}")
    page.click("details.take summary")
    page.select_option("#to", label="sari")
    page.click("details.take button")
    sync_api.expect(page.locator(".tag.mine")).to_contain_text("sari")

    page.goto("/desk")
    for code in many:
        page.check(f"#t-{code}")
    page.click(".many-bar button[value=in_progress]")
    sync_api.expect(page.locator("[role=status]").first).to_contain_text("2 laporan")
    assert {status_of(house, code) for code in many} == {"in_progress"}
    assert status_of(house, late) == "assigned"


def test_triage_puts_the_service_right_and_joins_two_of_one_problem(house: House, open_screen) -> None:
    first, second = pair(house, service_code="lampu_jalan")
    screen = open_screen("tono", DESK)
    page = screen.page
    page.goto(f"/desk/r/{second}")
    page.select_option("#service_code", "jalan_rusak")
    page.click("section:has(#service-title) button")
    page.wait_for_url("**?service=jalan_rusak")
    page.click(f".perhaps button[value='{first}']")  # a code may begin with a digit: only quoted it is CSS
    page.wait_for_url("**?joins=together")
    assert sorted((status_of(house, first), status_of(house, second))) == ["assigned", "duplicate"]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(PHONE, "light", id="phone, light"),
        pytest.param(PHONE, "dark", id="phone, dark", marks=pytest.mark.long),
        pytest.param(DESK, "light", id="desk, light", marks=pytest.mark.long),
        pytest.param(DESK, "dark", id="desk, dark", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing_on_the_desks_pages(
    house: House, open_screen, size: dict[str, int], scheme: str
) -> None:
    """WCAG 2.2 AA as far as a program can tell: queue, report, many at once, a surge, the report card, the log-in."""
    code = add_report(house, acknowledged_at=START, urgent=True)
    add_photo(house, code, PHOTO["buffer"])
    with house.store.write() as session:
        session.execute(update(Surge).values(ended_at=house.now()))
    number, _ = add_surge(house, 5)
    screen = open_screen("tono", size)
    page = screen.page
    page.emulate_media(color_scheme=scheme)
    pages = [
        "/desk",
        "/desk?group=work",
        f"/desk/r/{code}",
        f"/desk/surge/{number}",
        "/desk/rapor",
        "/desk/password",
        "/desk/rules",
    ]
    found = {path: axe(page, path) for path in pages}
    page.context.clear_cookies()
    found["log-in"] = axe(page, "/desk")
    assert {path: each for path, each in found.items() if each} == {}


def axe(page: sync_api.Page, path: str) -> list[str]:
    """Which rule is broken by what."""
    page.goto(path)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    said = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response
    assert len(said["passes"]) > 20  # it looked
    return [f"{each['id']}: {node['target']}" for each in said["violations"] for node in each["nodes"]]
