"""How much stands where: what a scrape asks, told by the indexes, so that a million finished rows cost little."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.models import Delivery, Photo, Report
from store.work import UNFINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliveries:
    """By (channel, state): waiting, sending, unknown, failed, held, and `done` (sent or delivered).

    `oldest` is when the oldest one that is still owed on a channel was made.
    """

    counts: Mapping[tuple[str, str], int]
    oldest: Mapping[str, datetime]


def count_deliveries(session: Session) -> Deliveries:
    """Rows are looked at where something is open or failed; all others are a difference of two counts."""
    counts: dict[tuple[str, str], int] = {}
    oldest: dict[str, datetime] = {}
    made = func.min(Delivery.created_at)
    for states in (UNFINISHED, ("failed",), ("held",)):  # ix_deliveries_due
        query = select(Delivery.channel, Delivery.state, func.count(), made).where(Delivery.state.in_(states))
        for channel, state, count, first in session.execute(query.group_by(Delivery.channel, Delivery.state)):
            counts[channel, state] = count
            if states is UNFINISHED:
                oldest[channel] = min(first, oldest.get(channel, first))
    others = {channel: sum(n for (on, _), n in counts.items() if on == channel) for channel, _ in counts}
    everything = select(Delivery.channel, func.count()).group_by(Delivery.channel)  # ix_deliveries_provider
    for channel, count in session.execute(everything):
        counts[channel, "done"] = max(count - others.get(channel, 0), 0)
    return Deliveries(counts=counts, oldest=oldest)


def count_reports(session: Session) -> dict[str, int]:
    """By status; asked by agency and status, which is the order of an index."""
    total: dict[str, int] = {}
    query = select(Report.agency_id, Report.status, func.count()).group_by(Report.agency_id, Report.status)
    for _, status, count in session.execute(query):
        total[status] = total.get(status, 0) + count
    return total


def count_guesses(session: Session, since: datetime | None = None) -> dict[str, int]:
    """Guessed services by what officials made of them (`agreed`, `changed`), of reports received since then."""
    return {outcome: _count_guesses(session, outcome, since) for outcome in ("agreed", "changed")}


def _count_guesses(session: Session, outcome: str, since: datetime | None) -> int:
    """One outcome: counting a stretch of the index costs half of grouping it."""
    query = select(func.count()).select_from(Report).where(Report.service_guess == outcome)
    if since is not None:
        query = query.where(Report.requested_at >= since)
    return session.scalar(query) or 0


def count_photos(session: Session) -> dict[str, int]:
    """Photos that are still owed, and those that can no longer be had."""
    query = select(Photo.state, func.count()).where(Photo.state.in_(("owed", "lost"))).group_by(Photo.state)
    return dict(session.execute(query).all())
