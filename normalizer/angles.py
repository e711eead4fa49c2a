"""Pairs of coordinates in a text, however people, phones and maps write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_MARK = r"(?:[°º˚*]|derajat|deg|d)"
_MINUTE = r"(?:['′’‘´`]|menit|min|m)"
_SIDE = r"L?[NSU]|B?[EWTB]"  # south, west and so on; Indonesian LS, LU, BT, BB
_SECOND = rf"(?:[\"″”“]|''|′′|’’|´´|``|detik|sec|s(?=\s?(?:{_SIDE})\b))"
_ANGLE = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:\b(?P<before>{_SIDE})\s?(?=[-\u2212\u2013]?\d))?(?:(?<!\w)(?P<sign>[-\u2212\u2013]))?"
    rf"(?:(?P<whole>\d{{1,3}})[.,](?P<part>\d{{3,15}})(?!\.?\d)(?P<degree>\s?[°º˚])?"
    rf"|(?P<degrees>\d{{1,3}})\s?{_MARK}\s?(?P<minutes>\d{{1,2}}(?:[.,]\d{{1,9}})?)\s?"
    rf"(?:{_MINUTE}\s?(?:(?P<seconds>\d{{1,2}}(?:[.,]\d{{1,9}})?)\s?{_SECOND}?)?)?)"
    rf"(?:\s?(?P<after>{_SIDE})\b)?",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"\d[.,]\d{3}|\d\s?(?:[°º˚*]|d\d|deg|derajat)", re.IGNORECASE)
# ", ", "&longitude=", "\nLong: ", " dan "; in links "%2C"
_GAP = re.compile(r"(?:[^\d%]|%2[0BC]){0,24}", re.IGNORECASE)
_EXACT = 4  # decimals; of three without a sign or a degree mark 15.000 may be a price


@dataclass(frozen=True, kw_only=True, slots=True)
class Angle:
    """An angle in degrees as it stands in a text from `start` to `end`; what it may mean, the likeliest first."""

    start: int
    end: int
    values: tuple[float, ...]
    marked: bool
    exact: bool


def pairs_in(text: str) -> Iterator[tuple[Angle, Angle]]:
    """Give the angles that stand beside each other and are no prices: "-6.1754, 106.8272",
    "6,1754 LS 106,8272 BT", "S6°10'31.4 E106°49'37.8", "lat: -6.1754 long: 106.8272"."""
    if not _MAYBE.search(text):
        return
    found = [_angle(match) for match in _ANGLE.finditer(text)]
    for one, other in pairwise(found):
        is_point = one.marked or other.marked or (one.exact and other.exact)
        if is_point and _GAP.fullmatch(text, one.end, other.start):
            yield one, other


def _angle(match: re.Match[str]) -> Angle:
    side = match["before"] or match["after"] or ""
    whole = match["whole"] is not None
    size = float(f"{match['whole']}.{match['part']}") if whole else _from_minutes(match)
    return Angle(
        start=match.start(),
        end=match.end(),
        values=_signed(size, side, match["sign"]),
        marked=not whole or bool(match["sign"] or match["degree"]),
        exact=not whole or len(match["part"]) >= _EXACT,
    )


def _from_minutes(match: re.Match[str]) -> float:
    minutes, seconds = (float((match[part] or "0").replace(",", ".")) for part in ("minutes", "seconds"))
    return int(match["degrees"]) + minutes / 60 + seconds / 3600


def _signed(size: float, side: str, sign: str | None) -> tuple[float, ...]:
    """South and west are negative, LS and BB too; where neither sign nor side says it, both may be meant."""
    if side:
        return (-size,) if side[-1] in "SsWwBb" else (size,)
    return (-size,) if sign else (size, -size)
