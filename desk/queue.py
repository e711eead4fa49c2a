"""The queue: what waits for my agency, what is in work, what waits for somebody else, what is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from config.pack import Pack
from desk import doors
from desk.areas import areas_of
from desk.due import due_words, soon
from desk.pages import language_of, render, texts
from desk.rights import Official, may_rule, official_of, sees_all
from desk.surge import surge_name
from desk.wire import typed_code
from router.house import House
from router.promise import RUNS
from router.rules import count_offers
from router.status import MOVES, OPEN
from store import counts, queries
from store.due import Scope, count_due, count_on_record, due, on_record
from store.models import Report
from store.near import count_joined
from store.officials import DeskSession
from store.surges import Group, open_groups

GROUPS: dict[str, tuple[str, ...]] = {
    "new": ("received", "assigned", "reopened"),
    "work": ("accepted", "in_progress", "scheduled"),
    "waiting": ("needs_info", "resolved"),
    "done": ("closed", "rejected", "duplicate"),
}
# what shows reports of the groups once more, before and behind them
DUE, ON_RECORD = "due", "record"
TABS: dict[str, tuple[str, ...]] = {
    DUE: tuple(status for status in MOVES if status in RUNS),
    **GROUPS,
    ON_RECORD: tuple(status for status in MOVES if status in OPEN),
}
PAGE_SIZE = 30
LATELY = timedelta(days=30)
LAST_PAGE = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What of the queue somebody looks at; `agency_id` None is all, queries.NO_AGENCY none yet.

    `areas` are those that they rule (None: everywhere), `rung` is their agency where late reports are on record
    for it.
    """

    group: str
    status: str | None
    agency_id: str | None
    page: int
    areas: tuple[str, ...] | None = None
    rung: str | None = None

    @property
    def statuses(self) -> tuple[str, ...]:
        return (self.status,) if self.status else TABS[self.group]

    def link(self, **changes: object) -> str:
        """The query string of this view with some of it changed."""
        said = {
            "group": self.group,
            "status": self.status,
            "agency": self.agency_id,
            "page": self.page if self.page > 1 else None,
        }
        return "?" + urlencode({name: value for name, value in {**said, **changes}.items() if value})


def view_of(official: Official, asked: Mapping[str, str], pack: Pack) -> View:
    """Read the address; whatever is unknown in it is taken for not said."""
    areas = areas_of(official, pack)
    rung = official.agency_id if areas is not None and official.agency_id in pack.promise["ladder"] else None
    group = asked.get("group", "")
    group = group if group in TABS and (group != ON_RECORD or rung) else "new"
    status = asked.get("status")
    page = asked.get("page", "")
    return View(
        group=group,
        status=status if status in TABS[group] else None,
        agency_id=(asked.get("agency") or None) if sees_all(official) or areas else official.agency_id,
        page=min(int(page), LAST_PAGE) if page.isdecimal() and len(page) < 9 and int(page) else 1,
        areas=areas,
        rung=rung,
    )


def front(house: House, request: Request) -> Response:
    """/desk: the log-in, or my queue."""
    if doors.current(house, request) is None:
        said = "password_changed" if request.query_params.get("said") == "password_changed" else None
        return doors.log_in_page(house, request, said=said)
    return doors.inside(house, queue_page)(request)


def queue_page(house: House, request: Request, login: DeskSession) -> Response:
    official = official_of(login.officer)
    return render(
        house,
        request,
        "queue.html",
        nav=login,
        agencies=house.pack.agencies if sees_all(official) or official.area_code else {},
        passed_on=typed_code(request.query_params.get("passed", "")),
        guesses=_guesses(house),
        offers=_count_offers(house) if may_rule(official) else 0,
        may_rule=may_rule(official),
        **_rows(house, request, official),
    )


def _count_offers(house: House) -> int:
    with house.store.read() as session:
        return count_offers(session, house)


def _guesses(house: House) -> dict[str, int]:
    """How many guessed services officials agreed with lately, how many they changed; empty before the first."""
    with house.store.read() as session:
        found = counts.count_guesses(session, house.now() - LATELY)
    judged = sum(found.values())
    return {**found, "percent": 100 * found["agreed"] // judged} if judged else {}


def queue_part(house: House, request: Request, login: DeskSession) -> Response:
    """Only the moving part of the page: htmx asks for it every few seconds."""
    return render(house, request, "queue_part.html", **_rows(house, request, official_of(login.officer)))


def _rows(house: House, request: Request, official: Official) -> dict[str, Any]:
    now = house.now()
    view, until = view_of(official, request.query_params, house.pack), soon(house.pack, now)
    with house.store.read() as session:
        surges = _surges(session, view)
        apart = [each.surge.id for each in surges]
        groups, reports = _count(session, house.pack, view, until), _ask(session, house.pack, view, until, apart)
        joined = count_joined(session, [each.id for each in reports])
    said = texts(language_of(request))
    return {
        "view": view,
        "groups": groups,
        "statuses": TABS[view.group],
        "surges": surges if view.page == 1 else [],
        "surge_name": partial(surge_name, house.pack, language_of(request)),
        "reports": reports[:PAGE_SIZE],
        "joined": joined,
        "has_more": len(reports) > PAGE_SIZE,
        "shows_agency": (sees_all(official) or view.areas is not None) and view.agency_id is None,
        "due": lambda report: due_words(report, house.pack, said, now),
    }


def _surges(session: Session, view: View) -> list[Group]:
    """The surges that stand as one line; who rules an area reads its reports one by one."""
    if view.group not in {"new", "work", "waiting"} or view.areas is not None:
        return []
    return open_groups(session, view.statuses, view.agency_id)


def _count(session: Session, pack: Pack, view: View, until: datetime) -> dict[str, int]:
    """How many reports each group has."""
    found = queries.count_statuses(session, view.agency_id, view.areas)
    groups = {name: sum(found.get(each, 0) for each in these) for name, these in TABS.items()}
    groups[DUE] = count_due(session, TABS[DUE], until, _scope(pack, view))
    if view.rung is None:
        groups.pop(ON_RECORD)
    else:
        scope = _scope(pack, view)
        groups[ON_RECORD] = count_on_record(session, TABS[ON_RECORD], view.rung, pack.promise["ladder"], scope)
    return groups


def _scope(pack: Pack, view: View) -> Scope:
    """Every agency by its name where all are meant: so the index of agency and status leads to what is open."""
    return Scope(agency_ids=[view.agency_id] if view.agency_id else list(pack.agencies), areas=view.areas)


def _ask(session: Session, pack: Pack, view: View, until: datetime, apart: list[int]) -> list[Report]:
    """One page of the view's reports, and one more where there are more; surges `apart` are lines of their own."""
    part: dict[str, int] = {"start": (view.page - 1) * PAGE_SIZE, "limit": PAGE_SIZE + 1}
    if view.group == DUE:
        return due(session, view.statuses, until, _scope(pack, view), **part)
    if view.group == ON_RECORD and view.rung is not None:
        return on_record(session, view.statuses, view.rung, pack.promise["ladder"], _scope(pack, view), **part)
    if view.group == "done":
        return queries.finished(session, view.statuses, view.agency_id, areas=view.areas, **part)
    due_by = until if view.group in {"new", "work"} else None  # what waits for its reporter has time
    return queries.queue(
        session, view.statuses, view.agency_id, areas=view.areas, due_by=due_by, without=apart, **part
    )
