"""The desk by single keys and by thumb in a real Chromium: an official's round on a big screen and on a phone."""

from collections.abc import Iterator

import pytest
from playwright import sync_api

from router.house import House
from router.search import index_words
from tests.wire.desk_rooms import PASSWORD, add_report, answers_to, serving, status_of
from tests.wire.test_desk_work import waiting

pytestmark = pytest.mark.browser
OFFICERS = {"budi": ("officer", "dbm")}
SETTINGS = {"undo_seconds": 300}  # each look of a live page moves its clock
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
def page(house: House, chromium: sync_api.Browser, request: pytest.FixtureRequest) -> Iterator[sync_api.Page]:
    """Logged in, at the queue; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    with serving(house) as address:
        page = chromium.new_page(base_url=address, viewport=getattr(request, "param", DESK))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/desk")
        page.fill("#name", "budi")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        arrive(page, "#queue")
        yield page
        page.close()
    assert not complaints


def arrive(page: sync_api.Page, selector: str) -> None:
    """What is looked for is there, and the page's scripts have run: they come after its last word."""
    page.wait_for_selector(selector)
    page.wait_for_load_state()


def focused(page: sync_api.Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_a_round_by_keys_alone(house: House, page: sync_api.Page) -> None:
    first, second = (
        add_report(house, description="Lubang Zamrud satu"),
        add_report(house, description="Zamrud dua"),
    )
    while index_words(house):
        pass
    page.keyboard.press("/")
    assert focused(page) == "q"
    page.keyboard.type("zamrud")
    page.keyboard.press("Enter")
    arrive(page, ".found-for")
    for key, code in (("j", second), ("j", first), ("j", first), ("k", second), ("j", first)):
        page.keyboard.press(key)
        assert focused(page) == f"r-{code}"
    page.keyboard.press("Enter")
    arrive(page, "#note")
    page.keyboard.press("m")
    arrive(page, ".tag.mine")
    page.keyboard.press("a")
    arrive(page, ".undo")
    assert (status_of(house, first), waiting(house, first)[-1]) == ("accepted", "waiting")
    page.keyboard.press("u")
    arrive(page, "text=Perubahan tadi dibatalkan")
    assert (status_of(house, first), waiting(house, first)[-1]) == ("assigned", "withdrawn")

    page.keyboard.press("s")  # it needs words: nothing is sent, the field has the focus
    assert focused(page) == "note"
    page.keyboard.type("a u s: semua huruf masuk ke kolom")
    page.keyboard.press("Control+Enter")
    arrive(page, ".undo")
    assert status_of(house, first) == "resolved"
    page.keyboard.press("k")
    page.wait_for_url(f"**/desk/r/{second}")
    page.keyboard.press("r")
    page.keyboard.type("Kami datang besok")
    arrive(page, ".preview:has-text('Kami datang besok')")
    page.keyboard.press("Control+Enter")
    arrive(page, "text=Jawaban sedang dikirim")
    assert answers_to(house, second)[-1].endswith("Kami datang besok")
    page.keyboard.press("?")
    arrive(page, "dialog[open]")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    assert status_of(house, second) == "assigned"
    page.keyboard.press("b")
    page.wait_for_url(lambda url: "q=zamrud" in url)


def test_ticks_stay_while_the_queue_renews_itself(house: House, page: sync_api.Page) -> None:
    codes = [add_report(house, description=f"Banyak {number}") for number in range(2)]
    page.goto("/desk?group=new")
    for code in codes:
        page.locator(f"#r-{code}").focus()
        page.keyboard.press("x")
    page.evaluate("htmx.trigger(document.querySelector('#queue'), 'every')")
    page.evaluate("htmx.ajax('GET', '/desk/queue?group=new', {source: '#queue', target: '#queue'})")
    assert [page.locator(f"#t-{code}").is_checked() for code in codes] == [True, True]
    page.click(".many-bar button[value=in_progress]")
    arrive(page, "text=2 laporan sudah diubah")
    assert {status_of(house, code) for code in codes} == {"in_progress"}
    page.keyboard.press("u")
    arrive(page, "text=Perubahan tadi dibatalkan")
    assert {status_of(house, code) for code in codes} == {"assigned"}


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_by_thumb_on_a_phone(house: House, page: sync_api.Page) -> None:
    code = add_report(house, description="w" * 200)
    page.goto("/desk")
    page.locator(f"#r-{code}").click()
    accept = page.locator(".thumb-bar button[value=accepted]")
    box = accept.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE["height"]  # under the thumb without scrolling
    assert box["height"] >= 48
    accept.click()
    arrive(page, ".undo")
    assert status_of(house, code) == "accepted"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click(".undo button")
    arrive(page, "text=Perubahan tadi dibatalkan")
    page.click(".thumb-bar button[value=resolved]")
    assert focused(page) == "note"
    assert status_of(house, code) == "assigned"
