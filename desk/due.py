"""Which promises end soon, and how that is said: "janji habis hari ini"."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from config.pack import Pack
from router.promise import RUNS
from router.working_time import working_time
from store.models import Report


def soon(pack: Pack, now: datetime) -> datetime:
    """The end of the next working day: what ends by then is due soon (on a Friday, that is Monday)."""
    hours = working_time(pack)
    day = now.astimezone(hours.zone) + timedelta(days=1)
    while not hours.is_working_day(day.date()):
        day += timedelta(days=1)
    return hours.end_of(day).astimezone(UTC)


def due_words(report: Report, pack: Pack, said: Mapping[str, str], now: datetime, until: datetime) -> str:
    """What a report's promise needs to be said about it; "" where it has time (beyond `until`), or its clock
    stands."""
    if report.status not in RUNS:
        return ""
    late = said["late"].format(times=report.raised) if report.raised else ""
    if report.late_at is None or report.late_at > until:
        return late
    return f"{late}, {_ends(report.late_at, pack, said, now)}".removeprefix(", ")


def _ends(at: datetime, pack: Pack, said: Mapping[str, str], now: datetime) -> str:
    zone = working_time(pack).zone
    day = at.astimezone(zone).date()
    days = (day - now.astimezone(zone).date()).days
    if days <= 1:
        return said["due_today" if days <= 0 else "due_tomorrow"]
    return said["due_on"].format(day=f"{day.day} {said['months'].split()[day.month - 1]}")
