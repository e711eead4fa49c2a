"""What the public's lists and map ask of the store: which reports they may see, in pages, in cells, counted."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Join,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, load_only, selectinload

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
    session: Session,
    pack: Pack,
    chosen: Chosen,
    now: datetime,
    *,
    after: Cursor | None = None,
    limit: int,
    only: Sequence[Any] = (),
) -> list[Report]:
    """A page, the newest first, each report with its photos loaded; or with these columns of it alone."""
    query = select(Report).where(*_where(pack, chosen, now))
    if after is not None:
        at = _time(now, leads=chosen.scans)
        query = query.where(at <= after.requested_at, or_(at < after.requested_at, Report.id < after.id))
    query = query.order_by(Report.requested_at.desc(), Report.id.desc()).limit(limit)
    parts = load_only(*only, raiseload=True) if only else selectinload(Report.photos)
    return list(session.scalars(query.options(parts)))


# --- the map ------------------------------------------------------------------------------------------------


Spans = Sequence[tuple[int, int]]  # ranges of cells, the first and the last one of each
Seen = tuple[str, str | None, int, str, datetime]  # code, service, cell, status, time


def count_in_cells(
    session: Session, pack: Pack, chosen: Chosen, now: datetime, spans: Spans
) -> list[tuple[int, str | None, int]]:
    """How many reports by cell and service in these ranges of cells; one index has all that is read."""
    by = (Report.cell, Report.service_code)
    query = _in_spans(session, (*by, func.count()), spans).where(*_where(pack, chosen, now, in_cells=True))
    return [tuple(row) for row in session.execute(query.group_by(*by).order_by(*by))]


def seen_in_cells(
    session: Session, pack: Pack, chosen: Chosen, now: datetime, cells: Collection[int]
) -> list[Seen]:
    """What is drawn of each report in these cells, the newest first."""
    columns = (Report.code, Report.service_code, Report.cell, Report.status, Report.requested_at)
    query = _in_spans(session, columns, [(cell, cell) for cell in cells])
    query = query.where(*_where(pack, chosen, now, in_cells=True)).order_by(Report.requested_at.desc())
    return [tuple(row) for row in session.execute(query)]


class _InTurn(Join):
    """A join whose left side is gone through first: SQLite's planner would go through all reports."""

    inherit_cache = True


@compiles(_InTurn)
def _in_turn(join: _InTurn, compiler: Any, **said: Any) -> str:
    left, right = (compiler.process(side, **{**said, "asfrom": True}) for side in (join.left, join.right))
    return f"{left} CROSS JOIN {right}"


def _in_spans(session: Session, columns: Sequence[Any], spans: Spans) -> Select[Any]:
    """These columns of the reports in these ranges: one statement, however many they are."""
    first: ColumnElement[int]
    last: ColumnElement[int]
    if session.get_bind().dialect.name == "sqlite":
        each = func.json_each(json.dumps(spans)).table_valued("value", name="spans")
        first, last = (func.json_extract(each.c.value, f"$[{place}]") for place in (0, 1))
    else:
        ends = (literal([span[place] for span in spans], ARRAY(BigInteger)) for place in (0, 1))
        each = func.unnest(*ends).table_valued("first", "last", name="spans").render_derived()
        first, last = each.c.first, each.c.last
    query = select(*columns).select_from(_InTurn(each, Report.__table__, true()))
    return query.where(Report.cell.between(first, last))


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
