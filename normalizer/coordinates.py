"""A point that somebody wrote down or shared as a map's link."""

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import unquote

from config.pack import Pack
from normalizer.angles import pairs_in
from normalizer.cells import area_at, in_bounds
from normalizer.link_codes import points_in_links
from normalizer.plus_codes import middle_of, places_of_short, plus_codes_in
from normalizer.schema import Position

# one of these is in each of them; the first has nothing but a digit at its beginning, which is found quickly
_MAYBE = re.compile(r"\d(?:[.,]\d{3}|\s?(?:[°º˚*]|%C2%B0|d\d|deg|der))", re.IGNORECASE)
_MAYBE_A_CODE = re.compile(r"\w(?:\+|%2B)\w|/ul/h|/go/", re.IGNORECASE)
_SIGNS = ("+", "%", "/")
_NUMBER = r"(-?\d{1,3}\.\d{3,})"
# Google marks the place itself with !3d…!4d…; @… is only where the map's middle was.
_GOOGLE_PLACE = re.compile(rf"!3d{_NUMBER}!4d{_NUMBER}")
_OSM_MARK = re.compile(rf"mlat={_NUMBER}&(?:amp;)?mlon={_NUMBER}")
_OSM_MAP = re.compile(rf"#map=\d{{1,2}}(?:\.\d+)?/{_NUMBER}/{_NUMBER}")
_GEO = re.compile(rf"\bgeo:{_NUMBER},{_NUMBER}")
_EARLIER = (_GOOGLE_PLACE, _OSM_MARK, _GEO, _OSM_MAP)


def point_in(text: str, pack: Pack) -> Position | None:
    """Find the first point of this city in a text: coordinates in any notation (normalizer/angles.py), a full link
    of Google, Apple, OpenStreetMap, Waze and others, or a plus code.

    A pair written as long, lat is turned round where only that lies in the city; a latitude without its minus gets
    it. Short links (maps.app.goo.gl) hold no coordinates and give None.
    """
    if not _MAYBE.search(text) and not (any(sign in text for sign in _SIGNS) and _MAYBE_A_CODE.search(text)):
        return None
    text = unquote(text) if "%" in text else text
    for one, other in _pairs(text):
        if found := _in_city(one, other, pack):
            return found
    return _plus_code(text, pack)


def _pairs(text: str) -> Iterator[tuple[float, float]]:
    for pattern in _EARLIER:
        yield from ((float(match[1]), float(match[2])) for match in pattern.finditer(text))
    yield from points_in_links(text)
    for one, other in pairs_in(text):
        yield from product(one.values, other.values)


def _plus_code(text: str, pack: Pack) -> Position | None:
    """The first plus code that lies in the city; a short one is the nearest such place to the city's middle."""
    box = pack.settings["bounds"]
    middle = ((box["south"] + box["north"]) / 2, (box["west"] + box["east"]) / 2)
    for digits, is_short in plus_codes_in(text):
        for lat, long in places_of_short(digits, *middle) if is_short else (middle_of(digits),):
            if area_at(pack, lat, long):
                return Position(lat=lat, long=long)
    return None


def _in_city(lat: float, long: float, pack: Pack) -> Position | None:
    for one, other in ((lat, long), (long, lat)):
        if in_bounds(pack, one, other):
            return Position(lat=one, long=other)
    return None
