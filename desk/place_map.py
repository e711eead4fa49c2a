"""The small map on a report's page: its kecamatan, and the cell in which the public is told that it lies."""

from dataclasses import dataclass

from desk.surge_map import Frame, frame_of
from normalizer.public_place import ring_of
from router import shown
from router.house import House
from store.models import Report

KECAMATAN = 8  # letters of its code


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """An inline SVG's numbers: what lies around, the report's kelurahan, its cell as a path (None: no nearer)."""

    frame: Frame
    kelurahan: str
    cell: str | None
    x: float
    y: float


def drawing(house: House, report: Report) -> Drawing | None:
    """None where the public is told no area, or the pack has no outline of it."""
    code = report.area_code
    if code is None or code not in house.pack.areas or shown.is_hidden(house.pack, report):
        return None
    frame = frame_of(house.pack, code[:KECAMATAN])
    if frame is None:
        return None
    spot = shown.spot(house, report)
    if spot is None:
        return Drawing(frame=frame, kelurahan=code, cell=None, x=0, y=0)
    path = " L".join(f"{x} {y}" for x, y in (frame.at(*corner) for corner in ring_of(spot.cell)))
    x, y = frame.at(spot.lat, spot.long)
    return Drawing(frame=frame, kelurahan=code, cell=f"M{path} Z", x=x, y=y)
