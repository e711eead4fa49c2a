"""Green, yellow or red: what the pack's rules say to an agency's month, and why."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from config.checks import CARD_ABOVE, CARD_BELOW
from config.pack import Pack
from store.card import Card, Month

Colour = Literal["green", "yellow", "red", "few", "outside"]
MOST_MONTHS = 36  # that are offered
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])", re.ASCII)

ORDER: tuple[Colour, ...] = ("red", "yellow", "green", "few", "outside")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One figure that is beyond a limit: `on_time`, `stars`, `unanswered`, `reopened` or `flags`.

    `value` and `limit` are shares from 0 to 1, of `stars` a mean of 1 to 5.
    """

    kind: str
    colour: Colour
    value: float
    limit: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A colour with its reasons, the red ones first; none with green, `few` (too few to judge) and `outside`."""

    colour: Colour
    reasons: tuple[Reason, ...] = ()


def judge(card: Card, rules: Mapping[str, Any], *, is_outside: bool = False) -> Verdict:
    """What the rules say to a line; bodies that are not the city's are shown and not judged.

    A limit itself is still on the better side.
    """
    if is_outside:
        return Verdict(colour="outside")
    if card.reports < rules["fewest"]:
        return Verdict(colour="few")
    judged = [_judged(kind, value, rules) for kind, value in figures(card, rules).items() if value is not None]
    reasons = sorted(filter(None, judged), key=lambda reason: reason.colour != "red")
    return Verdict(colour=reasons[0].colour if reasons else "green", reasons=tuple(reasons))


def figures(card: Card, rules: Mapping[str, Any]) -> dict[str, float | None]:
    """What is judged, None where too little was counted to judge it."""
    fewest, stars = rules["fewest"], card.stars if card.rated >= rules["fewest_stars"] else None
    return {
        "unanswered": _share(card.unanswered, card.reports, fewest),
        "on_time": _share(card.on_time, card.reports, fewest),
        "reopened": _share(card.reopened, card.finished, fewest),
        "flags": _share(card.doubted, card.finished, fewest),
        "stars": stars,
    }


def _share(count: int, of: int, fewest: int) -> float | None:
    return count / of if of >= fewest else None


def _judged(kind: str, value: float, rules: Mapping[str, Any]) -> Reason | None:
    limits = {**rules["below"], **rules["above"]}[kind]
    for colour in ("red", "yellow"):
        if (kind in CARD_BELOW and value < limits[colour]) or (kind in CARD_ABOVE and value > limits[colour]):
            return Reason(kind=kind, colour=colour, value=value, limit=limits[colour])
    return None


def this_month(pack: Pack, now: datetime) -> str:
    """`2026-11`, on the city's clock."""
    return f"{now.astimezone(ZoneInfo(pack.timezone)):%Y-%m}"


def month_of(name: str, pack: Pack, now: datetime) -> Month | None:
    """A month of the city's calendar; None for what is no month (`YYYY-MM`), or one that is still to come."""
    if not _MONTH.fullmatch(name) or name > this_month(pack, now):
        return None
    zone, (year, month) = ZoneInfo(pack.timezone), map(int, name.split("-"))
    next_year, next_month = divmod(year * 12 + month, 12)
    return Month(
        since=datetime(year, month, 1, tzinfo=zone),
        before=datetime(next_year, next_month + 1, 1, tzinfo=zone),
        now=now,
    )


def months(first: datetime | None, pack: Pack, now: datetime) -> list[str]:
    """This month and those before it until the first that has anything, the newest first."""
    newest = this_month(pack, now)
    oldest = this_month(pack, first) if first else newest
    year, month = map(int, newest.split("-"))
    last = year * 12 + month - 1
    names = [f"{each // 12}-{each % 12 + 1:02}" for each in range(last, last - MOST_MONTHS, -1)]
    return [name for name in names if name >= oldest] or [newest]
