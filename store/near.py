"""Finds reports near a place and time through one index, however many reports there are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, object_session

from store.models import Photo, Report

MOST_NEAR = 200  # rows that are looked at closer, the newest first


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Which reports may be of the same problem: in these cells, of these services, told between these times; in
    one of the `open_ones`, or in one of `finished` and changed since `finished_since`. `address` is how theirs
    must begin, where only words say the place."""

    cells: Collection[int]
    address: str | None = None
    services: Collection[str]
    since: datetime
    until: datetime
    open_ones: Collection[str]
    finished: Collection[str]
    finished_since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NearRow:
    """What a first look at a report needs; its words are read later, of the few that are left."""

    id: int
    lat: float | None
    long: float | None
    address_string: str | None
    area_code: str | None
    sources: dict[str, Any]


def reports_near(session: Session, near: Near, *, but: int) -> list[NearRow]:
    """The newest MOST_NEAR of them without the report `but`. The index gives cells and times: nothing is scanned.

    Deleted people's reports have no cell, and are not found.
    """
    columns = [getattr(Report, each.name) for each in fields(NearRow)]
    begins = [Report.address_string.istartswith(near.address, autoescape=True)] if near.address else []
    query = select(*columns).where(
        *begins,
        Report.cell.in_(near.cells),
        Report.requested_at.between(near.since, near.until),
        _plain(Report.service_code).in_(near.services),
        _alive(near),
        Report.id != but,
    )
    rows = session.execute(query.order_by(Report.requested_at.desc()).limit(MOST_NEAR)).mappings()
    return [NearRow(**row) for row in rows]


def _alive(near: Near) -> ColumnElement[bool]:
    lately = and_(_plain(Report.status).in_(near.finished), Report.updated_at >= near.finished_since)
    return or_(_plain(Report.status).in_(near.open_ones), lately)


def _plain(column: Any) -> ColumnElement[str]:
    """A column as an expression: no index of services or statuses leads away from the one of cells."""
    return func.coalesce(column, "")


def living(session: Session, near: Near, ids: Collection[int]) -> list[Report]:
    """Those of these reports that are of the services, and open or finished lately, wherever they are."""
    query = select(Report).where(Report.id.in_(ids), Report.service_code.in_(near.services), _alive(near))
    return list(session.scalars(query)) if ids else []


def photos_of(session: Session, report_id: int) -> list[Photo]:
    """A report's pictures of its problem: what officials sent to show that it is gone is none."""
    query = select(Photo).where(Photo.report_id == report_id, Photo.state == "kept", Photo.is_after.is_(False))
    return list(session.scalars(query.order_by(Photo.id)))


# Built once: they are asked for each report with a picture.
_PICTURES = select(Photo.media_key, Photo.phash).where(
    Photo.report_id == bindparam("report"), Photo.state == "kept", Photo.is_after.is_(False)
)
_PICTURES_AROUND = (
    select(Photo.media_key, Photo.phash)
    .join(Report, Photo.report_id == Report.id)
    .where(
        or_(Report.area_code == bindparam("area"), Report.cell.in_(bindparam("cells", expanding=True))),
        _plain(Report.service_code) == bindparam("service"),
        Report.requested_at.between(bindparam("since"), bindparam("until")),
        _plain(Report.status).in_(bindparam("statuses", expanding=True)),
        Report.id != bindparam("report"),
        Photo.is_after.is_(False),
    )
)


def pictures_of(session: Session, report: Report) -> list[Row[tuple[str | None, str | None]]]:
    """`media_key` and `phash` of a report's pictures of its problem."""
    return list(session.execute(_PICTURES, {"report": report.id}))


def pictures_around(session: Session, near: Near, report: Report) -> list[Row[tuple[str | None, str | None]]]:
    """The same of the pictures of open reports of this one's service, in its area or its cells."""
    asked = {
        "report": report.id,
        "area": report.area_code,
        "cells": list(near.cells),
        "service": report.service_code,
        "since": near.since,
        "until": near.until,
        "statuses": list(near.open_ones),
    }
    return list(session.execute(_PICTURES_AROUND, asked))


def same_files(session: Session, media_key: str, *, since: datetime, limit: int = 20) -> list[Photo]:
    """Photos whose file is the very same, kept since then, the newest first."""
    query = select(Photo).where(Photo.media_key == media_key, Photo.created_at >= since)
    return list(session.scalars(query.order_by(Photo.id.desc()).limit(limit)))


# --- what is joined -----------------------------------------------------------------------------------------


def lead_of(report: Report) -> Report:
    """The report that this one's state is read from: the one it was joined to, or itself."""
    session = object_session(report) if report.parent_id is not None else None
    lead = session.get(Report, report.parent_id) if session is not None else None
    return lead or report


def joined_to(session: Session, report_id: int) -> list[Report]:
    """The reports that were joined to this one, the oldest first."""
    return list(session.scalars(select(Report).where(Report.parent_id == report_id).order_by(Report.id)))


def count_joined(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """How many reports were joined to each of these; those without are not there."""
    query = select(Report.parent_id, func.count()).where(Report.parent_id.in_(ids)).group_by(Report.parent_id)
    return {parent: count for parent, count in session.execute(query) if parent is not None} if ids else {}
