"""Everything that time does: idempotent, restartable, on the house's own clock."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from router.house import House
from router.reports import acknowledge
from store.models import Report
from store.work import forgive_clock

log = logging.getLogger("lapor.clock")

AT_ONCE = 200


@dataclass(slots=True)
class Seen:
    """What the clock showed at the last tick; before the first nobody knows what it showed."""

    at: datetime | None = None


def tick(house: House, seen: Seen | None = None) -> int:
    """Acknowledge the reports whose quiet time is over; the number of them.

    With `seen` a clock that was set back is noticed: nothing waits for the time that it was set back by.
    """
    if seen is not None:
        _notice(house, seen)
    due = next_tick(house)
    if due is None or due > house.now():
        return 0
    with house.store.write() as session:
        query = (
            select(Report)
            .where(Report.quiet_until <= house.now())
            .order_by(Report.quiet_until)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        reports = list(session.scalars(query))
        for report in reports:
            acknowledge(session, report, house)
    if reports:
        house.wake()
    return len(reports)


def _notice(house: House, seen: Seen) -> None:
    now = house.now()
    if seen.at is None or now < seen.at:
        with house.store.write() as session:
            forgive_clock(session, now, timedelta(seconds=house.settings.quiet_seconds))
    if seen.at is not None and now < seen.at:
        log.warning("the clock was set back by %.0f s", (seen.at - now).total_seconds())
        house.wake()
    seen.at = now


def next_tick(house: House) -> datetime | None:
    """When the next quiet time is over, if one runs."""
    with house.store.read() as session:
        return session.scalar(select(func.min(Report.quiet_until)))
