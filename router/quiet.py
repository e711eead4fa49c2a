"""Quiet hours: what can wait is not sent at night, unless the citizen was heard a moment ago and is awake."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.pack import Pack
from store.models import Report


def wait_until(report: Report, pack: Pack, now: datetime) -> datetime | None:
    """When a message that can wait may go out; None: now. What is urgent never waits."""
    if report.urgent or _is_awake(report, pack.quiet, now):
        return None
    return end_of_night(pack, now)


def end_of_night(pack: Pack, now: datetime) -> datetime | None:
    """The morning behind the quiet hours that `now` lies in; None by day, or where they end as they begin."""
    begins, ends = (time.fromisoformat(pack.quiet[name]) for name in ("begins", "ends"))
    local = now.astimezone(ZoneInfo(pack.timezone))
    is_late, is_early = local.time() >= begins, local.time() < ends
    if not (is_late or is_early if begins > ends else is_late and is_early):
        return None
    return next_morning(pack, now)


def _is_awake(report: Report, quiet: Mapping[str, Any], now: datetime) -> bool:
    return report.said_at is not None and now - report.said_at < timedelta(hours=quiet["awake_hours"])


def next_morning(pack: Pack, now: datetime) -> datetime:
    """The next time that the quiet hours end, whether or not it is night now."""
    ends = time.fromisoformat(pack.quiet["ends"])
    local = now.astimezone(ZoneInfo(pack.timezone))
    day = local.date() + timedelta(days=1) if local.time() >= ends else local.date()
    return datetime.combine(day, ends, local.tzinfo).astimezone(UTC)
