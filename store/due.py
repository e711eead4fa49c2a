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


def _due(statuses: Collection[str], until: datetime, scope: Scope) -> list[ColumnElement[bool]]:
    is_due = or_(Report.raised > 0, Report.late_at <= until)
    return [Report.status.in_(statuses), is_due, *scope.conditions()]


def due(statuses: Collection[str], until: datetime, scope: Scope) -> Select[Report]:
    """Reports in these statuses that are late or will be by then: the latest first, then the first to be late."""
    query = select(Report).where(*_due(statuses, until, scope))
    return query.order_by(Report.raised.desc(), Report.late_at, Report.urgent.desc(), Report.id)


def count_due(session: Session, statuses: Collection[str], until: datetime, scope: Scope) -> int:
    return _count(session, _due(statuses, until, scope))


def _on_record(
    statuses: Collection[str], rung: str, ladder: Sequence[str], scope: Scope
) -> list[ColumnElement[bool]]:
    """Late reports that reached this rung; a rung that has the report itself is left out of its ladder."""
    place = ladder.index(rung)
    below = ladder[:place]
    has_reached = or_(
        and_(Report.agency_id.in_(below), Report.raised >= max(place, 1)),
        and_(Report.agency_id.not_in([*below, rung]), Report.raised >= place + 1),
    )
    return [Report.status.in_(statuses), has_reached, *scope.conditions()]


def on_record(statuses: Collection[str], rung: str, ladder: Sequence[str], scope: Scope) -> Select[Report]:
    """Late reports in these statuses that are on record for this rung of the ladder: the latest first."""
    query = select(Report).where(*_on_record(statuses, rung, ladder, scope))
    return query.order_by(Report.raised.desc(), Report.requested_at, Report.id)


def count_on_record(
    session: Session, statuses: Collection[str], rung: str, ladder: Sequence[str], scope: Scope
) -> int:
    return _count(session, _on_record(statuses, rung, ladder, scope))


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    """Asked without a column of theirs: an index that has the conditions' columns answers alone."""
    return session.scalar(select(func.count()).select_from(Report).where(*conditions)) or 0
