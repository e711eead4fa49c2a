"""Photographs of the collections, and what honest and dishonest officials make of them; seeded."""

import io
import re
from collections.abc import Callable, Mapping
from functools import cache
from random import Random

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from config.settings import ROOT
from normalizer.picture import look

SHARED = ROOT.parent / "shared" / "cases" / "photos"
AGAIN = re.compile(r"orientation|(?:landscape|portrait)_[2-8]", re.IGNORECASE)  # one picture, turned
SHORT_SIDE = 720  # pixels


@cache
def real_pictures() -> tuple[Image.Image, ...]:
    """Working copies of the collections' photographs, each scene once; none where they are missing."""
    found: dict[bytes, Image.Image] = {}
    for path in sorted(SHARED.rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".webp", ".avif"} or AGAIN.search(path.name):
            continue
        facts, copies = look(path.read_bytes())
        if copies is not None and facts.phash and min(facts.width, facts.height) >= 240:
            image = Image.open(io.BytesIO(copies.copy)).convert("RGB")
            found.setdefault(image.resize((8, 8)).tobytes(), image)
    return tuple(found.values())


def saved(image: Image.Image, **save: object) -> bytes:
    """The bytes of a JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", **save)
    return out.getvalue()


def part_of(image: Image.Image, random: Random) -> Image.Image:
    """A scene of its own in a phone's size: some half of a photograph, perhaps mirrored or turned."""
    wide, high = (round(random.uniform(0.5, 0.7) * side) for side in image.size)
    left, top = random.randint(0, image.width - wide), random.randint(0, image.height - high)
    part = image.crop((left, top, left + wide, top + high))
    part = ImageOps.mirror(part) if random.random() < 0.5 else part
    part = part.rotate(random.choice((0, 90, 180)), expand=True)
    scale = max(SHORT_SIDE / min(part.size), 1.0)
    return part.resize((round(part.width * scale), round(part.height * scale)), Image.Resampling.BICUBIC)


def cropped(image: Image.Image, random: Random) -> Image.Image:
    """A quarter of the picture cut away, somewhere."""
    wide, high = image.size
    keep = random.uniform(0.8, 0.93)
    width, height = round(keep * wide), round(0.75 / keep * high)
    left, top = random.randrange(wide - width), random.randrange(high - height)
    return image.crop((left, top, left + width, top + height))


COPIES: Mapping[str, Callable[[Image.Image, Random], Image.Image]] = {
    "smaller": lambda image, _: image.resize((image.width // 2, image.height // 2)),
    "lighter": lambda image, _: ImageEnhance.Brightness(image).enhance(1.25),
    "mirrored": lambda image, _: ImageOps.mirror(image),
}


def taken_again(image: Image.Image, random: Random) -> Image.Image:
    """The same place from the same spot, another day: held by hand again, in another light, the hole filled."""
    wide, high = image.size
    edge, shake = random.uniform(0.03, 0.08), 0.04
    corners = [(0, 0), (0, 1), (1, 1), (1, 0)]
    quad = [
        (edge + side * (1 - 2 * edge) + random.uniform(-shake, shake)) * size
        for corner in corners
        for side, size in zip(corner, (wide, high), strict=True)
    ]
    again = image.transform((wide, high), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    again = ImageEnhance.Brightness(again).enhance(random.uniform(0.75, 1.3))
    left, top = random.uniform(0.2, 0.5) * wide, random.uniform(0.4, 0.6) * high
    ImageDraw.Draw(again).ellipse((left, top, left + 0.3 * wide, top + 0.25 * high), fill=(92, 92, 96))
    return Image.blend(again, Image.effect_noise(again.size, 30).convert("RGB"), 0.05)
