"""Claim what is owed, and write down how it went: the same three steps for deliveries and photos."""

import random
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, cast

from sqlalchemy import Select, Table, and_, bindparam, case, delete, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased, selectinload

from store.models import IS_UNFINISHED, OWES_PUBLIC, Address, Delivery, Lease, Message, Photo, Report, Reporter
from store.rounds import RetentionRound

DELIVERIES = cast(Table, Delivery.__table__)
UNFINISHED = ("waiting", "sending", "unknown")
# word for word as the index has it: with bound values SQLite would not see that they are the same
_EARLIER = aliased(Delivery)
# coalesce() keeps PostgreSQL from that index here: it takes one row or two to be unfinished, and in a flood would
# read thousands for each; by ix_deliveries_order it finds the few of the report
_IS_FIRST = ~(
    select(_EARLIER.id)
    .where(
        _EARLIER.report_id == Delivery.report_id,
        _EARLIER.address_id == Delivery.address_id,
        _EARLIER.id < Delivery.id,
        func.coalesce(_EARLIER.state, "").in_(UNFINISHED),
    )
    .exists()
)
_IS_UNFINISHED = text(f"deliveries.{IS_UNFINISHED}")
LEASE = timedelta(minutes=5)
CARRIED = timedelta(seconds=20)  # how long an id may lie in Redis before it is enqueued again
FIRST_WAIT, LONGEST_WAIT = 1.0, 900.0  # seconds
GIVE_UP_AFTER = timedelta(days=3)


def due_deliveries(now: datetime, channel: str | None = None) -> Select[Delivery]:
    """Deliveries to look at now, the one that waits longest first: due, or left by a worker that died; never
    before an earlier one of the same report and address is finished.

    With a channel the index gives them one by one, however many wait behind.
    """
    query = select(Delivery).where(_IS_UNFINISHED, Delivery.next_attempt_at <= now, _IS_FIRST)
    if channel is not None:
        query = query.where(Delivery.channel == channel)
    return query.order_by(Delivery.next_attempt_at, Delivery.id)


def is_any_due(session: Session, now: datetime, channel: str | None = None) -> bool:
    """Whether claim_deliveries would find anything."""
    return session.scalar(due_deliveries(now, channel).with_only_columns(Delivery.id).limit(1)) is not None


def claim_deliveries(
    session: Session,
    now: datetime,
    limit: int,
    ids: Iterable[int] | None = None,
    channel: str | None = None,
) -> dict[int, int]:
    """Take deliveries for this worker, leased, so that a dead worker's come back: by their ids the number of the
    try, which a later claim of the same does not have.

    With `ids`, which Redis carried here, only those, with `channel` only its own. A row that was `unknown` or
    left behind may have been sent: its `last_error` says `uncertain`.
    """
    query = due_deliveries(now, channel) if ids is None else _carried(now, list(ids))
    query = query.limit(limit).with_for_update(skip_locked=True, of=Delivery)
    found = session.execute(query.with_only_columns(Delivery.id, Delivery.attempts))
    taken = {row: attempts + 1 for row, attempts in found}
    if taken:
        mine = update(Delivery).where(Delivery.id.in_(taken)).values(_taken(now))
        session.execute(mine, execution_options={"synchronize_session": False})
    return taken


def _taken(now: datetime) -> dict[str, Any]:
    """What taking a delivery makes of it: one statement for all."""
    is_left = and_(Delivery.state == "sending", Delivery.uncertain == 0)
    return {
        "state": "sending",
        "lease_until": now + LEASE,
        "next_attempt_at": now + LEASE,
        "updated_at": now,
        "attempts": Delivery.attempts + 1,
        "first_tried_at": func.coalesce(Delivery.first_tried_at, now),
        # a worker's death is no silence of the provider's: it counts once, however often it happens
        "uncertain": case((is_left, 1), else_=Delivery.uncertain),
        "last_error": case(
            (Delivery.state != "waiting", "uncertain"), else_=func.nullif(Delivery.last_error, "uncertain")
        ),
    }


def claimed_deliveries(session: Session, claimed: Mapping[int, int]) -> list[Delivery]:
    """What claim_deliveries took, in its order, with whom they go to and what an answer needs of their report; the
    rest of that is read when it is asked for. Those of who was forgotten are gone, and what others took since."""
    query = select(Delivery).where(Delivery.id.in_(claimed))
    report = selectinload(Delivery.report).load_only(Report.code, Report.requested_at, Report.acknowledged_at)
    address = selectinload(Delivery.address).load_only(Address.sealed, Address.account)
    query = query.options(address, report)
    rows = {row.id: row for row in session.scalars(query)}
    return [rows[each] for each, attempts in claimed.items() if each in rows and rows[each].attempts == attempts]


def last_heard(session: Session, addresses: Iterable[int]) -> list[tuple[int, str, datetime | None]]:
    """Of each of these addresses: its person's language, and when they last wrote from there, if it is known."""
    when = func.max(func.coalesce(Message.sent_at, Message.received_at))
    query = (
        select(Address.id, Reporter.language, when)
        .join(Reporter)
        .outerjoin(Message, Message.address_id == Address.id)
    )
    query = query.where(Address.id.in_(list(addresses))).group_by(Address.id, Reporter.language)
    return [(each, language, heard) for each, language, heard in session.execute(query)]


def note_sent(session: Session, now: datetime, sent: Mapping[int, tuple[str, str]]) -> None:
    """Write down what providers took, by the rows' ids: the state and the provider's id, one step for all.

    Who was forgotten meanwhile has no row.
    """
    if not sent:
        return
    known: dict[str, Any] = {"state": bindparam("new_state"), "provider_id": bindparam("name")}
    ended = {"updated_at": now, "lease_until": None, "last_error": None}
    mine = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("row")).values(known | ended)
    rows = [{"row": row, "new_state": state, "name": name} for row, (state, name) in sorted(sent.items())]
    session.connection().execute(mine, rows)


def _carried(now: datetime, ids: list[int]) -> Select[Delivery]:
    """Of these, what is due, or was on its way to us when its time was put off."""
    is_on_its_way = and_(Delivery.state != "sending", Delivery.lease_until > now)
    is_left = and_(Delivery.state == "sending", Delivery.lease_until <= now)  # by a worker that died
    is_due = or_(Delivery.next_attempt_at <= now, is_on_its_way, is_left)
    query = select(Delivery).where(Delivery.id.in_(ids), Delivery.state.in_(UNFINISHED), is_due, _IS_FIRST)
    return query.order_by(Delivery.id)


def carry_deliveries(session: Session, now: datetime, limit: int, channel: str) -> dict[str, list[int]]:
    """By their queues the ids that shall be put into Redis now; each is given out again only after CARRIED."""
    query = due_deliveries(now, channel).limit(limit).with_for_update(skip_locked=True, of=Delivery)
    by_queue: dict[str, list[int]] = {}
    for row, queue in session.execute(query.with_only_columns(Delivery.id, Delivery.queue)):
        by_queue.setdefault(queue, []).append(row)
    lease = case((Delivery.state != "sending", now + CARRIED), else_=Delivery.lease_until)
    marked = {"next_attempt_at": now + CARRIED, "lease_until": lease}
    mine = update(Delivery).where(Delivery.id.in_(chain.from_iterable(by_queue.values()))).values(marked)
    session.execute(mine, execution_options={"synchronize_session": False})
    return by_queue


def drop_carried(session: Session, now: datetime, ids: Iterable[int]) -> None:
    """Take the marks of carry_deliveries back: Redis did not take the ids."""
    mine = (Delivery.id.in_(list(ids)), Delivery.state != "sending")
    session.execute(update(Delivery).where(*mine).values(lease_until=None, next_attempt_at=now))


def _due_photos(now: datetime, channels: Collection[str] | None) -> Select[Photo]:
    """The one that waits longest first: a host that fails for hours has its turn, and no other one's."""
    is_free = or_(Photo.lease_until.is_(None), Photo.lease_until < now)
    query = select(Photo).where(Photo.state == "owed", Photo.next_attempt_at <= now, is_free)
    query = query if channels is None else query.where(Photo.channel.in_(channels))
    return query.order_by(Photo.next_attempt_at, Photo.id)


def is_any_photo_due(session: Session, now: datetime, channels: Collection[str] | None = None) -> bool:
    """Whether claim_photos would find anything."""
    return session.scalar(_due_photos(now, channels).with_only_columns(Photo.id).limit(1)) is not None


def claim_photos(
    session: Session, now: datetime, limit: int, channels: Collection[str] | None = None
) -> list[Photo]:
    """Take owed photos to fetch (of these channels), leased."""
    query = _due_photos(now, channels).limit(limit).with_for_update(skip_locked=True, of=Photo)
    rows = list(session.scalars(query))
    for row in rows:
        row.attempts += 1
        row.lease_until = now + LEASE
    return rows


def _due_public_copies(now: datetime) -> Select[Photo]:
    """Literally as the index has it; a reader that died leaves its lease behind."""
    is_free = or_(Photo.lease_until.is_(None), Photo.lease_until < now)
    return select(Photo).where(text(f"photos.{OWES_PUBLIC}"), Photo.state == "kept", is_free).order_by(Photo.id)


def is_any_public_copy_due(session: Session, now: datetime) -> bool:
    """Whether claim_public_copy would find one."""
    return session.scalar(_due_public_copies(now).with_only_columns(Photo.id).limit(1)) is not None


def claim_public_copy(session: Session, now: datetime) -> Photo | None:
    """Take the oldest photo whose public copy is still to be made, leased."""
    query = _due_public_copies(now).limit(1).with_for_update(skip_locked=True, of=Photo)
    photo = session.scalars(query).first()
    if photo is not None:
        photo.lease_until = now + LEASE
    return photo


def release_leases(session: Session, now: datetime) -> None:
    """Let go of everything that a process which is dead for certain had taken."""
    session.execute(delete(Lease))
    session.execute(
        update(Delivery).where(Delivery.state == "sending").values(lease_until=now - LEASE, next_attempt_at=now)
    )
    session.execute(update(Photo).where(Photo.lease_until.is_not(None)).values(lease_until=None))


def forgive_clock(session: Session, now: datetime, quiet: timedelta) -> None:
    """The clock was set back: what was to wait from the later time on is due now, once more tried at worst.

    What is being sent keeps its lease: only time can tell that nobody is at it. `quiet` is how long a report
    waits for more words.
    """
    is_later = or_(Delivery.updated_at > now, Delivery.lease_until > now + CARRIED)
    put_off = update(Delivery).where(_IS_UNFINISHED, Delivery.state != "sending", is_later)
    session.execute(put_off.values(next_attempt_at=now, lease_until=None, updated_at=now))
    # from then on a provider's list is asked
    tried = update(Delivery).where(_IS_UNFINISHED, Delivery.first_tried_at > now)
    session.execute(tried.values(first_tried_at=now - timedelta(days=1)))
    longest = timedelta(seconds=LONGEST_WAIT) * 1.25
    owed = (Photo.state == "owed", Photo.next_attempt_at > now + longest)
    session.execute(update(Photo).where(*owed).values(next_attempt_at=now))
    session.execute(update(Report).where(Report.quiet_until > now + quiet).values(quiet_until=now))
    rounds = update(RetentionRound).where(RetentionRound.next_at > now + timedelta(days=1))
    session.execute(rounds.values(next_at=now))


def wait_after(attempts: int, retry_after: float | None = None) -> timedelta:
    """How long to wait after so many tries: what the provider says, else doubling with jitter."""
    if retry_after is not None:
        return timedelta(seconds=min(max(retry_after, 0.0), 86_400.0))
    longest = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return timedelta(seconds=longest * random.uniform(0.75, 1.25))  # noqa: S311  (jitter, no secret)
