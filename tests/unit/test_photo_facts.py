"""What a photo's bytes tell, and copies without metadata; every picture is made here."""

import csv
import io
import json
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from normalizer.photo import make_copy, read_photo

SHARED = Path(__file__).resolve().parents[3] / "shared"
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


def test_a_heic_is_recognised_and_kept() -> None:
    facts = read_photo(struct.pack(">I", 24) + b"ftypheic" + bytes(12))
    assert facts.content_type == "image/heic"
    assert facts.note


def test_the_exif_of_a_heic_is_read_without_its_library() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(MONAS)
    facts = read_photo(struct.pack(">I", 24) + b"ftypheic" + bytes(12) + exif.tobytes())
    assert facts.position is not None
    assert round(facts.position.lat, 3) == -6.175


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


def test_a_decompression_bomb_is_not_opened() -> None:
    bomb = bytearray(picture("PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)  # IHDR says 3.6 billion pixels
    facts = read_photo(bytes(bomb))
    assert not facts.readable
    with pytest.raises(ValueError, match="no readable photo"):
        make_copy(bytes(bomb), 800)


def test_a_copy_is_upright_small_and_bare() -> None:
    copy = make_copy(with_exif(MONAS, Orientation=6, DateTimeOriginal="2026:11:03 10:15:00"), 30)
    with Image.open(io.BytesIO(copy)) as image:
        assert image.format == "JPEG"
        assert image.size == (15, 30)
        assert not image.getexif()
        assert "icc_profile" not in image.info
    assert read_photo(copy).position is None


def test_a_copy_turns_the_picture_as_the_camera_was_held() -> None:
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera lay on its side: turn by a quarter to the right
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(make_copy(out.getvalue(), 40))) as copy:
        top, bottom = copy.getpixel((10, 5)), copy.getpixel((10, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 100 > top[2]
    assert bottom[2] > 200 > 100 > bottom[0]


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"), ("JPEG", "CMYK"), ("GIF", "P")]
)
def test_every_colour_mode_can_be_copied(kind: str, mode: str) -> None:
    assert read_photo(make_copy(picture(kind, mode=mode), 100)).content_type == "image/jpeg"


def test_a_photo_cut_short_is_still_a_photo() -> None:
    whole = picture(size=(600, 400), quality=95)
    assert read_photo(whole[: len(whole) // 2]).readable


def test_what_is_no_photo_has_no_copy() -> None:
    with pytest.raises(ValueError, match="no readable photo"):
        make_copy(b"hello", 800)


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
    with suppress(ValueError):  # the only error that a copy may raise
        assert read_photo(make_copy(bytes(content), 30)).readable


def test_photos_of_other_projects_come_out_as_they_say() -> None:
    index = SHARED / "cases" / "photos" / "index.jsonl"
    if not index.exists():
        pytest.skip(f"not here: {index}")
    for line in index.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        expected = row["expected"] or {}
        facts = read_photo((index.parent / row["file"]).read_bytes())
        if expected.get("refused") or expected.get("not_a_photo"):
            assert not facts.readable, row["file"]
        elif facts.content_type != "image/heic":
            assert facts.readable, row["file"]
            assert not expected.get("size_as_shown") or expected["size_as_shown"] == [facts.width, facts.height]
        if any(expected.get("gps", ())):
            assert facts.position is not None, row["file"]
            assert [facts.position.lat, facts.position.long] == pytest.approx(expected["gps"], abs=1e-4)


def test_the_shared_photos_have_their_positions() -> None:
    table = SHARED / "data" / "photos" / "photos.csv"
    if not table.exists():
        pytest.skip(f"not here: {table}")
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            facts = read_photo((table.parent / row["file"]).read_bytes())
            if row["gps_lat"] and float(row["gps_lat"]):
                assert facts.position is not None, row["file"]
                assert facts.position.lat == pytest.approx(float(row["gps_lat"]), abs=1e-4)
                assert facts.position.long == pytest.approx(float(row["gps_lon"]), abs=1e-4)
            else:
                assert facts.position is None, row["file"]
