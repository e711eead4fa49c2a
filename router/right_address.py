"""What a rejection may name: the body that deals with such problems, and how everybody reaches it."""

from sqlalchemy.orm import Session

from config.pack import Agency, Pack
from router.house import House
from router.owner import agency_of
from router.replies import say
from store.models import Report


def reachable(pack: Pack) -> dict[str, Agency]:
    """The bodies that people can turn to themselves, by id."""
    return {agency.id: agency for agency in pack.agencies.values() if agency.contact}


def likely_address(session: Session, report: Report, house: House) -> str | None:
    """The body that the rules name for the report, where it is another and people can turn to it themselves."""
    agency_id = agency_of(session, report, house)
    return agency_id if agency_id in reachable(house.pack) and agency_id != report.agency_id else None


def with_right_address(notes: str, agency_id: str, report: Report, pack: Pack) -> str:
    """A rejection's reason with the right address in front, where an SMS that is too long does not cut it off."""
    agency = reachable(pack)[agency_id]
    where = say(pack, report.language, "right_address", "desk", agency=agency.name, contact=agency.contact)
    return f"{where} {notes}"
