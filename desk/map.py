"""GET /map.json: what the map shows of a view, as circles of areas, of cells, or report by report."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from config.pack import Pack
from desk.asked import Asked, asked, chosen
from desk.counted import LEVELS, counted, of_area
from desk.pages import LANGUAGES, texts
from normalizer.cells import outline_of
from normalizer.public_place import middle_cells, middle_of, spans_within, without
from router import shown
from router.house import House
from router.replies import service_name
from store.public import count_in_cells, seen_in_cells

MOST_POINTS = 400
POINTS_FROM, LAST_ZOOM = 17, 19
LEVEL_AT = ((10, "kota"), (12, "kecamatan"), (15, "kelurahan"))  # up to this zoom
NEAR_THE_BOX = 0.004  # degrees: a point of a cell lies within so much of its middle
A_MINUTE = "public, max-age=60, s-maxage=60, stale-while-revalidate=300"
A_DAY = "public, max-age=86400"

Spot = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A view of the map in degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lat: float, long: float, by: float = 0) -> bool:
        return self.south - by <= lat <= self.north + by and self.west - by <= long <= self.east + by


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """So many reports of a service lie in a cell; `middle` (lat, long) is of the cell that the public is told."""

    middle: tuple[float, float]
    cell: int
    service: str | None
    count: int


def map_json(house: House, request: Request) -> Response:
    """`bbox=west,south,east,north` in degrees, `zoom` from 0 to 19, filters as the list has them, `lang`."""
    box, zoom = read_box(request.query_params.get("bbox")), _zoom(request.query_params.get("zoom"))
    if box is None or zoom is None:
        return JSONResponse({"error": "bbox=west,south,east,north in degrees and zoom=0 to 19 are needed"}, 400)
    view, language = asked(house.pack, request.query_params), request.query_params.get("lang", "")
    spots = spots_of(house, view, box, zoom, language if language in LANGUAGES else LANGUAGES[0])
    return keepable({"zoom": zoom, "spots": spots})


def read_box(text: str | None) -> Box | None:
    """None for what is no box on earth."""
    parts = (text or "").split(",")
    try:
        west, south, east, north = (float(part) for part in parts if len(part) <= 24)
    except ValueError:
        return None
    if not all(map(isfinite, (west, south, east, north))) or not (-180 <= west < east <= 180):
        return None
    return Box(west=west, south=south, east=east, north=north) if -90 <= south < north <= 90 else None


def _zoom(text: str | None) -> int | None:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) <= 2
    return int(text) if is_number and text is not None and int(text) <= LAST_ZOOM else None


def keepable(said: Mapping[str, Any], kept: str = A_MINUTE) -> Response:
    """JSON that browsers and proxies may keep for a while (desk/fresh.py answers who has it already)."""
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    headers = {
        "Cache-Control": kept,
        "Access-Control-Allow-Origin": "*",
        "Vary": "Accept-Encoding",
    }  # no cookie counts
    return Response(body, media_type="application/json", headers=headers)


def spots_of(house: House, view: Asked, box: Box, zoom: int, language: str) -> list[Spot]:
    """Circles of areas from far away; from near the cells or the reports, and beside them one circle for what has
    no point in each kelurahan whose middle is in view."""
    level = next((level for up_to, level in LEVEL_AT if zoom <= up_to), None)
    if level and view.area:
        level = max(
            level, house.pack.areas[view.area].level, key=LEVELS.__getitem__
        )  # none larger than what is asked
    spans = None if level else _spans(house.pack, box)
    if level or spans is None:
        return _areas(house, view, box, level or "kelurahan", floating=False)
    floating = _areas(house, view, box, "kelurahan", floating=True)
    found = _found(house, view, box, spans)
    points = _points(house, view, box, found, language) if zoom >= POINTS_FROM else None
    return [*floating, *(_cells(found) if points is None else points)]


def _spans(pack: Pack, box: Box) -> list[tuple[int, int]] | None:
    """The ranges of cells to be read: without the cells in which those lie that named no more than their area."""
    spans = spans_within(box.south, box.west, box.north, box.east, most=150)
    return None if spans is None else without(spans, middle_cells(pack))


def _areas(house: House, view: Asked, box: Box, level: str, *, floating: bool) -> list[Spot]:
    table = counted(house).floating if floating else counted(house).everything
    found = of_area(
        table, LEVELS[level], within=view.area, service=view.service, groups=view.groups, span=view.span
    )
    areas = ((house.pack.areas[code], count) for code, count in found.items() if code and code in house.pack.areas)
    return [
        {"area": area.code, "name": area.name, "lat": area.lat, "long": area.long, "n": count, "floats": floating}
        for area, count in areas
        if box.holds(area.lat, area.long)
    ]


def _found(house: House, view: Asked, box: Box, spans: Sequence[tuple[int, int]]) -> list[Found]:
    """What may be in view, by cell and service."""
    with house.store.read() as session:
        rows = count_in_cells(session, house.pack, chosen(house, view), house.now(), spans)
    nears = {service: house.pack.publicity(service).near for service in {service for _, service, _ in rows}}
    return [
        Found(middle=middle, cell=cell, service=service, count=count)
        for cell, service, count in rows
        if isinstance(near := nears[service], int)
        and box.holds(*(middle := middle_of(cell, near)), by=NEAR_THE_BOX)
    ]


def _cells(found: Sequence[Found]) -> list[Spot]:
    counts: defaultdict[tuple[float, float], int] = defaultdict(int)
    for each in found:
        counts[each.middle] += each.count
    return [{"lat": lat, "long": long, "n": count} for (lat, long), count in counts.items()]


def _points(house: House, view: Asked, box: Box, found: Sequence[Found], language: str) -> list[Spot] | None:
    """Report by report; None where they are too many to be told apart."""
    if sum(each.count for each in found) > 2 * MOST_POINTS:
        return None
    pack, cells = house.pack, {each.cell for each in found}
    with house.store.read() as session:
        rows = seen_in_cells(session, pack, chosen(house, view), house.now(), cells)
    points = [_point(house, *row, language) for row in rows]
    inside = [each for each in points if each is not None and box.holds(each["lat"], each["long"])]
    return inside if len(inside) <= MOST_POINTS else None


def _point(
    house: House, code: str, service: str | None, cell: int, status: str, at: datetime, language: str
) -> Spot | None:
    place = shown.spot_of(house, code, service, cell)
    return (
        None
        if place is None
        else {
            "code": code,
            "lat": place.lat,
            "long": place.long,
            "service": service_name(house.pack, service, language) or texts(language)["no_service"],
            "status": status,
            "at": at.isoformat(timespec="minutes"),
        }
    )


# --- what is drawn below ------------------------------------------------------------------------------------

TEN_METRES = 10_000  # steps a degree: so fine are the outlines


def outlines(house: House, request: Request) -> Response:
    """GET /map/areas.json: the kelurahan's outlines, each ring as steps of 1/10,000 degree: latitude and longitude
    of the first corner, then how far each next one is away."""
    return keepable({"steps": TEN_METRES, "areas": _outlines(house.pack)}, A_DAY)


@lru_cache(maxsize=4)
def _outlines(pack: Pack) -> dict[str, list[list[int]]]:
    codes = (area.code for area in pack.areas.values() if area.level == "kelurahan")
    return {code: [_steps(ring) for ring in outline_of(pack, code)] for code in codes}


def _steps(ring: Sequence[tuple[float, float]]) -> list[int]:
    steps, before = [], (0, 0)
    for corner in ring:
        here = (round(corner[0] * TEN_METRES), round(corner[1] * TEN_METRES))
        steps += [here[0] - before[0], here[1] - before[1]]
        before = here
    return steps
