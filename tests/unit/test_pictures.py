"""The copies of a photo that people see, and the hash that finds it again; every picture is made here."""

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, ImageEnhance

from normalizer.photo import read_photo
from normalizer.photo_hash import NEAR, bands_near, distance
from normalizer.picture import Copies, look
from tests.unit.test_photo_facts import HEADS, MONAS, picture, with_exif


def copies_of(content: bytes) -> Copies:
    facts, copies = look(content)
    assert copies is not None, facts.note
    return copies


def hash_of(content: bytes) -> str:
    phash = look(content)[0].phash
    assert phash is not None
    return phash


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def scene(seed: int, size: tuple[int, int] = (900, 600)) -> Image.Image:
    """A picture of its own for each seed: blots in front of a slope of grey, with grain."""
    rng = random.Random(seed)
    image = Image.linear_gradient("L").rotate(rng.randrange(360)).resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, w, h = rng.randrange(size[0]), rng.randrange(size[1]), rng.randrange(60, 320), rng.randrange(60, 320)
        draw.ellipse((x - w, y - h, x + w, y + h), fill=tuple(rng.randrange(256) for _ in range(3)))
    return Image.blend(image, Image.effect_noise(size, 40).convert("RGB"), 0.15)


def saved(image: Image.Image, kind: str = "JPEG", **save: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def test_copies_are_upright_small_and_bare() -> None:
    exif = Image.Exif()
    exif[274], exif[315] = 6, "Budi"
    content = saved(
        scene(1, (4000, 2000)), exif=exif, icc_profile=b"profile", comment=b"rumah Budi", xmp=b"<x:xmpmeta/>"
    )
    copies = copies_of(content)
    for copy, size in ((copies.copy, (800, 1600)), (copies.thumb, (160, 320))):
        with opened(copy) as image:
            assert (image.format, image.size) == ("JPEG", size)
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert not image.getexif()
        assert b"Budi" not in copy


def profile_with_red_and_blue_exchanged() -> bytes:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = plain.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    return named.replace(b"rXYZ", b"?").replace(b"bXYZ", b"rXYZ").replace(b"?", b"bXYZ")


@pytest.mark.parametrize(
    ("kind", "mode", "profile", "colour"),
    [
        ("JPEG", "RGB", profile_with_red_and_blue_exchanged(), (0, 0, 255)),
        ("PNG", "RGBA", profile_with_red_and_blue_exchanged(), (0, 0, 255)),
        ("WEBP", "RGB", profile_with_red_and_blue_exchanged(), (0, 0, 255)),
        ("JPEG", "RGB", b"no profile", (255, 0, 0)),
        ("JPEG", "L", profile_with_red_and_blue_exchanged(), (76, 76, 76)),  # of another mode
        ("JPEG", "RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), (255, 0, 0)),
    ],
)
def test_a_copy_has_the_colours_that_the_photos_profile_means(
    kind: str, mode: str, profile: bytes, colour: tuple[int, ...]
) -> None:
    red = Image.new("RGB", (64, 64), "red").convert(mode)
    with opened(copies_of(saved(red, kind, icc_profile=profile)).copy) as image:
        seen = image.getpixel((32, 32))
        assert isinstance(seen, tuple)
        assert all(abs(one - other) < 8 for one, other in zip(seen, colour, strict=True)), seen


def test_a_small_picture_is_not_made_larger() -> None:
    copies = copies_of(picture(size=(40, 20)))
    assert (opened(copies.copy).size, opened(copies.thumb).size) == ((40, 20), (40, 20))


def test_a_copy_turns_the_picture_as_the_camera_was_held() -> None:
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[274] = 6  # the camera lay on its side: turn by a quarter to the right
    with opened(copies_of(saved(image, exif=exif, quality=95)).copy) as copy:
        top, bottom = copy.getpixel((10, 5)), copy.getpixel((10, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 100 > top[2]
    assert bottom[2] > 200 > 100 > bottom[0]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16"), ("JPEG", "CMYK"), ("GIF", "P"),
     ("WEBP", "RGBA"), ("AVIF", "RGB")],
)  # fmt: skip
def test_every_colour_mode_can_be_copied(kind: str, mode: str) -> None:
    assert read_photo(copies_of(picture(kind, mode=mode)).copy).content_type == "image/jpeg"


def test_what_is_transparent_becomes_white() -> None:
    assert (
        opened(copies_of(saved(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG")).copy).getpixel((9, 9))
        == (255,) * 3
    )


def test_a_heic_from_a_phone_is_shown(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="LEFT OUT: no pillow_heif for this platform")
    exif = Image.Exif()
    exif[271] = "a phone"
    heif.from_pillow(scene(3)).save(tmp_path / "foto.heic", quality=80, exif=exif.tobytes())
    content = (tmp_path / "foto.heic").read_bytes()
    facts, copies = look(content)
    assert (facts.readable, facts.content_type, facts.width, facts.height) == (True, "image/heic", 900, 600)
    assert copies is not None
    assert distance(hash_of(content), hash_of(saved(scene(3)))) <= NEAR
    with opened(copies.copy) as image:
        assert not image.getexif()


def test_of_an_animation_only_the_first_frame_is_looked_at() -> None:
    frames = [Image.new("L", (300, 300), number % 250) for number in range(1200)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with opened(content) as image:
        assert getattr(image, "n_frames", 1) > 1000
    assert opened(copies_of(content).copy).size == (300, 300)


def test_of_a_photo_cut_short_people_see_what_there_is() -> None:
    whole = saved(scene(4), quality=90)
    assert opened(copies_of(whole[: len(whole) // 2]).copy).size == (900, 600)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04zip", b"<svg/>", b"\xff\xd8\xff"])
def test_what_is_no_photo_has_no_copies(content: bytes) -> None:
    facts, copies = look(content)
    assert copies is None
    assert not facts.readable


@settings(max_examples=80)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_any_bytes_never_raise(head: bytes, rest: bytes) -> None:
    facts, copies = look(head + rest)
    assert copies is not None or facts.note


@settings(max_examples=60)
@given(st.data())
def test_a_spoilt_photo_never_raises_and_its_copies_can_be_read(data: st.DataObject) -> None:
    content = bytearray(
        data.draw(st.sampled_from([with_exif(MONAS, Orientation=6), picture("PNG"), picture("WEBP")]))
    )
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    facts, copies = look(bytes(content))
    assert copies is not None or facts.note
    if copies is not None:
        assert read_photo(copies.copy).readable


# --- the same picture again ---------------------------------------------------------------------------------


AGAIN = {
    "the same": saved,
    "encoded anew, worse": lambda image: saved(image, quality=30),
    "half as large": lambda image: saved(image.resize((450, 300)), quality=70),
    "as WebP": lambda image: saved(image, "WEBP", quality=60),
    "brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.15)),
    "slightly cropped": lambda image: saved(image.crop((9, 6, 891, 594)), quality=75),
}


@pytest.mark.parametrize("way", AGAIN)
def test_the_same_picture_is_found_again(way: str) -> None:
    for seed in range(12):
        assert distance(hash_of(saved(scene(seed), quality=95)), hash_of(AGAIN[way](scene(seed)))) <= NEAR, seed


def test_other_pictures_are_other_pictures() -> None:
    hashes = [hash_of(saved(scene(seed))) for seed in range(60)]
    near = [(a, b) for a in range(60) for b in range(a) if distance(hashes[a], hashes[b]) <= NEAR]
    assert near == []


def test_the_hash_is_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[274] = 6
    turned = saved(scene(5).transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert distance(hash_of(turned), hash_of(saved(scene(5)))) <= NEAR


@pytest.mark.parametrize("colour", ["black", "white", "#333333"])
def test_a_picture_of_nothing_has_no_hash(colour: str) -> None:
    grain = Image.effect_noise((400, 300), 6).convert("RGB")
    night = Image.blend(Image.new("RGB", (400, 300), colour), grain, 0.2)
    assert look(saved(night))[0].phash is None


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=NEAR))
def test_what_is_near_shares_a_band(value: int, bits: set[int]) -> None:
    other = f"{value ^ sum(1 << bit for bit in bits):016x}"
    bands = bands_near(f"{value:016x}")
    assert any(other[4 * place : 4 * place + 4] in band for place, band in enumerate(bands))
