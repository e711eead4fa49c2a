"""What the desk asks of surges: which are open, how many reports lie where, a page of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from store.models import Report, Surge
from store.queries import of_agency

MOST_POINTS = 3000


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A surge as one line: how many of its reports are meant, and of those the urgent and the unread."""

    surge: Surge
    count: int
    urgent: int
    unread: int


def open_groups(session: Session, statuses: Collection[str], agency_id: str | None) -> list[Group]:
    """The open surges that have reports in these statuses, the largest first."""
    surges = {each.id: each for each in session.scalars(select(Surge).where(Surge.ended_at.is_(None)))}
    if not surges:
        return []
    urgent, unread = (func.sum(case((flag, 1), else_=0)) for flag in (Report.urgent, Report.unread))
    query = select(Report.surge_id, func.count(), urgent, unread).where(
        Report.surge_id.in_(surges), Report.status.in_(statuses)
    )
    if agency_id is not None:
        query = query.where(of_agency(agency_id))
    rows = session.execute(query.group_by(Report.surge_id).order_by(func.count().desc()))
    return [Group(surge=surges[number], count=n, urgent=hot, unread=new) for number, n, hot, new in rows]


def _of(surge: Surge, agency_id: str | None) -> Select[Report]:
    query = select(Report).where(Report.surge_id == surge.id)
    return query if agency_id is None else query.where(of_agency(agency_id))


def page_of(
    session: Session, surge: Surge, agency_id: str | None, *, last: Collection[str], start: int, limit: int
) -> list[Report]:
    """Its reports, those in the statuses `last` behind all others; the urgent, the unread, the oldest first."""
    order = (Report.status.in_(last), Report.urgent.desc(), Report.unread.desc(), Report.requested_at, Report.id)
    return list(session.scalars(_of(surge, agency_id).order_by(*order).offset(start).limit(limit)))


def count_by(session: Session, surge: Surge, agency_id: str | None, column: str) -> dict[str | None, int]:
    """How many of its reports by `area_code` or `status`, the most first."""
    value = getattr(Report, column)
    query = _of(surge, agency_id).with_only_columns(value, func.count()).group_by(value)
    return dict(session.execute(query.order_by(func.count().desc(), value)).all())


def newest_id(session: Session, surge: Surge) -> int:
    """The largest id of its reports: what comes later was not seen; 0 without any."""
    return session.scalar(select(func.max(Report.id)).where(Report.surge_id == surge.id)) or 0


def points(session: Session, surge: Surge, agency_id: str | None) -> Sequence[tuple[float, float, int]]:
    """Where its reports lie: lat, long (degrees), how many; MOST_POINTS at most."""
    query = _of(surge, agency_id).where(Report.lat.is_not(None), Report.long.is_not(None))
    spots = query.with_only_columns(Report.lat, Report.long, func.count()).group_by(Report.lat, Report.long)
    found = session.execute(spots.order_by(func.count().desc()).limit(MOST_POINTS))
    return [(float(lat or 0), float(long or 0), count) for lat, long, count in found]
