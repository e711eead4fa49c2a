"""What a photo's bytes tell; every picture is made here."""

import csv
import io
import json
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from config.settings import ROOT
from normalizer.exif import LOCAL_TIME, orientation_of
from normalizer.photo import MAX_BYTES, MAX_PIXELS, MAX_PIXELS_JPEG, NO_HEIC, open_photo, read_photo

GPS = ExifTags.GPS
MONAS = {GPS.GPSLatitudeRef: "S", GPS.GPSLatitude: (6.0, 10.0, 31.44), GPS.GPSLongitudeRef: "E",
         GPS.GPSLongitude: (106.0, 49.0, 37.92)}  # fmt: skip


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **save: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else None).save(out, kind, **save)
    return out.getvalue()


def with_exif(gps: dict[int, object] | None = None, **tags: object) -> bytes:
    exif = Image.Exif()
    for name, value in tags.items():
        where = exif if name == "Orientation" else exif.get_ifd(ExifTags.IFD.Exif)
        where[ExifTags.Base[name]] = value
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    return picture(exif=exif)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
    ],
)
def test_the_type_is_told_by_the_bytes(kind: str, content_type: str) -> None:
    facts = read_photo(picture(kind), "application/pdf")
    assert (facts.readable, facts.content_type, facts.width, facts.height) == (True, content_type, 40, 20)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04zip", b"%PDF-1.7", b"<svg/>", b"\xff\xd8\xff"])
def test_what_is_no_photo_says_so(content: bytes) -> None:
    facts = read_photo(content, "image/jpeg")
    assert not facts.readable
    assert facts.note


def test_a_broken_heic_is_recognised_and_says_so() -> None:
    facts = read_photo(struct.pack(">I", 24) + b"ftypheic" + bytes(12))
    assert (facts.readable, facts.content_type) == (False, "image/heic")
    assert facts.note


WITHOUT_HEIC = """
import sys
sys.modules["pillow_heif"] = None  # as on a machine where it is not installed
from normalizer.photo import read_photo
facts = read_photo(sys.stdin.buffer.read())
print(facts.readable, facts.content_type, facts.note, facts.position and round(facts.position.lat, 3), sep="|")
"""


def test_without_its_library_a_heic_is_kept_and_its_exif_is_read() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(MONAS)
    content = struct.pack(">I", 24) + b"ftypheic" + bytes(12) + exif.tobytes()
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_HEIC], cwd=ROOT, input=content, capture_output=True, check=True
    )
    assert said.stdout.decode().strip() == f"False|image/heic|{NO_HEIC}|-6.175"


def test_a_position_is_read_in_degrees() -> None:
    position = read_photo(with_exif(MONAS)).position
    assert position is not None
    assert (round(position.lat, 4), round(position.long, 4)) == (-6.1754, 106.8272)


@pytest.mark.parametrize(
    "gps",
    [
        {**MONAS, GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)},
        {**MONAS, GPS.GPSLatitude: (200.0, 0.0, 0.0)},
        {**MONAS, GPS.GPSLongitude: (106.0, 99.0, 0.0)},
        {**MONAS, GPS.GPSLatitude: (IFDRational(6, 0), IFDRational(0, 0), IFDRational(0, 0))},
    ],
)
def test_an_impossible_position_is_left_out_with_a_note(gps: dict[int, object]) -> None:
    facts = read_photo(with_exif(gps))
    assert facts.readable
    assert facts.position is None
    assert facts.note


def test_seconds_that_were_rounded_to_sixty_are_the_next_minute() -> None:
    position = read_photo(with_exif({**MONAS, GPS.GPSLongitude: (106.0, 48.0, 60.0)})).position
    assert position is not None
    assert position.long == pytest.approx(106.0 + 49 / 60, abs=1e-6)


def test_a_picture_without_position_has_no_note() -> None:
    facts = read_photo(picture())
    assert facts.position is None
    assert facts.note is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_width_and_height_are_upright(orientation: int) -> None:
    facts = read_photo(with_exif(Orientation=orientation))
    assert (facts.width, facts.height) == ((20, 40) if orientation >= 5 else (40, 20))


def test_a_time_without_zone_is_jakartas() -> None:
    facts = read_photo(with_exif(DateTimeOriginal="2026:11:03 10:15:00"))
    assert facts.taken_at == datetime(2026, 11, 3, 3, 15, tzinfo=UTC)


def test_a_time_with_its_offset_keeps_it() -> None:
    facts = read_photo(with_exif(DateTimeOriginal="2026:11:03 10:15:00", OffsetTimeOriginal="+09:00"))
    assert facts.taken_at == datetime(2026, 11, 3, 1, 15, tzinfo=UTC)


def test_a_senseless_time_is_left_out() -> None:
    assert read_photo(with_exif(DateTimeOriginal="0000:00:00 00:00:00")).taken_at is None


def test_a_time_before_such_cameras_or_after_now_is_left_out_with_a_note() -> None:
    now = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
    for written in ("1970:01:01 00:00:00", "1980:01:01 00:00:00", "2026:11:05 12:00:00", "2190:02:30 10:00:00"):
        facts = read_photo(with_exif(DateTimeOriginal=written), now=now)
        assert (facts.readable, facts.taken_at) == (True, None)
        assert facts.note
        assert "time" in facts.note
    assert read_photo(with_exif(DateTimeOriginal="2026:11:04 10:00:00"), now=now).taken_at  # another zone's clock


def test_an_absurd_time_costs_the_position_nothing() -> None:
    facts = read_photo(with_exif(MONAS, DateTimeOriginal="1970:01:01 00:00:00"))
    assert facts.position is not None
    assert facts.note == "time of 1969: the clock was not set"  # Jakarta's midnight


@pytest.mark.parametrize(("written", "direction"), [(271.3, 271.3), (0, 0.0), (360, 0.0), (361, None), (-3, None)])
def test_the_direction_is_in_degrees_from_north(written: float, direction: float | None) -> None:
    gps = {**MONAS, GPS.GPSImgDirectionRef: "T", GPS.GPSImgDirection: IFDRational(int(written * 10), 10)}
    gps = gps if written >= 0 else {**gps, GPS.GPSImgDirection: IFDRational(1, 0)}  # (the tag has no sign)
    assert read_photo(with_exif(gps)).direction == direction


def test_a_decompression_bomb_is_not_opened() -> None:
    bomb = bytearray(picture("PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)  # IHDR says 3.6 billion pixels
    facts = read_photo(bytes(bomb))
    assert not facts.readable
    assert facts.note


def test_an_ordinary_jpeg_may_be_larger_than_what_must_be_decoded_whole() -> None:
    side = int(MAX_PIXELS**0.5) + 100
    facts = {kind: read_photo(picture(kind, (side, side), "L")) for kind in ("JPEG", "PNG")}
    slow = read_photo(picture("JPEG", (side, side), "L", progressive=True))
    assert side * side < MAX_PIXELS_JPEG
    assert (facts["JPEG"].readable, facts["PNG"].readable, slow.readable) == (True, False, False)


def test_more_bytes_than_allowed_are_not_looked_at() -> None:
    facts = read_photo(picture() + bytes(MAX_BYTES))
    assert (facts.readable, facts.note) == (False, "larger than 40 MB")


def test_a_photo_cut_short_is_still_a_photo() -> None:
    whole = picture(size=(600, 400), quality=95)
    assert read_photo(whole[: len(whole) // 2]).readable


def test_only_the_head_of_a_jpeg_is_read_for_its_facts() -> None:
    with open_photo(with_exif(MONAS)) as image:
        assert orientation_of(image) == 1
        assert getattr(image, "_im", None) is None  # no pixel was decoded


HEADS = [b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic",
         b"BM", b"\0\0\0\x18ftypavif"]  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(HEADS), st.binary(max_size=400))
def test_any_bytes_never_raise(head: bytes, rest: bytes) -> None:
    facts = read_photo(head + rest)
    assert facts.readable or facts.note


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoilt_photo_never_raises(data: st.DataObject) -> None:
    content = bytearray(with_exif(MONAS, Orientation=6))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    facts = read_photo(bytes(content))
    assert facts.readable or facts.note


def test_photos_of_other_projects_come_out_as_they_say(shared: Path) -> None:
    index = shared / "cases" / "photos" / "index.jsonl"
    for line in index.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        expected = row["expected"] or {}
        content = (index.parent / row["file"]).read_bytes()
        facts = read_photo(content)
        assert facts.readable != bool(expected.get("refused") or expected.get("not_a_photo")), row["file"]
        if not facts.readable:
            continue
        assert facts.content_type == expected.get("mime", facts.content_type)
        assert [facts.width, facts.height] == expected.get("size_as_shown", [facts.width, facts.height])
        assert {facts.width, facts.height} == set(expected.get("size", (facts.width, facts.height))), row["file"]
        with open_photo(content) as image:
            assert orientation_of(image) == expected.get("orientation", orientation_of(image)), row["file"]
        if any(expected.get("gps", ())):
            assert facts.position is not None, row["file"]
            assert [facts.position.lat, facts.position.long] == pytest.approx(expected["gps"], abs=1e-4)
        if taken := expected.get("taken"):
            assert facts.taken_at is not None, row["file"]
            assert f"{facts.taken_at.astimezone(LOCAL_TIME):%Y:%m:%d %H:%M:%S}" == taken


def test_the_shared_photos_have_their_positions_and_sizes(shared: Path) -> None:
    table = shared / "data" / "photos" / "photos.csv"
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            facts = read_photo((table.parent / row["file"]).read_bytes())
            size = [int(row["width"]), int(row["height"])]
            assert [facts.width, facts.height] == (
                size[::-1] if row["orientation"] in {"5", "6", "7", "8"} else size
            )
            if row["gps_lat"] and float(row["gps_lat"]):
                assert facts.position is not None, row["file"]
                assert facts.position.lat == pytest.approx(float(row["gps_lat"]), abs=1e-4)
                assert facts.position.long == pytest.approx(float(row["gps_lon"]), abs=1e-4)
            else:
                assert facts.position is None, row["file"]
