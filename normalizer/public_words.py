"""Words as the public reads them: without what says more of a place than its street."""

import re

from normalizer.angles import pairs_in
from normalizer.rt_rw import without_rt

_ANY_CASE = re.IGNORECASE
_HALF = r"[-\u2212]?\d{1,3}[.,]\d{2,}"
_MINUTES = r"\d{1,3}\s?\u00b0\s?\d{1,2}\s?['\u2032]\s?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|\u2033|''))?\s?[NSEWLBTU]?"
_PLUS = "[23456789CFGHJMPQRVWX]"
MAPS = (
    r"maps\.app\.goo\.gl|goo\.gl/maps|maps\.google\.[a-z.]+|google\.[a-z.]+/maps|maps\.apple(?:\.com)?|waze\.com"
    r"|openstreetmap\.org|osm\.org|w3w\.co|what3words\.com|plus\.codes|omaps\.app"
)
_A_NUMBER = r"\d{1,4}\s?[a-z]?\b(?:\s?[/-]\s?\d{1,3}[a-z]?\b)?"
_NO_ADDRESS = r"(?!\s?(?:hari|jam|menit|orang|kali|bulan|minggu|tahun|meter|m|km|cm|days?|hours?|weeks?)\b)"

_POINTS = (
    rf"\b(?:lat(?:itude)?|long?(?:itude)?|lng|lintang|bujur)\b\s*[:=]?\s*{_HALF}",
    _MINUTES,
    rf"(?<![A-Z0-9]){_PLUS}{{4,8}}(?:\+|%2B){_PLUS}{{2,5}}(?![A-Z0-9])",
    rf"(?:https?://)?(?:www\.)?(?:{MAPS})/?[^\s<>\"]*",
    r"\bgeo:[^\s<>\"]+",
    r"///[a-z]+\.[a-z]+\.[a-z]+",
)
_HOUSES = (
    (rf"\b(?:no(?:mor|mer)?|nmr|number)\b\s?[.:]?\s?(?:rumah\s?)?{_A_NUMBER}{_NO_ADDRESS}", "[nomor rumah]"),
    (
        r"\b(?:blok|blk|block|kav(?:e?ling)?)\b\.?\s?(?:[a-z]{1,2}\s?[-/.]?\s?)?\d{1,3}[a-z]?\b(?:\s?[/-]\s?\d{1,3}\b)?",
        "[nomor rumah]",
    ),
    # "Jl. Manggarai Utara 2" is a street, "Jl. Kenanga 12" a house in one
    (
        rf"(\b(?:jl|jln|jalan|gg|gang)\b\.?\s(?:[A-Za-z.']+\s){{1,4}})(?:\d{{2,3}}[a-z]?|\d[a-z])(?:/\d{{1,3}})?\b{_NO_ADDRESS}",
        r"\1[nomor rumah]",
    ),
    (r"\bunit\s+[a-z]?\d{1,4}[a-z]?\b|\b(?:lantai|lt)\b\.?\s?\d{1,2}\b", "[nomor rumah]"),
)

_EXACT = [(re.compile(pattern, _ANY_CASE), "[titik]") for pattern in _POINTS]
_EXACT += [(re.compile(pattern, _ANY_CASE), instead) for pattern, instead in _HOUSES]
_MAY_SAY = re.compile(rf"\d|///|{MAPS}", _ANY_CASE)


def without_address(text: str, *, at_homes: bool = False) -> str:
    """Take out of a text what says more of a place than its street: coordinates, plus codes, links to maps,
    numbers of houses and flats; with `at_homes` the RT as well, which is some forty households."""
    if _MAY_SAY.search(text):
        text = _without_points(text)
        for pattern, instead in _EXACT:
            text = pattern.sub(instead, text)
    return without_rt(text) if at_homes else text


def _without_points(text: str) -> str:
    """Whatever the normalizer reads as a point, in all its notations."""
    kept: list[str] = []
    done = 0
    for one, other in pairs_in(text):
        if one.start >= done:
            kept += [text[done : one.start], "[titik]"]
        done = other.end
    return "".join([*kept, text[done:]])
