"""What each agency does with a report that it gets: when it acts, asks, passes on, finishes; all from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from config.pack import Pack
from router.working_time import working_time

What = Literal["accepted", "in_progress", "resolved", "needs_info", "not_ours"]
ASKS, PASSES_ON, NEVER = 0.05, 0.06, 0.3  # shares: of reports; of those that are not done in time
WORDS = {
    "accepted": "Kami terima, petugas survei besok.",
    "in_progress": "Tim menuju lokasi.",
    "resolved": "Sudah dikerjakan.",
    "needs_info": "Di sebelah mana tepatnya?",
    "not_ours": "Bukan kewenangan kami.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A press at the desk to come; it is left out where somebody else had the report by then."""

    at: datetime
    report_id: int
    agency_id: str
    what: What


class Officials:
    """All agencies; `diligence` is the share of reports that each finishes in time."""

    def __init__(self, pack: Pack, diligence: dict[str, float], random: Random) -> None:
        self.hours, self.diligence, self.random = working_time(pack), diligence, random

    def get(
        self, report_id: int, agency_id: str, now: datetime, term: timedelta, *, may_pass: bool
    ) -> Iterator[Move]:
        """A report came, new or passed on: what will be done with it, on the agency's own clock."""
        random, in_time = self.random, self.random.random() < self.diligence.get(agency_id, 0.8)
        passes = may_pass and random.random() < PASSES_ON
        if not in_time and not passes and random.random() < NEVER:
            return
        took = term * random.uniform(0.15, 0.85) if in_time else self._late(term)
        if passes:  # diligent ones notice at once, the others long after it is late
            yield self._move(report_id, agency_id, "not_ours", now, took if not in_time else term * 0.1)
            return
        if random.random() < 0.4:
            yield self._move(report_id, agency_id, "accepted", now, took * 0.3)
        if random.random() < ASKS:
            yield self._move(report_id, agency_id, "needs_info", now, took * 0.5)
            return  # what comes behind is planned when the answer is there
        if random.random() < 0.3:
            yield self._move(report_id, agency_id, "in_progress", now, took * 0.6)
        yield self._move(report_id, agency_id, "resolved", now, took)

    def _late(self, term: timedelta) -> timedelta:
        return term * self.random.uniform(1.1, 2.2) + 1.5 * self.hours.a_day

    def answered(self, report_id: int, agency_id: str, now: datetime, left: timedelta) -> Iterator[Move]:
        """The citizen answered: who is diligent finishes in what is left of the term."""
        in_time = self.random.random() < self.diligence.get(agency_id, 0.8)
        took = left * self.random.uniform(0.2, 0.85) if in_time and left else self._late(left)
        yield self._move(report_id, agency_id, "resolved", now, took)

    def _move(self, report_id: int, agency_id: str, what: What, now: datetime, took: timedelta) -> Move:
        at = self.hours.after(now, took)
        return Move(
            at=at + timedelta(seconds=self.random.uniform(0, 600)),
            report_id=report_id,
            agency_id=agency_id,
            what=what,
        )
