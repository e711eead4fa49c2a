"""What must be true of a city pack before a house starts with it: names that exist, figures that make sense."""

from datetime import time
from typing import TYPE_CHECKING, Any

from config.routes import problem_of

if TYPE_CHECKING:
    from config.pack import Pack

CARD_BELOW, CARD_ABOVE = ("on_time", "stars"), ("unanswered", "reopened", "flags")
MOST_STARS = 5
COARSEST, FINEST = 8, 10  # of [public]: H3 resolutions, cells of some 900 m to some 130 m across
MOST_METRES, MOST_DAYS = 1000, 90  # of [joins]: further apart nothing is the same problem


class PackError(Exception):
    """The city pack cannot be read; the message names the file and the entry."""


def check(pack: "Pack") -> None:
    """Raises PackError where the entries of a pack that was read do not fit each other."""
    if type(pack.settings.get("journal_days")) is not int or pack.journal_days < 1:
        raise PackError("city.toml: journal_days is missing or no whole number of days from 1 up")
    _check_keep_days(pack.settings.get("keep_days"))
    if pack.settings.get("public_photos") not in {"blurred", "released"}:
        raise PackError('city.toml: public_photos is neither "blurred" nor "released"')
    if type(pack.settings.get("map_south_of")) not in {int, float}:
        raise PackError("city.toml: map_south_of is missing or no number of degrees")
    if not isinstance(pack.settings.get("open_data_licence"), str):
        raise PackError("city.toml: open_data_licence is missing")
    _check_services(pack)
    _check_places(pack)
    _check_promise(pack)
    _check_card(pack)
    if problem := problem_of(pack):
        raise PackError(problem)
    _check_surge(pack)
    _check_joins(pack)
    _check_public(pack)
    first, *others = pack.languages
    for language in others:
        if missing := set(pack.texts[first]) ^ set(pack.texts[language]):
            raise PackError(f"texts: {language} and {first} differ in: {', '.join(sorted(missing))}")


KEPT = ("person", "raw", "originals", "unclaimed")


def _check_keep_days(days: Any) -> None:
    for kind in KEPT:
        if not isinstance(days, dict) or type(days.get(kind)) is not int or days[kind] < 1:
            raise PackError(f"city.toml: keep_days.{kind} is missing or no whole number of days from 1 up")


def _check_services(pack: "Pack") -> None:
    for service in pack.services.values():
        for agency_id in (service.agency_id, *service.other_agency_ids):
            if agency_id is not None and agency_id not in pack.agencies:
                raise PackError(f"services.toml: {service.code} names an unknown agency: {agency_id}")
        for code in service.brings:
            if code not in pack.services:
                raise PackError(f"services.toml: {service.code} brings an unknown service: {code}")


def _check_places(pack: "Pack") -> None:
    for name, code in pack.neighbourhoods.items():
        if code not in pack.areas:
            raise PackError(f"neighbourhoods.toml: {name} names an unknown area: {code}")
    for street in pack.streets:
        if unknown := set(street.area_codes) - pack.areas.keys():
            raise PackError(f"the street {street.name} lies in an unknown area: {', '.join(sorted(unknown))}")
    for landmark in pack.landmarks:
        if landmark.area_code not in pack.areas:
            raise PackError(f"{landmark.name} lies in an unknown area: {landmark.area_code}")


def _check_promise(pack: "Pack") -> None:
    promise = pack.promise
    if not time.fromisoformat(promise["opens"]) < time.fromisoformat(promise["closes"]):
        raise PackError("city.toml: the promise's working day closes before it opens")
    for code, days in {"other": promise["other"], **promise["days"]}.items():
        if code != "other" and code not in pack.services:
            raise PackError(f"city.toml: a promise for an unknown service: {code}")
        if type(days) is not int or days < 1:
            raise PackError(f"city.toml: the promise for {code} is no whole number of days from 1 up")
    for name in ("begins", "ends"):
        time.fromisoformat(pack.quiet[name])
    if unknown := set(promise["ladder"]) - pack.agencies.keys():
        raise PackError(f"city.toml: the ladder names an unknown agency: {', '.join(sorted(unknown))}")


def _check_card(pack: "Pack") -> None:
    card = pack.settings.get("card", {})
    for name in ("fewest", "fewest_stars"):
        if type(card.get(name)) is not int or card[name] < 1:
            raise PackError(f"city.toml: the card's {name} is no whole number from 1 up")
    for side, names in (("below", CARD_BELOW), ("above", CARD_ABOVE)):
        if set(card.get(side, {})) != set(names):
            raise PackError(f"city.toml: card.{side} needs these and no others: {', '.join(names)}")
        for name in names:
            _check_limits(name, card[side][name], is_below=side == "below")


def _check_limits(name: str, limits: Any, *, is_below: bool) -> None:
    most = MOST_STARS if name == "stars" else 1
    if not isinstance(limits, dict) or set(limits) != {"yellow", "red"}:
        raise PackError(f"city.toml: the card's {name} needs yellow and red")
    if any(type(limit) not in {int, float} or not 0 <= limit <= most for limit in limits.values()):
        raise PackError(f"city.toml: the card's {name} has a limit that is no number from 0 to {most}")
    if (limits["red"] > limits["yellow"]) if is_below else (limits["red"] < limits["yellow"]):
        raise PackError(f"city.toml: the card's {name} is red before it is yellow")


def _check_surge(pack: "Pack") -> None:
    surge = pack.surge
    own = surge.get("of", {})
    if unknown := {*surge["services"], *own} - pack.services.keys():
        raise PackError(f"city.toml: surge names an unknown service: {', '.join(sorted(unknown))}")
    tables = (("surge", surge, ("reports", "minutes", "ends_after_minutes", "digest_hours")),)
    for name, table, keys in (*tables, *((f"surge.of.{code}", row, tuple(row)) for code, row in own.items())):
        for key in keys:
            if key not in {"reports", "minutes", "ends_after_minutes", "digest_hours"}:
                raise PackError(f"city.toml: {name} has no figure {key!r}")
            if type(table[key]) is not int or table[key] < (2 if key == "reports" else 1):
                raise PackError(f"city.toml: {key} of {name} is no whole number, or too small")


def _check_joins(pack: "Pack") -> None:
    joins = pack.settings.get("joins", {})
    if missing := {"metres", "days", "finished_days", "never", "services"} - joins.keys():
        raise PackError(f"city.toml: [joins] lacks {', '.join(sorted(missing))}")
    if unknown := ({*joins["never"], *joins["services"]} - pack.services.keys()):
        raise PackError(f"city.toml: [joins] names an unknown service: {', '.join(sorted(unknown))}")
    if type(joins["finished_days"]) is not int or joins["finished_days"] < 0:
        raise PackError("city.toml: [joins] finished_days is no whole number from 0 up")
    for code, own in {"other": joins, **joins["services"]}.items():
        for name, most in (("metres", MOST_METRES), ("days", MOST_DAYS)):
            if type(own.get(name)) is not int or not 1 <= own[name] <= most:
                raise PackError(f"city.toml: [joins] {name} of {code} is no whole number from 1 to {most}")


def _check_public(pack: "Pack") -> None:
    public = pack.settings.get("public", {})
    if missing := {"near", "minutes", "unknown", "services"} - public.keys():
        raise PackError(f"city.toml: [public] lacks {', '.join(sorted(missing))}")
    if unknown := public["services"].keys() - pack.services.keys():
        raise PackError(f"city.toml: [public] names an unknown service: {', '.join(sorted(unknown))}")
    for code, own in {"other": public, "unknown": public["unknown"], **public["services"]}.items():
        near, minutes = own.get("near"), own.get("minutes")
        if near not in {"area", "hidden"} and (type(near) is not int or not COARSEST <= near <= FINEST):
            raise PackError(
                f'city.toml: [public] near of {code} is neither {COARSEST} to {FINEST} nor "area" nor "hidden"'
            )
        if type(minutes) is not int or not 0 <= minutes <= 7 * 24 * 60:
            raise PackError(f"city.toml: [public] minutes of {code} is no whole number from 0 to a week")
