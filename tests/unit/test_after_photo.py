"""Doubts about after-photos: each flag by itself, honest photos that get none, and files that lie."""

import io
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bench.city.pictures import COPIES, SHARED, cropped, real_pictures, taken_again
from config.pack import load_pack
from config.settings import ROOT
from normalizer.after_photo import Doubt, Scene, Shot, doubts
from normalizer.edited import is_editor, software_of
from normalizer.photo import read_photo
from normalizer.picture import look
from normalizer.same_picture import Match, find_match
from normalizer.schema import Position
from tests.unit.test_pictures import saved, scene

PACK = load_pack(ROOT / "config" / "jakarta")
AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
SPOT = Position(lat=-6.2146789, long=106.8451234)
MANGGARAI = "31.74.01.1003"
PINNED = Scene(position=SPOT, source="pin", area_code=MANGGARAI, requested_at=AT)
TOLD = Scene(position=SPOT, source="text", area_code=MANGGARAI, requested_at=AT)
METRE = 1 / 111_195  # degrees of latitude


def north(metres: float, accuracy: float | None = None) -> Position:
    return Position(lat=SPOT.lat + metres * METRE, long=SPOT.long, accuracy=accuracy)


def kinds(after: Shot, *others: tuple[Shot, Match | None], at: Scene = PINNED) -> list[str]:
    return [doubt.kind for doubt in doubts(after, others, at, PACK)]


# --- flags from facts ---------------------------------------------------------------------------------------


def test_an_honest_photo_of_the_spot_a_day_later_raises_no_doubt() -> None:
    after = Shot(media_key="b", position=north(60), taken_at=AT + timedelta(days=1), software="HDR+ 1.0.540")
    assert kinds(after, (Shot(id=1, media_key="a"), None)) == []


def test_a_photo_that_says_nothing_of_itself_raises_no_doubt() -> None:
    assert kinds(Shot(media_key="b"), (Shot(id=1, media_key="a"), None)) == []


def test_the_same_file_is_named_with_the_photo_and_the_report_that_it_equals() -> None:
    other = Shot(id=7, code="K7M3AB", media_key="a")
    whole = Match(wide=1.0, high=1.0, alike=1.0)
    assert doubts(Shot(media_key="a"), [(Shot(id=1), None), (other, whole)], PINNED, PACK) == [
        Doubt(kind="same_file", like=7, code="K7M3AB")
    ]


def test_the_same_picture_and_a_part_of_a_picture_are_told_apart() -> None:
    whole, part = Match(wide=0.97, high=1.0, alike=0.9), Match(wide=0.8, high=0.9, alike=0.9)
    assert kinds(Shot(media_key="b"), (Shot(id=1, media_key="a"), whole)) == ["same_picture"]
    assert kinds(Shot(media_key="b"), (Shot(id=1, media_key="a"), part)) == ["cropped"]


@pytest.mark.parametrize(
    ("position", "at", "flags"),
    [
        (north(140), PINNED, []),
        (north(170), PINNED, ["elsewhere"]),
        (north(170, accuracy=40), PINNED, []),
        (north(5000, accuracy=90_000), PINNED, ["elsewhere"]),  # who claims to know nothing is not near everything
        (north(1500), TOLD, []),
        (north(9000), TOLD, ["elsewhere"]),
        (north(900), Scene(area_code=MANGGARAI, source="text", requested_at=AT), []),
        (north(9000), Scene(area_code=MANGGARAI, source="text", requested_at=AT), ["elsewhere"]),
        (north(9000), Scene(requested_at=AT), []),
        (north(9000), Scene(area_code="99.99", source="text", requested_at=AT), []),
    ],
)
def test_how_far_is_elsewhere_depends_on_how_well_the_place_is_known(
    position: Position, at: Scene, flags: list[str]
) -> None:
    assert kinds(Shot(position=position), at=at) == flags


@pytest.mark.parametrize(("hours", "flags"), [(1, []), (-14, []), (-23, []), (-25, ["before_report"])])
def test_a_camera_whose_clock_has_another_zone_is_not_from_before_the_report(hours: int, flags: list[str]) -> None:
    assert kinds(Shot(taken_at=AT + timedelta(hours=hours))) == flags


@pytest.mark.parametrize(
    "software",
    ["Adobe Photoshop 25.0 (Windows)", "GIMP 2.10.36", "Snapseed 2.0", "PicsArt", "Canva (Renderer)",
     "Adobe Photoshop Lightroom Classic", "DALL·E 3", "Midjourney v6", "Stable Diffusion",
     "Google AI", "C2PA: trainedAlgorithmicMedia", "ComfyUI"],
)  # fmt: skip
def test_editors_and_makers_of_pictures_are_known(software: str) -> None:
    assert kinds(Shot(software=software)) == ["edited"]


@pytest.mark.parametrize(
    "software",
    ["", None, "HDR+ 1.0.540104767zd", "17.5.1", "A325FXXU2BVA1", "Android RP1A.200720.012", "MediaTek Camera",
     "COOLPIX P6000V1.0", "MIUI Camera", "Picasa", "bengal-user 11", "Ver.1.00", "V1.0 vivo"],
)  # fmt: skip
def test_a_cameras_own_software_is_no_editor(software: str | None) -> None:
    assert not is_editor(software)


# --- what a file says ---------------------------------------------------------------------------------------


def with_software(name: object, tag: int = 305) -> bytes:
    exif = Image.Exif()
    exif[tag] = name
    return saved(scene(1), exif=exif)


def software(content: bytes) -> str | None:
    return look(content)[0].software


def credentials(*words: str) -> bytes:
    """A JPEG with a content-credentials segment that holds these words."""
    box = b"JP\0\1\0\0\0\1\0\0\0\0jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10" + b"\0".join(word.encode() for word in words)
    plain = saved(scene(1))
    return plain[:2] + b"\xff\xeb" + (len(box) + 2).to_bytes(2, "big") + box + plain[2:]


def test_software_is_read_from_exif_xmp_and_png_texts() -> None:
    assert software(with_software("Adobe Photoshop 25.0")) == "Adobe Photoshop 25.0"
    assert software(with_software("  PicsArt\0\n")) == "PicsArt"
    xmp = b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Adobe Photoshop Lightroom 7"/></x:xmpmeta>'
    assert software(saved(scene(1), xmp=xmp)) == "Adobe Photoshop Lightroom 7"
    made = (
        b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia<"
    )
    assert is_editor(software(saved(scene(1), xmp=made)) or "")
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a clean road, Steps: 20, Sampler: Euler")
    assert software(saved(scene(1), "PNG", pnginfo=texts)) == "Stable Diffusion"
    assert software(saved(scene(1))) is None


def test_content_credentials_count_unless_they_speak_of_a_camera_alone() -> None:
    made = software(credentials("digitalsourcetype/trainedAlgorithmicMedia"))
    assert made == "C2PA: trainedAlgorithmicMedia"
    assert software(credentials("c2pa.created", "digitalsourcetype/digitalCapture", "c2pa.edited")) == "C2PA"
    assert software(credentials("c2pa.created", "digitalsourcetype/computationalCapture")) is None
    assert software(credentials("nothing that we know")) == "C2PA"


@settings(max_examples=60, deadline=None)
@given(block=st.binary(max_size=400), tag=st.sampled_from([b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"JP"]))
def test_whatever_stands_in_the_head_the_software_is_read_or_not_and_never_raises(
    block: bytes, tag: bytes
) -> None:
    plain = saved(Image.new("RGB", (40, 40)))
    said = tag + block
    content = plain[:2] + b"\xff\xe1" + (len(said) + 2).to_bytes(2, "big") + said + plain[2:]
    facts = read_photo(content)
    assert facts.readable
    assert facts.software is None or (0 < len(facts.software) <= 100 and facts.software.isprintable())


@settings(max_examples=60, deadline=None)
@given(name=st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_any_software_tag_becomes_one_short_printable_line(name: Any) -> None:
    with Image.open(io.BytesIO(saved(Image.new("RGB", (8, 8))))) as image:
        image.getexif()[305] = name
        said = software_of(image, b"")
    assert said is None or (0 < len(said) <= 100 and said.isprintable())


# --- pictures -----------------------------------------------------------------------------------------------


def drawn() -> tuple[Image.Image, ...]:
    return tuple(scene(number, (1200, 900)) for number in range(12))


def pictures() -> tuple[Image.Image, ...]:
    return drawn() + real_pictures()


needs_photos = pytest.mark.skipif(not SHARED.is_dir(), reason=f"LEFT OUT: no real photographs under {SHARED}")


def compared(one: Image.Image, other: Image.Image) -> Match | None:
    copies = [look(saved(each.convert("RGB"), quality=78))[1] for each in (one, other)]
    assert copies[0] is not None
    assert copies[1] is not None
    return find_match(copies[0].copy, copies[1].copy)


@pytest.mark.long
@needs_photos
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_the_same_picture(kind: str) -> None:
    rng = random.Random(5)
    found = [compared(COPIES[kind](image, rng), image) for image in real_pictures()]
    assert len(found) > 20
    assert sum(match is not None and match.is_whole for match in found) >= 0.95 * len(found)


@pytest.mark.long
@needs_photos
def test_a_picture_of_which_a_quarter_was_cut_away_is_found() -> None:
    rng = random.Random(6)
    found = [compared(cropped(image, rng), image) for image in real_pictures()]
    assert sum(match is not None and not match.is_whole for match in found) >= 0.95 * len(found)


def test_a_part_of_a_drawn_picture_is_found_without_any_collection() -> None:
    rng = random.Random(7)
    found = [compared(cropped(scene(number, (1200, 900)), rng), scene(number, (1200, 900))) for number in range(6)]
    assert [match is not None and not match.is_whole for match in found] == [True] * 6


@pytest.mark.parametrize(
    "all_of_them", [drawn, pytest.param(pictures, marks=pytest.mark.long)], ids=["drawn", "real too"]
)
def test_an_honest_photo_of_the_same_place_from_the_same_spot_is_a_picture_of_its_own(
    all_of_them: Callable[[], tuple[Image.Image, ...]],
) -> None:
    rng = random.Random(8)
    found = [compared(taken_again(image, rng), image) for image in all_of_them()]
    assert sum(match is not None for match in found) <= 0.02 * len(found)


def test_different_places_are_different_pictures() -> None:
    rng, all_of_them = random.Random(9), drawn()
    pairs = [rng.sample(all_of_them, 2) for _ in range(20)]
    assert sum(compared(*pair) is not None for pair in pairs) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (1600, 2), (16, 16), (300, 300)])
def test_pictures_with_nothing_in_them_match_nothing(size: tuple[int, int]) -> None:
    plain = saved(Image.new("RGB", size, "grey"))
    assert find_match(plain, plain) is None
    assert find_match(plain, saved(scene(1))) is None
    assert find_match(saved(scene(1)), plain) is None


def test_shapes_that_cannot_lie_in_each_other_do_not_match(tmp_path: Path) -> None:
    assert find_match(saved(scene(1, (900, 300))), saved(scene(1, (300, 900)))) is None
