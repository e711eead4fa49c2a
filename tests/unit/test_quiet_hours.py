"""At night citizens are left alone with what can wait; and two weeks of silence close what is said to be fixed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from router.clock import next_tick, tick
from router.quiet import end_of_night
from store.models import Delivery
from store.work import claim_deliveries, claimed_deliveries
from tests.unit.houses import WHOLE, Town

NIGHT = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # 22.00 in Jakarta
MORNING = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)  # 06.00 of the day after


def due(town: Town) -> list[Delivery]:
    with town.house.store.write() as session:
        return claimed_deliveries(session, claim_deliveries(session, town.house.now(), 100))


@pytest.mark.parametrize(
    ("hour", "minute", "morning"),
    [(13, 59, None), (14, 0, MORNING), (20, 0, MORNING), (22, 59, MORNING), (23, 0, None)],
)
def test_the_night_lasts_from_nine_to_six(town: Town, hour: int, minute: int, morning: datetime | None) -> None:
    assert end_of_night(town.house.pack, datetime(2026, 3, 3, hour, minute, tzinfo=UTC)) == morning


def test_hours_that_end_as_they_begin_are_none(town: Town) -> None:
    settings = {**town.house.pack.settings, "quiet": {"begins": "06:00", "ends": "06:00", "awake_hours": 2}}
    pack = replace(town.house.pack, settings=settings)

    assert not [hour for hour in range(24) if end_of_night(pack, NIGHT + timedelta(hours=hour))]


def test_news_of_the_night_is_sent_in_the_morning(town: Town) -> None:
    town.tell(WHOLE)
    assert len(due(town)) == 1
    town.clock.at = NIGHT
    town.move("in_progress")

    (news,) = town.rows(Delivery, state="waiting")
    assert news.next_attempt_at == MORNING
    assert "dikerjakan" in news.text


def test_an_acknowledgement_never_waits(town: Town) -> None:
    town.clock.at = NIGHT
    town.tell(WHOLE)

    assert len(due(town)) == 1


def test_who_wrote_a_moment_ago_is_awake(town: Town) -> None:
    town.clock.at = NIGHT
    town.tell(WHOLE)
    town.clock.on(hours=1)
    town.move("in_progress")

    assert {row.next_attempt_at <= town.clock.at for row in town.rows(Delivery, channel="sms")} == {True}


def test_what_is_urgent_never_waits(town: Town) -> None:
    town.tell("kabel listrik putus dan menyala di Jl. Manggarai Utara 2, Kelurahan Manggarai, bahaya")
    assert town.report().urgent
    town.clock.at = NIGHT
    town.move("in_progress")

    assert town.rows(Delivery, channel="sms")[-1].next_attempt_at == NIGHT


def test_an_answer_by_night_takes_along_what_was_held(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.at = NIGHT
    town.move("in_progress")
    town.clock.on(minutes=5)
    town.tell(f"kapan selesai? {town.report().code}")

    assert {row.next_attempt_at <= town.clock.at for row in town.rows(Delivery, channel="sms")} == {True}


def test_two_weeks_of_silence_close_a_resolved_report_once(town: Town) -> None:
    town.tell(WHOLE)
    town.move("resolved", notes="Sudah menyala")
    town.clock.on(days=14, seconds=-1)
    tick(town.house)
    assert town.report().status == "resolved"
    while (due := next_tick(town.house)) <= town.clock.at:  # the day's round of the retention
        tick(town.house)
    assert due == town.clock.at + timedelta(seconds=1)
    town.clock.on(seconds=1)
    town = town.again()
    tick(town.house)
    tick(town.house)

    assert town.report().status == "closed"
    assert ["dua minggu" in text for text in town.answers()].count(True) == 1
    town.clock.on(days=29)
    town.tell(f"belum {town.report().code}")
    assert town.report().status == "reopened"


def test_somebody_who_speaks_is_not_silent(town: Town) -> None:
    town.tell(WHOLE)
    town.move("resolved", notes="Sudah menyala")
    town.clock.on(days=13)
    town.tell(f"mohon segera ditindaklanjuti {town.report().code}")
    town.clock.on(days=13)
    tick(town.house)

    assert town.report().status == "resolved"
