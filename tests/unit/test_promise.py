"""Promises in the city's working time: told at once, standing while others hold the report, raised when late."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from config.pack import Pack
from config.settings import ROOT
from router.clock import tick
from router.joins import join, take_apart
from router.reading import pack_at
from router.working_time import WorkingTime, working_time
from store.models import Holding, Report, StatusUpdate
from tests.unit.houses import CITIZEN, NO_PLACE, OFFICER, WHOLE, Town

JAKARTA = ZoneInfo("Asia/Jakarta")
WEEK = WorkingTime(zone=JAKARTA, opens=time(7, 30), closes=time(16), free=frozenset({date(2026, 3, 5)}))
LADDER = ["Kelurahan (Lurah)", "Kecamatan (Camat)", "Kota Administrasi", "Inspektorat"]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return pack_at(ROOT / "config" / "jakarta")


def wib(day: str, hour: int = 16, minute: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour, minute), JAKARTA)


# --- working time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (wib("2026-03-02", 12), 1, wib("2026-03-03", 12)),
        (wib("2026-03-02", 20), 1, wib("2026-03-03")),  # after hours: the whole of the next day
        (wib("2026-03-04", 12), 1, wib("2026-03-06", 12)),  # the day between is free
        (wib("2026-03-07", 9), 2, wib("2026-03-10")),  # from a Saturday
    ],
)
def test_so_many_working_days_end_at(start: datetime, days: int, end: datetime) -> None:
    assert WEEK.after(start, days * WEEK.a_day) == end


def test_lebaran_and_its_joint_leave_are_no_working_days(pack: Pack) -> None:
    hours = working_time(pack)

    assert hours.after(wib("2026-03-17", 12), hours.a_day) == wib("2026-03-25", 12)


def test_a_promise_goes_over_the_turn_of_the_year(pack: Pack) -> None:
    hours = working_time(pack)

    assert hours.after(wib("2026-12-31", 12), 2 * hours.a_day) == wib("2027-01-06", 12)  # 1 and 5 January are free


@given(st.integers(0, 1_000_000), st.integers(0, 400_000))
def test_what_lies_between_a_moment_and_its_end_is_what_was_given(minutes: int, seconds: int) -> None:
    begin, left = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), timedelta(seconds=seconds)

    assert WEEK.between(begin, WEEK.after(begin, left)) == left


# --- the clock of a report ----------------------------------------------------------------------------------


def test_the_promise_is_told_with_the_first_answer(town: Town) -> None:
    town.tell(WHOLE)
    town.tell(WHOLE.replace("2", "9"), channel="telegram", account="bot", sender="77")

    sms, telegram = town.answers()
    assert town.reports()[0].expected_at == wib("2026-03-05")
    assert "Janji: 5 Mar." in sms
    assert "Selesai paling lambat Kamis, 5 Maret 2026." in telegram


def test_the_clock_stands_while_the_reporter_is_asked_and_goes_on_with_what_was_left(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=1)
    town.move("needs_info", notes="Tiang nomor berapa?")
    assert town.report().late_at is None
    town.clock.on(days=6)
    town.move("assigned")

    assert town.report().late_at == wib("2026-03-11")  # Monday noon, and two days and four hours were left


@pytest.mark.parametrize("status", ["resolved", "rejected", "duplicate"])
def test_the_clock_stands_where_nobody_of_the_city_has_to_act(town: Town, status: str) -> None:
    town.tell(WHOLE)
    town.move(status, notes="Sudah")

    assert town.report().late_at is None
    town.clock.on(days=13)
    before = len(town.answers())
    tick(town.house)
    assert len(town.answers()) == before


def test_a_body_that_is_not_the_citys_is_not_promised_for(town: Town) -> None:
    town.tell(WHOLE)
    town.move("assigned", agency_id="pln")
    assert town.report().late_at is None

    town.clock.on(days=30)
    town.move("assigned", agency_id="dbm")
    assert town.report().late_at is not None


def test_what_was_not_fixed_after_all_has_a_day_at_least(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=3, hours=3)
    town.move("resolved", notes="Sudah")
    town.clock.on(days=1)
    town.move("reopened", by=CITIZEN)

    assert town.report().late_at == wib("2026-03-09")


# --- late ---------------------------------------------------------------------------------------------------


def test_a_late_report_climbs_the_ladder_and_its_citizen_hears_each_rung(town: Town) -> None:
    town.tell(WHOLE)
    told = []
    for rung in LADDER:
        late_at = town.report().late_at
        assert late_at is not None
        town.clock.at = late_at
        tick(town.house)
        tick(town.house)  # once is enough
        told.append((rung, town.answers()[-1]))

    assert all(rung in answer and "belum selesai" in answer for rung, answer in told)
    assert [("Janji" in answer) for _, answer in told] == [True, True, True, False]
    assert town.report().late_at is None
    lines = town.rows(StatusUpdate, by="clock")
    assert [rung for rung, line in zip(LADDER, lines, strict=True) if rung in line.notes] == LADDER
    assert {line.status for line in lines} == {"assigned"}

    town.move("in_progress")
    assert town.report().late_at is None  # nobody is left to climb to: no date is promised that nobody watches


@pytest.mark.parametrize(
    ("told", "climbed"),
    [
        (wib("2026-03-16", 12), ["2026-03-26", "2026-03-30", "2026-04-01", "2026-04-06"]),  # Lebaran, Good Friday
        (wib("2026-12-29", 12), ["2027-01-04", "2027-01-07", "2027-01-11", "2027-01-13"]),  # 1 and 5 January
    ],
    ids=["Lebaran", "turn of the year"],
)
def test_each_rung_is_climbed_at_the_end_of_its_working_day(
    town: Town, told: datetime, climbed: list[str]
) -> None:
    town.clock.at = told
    town.tell(WHOLE)
    for day in climbed:
        town.clock.at = wib(day, 15, 59)
        tick(town.house)
        before = town.report().raised
        town.clock.at = wib(day)
        tick(town.house)
        assert town.report().raised == before + 1
    assert [line.at for line in town.rows(StatusUpdate, by="clock")] == [wib(day) for day in climbed]


def test_before_the_promised_day_is_over_nothing_is_late(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.at = wib("2026-03-05", 15, 59)
    tick(town.house)

    assert town.report().raised == 0


def test_a_restart_neither_forgets_nor_repeats_a_rung(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.at = wib("2026-03-05")
    town = town.again()
    tick(town.house)
    town = town.again()
    tick(town.house)

    assert town.report().raised == 1


# --- the clock while the reporter is asked where it is --------------------------------------------------------


def holding_of(town: Town) -> Holding:
    (only,) = town.rows(Holding, until=None)
    assert isinstance(only, Holding)
    return only


def notes_of(town: Town) -> list[str]:
    return [line.notes for line in town.rows(StatusUpdate) if line.notes]


def asked_where(town: Town) -> None:
    """An agency has the report, and its reporter was asked where it is."""
    town.tell(NO_PLACE, channel="telegram", account="bot", sender="77")
    town.wait_quietly()
    assert town.report().status == "assigned"


def test_no_date_is_promised_while_the_reporter_is_asked_where_it_is(town: Town) -> None:
    asked_where(town)

    assert "Tanggal selesainya kami kabarkan setelah" in town.answers()[0]
    assert "Selesai paling lambat" not in town.answers()[0]
    assert (town.report().late_at, holding_of(town).runs_since) == (None, None)
    assert notes_of(town) == ["Menunggu jawaban pelapor; tenggat belum berjalan."]


def test_the_answer_starts_the_clock_with_its_whole_time_and_tells_the_date(town: Town) -> None:
    asked_where(town)
    town.clock.on(days=1)
    town.tell("di Jl. Manggarai Utara 2, Kelurahan Manggarai", channel="telegram", account="bot", sender="77")

    assert "Selesai paling lambat Jumat, 6 Maret 2026" in town.answers()[-1]
    assert (holding_of(town).runs_since, holding_of(town).worked) == (town.clock.at, 0)
    assert notes_of(town)[-1] == "Tenggat berjalan. Selesai paling lambat Jumat, 6 Maret 2026."


def test_an_agency_that_begins_without_the_answer_is_on_the_clock_and_the_reporter_hears_the_date(
    town: Town,
) -> None:
    asked_where(town)
    town.clock.on(hours=2)
    town.move("accepted")

    assert "Selesai paling lambat Kamis, 5 Maret 2026" in town.answers()[-1]
    assert holding_of(town).runs_since == town.clock.at


def test_after_three_days_without_an_answer_the_agency_has_it_as_it_is(town: Town) -> None:
    asked_where(town)
    for _ in range(3):
        town.clock.on(hours=24, minutes=1)
        tick(town.house)

    assert (
        "meski pertanyaan kami belum terjawab. Selesai paling lambat Selasa, 10 Maret 2026" in town.answers()[-1]
    )
    assert holding_of(town).runs_since == town.clock.at
    town.tell("di Jl. Manggarai Utara 2, Kelurahan Manggarai", channel="telegram", account="bot", sender="77")
    assert "Selesai paling lambat Selasa, 10 Maret 2026" in town.answers()[-1]  # a late answer moves no date


def test_a_join_and_its_undoing_leave_the_question_and_the_standing_clock(town: Town) -> None:
    town.tell(WHOLE, sender="+62811")
    town.tell(NO_PLACE, channel="telegram", account="bot", sender="77")
    town.wait_quietly()
    with town.house.store.write() as session:
        first, second = session.scalars(select(Report).order_by(Report.id))
        join(session, second, first, by=OFFICER, house=town.house)
        take_apart(session, second, by=OFFICER, house=town.house)

    _, second = town.reports()
    assert (second.status, second.asked_for, second.late_at) == ("assigned", "place", None)
