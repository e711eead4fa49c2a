"""An official's answer to the citizen: how it reads on each channel, what it costs as SMS, when it goes."""

from datetime import UTC, datetime

import pytest

from config.canned import read_canned
from router.answers import LONGEST, CannotAnswer, answer_citizen, canned_for, reading
from router.forget import forget_all
from router.words import sms_segments
from sandbox.twilio import segments
from store.desk import Deed, Note
from store.models import Delivery, Report
from tests.unit.houses import OFFICER, WHOLE, Town
from tests.unit.test_forget import everything
from tests.unit.test_linking import BOT, MAIL, SMS
from tests.unit.test_outbox import Provider, deliver

WORDS = "Regu datang besok “pagi” – mohon tunggu…"


def answer(town: Town, words: str = WORDS) -> None:
    with town.house.store.write() as session:
        answer_citizen(session, session.get_one(Report, 1), words, by=OFFICER, house=town.house)


def told(town: Town) -> str:
    return town.answers()[-1]


def test_it_reads_as_the_officials_words_under_the_reports_code(town: Town) -> None:
    town.tell(WHOLE, **MAIL)
    answer(town)
    code = town.report().code

    assert told(town).startswith(f"Tentang laporan {code}, dari Dinas Bina Marga:\n{WORDS}\n\nBalas surel")
    assert town.report().status == "assigned"
    assert [line.what for line in town.rows(Deed)] == ["answered"]


def test_an_sms_has_plain_quotes_and_is_never_cut(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    answer(town, WORDS + " kata" * 100)

    assert told(town).startswith(
        f'{town.report().code}, Dinas Bina Marga: Regu datang besok "pagi" - mohon tunggu...'
    )
    assert told(town).endswith("kata")
    assert sms_segments(told(town)).alphabet == "GSM-7"


@pytest.mark.parametrize(
    ("text", "count", "alphabet"),
    [
        ("a" * 160, 1, "GSM-7"),
        ("a" * 161, 2, "GSM-7"),
        ("{" * 80, 1, "GSM-7"),
        ("{" * 81, 2, "GSM-7"),
        ("a" * 69 + "ł", 1, "UCS-2"),
        ("a" * 70 + "ł", 2, "UCS-2"),
        ("😀" * 35, 1, "UCS-2"),
        ("😀" * 36, 2, "UCS-2"),
        ("a" * 307, 3, "GSM-7"),
    ],
)
def test_segments_are_counted_as_the_provider_does(text: str, count: int, alphabet: str) -> None:
    said = sms_segments(text)
    assert (said.count, said.alphabet) == (count, alphabet)
    assert said.count == segments(text)


async def test_it_goes_at_night_too_and_does_not_wait(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    provider = Provider()
    await deliver(town, provider)
    town.clock.at = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # midnight in Jakarta
    town.move("accepted")
    assert await deliver(town, provider) == 0
    answer(town)
    while await deliver(town, provider):
        pass

    assert [message.text.partition(" ")[0] for message in provider.sent[1:]] == [
        "Laporan",
        f"{town.report().code},",
    ]


@pytest.mark.parametrize(("words", "why"), [("", "empty"), ("  \n", "empty"), ("x" * (LONGEST + 1), "too_long")])
def test_no_words_and_too_many_are_refused(town: Town, words: str, why: str) -> None:
    town.tell(WHOLE, **SMS)
    with pytest.raises(CannotAnswer, match=why):
        answer(town, words)


def test_on_x_it_must_fit_into_one_post(town: Town) -> None:
    town.tell(WHOLE, channel="x", sender="warga1")
    answer(town, "Kami lihat dulu lokasinya.")
    with town.house.store.read() as session, pytest.raises(CannotAnswer, match="too_long_x"):
        reading(session, session.get_one(Report, 1), "x" * 260, town.house)


def test_who_wants_no_more_of_us_or_is_forgotten_is_not_written_to(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell("BERHENTI", **SMS)
    with pytest.raises(CannotAnswer, match="nobody"):
        answer(town)
    forget_all("sms:" + SMS["sender"], town.house)
    with pytest.raises(CannotAnswer, match="nobody"):
        answer(town)


def test_of_a_forgotten_persons_reports_no_note_and_no_answer_is_left(town: Town) -> None:
    town.tell(WHOLE, **BOT)
    answer(town, "Halo Ibu RAHASIA, besok kami datang.")
    with town.house.store.write() as session:
        session.add(Note(report_id=1, by="officer:sri", text="Ini Ibu RAHASIA yang dulu", at=town.clock.at))
    forget_all("telegram:" + BOT["sender"], town.house)

    assert [row.text for row in town.rows(Note)] == [""]
    assert [row for row in town.rows(Delivery) if row.address_id] == []
    assert b"RAHASIA" not in everything(town)


def test_ready_sentences_fit_service_and_status_and_speak_the_reporters_language(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    offered = canned_for(town.report(), town.house)
    assert offered[0].startswith("Regu lampu datang")
    assert not any("Truk sampah" in each or "masih berjalan" in each for each in offered)
    town.tell("street light is out at Jl. Kemang Raya 5, Kelurahan Bangka, please fix it", sender="+62999")

    assert canned_for(town.reports()[-1], town.house)[0].startswith("The lamp crew")


@pytest.mark.parametrize("row", [{"id": "{nama}"}, {"id": "x", "services": ["bulan"]}, {}])
def test_a_ready_sentence_that_cannot_be_said_is_no_pack(row: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_canned([row], ["id"], {"sampah"})
