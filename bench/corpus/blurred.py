"""Streets with number plates and faces put onto them: how many of them the public copy hides."""

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from normalizer.blur import Box

LETTERS = "ABCDEFGHKLNPRSTUVWXYZ"
STREETS = (
    *("data/photos/road_edge_gb.jpg", "data/photos/drain_gb.jpg", "data/photos/road_marking_worn_gb.jpg"),
    *("data/photos/gps_jpeg_it.jpg", "cases/photos/exif-samples/DSCN0025.jpg"),
    *("cases/photos/exif-samples/DSCN0040.jpg", "cases/photos/metadata-extractor/HTC_Desire.webp"),
)
FACES: dict[str, Box] = {  # where a face is, from 0 to 1 of the picture
    "cases/photos/pillow/hopper.png": (0.33, 0.16, 0.67, 0.66),
    "cases/photos/exif-samples/Konica_Minolta_DiMAGE_Z3.jpg": (0.30, 0.08, 0.66, 0.40),
    "cases/photos/metadata-extractor/Samsung_GT-I9000_Galaxy_S_.jpg": (0.24, 0.12, 0.48, 0.36),
}
SIDE = 1600
HIDDEN = 0.85  # of the area: so much counts as hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A street with one thing on it: `size` in pixels, `where` it is."""

    picture: Image.Image
    size: int
    where: Image.Image


def plates(shared: Path, sizes: tuple[int, ...]) -> Iterator[Scene]:
    """Indonesian plates, white on black and black on white, straight, turned and foreshortened."""
    rng = random.Random(7)
    for size in sizes:
        for angle in (0, 12, -25):
            for is_black in (True, False):
                plate, letters = _plate(rng, size, is_black=is_black)
                yield _put(rng, shared, plate, letters, size, angle, rng.uniform(0.75, 1.0))


def _plate(rng: random.Random, high: int, *, is_black: bool) -> tuple[Image.Image, Image.Image]:
    """A plate four times as large as it will be, and where its letters are."""
    colours = ((20, 20, 22), (235, 235, 230)) if is_black else ((240, 240, 236), (15, 15, 15))
    number = f"B {rng.randrange(1000, 9999)} {''.join(rng.choices(LETTERS, k=3))}"
    wide, high = int(high * 3.4) * 4, high * 4
    plate, letters = Image.new("RGB", (wide, high), colours[0]), Image.new("L", (wide, high))
    draw, bold = ImageDraw.Draw(plate), max(1, high // 60)
    font, small = ImageFont.load_default(int(high * 0.52)), ImageFont.load_default(int(high * 0.2))
    draw.rounded_rectangle((4, 4, wide - 5, high - 5), high // 10, outline=colours[1], width=max(2, high // 40))
    middle = (wide / 2, high * 0.4)
    draw.text(middle, number, font=font, fill=colours[1], anchor="mm", stroke_width=bold, stroke_fill=colours[1])
    draw.text((wide / 2, high * 0.83), "11·28", font=small, fill=colours[1], anchor="mm")
    ImageDraw.Draw(letters).rectangle(draw.textbbox(middle, number, font=font, anchor="mm"), fill=255)
    return plate, letters


def faces(shared: Path, sizes: tuple[int, ...]) -> Iterator[Scene]:
    """Portraits out of the cases, put onto streets the face `size` pixels high, straight and leaning."""
    rng = random.Random(8)
    for size in sizes:
        for name, (left, top, right, bottom) in FACES.items():
            portrait = ImageOps.exif_transpose(Image.open(shared / name)).convert("RGB")
            w, h = portrait.size
            scale = size * 4 / ((bottom - top) * h)
            portrait = portrait.resize((int(w * scale), int(h * scale)), Image.Resampling.BICUBIC)
            w, h = portrait.size
            face = Image.new("L", portrait.size)
            ImageDraw.Draw(face).ellipse((left * w, top * h, right * w, bottom * h), fill=255)
            for angle in (0, 15):
                yield _put(rng, shared, portrait, face, size, angle, 1.0)


def _put(
    rng: random.Random,
    shared: Path,
    thing: Image.Image,
    part: Image.Image,
    size: int,
    angle: float,
    narrower: float,
) -> Scene:
    """A thing four times as large onto a street, as a phone would take and our copy would keep it."""
    street = ImageOps.exif_transpose(Image.open(shared / rng.choice(STREETS))).convert("RGB")
    scale = SIDE / max(street.size)
    street = street.resize((round(street.width * scale), round(street.height * scale)), Image.Resampling.BICUBIC)
    thing.putalpha(255)
    thing, part = (_turned(each, angle, narrower) for each in (thing, part))
    if thing.width > street.width - 20 or thing.height > street.height - 20:
        fits = min((street.width - 20) / thing.width, (street.height - 20) / thing.height)
        thing, part = (each.resize((int(each.width * fits), int(each.height * fits))) for each in (thing, part))
    at = rng.randrange(street.width - thing.width), rng.randrange(street.height - thing.height)
    sharp = thing.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
    street.paste(sharp, at, thing.getchannel("A"))
    where = Image.new("L", street.size)
    where.paste(part, at)
    out = io.BytesIO()
    street.save(out, "JPEG", quality=82)
    return Scene(picture=Image.open(io.BytesIO(out.getvalue())).convert("RGB"), size=size, where=where)


def _turned(image: Image.Image, angle: float, narrower: float) -> Image.Image:
    turned = image.resize((max(1, int(image.width * narrower)), image.height)).rotate(
        angle, expand=True, resample=Image.Resampling.BICUBIC
    )
    return turned.resize((max(1, turned.width // 4), max(1, turned.height // 4)), Image.Resampling.LANCZOS)


def recall(scenes: Iterator[Scene], find: Callable[[Image.Image], list[Box]]) -> dict[int, tuple[int, int]]:
    """For each size: how many were hidden, of how many."""
    found: dict[int, tuple[int, int]] = {}
    for scene in scenes:
        mask = Image.new("L", scene.picture.size)
        draw = ImageDraw.Draw(mask)
        for box in find(scene.picture):
            draw.rectangle(box, fill=255)
        wanted = scene.where.point(lambda value: 255 * (value > 128))
        both = Image.composite(mask, Image.new("L", mask.size), wanted)
        is_hidden = both.histogram()[255] >= HIDDEN * wanted.histogram()[255]
        hits, tries = found.get(scene.size, (0, 0))
        found[scene.size] = (hits + is_hidden, tries + 1)
    return found
