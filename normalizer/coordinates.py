"""A point that somebody wrote down or shared as a map's link."""

import re

from config.pack import Pack
from normalizer.cells import area_at, in_bounds
from normalizer.plus_codes import middle_of, places_of_short, plus_codes_in
from normalizer.schema import Position

_MAYBE = re.compile(r"\d\.\d{3}|\d\s*[°º]|\w(?:\+|%2[Bb])\w")
_NUMBER = r"(-?\d{1,3}\.\d{3,})"
_PAIR = re.compile(rf"(?<![\d.]){_NUMBER}\s*[,;/ ]\s*{_NUMBER}(?![\d.])")
_LETTERS = re.compile(
    r"(?<![\d.])(\d{1,3}\.\d{3,})\s*°?\s*(L?[NSU])[\s,;]+(\d{1,3}\.\d{3,})\s*°?\s*(B?[EWTB])\b", re.IGNORECASE
)
_DEGREES = re.compile(
    r"(\d{1,3})\s*[°º]\s*(\d{1,2})\s*['′’]\s*(\d{1,2}(?:[.,]\d+)?)\s*(?:[\"″”]|'')?\s*(L?[NSU])[\s,;]+"
    r"(\d{1,3})\s*[°º]\s*(\d{1,2})\s*['′’]\s*(\d{1,2}(?:[.,]\d+)?)\s*(?:[\"″”]|'')?\s*(B?[EWTB])\b",
    re.IGNORECASE,
)
# Google marks the place itself with !3d…!4d…; @… is only where the map's middle was.
_GOOGLE_PLACE = re.compile(rf"!3d{_NUMBER}!4d{_NUMBER}")
_OSM_MARK = re.compile(rf"mlat={_NUMBER}&(?:amp;)?mlon={_NUMBER}")
_OSM_MAP = re.compile(rf"#map=\d{{1,2}}(?:\.\d+)?/{_NUMBER}/{_NUMBER}")
_GEO = re.compile(rf"\bgeo:{_NUMBER},{_NUMBER}")
_EARLIER = (_GOOGLE_PLACE, _OSM_MARK, _GEO, _OSM_MAP)


def point_in(text: str, pack: Pack) -> Position | None:
    """Find the first point of this city in a text: plain coordinates in degrees, with letters or minutes
    (S/E, Indonesian LS/BT as U, L, T, B), a full link of Google, Apple or OpenStreetMap, or a plus code.

    A pair written as long, lat is turned round where only that lies in the city. Short links
    (maps.app.goo.gl) hold no coordinates and give None.
    """
    if not _MAYBE.search(text):
        return None
    text = text.replace("%2C", ",").replace("%2c", ",").replace("%20", " ")
    for pattern in _EARLIER:
        for match in pattern.finditer(text):
            if found := _in_city(float(match[1]), float(match[2]), pack):
                return found
    for match in _DEGREES.finditer(text):
        lat = _decimal(match[1], match[2], match[3], match[4])
        if found := _in_city(lat, _decimal(match[5], match[6], match[7], match[8]), pack):
            return found
    for match in _LETTERS.finditer(text):
        if found := _in_city(_signed(float(match[1]), match[2]), _signed(float(match[3]), match[4]), pack):
            return found
    for match in _PAIR.finditer(text):
        if found := _in_city(float(match[1]), float(match[2]), pack):
            return found
    return _plus_code(text, pack)


def _plus_code(text: str, pack: Pack) -> Position | None:
    """The first plus code that lies in the city; a short one is the nearest such place to the city's middle."""
    box = pack.settings["bounds"]
    middle = ((box["south"] + box["north"]) / 2, (box["west"] + box["east"]) / 2)
    for digits, is_short in plus_codes_in(text):
        for lat, long in places_of_short(digits, *middle) if is_short else (middle_of(digits),):
            if area_at(pack, lat, long):
                return Position(lat=lat, long=long)
    return None


def _decimal(degrees: str, minutes: str, seconds: str, side: str) -> float:
    value = int(degrees) + int(minutes) / 60 + float(seconds.replace(",", ".")) / 3600
    return _signed(value, side)


def _signed(value: float, side: str) -> float:
    """South and west are negative; Indonesian LS and BB (selatan, barat) too."""
    return -value if side[-1] in "SsWwBb" else value


def _in_city(lat: float, long: float, pack: Pack) -> Position | None:
    for one, other in ((lat, long), (long, lat)):
        if in_bounds(pack, one, other):
            return Position(lat=one, long=other)
    return None
