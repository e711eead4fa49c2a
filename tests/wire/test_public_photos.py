"""What the public sees of a photo, over HTTP: the blurred copy and nothing else; what officials see, and who what."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from config.pack import Pack
from normalizer.schema import Attachment
from router.house import House
from router.intake import keep_photo, state_of_photo
from router.public_photos import make_public_copies
from router.readers import Here
from router.reading import Look, look_at
from store.models import Photo, Report, StatusUpdate
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import (
    START,
    add_officer,
    add_report,
    browser,
    hidden,
    log_in,
    move,
    open_rooms,
    serving,
)

BLUR = "LEFT OUT: nothing to blur with on this platform"


@dataclass(frozen=True)
class Blind(Here):
    """Readers on a machine where nothing can blur."""

    def blur(self, photo: bytes) -> bytes:
        raise ValueError("blurring is not installed (onnxruntime)")


def street(seed: int = 1) -> bytes:
    """A photo with a number plate on it, and with everything that a phone writes into its files."""
    image = scene(seed, (1200, 900))
    draw = ImageDraw.Draw(image)
    draw.rectangle((400, 400, 760, 500), fill="white")
    draw.text((580, 450), "B 1234 XYZ", fill="black", font=ImageFont.load_default(56), anchor="mm", stroke_width=2)
    exif = Image.Exif()
    exif[271], exif[315] = "telepon", "Budi Santoso"
    exif.get_ifd(34853).update({1: "S", 2: (6.0, 10.0, 31.44), 3: "E", 4: (106.0, 49.0, 37.92)})
    return saved(image, exif=exif, comment=b"rumah Budi", quality=90)


def add_street_photo(house: House, code: str, content: bytes) -> int:
    """A photo as it comes in with a message."""
    look: Look = look_at(content, "image/jpeg")
    kept = keep_photo(house, Attachment(content=content, content_type="image/jpeg", name="rumah-budi.jpg"), look)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        row = Photo(
            report_id=report.id, channel="email", created_at=START, name="rumah-budi.jpg",
            content_type="image/jpeg", state=state_of_photo(kept), media_key=kept.media_key,
            copy_key=kept.copy_key, thumb_key=kept.thumb_key, public_state="owed", phash=look.facts.phash,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def make_all(house: House) -> int:
    count = 0
    while asyncio.run(make_public_copies(house)):
        count += 1
    return count


@pytest.fixture
def house(tmp_path: Path) -> House:
    each = open_rooms(tmp_path)
    each = replace(each, readers=Blind(each.settings.city))
    for name, role in (("officer", "officer"), ("head", "head")):
        add_officer(each, name, role, "dbm")
    add_officer(each, "auditor", "auditor")
    return each


@pytest.fixture
def address(house: House) -> Iterator[str]:
    with serving(house) as url:
        yield url


def with_pack(house: House, **settings: object) -> House:
    pack: Pack = replace(house.pack, settings={**house.pack.settings, **settings})
    return replace(house, pack=pack)


def press_show(client: httpx.Client, code: str, yes: bool, number: int = 1) -> httpx.Response:
    token = hidden(client.get("/desk/password"), "csrf")
    fields = {"csrf": token, "photo": str(number), "show": "yes" if yes else "no"}
    return client.post(f"/desk/r/{code}/photos", data=fields)


def test_the_public_sees_the_blurred_copy_without_anything_of_the_camera(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason=BLUR)
    house = open_rooms(tmp_path)
    code = add_report(house)
    content = street()
    add_street_photo(house, code, content)
    with serving(house) as address:
        assert "/photos/1" not in httpx.get(f"{address}/r/{code}").text
        assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404  # not before it is blurred
        assert make_all(house) == 1
        assert f'src="/r/{code}/photos/1"' in httpx.get(f"{address}/r/{code}").text
        seen = httpx.get(f"{address}/r/{code}/photos/1")
        item = httpx.get(f"{address}/open311/v2/requests/{code}.json").json()[0]
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert item["media_url"].endswith(f"/r/{code}/photos/1")
    with Image.open(io.BytesIO(seen.content)) as image:
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not image.getexif()
        plate = image.convert("L").crop((420, 410, 740, 490))
    assert b"Budi" not in seen.content
    low, high = plate.getextrema()
    assert high - low < 120  # type: ignore[operator]  # black letters on white had 255


def test_what_cannot_be_blurred_is_hidden_until_an_official_shows_it(house: House, address: str) -> None:
    code = add_report(house)
    add_street_photo(house, code, street())
    assert make_all(house) == 1
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
    with browser(address) as client:
        log_in(client, "officer")
        page = press_show(client, code, yes=True)
        assert "Foto 1 ditampilkan untuk umum." in page.text
    seen = httpx.get(f"{address}/r/{code}/photos/1")
    assert seen.status_code == 200
    assert not Image.open(io.BytesIO(seen.content)).getexif()
    with house.store.read() as session:
        line = session.query(StatusUpdate).join(Report).filter(Report.code == code).all()[-1]
    assert (line.by, line.status, line.notes) == ("officer:officer", "assigned", "Foto 1 ditampilkan untuk umum.")


def test_an_official_hides_what_was_shown(house: House, address: str) -> None:
    code = add_report(house)
    add_street_photo(house, code, street())
    make_all(house)
    with browser(address) as client:
        log_in(client, "officer")
        press_show(client, code, yes=True)
        press_show(client, code, yes=True)  # twice pressed is once shown
        assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 200
        press_show(client, code, yes=False)
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
    with house.store.read() as session:
        notes = [line.notes for line in session.query(StatusUpdate).join(Report).filter(Report.code == code)]
    assert notes[-2:] == ["Foto 1 ditampilkan untuk umum.", "Foto 1 tidak lagi ditampilkan untuk umum."]
    assert notes.count("Foto 1 ditampilkan untuk umum.") == 1


def test_a_city_may_want_every_photo_seen_first(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason=BLUR)
    house = with_pack(open_rooms(tmp_path), public_photos="released")
    add_officer(house, "officer", "officer", "dbm")
    code = add_report(house)
    photo = add_street_photo(house, code, street())
    make_all(house)
    with serving(house) as address, browser(address) as client:
        assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
        log_in(client, "officer")
        would = client.get(f"/desk/photos/{photo}/public").content
        press_show(client, code, yes=True)
        assert httpx.get(f"{address}/r/{code}/photos/1").content == would  # what the official looked at


def test_the_original_is_for_few_and_the_copies_for_all_who_may_see_the_report(house: House, address: str) -> None:
    code, content = add_report(house), street()
    photo = add_street_photo(house, code, content)
    add_officer(house, "other", "head", "dlh")
    allowed = {
        "officer": (200, 200, 404),
        "head": (200, 200, 200),
        "auditor": (200, 200, 200),
        "other": (404,) * 3,
    }
    for name, statuses in allowed.items():
        with browser(address) as client:
            log_in(client, name)
            paths = (f"/desk/photos/{photo}", f"/desk/photos/{photo}/thumb", f"/desk/photos/{photo}/original")
            answers = [client.get(path) for path in paths]
            assert tuple(answer.status_code for answer in answers) == statuses, name
            for copy in answers[:2]:
                assert b"Budi" not in copy.content
            if statuses[2] == 200:
                assert answers[2].content == content
                assert answers[2].headers["content-disposition"].startswith("attachment")
    for part in ("", "/thumb", "/original", "/public"):
        assert httpx.get(f"{address}/desk/photos/{photo}{part}").status_code == 303  # to the log-in


def test_who_may_not_change_a_report_shows_and_hides_nothing(house: House, address: str) -> None:
    code = add_report(house)
    add_street_photo(house, code, street())
    make_all(house)
    add_officer(house, "other", "officer", "dlh")
    for name, status in (("auditor", 403), ("other", 404)):
        with browser(address) as client:
            log_in(client, name)
            assert press_show(client, code, yes=True).status_code == status
    with browser(address) as client:
        log_in(client, "officer")
        assert (
            client.post(f"/desk/r/{code}/photos", data={"csrf": "x", "photo": "1", "show": "yes"}).status_code
            == 403
        )
        for number in (0, 2, 999):
            assert press_show(client, code, yes=True, number=number).status_code == 404
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404


def test_a_rejected_report_shows_the_public_no_photo(house: House, address: str) -> None:
    code = add_report(house)
    add_street_photo(house, code, street())
    make_all(house)
    with browser(address) as client:
        log_in(client, "officer")
        press_show(client, code, yes=True)
    move(house, code, "rejected")
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
    assert "/photos/1" not in httpx.get(f"{address}/r/{code}").text


@pytest.mark.parametrize("number", ["0", "-1", "x", "%00", "99", "9" * 400, "1/../1"])
def test_a_photo_that_is_not_there_is_a_page_in_plain_words(house: House, address: str, number: str) -> None:
    code = add_report(house)
    assert httpx.get(f"{address}/r/{code}/photos/{number}").status_code == 404
    assert httpx.get(f"{address}/r/NOTHERE/photos/1").status_code == 404


def test_the_desk_says_on_which_other_report_the_same_picture_is(house: House, address: str) -> None:
    first, second, other = add_report(house), add_report(house), add_report(house)
    add_street_photo(house, first, street(5))
    smaller = Image.open(io.BytesIO(street(5))).resize((800, 600))
    add_street_photo(house, second, saved(smaller, "WEBP", quality=60))
    add_street_photo(house, other, street(6))
    with browser(address) as client:
        log_in(client, "officer")
        pages = {code: client.get(f"/desk/r/{code}?lang=en").text for code in (first, second, other)}
    words = "This picture is also on report"
    assert f'{words} <a href="/desk/r/{second}">{second}</a>' in pages[first]
    assert f'{words} <a href="/desk/r/{first}">{first}</a>' in pages[second]
    assert words not in pages[other]
