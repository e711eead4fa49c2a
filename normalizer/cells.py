"""A point becomes a kelurahan by looking its H3 cell up in the city pack's table."""

import json
import math
import sys
import zlib
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import h3.api.basic_int as h3

from config.pack import Area, Pack, PackError

METRES_PER_DEGREE = 111_320


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """The table: sorted cells of mixed resolutions; `groups[values[i]]` are cell i's kelurahan, nearest first."""

    resolution: int
    coarsest: int
    cells: "array[int]"
    values: "array[int]"
    groups: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=4)
def load_cells(pack: Pack) -> Cells:
    """Read odbl/cells.bin as make_cells.py writes it: a JSON line, the steps between the sorted cells as
    little-endian uint64, their groups as uint16; all of it zlib. Raises PackError."""
    path = pack.path / "odbl" / "cells.bin"
    try:
        head, _, rest = zlib.decompress(path.read_bytes()).partition(b"\n")
        facts = json.loads(head)
        split = facts["cells"] * 8
        cells = array("Q", accumulate(_numbers("Q", rest[:split])))
        values = _numbers("H", rest[split:])
        groups = tuple(tuple(facts["codes"][number] for number in group) for group in facts["groups"])
    except (OSError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise PackError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    return Cells(
        resolution=facts["resolution"],
        coarsest=facts["coarsest"],
        cells=cells,
        values=values,
        groups=groups,
    )


def _numbers(kind: str, content: bytes) -> "array[int]":
    numbers = array(kind)
    numbers.frombytes(content)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def area_at(pack: Pack, lat: float, long: float) -> tuple[Area, ...]:
    """Give the kelurahan that a point (degrees, WGS 84) may lie in, the likeliest first.

    Empty outside the city, except within `nearest_m` of it: piers and coarsely drawn islands belong to the
    nearest kelurahan. Never raises: a point that is no point lies nowhere.
    """
    if not in_bounds(pack, lat, long):
        return ()
    table = load_cells(pack)
    cell = h3.latlng_to_cell(lat, long, table.resolution)
    codes = _codes(table, cell) or _nearby(table, cell, lat, long, float(pack.settings["nearest_m"]))
    return tuple(pack.areas[code] for code in codes)


def in_bounds(pack: Pack, lat: float, long: float) -> bool:
    """Whether a point lies in the city's bounding box."""
    box = pack.settings["bounds"]
    return bool(box["south"] <= lat <= box["north"] and box["west"] <= long <= box["east"])


def _codes(table: Cells, cell: int) -> tuple[str, ...]:
    for resolution in range(table.resolution, table.coarsest - 1, -1):
        wanted = h3.cell_to_parent(cell, resolution)
        place = bisect_left(table.cells, wanted)
        if place < len(table.cells) and table.cells[place] == wanted:
            return table.groups[table.values[place]]
    return ()


def _nearby(table: Cells, cell: int, lat: float, long: float, within_m: float) -> tuple[str, ...]:
    edge_m = h3.average_hexagon_edge_length(table.resolution, unit="m")
    rings = math.ceil(within_m / (edge_m * math.sqrt(3))) + 1
    for ring in range(1, rings + 1):
        found = [(metres_between(lat, long, *h3.cell_to_latlng(near)), near) for near in h3.grid_ring(cell, ring)]
        found = [(metres, near) for metres, near in found if _codes(table, near)]
        if found and min(found)[0] <= within_m + edge_m:
            return _codes(table, min(found)[1])[:1]
    return ()


def metres_between(lat: float, long: float, other_lat: float, other_long: float) -> float:
    """The distance of two points (degrees) in metres; for distances within a city."""
    east = (other_long - long) * math.cos(math.radians(lat))
    return math.hypot(other_lat - lat, east) * METRES_PER_DEGREE


@lru_cache(maxsize=4)
def _by_kelurahan(pack: Pack) -> dict[str, list[int]]:
    """Each kelurahan's cells; a border cell goes to its first candidate."""
    table = load_cells(pack)
    cells: dict[str, list[int]] = {}
    for cell, value in zip(table.cells, table.values, strict=True):
        cells.setdefault(table.groups[value][0], []).append(cell)
    return cells


def _cells_in(pack: Pack, code: str) -> list[int]:
    return [
        cell
        for kelurahan, cells in _by_kelurahan(pack).items()
        if kelurahan == code or kelurahan.startswith(f"{code}.")
        for cell in cells
    ]


@lru_cache(maxsize=512)
def _middles(pack: Pack, code: str) -> list[tuple[float, float, float]]:
    """Each cell's middle (lat, long) and radius in metres."""
    edges = {size: h3.average_hexagon_edge_length(size, unit="m") for size in range(16)}
    return [(*h3.cell_to_latlng(cell), edges[h3.get_resolution(cell)]) for cell in _cells_in(pack, code)]


def metres_to(pack: Pack, code: str, lat: float, long: float) -> float:
    """How far a point (degrees) lies from an area, in metres; 0 inside, infinite where the area has no cells."""
    away = (metres_between(lat, long, *middle) - edge for *middle, edge in _middles(pack, code))
    return max(0.0, min(away, default=math.inf))


def cells_of(pack: Pack, code: str) -> list[tuple[tuple[float, float], ...]]:
    """Give the boundaries, as (lat, long) in degrees, of the cells that make up an area, for drawing it.

    `code` may name a kelurahan, a kecamatan or a city; a border cell is drawn with its first candidate.
    """
    return [h3.cell_to_boundary(cell) for cell in _cells_in(pack, code)]


def outline_of(pack: Pack, code: str, resolution: int = 9) -> list[list[tuple[float, float]]]:
    """Give an area's outer rings, as (lat, long) in degrees: cells of `resolution` melted together.

    Coarser than the table (9: cells of some 200 m), so that a whole city is a small drawing; neighbours overlap.
    """
    cells = {near for cell in _cells_in(pack, code) for near in _at(cell, resolution)}
    return [list(part.outer) for part in _parts(h3.cells_to_h3shape(list(cells)))] if cells else []


def _parts(shape: object) -> list[h3.LatLngPoly]:
    return [shape] if isinstance(shape, h3.LatLngPoly) else list(shape)  # type: ignore[call-overload]


def _at(cell: int, resolution: int) -> list[int]:
    if h3.get_resolution(cell) >= resolution:
        return [h3.cell_to_parent(cell, resolution)]
    return list(h3.cell_to_children(cell, resolution))


# --- where reports lie near each other ----------------------------------------------------------------------

SPOT_RESOLUTION = 10  # hexagons some 75 m along an edge
SPOT_EDGE_M = 70  # a little less than they have in these latitudes


def spot_cell(lat: float | None, long: float | None) -> int | None:
    """The cell that a report's point lies in (degrees, WGS 84); None without a point. It fits a signed bigint."""
    return None if lat is None or long is None else h3.latlng_to_cell(lat, long, SPOT_RESOLUTION)


def spot_cells(cell: int, within_m: float) -> list[int]:
    """All cells in which a point may lie that is at most so far from a point of this one."""
    return list(h3.grid_disk(cell, math.ceil((within_m / SPOT_EDGE_M + 0.5) / 1.5)))
