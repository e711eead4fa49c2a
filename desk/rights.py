"""Who may see and change which report: the one table that every page and address asks."""

from dataclasses import dataclass
from typing import Protocol

from config.roles import ROLES_OF_ALL
from config.settings import ApiKey
from router.agencies import lies_in
from store.models import Report
from store.officials import Officer

CHANGES = frozenset({"officer", "head", "triage", "admin"})
SEES_ALL = frozenset(ROLES_OF_ALL)
GIVES = frozenset({"head", "triage", "admin"})
KNOWS = frozenset({"head", "triage", "admin"})
AUDITS = frozenset({"admin", "auditor"})
RELEASES = frozenset({"triage", "admin"})
SEES_ORIGINALS = frozenset({"head", "admin", "auditor"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Official:
    """Somebody who logged in or brought a key. `name` is what the history says: `officer:NAME` or `api:NAME`.

    `area_code` is where a lurah, camat or wali kota rules.
    """

    name: str
    role: str
    agency_id: str | None
    area_code: str | None = None


class Placed(Protocol):
    """What the right to see asks of a report: whose it is, and where it lies."""

    @property
    def agency_id(self) -> str | None: ...
    @property
    def area_code(self) -> str | None: ...


def official_of(officer: Officer) -> Official:
    return Official(
        name=f"officer:{officer.name}",
        role=officer.role,
        agency_id=officer.agency_id,
        area_code=officer.area_code,
    )


def official_of_key(key: ApiKey) -> Official:
    """A key of one agency may do what its officers may, a key without one what triage may."""
    role = "officer" if key.agency_id else "triage"
    return Official(name=f"api:{key.name}"[:80], role=role, agency_id=key.agency_id)


def sees_all(official: Official) -> bool:
    return official.role in SEES_ALL


def may_see(official: Official, report: Placed) -> bool:
    """Everything that stands in the report: words, photos (their copies), thread, exact place.

    Who rules an area sees every report of it, whoever has it; and no other.
    """
    return sees_all(official) or _holds(official, report) or _is_in_their_area(official, report)


def _holds(official: Official, report: Placed) -> bool:
    """Whether the report is with their agency, and for the office of one area in that area."""
    is_theirs = official.agency_id is not None and official.agency_id == report.agency_id
    return is_theirs and (official.area_code is None or _is_in_their_area(official, report))


def _is_in_their_area(official: Official, report: Placed) -> bool:
    return official.area_code is not None and lies_in(report.area_code, official.area_code)


def may_see_original(official: Official, report: Report) -> bool:
    """A photo as it came, with all that its camera wrote into it."""
    return official.role in SEES_ORIGINALS and (sees_all(official) or _holds(official, report))


def may_rule(official: Official) -> bool:
    """The rules by which reports find their agency."""
    return official.role == "admin"


def may_change(official: Official, report: Report) -> bool:
    """What is with their agency; who rules an area only reads the rest of it."""
    return official.role in CHANGES and (sees_all(official) or _holds(official, report))


def may_answer(official: Official, agency_id: str) -> bool:
    """To an agency's report card its head answers, or an admin."""
    return official.role == "admin" or (official.role == "head" and official.agency_id == agency_id)


def may_release(official: Official, report: Report) -> bool:
    """Show the public an after-photo that is doubted."""
    return official.role in RELEASES and may_see(official, report)


def may_note(official: Official, report: Report) -> bool:
    """Tell colleagues something about a report: whoever reads it, but for those who only look on."""
    return official.role in CHANGES and may_see(official, report)


def may_give(official: Official, report: Report) -> bool:
    """Say which official of its agency has a report; for themselves everybody does who may change it."""
    return official.role in GIVES and may_change(official, report)


def may_know(official: Official, report: Report) -> bool:
    """Who is behind a report: the address that they wrote from. Each look is written down."""
    return official.role in KNOWS and may_change(official, report)


def may_audit(official: Official) -> bool:
    """Read who looked at whom, and who wrote to them."""
    return official.role in AUDITS


def may_administer(official: Official) -> bool:
    """Change the house: ways to agencies, accounts, messages that failed."""
    return official.role == "admin"


def may_look_on(official: Official) -> bool:
    """Read how the house is: its health, its ways, its pack."""
    return official.role in AUDITS


def may_take_along(official: Official) -> bool:
    """Take exact places and the citizens' own words out of the house as a list; whoever only looks on takes what
    the public sees."""
    return official.role in KNOWS
