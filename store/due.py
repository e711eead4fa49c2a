"""What the desk shows first: reports whose promise ends soon or is over, and late ones that are on record."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from store.models import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Whose reports are asked for: of these agencies, in these areas; None is all. `also` says what else."""

    agency_ids: Collection[str] | None = None
    areas: Collection[str] | None = None
    also: Sequence[ColumnElement[bool]] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        chosen = ((Report.agency_id, self.agency_ids), (Report.area_code, self.areas))
        return [*(column.in_(values) for column, values in chosen if values is not None), *self.also]


def _due(statuses: Collection[str], until: datetime, scope: Scope) -> Select[Report]:
    is_due = or_(Report.raised > 0, Report.late_at <= until)
    return select(Report).where(Report.status.in_(statuses), is_due, *scope.conditions())


def due(
    session: Session, statuses: Collection[str], until: datetime, scope: Scope, *, start: int, limit: int
) -> list[Report]:
    """Reports in these statuses that are late or will be by then: the latest first, then the first to be late."""
    query = _due(statuses, until, scope)
    query = query.order_by(Report.raised.desc(), Report.late_at, Report.urgent.desc(), Report.id)
    return list(session.scalars(query.offset(start).limit(limit)))


def count_due(session: Session, statuses: Collection[str], until: datetime, scope: Scope) -> int:
    return _count(session, _due(statuses, until, scope))


def _on_record(statuses: Collection[str], rung: str, ladder: Sequence[str], scope: Scope) -> Select[Report]:
    """Late reports that reached this rung; a rung that has the report itself is left out of its ladder."""
    place = ladder.index(rung)
    below = ladder[:place]
    has_reached = or_(
        and_(Report.agency_id.in_(below), Report.raised >= max(place, 1)),
        and_(Report.agency_id.not_in([*below, rung]), Report.raised >= place + 1),
    )
    return select(Report).where(Report.status.in_(statuses), has_reached, *scope.conditions())


def on_record(
    session: Session,
    statuses: Collection[str],
    rung: str,
    ladder: Sequence[str],
    scope: Scope,
    *,
    start: int,
    limit: int,
) -> list[Report]:
    """Late reports in these statuses that are on record for this rung of the ladder: the latest first."""
    query = _on_record(statuses, rung, ladder, scope).order_by(
        Report.raised.desc(), Report.requested_at, Report.id
    )
    return list(session.scalars(query.offset(start).limit(limit)))


def count_on_record(
    session: Session, statuses: Collection[str], rung: str, ladder: Sequence[str], scope: Scope
) -> int:
    return _count(session, _on_record(statuses, rung, ladder, scope))


def _count(session: Session, query: Select[Report]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
