"""Whose a report is, and whose it is next when they say that it is not theirs: the rules, and what admins took."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from router.agencies import agency_for, fitting, instead, with_office
from router.house import House
from store.models import Report
from store.routes import agencies_so_far, taken_rules


def agency_of(session: Session, report: Report, house: House) -> str | None:
    """The agency that a report goes to now, with the rules that admins took; None where the desk must decide."""
    return agency_for(
        house.pack,
        report.service_code,
        report.area_code,
        report.description,
        at=house.now(),
        taken=taken_rules(session),
    )


def second_choice(session: Session, report: Report, house: House) -> str | None:
    """Who gets a report whose agency says that it is not theirs: never one that had it before.

    What an admin took for this agency, what the rules say now, each further rule, the service's own agency, its
    others; then the coordinator, whose work it is to decide. None when that one had it too.
    """
    pack, code = house.pack, report.service_code
    had = agencies_so_far(session, report) | {report.agency_id}
    likely = [*_likely(session, report, house)] if code in pack.services else []
    for agency_id in (*likely, str(pack.routing["coordinator"])):
        office = with_office(pack, agency_id, report.area_code)
        if office is not None and office not in had:
            return office
    return None


def _likely(session: Session, report: Report, house: House) -> Iterator[str]:
    service, taken = house.pack.services[report.service_code or ""], taken_rules(session)
    if report.agency_id:
        yield instead(service.code, report.agency_id, taken)
    if first := agency_of(session, report, house):
        yield first
    for route in fitting(house.pack, service.code, report.area_code, report.description, house.now()):
        yield route.agency_id
    if service.agency_id:
        yield service.agency_id
    yield from service.other_agency_ids
