"""Who of the public wants to hear of an area, and what happened there that they may hear."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from config.pack import Pack
from store.models import Delivery, Report, StatusUpdate, Subscription
from store.work import UNFINISHED

KEPT = timedelta(days=30)  # what was sent to a subscriber is known for so long
LONG_AGO = datetime.min.replace(tzinfo=UTC)
SOLVED = ("resolved", "closed")


def next_look(*kinds: str) -> Select[Any]:
    """When the clock has something to do for these subscriptions."""
    return select(func.min(Subscription.next_at)).where(Subscription.kind.in_(kinds))


def subscriptions_by_id(session: Session, ids: Collection[int]) -> dict[int, Subscription]:
    if not ids:
        return {}
    return {each.id: each for each in session.scalars(select(Subscription).where(Subscription.id.in_(ids)))}


def of_mailbox(session: Session, lookups: Collection[str], *, held: bool = False) -> list[Subscription]:
    """All subscriptions of the mailboxes with these hashes."""
    query = select(Subscription).where(Subscription.lookup.in_(lookups)).order_by(Subscription.id)
    return list(session.scalars(query.with_for_update() if held else query))


def since_forgotten(session: Session, forgotten: Mapping[str, datetime]) -> list[int]:
    """The subscriptions of mailboxes that were forgotten, or ended theirs, after they were made."""
    query = select(Subscription.id, Subscription.lookup, Subscription.created_at)
    rows = session.execute(query.where(Subscription.lookup.is_not(None)))
    return [number for number, lookup, made in rows if lookup and made <= forgotten.get(lookup, LONG_AGO)]


def due_mailboxes(session: Session, kind: str, now: datetime, limit: int) -> list[str]:
    """The hashes of mailboxes (or chats) whose digest is due, those of one area together."""
    query = select(Subscription.lookup).where(*_is_due(kind, now), Subscription.confirmed_at.is_not(None))
    query = query.group_by(Subscription.lookup).order_by(func.min(Subscription.area_code)).limit(limit)
    return [each for each in session.scalars(query) if each is not None]


def due_of(
    session: Session, lookups: Collection[str], now: datetime, *, held: bool = False
) -> dict[str, list[Subscription]]:
    """What is due of these mailboxes or chats; `held`: for this transaction alone."""
    query = select(Subscription).where(Subscription.lookup.in_(lookups), Subscription.next_at <= now)
    query = query.where(Subscription.confirmed_at.is_not(None)).order_by(Subscription.id)
    found: dict[str, list[Subscription]] = {}
    for each in session.scalars(query.with_for_update() if held else query):
        found.setdefault(each.lookup or "", []).append(each)
    return found


def last_owed(session: Session, channel: str) -> datetime | None:
    """When the last of what subscribers are owed on a channel is due, if any of it was not tried yet."""
    query = select(func.max(Delivery.next_attempt_at)).where(
        Delivery.subscription_id.is_not(None), Delivery.channel == channel, Delivery.state == "waiting"
    )
    return session.scalar(query)


def put_off(session: Session, kind: str, now: datetime, until: datetime) -> None:
    """Look at what is due later."""
    late = update(Subscription).where(*_is_due(kind, now), Subscription.confirmed_at.is_not(None))
    session.execute(late.values(next_at=until).execution_options(synchronize_session=False))


def unconfirmed(session: Session, kind: str, now: datetime, limit: int) -> list[int]:
    """Those whose time to be confirmed is over."""
    query = select(Subscription.id).where(*_is_due(kind, now), Subscription.confirmed_at.is_(None))
    return list(session.scalars(query.order_by(Subscription.id).limit(limit)))


def _is_due(kind: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Subscription.kind == kind, Subscription.next_at <= now


def hooks_of(session: Session, owner: str) -> list[Subscription]:
    query = select(Subscription).where(Subscription.owner == owner).order_by(Subscription.id)
    return list(session.scalars(query))


def due_hooks(session: Session, now: datetime, *, held: bool = False) -> list[Subscription]:
    """The webhooks that a round tells."""
    query = select(Subscription).where(*_is_due("webhook", now), Subscription.confirmed_at.is_not(None))
    query = query.order_by(Subscription.id)
    return list(session.scalars(query.with_for_update() if held else query))


def drop(session: Session, ids: Sequence[int]) -> int:
    """Delete subscriptions with all that they were or are owed; how many."""
    session.execute(delete(Delivery).where(Delivery.subscription_id.in_(ids)))
    return int(session.execute(delete(Subscription).where(Subscription.id.in_(ids))).rowcount)  # type: ignore[attr-defined]


def drop_old(session: Session, ids: Sequence[int], now: datetime) -> None:
    """Delete what these were sent long ago."""
    old = delete(Delivery).where(Delivery.subscription_id.in_(ids), Delivery.created_at < now - KEPT)
    old = old.where(Delivery.state.not_in(UNFINISHED))
    session.execute(old.execution_options(synchronize_session=False))


def withdraw(session: Session, subscription_id: int, now: datetime) -> None:
    """Take back what one is owed and was not sent."""
    waits = update(Delivery).where(
        Delivery.subscription_id == subscription_id, Delivery.state.in_(("waiting", "unknown"))
    )
    said = {"state": "withdrawn", "last_error": "the subscription ended", "lease_until": None, "updated_at": now}
    session.execute(waits.values(**said).execution_options(synchronize_session=False))


# --- what happened ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A report that the public learned of, or of whose end or change it did, at a moment. `is_new`: it is the
    report itself that it learned of."""

    code: str
    service_code: str | None
    area_code: str
    at: datetime
    is_new: bool


_ROW = (Report.code, Report.service_code, Report.area_code, Report.requested_at)
Row = tuple[str, str | None, str | None, datetime, datetime]  # those, and when it happened


def _waits(pack: Pack) -> dict[str | None, timedelta | None]:
    """How long the public waits for reports of each service; None: for ever."""
    said = {code: pack.publicity(code) for code in (None, *pack.services)}
    return {
        code: None if each.near == "hidden" else timedelta(minutes=each.minutes or 0)
        for code, each in said.items()
    }


def _line_at(*which: ColumnElement[bool]) -> Any:
    """When the last such line of a report's history was written. Asked of each report: joined, a planner might
    begin with the lines of all times."""
    newest = select(func.max(StatusUpdate.at)).where(StatusUpdate.report_id == Report.id, *which)
    return newest.correlate(Report).scalar_subquery()


def _rows(session: Session, query: Any) -> list[Row]:
    """Without those to which nothing happened."""
    return [tuple(row) for row in session.execute(query) if row[-1] is not None]


def became_public(session: Session, pack: Pack, since: datetime, until: datetime) -> list[Happened]:
    """The reports that the public lists since then, the newest first: their delay is over, or they were taken in
    later than that."""
    waits = _waits(pack)
    longest = max(each for each in waits.values() if each is not None)
    told = select(*_ROW, Report.requested_at).where(
        Report.requested_at > since - longest, Report.requested_at <= until
    )
    first = _line_at(StatusUpdate.seq == 1)
    taken = select(*_ROW, first).where(Report.updated_at > since)
    by_code = {row[0]: row for row in _rows(session, told)}
    by_code |= {row[0]: row for row in _rows(session, taken) if row[-1] > since}
    return _listed(by_code.values(), waits, since, until, is_new=True)


def were_solved(session: Session, pack: Pack, since: datetime, until: datetime) -> list[Happened]:
    """The listed reports that officials resolved since then and that are not open again, the newest first."""
    resolved = _line_at(StatusUpdate.status == "resolved", StatusUpdate.at > since, StatusUpdate.at <= until)
    # an expression: the index of the status would give all that was ever solved
    is_solved = func.coalesce(Report.status, "").in_(SOLVED)
    rows = _rows(session, select(*_ROW, resolved).where(Report.updated_at > since, is_solved))
    return _listed(rows, _waits(pack), since, until, is_new=False)


def changed(session: Session, pack: Pack, since: datetime, until: datetime) -> list[Happened]:
    """The listed reports that changed since then, new ones too, each once, the oldest first."""
    new = became_public(session, pack, since, until)
    known = {each.code for each in new}
    query = select(*_ROW, Report.updated_at).where(Report.updated_at > since, Report.updated_at <= until)
    rows = (row for row in _rows(session, query) if row[0] not in known)
    others = _listed(rows, _waits(pack), since, until, is_new=False)
    return sorted([*new, *others], key=lambda each: each.at)


def _listed(
    rows: Iterable[Row],
    waits: dict[str | None, timedelta | None],
    since: datetime,
    until: datetime,
    *,
    is_new: bool,
) -> list[Happened]:
    """Of these what the public sees, as it happened within the time."""
    found = []
    for code, service_code, area_code, requested_at, happened_at in rows:
        wait = waits.get(service_code, waits[None])
        if wait is None or requested_at + wait > until:
            continue
        at = max(happened_at, requested_at + wait) if is_new else happened_at
        if since < at <= until:
            found.append(
                Happened(code=code, service_code=service_code, area_code=area_code or "", at=at, is_new=is_new)
            )
    return sorted(found, key=lambda each: each.at, reverse=True)
