"""A hash by which the same picture is found again, also scaled, encoded anew or slightly cropped."""

import math
from collections.abc import Sequence
from functools import cache
from operator import mul

from PIL import Image

SIDE, KEPT = 32, 8  # pixels that are looked at, frequencies that are kept: 8 x 8 = 64 bits
NEAR = 10  # bits: so many may differ between copies of one picture
BANDS, BAND_BITS = 4, 16  # NEAR bits in 4 bands: in one of them at most two differ
FLATTEST = 60.0  # the strongest frequency of a picture with nothing in it: night, a wall, a thumb


def phash(picture: Image.Image) -> str | None:
    """64 bits in hexadecimal: which low frequencies of the grey picture are above their median.

    None where there is too little to see for a comparison. (The DCT hash as phash.org has it: Zauner, 2010.)
    """
    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    waves = _waves()
    rows = [[sum(map(mul, grey[y * SIDE : (y + 1) * SIDE], wave)) for wave in waves] for y in range(SIDE)]
    strengths = [sum(map(mul, column, wave)) for wave in waves for column in zip(*rows, strict=True)]
    if max(map(abs, strengths[1:])) < FLATTEST * SIDE / 2:
        return None
    middle = sorted(strengths[1:])[len(strengths) // 2]
    return f"{sum(1 << place for place, each in enumerate(strengths) if each > middle):016x}"


@cache
def _waves() -> list[list[float]]:
    """The first cosines of a DCT-II over SIDE points."""
    return [[math.cos(math.pi * k * (x + 0.5) / SIDE) for x in range(SIDE)] for k in range(KEPT)]


def distance(one: str, other: str) -> int:
    """In how many bits two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def bands_near(one: str) -> list[Sequence[str]]:
    """For each of the four bands of 4 letters: it, and all that differ from it in one or two bits.

    Whoever is NEAR has one of these in its place (pigeonhole: 10 bits fall on 4 bands).
    """
    width = len(one) // BANDS
    return [_near(one[start : start + width]) for start in range(0, len(one), width)]


def _near(band: str) -> list[str]:
    value, bits = int(band, 16), range(BAND_BITS)
    differences = {1 << one | 1 << other for one in bits for other in bits}
    return [band, *(f"{value ^ each:04x}" for each in sorted(differences))]
