"""What everybody may see of one report: its words without addresses, and a place as coarse as the pack says."""

from dataclasses import dataclass
from datetime import timedelta

from config.checks import FINEST
from config.pack import Pack
from normalizer.privacy import public_description
from normalizer.public_place import point_in, public_cell
from normalizer.public_words import without_address
from router.house import House
from router.status import OFFICIALS
from store.models import Report, StatusUpdate


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where the public sees a report: a point (degrees) of the cell that it lies in, and nothing nearer."""

    lat: float
    long: float
    cell: int


def is_hidden(pack: Pack, report: Report) -> bool:
    """Whether a report is in no list and on no map, and who knows its code reads no more than its status."""
    return pack.publicity(report.service_code).near == "hidden"


def is_listed(house: House, report: Report) -> bool:
    """Whether a report is in the public's lists by now (the same in SQL: store/public.py)."""
    minutes = house.pack.publicity(report.service_code).minutes
    has_waited = not minutes or report.requested_at + timedelta(minutes=minutes) <= house.now()
    return has_waited and not is_hidden(house.pack, report)


def spot(house: House, report: Report) -> Spot | None:
    """The public's point of a report; None where they are told its area at most, or nothing yet."""
    if not is_listed(house, report):
        return None
    return spot_of(house, report.code, report.service_code, report.cell)


def spot_of(house: House, code: str, service_code: str | None, cell: int | None) -> Spot | None:
    """The same for a listed report of which no more is at hand."""
    public = public_cell(house.pack, service_code, cell)
    if public is None:
        return None
    lat, long = point_in(public, code, house.keys.derive("public place"))
    return Spot(lat=lat, long=long, cell=public)


def area_name(pack: Pack, report: Report) -> str | None:
    """The kelurahan (or what is known of it) with its kecamatan: as near as the public is told in words."""
    return None if is_hidden(pack, report) else name_of_area(pack, report.area_code)


def name_of_area(pack: Pack, code: str | None) -> str | None:
    """`Manggarai, Tebet`; None for what is no area of the pack."""
    area = pack.areas.get(code or "")
    return ", ".join(filter(None, (area.name, area.kecamatan))) if area else None


def words(pack: Pack, report: Report) -> str:
    """The report's words for everybody: of a hidden one none."""
    return "" if is_hidden(pack, report) else _without_address(pack, report, report.public_description)


def notes(pack: Pack, report: Report, line: StatusUpdate, *, knows_all: bool = False) -> str | None:
    """What an official wrote for the citizen and the public, without personal data and addresses; with the
    addresses for those who know where the report lies."""
    if not line.notes or not line.by.startswith(OFFICIALS):
        return None
    if knows_all:
        return public_description(line.notes)
    if is_hidden(pack, report):
        return None
    return _without_address(pack, report, public_description(line.notes))


def _without_address(pack: Pack, report: Report, text: str) -> str:
    return without_address(text, at_homes=pack.publicity(report.service_code).near != FINEST)
