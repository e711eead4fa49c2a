"""Numbered questions: what they decide, what waits with them, and what happens when nobody answers."""

import pytest

from normalizer.schema import Attachment, Position
from store.models import Message, Photo, Report
from tests.unit.houses import WHOLE, Town

SECOND = "pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka"
PHOTO = Attachment(ref="photo-1", content_type="image/jpeg")
MANGGARAI = Position(lat=-6.2088, long=106.8456)


@pytest.fixture
def two(town: Town) -> Town:
    """A citizen with a street light and a tree, both called done."""
    town.tell(WHOLE)
    town.tell(SECOND)
    town.clock.on(days=2)
    for number in (0, 1):
        town.move("resolved", number=number, notes="Beres")
    return town


def statuses(town: Town) -> list[str]:
    return [report.status for report in town.reports()]


@pytest.mark.parametrize(
    ("words", "status", "stars"),
    [("sudah", "closed", None), ("belum", "reopened", None), ("5", "closed", 5), ("⭐⭐⭐⭐", "closed", 4)],
)
def test_what_was_said_has_its_effect_when_its_report_is_chosen(
    two: Town, words: str, status: str, stars: int | None
) -> None:
    two.tell(words)
    assert statuses(two) == ["resolved", "resolved"]
    (question,) = two.answers()[4:]
    assert "1 " in question
    number = "2" if question.index("Pohon") > question.index("Lampu") else "1"
    two.tell(f"nomor {number}")

    assert statuses(two) == ["resolved", status]
    assert two.reports()[1].stars == stars
    assert {row.report_id for row in two.rows(Message)[-2:]} == {2}


def test_a_choice_that_is_not_done_hands_the_words_to_the_officials(town: Town) -> None:
    town.tell(WHOLE)
    town.tell(SECOND)
    town.clock.on(days=2)
    town.tell("masih belum diperbaiki")
    town.tell("1")

    assert [row.kind for row in town.rows(Message)] == ["report", "report", "follow_up", "choice"]
    assert "sampaikan ke petugas" in town.answers()[-1]


def test_a_picture_alone_is_asked_about_when_the_quiet_time_is_over(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=2)
    town.tell(attachments=(PHOTO,))
    assert len(town.answers()) == 1
    town = town.again()
    town.wait_quietly()
    town.wait_quietly()

    assert len(town.answers()) == 2
    town.tell("1")
    assert [photo.report_id for photo in town.rows(Photo)] == [1]
    assert len(town.reports()) == 1


def test_a_picture_and_the_words_that_follow_are_a_report_without_a_question(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=2)
    town.tell(attachments=(PHOTO,), channel="sms")
    town.tell(SECOND)
    town.clock.on(days=1)
    town.wait_quietly()

    assert len(town.answers()) == 2
    assert [photo.report_id for photo in town.rows(Photo)] == [2]


def test_a_pin_that_waits_with_a_question_is_not_lost(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=2)
    town.tell(position=MANGGARAI)
    town.wait_quietly()
    town.tell("laporan baru")
    town.tell("pohon tumbang nutup jalan")

    new = town.reports()[1]
    assert (new.service_code, new.lat, new.long) == ("pohon", MANGGARAI.lat, MANGGARAI.long)


def test_nobody_chose_the_same_problem_joins_the_report_that_it_is_most_likely_about(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=2)
    town.tell("lampu jalan mati")
    town.clock.on(hours=24, seconds=1)
    town.wait_quietly()

    assert [row.report_id for row in town.rows(Message)] == [1, 1]
    assert "tambahkan" in town.answers()[-1]


def test_a_finished_report_told_again_is_opened_again_or_a_new_one_as_its_reporter_chooses(town: Town) -> None:
    for answer, expected in (("1", ["reopened"]), ("2", ["reopened", "assigned"])):
        if answer == "1":
            town.tell(WHOLE)
        town.move("resolved", number=0, notes="Beres")
        town.tell("sudah beres")
        town.clock.on(days=3)
        town.tell(WHOLE)
        assert "ditutup" in town.answers()[-1]
        if answer == "2":
            town.tell("laporan baru")
            assert len(town.reports()) == 2
            assert [row.report_id for row in town.rows(Message)][-2:] == [2, 2]
        else:
            town.tell("1")
            assert statuses(town) == expected


def test_half_an_answer_is_thanked_for_and_the_other_half_asked(town: Town) -> None:
    town.tell("ada masalah nih pak tolong dibantu")
    town.wait_quietly()
    town.tell("di Jl. Kemang Raya, Kelurahan Bangka")
    asked, half = town.answers()

    assert "di mana" in asked.lower()
    assert "di mana" not in half.lower()
    assert "masalahnya" in half.lower()
    town.tell("lampu jalan mati")
    assert (town.report().status, town.report().service_code) == ("assigned", "lampu_jalan")


def test_an_answer_that_does_not_help_is_thanked_for_once_and_not_asked_again(town: Town) -> None:
    town.tell("lampu jalan mati sudah seminggu")
    town.wait_quietly()
    town.clock.on(hours=1)
    town.tell("di depan rumah saya lah pak")
    for _ in range(3):
        town.tell(attachments=(PHOTO,))

    assert len(town.answers()) == 2
    assert "?" not in town.answers()[1]
    assert {row.report_id for row in town.rows(Message)} == {1}


def test_the_number_and_the_place_in_one_answer_are_both_taken(town: Town) -> None:
    town.tell("ada masalah nih pak tolong dibantu")
    town.wait_quietly()
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        report.sources = {"service": {"alternatives": [["pohon", 0.3], ["sampah", 0.3]]}}
    town.tell("2, di Jl. Kemang Raya, Kelurahan Bangka")

    assert (town.report().service_code, town.report().status) == ("sampah", "assigned")


@pytest.mark.parametrize("kelurahan", ["Semper Barat", "Kota Bambu Utara"])
def test_the_same_problem_told_again_without_its_street_is_asked_about(town: Town, kelurahan: str) -> None:
    town.tell(f"lampu jalan mati di Jl. Angin Pusar, Kelurahan {kelurahan}")
    town.clock.on(days=2)
    town.tell(f"lampu jalan mati di Kelurahan {kelurahan}")
    town.wait_quietly()

    assert len(town.reports()) == 1
    assert "1 Lampu jalan" in town.answers()[-1]


def test_both_are_meant_by_who_says_so(two: Town) -> None:
    two.tell("sudah")
    two.tell("dua-duanya")

    assert statuses(two) == ["closed", "closed"]
    assert len(two.answers()) == 7  # one for each step, the question, and one for each of the two


def test_an_answer_that_is_no_option_is_asked_about_once_more(two: Town) -> None:
    two.tell("sudah")
    two.tell("gatau")
    first, second = two.answers()[4:]
    two.tell("1")

    assert first == second
    assert sorted(statuses(two)) == ["closed", "resolved"]
