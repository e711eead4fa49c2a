"""What the desk, the public pages and the API ask of the store, by name."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, or_, select, text
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from normalizer.photo_hash import NEAR, bands_near, distance
from store.chain import REDACTED
from store.models import IS_DONE, PHASH_BANDS, Delivery, Message, Photo, Report, StatusUpdate
from store.officials import ApiUpdate

AnySelect = TypeVar("AnySelect", bound=Select[*tuple[Any, ...]])

NO_AGENCY = "none"  # asks for the reports that no agency has yet


def of_agency(agency_id: str) -> ColumnElement[bool]:
    """Of this agency, or of none yet (NO_AGENCY)."""
    return Report.agency_id == (None if agency_id == NO_AGENCY else agency_id)


def narrowed(
    query: AnySelect,
    agency_id: str | None,
    areas: Collection[str] | None = None,
    also: Sequence[ColumnElement[bool]] = (),
) -> AnySelect:
    """Of one agency, of none yet, or (None) of all; in these areas or (None) everywhere; and what else is said."""
    query = query if areas is None else query.where(Report.area_code.in_(areas))
    return (query if agency_id is None else query.where(of_agency(agency_id))).where(*also)


def queue(
    statuses: Collection[str],
    agency_id: str | None,
    *,
    areas: Collection[str] | None = None,
    also: Sequence[ColumnElement[bool]] = (),
    due_by: datetime | None = None,
    without: Collection[int] = (),
) -> Select[Report]:
    """Reports in these statuses, urgent first, then late ones and those due by then, then the oldest; of one
    agency, of none yet, or (None) of all; in these areas or (None) everywhere.

    `without` the surges with these ids, but for their urgent reports.
    """
    query = narrowed(select(Report).where(Report.status.in_(statuses)), agency_id, areas, also)
    if without:
        query = query.where(or_(Report.surge_id.is_(None), Report.surge_id.not_in(without), Report.urgent))
    return query.order_by(Report.urgent.desc(), *_due_first(due_by), Report.requested_at, Report.id)


def _due_first(due_by: datetime | None) -> list[ColumnElement[int]]:
    if due_by is None:
        return []
    return [case((Report.raised > 0, 0), (Report.late_at <= due_by, 1), else_=2)]


def finished(
    statuses: Collection[str],
    agency_id: str | None,
    *,
    areas: Collection[str] | None = None,
    also: Sequence[ColumnElement[bool]] = (),
) -> Select[Report]:
    """The same for work that is done (`statuses` are of IS_DONE): the last one changed first."""
    query = narrowed(select(Report).where(text(IS_DONE), Report.status.in_(statuses)), agency_id, areas, also)
    return query.order_by(Report.updated_at.desc(), Report.id.desc())


def count_statuses(
    session: Session,
    statuses: Collection[str],
    agency_id: str | None,
    areas: Collection[str] | None = None,
    also: Sequence[ColumnElement[bool]] = (),
) -> dict[str, int]:
    """How many reports stand in each of these statuses; of what `narrowed` is told."""
    query = select(Report.status, func.count()).where(Report.status.in_(statuses))
    query = narrowed(query, agency_id, areas, also)
    return dict(session.execute(query.group_by(Report.status)).all())


def report_by_code(session: Session, code: str) -> Report | None:
    return session.scalar(select(Report).where(Report.code == code))


def whole_report(session: Session, code: str) -> Report | None:
    """One report with its messages, answers, photos, history and holdings loaded."""
    parts = (Report.messages, Report.deliveries, Report.photos, Report.history, Report.holdings)
    query = select(Report).where(Report.code == code).options(*(selectinload(part) for part in parts))
    return session.scalar(query)


def public_report(session: Session, code: str) -> Report | None:
    """One report with its history and photos loaded."""
    query = select(Report).where(Report.code == code)
    return session.scalar(query.options(selectinload(Report.history), selectinload(Report.photos)))


def message_by_id(session: Session, channel: str, account: str, external_id: str) -> Message | None:
    """One message by its unique key, with its report and address."""
    query = select(Message).where(
        Message.channel == channel, Message.account == account, Message.external_id == external_id
    )
    return session.scalar(query.options(joinedload(Message.report), joinedload(Message.address)))


def beside_reports(session: Session, address_id: int, limit: int = 20) -> tuple[list[Message], list[Delivery]]:
    """What an address said and was told (or will be) that belongs to no report, the newest of each first."""
    said = select(Message).where(Message.address_id == address_id, Message.report_id.is_(None))
    told = select(Delivery).where(Delivery.address_id == address_id, Delivery.report_id.is_(None))
    return (
        list(session.scalars(said.order_by(Message.id.desc()).limit(limit))),
        list(session.scalars(told.order_by(Delivery.id.desc()).limit(limit))),
    )


def newest_of_address(session: Session, address_id: int) -> Report | None:
    """The last report that was made from an address."""
    query = select(Report).where(Report.address_id == address_id).order_by(Report.id.desc())
    return session.scalar(query.limit(1))


def photo_with_report(session: Session, photo_id: int) -> Photo | None:
    query = select(Photo).join(Photo.report).options(contains_eager(Photo.report))
    return session.scalar(query.where(Photo.id == photo_id))


def photos_like(session: Session, phash: str, *, since: datetime, limit: int = 20) -> list[Photo]:
    """Photos of the same picture (at most NEAR bits of their hashes differ) kept since then, the newest first,
    each with its report.

    Four indexes give what shares a quarter of the hash, give or take two bits; it is then compared whole.
    """
    bands = [literal_column(band).in_(near) for band, near in zip(PHASH_BANDS, bands_near(phash), strict=True)]
    query = select(Photo.id, Photo.phash).where(or_(*bands), Photo.created_at >= since)
    ids = [number for number, other in session.execute(query) if other and distance(phash, other) <= NEAR]
    rows = select(Photo).where(Photo.id.in_(sorted(ids)[-limit:])).options(selectinload(Photo.report))
    return list(session.scalars(rows.order_by(Photo.id.desc())))


def photos_of_file(session: Session, media_key: str, limit: int = 20) -> list[Photo]:
    """Photos that came as this very file, the newest first, each with its report."""
    query = select(Photo).where(Photo.media_key == media_key).options(selectinload(Photo.report))
    return list(session.scalars(query.order_by(Photo.id.desc()).limit(limit)))


def last_line(session: Session, report: Report) -> int:
    """The number of the newest line of a report's history; 0 before the first."""
    query = select(func.max(StatusUpdate.seq)).where(StatusUpdate.report_id == report.id)
    return session.scalar(query) or 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which reports a reader asks for; None everywhere asks for all. Times are aware and belong to the range.
    `visible` says which of them the reader may know of."""

    codes: Sequence[str] | None = None
    service_codes: Sequence[str] | None = None
    statuses: Collection[str] | None = None
    agency_ids: Collection[str] | None = None
    requested_from: datetime | None = None
    requested_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    visible: ColumnElement[bool] | None = None
    start: int = 0
    limit: int = 50


def wanted_reports(session: Session, wanted: Wanted) -> list[Report]:
    """The newest first, each with its history and photos loaded."""
    conditions: list[ColumnElement[bool]] = [
        column.in_(values)
        for column, values in (
            (Report.code, wanted.codes),
            (Report.service_code, wanted.service_codes),
            (Report.status, wanted.statuses),
            (Report.agency_id, wanted.agency_ids),
        )
        if values is not None
    ]
    for at, low, high in (
        (Report.requested_at, wanted.requested_from, wanted.requested_to),
        (Report.updated_at, wanted.updated_from, wanted.updated_to),
    ):
        conditions += [at >= low] if low else []
        conditions += [at <= high] if high else []
    conditions += [] if wanted.visible is None else [wanted.visible]
    query = select(Report).where(*conditions).order_by(Report.requested_at.desc(), Report.id.desc())
    query = query.options(selectinload(Report.history), selectinload(Report.photos))
    return list(session.scalars(query.offset(wanted.start).limit(wanted.limit)))


def wanted_lines(session: Session, wanted: Wanted) -> list[StatusUpdate]:
    """Lines of history, the oldest first, each with its report; `updated_*` and `codes` choose."""
    query = select(StatusUpdate).join(StatusUpdate.report).options(contains_eager(StatusUpdate.report))
    query = query.where(StatusUpdate.status != REDACTED)  # no status: words of it are deleted
    if wanted.codes is not None:
        query = query.where(Report.code.in_(wanted.codes))
    if wanted.visible is not None:
        query = query.where(wanted.visible)
    if wanted.updated_from:
        query = query.where(StatusUpdate.at >= wanted.updated_from)
    if wanted.updated_to:
        query = query.where(StatusUpdate.at <= wanted.updated_to)
    query = query.order_by(StatusUpdate.at, StatusUpdate.id).offset(wanted.start).limit(wanted.limit)
    return list(session.scalars(query))


def line_of_update(session: Session, key_name: str, update_id: str) -> StatusUpdate | None:
    """The line that an API update made, with its report; None when it was not carried out yet."""
    same_update = and_(ApiUpdate.key_name == key_name, ApiUpdate.update_id == update_id)
    query = (
        select(StatusUpdate)
        .join(ApiUpdate, ApiUpdate.status_update_id == StatusUpdate.id)
        .where(same_update)
        .options(selectinload(StatusUpdate.report))
    )
    return session.scalar(query)
