"""One report as a program of anybody's may have it: what the public pages show of it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from router.house import House
from router.replies import service_name
from router.shown import name_of_area, spot, words
from router.status import OPEN
from store.models import Report


def public_item(house: House, report: Report) -> dict[str, Any]:
    """Open311's fields of a listed report, each as an Open311 reader without a key gets it."""
    pack, zone, where = house.pack, ZoneInfo(house.pack.timezone), spot(house, report)
    agency = pack.agencies.get(report.agency_id or "")

    def date(at: datetime) -> str:
        return at.astimezone(zone).isoformat(timespec="seconds")

    return {
        "service_request_id": report.code,
        "status": "open" if report.status in OPEN else "closed",
        "extended_status": report.status,
        "service_code": report.service_code,
        "service_name": service_name(pack, report.service_code, pack.languages[0]),
        "description": words(pack, report),
        "agency_id": report.agency_id,
        "agency_responsible": agency.name if agency else None,
        "address": name_of_area(pack, report.area_code),
        "address_id": report.area_code,
        "lat": where.lat if where else None,
        "long": where.long if where else None,
        "requested_datetime": date(report.requested_at),
        "updated_datetime": date(report.updated_at),
        "expected_datetime": date(report.expected_at) if report.expected_at else None,
        "url": house.link(report.code),
    }
