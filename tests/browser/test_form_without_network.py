"""The form at /report on a phone: a pin on the map, a photo made small, a report that waits for the network."""

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from store.models import Message, Report
from tests.browser import looks
from tests.wire.test_web_channel import Room, room_in

pytestmark = pytest.mark.browser
WORDS = "Lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("form")) as room:
        yield room


def reports(room: Room) -> list[Report]:
    room.work()
    with room.house.store.read() as session:
        found = session.query(Report).order_by(Report.id).all()
        assert all(report.photos is not None for report in found)
        return found


def picture(width: int, height: int, **exif: object) -> bytes:
    """A noisy photo that lies on its side (EXIF orientation 6), taken at a place."""
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)
    image, file = Image.fromarray(noise), io.BytesIO()
    tags = image.getexif()
    tags[0x0112] = 6
    tags.get_ifd(0x8825).update({1: "S", 2: (6.0, 12.0, 52.5), 3: "E", 4: (106.0, 50.0, 42.0)})
    image.save(file, "JPEG", quality=90, exif=tags)
    return file.getvalue()


def at_the_form(page: Page, room: Room) -> None:
    page.goto(f"{str(room.http.base_url).rstrip('/')}/report")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")


def test_a_report_written_without_network_is_sent_once_when_there_is_one(chromium: Browser, room: Room) -> None:
    with looks.opened(chromium, "phone") as page:
        at_the_form(page, room)
        before = len(reports(room))
        page.context.set_offline(True)
        page.reload()
        page.fill("#words", WORDS)
        page.click("button.main")
        expect(page.locator("#queued li")).to_contain_text("menunggu jaringan")
        page.reload()
        expect(page.locator("#queued li")).to_contain_text("menunggu jaringan")
        page.context.set_offline(False)
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#queued a")).to_contain_text("terkirim")
        looks.check(page)
        assert len(reports(room)) == before + 1
        page.reload()
        expect(page.locator("#queued a")).to_have_text(f"terkirim {reports(room)[-1].code}")
        with room.house.store.read() as session:
            assert session.query(Message).filter_by(text=WORDS).count() == 1
        page.locator("#queued button").click()
        expect(page.locator("#queued li")).to_have_count(0)


def test_a_large_photo_is_sent_small_and_upright_and_its_place_is_asked_for(chromium: Browser, room: Room) -> None:
    with looks.opened(chromium, "phone") as page:
        at_the_form(page, room)
        page.fill("#words", "Sampah menumpuk")
        photo = picture(2600, 1300)
        page.set_input_files("#camera", {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": photo})
        page.locator("#photo-place").click()
        expect(page.locator("#here-said")).to_contain_text("Tempat foto")
        page.click("button.main")
        expect(page.locator("#queued li")).to_have_count(0)
        page.wait_for_url(re.compile("/report/.+"))
        report = reports(room)[-1]
        assert (report.lat, report.long) == pytest.approx((-6.214583, 106.845), abs=1e-4)
        (kept,) = report.photos
        sent = room.house.store.media.get(kept.media_key)
        assert len(sent) < len(photo)
        assert Image.open(io.BytesIO(sent)).size == (1024, 2048)
        assert b"Exif" not in sent


def test_the_place_is_pointed_at_on_a_map(chromium: Browser, room: Room) -> None:
    with looks.opened(chromium, "phone") as page:
        at_the_form(page, room)
        page.fill("#words", "Jalan berlubang")
        page.click("#pin")
        expect(page.locator("#pin-map[data-ground]")).to_be_visible()
        page.locator("#pin-map").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#here-said")).to_contain_text("Titik di peta")
        looks.check(page)
        lat = page.locator("[name=lat]").input_value()
        page.click("button.main")
        page.wait_for_url(re.compile("/report/.+"))
        assert reports(room)[-1].lat == pytest.approx(float(lat))
