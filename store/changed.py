"""Which reports changed lately, and who had them until then: read through one index, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Holding, Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Whose a report is, and where it lies: all that the rights ask of it."""

    agency_id: str | None
    area_code: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """One report that changed; `before` is whose it was, where this change took it away from them."""

    id: int
    code: str
    agency_id: str | None
    area_code: str | None
    updated_at: datetime
    before: Place | None = None


def changed_since(session: Session, since: datetime, *, limit: int) -> list[Changed]:
    """At most `limit` reports whose `updated_at` is later, the newest first."""
    columns = (Report.id, Report.code, Report.agency_id, Report.area_code, Report.updated_at)
    query = select(*columns).where(Report.updated_at > since).order_by(Report.updated_at.desc()).limit(limit)
    rows = session.execute(query).all()
    lost = _lost(session, [row.id for row in rows])
    return [Changed(**row._mapping, before=lost.get(row.id)) for row in rows]


def _lost(session: Session, ids: Sequence[int]) -> dict[int, Place]:
    """The agency that each of these reports was taken from by its newest change."""
    if not ids:
        return {}
    query = select(Report.id, Holding.agency_id, Report.area_code).join(Holding, Holding.report_id == Report.id)
    query = query.where(Report.id.in_(ids), Holding.until == Report.updated_at)
    return {number: Place(agency_id=agency, area_code=area) for number, agency, area in session.execute(query)}
