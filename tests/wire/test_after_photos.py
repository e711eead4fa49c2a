"""After-photos over HTTP: what an official brings with a move, what is doubted, who sees it and who releases it."""

import contextlib
import http.client
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import httpx
import pytest
from PIL import Image

from desk.wire import LARGEST_PHOTO, LARGEST_UPLOAD, MOST_PHOTOS
from normalizer.same_picture import Match
from router.house import House
from router.readers import Here
from store.media import key_of
from store.models import Holding, Photo, Report, StatusUpdate
from tests.unit.test_after_photo import cropped, with_software
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import (
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_desk,
    serving,
    status_of,
)
from tests.wire.test_public_photos import add_street_photo, make_all, press_show

ASKS = "Foto sesudah"
OFFICERS = {
    "officer": ("officer", "dbm"),
    "other": ("officer", "dlh"),
    "auditor": ("auditor",),
    "triage": ("triage",),
    "admin": ("admin",),
}


@dataclass(frozen=True)
class Plain(Here):
    """Readers whose public copy is another JPEG of the same picture, without the models that hide faces."""

    def blur(self, photo: bytes) -> bytes:
        with Image.open(io.BytesIO(photo)) as image:
            return saved(image.convert("RGB").resize((320, 240)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    each = open_desk(tmp_path_factory.mktemp("after"), OFFICERS)
    return replace(each, readers=Plain(each.settings.city))


@pytest.fixture(scope="module")
def officer(address: str) -> Iterator[httpx.Client]:
    with browser(address) as client:
        log_in(client, "officer")
        yield client


@pytest.fixture(scope="module")
def triage(address: str) -> Iterator[httpx.Client]:
    with browser(address) as client:
        log_in(client, "triage")
        yield client


@cache
def picture(seed: int) -> Image.Image:
    return scene(seed, (1200, 900))  # its grain is another one each time


@cache
def photo(seed: int) -> bytes:
    """A photo of its own for each seed."""
    return saved(picture(seed), quality=88)


def bring(client: httpx.Client, code: str, *files: bytes, status: str = "resolved", **said: str) -> httpx.Response:
    """Open a report, choose photos, press a button."""
    page = client.get(f"/desk/r/{code}")
    fields = {
        "csrf": hidden(page, "csrf"),
        "seen": hidden(page, "seen"),
        "status": status,
        "note": "Sudah ditambal.",
        **said,
    }
    chosen = [("after", (f"sesudah{number}.jpg", content, "image/jpeg")) for number, content in enumerate(files)]
    return client.post(f"/desk/r/{code}", data=fields, files=chosen or [("after", ("", b"", "image/jpeg"))])


def rows(house: House, model: Any, code: str) -> list[Any]:
    with house.store.read() as session:
        found = session.query(model).join(Report).filter(Report.code == code).order_by(model.id)
        return list(found)


def flags(house: House, code: str) -> list[dict[str, Any]]:
    (holding,) = rows(house, Holding, code)
    return list(holding.flags or [])


def kinds(house: House, code: str) -> list[str]:
    return [flag["kind"] for flag in flags(house, code)]


def test_an_honest_photo_comes_with_the_move_and_is_doubted_by_nobody(
    house: House, address: str, officer: httpx.Client
) -> None:
    code = add_report(house)
    add_street_photo(house, code, photo(1))
    page = bring(officer, code, photo(2))
    assert page.status_code == 200
    assert "Sebelum" in page.text
    assert "Sesudah" in page.text
    before, after = rows(house, Photo, code)
    assert (before.is_after, after.is_after) == (False, True)
    assert (after.channel, after.state, after.media_key) == ("desk", "kept", key_of(photo(2)))
    assert kinds(house, code) == []
    assert [line.by for line in rows(house, StatusUpdate, code)] == ["router", "officer:officer"]
    make_all(house)
    public = httpx.get(f"{address}/r/{code}").text
    assert public.index("Sebelum") < public.index(f"/r/{code}/photos/1")
    assert public.index(f"/r/{code}/photos/1") < public.index("Sesudah") < public.index(f"/r/{code}/photos/2")
    assert f"/r/{code}" in answers_to(house, code)[-1]


def test_the_citizens_own_photo_is_known_again_and_the_move_is_done_all_the_same(
    house: House, address: str, officer: httpx.Client
) -> None:
    code = add_report(house)
    before = add_street_photo(house, code, photo(3))
    page = bring(officer, code, photo(3))
    assert page.status_code == 200
    assert status_of(house, code) == "resolved"
    (flag,) = flags(house, code)
    after = rows(house, Photo, code)[1]
    assert flag == {"kind": "same_file", "photo": after.id, "like": before, "code": code}
    assert "Berkasnya sama persis dengan foto lain di laporan ini." in page.text
    assert f'src="/desk/photos/{before}/thumb"' in page.text
    line = rows(house, StatusUpdate, code)[-1]
    assert (line.status, line.by) == ("resolved", "router")
    assert line.notes == "Foto sesudah: berkasnya sama persis dengan foto lain di laporan ini."
    assert line.notes not in httpx.get(f"{address}/r/{code}").text


def test_a_copy_encoded_anew_and_a_part_of_it_are_known_again(house: House, officer: httpx.Client) -> None:
    again, part = add_report(house), add_report(house)
    for code in (again, part):
        add_street_photo(house, code, photo(4 if code == again else 5))
    smaller = saved(picture(4).resize((800, 600)), "WEBP", quality=70)
    bring(officer, again, smaller)
    bring(officer, part, saved(cropped(picture(5), random.Random(1))))
    assert (kinds(house, again), kinds(house, part)) == (["same_picture"], ["cropped"])


def test_a_photo_of_another_report_is_named_with_its_code(house: House, officer: httpx.Client) -> None:
    first, second, third = add_report(house), add_report(house), add_report(house)
    bring(officer, first, photo(6))
    page = bring(officer, second, photo(6))
    bring(officer, third, saved(picture(6).resize((600, 450)), quality=70))
    assert [(flag["kind"], flag["code"]) for flag in flags(house, second)] == [("same_file", first)]
    assert kinds(house, third) == ["same_picture"]
    assert f'href="/desk/r/{first}"' in page.text
    assert f"foto di laporan {first}" in rows(house, StatusUpdate, second)[-1].notes


def test_place_time_and_editor_are_doubted_each(house: House, officer: httpx.Client) -> None:
    code = add_report(house, sources={"place": {"source": "pin", "enough": True}})
    exif = Image.Exif()
    exif[305] = "Adobe Photoshop 25.0"
    exif.get_ifd(34665)[36867] = "2026:10:28 08:00:00"
    exif.get_ifd(34853).update({1: "S", 2: (6.0, 10.0, 31.44), 3: "E", 4: (106.0, 49.0, 37.92)})
    bring(officer, code, saved(picture(7), exif=exif))
    assert kinds(house, code) == ["elsewhere", "before_report", "edited"]
    assert rows(house, Photo, code)[0].software == "Adobe Photoshop 25.0"
    line = rows(house, StatusUpdate, code)[-1].notes
    assert "5 km" in line
    assert "Adobe Photoshop 25.0" in line


def test_resolved_without_a_photo_is_doubted_where_the_service_asks_for_one(
    house: House, officer: httpx.Client
) -> None:
    asked, not_asked = add_report(house), add_report(house, service_code="lalu_lintas")
    page = bring(officer, asked)
    bring(officer, not_asked)
    assert (kinds(house, asked), kinds(house, not_asked)) == (["none"], [])
    assert f"{ASKS}: tidak ada, padahal" in rows(house, StatusUpdate, asked)[-1].notes
    assert "Sesudah: Tidak ada, padahal" in page.text
    assert (status_of(house, asked), status_of(house, not_asked)) == ("resolved", "resolved")


def test_a_photo_from_an_earlier_move_counts_until_the_report_is_reopened(
    house: House, officer: httpx.Client
) -> None:
    code = add_report(house)
    bring(officer, code, photo(8), status="in_progress")
    bring(officer, code)
    assert kinds(house, code) == []
    move(house, code, "reopened")
    bring(officer, code)
    assert kinds(house, code) == ["none"]
    move(house, code, "reopened")
    bring(officer, code, photo(9))
    assert kinds(house, code) == []  # it came after all


def test_several_photos_come_at_once_and_one_that_comes_twice_is_one(house: House, officer: httpx.Client) -> None:
    code = add_report(house)
    bring(officer, code, photo(10), photo(11), photo(10))
    assert [each.media_key for each in rows(house, Photo, code)] == [key_of(photo(10)), key_of(photo(11))]


def test_a_doubted_photo_is_released_by_triage_and_by_no_officer(
    house: House, address: str, officer: httpx.Client, triage: httpx.Client
) -> None:
    code = add_report(house)
    bring(officer, code, with_software("GIMP 2.10"))
    assert make_all(house) >= 1  # its public copy is made, and hidden
    assert rows(house, Photo, code)[0].public_key
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
    assert 'name="show"' not in officer.get(f"/desk/r/{code}").text
    assert press_show(officer, code, yes=True).status_code == 403
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404
    assert press_show(triage, code, yes=True).status_code == 200
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 200
    assert press_show(officer, code, yes=False).status_code == 200  # hiding is everybody's
    assert httpx.get(f"{address}/r/{code}/photos/1").status_code == 404


def explain(client: httpx.Client, code: str, words: str) -> httpx.Response:
    token = hidden(client.get("/desk/password"), "csrf")
    return client.post(f"/desk/r/{code}/explanation", data={"csrf": token, "explanation": words})


def test_an_agency_explains_its_doubt_once_and_it_is_on_record(house: House, officer: httpx.Client) -> None:
    code = add_report(house)
    bring(officer, code)
    page = explain(officer, code, "Kamera regu rusak.")
    assert page.status_code == 200
    assert "Penjelasan: Kamera regu rusak." in page.text
    explain(officer, code, "Kamera regu rusak.")
    (holding,) = rows(house, Holding, code)
    assert holding.explanation == "Kamera regu rusak."
    lines = [line.notes for line in rows(house, StatusUpdate, code) if "Penjelasan" in (line.notes or "")]
    assert lines == ["Penjelasan tentang foto sesudah: Kamera regu rusak."]


def test_who_did_not_do_it_explains_nothing(house: House, address: str, officer: httpx.Client) -> None:
    code, clean = add_report(house), add_report(house)
    bring(officer, code)
    for name, status in (("other", 404), ("auditor", 404)):
        with browser(address) as client:
            log_in(client, name)
            assert explain(client, code, "Bukan kami").status_code == status
    assert explain(officer, code, "").status_code == 400
    assert explain(officer, code, "x" * 1001).status_code == 400
    assert explain(officer, clean, "Tidak ada apa-apa").status_code == 400
    assert officer.post(f"/desk/r/{code}/explanation", data={"csrf": "x", "explanation": "y"}).status_code == 403
    assert rows(house, Holding, code)[0].explanation is None


# --- what is not taken --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"<svg onload=alert(1)>", b"%PDF-1.7 ...", b"MZ" + bytes(500), b"\xff\xd8\xff\xe0 no picture", b"GIF89a", b"PK\3\4"],
)  # fmt: skip
def test_what_is_no_photo_is_a_sentence_on_the_page_and_nothing_is_changed(
    house: House, officer: httpx.Client, content: bytes
) -> None:
    code = add_report(house)
    page = bring(officer, code, photo(12), content)
    assert page.status_code == 400
    assert "sesudah1.jpg tidak dapat dibaca sebagai foto" in page.text
    assert "Sudah ditambal." in page.text  # the note need not be written again
    assert status_of(house, code) == "assigned"
    assert rows(house, Photo, code) == []


def test_what_is_too_large_or_too_many_is_refused_and_nothing_is_changed(
    house: House, officer: httpx.Client
) -> None:
    code = add_report(house)
    assert bring(officer, code, bytes(LARGEST_PHOTO + 1)).status_code == 413
    assert bring(officer, code, *[photo(13)] * (MOST_PHOTOS + 1)).status_code == 413
    assert bring(officer, code, note="x" * 70_000).status_code == 400
    assert status_of(house, code) == "assigned"
    assert rows(house, Photo, code) == []


def test_a_form_larger_than_all_photos_together_is_refused_before_or_while_it_comes(
    house: House, address: str, officer: httpx.Client
) -> None:
    code, start = add_report(house), b'--x\r\nContent-Disposition: form-data; name="after"; filename="a"\r\n\r\n'
    said = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Cookie": f"lapor_desk={officer.cookies['lapor_desk']}",
    }

    def endless() -> Iterator[bytes]:
        yield start
        for _ in range(LARGEST_UPLOAD // 1_000_000 + 1):
            yield bytes(1_000_000)

    host, statuses = address.removeprefix("http://"), []
    for body, length in ((start, {"Content-Length": str(LARGEST_UPLOAD + 1)}), (endless(), {})):
        connection = http.client.HTTPConnection(host, timeout=20)
        headers = {**said, **(length or {"Transfer-Encoding": "chunked"})}
        with contextlib.closing(connection):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it stops listening: as good
                connection.request("POST", f"/desk/r/{code}", body, headers, encode_chunked=not length)
            statuses.append(connection.getresponse().status)
    assert statuses == [413, 413]
    assert status_of(house, code) == "assigned"
    assert rows(house, Photo, code) == []


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\nno name\r\n--x--\r\n", b"\xff\x00" * 300])
def test_a_broken_form_is_refused(house: House, officer: httpx.Client, body: bytes) -> None:
    code = add_report(house)
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data"):
        answer = officer.post(f"/desk/r/{code}", content=body, headers={"Content-Type": kind})
        assert answer.status_code in {400, 403}
    assert status_of(house, code) == "assigned"


def test_without_a_log_in_or_its_token_no_photo_is_taken(
    house: House, address: str, officer: httpx.Client
) -> None:
    code = add_report(house)
    files = [("after", ("a.jpg", photo(14), "image/jpeg"))]
    fields = {"csrf": "x" * 43, "seen": "1", "status": "resolved", "note": "Selesai"}
    answer = httpx.post(f"{address}/desk/r/{code}", data=fields, files=files)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert officer.post(f"/desk/r/{code}", data=fields, files=files).status_code == 403
    assert not house.store.media.root.joinpath(*_place(photo(14))).exists()  # type: ignore[attr-defined]
    assert status_of(house, code) == "assigned"


def _place(content: bytes) -> tuple[str, str, str]:
    key = key_of(content)
    return key[:2], key[2:4], key


def test_another_agency_and_an_auditor_bring_nothing(house: House, address: str) -> None:
    code = add_report(house)
    for name, status in (("other", 404), ("auditor", 403)):
        with browser(address) as client:
            log_in(client, name)
            token = hidden(client.get("/desk/password"), "csrf")
            fields = {"csrf": token, "seen": "1", "status": "resolved", "note": "Selesai"}
            files = [("after", ("a.jpg", photo(15), "image/jpeg"))]
            assert client.post(f"/desk/r/{code}", data=fields, files=files).status_code == status
    assert rows(house, Photo, code) == []
    assert not house.store.media.root.joinpath(*_place(photo(15))).exists()  # type: ignore[attr-defined]
    assert status_of(house, code) == "assigned"


def test_the_files_of_a_move_that_came_too_late_are_not_kept(house: House, officer: httpx.Client) -> None:
    code = add_report(house)
    assert bring(officer, code, photo(16), seen="0").status_code == 409
    assert bring(officer, code, photo(16), status="closed").status_code == 400
    assert rows(house, Photo, code) == []
    assert not house.store.media.root.joinpath(*_place(photo(16))).exists()  # type: ignore[attr-defined]


def test_pictures_that_cannot_be_compared_in_time_hold_no_move_up(house: House) -> None:
    @dataclass(frozen=True)
    class Slow(Plain):
        def match(self, one: bytes, others: Any) -> list[Match | None]:
            raise ValueError("the photos cannot be compared: TimeoutError")

    code = add_report(house)
    add_street_photo(house, code, photo(17))
    slow = replace(house, readers=Slow(house.settings.city))
    with serving(slow) as url, browser(url) as client:
        log_in(client, "officer")
        bring(client, code, photo(17))
    assert kinds(house, code) == ["same_file"]  # that needs no look at the picture
