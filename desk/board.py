"""The queue as a board: a column for each open status, a card for each report, moved by one press."""

from dataclasses import dataclass

from desk.rights import Official, may_change
from desk.view import GROUPS
from router.status import MOVES
from store.models import Report

CARDS = 20  # of a column; the list has them all
PRESSES = ("accepted", "in_progress")  # what needs no words; everything else is done on the report's page


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The first reports of one status, and the group of the list that has the others."""

    status: str
    group: str
    reports: list[Report]
    has_more: bool


def group_of(status: str) -> str:
    return next(group for group, statuses in GROUPS.items() if status in statuses)


def presses(official: Official, report: Report) -> list[str]:
    """Where one press on the card may move it: what the table of statuses and the official's rights allow."""
    if not may_change(official, report) or report.parent_id is not None:
        return []
    return [status for status in PRESSES if status in MOVES[report.status]]
