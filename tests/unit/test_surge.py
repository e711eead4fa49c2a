"""A flood of reports: opened at the threshold, answered honestly, told in digests, handed over as one, ended."""

import pytest

from router.clock import next_tick, tick
from router.digests import tell_digests
from router.forget import forget_all
from router.joins import join
from router.surge import look_at_surges
from router.words import gsm7_length
from store.models import Delivery, Report, Surge
from tests.unit.houses import OFFICER, WHOLE, Town

MOST = 20  # of config/jakarta/city.toml


def flooded(number: int, kelurahan: str = "Bidara Cina") -> str:
    return f"banjir selutut di Jl. Masjid {number + 3} No {number + 1}, Kelurahan {kelurahan}, Jatinegara"


def report_flood(town: Town, people: int, *, start: int = 0, **said: str) -> None:
    """So many people, one after the other, a second apart."""
    for number in range(start, start + people):
        town.clock.on(seconds=1)
        town.tell(flooded(number), sender=f"+62811{number:05}", **said)


def beat(town: Town, **by: float) -> None:
    """Let time pass, and let the clock do all that is due, as its half seconds would."""
    town.clock.on(**by)
    for _ in range(20):
        tick(town.house)


def answers_to(town: Town, number: int) -> list[str]:
    report = town.reports()[number]
    return [row.text for row in town.rows(Delivery, report_id=report.id) if row.address_id and row.state != "held"]


def groups_handed_over(town: Town) -> list[str]:
    return [row.text for row in town.rows(Delivery, channel="desk") if row.report_id is None]


def test_surge_opens_at_the_threshold_and_not_before(town: Town) -> None:
    report_flood(town, MOST - 1)
    beat(town, minutes=1)
    assert town.rows(Surge) == []
    report_flood(town, 1, start=MOST - 1)
    (surge,) = town.rows(Surge)
    reports = town.reports()
    assert (surge.service_code, surge.area_code, surge.ended_at) == ("banjir", "31.75.03", None)
    assert surge.began_at == reports[0].requested_at
    assert {report.surge_id for report in reports} == {surge.id}


def test_slow_reports_are_no_surge(town: Town) -> None:
    for number in range(MOST + 5):
        town.clock.on(minutes=2)
        town.tell(flooded(number), sender=f"+62811{number:05}")
    assert town.rows(Surge) == []


def test_one_person_with_very_many_reports_is_no_surge(town: Town) -> None:
    for number in range(MOST + 5):
        town.clock.on(seconds=5)
        town.tell(flooded(number), sender="+628111")
    assert len(town.reports()) > MOST
    assert town.rows(Surge) == []


def test_fewer_fires_are_a_surge_as_the_pack_says(town: Town) -> None:
    for number in range(10):
        assert town.rows(Surge) == []
        town.tell(
            f"kebakaran rumah di Jl. Masjid Gang {number}, Kelurahan Bidara Cina", sender=f"+62811{number:05}"
        )
    assert [surge.service_code for surge in town.rows(Surge)] == ["kebakaran"]


def test_answer_of_a_surge_says_how_many_reported_and_since_when(town: Town) -> None:
    report_flood(town, MOST + 1)
    assert "petugas tahu" not in answers_to(town, MOST - 2)[-1]
    assert f"{MOST} laporan banjir di Kec. Jatinegara sejak 12.00; petugas tahu." in answers_to(town, MOST - 1)[-1]
    last = answers_to(town, MOST)[-1]
    assert f"{MOST + 1} laporan banjir di Kec. Jatinegara" in last
    assert town.reports()[-1].code in last
    assert "Kabar berikutnya" not in last
    assert gsm7_length(last) <= 160


def test_answers_of_a_surge_exist_for_every_channel_and_language(town: Town) -> None:
    report_flood(town, MOST)
    for channel, words in (("telegram", "laporan banjir"), ("email", "laporan banjir"), ("x", "laporan banjir")):
        town.tell(flooded(77), channel=channel, account="kota", sender=f"{channel}@warga.id")
        assert words in town.answers(channel=channel)[-1]
        assert town.reports()[-1].surge_id is not None
    town.tell("The whole street is flooded, water up to the knees, in Kelurahan Bidara Cina", sender="+6281999")
    assert "reports of flood in Kec. Jatinegara since 12.00; staff know." in town.answers()[-1]
    assert gsm7_length(town.answers()[-1]) <= 160


def test_somebody_in_danger_reads_the_emergency_number_first(town: Town) -> None:
    report_flood(town, MOST)
    danger = "banjir sedada ada lansia terjebak di Jl. Masjid, Kelurahan Bidara Cina"
    town.tell(danger, sender="+62819")
    town.tell(danger, channel="telegram", account="bot", sender="4711")
    sms, telegram = town.answers()[-2:]
    assert all(report.urgent for report in town.reports()[-2:])
    assert sms.startswith("Bahaya? Telepon 112.")
    assert gsm7_length(sms) <= 160
    assert "petugas tahu" in sms
    assert "112" in telegram.splitlines()[0]


def test_next_news_is_told_from_what_was_really_finished(town: Town) -> None:
    report_flood(town, MOST)
    for number in range(6):
        town.move("resolved", number=number, notes="Air sudah surut")
    beat(town, minutes=1)
    report_flood(town, 1, start=MOST)
    # fifteen wait before it at six in three hours: seven and a half hours from 12.01
    assert "Kabar berikutnya sekitar 19.45." in answers_to(town, MOST)[-1]
    beat(town, hours=4)
    report_flood(town, 1, start=MOST + 1)
    assert "Kabar berikutnya" not in answers_to(town, MOST + 1)[-1]


def test_other_areas_and_services_beside_a_surge_stay_as_they_are(town: Town) -> None:
    report_flood(town, MOST)
    town.tell(WHOLE, sender="+62815")
    town.tell(flooded(5, "Cawang").replace("Jatinegara", "Kramat Jati"), sender="+62816")
    for report in town.reports()[-2:]:
        assert report.surge_id is None
        assert "petugas tahu" not in town.answers(report_id=report.id)[-1]
    town.move("accepted", number=-1)
    assert "diterima" in town.answers()[-1]
    own = town.rows(Delivery, report_id=town.reports()[-1].id, channel="desk")
    assert len(own) == 1


def test_report_completed_by_an_answer_joins(town: Town) -> None:
    report_flood(town, MOST)
    town.tell("banjir selutut di rumah saya", sender="+62817")
    town.wait_quietly()
    assert town.reports()[-1].surge_id is None
    town.tell("Jl. Masjid, Kelurahan Bidara Cina", sender="+62817")
    assert town.reports()[-1].surge_id == town.rows(Surge)[0].id
    assert f"{MOST + 1} laporan banjir" in town.answers()[-1]


def test_agency_gets_one_line_when_it_opens_and_each_time_it_doubles(town: Town) -> None:
    report_flood(town, MOST)
    beat(town, seconds=1)
    assert groups_handed_over(town) == ["20 laporan banjir di Kecamatan Jatinegara sejak 12.00"]
    handed = len(town.rows(Delivery, channel="desk"))
    report_flood(town, MOST + 1, start=MOST)
    for _ in range(3):
        beat(town, seconds=20)
    assert groups_handed_over(town)[1:] == ["41 laporan banjir di Kecamatan Jatinegara sejak 12.00"]
    assert len(town.rows(Delivery, channel="desk")) == handed + 1
    assert {report.status for report in town.reports()} == {"assigned"}


def test_steps_of_the_work_are_held_and_told_once_in_a_digest(town: Town) -> None:
    report_flood(town, MOST)
    before = len(answers_to(town, 0))
    town.move("accepted", number=0)
    town.move("in_progress", number=0, notes="Pompa sudah di lokasi")
    beat(town, minutes=30)
    assert len(answers_to(town, 0)) == before
    beat(town, hours=3)
    told = answers_to(town, 0)[before:]
    assert len(told) == 1
    assert "sedang dikerjakan" in told[0]
    assert "Pompa sudah di lokasi" in told[0]
    for _ in range(3):
        beat(town, hours=3)
    assert len(answers_to(town, 0)) == before + 1
    assert town.rows(Delivery, state="held") == []


def test_steps_of_a_joined_report_are_held_too(town: Town) -> None:
    report_flood(town, MOST)
    with town.house.store.write() as session:
        lead, other = session.query(Report).order_by(Report.id).limit(2)
        join(session, other, lead, by=OFFICER, house=town.house, silent=True)
    before = len(answers_to(town, 1))
    town.move("accepted", number=0)
    beat(town, minutes=30)
    assert len(answers_to(town, 1)) == before
    beat(town, hours=3)
    told = answers_to(town, 1)[before:]
    assert len(told) == 1
    assert town.reports()[1].code in told[0]
    town.move("resolved", number=0, notes="Sudah surut")
    assert "Sudah surut" in answers_to(town, 1)[-1]


def test_digest_waits_for_the_morning(town: Town) -> None:
    town.clock.on(hours=8, minutes=30)  # 20.30
    report_flood(town, MOST)
    before = len(answers_to(town, 0))
    town.move("accepted", number=0)
    assert len(town.rows(Delivery, state="held")) == 1
    beat(town, hours=3, minutes=20)  # its slot lies in the night
    assert town.rows(Delivery, state="held") == []
    (row,) = [each for each in town.rows(Delivery) if each.text == answers_to(town, 0)[-1]]
    assert len(answers_to(town, 0)) == before + 1
    assert f"{row.next_attempt_at:%H.%M}" == "23.00"  # UTC: six in the morning


def test_digest_of_several_reports_is_one_message(town: Town) -> None:
    report_flood(town, MOST)
    for number in range(500, 503):
        town.tell(flooded(number, "Cipinang Muara"), sender="+62811000000")
    mine = [report for report in town.reports() if report.reporter_id == town.reports()[-1].reporter_id]
    assert len(mine) == 3
    said = len(town.answers())
    for number in (-1, -2, -3):
        town.move("accepted", number=number)
    report_flood(town, MOST, start=40)
    beat(town, hours=3, minutes=1)
    (digest,) = [text for text in town.answers()[said:] if text.startswith("Kabar banjir")]
    assert all(report.code in digest for report in mine)
    assert gsm7_length(digest) <= 160


def test_who_asked_for_no_more_messages_gets_no_digest(town: Town) -> None:
    report_flood(town, MOST)
    town.move("accepted", number=0)
    town.tell("BERHENTI", sender="+6281100000")
    town.move("in_progress", number=0)
    said = answers_to(town, 0)
    beat(town, hours=1)
    report_flood(town, MOST, start=40)
    beat(town, hours=3)
    assert answers_to(town, 0) == said
    assert town.rows(Delivery, state="held") == []


def test_of_a_forgotten_person_nothing_is_held(town: Town) -> None:
    report_flood(town, MOST)
    town.move("accepted", number=0)
    assert len(town.rows(Delivery, state="held")) == 1
    forget_all(town.reports()[0].code, town.house)
    town.move("in_progress", number=0)
    assert town.rows(Delivery, state="held") == []
    assert town.reports()[0].surge_id is not None


@pytest.mark.parametrize(("status", "words"), [("resolved", "SUDAH atau BELUM"), ("rejected", "keliru")])
def test_what_needs_an_answer_is_told_at_once(town: Town, status: str, words: str) -> None:
    report_flood(town, MOST)
    town.move("accepted", number=3)
    town.move(status, number=3, notes="Air sudah surut")
    assert words in answers_to(town, 3)[-1]
    said = len(answers_to(town, 3))
    beat(town, hours=4)
    assert len(answers_to(town, 3)) == said  # what was held is out of date


def test_question_of_an_official_is_told_at_once(town: Town) -> None:
    report_flood(town, MOST)
    town.move("needs_info", number=3, notes="Gang nomor berapa?")
    assert "Gang nomor berapa?" in answers_to(town, 3)[-1]


def test_nobody_gets_more_than_a_digest_every_three_hours(town: Town) -> None:
    report_flood(town, MOST)
    before = {number: len(answers_to(town, number)) for number in range(MOST)}
    for hour in range(12):
        report_flood(town, MOST, start=1000 * (hour + 1))  # it goes on
        for number in range(MOST):
            if town.reports()[number].status != "in_progress":
                town.move("in_progress" if hour % 2 else "scheduled", number=number)
            else:
                town.move("scheduled", number=number)
        beat(town, hours=1)
    assert town.rows(Surge)[0].ended_at is None
    more = [len(answers_to(town, number)) - before[number] for number in range(MOST)]
    assert set(more) == {4}


def test_killed_in_the_middle_of_a_digest_everybody_is_told_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_flood(town, MOST)
    said = len(town.answers())
    for number in range(MOST):
        town.move("accepted", number=number)
    monkeypatch.setattr("router.digests.PEOPLE_AT_ONCE", 7)
    town.clock.on(hours=3, minutes=1)
    assert tell_digests(town.house) == 7
    town = town.again()
    beat(town, seconds=1)
    told = [row for row in town.rows(Delivery) if row.address_id and row.state != "held"][said:]
    assert len(told) == MOST
    assert len({row.report_id for row in told}) == MOST


def test_restart_before_the_threshold_forgets_nobody(town: Town) -> None:
    report_flood(town, MOST // 2)
    town = town.again()
    report_flood(town, MOST // 2, start=MOST // 2)
    (surge,) = town.rows(Surge)
    assert all(report.surge_id == surge.id for report in town.reports())


def test_surge_ends_when_the_rate_was_low_for_an_hour(town: Town) -> None:
    report_flood(town, MOST)
    town.move("accepted", number=0)
    said = len(answers_to(town, 0))
    beat(town, minutes=89)
    assert town.rows(Surge)[0].ended_at is None
    beat(town, minutes=2)
    assert town.rows(Surge)[0].ended_at is not None
    assert len(answers_to(town, 0)) == said + 1  # the last digest
    town.move("in_progress", number=0)
    assert len(answers_to(town, 0)) == said + 2  # an ordinary report again
    report_flood(town, 1, start=90)
    assert town.reports()[-1].surge_id is None
    assert "petugas tahu" not in answers_to(town, -1)[-1]


def test_surge_goes_on_while_half_of_the_rate_comes(town: Town) -> None:
    report_flood(town, MOST)
    for number in range(60):
        beat(town, minutes=3)
        report_flood(town, 1, start=100 + number)
    assert town.rows(Surge)[0].ended_at is None
    for number in range(60):
        beat(town, minutes=7)
        report_flood(town, 1, start=300 + number)
    assert town.rows(Surge)[0].ended_at is not None


def test_next_flood_is_a_surge_of_its_own(town: Town) -> None:
    report_flood(town, MOST)
    beat(town, hours=2)
    report_flood(town, MOST, start=100)
    first, second = town.rows(Surge)
    assert (first.ended_at is None, second.ended_at) == (False, None)
    assert [report.surge_id for report in town.reports()] == [first.id] * MOST + [second.id] * MOST


def test_clock_is_idle_without_a_surge(town: Town) -> None:
    town.tell(WHOLE)
    assert look_at_surges(town.house) == 0
    assert tell_digests(town.house) == 0
    assert next_tick(town.house) is not None


def test_two_towns_reports_in_one_kecamatan_are_counted_together(town: Town) -> None:
    """Reports of different kelurahan of one kecamatan are one surge."""
    for number in range(MOST):
        town.tell(flooded(number, ("Bidara Cina", "Cipinang Muara")[number % 2]), sender=f"+62811{number:05}")
    (surge,) = town.rows(Surge)
    assert len({report.area_code for report in town.rows(Report, surge_id=surge.id)}) == 2
