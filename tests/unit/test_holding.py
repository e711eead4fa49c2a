"""How long each agency held a report: on its own clock, without what others held, as the report card counts it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.models import Holding
from tests.unit.houses import CITIZEN, NO_PLACE, ROUTER, WHOLE, Town, new_town

HOUR = 3600
DAY = int(8.5 * HOUR)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Monday, 2 March 2026, noon; a lamp's term is three working days."""
    return new_town(tmp_path)


def holdings(town: Town) -> list[Holding]:
    return town.rows(Holding)


def test_a_report_is_held_from_its_assignment(town: Town) -> None:
    town.tell(WHOLE)

    (held,) = holdings(town)
    assert (held.agency_id, held.service_code, held.state) == ("dbm", "lampu_jalan", "assigned")
    assert (held.since, held.until, held.term) == (town.clock.at, None, 3 * DAY)
    assert held.due_at == datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert held.area_code == town.report().area_code is not None


def test_nobody_holds_what_no_agency_has(town: Town) -> None:
    town.tell(NO_PLACE.replace("lampu jalan mati", "tolong dicek dong"))
    town.wait_quietly()

    assert holdings(town) == []


def test_first_action_and_resolved_are_measured_in_working_time(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=1)
    town.move("accepted")
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah menyala")

    (held,) = holdings(town)
    assert (held.acted_worked, held.resolved_worked, held.was_late) == (DAY, 2 * DAY, False)
    assert (held.state, held.runs_since, held.due_at) == ("resolved", None, None)


def test_the_time_that_the_reporter_holds_a_report_is_not_its_agencys(town: Town) -> None:
    town.tell(WHOLE)
    town.move("needs_info", notes="Tiang nomor berapa?")
    town.clock.on(days=30)
    town.move("assigned", by=ROUTER)
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah menyala")

    (held,) = holdings(town)
    assert (held.acted_worked, held.resolved_worked, held.was_late) == (0, DAY, False)


def test_a_report_passed_on_counts_for_each_while_they_held_it(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=2)
    town.move("assigned", agency_id="pln", notes="Bukan kami")
    town.clock.on(days=2)
    town.move("resolved", notes="Sudah")

    first, second = holdings(town)
    assert (first.agency_id, first.state, first.passed_to, first.worked) == ("dbm", "passed_on", "pln", 2 * DAY)
    assert (second.agency_id, second.until, second.resolved_worked) == ("pln", None, 2 * DAY)
    assert first.until == second.since


def test_whoever_gets_a_late_report_is_not_late_with_it(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=10)
    town.move("assigned", agency_id="pln")
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah")

    assert [held.was_late for held in holdings(town)] == [True, False]


def test_what_is_resolved_on_the_promised_day_is_in_time_and_a_day_later_late(town: Town) -> None:
    town.tell(WHOLE)
    town.tell(WHOLE.replace("2", "9"), sender="+6285")
    town.clock.at = datetime(2026, 3, 5, 9, tzinfo=UTC)
    town.move("resolved", number=0, notes="Sudah")
    town.clock.at += timedelta(minutes=1)
    town.move("resolved", number=1, notes="Sudah")

    assert [held.was_late for held in holdings(town)] == [False, True]


def test_a_reopened_report_goes_on_where_its_clock_stood(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah")
    town.clock.on(days=9)
    town.move("reopened", by=CITIZEN)

    (held,) = holdings(town)
    assert (held.reopened, held.resolved_worked, held.worked, held.was_late) == (1, None, DAY, False)
    town.clock.on(days=1)
    town.move("resolved", notes="Sekarang sudah")
    (held,) = holdings(town)
    assert held.resolved_worked == 2 * DAY
