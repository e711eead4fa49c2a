"""The area that a lurah, camat or wali kota rules: named by an operator, and all that lies in it."""

from config.pack import Pack
from desk.rights import Official
from router.agencies import lies_in


def area_named(pack: Pack, agency_id: str | None, said: str) -> str:
    """The code of the area that somebody of this agency rules, by code, name or alias. Raises LookupError."""
    level = pack.agencies[agency_id].level if agency_id is not None else ""
    if not level:
        offices = ", ".join(agency.id for agency in pack.agencies.values() if agency.level)
        raise LookupError(f"an area goes with one of the agencies {offices}")
    wanted = " ".join(said.lower().split())
    found = [
        area.code
        for area in pack.areas.values()
        if area.level == level and wanted in {area.code, *(name.lower() for name in (area.name, *area.aliases))}
    ]
    if len(found) != 1:
        many = f"{len(found)} of them: {', '.join(found)}" if found else "none"
        raise LookupError(f"one {level} must be named; {said!r} names {many}")
    return found[0]


def areas_of(official: Official, pack: Pack) -> tuple[str, ...] | None:
    """The codes of all areas that an official rules; None where they rule none."""
    if official.area_code is None:
        return None
    return tuple(code for code in pack.areas if lies_in(code, official.area_code)) or (official.area_code,)
