"""Plus codes (Open Location Code): "6P58QRFG+XV" and the short "QRFG+XV" that lies in this city."""

import re
from collections.abc import Iterator

_DIGITS = "23456789CFGHJMPQRVWX"
_CODE = re.compile(rf"(?<![\w+])([{_DIGITS}]{{8}}|[{_DIGITS}]{{4}})\+([{_DIGITS}]{{2,5}})(?!\w)", re.IGNORECASE)
_STEPS = (20.0, 1.0, 0.05, 0.0025, 0.000125)  # degrees of the pairs of digits
_ROWS, _COLUMNS = 5, 4  # of the grid that each further digit chooses from


def plus_codes_in(text: str) -> Iterator[tuple[str, bool]]:
    """Give the codes in a text, in capitals without "+", and whether each is a short one. A code of figures alone
    is none: "2345+67" may be a sum."""
    for match in _CODE.finditer(text.replace("%2B", "+").replace("%2b", "+")):
        digits = (match[1] + match[2]).upper()
        if not digits.isdigit():
            yield digits, len(match[1]) == 4


def middle_of(digits: str) -> tuple[float, float]:
    """Give the middle (lat, long in degrees, WGS 84) of a full code's area, as the specification decodes it
    (github.com/google/open-location-code: ten digits in pairs, then a grid of 5 rows and 4 columns)."""
    lat, long = -90.0, -180.0
    for pair, step in enumerate(_STEPS):
        lat += _DIGITS.index(digits[2 * pair]) * step
        long += _DIGITS.index(digits[2 * pair + 1]) * step
    height = width = _STEPS[-1]
    for digit in digits[10:]:
        height, width = height / _ROWS, width / _COLUMNS
        row, column = divmod(_DIGITS.index(digit), _COLUMNS)
        lat, long = lat + row * height, long + column * width
    return lat + height / 2, long + width / 2


def places_of_short(digits: str, lat: float, long: float) -> Iterator[tuple[float, float]]:
    """Give the middles that a short code (without its first four digits) may have near a point, the nearest first:
    one in each square degree."""
    south, west = _remainder(digits)
    found = [
        (int(lat // 1) + up + south, int(long // 1) + right + west) for up in (-1, 0, 1) for right in (-1, 0, 1)
    ]
    yield from sorted(found, key=lambda point: (point[0] - lat) ** 2 + (point[1] - long) ** 2)


def _remainder(digits: str) -> tuple[float, float]:
    """A short code's part of a degree."""
    lat, long = middle_of(f"CFX3{digits}")
    return lat % 1, long % 1
