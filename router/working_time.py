"""A city's working time: where so many working hours end, and how many lie between two moments."""

import subprocess
import sys
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from config.pack import Pack

SATURDAY = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkingTime:
    """Monday to Friday from `opens` to `closes` on the city's clock, but for the days of `free`."""

    zone: ZoneInfo
    opens: time
    closes: time
    free: Container[date]

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self.free

    @property
    def a_day(self) -> timedelta:
        """How long a working day is."""
        return datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)

    def end_of(self, moment: datetime) -> datetime:
        """When the day of a moment closes."""
        return datetime.combine(moment.astimezone(self.zone), self.closes, self.zone)

    @lru_cache(maxsize=64)  # noqa: B019  (there is one for each pack): a move asks twice for the same
    def after(self, start: datetime, left: timedelta) -> datetime:
        """The moment at which so much working time is over, in the city's zone."""
        moment = start.astimezone(self.zone)
        while True:
            begins = max(moment, datetime.combine(moment, self.opens, self.zone))
            room = self.end_of(moment) - begins
            if self.is_working_day(moment.date()) and left <= room:
                return begins + left
            if self.is_working_day(moment.date()):
                left -= max(room, timedelta())
            moment = datetime.combine(moment + timedelta(days=1), time(), self.zone)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much working time lies between two moments; none when the second comes first."""
        moment, last, total = start.astimezone(self.zone), end.astimezone(self.zone), timedelta()
        while moment < last:
            if self.is_working_day(moment.date()):
                begins = max(moment, datetime.combine(moment, self.opens, self.zone))
                total += max(min(last, self.end_of(moment)) - begins, timedelta())
            moment = datetime.combine(moment + timedelta(days=1), time(), self.zone)
        return total


@lru_cache(maxsize=4)
def working_time(pack: Pack) -> WorkingTime:
    """The pack's working time with its country's public holidays and joint leave; those of years to come are
    partly estimates, until the government decrees them."""
    promise = pack.promise
    return WorkingTime(
        zone=ZoneInfo(pack.timezone),
        opens=time.fromisoformat(promise["opens"]),
        closes=time.fromisoformat(promise["closes"]),
        free=_free_days(promise["country"]),
    )


YEARS_BACK, YEARS_ON = 10, 15
PRINT_DAYS = """
import sys, holidays
country, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
kinds = (holidays.PUBLIC, holidays.GOVERNMENT)
for day in holidays.country_holidays(country, years=range(first, last + 1), categories=kinds):
    print(day.isoformat())
"""


def _free_days(country: str) -> frozenset[date]:
    """The days on which nobody works, of the years around this one.

    Asked of a process of its own: the library's modules, and the 19 MB that they take, end with it.
    """
    this_year = datetime.now(UTC).year
    years = [str(this_year - YEARS_BACK), str(this_year + YEARS_ON)]
    asked = [sys.executable, "-I", "-c", PRINT_DAYS, country, *years]
    days = subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split()  # noqa: S603  (our own words)
    return frozenset(date.fromisoformat(day) for day in days)
