"""Where exactly: points and addresses compared, whether two reports may be of one spot."""

from dataclasses import dataclass
from math import cos, hypot, radians

SAME_SPOT_METRES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where exactly: a point (lat, long in degrees) that a device measured, and an address without its areas."""

    point: tuple[float, float] | None = None
    words: str = ""


NOWHERE = Spot()


def same_area(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def same_spot(one: Spot, other: Spot) -> bool | None:
    """Whether two reports of one problem in one area are of one spot; None where that cannot be told."""
    if one.point and other.point:
        return metres_between(one.point, other.point) <= SAME_SPOT_METRES
    if one.words and other.words:
        return True if one.words == other.words else None if _says_more(one, other) else False
    return None


def _says_more(one: Spot, other: Spot) -> bool:
    """Whether one address is the other with a house or a landmark added; "Jl. Kemang Raya" is not "Jl. Kemang"."""
    short, long = sorted((one.words, other.words), key=len)
    more = long.removeprefix(short)
    return more.startswith(" ") and more.split()[0] in _CLOSER


_CLOSER = {
    "no", "nomor", "nomer", "rt", "rw", "blok", "dekat", "deket", "depan", "samping", "seberang", "sebelah",
}  # fmt: skip


def street_of(words: str) -> str:
    """A spot's words without house, RT/RW and what it lies beside: "jl kemang raya no 3" -> "jl kemang raya"."""
    parts = words.split()
    end = next((place for place, word in enumerate(parts) if place and word in _CLOSER), len(parts))
    return " ".join(parts[:end])


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way between two points (lat, long in degrees), good enough within a city."""
    north = (one[0] - other[0]) * 111_195
    east = (one[1] - other[1]) * 111_195 * cos(radians((one[0] + other[0]) / 2))
    return hypot(north, east)
