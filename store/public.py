"""What the public's lists and map ask of the store: which reports they may see, in pages, in cells, counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, selectinload

from config.pack import Pack
from store.models import Report

SPANS = (7, 30, 90, 365)  # days: the times that counts are kept for; behind the last one is all


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which reports are asked for; None asks for all. `areas` are codes; `scans` says that
    a page of them is found soonest by going through the newest of all, and not by what they are."""

    service_code: str | None = None
    statuses: Collection[str] | None = None
    areas: Collection[str] | None = None
    scans: bool = False
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Behind which report the next page begins."""

    requested_at: datetime
    id: int


def is_listed(pack: Pack, now: datetime) -> ColumnElement[bool]:
    """Whether a report is in the public's lists by now (for one at hand: desk/shown.py)."""
    waits: dict[int | None, list[str | None]] = {}
    for code in (None, *pack.services):
        said = pack.publicity(code)
        waits.setdefault(None if said.near == "hidden" else said.minutes, []).append(code)
    hidden = waits.pop(None, [])
    conditions = [
        or_(~_is_of(pack, codes), Report.requested_at <= now - timedelta(minutes=minutes))
        for minutes, codes in waits.items()
        if minutes
    ]
    longest = timedelta(minutes=max(filter(None, waits), default=0))
    is_old = Report.requested_at <= now - longest  # most are: of them nothing else is asked
    return and_(or_(is_old, and_(*conditions)), *([~_is_of(pack, hidden)] if hidden else ()))


def _is_of(pack: Pack, codes: Collection[str | None]) -> ColumnElement[bool]:
    """Of one of these services; None is whatever the pack does not know. An expression: no index is led by it."""
    service = func.coalesce(Report.service_code, "")
    known = service.in_([code for code in codes if code is not None])
    return or_(known, service.not_in(list(pack.services))) if None in codes else known


def _where(pack: Pack, chosen: Chosen, now: datetime, *, in_cells: bool = False) -> list[ColumnElement[bool]]:
    """`coalesce` keeps a planner from an index that would be the longer way."""
    conditions = [is_listed(pack, now)]
    wanted: tuple[tuple[Any, Collection[str] | None], ...] = (
        (Report.service_code, None if chosen.service_code is None else [chosen.service_code]),
        (Report.status, chosen.statuses),
        (Report.area_code, chosen.areas),
    )
    for column, values in wanted:
        if values is not None:
            by = func.coalesce(column, "") if chosen.scans or in_cells else column
            conditions.append(by.in_(values))
    if chosen.since is not None:
        conditions.append(_time(now, leads=chosen.scans or in_cells) >= chosen.since)
    return conditions


def _time(now: datetime, *, leads: bool) -> ColumnElement[datetime]:
    """When a report was made: as the column, by whose index it is found, or as an expression."""
    return func.coalesce(Report.requested_at, now) if not leads else Report.requested_at.expression


def listed(
    session: Session, pack: Pack, chosen: Chosen, now: datetime, *, after: Cursor | None = None, limit: int
) -> list[Report]:
    """A page, the newest first, each report with its photos loaded."""
    query = select(Report).where(*_where(pack, chosen, now))
    if after is not None:
        at = _time(now, leads=chosen.scans)
        query = query.where(at <= after.requested_at, or_(at < after.requested_at, Report.id < after.id))
    query = query.order_by(Report.requested_at.desc(), Report.id.desc()).limit(limit)
    return list(session.scalars(query.options(selectinload(Report.photos))))


# --- the map ------------------------------------------------------------------------------------------------


def _in_span(columns: Sequence[Any], pack: Pack, chosen: Chosen, now: datetime) -> Select[Any]:
    return select(*columns).where(*_where(pack, chosen, now, in_cells=True))


def count_in_cells(
    session: Session, pack: Pack, chosen: Chosen, now: datetime, spans: Sequence[tuple[int, int]]
) -> list[tuple[int, str | None, int]]:
    """How many reports by cell and service in these ranges of cells; one index has all that is read."""
    query = _in_span((Report.cell, Report.service_code, func.count()), pack, chosen, now)
    query = query.group_by(Report.cell, Report.service_code)
    return [
        (cell, service, count)
        for span in spans
        for cell, service, count in session.execute(query.where(Report.cell.between(*span)))
    ]


def ids_in_cells(
    session: Session, pack: Pack, chosen: Chosen, now: datetime, spans: Sequence[tuple[int, int]], limit: int
) -> list[tuple[int, int, str | None]]:
    """Id, cell and service of the reports in these ranges of cells, at most `limit` of each range."""
    query = _in_span((Report.id, Report.cell, Report.service_code), pack, chosen, now).limit(limit)
    return [tuple(row) for span in spans for row in session.execute(query.where(Report.cell.between(*span)))]


def by_ids(session: Session, ids: Collection[int]) -> list[Report]:
    return list(session.scalars(select(Report).where(Report.id.in_(ids)).order_by(Report.requested_at.desc())))


# --- counts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """So many reports of one area, service and group of statuses whose age is within SPANS[span] days, and in no
    shorter one (len(SPANS): older); `is_placed` where their point is of their own."""

    area_code: str | None
    service_code: str | None
    group: int
    span: int
    is_placed: bool
    count: int


def count_all(
    session: Session, pack: Pack, now: datetime, groups: Sequence[Collection[str]], middles: Collection[int]
) -> list[Count]:
    """All listed reports, counted in one pass over one index. `middles` are cells that stand for a whole area."""
    group = case(*((Report.status.in_(list(statuses)), number) for number, statuses in enumerate(groups)), else_=0)
    ages = ((Report.requested_at >= now - timedelta(days=days), place) for place, days in enumerate(SPANS))
    span = case(*ages, else_=len(SPANS))
    is_placed = case((or_(Report.cell.is_(None), Report.cell.in_(list(middles))), 0), else_=1)
    columns = (Report.area_code, Report.service_code, group.label("g"), span.label("s"), is_placed.label("p"))
    query = select(*columns, func.count()).where(is_listed(pack, now)).group_by(*columns[:2], "g", "s", "p")
    return [
        Count(area_code=area, service_code=service, group=g, span=s, is_placed=bool(p), count=count)
        for area, service, g, s, p, count in session.execute(query)
    ]
