"""A month's report card counted in the database: how each agency dealt with the reports that it held."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, func, not_, or_, select
from sqlalchemy.orm import Session, contains_eager

from store.models import Holding, Report
from store.officials import CardAnswer

Column = Literal["agency_id", "service_code", "area_code"]
Kind = Literal["late", "unanswered", "reopened", "flags", "stars"]
KINDS: tuple[Kind, ...] = ("late", "unanswered", "reopened", "flags", "stars")
LOW_STARS = 2  # and fewer: a report that pulls the rating down


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """The holdings that began in it are a month's card; `now` decides what is late. All times are aware."""

    since: datetime
    before: datetime
    now: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One line of the card: of an agency, or of its share in one service or area.

    `acted_*` and `resolved_*` are working seconds on the holder's own clock, None where nothing was measured.
    `finished` were resolved at least once, `reopened` are those of them that came back, `flagged` those whose
    after-photo is doubted, `explained` the doubted ones that the agency explained. `stars` is the mean of `rated`.
    """

    agency_id: str | None = None
    service_code: str | None = None
    area_code: str | None = None
    reports: int
    late: int
    unanswered: int
    acted_median: int | None
    acted_p90: int | None
    resolved_median: int | None
    resolved_p90: int | None
    finished: int
    reopened: int
    flagged: int
    explained: int
    rated: int
    stars: float | None
    passed_on: int

    @property
    def on_time(self) -> int:
        return self.reports - self.late

    @property
    def doubted(self) -> int:
        """Flagged and not explained."""
        return self.flagged - self.explained


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A report behind a figure: `agency_id` is who has it now."""

    code: str
    agency_id: str | None
    service_code: str | None
    area_code: str | None
    since: datetime
    explanation: str | None
    stars: int | None


def counts() -> ColumnElement[bool]:
    """Which holdings count: not what was joined to another report (that one counts), nor what its reporter
    took back before anybody acted."""
    joined = exists().where(Report.id == Holding.report_id, Report.status == "duplicate").correlate(Holding)
    return and_(
        Holding.state != "duplicate",
        not_(and_(Holding.state == "closed", Holding.acted_worked.is_(None), Holding.resolved_worked.is_(None))),
        not_(and_(Holding.state == "passed_on", joined)),  # joined later, in another agency's hands
    )


def _is(kind: Kind, now: datetime) -> ColumnElement[bool]:
    """What makes a holding one of a kind."""
    over = and_(Holding.until.is_(None), Holding.due_at < now)
    late = or_(Holding.was_late, over)
    conditions: dict[Kind, ColumnElement[bool]] = {
        "late": late,
        "unanswered": and_(Holding.until.is_(None), Holding.acted_worked.is_(None), late),
        "reopened": Holding.reopened > 0,
        "flags": and_(Holding.flags.is_not(None), cast(Holding.flags, String) != "[]"),
        "stars": Holding.stars <= LOW_STARS,
    }
    return conditions[kind]


def _of(month: Month, agency_id: str | None, without: Collection[str]) -> list[ColumnElement[bool]]:
    chosen = [Holding.since >= month.since, Holding.since < month.before, counts()]
    if without:
        chosen.append(Holding.agency_id.not_in(without))
    return chosen if agency_id is None else [*chosen, Holding.agency_id == agency_id]


def cards(
    session: Session,
    month: Month,
    by: Sequence[Column] = ("agency_id",),
    agency_id: str | None = None,
    *,
    area_letters: int | None = None,
    without: Collection[str] = (),
) -> list[Card]:
    """A month's card with one line for each of `by`; of one agency or (None) of all but these. One statement.

    With `area_letters` the areas are those whose codes have so many letters: a kecamatan, a kota.
    """
    held = _held(month, by, _of(month, agency_id, without), area_letters).subquery()
    groups = [held.c[name] for name in by]
    query = select(
        *groups,
        func.count().label("reports"),
        *(func.sum(held.c[name]).label(name) for name in ("late", "unanswered", "reopened", "passed_on")),
        *(func.sum(held.c[name]).label(name) for name in ("finished", "flagged", "explained")),
        func.count(held.c.stars).label("rated"),
        func.avg(held.c.stars).label("stars"),
        *(_rank(held, name, label, tenths) for name in MEASURED for label, tenths in RANKS.items()),
    )
    return [_card(row._mapping) for row in session.execute(query.group_by(*groups).order_by(*groups))]


MEASURED = ("acted", "resolved")
RANKS = {"median": 5, "p90": 9}  # the nearest rank, in tenths


def _held(
    month: Month, by: Sequence[Column], which: Sequence[ColumnElement[bool]], area_letters: int | None
) -> Select[Any]:
    """The holdings that count, one row each, with their rank among their group's."""
    groups: list[ColumnElement[Any]] = [getattr(Holding, name) for name in by]
    if area_letters is not None and "area_code" in by:
        groups[by.index("area_code")] = func.substr(Holding.area_code, 1, area_letters).label("area_code")
    flagged = _is("flags", month.now)
    is_true: dict[str, ColumnElement[bool]] = {
        "late": _is("late", month.now),
        "unanswered": _is("unanswered", month.now),
        "reopened": _is("reopened", month.now),
        "passed_on": Holding.state == "passed_on",
        "finished": or_(Holding.resolved_worked.is_not(None), Holding.reopened > 0),
        "flagged": flagged,
        "explained": and_(flagged, func.coalesce(Holding.explanation, "") != ""),
    }
    return select(
        *groups,
        Holding.stars,
        *(_one(condition).label(name) for name, condition in is_true.items()),
        *(column for name in MEASURED for column in _ranked(name, groups)),
    ).where(*which)


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _ranked(name: str, groups: list[Any]) -> tuple[ColumnElement[Any], ...]:
    worked = getattr(Holding, f"{name}_worked")
    order = worked.asc().nulls_last()
    return (
        worked,
        func.row_number().over(partition_by=groups, order_by=order).label(f"{name}_rank"),
        func.count(worked).over(partition_by=groups).label(f"{name}_count"),
    )


def _rank(held: Any, name: str, label: str, tenths: int) -> ColumnElement[Any]:
    """The smallest value that so many tenths of a group do not exceed."""
    reached = held.c[f"{name}_rank"] * 10 >= held.c[f"{name}_count"] * tenths
    return func.min(held.c[f"{name}_worked"]).filter(reached).label(f"{name}_{label}")


def _card(row: Any) -> Card:
    stars = None if row["stars"] is None else float(row["stars"])
    return Card(**{**row, "stars": stars})


def named(
    session: Session,
    month: Month,
    agency_id: str | None,
    kind: Kind,
    chosen: Mapping[Column, str | None] = MappingProxyType({}),
    *,
    without: Collection[str] = (),
    start: int = 0,
    limit: int = 100,
) -> list[Named]:
    """The reports behind one figure of an agency's card, or (None) of all agencies' but these, the oldest first;
    only those of the `chosen` service or area (None: without one)."""
    query = select(Holding).join(Holding.report).options(contains_eager(Holding.report))
    query = query.where(*_of(month, agency_id, without), _is(kind, month.now))
    query = query.where(*(getattr(Holding, name) == value for name, value in chosen.items()))
    query = query.order_by(Holding.since, Holding.id).offset(start).limit(limit)
    return [_named(holding) for holding in session.scalars(query)]


def _named(holding: Holding) -> Named:
    return Named(
        code=holding.report.code,
        agency_id=holding.report.agency_id,
        service_code=holding.service_code,
        area_code=holding.area_code,
        since=holding.since,
        explanation=holding.explanation,
        stars=holding.stars,
    )


def first_held(session: Session) -> datetime | None:
    """When the first holding of all began: no card is older."""
    return session.scalar(select(func.min(Holding.since)))


def answers(session: Session, month: str, agency_id: str | None = None) -> dict[str, CardAnswer]:
    """What agencies say to their card of a month (`2026-11`), by agency: the newest of each."""
    query = select(CardAnswer).where(CardAnswer.month == month).order_by(CardAnswer.id)
    if agency_id is not None:
        query = query.where(CardAnswer.agency_id == agency_id)
    return {answer.agency_id: answer for answer in session.scalars(query)}
