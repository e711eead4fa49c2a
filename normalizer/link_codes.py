"""Points that a link holds as letters: Waze's (a geohash) and OpenStreetMap's short ones."""

import re
from collections.abc import Iterator

_WAZE = re.compile(r"\bwaze\.com/ul/h([0-9b-hjkmnp-z]{6,12})\b", re.IGNORECASE)
_OSM = re.compile(r"\b(?:osm\.org|openstreetmap\.org)/go/([A-Za-z0-9_~@]{5,12})")
_GEOHASH = "0123456789bcdefghjkmnpqrstuvwxyz"
_QUADTILES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~"


def points_in_links(text: str) -> Iterator[tuple[float, float]]:
    """Give the middles (lat, long in degrees, WGS 84) of what such links in a text mean."""
    for match in _WAZE.finditer(text):
        yield _middle(match[1].lower(), _GEOHASH, 5)
    for match in _OSM.finditer(text):
        yield _middle(match[1].replace("@", "~"), _QUADTILES, 6)


def _middle(code: str, letters: str, bits_of_one: int) -> tuple[float, float]:
    """Halve the earth by each bit, east or west first, then north or south (geohash.org;
    wiki.openstreetmap.org/wiki/Shortlink)."""
    number = 0
    for letter in code:
        number = (number << bits_of_one) | letters.index(letter)
    bits = f"{number:0{bits_of_one * len(code)}b}"
    east, north = bits[::2], bits[1::2]
    return _along(north, 180) - 90, _along(east, 360) - 180


def _along(bits: str, span: int) -> float:
    return (int(bits, 2) + 0.5) / (1 << len(bits)) * span
