"""Which agency owns a problem: service, place, words and time -> agency_responsible, by rules that are data."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from config.pack import Pack
from config.routes import Route
from normalizer.phrases import Finder, Found, finder
from normalizer.text import READ_AT_MOST
from normalizer.tokens import plain, tokens_of

Taken = Mapping[tuple[str, str], str]  # (service, agency) -> the agency that an admin named instead
NONE: Taken = {}


def agency_for(
    pack: Pack,
    service_code: str | None,
    area_code: str | None,
    text: str = "",
    *,
    at: datetime,
    taken: Taken = NONE,
) -> str | None:
    """The agency's id, or None where the desk must decide.

    The first of the pack's rules that fits names it, else the service; what admins took says who has its reports
    of this service instead. A local office needs an area; where only a wider one is known, that one's.
    """
    service = pack.services.get(service_code or "")
    if service is None or service.agency_id is None:
        return None
    routes = fitting(pack, service.code, area_code, text, at)
    first = next(routes, None)
    agency_id = instead(service.code, first.agency_id if first else service.agency_id, taken)
    return with_office(pack, agency_id, area_code)


def fitting(pack: Pack, service_code: str, area_code: str | None, text: str, at: datetime) -> Iterator[Route]:
    """The pack's rules that fit, in their order."""
    said: frozenset[int] | None = None
    local = at.astimezone(ZoneInfo(pack.timezone))
    for number, route in enumerate(pack.routes):
        if not _is_for(route, service_code, area_code, local):
            continue
        if route.words and said is None:
            said = _said(pack, text)
        if not route.words or number in (said or ()):
            yield route


def _is_for(route: Route, service_code: str, area_code: str | None, local: datetime) -> bool:
    if route.service_codes and service_code not in route.service_codes:
        return False
    if route.area_codes and not any(lies_in(area_code, code) for code in route.area_codes):
        return False
    return _is_now(route, local)


def _is_now(route: Route, local: datetime) -> bool:
    day, hour = local.date(), local.time()
    if (route.first_day and day < route.first_day) or (route.last_day and day > route.last_day):
        return False
    if route.hours is None:
        return True
    begins, ends = route.hours
    return begins <= hour < ends if begins < ends else hour >= begins or hour < ends


def lies_in(area_code: str | None, wider: str) -> bool:
    """Whether an area is the wider one or lies in it: codes say it (31.74.01.1007 lies in 31.74.01 and 31.74)."""
    return area_code is not None and (area_code == wider or area_code.startswith(f"{wider}."))


@lru_cache(maxsize=4)
def _finder(pack: Pack) -> Finder:
    """Finds all rules' phrases at once; the lists' names are the rule's number with + (said) or - (unless)."""
    lists = {}
    for number, route in enumerate(pack.routes):
        lists[f"+{number}"], lists[f"-{number}"] = route.words, route.unless
    return finder(lists)


def _said(pack: Pack, text: str) -> frozenset[int]:
    """The numbers of the rules whose words the text has, outside of all that speaks against them."""
    tokens = list(map(plain, tokens_of(text[:READ_AT_MOST])))
    found = list(_finder(pack)(tokens))
    return frozenset(int(one.name[1:]) for one in found if one.name[0] == "+" and not _is_void(one, found))


def _is_void(one: Found, found: list[Found]) -> bool:
    against = f"-{one.name[1:]}"
    return any(other.name == against and other.begins < one.ends and one.begins < other.ends for other in found)


def instead(service_code: str, agency_id: str, taken: Taken) -> str:
    """Who gets an agency's reports of a service by the rules that admins took, one after the other."""
    seen = {agency_id}
    while (following := taken.get((service_code, agency_id))) and following not in seen:
        agency_id = following
        seen.add(following)
    return agency_id


def with_office(pack: Pack, agency_id: str, area_code: str | None) -> str | None:
    """The agency where it has an office for this place; else the office of the wider area that is known. None for
    an agency that the pack has no longer: the desk decides."""
    agency = pack.agencies.get(agency_id)
    if agency is None:
        return None
    if not agency.level:
        return agency_id
    area = pack.areas.get(area_code or "")
    if area is None:
        return None
    levels = ("kelurahan", "kecamatan", "kota")
    if levels.index(area.level) <= levels.index(agency.level):
        return agency_id
    return next((other.id for other in pack.agencies.values() if other.level == area.level), None)
