"""Too much, too rude, too mechanical: everything is kept, answers end, officials see what it is."""

import pytest

from normalizer.schema import Attachment
from store.models import Delivery, Message, Photo
from tests.unit.houses import WHOLE, Town


def tell_many(town: Town, number: int, channel: str = "sms") -> None:
    """So many reports of one person, each of another street, half a minute apart."""
    streets = [street for street in town.house.pack.streets if len(street.area_codes) == 1]
    for street in streets[:number]:
        area = town.house.pack.areas[street.area_codes[0]].name
        town.tell(f"lampu jalan mati di Jl. {street.name}, Kelurahan {area}", channel=channel, sender="1234")
        town.clock.on(seconds=15)


def test_a_mail_of_twenty_thousand_characters_is_one_report_with_one_answer(town: Town) -> None:
    words = f"{WHOLE}. " + "Sudah lama sekali begini dan tidak ada yang datang. " * 400
    town.tell(words[:20_000], channel="email", sender="siti@example.org")
    town.wait_quietly()

    assert len(town.report().description) > 19_000
    assert len(town.answers()) == 1


def test_three_hundred_photos_in_a_minute_are_on_one_report_with_one_answer(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    for number in range(30):
        photos = tuple(Attachment(ref=f"{number}-{each}", content_type="image/jpeg") for each in range(10))
        town.tell(channel="telegram", sender="1", attachments=photos)
        town.clock.on(seconds=2)
    town.wait_quietly()

    assert [photo.report_id for photo in town.rows(Photo)] == [1] * 300
    assert len(town.answers()) == 1


def test_two_hundred_reports_in_an_hour_are_all_passed_on_and_answered_twenty_times_and_once(town: Town) -> None:
    tell_many(town, 200)
    town.clock.on(days=5)
    town.wait_quietly()
    reports = town.reports()

    assert len(reports) == 200
    assert {report.status for report in reports} == {"assigned"}
    assert [bool(report.sources.get("flood")) for report in reports] == [False] * 20 + [True] * 180
    assert len(town.rows(Delivery, channel="desk")) == 200
    late = [answer for answer in town.answers() if "belum selesai" in answer]
    assert len(late) == 20  # promised to those who heard of it; the others were told of all together
    assert len(town.answers()) - len(late) == 21
    assert sum("LAPORAN SAYA" in answer for answer in town.answers()) == 1


def test_a_mailbox_reads_it_as_the_last_of_its_ten_answers(town: Town) -> None:
    tell_many(town, 30, channel="email")

    assert len(town.reports()) == 30
    assert len(town.answers()) == 10
    assert "semuanya kami terima" in town.answers()[-1]


def test_an_hour_later_they_are_answered_again(town: Town) -> None:
    tell_many(town, 22)
    town.clock.on(hours=1)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka", sender="1234")

    assert town.reports()[-1].code in town.answers()[-1]


def test_what_officials_say_of_a_flood_reaches_its_sender(town: Town) -> None:
    tell_many(town, 22)
    town.move("in_progress", notes="Tim berangkat")

    assert "Tim berangkat" in town.answers()[-1]


def test_insults_are_kept_and_not_public(town: Town) -> None:
    town.tell(f"woi goblok, {WHOLE}")
    town.tell("cepetan bego, tiang yang di pojok itu")

    assert "goblok" in town.report().description
    assert town.report().public_description == ""
    assert (town.report().service_code, town.report().status) == ("lampu_jalan", "assigned")


def test_a_dog_in_the_street_is_no_insult(town: Town) -> None:
    town.tell("anjing liar menggigit anak di Jl. Kemang Raya, Kelurahan Bangka")

    assert "anjing" in town.report().public_description


@pytest.mark.parametrize("channel", ["sms", "email", "telegram"])
def test_a_bot_that_answers_every_answer_is_left_alone_in_the_end(town: Town, channel: str) -> None:
    town.tell("saya ingin bertanya", channel=channel, sender="b@example.org")
    for number in range(150):
        rows = [row for row in town.rows(Delivery) if row.address_id]
        if number >= len(rows):
            break
        town.tell(rows[number].text, channel=channel, sender="b@example.org")
        town.wait_quietly()

    assert len(town.answers()) < 64
    assert len(town.rows(Message)) < 66
