"""The small map of a surge: the kelurahan's outlines and the reports' points as numbers for an inline SVG."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sqrt

from config.pack import Pack
from normalizer.cells import outline_of

WIDTH = 640  # of the drawing, in its own units
MARGIN = 12
FINE = 10  # H3 resolution: cells of some 75 m
Ring = list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A kelurahan: its outline as an SVG path, its name and where that stands."""

    code: str
    name: str
    path: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """How degrees become units of the drawing."""

    north: float
    west: float
    scale: float
    squeeze: float
    height: int
    areas: tuple[Area, ...] = ()

    def at(self, lat: float, long: float) -> tuple[float, float]:
        x = (long - self.west) * self.squeeze * self.scale + MARGIN
        return round(x, 1), round((self.north - lat) * self.scale + MARGIN, 1)


@lru_cache(maxsize=64)
def frame_of(pack: Pack, kecamatan: str) -> Frame | None:
    """The kecamatan's kelurahan drawn side by side; None where the pack has no outline of them."""
    codes = sorted(code for code in pack.areas if code.startswith(f"{kecamatan}."))
    rings: dict[str, list[Ring]] = {code: outline_of(pack, code, FINE) for code in codes}
    corners = [corner for each in rings.values() for ring in each for corner in ring]
    if not corners:
        return None
    north, south = max(lat for lat, _ in corners), min(lat for lat, _ in corners)
    west, east = min(long for _, long in corners), max(long for _, long in corners)
    squeeze = cos(radians((north + south) / 2))
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * squeeze, north - south)
    height = round((north - south) * scale) + 2 * MARGIN
    empty = Frame(north=north, west=west, scale=scale, squeeze=squeeze, height=height)
    areas = tuple(_area(pack, code, rings[code], empty) for code in codes if rings[code])
    return Frame(north=north, west=west, scale=scale, squeeze=squeeze, height=height, areas=areas)


def _area(pack: Pack, code: str, rings: list[Ring], frame: Frame) -> Area:
    drawn = (" L".join(f"{x} {y}" for x, y in (frame.at(*corner) for corner in ring)) for ring in rings)
    x, y = frame.at(pack.areas[code].lat, pack.areas[code].long)
    return Area(code=code, name=pack.areas[code].name, path=" ".join(f"M{each} Z" for each in drawn), x=x, y=y)


def circles_of(frame: Frame, points: Iterable[tuple[float, float, int]]) -> list[tuple[float, float, float, int]]:
    """x, y, radius and number of reports of each spot that lies on the drawing, the largest first."""
    found = []
    for lat, long, count in points:
        x, y = frame.at(lat, long)
        if 0 <= x <= WIDTH and 0 <= y <= frame.height:
            found.append((x, y, round(min(4 + 1.5 * sqrt(count - 1), 26), 1), count))
    return found
