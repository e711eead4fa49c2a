"""The queue: what waits for my agency, what is in work, what waits for somebody else, what is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from desk import doors
from desk.pages import render
from desk.rights import Official, may_rule, official_of, sees_all
from desk.wire import typed_code
from router.house import House
from router.rules import count_offers
from store import counts, queries
from store.models import Report
from store.officials import DeskSession

GROUPS: dict[str, tuple[str, ...]] = {
    "new": ("received", "assigned", "reopened"),
    "work": ("accepted", "in_progress", "scheduled"),
    "waiting": ("needs_info", "resolved"),
    "done": ("closed", "rejected", "duplicate"),
}
PAGE_SIZE = 30
LATELY = timedelta(days=30)
LAST_PAGE = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What of the queue somebody looks at; `agency_id` None is all, queries.NO_AGENCY none yet."""

    group: str
    status: str | None
    agency_id: str | None
    page: int

    @property
    def statuses(self) -> tuple[str, ...]:
        return (self.status,) if self.status else GROUPS[self.group]

    def link(self, **changes: object) -> str:
        """The query string of this view with some of it changed."""
        said = {
            "group": self.group,
            "status": self.status,
            "agency": self.agency_id,
            "page": self.page if self.page > 1 else None,
        }
        return "?" + urlencode({name: value for name, value in {**said, **changes}.items() if value})


def view_of(official: Official, asked: Mapping[str, str]) -> View:
    """Read the address; whatever is unknown in it is taken for not said."""
    group = asked.get("group", "")
    group = group if group in GROUPS else "new"
    status = asked.get("status")
    page = asked.get("page", "")
    return View(
        group=group,
        status=status if status in GROUPS[group] else None,
        agency_id=(asked.get("agency") or None) if sees_all(official) else official.agency_id,
        page=min(int(page), LAST_PAGE) if page.isdecimal() and len(page) < 9 and int(page) else 1,
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
        agencies=house.pack.agencies if sees_all(official) else {},
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
    view = view_of(official, request.query_params)
    with house.store.read() as session:
        counts = queries.count_statuses(session, view.agency_id)
        ask = queries.finished if view.group == "done" else queries.queue
        start = (view.page - 1) * PAGE_SIZE
        reports: list[Report] = ask(session, view.statuses, view.agency_id, start=start, limit=PAGE_SIZE + 1)
    return {
        "view": view,
        "groups": {name: sum(counts.get(each, 0) for each in these) for name, these in GROUPS.items()},
        "statuses": GROUPS[view.group],
        "reports": reports[:PAGE_SIZE],
        "has_more": len(reports) > PAGE_SIZE,
        "shows_agency": sees_all(official) and view.agency_id is None,
    }
