"""What the desk shows of a report's way to agencies beside the desk itself."""

from dataclasses import dataclass
from datetime import datetime

from router.house import House
from store.models import Report
from store.ways import Try, tries_of, ways_by_id


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedOver:
    """The newest word to an agency by one of its ways: how it went, when, its last tries, and whether the way
    itself fails."""

    kind: str
    agency_id: str
    state: str
    at: datetime
    fails: bool
    tries: list[Try]


def handed_over(house: House, report: Report) -> list[HandedOver]:
    """By which ways beside the desk a report went, the newest of each."""
    newest = {row.way_id: row for row in report.deliveries if row.way_id is not None}
    if not newest:
        return []
    with house.store.read() as session:
        ways = ways_by_id(session, list(newest))
    return [
        HandedOver(
            kind=ways[number].kind,
            agency_id=ways[number].agency_id,
            state=row.state,
            at=row.updated_at,
            tries=tries_of(row),
            fails=ways[number].last_error is not None and ways[number].removed_at is None,
        )
        for number, row in newest.items()
    ]
