"""Everything that time does: idempotent, restartable, on the house's own clock."""

from datetime import datetime

from sqlalchemy import func, select

from router.house import House
from router.reports import acknowledge
from store.models import Report

AT_ONCE = 200


def tick(house: House) -> int:
    """Acknowledge the reports whose quiet time is over; the number of them."""
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


def next_tick(house: House) -> datetime | None:
    """When the next quiet time is over, if one runs."""
    with house.store.read() as session:
        return session.scalar(select(func.min(Report.quiet_until)))
