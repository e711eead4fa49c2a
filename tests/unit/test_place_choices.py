"""Two places that cannot both be right are asked about once, and an answer that names one settles it."""

import pytest

from normalizer.schema import PhotoFacts, Position
from router.completing import take_photo_facts
from store.models import Delivery, Photo, Report
from tests.unit.houses import Town

MENTENG = Position(lat=-6.1964, long=106.8318)
KOJA = "Lampu jalan mati di Jl. Deli, Kelurahan Koja"
NEXT_DOOR = "lampu jalan mati di depan pasar rumput, manggarai"


def told(town: Town, number: int = -1) -> Delivery:
    return [row for row in town.rows(Delivery) if row.channel != "desk"][number]


def only(town: Town) -> Report:
    (report,) = town.rows(Report)
    return report


def test_words_and_a_pin_far_apart_are_asked_about_with_two_buttons(town: Town) -> None:
    town.tell(KOJA, position=MENTENG, channel="telegram", sender="77")
    town.wait_quietly()
    asked = told(town)
    assert "titik lokasinya di" in asked.text.lower()
    assert "Anda menulis Koja. Yang benar yang mana?" in asked.text
    assert asked.buttons[1] == ["Koja", "Koja"]
    assert only(town).asked_for == "place"


@pytest.mark.parametrize(("answer", "code"), [("Koja", "31.72.03.1001"), ("yang saya tulis", "31.72.03.1001")])
def test_the_answer_that_names_the_words_settles_it(town: Town, answer: str, code: str) -> None:
    town.tell(KOJA, position=MENTENG)
    town.wait_quietly()
    town.tell(answer)
    report = only(town)
    assert (report.area_code, report.asked_for) == (code, None)
    assert report.address_string == "Jl. Deli, Koja, Jakarta Utara"
    assert report.status == "assigned"


def test_the_answer_that_names_the_pin_keeps_its_point(town: Town) -> None:
    town.tell(KOJA, position=MENTENG)
    town.wait_quietly()
    town.tell("sesuai titik lokasi")
    report = only(town)
    assert (report.lat, report.long) == (MENTENG.lat, MENTENG.long)
    assert (report.area_code or "").startswith("31.71.06.")
    assert "Koja" not in (report.address_string or "")
    assert report.asked_for is None


def test_an_answer_that_names_neither_is_not_asked_again(town: Town) -> None:
    town.tell(KOJA, position=MENTENG)
    town.wait_quietly()
    before = len(town.rows(Delivery))
    town.tell("yang dekat warung itu")
    town.tell("secepatnya ya")
    (thanks,) = town.rows(Delivery)[before:]
    assert thanks.text.startswith("Terima kasih, kami tambahkan")
    assert only(town).asked_for == "place"


@pytest.mark.parametrize(
    ("words", "area"), [("yang pertama", "31.71.06.1001"), ("2", "31.72.03.1001"), ("3", None)]
)
def test_a_place_may_be_named_by_its_number(town: Town, words: str, area: str | None) -> None:
    town.tell(KOJA, position=MENTENG)
    town.wait_quietly()
    town.tell(words)
    assert (only(town).asked_for is None) is (area is not None)
    assert area in {only(town).area_code, None}


def test_a_market_next_door_is_asked_about_by_both_names(town: Town) -> None:
    town.tell(NEXT_DOOR)
    town.wait_quietly()
    assert "Manggarai atau Pasar Manggis?" in told(town).text
    assert only(town).area_code == "31.74.01.1007"
    town.tell("pasar manggis")
    assert (only(town).area_code, only(town).asked_for) == ("31.74.02.1006", None)


def test_a_photo_that_comes_later_from_elsewhere_is_asked_about_once(town: Town) -> None:
    town.tell(KOJA)
    before = len(town.rows(Delivery))
    for _ in range(2):
        with town.house.store.write() as session:
            photo = Photo(report_id=only(town).id)
            take_photo_facts(session, photo, PhotoFacts(readable=True, position=MENTENG), town.house)
    assert len(town.rows(Delivery)) == before + 1
    assert "otonya dari" in told(town).text
    town.tell("Koja")
    assert (only(town).area_code, only(town).asked_for) == ("31.72.03.1001", None)


def test_a_photo_nearby_joins_in_silence(town: Town) -> None:
    town.tell("Lampu jalan mati di Kelurahan Menteng")
    before = len(town.rows(Delivery))
    with town.house.store.write() as session:
        facts = PhotoFacts(readable=True, position=MENTENG)
        take_photo_facts(session, Photo(report_id=only(town).id), facts, town.house)
    assert len(town.rows(Delivery)) == before
    assert (only(town).lat, only(town).long) == (MENTENG.lat, MENTENG.long)
