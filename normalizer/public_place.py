"""How near the public is told where a report lies: a point of its cell that says nothing of the true one."""

import hmac
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache

import h3.api.basic_int as h3

from config.pack import Pack
from normalizer.cells import SPOT_RESOLUTION, spot_cell

COVER_RESOLUTION = 8  # no public cell is coarser: whoever looks for public points reads whole cells of this size
WITHIN = 0.97  # of a cell: rounded or on a straight edge, a point of its rim would lie in the next one
STICKS_OUT = 0.002  # degrees, some 200 m: by less does a cell's finer cell stick out of it


def public_cell(pack: Pack, service_code: str | None, cell: int | None) -> int | None:
    """The H3 cell in which the public is told that a report lies; None where they hear of the area at most.

    `cell` is the one of the report's own point (normalizer/cells.py: spot_cell). Who named no more than their
    kelurahan has its middle for a point: that is no place of theirs, and none is shown.
    """
    near = pack.publicity(service_code).near
    if cell is None or not isinstance(near, int) or cell in middle_cells(pack):
        return None
    return int(h3.cell_to_parent(cell, min(near, SPOT_RESOLUTION)))


@lru_cache(maxsize=4)
def middle_cells(pack: Pack) -> frozenset[int]:
    """The cells of the areas' middle points."""
    return frozenset(filter(None, (spot_cell(area.lat, area.long) for area in pack.areas.values())))


def point_in(cell: int, code: str, key: bytes) -> tuple[float, float]:
    """The point (lat, long in degrees) of a cell at which the public sees the report with this code.

    Chosen evenly over the cell by a keyed hash of the code and by nothing else: it does not depend on where in
    the cell the report is, so neither asking again nor a mean of many answers comes nearer to that.
    """
    drawn = hmac.digest(key, f"{code}\0{cell:x}".encode(), "sha256")
    side, across, along = (int.from_bytes(drawn[at : at + 6]) / 2**48 for at in (0, 6, 12))
    corners = h3.cell_to_boundary(cell)
    first = int(side * len(corners))
    if across + along > 1:
        across, along = 1 - across, 1 - along
    across, along = WITHIN * across, WITHIN * along
    middle, one, two = h3.cell_to_latlng(cell), corners[first], corners[(first + 1) % len(corners)]
    lat, long = (m + across * (a - m) + along * (b - m) for m, a, b in zip(middle, one, two, strict=True))
    return round(lat, 5), round(long, 5)


def ring_of(cell: int) -> list[tuple[float, float]]:
    """A cell's corners, as (lat, long) in degrees."""
    return [(round(lat, 5), round(long, 5)) for lat, long in h3.cell_to_boundary(cell)]


@lru_cache(maxsize=50_000)  # those of a city: 12 MB at most
def middle_of(cell: int, resolution: int) -> tuple[float, float]:
    """The middle (lat, long in degrees) of the cell of this resolution that a finer (or the same) one lies in."""
    lat, long = h3.cell_to_latlng(h3.cell_to_parent(cell, min(resolution, h3.get_resolution(cell))))
    return round(lat, 5), round(long, 5)


def spans_within(
    south: float, west: float, north: float, east: float, most: int = 400
) -> list[tuple[int, int]] | None:
    """The ranges (first, last) of report cells in which all public points of a box (degrees) lie; None where it
    is larger than `most` cells of COVER_RESOLUTION.

    Children of one cell are neighbours as numbers, so each cell of the cover is one range of an index.
    """
    south, west, north, east = south - STICKS_OUT, west - STICKS_OUT, north + STICKS_OUT, east + STICKS_OUT
    box = h3.LatLngPoly([(south, west), (south, east), (north, east), (north, west)])
    if h3.average_hexagon_area(COVER_RESOLUTION, unit="km^2") * most < _square_km(south, west, north, east):
        return None
    cover = h3.h3shape_to_cells_experimental(box, COVER_RESOLUTION, contain="overlap")
    return _melted(sorted(_span(cell) for cell in cover))


def _square_km(south: float, west: float, north: float, east: float) -> float:
    return (north - south) * (east - west) * 111.32**2


def _span(cell: int) -> tuple[int, int]:
    """The smallest and the largest number that a report's cell within this one can have (H3's index layout: the
    resolution in bits 52 to 55, then three bits for each step down, 7 where there is none)."""
    steps = SPOT_RESOLUTION - COVER_RESOLUTION
    below = 3 * (15 - SPOT_RESOLUTION)
    bare = (cell & ~(0xF << 52)) | (SPOT_RESOLUTION << 52)
    inner = ((1 << 3 * steps) - 1) << below
    return bare & ~inner, bare | inner


def _melted(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    melted: list[tuple[int, int]] = []
    step = 1 << 3 * (15 - COVER_RESOLUTION)
    for first, last in spans:
        if melted and first - melted[-1][0] <= step and first <= melted[-1][1] + step:
            melted[-1] = (melted[-1][0], last)
        else:
            melted.append((first, last))
    return melted


def without(spans: Iterable[tuple[int, int]], cells: Iterable[int]) -> list[tuple[int, int]]:
    """The ranges without these cells."""
    left, skipped = [], sorted(cells)
    for first, last in spans:
        for cell in skipped[bisect_left(skipped, first) : bisect_right(skipped, last)]:
            if first < cell:
                left.append((first, cell - 1))
            first = cell + 1  # noqa: PLW2901
        if first <= last:
            left.append((first, last))
    return left
