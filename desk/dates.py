"""The day that work is planned for, as its form says it: put before the words that the citizen reads."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.pack import Pack
from router.promise import written
from store.models import Report

FURTHEST = timedelta(days=366)


def with_date(note: str, day: str, report: Report, pack: Pack, now: datetime) -> str | None:
    """ "Senin, 9 November 2026. NOTE"; the note alone without a day; None for a day that is over or no day.

    `day` is what a date field sends (HTML: YYYY-MM-DD), read in the city's zone.
    """
    if not day:
        return note
    zone = ZoneInfo(pack.timezone)
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        return None
    today = now.astimezone(zone).date()
    if not today <= wanted <= today + FURTHEST:
        return None
    language = report.language if report.language in pack.languages else pack.languages[0]
    noon = datetime.combine(wanted, time(12), tzinfo=zone)
    return f"{', '.join(written(noon, pack, pack.texts[language]))}. {note}".strip()
