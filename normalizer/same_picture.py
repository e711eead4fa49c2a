"""Whether one picture is another one again: encoded anew, made lighter, mirrored, or cut at its edges."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from operator import mul
from typing import TypeAlias

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

LEAST_KEPT = 0.7  # of the width and of the height: a picture that lost more is another picture
WHOLE = 0.95  # of both: what keeps that much is the same picture, not a part of it
ROUGH, FINE, SHARP = 32, 64, 192  # pixels of the longer side: at first look, when it is fitted, and at the end
FITTED = 3  # of the places of the first look
TILE, DEVIATION = 16, 40.0
HOPELESS = 36.0  # of two evened pictures: a correlation of 0.6
TEXTURE = 3.0  # grey levels: with less there is nothing in a tile to compare
ALIKE, FEWEST_TILES, SHARE = 0.8, 8, 0.85  # a tile's correlation; tiles with texture; how many of them are alike

Box: TypeAlias = tuple[float, float, float]  # a part of a picture: left, top and width, as shares of its size


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """How much of the other picture this one shows: shares of its width and height, and of alike tiles."""

    wide: float
    high: float
    alike: float

    @property
    def is_whole(self) -> bool:
        return self.wide >= WHOLE and self.high >= WHOLE


def find_match(one: bytes, other: bytes) -> Match | None:
    """Where picture `one` lies in picture `other` (JPEGs, upright); None when it is a picture of its own.

    Two photos of one place, taken one after the other from one spot, are pictures of their own. Up to 30 % of the
    other's width and of its height may be cut away. Raises what Pillow raises for bytes that are no picture.
    """
    small, large = _grey(one), _grey(other)
    found = [match for turned in (large, ImageOps.mirror(large)) if (match := _match(small, turned))]
    return max(found, key=lambda match: match.alike, default=None)


def _grey(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.draft("L", (4 * SHARP, 4 * SHARP))
    grey = image.convert("L")
    grey.thumbnail((2 * SHARP, 2 * SHARP), Image.Resampling.BOX)
    return grey


def _match(small: Image.Image, large: Image.Image) -> Match | None:
    ratio = (large.width * small.height) / (large.height * small.width)  # a part's height by its width, in shares
    look = _Look(small, large, ratio, ROUGH)
    places = sorted(_places(ratio), key=look.distance)[:FITTED]
    if not places:
        return None
    fine = _Look(small, large, ratio, FINE)
    place = min((_fitted(fine, place, (0.02, 0.01, 0.005)) for place in places), key=fine.distance)
    if fine.distance(place) > HOPELESS:
        return None
    sharp = _Look(small, large, ratio, SHARP, sharp=True)
    place = _fitted(sharp, place, (0.006, 0.003, 0.0015))
    alike = share_alike(sharp.small, sharp.part(place))
    return Match(wide=place[2], high=place[2] * ratio, alike=alike) if alike >= SHARE else None


def _places(ratio: float) -> Iterator[Box]:
    """Parts to try: all that keep LEAST_KEPT of the width and of the height, in rough steps."""
    widest = min(1.0, 1.0 / ratio)
    wide = widest
    while wide >= LEAST_KEPT and wide * ratio >= LEAST_KEPT:
        for left in _steps(1.0 - wide):
            for top in _steps(1.0 - wide * ratio):
                yield left, top, wide
        wide -= 0.035


def _steps(room: float) -> list[float]:
    count = round(room / 0.03)
    return [room * step / count for step in range(count + 1)] if count else [room / 2]


class _Look:
    """Both pictures at one size, and how far a part of the large one is from the small one."""

    def __init__(
        self, small: Image.Image, large: Image.Image, ratio: float, side: int, *, sharp: bool = False
    ) -> None:
        scale = side / max(small.size)
        self.size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
        self.large, self.ratio, self.sharp = large.copy(), ratio, sharp
        self.large.thumbnail(
            (2 * side, 2 * side), Image.Resampling.BOX
        )  # smaller is faster, and loses nothing here
        self.small = self._even(small.resize(self.size, Image.Resampling.BOX))

    def part(self, place: Box) -> Image.Image:
        left, top, wide = place
        width, height = self.large.size
        right, bottom = min(left + wide, 1.0), min(top + wide * self.ratio, 1.0)
        box = (left * width, top * height, right * width, bottom * height)
        return self._even(self.large.resize(self.size, Image.Resampling.BILINEAR, box=box))

    def distance(self, place: Box) -> float:
        return float(ImageStat.Stat(ImageChops.difference(self.small, self.part(place))).rms[0])

    def _even(self, picture: Image.Image) -> Image.Image:
        """With one middle and one deviation, whatever the light was; `sharp`: only what is finer than a tile."""
        if self.sharp:
            soft = picture.filter(ImageFilter.GaussianBlur(3))
            picture = ImageChops.subtract(picture, soft, scale=1.0, offset=128)
        stat = ImageStat.Stat(picture)
        middle, scale = stat.mean[0], DEVIATION / max(stat.stddev[0], 1.0)
        return picture.point([round(128 + (level - middle) * scale) for level in range(256)])


def _fitted(look: _Look, place: Box, steps: Sequence[float]) -> Box:
    """Shifted and scaled in ever smaller steps for as long as that brings the pictures nearer."""
    best = look.distance(place)
    for step in steps:
        for _ in range(8):
            tried = [(look.distance(each), each) for each in _around(place, step, look.ratio)]
            if not tried or min(tried)[0] >= best:
                break
            best, place = min(tried)
    return place


def _around(place: Box, step: float, ratio: float) -> Iterator[Box]:
    left, top, wide = place
    for more_left, more_top, more_wide in (
        (step, 0, 0), (-step, 0, 0), (0, step, 0), (0, -step, 0),
        (-step / 2, -step / 2 * ratio, step), (step / 2, step / 2 * ratio, -step),
    ):  # fmt: skip
        new_wide = min(wide + more_wide, 1.0, 1.0 / ratio)
        new_left = min(max(left + more_left, 0.0), 1.0 - new_wide)
        new_top = min(max(top + more_top, 0.0), max(1.0 - new_wide * ratio, 0.0))
        if min(new_wide, new_wide * ratio) >= LEAST_KEPT - 0.02:
            yield new_left, new_top, new_wide


def share_alike(one: Image.Image, other: Image.Image) -> float:
    """Of the tiles with something in them, how many show the same in both; 0 where too few have."""
    found = []
    for top in range(0, one.height - TILE // 2, TILE):
        for left in range(0, one.width - TILE // 2, TILE):
            box = (left, top, min(left + TILE, one.width), min(top + TILE, one.height))
            alike = _correlation(one.crop(box).tobytes(), other.crop(box).tobytes())
            if alike is not None:
                found.append(alike >= ALIKE)
    return sum(found) / len(found) if len(found) >= FEWEST_TILES else 0.0


def _correlation(one: bytes, other: bytes) -> float | None:
    """Pearson's r of two rows of grey levels; None where neither has any texture."""
    count, sum_one, sum_other = len(one), sum(one), sum(other)
    spread_one = sum(map(mul, one, one)) - sum_one * sum_one / count
    spread_other = sum(map(mul, other, other)) - sum_other * sum_other / count
    if max(spread_one, spread_other) < count * (TEXTURE * 4) ** 2:
        return None
    both = sum(map(mul, one, other)) - sum_one * sum_other / count
    return both / sqrt(spread_one * spread_other) if min(spread_one, spread_other) > 0 else 0.0
