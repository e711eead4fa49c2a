"""Blurring: plates are drawn here, faces are the shared cases'; left out where nothing can blur."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from config.settings import ROOT, read_settings
from normalizer.photo import read_photo
from normalizer.picture import look
from router.readers import Beside
from tests.unit.test_pictures import saved, scene

pytest.importorskip("onnxruntime", reason="LEFT OUT: nothing to blur with on this platform")

from normalizer.blur import blur, faces, hidden, writing

TEXTS = ("B 1234 XYZ", "B 6078 KLM", "D 4411 AB")


def plate(text: str, high: int, *, is_black: bool, angle: float) -> Image.Image:
    """A street with a number plate in its middle."""
    street = scene(11, (1600, 1200))
    colours = ("black", "white") if is_black else ("white", "black")
    sign = Image.new("RGBA", (high * 7 // 2, high), colours[0])
    font = ImageFont.load_default(high * 0.6)
    bold = max(1, high // 40)
    ImageDraw.Draw(sign).text(
        (sign.width / 2, high / 2), text, colours[1], font, anchor="mm", stroke_width=bold, stroke_fill=colours[1]
    )
    sign = sign.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    street.paste(sign, ((1600 - sign.width) // 2, (1200 - sign.height) // 2), sign)
    return street


@pytest.mark.parametrize("is_black", [True, False])
@pytest.mark.parametrize(("high", "angle"), [(36, 0), (60, -12), (120, 10), (260, 0)])
def test_a_number_plate_cannot_be_read_any_more(high: int, angle: float, is_black: bool) -> None:
    for text in TEXTS:
        street = plate(text, high, is_black=is_black, angle=angle)
        mask = Image.new("L", street.size)
        for box in writing(street):
            ImageDraw.Draw(mask).rectangle(box, fill=255)
        wide = high * 1.4  # where the letters are, less their edges
        letters = mask.rotate(-angle).crop((int(800 - wide), 600 - high // 5, int(800 + wide), 600 + high // 5))
        assert letters.histogram()[255] > 0.9 * letters.width * letters.height, text


def test_what_is_hidden_is_gone_and_the_rest_stays() -> None:
    picture = Image.effect_noise((800, 600), 120).convert("RGB")
    result = hidden(picture, [(100, 100, 500, 300)])
    low, high = result.crop((110, 110, 490, 290)).convert("L").getextrema()
    assert high - low < 40  # type: ignore[operator]  (the noise had 255)
    assert result.crop((510, 0, 800, 600)).tobytes() == picture.crop((510, 0, 800, 600)).tobytes()


def test_a_blurred_copy_is_a_bare_jpeg_of_the_same_size() -> None:
    copy = saved(scene(2), comment=b"rumah Budi")
    with Image.open(io.BytesIO(blur(copy))) as image:
        assert (image.format, image.size) == ("JPEG", (900, 600))
        assert "comment" not in image.info


@pytest.mark.parametrize("size", [(1, 1), (1, 1600), (1600, 2), (33, 31)])
def test_odd_sizes_are_blurred_too(size: tuple[int, int]) -> None:
    assert read_photo(blur(saved(Image.new("RGB", size, "red")))).readable


def test_what_is_no_copy_is_refused() -> None:
    with pytest.raises(ValueError, match="no working copy"):
        blur(b"\xff\xd8\xff broken")


def test_a_reader_blurs_within_its_memory() -> None:
    readers = Beside(read_settings(_env_file=None).city)
    try:
        assert read_photo(readers.blur(saved(scene(3, (1600, 1600))))).readable
        with pytest.raises(ValueError, match="no working copy"):
            readers.blur(b"broken")
    finally:
        readers.close()


WITHOUT = """
import sys
sys.modules["onnxruntime"] = None  # as on a machine where it is not installed
from router.reading import public_copy
try:
    public_copy(sys.stdin.buffer.read())
except ValueError as error:
    print(error)
"""


def test_where_nothing_can_blur_that_is_said() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, input=saved(scene(2)), capture_output=True, check=True
    )
    assert said.stdout.decode().strip() == "blurring is not installed (onnxruntime)"


@pytest.mark.parametrize(
    ("name", "face"),
    [
        ("pillow/hopper.png", (0.36, 0.25, 0.64, 0.6)),
        ("metadata-extractor/Samsung_GT-I9000_Galaxy_S_.jpg", (0.28, 0.16, 0.44, 0.32)),
    ],
)
def test_a_face_is_found(shared: Path, name: str, face: tuple[float, float, float, float]) -> None:
    copies = look((shared / "cases" / "photos" / name).read_bytes())[1]
    assert copies is not None
    picture = Image.open(io.BytesIO(copies.copy)).convert("RGB")
    left, top, right, bottom = (part * side for part, side in zip(face, picture.size * 2, strict=True))
    boxes = faces(picture)
    assert any(a <= left and b <= top and c >= right and d >= bottom for a, b, c, d in boxes), boxes[:3]
