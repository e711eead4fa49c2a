"""/desk/admin: how the house is, what waits and what failed, and work it off again."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.deeds import write_deed
from desk.doors import Fields
from desk.pages import render
from desk.rights import Official, may_administer, may_look_on, official_of
from desk.view import page_asked
from router.health import health
from router.house import House
from router.in_time import InTime
from router.operate import replay_some, stuck
from store.journal import Journal
from store.models import Delivery
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

PAGE_SIZE = 50
STATES = ("waiting", "sending", "unknown", "failed", "held")
LONGEST_KEY = 60


def only(may: Callable[[Official], bool], work: Callable[..., Response]) -> Callable[..., Response]:
    """A page or form for those who may; for everybody else it is not there."""

    def page(house: House, request: Request, login: DeskSession, *more: Any, **words: Any) -> Response:
        if not may(official_of(login.officer)):
            return render(house, request, "not_found.html", status=404, nav=login)
        return work(house, request, login, *more, **words)

    return page


def draw(house: House, request: Request, login: DeskSession, template: str, **words: Any) -> Response:
    """One of the admin's pages; `may_administer` says whether it has buttons."""
    may = may_administer(official_of(login.officer))
    return render(house, request, template, nav=login, may_administer=may, **words)


def number_of(said: str) -> int:
    """A row's number as somebody posted it; 0 for everything that is none."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0


def overview(journal: Journal | None) -> Callable[..., Response]:
    """The front page. Without a journal (a process that keeps no messages) its part is left out."""
    in_time, of_ready = InTime(4.0), InTime(3.0)

    def page(house: House, request: Request, login: DeskSession, **words: Any) -> Response:
        done = request.query_params.get("done", "")
        found = stuck(house, journal) if journal is not None else []
        return draw(
            house,
            request,
            login,
            "admin.html",
            health=health(house, journal, in_time, of_ready),
            stuck=found,
            has_journal=journal is not None,
            done=done if done.isdigit() and len(done) < 9 else None,
            **{"problem": None, **words},
        )

    return only(may_look_on, page)


def replay(journal: Journal | None) -> Callable[..., Response]:
    """Work one kept message off again (`id`), or all that failed; never a second report."""
    front = overview(journal)

    def post(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
        key = fields.get("id", "")[:LONGEST_KEY]
        if journal is None:
            return front(house, request, login, status=409, problem="admin_no_journal")
        try:
            done = replay_some(house, journal, [key] if key else [], failed=not key)
        except LookupError:
            return front(house, request, login, status=404, problem="admin_no_message")
        by = official_of(login.officer)
        write_deed(house, by, "replayed", f"{key or 'all that failed'}: {done}")
        log.info("replay of %s by officer %s: %d", key or "all that failed", login.officer_id, done)
        return RedirectResponse(f"/desk/admin?done={done}#stuck", status_code=303)

    return only(may_administer, post)


def owed(house: House, request: Request, login: DeskSession) -> Response:
    """What stands behind a number: deliveries of a channel in a state, the oldest first."""
    asked = request.query_params
    channel, state, page = asked.get("channel", "")[:16], asked.get("state", ""), page_asked(asked.get("page", ""))
    state = state if state in STATES else "waiting"
    query = select(Delivery).where(Delivery.state == state).options(joinedload(Delivery.report))
    query = query.where(Delivery.channel == channel) if channel else query
    with house.store.read() as session:
        start = (page - 1) * PAGE_SIZE
        rows = list(session.scalars(query.order_by(Delivery.id).offset(start).limit(PAGE_SIZE + 1)))
    return draw(
        house,
        request,
        login,
        "admin_owed.html",
        rows=rows[:PAGE_SIZE],
        page=page,
        has_more=len(rows) > PAGE_SIZE,
        state=state,
        channel=channel,
        states=STATES,
        link=f"channel={quote(channel)}&state={state}",
    )
