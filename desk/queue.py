"""The queue: what waits for my agency, what is in work, waits for somebody else, is done, or is looked for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from config.pack import Pack
from desk import doors
from desk.board import CARDS, Column, group_of, presses
from desk.due import due_words, soon
from desk.live import mark_of
from desk.many import MANY_MOVES, problem_of_many, said_of_many
from desk.pages import agency_names, language_of, render, service_names, texts
from desk.public import bounds, tiles, with_tiles
from desk.rights import CHANGES, may_audit, may_rule, may_take_along, official_of, sees_all
from desk.surge import surge_name
from desk.undo import undo_of
from desk.view import BOARD, DUE, FOUND, GROUPS, ON_RECORD, TABS, View, filters, view_of
from desk.views import views_of
from desk.wire import typed_code
from normalizer.search_words import agency_word
from router.house import House
from router.rules import count_offers
from router.status import MOVES, OPEN
from store import counts, queries
from store.due import Scope, count_due, count_on_record, due, on_record
from store.models import Report
from store.near import count_joined
from store.officials import DeskSession, names_of
from store.search import newest
from store.surges import Group, open_groups

PAGE_SIZE = 30
LATELY = timedelta(days=30)


def front(house: House, request: Request) -> Response:
    """/desk: the log-in, or my queue."""
    login = doors.current(house, request)
    if login is None:
        said = request.query_params.get("said")
        return doors.log_in_page(house, request, said=said if said in doors.SAID else None)
    return doors.within(house, queue_page, request, login)


def queue_page(house: House, request: Request, login: DeskSession) -> Response:
    official, passed = official_of(login.officer), typed_code(request.query_params.get("passed", ""))
    many = said_of_many(request)
    page = render(
        house,
        request,
        "queue.html",
        nav=login,
        agencies=agency_names(house.pack),
        may_choose_agency=sees_all(official) or official.area_code is not None,
        services=service_names(house.pack, language_of(request)),
        passed_on=passed,
        undo=undo_of(house, login, passed, *(many.done if many else ())),
        undone=request.query_params.get("undone"),
        too_late=request.query_params.get("late"),
        many_said=many,
        problem=problem_of_many(request),
        views=views_of(house, login),
        guesses=_guesses(house),
        offers=_count_offers(house) if may_rule(official) else 0,
        may_rule=may_rule(official),
        may_audit=may_audit(official),
        live=mark_of(house.now()),
        **_map_words(house),
        may_take_along=may_take_along(official),
        **_rows(house, request, login),
    )
    return with_tiles(house, page)


def _map_words(house: House) -> dict[str, Any]:
    return {"statuses_all": tuple(MOVES), "bounds": bounds(house, None), **tiles(house)}


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
    return render(house, request, "queue_part.html", **_rows(house, request, login))


def _rows(house: House, request: Request, login: DeskSession) -> dict[str, Any]:
    now, official = house.now(), official_of(login.officer)
    view, until = view_of(official, request.query_params, house.pack, login.officer_id), soon(house.pack, now)
    with house.store.read() as session:
        surges = _surges(session, view)
        apart = [each.surge.id for each in surges]
        groups, columns = _count(session, house.pack, view, until), _board(session, house.pack, view, until, apart)
        reports = ask(session, house.pack, view, until, apart) if view.look != BOARD else []
        shown = [*reports, *(each for column in columns for each in column.reports)]
        joined = count_joined(session, [each.id for each in shown])
        takers = names_of(session, {each.officer_id for each in shown if each.officer_id})
    said, has_ticks = texts(language_of(request)), view.group != "done" and view.look != BOARD
    return {
        "view": view,
        **filters(view, house.pack),
        "groups": groups,
        "statuses": replace(view, status=None).statuses,
        "surges": surges if view.page == 1 else [],
        "surge_name": partial(surge_name, house.pack, language_of(request)),
        "reports": reports[:PAGE_SIZE],
        "columns": columns,
        "presses": partial(presses, official),
        "csrf": login.csrf_token,
        "joined": joined,
        "takers": takers,
        "me": login.officer_id,
        "has_more": len(reports) > PAGE_SIZE,
        "many_moves": MANY_MOVES if official.role in CHANGES and has_ticks else (),
        "shows_agency": (sees_all(official) or view.areas is not None) and view.agency_id is None,
        "due": lambda report: due_words(report, house.pack, said, now, until),
    }


def _surges(session: Session, view: View) -> list[Group]:
    """The surges that stand as one line; who rules an area, or looks for something, reads reports one by one."""
    if view.group not in GROUPS or view.group == "done" or view.areas is not None or view.is_narrow:
        return []
    return open_groups(session, view.statuses, view.agency_id)


def _count(session: Session, pack: Pack, view: View, until: datetime) -> dict[str, int | None]:
    """How many reports each group has, with what narrows the view; beside what is found nothing is counted, and
    what is done only grows."""
    if view.group == FOUND:
        return {name: None for name in TABS if name != ON_RECORD or view.rung}
    scope = _scope(pack, view)
    of_status = queries.count_statuses(session, OPEN, view.agency_id, view.within(pack), view.conditions())
    groups: dict[str, int | None] = {
        name: sum(of_status.get(each, 0) for each in these) for name, these in TABS.items()
    }
    groups["done"] = None
    groups[DUE] = count_due(session, TABS[DUE], until, scope)
    if view.rung is None:
        groups.pop(ON_RECORD)
    else:
        groups[ON_RECORD] = count_on_record(session, TABS[ON_RECORD], view.rung, pack.promise["ladder"], scope)
    return groups


def _board(session: Session, pack: Pack, view: View, until: datetime, apart: Sequence[int]) -> list[Column]:
    """What stands in each status; nothing where the queue is no board."""
    if view.look != BOARD:
        return []
    columns = []
    for status in view.statuses:
        group = view.group if view.q else group_of(status)
        part = replace(view, group=group, status=status, page=1)
        found = ask(session, pack, part, until, apart, CARDS)
        columns.append(Column(status=status, group=group, reports=found[:CARDS], has_more=len(found) > CARDS))
    return columns


def _scope(pack: Pack, view: View) -> Scope:
    """Every agency by its name where all are meant: so the index of agency and status leads to what is open."""
    agencies = [view.agency_id] if view.agency_id else list(pack.agencies)
    return Scope(agency_ids=agencies, areas=view.within(pack), also=view.conditions())


def ask(
    session: Session, pack: Pack, view: View, until: datetime, apart: Sequence[int] = (), size: int = PAGE_SIZE
) -> list[Report]:
    """One page of the view's reports, and one more where there are more; surges `apart` are lines of their own."""
    start = (view.page - 1) * size
    return in_order(session, ids_of(session, pack, view, until, apart, start=start, count=size + 1))


def in_order(session: Session, ids: Sequence[int]) -> list[Report]:
    """The reports of these ids, in their order."""
    reports = {report.id: report for report in session.scalars(select(Report).where(Report.id.in_(ids)))}
    return [reports[number] for number in ids]


def ids_of(
    session: Session,
    pack: Pack,
    view: View,
    until: datetime,
    apart: Sequence[int] = (),
    *,
    start: int = 0,
    count: int,
) -> list[int]:
    """The view's reports in the queue's order, `count` of them behind the first `start`: their ids alone, which
    stand in the indexes; rows are read of the page only. Surges `apart` are lines of their own."""
    if view.group == FOUND:
        return _found(session, pack, view, start, count)
    query = _query(pack, view, until, apart).with_only_columns(Report.id)
    return list(session.scalars(query.offset(start).limit(count)))


def _query(pack: Pack, view: View, until: datetime, apart: Sequence[int]) -> Select[Report]:
    if view.group == DUE:
        return due(view.statuses, until, _scope(pack, view))
    if view.group == ON_RECORD and view.rung is not None:
        return on_record(view.statuses, view.rung, pack.promise["ladder"], _scope(pack, view))
    narrow: dict[str, Any] = {"areas": view.within(pack), "also": view.conditions()}
    if view.group == "done":
        return queries.finished(view.statuses, view.agency_id, **narrow)
    due_by = until if view.group in {"new", "work"} else None  # what waits for its reporter has time
    return queries.queue(view.statuses, view.agency_id, due_by=due_by, without=apart, **narrow)


def _found(session: Session, pack: Pack, view: View, start: int, count: int) -> list[int]:
    """What has the words, of what they may see, in whatever status."""
    query = queries.narrowed(select(Report), view.agency_id, view.within(pack), view.conditions())
    query = query.where(Report.status == view.status) if view.status else query
    is_one = view.agency_id not in {None, queries.NO_AGENCY}
    exactly = agency_word(view.agency_id) if view.agency_id and is_one else None
    return newest(session, query, view.words, exactly, start=start, count=count)
