"""Reports of one problem: found, joined, told, taken apart; and people whom it concerns too."""

import asyncio
from contextlib import suppress
from math import cos, radians, sin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen

from normalizer.cells import spot_cell, spot_cells
from normalizer.schema import Attachment, Position
from router.clock import tick
from router.duplicates import find
from router.forget import forget_all
from router.joins import join, take_apart
from router.photos import fetch_owed
from router.status import NotAllowed
from router.too import MOST_A_DAY
from store.models import Delivery, Holding, Photo, Report, StatusUpdate
from store.near import count_joined, joined_to
from tests.unit.houses import CITIZEN, OFFICER, WHOLE, Town, another, new_town
from tests.unit.test_photos_of_reports import Provider
from tests.unit.test_pictures import saved, scene

SAME_STREET = "lampu jalan padam, gelap sekali di Jl. Manggarai Utara 2, Kelurahan Manggarai"


def citizen(number: int) -> str:
    return f"+62811{number:05}"


def two(town: Town) -> tuple[str, str]:
    """Two people's reports of one lamp, an hour apart; their codes."""
    town.tell(WHOLE, sender=citizen(1))
    town.clock.on(hours=1)
    town.tell(SAME_STREET, sender=citizen(2))
    first, second = town.reports()
    return first.code, second.code


def of(town: Town, code: str) -> Report:
    return next(each for each in town.reports() if each.code == code)


def joined(town: Town, code: str, other: str) -> None:
    with town.house.store.write() as session:
        one, lead = (session.query(Report).filter_by(code=each).one() for each in (code, other))
        join(session, one, lead, by=OFFICER, house=town.house)


def apart(town: Town, code: str) -> None:
    with town.house.store.write() as session:
        take_apart(session, session.query(Report).filter_by(code=code).one(), by=OFFICER, house=town.house)


def told(town: Town, number: int) -> list[str]:
    """What a citizen was told, by their number."""
    lookups = town.house.store.sealer.lookups("sms", citizen(number))
    with town.house.store.read() as session:
        rows = session.query(Delivery).join(Delivery.address).order_by(Delivery.id)
        return [row.text for row in rows if row.address.lookup in lookups]


def candidates(town: Town, code: str) -> dict[str, tuple[str, ...]]:
    with town.house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        return {each.report.code: each.reasons for each in find(session, report, town.house)}


# --- joined -------------------------------------------------------------------------------------------------


def test_a_joined_report_hears_each_step_under_its_own_code(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    assert of(town, second).status == "duplicate"
    assert of(town, second).parent_id == of(town, first).id
    assert f"Laporan {second} digabung dengan {first}" in told(town, 2)[-1]
    before = len(told(town, 2)), len(told(town, 1))
    town.move("in_progress", number=0, notes="Regu berangkat, hubungi 0812-3456-7890.")
    assert f"Laporan {second} sedang dikerjakan" in told(town, 2)[-1]
    assert f"Laporan {first} sedang dikerjakan" in told(town, 1)[-1]
    assert "0812" not in told(town, 2)[-1]
    assert "0812" in told(town, 1)[-1]
    assert (len(told(town, 2)), len(told(town, 1))) == (before[0] + 1, before[1] + 1)


def test_a_join_is_told_once_and_in_the_readers_language(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell("street light is broken at Jl. Manggarai Utara 2, Kelurahan Manggarai", sender=citizen(2))
    first, second = (each.code for each in town.reports())
    joined(town, second, first)
    assert of(town, second).language == "en"
    assert len([text for text in told(town, 2) if f"was joined with {first}" in text]) == 1
    town.move("accepted", number=0)
    assert f"Report {second} was accepted by" in told(town, 2)[-1]


def test_one_person_with_two_joined_reports_is_told_once(town: Town) -> None:
    first, second = two(town)
    town.tell("lampu jalan mati di Jl. Kemang Raya, Kelurahan Bangka", sender=citizen(2))
    third = town.reports()[-1].code
    joined(town, second, first)
    joined(town, third, first)
    before = len(told(town, 2))
    town.move("in_progress", number=0)
    assert len(told(town, 2)) == before + 1


def test_a_person_with_both_reports_is_told_once(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell("lampu jalan mati di Jl. Kemang Raya, Kelurahan Bangka", sender=citizen(1))
    first, second = (each.code for each in town.reports())
    joined(town, second, first)
    before = len(told(town, 1))
    town.move("in_progress", number=0)
    assert len(told(town, 1)) == before + 1


def test_who_asked_us_to_stop_or_was_forgotten_hears_nothing(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.tell("BERHENTI", sender=citizen(2))
    before = len(town.rows(Delivery, channel="sms"))
    town.move("in_progress", number=0)
    assert len(town.rows(Delivery, channel="sms")) == before + 1


def test_status_of_a_joined_report_is_where_the_other_one_stands(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.move("in_progress", number=0)
    town.tell(f"STATUS {second}", sender=citizen(2))
    assert f"Laporan {second}: Dikerjakan" in told(town, 2)[-1]
    town.tell("LAPORAN SAYA", sender=citizen(2))
    assert "Dikerjakan" in told(town, 2)[-1]


def test_a_no_of_a_joined_reporter_reopens_the_other_and_everybody_hears_it(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.move("resolved", number=0, notes="Lampu diganti.")
    assert "Balas SUDAH atau BELUM" in told(town, 2)[-1]
    town.tell("belum pak, masih gelap di depan rumah Bu Tini", sender=citizen(2))
    assert of(town, first).status == "reopened"
    assert of(town, second).status == "duplicate"
    assert f"Laporan {second} kami buka lagi" in told(town, 2)[-1]
    assert f"Laporan {first} dibuka kembali" in told(town, 1)[-1]
    assert "Bu Tini" not in told(town, 1)[-1]
    lines = town.rows(StatusUpdate, report_id=of(town, first).id)
    assert "Bu Tini" in (lines[-1].notes or "")


def test_a_no_after_the_end_reopens_it_too(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.move("resolved", number=0, notes="Lampu diganti.")
    town.tell("sudah", sender=citizen(1))
    assert of(town, first).status == "closed"
    assert f"Laporan {second} ditutup" in told(town, 2)[-1]
    town.clock.on(days=2)
    town.tell(f"{second} masih mati", sender=citizen(2))
    assert of(town, first).status == "reopened"


def test_a_yes_of_a_joined_reporter_closes_nothing(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.move("resolved", number=0, notes="Lampu diganti.")
    town.tell("sudah beres", sender=citizen(2))
    assert of(town, first).status == "resolved"
    assert of(town, first).unread
    assert "Terima kasih sudah mengabari" in told(town, 2)[-1]


def test_a_question_to_one_reporter_is_not_put_to_the_others(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    before = len(told(town, 2))
    town.move("needs_info", number=0, notes="Nomor tiangnya berapa?")
    town.tell("tiang nomor 12, rumah saya nomor 7", sender=citizen(1))
    assert of(town, first).status == "assigned"
    assert len(told(town, 2)) == before


def test_what_is_joined_counts_once_for_its_agency(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    states = {each.report_id: each.state for each in town.rows(Holding)}
    assert states == {of(town, first).id: "assigned", of(town, second).id: "duplicate"}
    apart(town, second)
    states = {each.report_id: each.state for each in town.rows(Holding)}
    assert states == {of(town, first).id: "assigned", of(town, second).id: "assigned"}


def test_a_joined_reporters_own_promise_stands_still_and_goes_on(town: Town) -> None:
    first, second = two(town)
    promised = of(town, second).late_at
    joined(town, second, first)
    assert of(town, second).late_at is None
    apart(town, second)
    assert of(town, second).late_at == promised
    assert of(town, second).status == "assigned"
    assert of(town, second).parent_id is None
    assert f"Laporan {second} kami pisahkan lagi" in told(town, 2)[-1]


def test_who_joined_hears_that_it_is_late_too(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.clock.at = of(town, first).late_at
    tick(town.house)
    assert f"laporan {second} belum selesai pada waktunya" in told(town, 2)[-1]
    assert f"laporan {first} belum selesai pada waktunya" in told(town, 1)[-1]


def test_by_night_who_joined_is_told_in_the_morning(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.clock.on(hours=10)  # 23.00
    town.move("accepted", number=0)
    waiting = [row for row in town.rows(Delivery, state="waiting") if "diterima" in row.text]
    assert {f"{row.next_attempt_at:%H.%M}" for row in waiting[-2:]} == {"23.00"}  # UTC: six in the morning


def test_a_joined_report_is_asked_nothing_until_it_is_on_its_own_again(town: Town) -> None:
    first, _ = two(town)
    town.tell("lampu jalan mati di Manggarai", sender=citizen(3))
    town.wait_quietly()
    third = town.reports()[-1].code
    with town.house.store.write() as session:
        row = session.query(Report).filter_by(code=third).one()
        row.asked_for, row.status, row.status_before = "place", "received", None
    joined(town, third, first)
    before = len(told(town, 3))
    town.clock.on(hours=30)
    tick(town.house)
    assert of(town, third).asked_for is None
    assert not [text for text in told(town, 3)[before:] if "menunggu jawaban" in text]
    apart(town, third)
    assert (of(town, third).asked_for, of(town, third).status) == ("place", "received")


def test_nothing_is_told_to_who_was_taken_apart(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    apart(town, second)
    before = len(told(town, 2))
    town.move("in_progress", number=0)
    assert len(told(town, 2)) == before


def test_a_move_back_through_the_api_leaves_no_half_join(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.move(of(town, second).status_before, number=1)
    assert of(town, second).parent_id is None


def test_joins_that_make_no_sense_are_refused(town: Town) -> None:
    first, second = two(town)
    with pytest.raises(NotAllowed, match="itself"):
        joined(town, first, first)
    joined(town, second, first)
    with pytest.raises(NotAllowed, match="itself"):
        joined(town, first, second)
    with pytest.raises(NotAllowed, match="cannot become duplicate"):
        joined(town, second, first)
    with pytest.raises(NotAllowed, match="not joined"):
        apart(town, first)
    apart(town, second)
    town.move("rejected", number=0, notes="bukan wewenang")
    with pytest.raises(NotAllowed, match="rejected"):
        joined(town, second, first)
    assert of(town, second).status == "assigned"
    assert of(town, second).parent_id is None


def test_nothing_is_joined_to_a_report_whose_person_was_forgotten(town: Town) -> None:
    first, second = two(town)
    forget_all(citizen(1), town.house)
    with pytest.raises(NotAllowed, match="forgotten"):
        joined(town, second, first)
    assert of(town, first).cell is None


def test_a_join_survives_a_restart(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    again = town.again()
    again.move("in_progress", number=0)
    assert f"Laporan {second} sedang dikerjakan" in told(again, 2)[-1]


def test_who_withdraws_a_report_that_others_joined_does_not_end_it(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    town.tell(f"batalkan laporan {first}", sender=citizen(1))
    assert of(town, first).status == "assigned"
    assert "1 warga lain" in told(town, 1)[-1]


def test_what_hangs_on_a_forgotten_report_that_nobody_has_is_on_its_own_again(town: Town) -> None:
    first, second = two(town)
    with town.house.store.write() as session:
        lead = session.query(Report).filter_by(code=first).one()
        lead.status, lead.agency_id = "received", None
    joined(town, second, first)
    forget_all(citizen(1), town.house)
    assert of(town, first).status == "closed"
    assert (of(town, second).status, of(town, second).parent_id) == ("assigned", None)


# --- found --------------------------------------------------------------------------------------------------


def test_the_same_street_in_words_is_found_with_its_reasons(town: Town) -> None:
    first, second = two(town)
    assert set(candidates(town, second)[first]) >= {"same_service", "same_address"}
    assert set(candidates(town, first)[second]) >= {"same_service", "same_address"}


def test_two_streets_of_one_kelurahan_are_not_found_although_their_middle_is_one(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell("lampu jalan mati total di Jl. Manggarai Selatan 1, Kelurahan Manggarai", sender=citizen(2))
    first, second = town.reports()
    assert first.cell == second.cell
    assert candidates(town, first.code) == candidates(town, second.code) == {}


def pin(town: Town, number: int, north: float, text: str = "lampu jalan mati", **said: object) -> str:
    """A report with a pin so many metres north of a spot in Manggarai; its code."""
    point = Position(lat=-6.2146 + north / 111_195, long=106.8451)
    town.tell(text, sender=citizen(number), position=point, **said)
    return town.reports()[-1].code


def test_points_within_the_services_distance_are_found_and_others_are_not(town: Town) -> None:
    first, near, far = pin(town, 1, 0), pin(town, 2, 60), pin(town, 3, 400)
    assert set(candidates(town, first)) == {near}
    assert "near" in candidates(town, first)[near]
    assert candidates(town, far) == {}


def test_a_flood_is_wide_and_a_broken_lamp_is_not(town: Town) -> None:
    first, far = pin(town, 1, 0, "banjir selutut"), pin(town, 2, 300, "banjir setinggi lutut")
    assert set(candidates(town, first)) == {far}


def test_akin_problems_are_offered_behind_the_same_one(town: Town) -> None:
    lamp = pin(town, 1, 0)
    road, other = pin(town, 2, 10, "jalan berlubang"), pin(town, 3, 20)
    assert list(candidates(town, lamp)) == [other, road]
    assert "akin_service" in candidates(town, lamp)[road]


def test_what_is_older_than_the_service_allows_is_not_the_same(town: Town) -> None:
    first = pin(town, 1, 0, "banjir selutut")
    town.clock.on(days=3)
    second = pin(town, 2, 0, "banjir selutut")
    assert candidates(town, first) == candidates(town, second) == {}


def test_what_was_finished_lately_is_shown_and_what_was_finished_long_ago_is_not(town: Town) -> None:
    first = pin(town, 1, 0)
    town.move("resolved", number=0, notes="Lampu diganti.")
    town.tell("sudah", sender=citizen(1))
    town.clock.on(days=1)
    second = pin(town, 2, 0)
    assert set(candidates(town, second)) == {first}
    town.clock.on(days=3)
    assert candidates(town, second) == {}


def test_a_rejected_report_is_never_offered(town: Town) -> None:
    pin(town, 1, 0)
    town.move("rejected", number=0, notes="bukan wewenang")
    assert candidates(town, pin(town, 2, 0)) == {}


def test_of_a_persons_own_trouble_nothing_is_looked_for(town: Town) -> None:
    pin(town, 1, 0, "ada KDRT, istri dipukul suaminya")
    second = pin(town, 2, 0, "ada KDRT, istri dipukul suaminya")
    assert of(town, second).service_code == "kekerasan"
    assert candidates(town, second) == {}


def test_two_houses_of_one_street_are_not_one_spot(town: Town) -> None:
    town.tell("lampu jalan mati di Jl. Manggarai Utara 2 No 3, Kelurahan Manggarai", sender=citizen(1))
    town.tell("lampu jalan mati di Jl. Manggarai Utara 2 No 90, Kelurahan Manggarai", sender=citizen(2))
    town.tell("lampu jalan mati di Jl. Manggarai Utara 2, Kelurahan Manggarai", sender=citizen(3))
    first, second, street = (each.code for each in town.reports())
    assert set(candidates(town, first)) == {street}
    assert set(candidates(town, street)) == {first, second}


def test_a_pin_finds_what_was_told_in_words_and_the_other_way_round(town: Town) -> None:
    words = "lampu jalan mati di Jl. Manggarai Utara 2, Kelurahan Manggarai"
    town.tell(words, sender=citizen(1))
    first = town.reports()[-1].code
    second = pin(town, 2, 0, words)
    assert set(candidates(town, first)) == {second}
    assert set(candidates(town, second)) == {first}


@given(st.floats(-6.37, -6.09), st.floats(106.69, 106.97), st.floats(0, 1000), st.floats(0, 359.9))
def test_every_point_within_the_distance_lies_in_the_cells_that_are_asked(
    lat: float, long: float, metres: float, degrees: float
) -> None:
    north, east = metres * cos(radians(degrees)), metres * sin(radians(degrees))
    other = lat + north / 111_320, long + east / (111_320 * cos(radians(lat)))
    cell = spot_cell(lat, long)
    assert cell is not None
    assert spot_cell(*other) in spot_cells(cell, metres)


def test_the_search_and_the_counts_scan_no_table(town: Town) -> None:
    first, second = two(town)
    joined(town, second, first)
    said: list[tuple[str, object]] = []
    listen(town.house.store.engine, "before_cursor_execute", lambda *a: said.append((a[2], a[3])))
    with town.house.store.read() as session:
        report = session.query(Report).filter_by(code=first).one()
        find(session, report, town.house)
        count_joined(session, [report.id])
        joined_to(session, report.id)
    asked = [each for each in said if "FROM reports" in each[0]][1:]
    with town.house.store.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()) for sql, values in asked
        ]
    assert len(plans) == 3
    assert "ix_reports_cell (cell=? AND requested_at>?" in plans[0]
    assert all("ix_reports_parent_id" in plan for plan in plans[1:])


# --- joined by a picture ------------------------------------------------------------------------------------


def photo_of(seed: int, **save: object) -> Attachment:
    return Attachment(content=saved(scene(seed), **save), content_type="image/jpeg")


def wait_for_joins(town: Town) -> None:
    town.clock.on(seconds=31)
    tick(town.house)


def test_the_same_picture_of_the_same_spot_is_joined_and_hears_each_step(town: Town) -> None:
    first = pin(town, 1, 0, attachments=(photo_of(1),))
    second = pin(town, 2, 40, attachments=(photo_of(1, quality=40),))
    before = told(town, 2)
    wait_for_joins(town)
    assert (of(town, second).status, of(town, second).parent_id) == ("duplicate", of(town, first).id)
    assert told(town, 2) == before
    town.move("accepted", number=0)
    assert second in told(town, 2)[-1]
    assert town.rows(StatusUpdate, report_id=of(town, second).id)[-1].by == "router"


def test_a_picture_that_is_fetched_later_joins_too(town: Town) -> None:
    first = pin(town, 1, 0, attachments=(photo_of(1),))
    second = pin(town, 2, 40, attachments=(Attachment(ref="p1"),))
    assert of(town, second).status == "assigned"
    asyncio.run(fetch_owed(town.house, {"sms": Provider(saved(scene(1)))}))
    wait_for_joins(town)
    assert (of(town, second).status, of(town, second).parent_id) == ("duplicate", of(town, first).id)


@pytest.mark.parametrize(
    ("north", "text", "seed"),
    [(2000, "lampu jalan mati", 1), (40, "jalan berlubang", 1), (40, "lampu jalan mati", 2)],
    ids=["elsewhere", "another problem", "another picture"],
)
def test_nothing_less_than_that_is_joined_by_itself(town: Town, north: float, text: str, seed: int) -> None:
    pin(town, 1, 0, attachments=(photo_of(1),))
    second = pin(town, 2, north, text, attachments=(photo_of(seed),))
    wait_for_joins(town)
    assert of(town, second).status == "assigned"


def test_a_logo_on_many_reports_joins_none_of_them(town: Town) -> None:
    for number in range(5):
        pin(town, number, 5000 * number, attachments=(photo_of(1),))
    last = pin(town, 6, 10, attachments=(photo_of(1),))
    wait_for_joins(town)
    assert of(town, last).status == "assigned"


def test_the_picture_that_shows_it_mended_is_no_sign_of_the_same_problem(town: Town) -> None:
    pin(town, 1, 0, attachments=(photo_of(1),))
    with town.house.store.write() as session:
        session.query(Photo).one().is_after = True
    second = pin(town, 2, 40, attachments=(photo_of(1),))
    wait_for_joins(town)
    assert of(town, second).status == "assigned"


def test_what_somebody_works_on_is_not_joined_without_a_press(town: Town) -> None:
    first = pin(town, 1, 0, attachments=(photo_of(1),))
    second = pin(town, 2, 40, attachments=(photo_of(1),))
    town.move("accepted", number=0)
    wait_for_joins(town)
    assert of(town, second).status == "assigned"
    assert [first] == list(candidates(town, second))


# --- "this concerns me too" ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["saya juga {}", "ikut {}", "Me too {}", "{} saya juga pak", "IKUT LAPOR {}."])
def test_who_says_me_too_has_a_small_report_that_hears_each_step(town: Town, words: str) -> None:
    town.tell(WHOLE, sender=citizen(1))
    first = town.report().code
    town.tell(words.format(first), sender=citizen(2))
    small = town.reports()[-1]
    assert (small.status, small.parent_id, small.agency_id) == ("duplicate", of(town, first).id, "dbm")
    assert f"ikut laporan {first}" in told(town, 2)[-1] or f"take part in report {first}" in told(town, 2)[-1]
    assert small.code in told(town, 2)[-1]
    assert "Manggarai Utara" not in told(town, 2)[-1]
    town.move("in_progress", number=0)
    assert small.code in told(town, 2)[-1]
    town.move("resolved", number=0, notes="Lampu diganti.")
    town.tell("belum", sender=citizen(2))
    assert of(town, first).status == "reopened"


def test_me_too_twice_is_once(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    code = town.report().code
    for _ in range(3):
        town.tell(f"saya juga {code}", sender=citizen(2))
    small = town.reports()[-1]
    assert len(town.reports()) == 2
    assert f"sudah tercatat untuk laporan {code} dengan kode {small.code}" in told(town, 2)[-1]
    town.tell(f"ikut {small.code}", sender=citizen(3))
    assert town.reports()[-1].parent_id == of(town, code).id


def test_me_too_to_ones_own_report_is_its_status(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell(f"saya juga {town.report().code}", sender=citizen(1))
    assert len(town.reports()) == 1
    assert "Diteruskan ke" in told(town, 1)[-1]


def test_me_too_without_a_code_or_with_one_that_nobody_has_makes_no_report(town: Town) -> None:
    town.tell("saya juga", sender=citizen(1))
    town.tell("ikut K7M3Q8", sender=citizen(1))
    assert town.reports() == []
    assert "Tidak ada laporan dengan kode" in told(town, 1)[-1]


@pytest.mark.parametrize("status", ["rejected", "closed"])
def test_a_finished_report_is_joined_by_nobody(town: Town, status: str) -> None:
    town.tell(WHOLE, sender=citizen(1))
    code = town.report().code
    town.move(status, notes="bukan wewenang", by=CITIZEN if status == "closed" else OFFICER)
    town.tell(f"saya juga {code}", sender=citizen(2))
    assert len(town.reports()) == 1
    assert "tidak bisa diikuti" in told(town, 2)[-1]


def test_a_persons_own_trouble_is_followed_by_nobody(town: Town) -> None:
    code = pin(town, 1, 0, "ada KDRT, istri dipukul suaminya")
    town.tell(f"saya juga {code}", sender=citizen(2))
    assert len(town.reports()) == 1
    assert "tidak bisa diikuti" in told(town, 2)[-1]


def test_one_person_follows_so_many_reports_a_day_and_no_more(town: Town) -> None:
    for number in range(MOST_A_DAY + 1):
        town.tell(another(number), sender=citizen(number))
    codes = [each.code for each in town.reports()]
    for code in codes:
        town.tell(f"saya juga {code}", sender=citizen(99))
    assert len(town.reports()) == len(codes) + MOST_A_DAY
    assert "banyak laporan hari ini" in told(town, 99)[-1]


def test_a_photo_with_me_too_belongs_to_the_small_report(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell(f"saya juga {town.report().code}", sender=citizen(2), attachments=(photo_of(3),))
    assert [photo.report_id for photo in town.rows(Photo)] == [town.reports()[-1].id]


def test_a_small_report_can_be_taken_apart_and_is_nobodys_yet(town: Town) -> None:
    town.tell(WHOLE, sender=citizen(1))
    town.tell(f"saya juga {town.report().code}", sender=citizen(2))
    small = town.reports()[-1].code
    apart(town, small)
    assert (of(town, small).status, of(town, small).parent_id) == ("received", None)


# --- any order ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = new_town(tmp_path_factory.mktemp("six"))
    for number in range(6):
        town.tell(another(number), sender=citizen(number))
    return town


STEP = st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5))


@given(st.lists(STEP, max_size=25))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_joins_and_partings_makes_no_chain_and_loses_nothing(
    six: Town, steps: list[tuple[int, int | None]]
) -> None:
    with six.house.store.write() as session:
        reports = session.query(Report).order_by(Report.id).all()
        for one, other in steps:
            with suppress(NotAllowed):
                if other is None:
                    take_apart(session, reports[one], by=OFFICER, house=six.house, silent=True)
                else:
                    join(session, reports[one], reports[other], by=OFFICER, house=six.house, silent=True)
            session.flush()
            rows = {row.id: row for row in reports}
            for each in reports:
                assert (each.status == "duplicate") == (each.parent_id is not None)
                assert each.parent_id is None or rows[each.parent_id].parent_id is None
                assert each.parent_id != each.id
        for _ in reports:  # taken apart one after the other, all are where they were
            for each in reports:
                if each.parent_id is not None:
                    take_apart(session, each, by=OFFICER, house=six.house, silent=True)
        assert {each.status for each in reports} == {"assigned"}
        assert not any("joined_via" in each.sources for each in reports)
        session.rollback()


def test_what_came_along_goes_back_along(six: Town) -> None:
    with six.house.store.write() as session:
        one, two, three, four, *_ = session.query(Report).order_by(Report.id).all()
        for each, lead in ((three, two), (two, one), (one, four)):
            join(session, each, lead, by=OFFICER, house=six.house)
        assert {each.parent_id for each in (one, two, three)} == {four.id}
        take_apart(session, two, by=OFFICER, house=six.house)
        assert [each.parent_id for each in (one, two, three)] == [four.id, None, two.id]
        take_apart(session, one, by=OFFICER, house=six.house)
        assert [each.parent_id for each in (one, two, three)] == [None, None, two.id]
        session.rollback()
