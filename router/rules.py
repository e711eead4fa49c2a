"""What recurs becomes a rule: offered to the admin with its evidence, taken or taken back with one press."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from config.pack import Pack
from router.agencies import Taken, instead
from router.house import House
from store.officials import RouteRule
from store.routes import Passed, codes_passed, list_rules, passed_lately, taken_rules

SHOWN = 20  # reports that an offer links to


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A rule that an admin may take, what speaks for it, and the newest reports that did."""

    passed: Passed
    codes: tuple[str, ...]


def offers(session: Session, house: House) -> list[Offer]:
    """The rules that the last weeks speak for, by the pack's `[routing]`."""
    since = since_of(house)
    return [
        Offer(passed=passed, codes=tuple(codes_passed(session, passed, since, limit=SHOWN)))
        for passed in _offered(session, house, since)
    ]


def count_offers(session: Session, house: House) -> int:
    return len(_offered(session, house, since_of(house)))


def since_of(house: House) -> datetime:
    """From when on what was passed on counts."""
    return house.now() - timedelta(days=int(house.pack.routing["recurs_days"]))


def _offered(session: Session, house: House, since: datetime) -> list[Passed]:
    pack, taken = house.pack, taken_rules(session)
    times = int(pack.routing["recurs_times"])
    found = passed_lately(session, since, times=times)
    return [each for each in found if each.kept >= times and _is_clear(each, pack) and _helps(each, pack, taken)]


def _is_clear(passed: Passed, pack: Pack) -> bool:
    return passed.kept >= float(pack.routing["recurs_share"]) * passed.held


def _helps(passed: Passed, pack: Pack, taken: Taken) -> bool:
    """Whether a rule would change anything: reports still come to the agency by rule, and would not come back."""
    service = pack.services.get(passed.service_code)
    key = (passed.service_code, passed.agency_id)
    if service is None or key in taken or passed.to_agency_id not in pack.agencies:
        return False
    senders = {service.agency_id, *(to for (code, _), to in taken.items() if code == service.code)}
    senders |= {
        route.agency_id for route in pack.routes if not route.service_codes or service.code in route.service_codes
    }
    comes_back = instead(service.code, passed.to_agency_id, taken) == passed.agency_id
    return passed.agency_id in senders and not comes_back


def take_rule(session: Session, house: House, wanted: tuple[str, str, str], by: str) -> RouteRule | None:
    """Take an offered rule (service, agency, its receiver); None where it is not offered (any more)."""
    for passed in _offered(session, house, since_of(house)):
        if (passed.service_code, passed.agency_id, passed.to_agency_id) == wanted:
            service, agency, to = wanted
            rule = RouteRule(service_code=service, agency_id=agency, to_agency_id=to, by=by, at=house.now())
            session.add(rule)
            session.flush()
            return rule
    return None


def give_back(session: Session, number: int) -> RouteRule | None:
    """Take a rule back: reports are routed as before it. None where there is no such rule."""
    rule = next((rule for rule in list_rules(session) if rule.id == number), None)
    if rule is not None:
        session.delete(rule)
    return rule
