"""A city's working time: where so many working hours end, and how many lie between two moments."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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
    from holidays import GOVERNMENT, PUBLIC, country_holidays  # a third of a second: not before it is needed

    promise = pack.promise
    return WorkingTime(
        zone=ZoneInfo(pack.timezone),
        opens=time.fromisoformat(promise["opens"]),
        closes=time.fromisoformat(promise["closes"]),
        free=country_holidays(promise["country"], categories=(PUBLIC, GOVERNMENT)),
    )
