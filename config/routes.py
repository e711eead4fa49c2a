"""Who owns what where the service alone does not say it: the city pack's ordered rules, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.pack import Pack

KEYS = frozenset({"agency", "services", "areas", "words", "unless", "from", "until", "hours"})
LEVELS = frozenset({"", "kelurahan", "kecamatan", "kota"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Reports that fit go to `agency_id`. What is empty fits everything.

    `area_codes` are areas of any level, with all that lies in them. `words` are phrases between slashes, one of
    which must be said outside of every phrase of `unless` ("~" stands for up to three words, "*" for the rest of
    one). `first_day` and `last_day` belong to the time; `hours` are a part of the city's day, also over midnight.
    """

    agency_id: str
    service_codes: tuple[str, ...] = ()
    area_codes: tuple[str, ...] = ()
    words: str = ""
    unless: str = ""
    first_day: date | None = None
    last_day: date | None = None
    hours: tuple[time, time] | None = None


def read_routes(table: Mapping[str, Any]) -> tuple[Route, ...]:
    """The rules of a routes.toml in its order. Raises ValueError that names the rule."""
    if unknown := set(table) - {"route"}:
        raise ValueError(f"routes.toml: unknown: {', '.join(sorted(unknown))}; rules stand under [[route]]")
    return tuple(_route(number, row) for number, row in enumerate(table.get("route", ()), 1))


def _route(number: int, row: Mapping[str, Any]) -> Route:
    try:
        return _read(row)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"routes.toml, rule {number}: {error}") from None


def _read(row: Mapping[str, Any]) -> Route:
    if unknown := set(row) - KEYS:  # a misspelt condition would make a rule of everything
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if set(row) <= {"agency", "unless"}:
        raise ValueError("says nothing but an agency: every report would go there")
    hours = row.get("hours")
    route = Route(
        agency_id=_text(row, "agency"),
        service_codes=_codes(row, "services"),
        area_codes=_codes(row, "areas"),
        words=_text(row, "words") if "words" in row else "",
        unless=_text(row, "unless") if "unless" in row else "",
        first_day=_day(row, "from"),
        last_day=_day(row, "until"),
        hours=None if hours is None else _hours(str(hours)),
    )
    if route.first_day and route.last_day and route.last_day < route.first_day:
        raise ValueError("ends before it begins")
    return route


def _text(row: Mapping[str, Any], key: str) -> str:
    if not isinstance(row.get(key), str) or not row[key].strip(" /\n"):
        raise ValueError(f"{key} is missing or no text")
    return str(row[key])


def _codes(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    codes = row.get(key)
    if key in row and (not isinstance(codes, list) or not codes):
        raise ValueError(f"{key} is no list of codes")
    return tuple(str(code) for code in codes or ())


def _day(row: Mapping[str, Any], key: str) -> date | None:
    day = row.get(key)
    if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
        raise ValueError(f"{key} is no day such as 2026-03-20")
    return day


def _hours(said: str) -> tuple[time, time]:
    begins, dash, ends = said.partition("-")
    if not dash or begins.strip() == ends.strip():
        raise ValueError("hours are no part of a day such as 22:00-05:00")
    return time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip())


def problem_of(pack: "Pack") -> str | None:
    """What is wrong with a pack's rules and its figures about routing, as a sentence."""
    return _unknown(pack) or _wrong_figure(pack.routing, pack)


def _unknown(pack: "Pack") -> str | None:
    """The first agency, service or area that a rule names and the pack does not have."""
    for number, route in enumerate(pack.routes, 1):
        for kind, codes, known in (
            ("agency", (route.agency_id,), pack.agencies.keys()),
            ("service", route.service_codes, pack.services.keys()),
            ("area", route.area_codes, pack.areas.keys()),
        ):
            for code in codes:
                if code not in known:
                    return f"routes.toml, rule {number} names an unknown {kind}: {code}"
    return None


def _wrong_figure(routing: Mapping[str, Any], pack: "Pack") -> str | None:
    if routing["coordinator"] not in pack.agencies:
        return f"city.toml: the coordinator is an unknown agency: {routing['coordinator']}"
    for name in ("recurs_times", "recurs_days"):
        if type(routing[name]) is not int or routing[name] < 1:
            return f"city.toml: {name} is no whole number from 1 up"
    if not 0 < float(routing["recurs_share"]) <= 1:
        return "city.toml: recurs_share is no share between 0 and 1"
    for agency in pack.agencies.values():
        if agency.level not in LEVELS:
            return f"agencies.toml: {agency.id} rules areas of an unknown level: {agency.level}"
    return None
