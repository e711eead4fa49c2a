"""Cut the 267 kelurahan into H3 cells (cells.bin) from a folder that holds jakarta_kelurahan.geojson.

A cell that lies in one kelurahan belongs to it, and such cells are compacted; a cell that a border runs through
keeps its candidates, the one nearest to the cell's middle first. Needs shapely; the program itself does not.
"""

import json
import sys
import zlib
from array import array
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import h3.api.basic_int as h3
from shapely.geometry import MultiPolygon, Point, Polygon, shape

HERE = Path(__file__).resolve().parent
# Measured on 4,574 transit stops, most of them on border roads: the first candidate is right for 91 % at
# resolution 11 (83 KB), 96 % at 12 (205 KB), 98.5 % at 13 (549 KB); the candidates hold the right one always.
RESOLUTION = 12
# The border was simplified by about 6 m: a point this near to it may belong to the neighbour (degrees, ~8 m).
SLACK = 8 / 111_320


def main(source: Path) -> None:
    """Write cells.bin beside this script; its form is told in normalizer/cells.py."""
    features = json.loads((source / "jakarta_kelurahan.geojson").read_text(encoding="utf-8"))["features"]
    shapes = {feature["properties"]["kode"]: shape(feature["geometry"]) for feature in features}
    table = _table(shapes)
    size = _write(HERE / "cells.bin", sorted(shapes), table)
    print(f"{len(shapes)} kelurahan, {len(table)} cells, {size} bytes")


def _table(shapes: dict[str, Polygon | MultiPolygon]) -> dict[int, tuple[str, ...]]:
    touching: dict[int, list[str]] = defaultdict(list)
    for code, outline in sorted(shapes.items()):
        for cell in _cells(outline.buffer(SLACK)):
            touching[cell].append(code)
    alone: dict[str, list[int]] = defaultdict(list)
    table: dict[int, tuple[str, ...]] = {}
    for cell, codes in touching.items():
        if len(codes) == 1:
            alone[codes[0]].append(cell)
        else:
            table[cell] = _nearest_first(cell, codes, shapes)
    for code, cells in alone.items():
        table.update(dict.fromkeys(h3.compact_cells(cells), (code,)))
    return table


def _cells(outline: Polygon | MultiPolygon) -> set[int]:
    parts = outline.geoms if isinstance(outline, MultiPolygon) else [outline]
    return {cell for part in parts for cell in _cells_of_part(part)}


def _cells_of_part(part: Polygon) -> list[int]:
    rings = [[(y, x) for x, y in ring.coords] for ring in (part.exterior, *part.interiors)]
    return h3.polygon_to_cells_experimental(h3.LatLngPoly(*rings), RESOLUTION, contain="overlap")


def _nearest_first(cell: int, codes: list[str], shapes: dict[str, Polygon | MultiPolygon]) -> tuple[str, ...]:
    lat, long = h3.cell_to_latlng(cell)
    middle = Point(long, lat)
    return tuple(sorted(codes, key=lambda code: (shapes[code].distance(middle), code)))


def _write(path: Path, codes: list[str], table: dict[int, tuple[str, ...]]) -> int:
    number = {code: index for index, code in enumerate(codes)}
    groups = sorted({tuple(number[code] for code in found) for found in table.values()})
    group_number = {group: index for index, group in enumerate(groups)}
    cells = sorted(table)
    steps = array("Q", [cells[0], *(b - a for a, b in pairwise(cells))])
    values = array("H", [group_number[tuple(number[code] for code in table[cell])] for cell in cells])
    if sys.byteorder == "big":
        steps.byteswap()
        values.byteswap()
    facts = {
        "resolution": RESOLUTION,
        "coarsest": min(h3.get_resolution(cell) for cell in cells),
        "cells": len(cells),
        "codes": codes,
        "groups": groups,
    }
    head = json.dumps(facts)
    path.write_bytes(zlib.compress(head.encode() + b"\n" + steps.tobytes() + values.tobytes(), 9))
    return path.stat().st_size


if __name__ == "__main__":
    main(Path(sys.argv[1]))
