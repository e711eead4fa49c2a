"""What a message is taken for: told to a real house, with a clock that only the test turns."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from normalizer.schema import Attachment, AutoKind, InboundMessage, Position
from router.clock import tick
from router.codes import new_code, thread_of
from router.intake import keep_parts, take_message, take_messages
from router.reading import understand
from store.models import Address, Delivery, Message, Photo, Report, Reporter
from tests.unit.houses import CITIZEN, NO_PLACE, ROUTER, WHOLE, Town, new_town

MANGGARAI = Position(lat=-6.2088, long=106.8456)
PIN_ONLY_PLACE = "tolong pak di Jl. Manggarai Utara 2 Kelurahan Manggarai mohon segera ditindaklanjuti"
LAMP = "lampu jalan mati di Jl. Kemang Raya, Kelurahan Bangka"
PHOTO = Attachment(ref="photo-1", content_type="image/jpeg")


def kinds(town: Town) -> list[str]:
    return [row.kind for row in town.rows(Message)]


def thread_for(town: Town, code: str) -> str:
    return thread_of(town.house.keys.derive("thread"), code)


# --- once ---------------------------------------------------------------------------------------------------


def test_the_same_message_twice_is_one_report_with_one_answer(town: Town) -> None:
    for _ in range(3):
        town.tell(WHOLE, external_id="SM1")

    assert len(town.reports()) == len(town.rows(Message)) == len(town.answers()) == 1


def test_the_same_message_from_twenty_threads_at_once_is_one_report(town: Town) -> None:
    failed: list[BaseException] = []

    def tell() -> None:
        try:
            town.tell(WHOLE, external_id="SM1")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=tell) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(town.reports()) == len(town.rows(Message)) == len(town.answers()) == 1
    assert len(town.rows(Reporter)) == len(town.rows(Address)) == 1


def test_twenty_citizens_at_once_have_twenty_reports(town: Town) -> None:
    threads = [
        threading.Thread(target=town.tell, args=(WHOLE,), kwargs={"sender": f"+62{n}", "external_id": f"S{n}"})
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({report.code for report in town.reports()}) == 20
    assert len({report.reporter_id for report in town.reports()}) == 20
    assert len(town.answers()) == 20


def test_an_id_counts_on_its_own_channel_and_account(town: Town) -> None:
    town.tell(WHOLE, external_id="1")
    town.tell(WHOLE, external_id="1", channel="whatsapp")
    town.tell(WHOLE, external_id="1", account="+6291")

    assert len(town.rows(Message)) == 3


def test_after_a_restart_in_between_a_repeat_is_still_one(town: Town) -> None:
    town.tell(WHOLE, external_id="SM1")
    after = town.again()
    after.tell(WHOLE, external_id="SM1")

    assert len(after.reports()) == len(after.answers()) == 1


# --- several messages, one report ---------------------------------------------------------------------------


def test_a_pin_right_after_the_words_completes_them_with_one_answer(town: Town) -> None:
    town.tell("pohon tumbang nutup jalan", channel="telegram", sender="1")
    assert town.answers() == []
    town.clock.on(seconds=3)
    town.tell(channel="telegram", sender="1", position=MANGGARAI)

    report = town.report()
    assert (report.service_code, report.agency_id, report.status) == ("pohon", "tamhut", "assigned")
    assert (report.lat, report.long) == (MANGGARAI.lat, MANGGARAI.long)
    assert len(town.answers()) == 1


def test_a_pin_after_a_whole_report_betters_its_place_in_silence(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    town.clock.on(seconds=60)
    town.tell(channel="telegram", sender="1", position=MANGGARAI)

    assert (town.report().lat, town.report().long) == (MANGGARAI.lat, MANGGARAI.long)
    assert town.report().sources["place"]["source"] == "pin"
    assert len(town.answers()) == 1


def test_words_after_a_pin_are_one_report(town: Town) -> None:
    town.tell(channel="telegram", sender="1", position=MANGGARAI)
    town.clock.on(seconds=3)
    town.tell("pohon tumbang nutup jalan", channel="telegram", sender="1")

    assert town.report().service_code == "pohon"
    assert len(town.answers()) == 1


def test_quiet_time_over_the_one_question_is_asked_once(town: Town) -> None:
    town.tell(NO_PLACE)
    assert (town.answers(), town.report().acknowledged_at) == ([], None)
    town.wait_quietly()
    town.wait_quietly()

    (asked,) = town.answers()
    assert town.report().code in asked
    assert "?" in asked
    assert town.report().asked_for == "place"


def test_who_does_not_answer_is_reminded_once_after_a_day_and_told_after_three(town: Town) -> None:
    town.tell(PIN_ONLY_PLACE)
    town.wait_quietly()
    for _ in range(20):
        town.clock.on(hours=6)
        town.wait_quietly()

    asked, reminded, closed = town.answers()
    assert "?" in asked
    assert "masih menunggu" in reminded
    assert "tutup" in closed
    assert town.report().status == "closed"


def test_an_answer_after_that_opens_it_again(town: Town) -> None:
    town.tell(PIN_ONLY_PLACE)
    town.wait_quietly()
    for _ in range(20):
        town.clock.on(hours=6)
        town.wait_quietly()
    town.tell("lampu jalan mati")

    assert (town.report().status, town.report().agency_id) == ("assigned", "dbm")
    assert len(town.reports()) == 1


def test_quiet_time_goes_on_over_a_restart(town: Town) -> None:
    town.tell(NO_PLACE)
    after = town.again()
    assert after.answers() == []
    after.wait_quietly()

    assert len(after.answers()) == 1


def test_without_quiet_time_the_question_comes_at_once(tmp_path: Path) -> None:
    town = new_town(tmp_path, quiet_seconds=0)
    town.tell(NO_PLACE)

    assert "?" in town.answers()[0]


def test_the_answer_to_the_question_completes_the_report(town: Town) -> None:
    town.tell(NO_PLACE)
    town.wait_quietly()
    town.clock.on(hours=5)
    town.tell("di Jl Kemang Raya, Kelurahan Bangka")

    report = town.report()
    assert report.asked_for is None
    assert town.house.pack.areas[report.area_code].name == "Bangka"
    assert len(town.answers()) == 2
    assert report.code in town.answers()[1]
    assert "Bangka" in town.answers()[1]


def test_an_answer_that_comes_twice_is_one(town: Town) -> None:
    town.tell(NO_PLACE)
    town.wait_quietly()
    for _ in range(2):
        town.tell("di Jl Kemang Raya, Kelurahan Bangka", external_id="answer")

    assert len(town.answers()) == 2
    assert town.report().description.count("Kemang") == 1


def test_another_problem_at_another_place_is_another_report(town: Town) -> None:
    town.tell(NO_PLACE)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka")

    assert [report.service_code for report in town.reports()] == ["lampu_jalan", "pohon"]


def test_two_whole_reports_of_one_citizen_are_two(town: Town) -> None:
    town.tell(WHOLE)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka")

    assert len(town.reports()) == len(town.answers()) == 2
    assert len(town.rows(Reporter)) == 1


def test_what_one_citizen_leaves_open_is_not_completed_by_another(town: Town) -> None:
    town.tell(NO_PLACE, sender="+621")
    town.tell("di Jl Kemang Raya, Kelurahan Bangka", sender="+622")

    assert town.reports()[0].area_code is None


@pytest.mark.parametrize("words", ["gatau pak", "apa?", "nanti saya kirim", "Menteng"])
def test_an_answer_that_does_not_help_is_thanked_for_once_however_quick_it_is(town: Town, words: str) -> None:
    town.tell(NO_PLACE)
    town.wait_quietly()
    town.tell(words)
    town.tell(attachments=(PHOTO,))
    (_, noted) = town.answers()

    assert "kelurahan" in noted
    assert town.report().asked_for == "place"


def test_a_bare_name_answers_our_question_for_the_kelurahan(town: Town) -> None:
    town.tell(NO_PLACE)
    town.wait_quietly()
    town.tell("Bangka")

    assert (town.report().asked_for, town.report().address_string) == (
        None,
        "Bangka, Mampang Prapatan, Jakarta Selatan",
    )


def test_who_stopped_us_and_answers_our_question_hears_what_came_of_it(town: Town) -> None:
    town.tell(NO_PLACE, channel="whatsapp")
    town.wait_quietly()
    town.tell("berhenti", channel="whatsapp")
    town.tell("Jl. Manggarai Utara 2, Kelurahan Manggarai", channel="whatsapp")

    assert "lengkap" in town.answers()[-1]


def test_a_danger_that_is_told_later_makes_a_report_urgent_and_its_sender_hears_whom_to_call(town: Town) -> None:
    code = town.tell(WHOLE) and town.report().code
    town.clock.on(hours=2)
    town.tell("tiangnya nyetrum, anak saya hampir kena", thread=thread_for(town, code))

    assert town.report().urgent
    assert "112" in town.answers()[1]
    assert [row.kind for row in town.rows(Message)] == ["report", "follow_up"]


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("eh salah, maksud saya kelurahan Pela Mampang", "Pela Mampang, Mampang Prapatan, Jakarta Selatan"),
        (
            "bukan Jl. Kemang Raya, tapi Jl. Kemang Timur",
            "Jl. Kemang Timur, Bangka, Mampang Prapatan, Jakarta Selatan",
        ),
        ("salah ketik, harusnya rt 5", "Jl. Kemang Raya, Bangka, Mampang Prapatan, Jakarta Selatan"),
        ("maksudnya di Bangka pak", "Jl. Kemang Raya, Bangka, Mampang Prapatan, Jakarta Selatan"),
    ],
)
def test_a_correction_moves_the_report_that_was_told_last(town: Town, words: str, address: str) -> None:
    town.tell(LAMP)
    before = town.report().address_string
    town.clock.on(minutes=2)
    town.tell(words, channel="sms")

    assert town.report().address_string == address
    assert len(town.answers()) == 2
    assert ("lengkap" in town.answers()[1]) is (address != before)


def test_a_correction_of_what_somebody_works_on_is_theirs_to_read(town: Town) -> None:
    town.tell(LAMP)
    town.move("in_progress")
    town.tell("eh salah, maksud saya kelurahan Pela Mampang")

    assert town.report().address_string == "Jl. Kemang Raya, Bangka, Mampang Prapatan, Jakarta Selatan"
    assert town.report().unread


def test_a_wrong_correction_may_be_corrected(town: Town) -> None:
    town.tell(LAMP)
    town.tell("eh salah, maksud saya kelurahan Pela Mampang")
    town.tell("eh bukan, yang benar kelurahan Cipete Utara")

    assert town.report().address_string == "Cipete Utara, Kebayoran Baru, Jakarta Selatan"


def test_what_is_told_beside_a_report_shares_its_place_or_its_problem(town: Town) -> None:
    town.tell(LAMP)
    town.tell("sampah juga numpuk di situ")
    town.tell("yang di Jl. Fatmawati Kelurahan Cipete Selatan juga numpuk")
    found = [(report.service_code, report.area_code, report.asked_for) for report in town.reports()]

    assert found == [
        ("lampu_jalan", "31.74.03.1002", None),
        ("sampah", "31.74.03.1002", None),
        ("sampah", "31.74.06.1005", None),
    ]


def test_what_goes_on_with_an_old_report_is_at_its_place(town: Town) -> None:
    town.tell(LAMP)
    town.move("resolved", notes="Beres")
    town.tell("sudah")
    town.clock.on(days=40)
    town.tell("lampunya mati lagi", thread=thread_for(town, town.report().code))

    assert [report.area_code for report in town.reports()] == ["31.74.03.1002"] * 2
    assert town.reports()[1].asked_for is None


def test_who_thinks_better_of_being_forgotten_keeps_their_report(town: Town) -> None:
    town.tell(LAMP)
    town.tell("hapus data saya")
    town.tell("ga jadi")

    assert town.report().status == "assigned"


def test_what_was_taken_back_while_it_was_told_stays_taken_back(town: Town) -> None:
    town.tell("mah nanti beliin telor ya")
    town.tell("eh salah kirim maaf")
    town.tell("haha")
    town.wait_quietly()
    town.clock.on(days=2)
    tick(town.house)

    assert town.report().status == "closed"
    assert not any("menunggu jawaban" in text for text in town.answers())


def test_who_cannot_wait_is_told_once_in_a_while(town: Town) -> None:
    town.tell(LAMP)
    for words in ("woi", "cepet", "???", "kapan"):
        town.tell(words)
    assert len(town.answers()) == 2
    town.clock.on(minutes=6)
    town.tell("kapan")

    assert len(town.answers()) == 3


def test_of_a_report_is_spoken_in_its_language(town: Town) -> None:
    town.tell("pagi")
    town.tell("Hello, the street light is out on Jl. Kemang Raya, Kelurahan Bangka")
    town.clock.on(days=1)
    town.tell("it works now, thank you so much")

    assert "Thank" in town.answers()[-1]


def test_a_mail_that_is_only_a_subject_is_read(town: Town) -> None:
    mail = {"channel": "email", "account": "lapor@localhost", "sender": "siti@example.org"}
    town.tell(subject=f"Fwd: {WHOLE}", attachments=(PHOTO,), **mail)
    town.tell(
        subject=f"Re: Laporan {town.report().code}: Lampu jalan",
        thread=thread_for(town, town.report().code),
        **mail,
    )

    assert town.report().service_code == "lampu_jalan"
    assert town.report().area_code is not None
    assert [row.text for row in town.rows(Message)] == [WHOLE, ""]


def test_our_own_subject_says_nothing_of_the_problem(town: Town) -> None:
    mail = {"channel": "email", "account": "lapor@localhost", "sender": "siti@example.org"}
    town.tell(WHOLE, **mail)
    code = town.report().code
    words = "Ada laporan lain: sampah menumpuk di Jl. Fatmawati, Kelurahan Cipete Selatan"
    town.tell(words, subject=f"Re: Laporan {code}: Lampu jalan (PJU) mati", thread=thread_for(town, code), **mail)

    assert [report.service_code for report in town.reports()] == ["lampu_jalan", "sampah"]


def test_a_beginning_in_two_messages_is_told_how_to_report_once(town: Town) -> None:
    town.tell("halo")
    town.tell("mau lapor")

    assert len(town.answers()) == 1


# --- codes, threads, answers to our messages ----------------------------------------------------------------


@pytest.mark.parametrize("ask", ["{code}", "status {code}", "cek laporan {code}?", "  {small} "])
def test_a_code_alone_asks_for_the_status(town: Town, ask: str) -> None:
    town.tell(WHOLE)
    code = town.report().code
    town.tell(ask.format(code=code, small=code.lower()), sender="+62999")

    assert kinds(town)[1] == "status"
    assert town.answers()[1].startswith(f"Laporan {code}: Diteruskan ke Dinas Bina Marga")
    assert len(town.reports()) == 1


def test_a_stranger_with_the_code_reads_the_area_and_changes_nothing(town: Town) -> None:
    town.tell(WHOLE)
    report = town.report()
    town.tell(f"{report.code} sudah beres, tutup saja, di Jl. Kemang Raya", sender="+62999")
    stranger = town.rows(Message)[1]

    assert (stranger.kind, stranger.report_id) == ("status", None)
    assert "Manggarai" in town.answers()[1]
    assert "Utara 2" not in town.answers()[1]
    assert (town.report().status, town.report().description) == (report.status, report.description)


def test_the_reporter_adds_words_with_the_code(town: Town) -> None:
    town.tell(WHOLE)
    code = town.report().code
    town.tell(f"laporan {code} tiangnya juga miring", attachments=(PHOTO,))

    assert kinds(town) == ["report", "follow_up"]
    assert [photo.report_id for photo in town.rows(Photo)] == [town.report().id]
    assert code in town.answers()[1]


def test_a_code_that_nobody_has_is_no_code(town: Town) -> None:
    town.tell(f"kode saya {new_code()}, {WHOLE}")

    assert kinds(town) == ["report"]


def test_a_forged_thread_opens_nothing(town: Town) -> None:
    town.tell(WHOLE, channel="email", sender="siti@example.org")
    code = town.report().code
    real = thread_for(town, code)
    for forged in (f"{code.lower()}.{'a' * 16}", f"{new_code().lower()}.{real.partition('.')[2]}", real[:-1], "."):
        town.tell("tutup saja", channel="email", sender="evil@example.org", thread=forged)

    assert {row.report_id for row in town.rows(Message)[1:]} == {None}


def test_the_real_thread_reaches_its_report_from_another_mailbox_too(town: Town) -> None:
    town.tell(WHOLE, channel="email", sender="siti@example.org")
    thread = thread_for(town, town.report().code)
    town.tell("Tiangnya juga miring", channel="email", sender="siti@kantor.example", thread=thread.upper())

    assert [row.report_id for row in town.rows(Message)] == [1, 1]
    assert len(town.reports()) == 1


def sent(town: Town, provider_id: str) -> None:
    """The newest delivery to a citizen went out under this id."""
    newest = [row for row in town.rows(Delivery) if row.address_id][-1]
    with town.house.store.write() as session:
        session.execute(update(Delivery).where(Delivery.id == newest.id).values(provider_id=provider_id))


def test_an_answer_to_our_message_joins_its_report(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    sent(town, "1:55")
    town.tell("Tiangnya juga miring sekali", channel="telegram", sender="1", in_reply_to=("1:55",))

    assert kinds(town) == ["report", "follow_up"]
    assert len(town.reports()) == 1


def test_an_answer_to_our_message_from_somebody_else_changes_nothing(town: Town) -> None:
    town.tell(WHOLE, channel="x", sender="siti")
    sent(town, "555")
    town.move("resolved", notes="Diganti")
    town.tell("belum, masih gelap", channel="x", sender="orang", in_reply_to=("555",))

    assert town.reports()[0].status == "resolved"
    assert town.rows(Message)[-1].report_id != town.reports()[0].id


def test_an_answer_on_another_channel_to_the_same_id_is_none(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    sent(town, "77")
    town.tell("Tiangnya juga miring", channel="whatsapp", sender="1", in_reply_to=("77",))

    assert town.rows(Message)[-1].report_id != 1


def test_an_edit_belongs_to_what_it_edits(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1", external_id="bot:1")
    town.tell(WHOLE + ", dekat pasar", channel="telegram", sender="1", external_id="bot:1:edit", edit_of="bot:1")

    assert [row.report_id for row in town.rows(Message)] == [1, 1]
    assert len(town.reports()) == 1


OTHER_STREET = "lampu jalan mati di Jl. Kemang Raya, Kelurahan Bangka"


def tell_together(town: Town, *said: dict[str, Any]) -> None:
    """Messages of one Telegram chat that come in one batch, as after an hour in which nothing was worked off."""
    base = {"channel": "telegram", "account": "bot", "sender": "1"}
    heard = [understand(InboundMessage(**base, **each), town.house.pack) for each in said]
    take_messages(town.house, [keep_parts(town.house, each, "raw", town.house.now()) for each in heard])


def test_an_edit_in_the_same_batch_as_what_it_edits_is_no_second_report(town: Town) -> None:
    tell_together(
        town,
        {"text": WHOLE, "external_id": "bot:1"},
        {"text": OTHER_STREET, "external_id": "bot:1:edit", "edit_of": "bot:1"},
    )

    assert len(town.reports()) == 1
    assert len(town.answers()) == 1


def test_an_answer_to_their_own_message_of_the_same_batch_belongs_to_it(town: Town) -> None:
    tell_together(
        town,
        {"text": WHOLE, "external_id": "bot:1", "reply_ref": "1:1"},
        {"text": OTHER_STREET, "external_id": "bot:2", "reply_ref": "1:2"},
        {"text": "tiangnya miring", "external_id": "bot:3", "in_reply_to": ("1:1",)},
    )

    assert [row.report_id for row in town.rows(Message)] == [1, 2, 1]


def test_what_has_no_sender_is_kept_joins_nothing_and_owes_nothing(town: Town) -> None:
    for text in (WHOLE, "halo", "STATUS"):
        town.tell(text, sender="")

    assert kinds(town) == ["auto"] * 3
    assert town.reports() == town.rows(Delivery) == []


@pytest.mark.parametrize(
    ("words", "status"), [("sudah beres, terima kasih", "closed"), ("belum, masih gelap", "reopened")]
)
def test_yes_to_resolved_closes_and_no_reopens(town: Town, words: str, status: str) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    town.move("resolved", notes="Lampu diganti")
    sent(town, "1:9")
    town.tell(words, channel="telegram", sender="1", in_reply_to=("1:9",))

    assert town.history() == ["received", "assigned", "resolved", status]
    assert len(town.answers()) == 3


def test_the_answer_to_an_officials_question_gives_the_report_back(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    town.move("in_progress")
    town.move("needs_info", notes="Tiang nomor berapa?")
    sent(town, "1:9")
    town.tell("nomor 12", channel="telegram", sender="1", in_reply_to=("1:9",))

    assert town.report().status == "in_progress"
    assert town.rows(Message)[-1].report_id == 1


# --- what is never answered, and how often the rest is -------------------------------------------------------


@pytest.mark.parametrize("auto", ["bounce", "auto_reply", "list", "own"])
def test_what_a_program_sent_is_kept_and_never_answered(town: Town, auto: AutoKind) -> None:
    town.tell(WHOLE, channel="email", sender="siti@example.org")
    thread = thread_for(town, town.report().code)
    before = town.report()
    for more in ({}, {"thread": thread}, {"text": before.code}, {"attachments": (PHOTO,)}, {"sender": ""}):
        town.tell(**{"text": WHOLE, "channel": "email", "sender": "siti@example.org", "auto": auto, **more})

    assert kinds(town) == ["report"] + ["auto"] * 5
    assert len(town.reports()) == len(town.answers()) == 1
    assert town.report().description == before.description


def test_a_mailbox_gets_ten_automatic_answers_an_hour(town: Town) -> None:
    for number in range(25):
        town.tell("halo", channel="email", sender="robot@example.org", external_id=f"{number}")
    town.tell("halo", channel="email", sender="siti@example.org")
    assert len(town.answers(address_id=1)) == 10
    assert len(town.answers(address_id=2)) == 1

    town.clock.on(hours=1, seconds=1)
    town.tell("halo", channel="email", sender="robot@example.org")
    assert len(town.answers(address_id=1)) == 11


def test_over_the_limit_reports_are_still_opened_and_handed_over(town: Town) -> None:
    for number in range(12):
        words = f"lampu jalan mati di Jl. Manggarai Utara {number} No {number}, Kelurahan Manggarai"
        town.tell(words, channel="email", sender="siti@example.org", external_id=f"{number}")

    assert [report.status for report in town.reports()] == ["assigned"] * 12
    assert len(town.rows(Delivery, channel="desk")) == 12
    assert len(town.answers()) == 10


def test_what_officials_say_is_not_counted_out(town: Town) -> None:
    for number in range(12):
        town.tell(WHOLE, channel="email", sender="siti@example.org", external_id=f"{number}")
    town.move("in_progress", notes="Tim berangkat")

    assert "Tim berangkat" in town.answers()[-1]


def test_two_machines_that_answer_each_other_fall_silent(town: Town) -> None:
    """A machine without any mark of one, that answers each of our mails at once."""
    town.tell(NO_PLACE, channel="email", sender="robot@example.org")
    town.wait_quietly()
    for number in range(60):
        rows = [row for row in town.rows(Delivery) if row.address_id]
        if number >= len(rows):
            break
        town.tell(
            f"Re: {rows[number].text}", channel="email", sender="robot@example.org", external_id=f"re{number}"
        )
        town.wait_quietly()

    assert len(town.answers()) <= 11


def test_thanks_need_no_answer(town: Town) -> None:
    town.tell(WHOLE, channel="telegram", sender="1")
    sent(town, "1:9")
    town.tell("terima kasih pak", channel="telegram", sender="1", in_reply_to=("1:9",))

    assert len(town.answers()) == 1
    assert len(town.reports()) == 1


def test_a_greeting_is_told_how_to_report(town: Town) -> None:
    for text in ("halo", "", "   \n", "\u200b", "👍"):
        town.tell(text)

    assert set(kinds(town)) == {"how_to"}
    assert len(town.answers()) == 5
    assert town.reports() == []


# --- what the wire may bring --------------------------------------------------------------------------------

STRANGE: dict[str, Callable[[], str]] = {
    "NUL": lambda: f"\x00{WHOLE}\x00",
    "20,000 letters": lambda: (WHOLE + " ") * 300,
    "one long word": lambda: "a" * 20_000,
    "20,000 dots": lambda: "." * 20_000,
    "right to left": lambda: "\u202eشارع مكسور في Manggarai\u202c " + WHOLE,
    "only marks": lambda: "\u0301" * 5000,
    "braces": lambda: "{code} {0} %s {{}} " + WHOLE,
    "control": lambda: "\x1b[31m\x07" + WHOLE,
    "sql": lambda: "'; DROP TABLE reports; --" + WHOLE,
}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_words_are_kept_and_answered(town: Town, what: str) -> None:
    town.tell(STRANGE[what]())
    town.wait_quietly()

    assert len(town.rows(Message)) == len(town.answers()) == 1
    assert "\x00" not in "".join(report.description for report in town.reports())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
    subject=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50),
    references=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30), max_size=3),
    channel=st.sampled_from(["sms", "whatsapp", "email", "telegram", "x"]),
)
def test_any_message_is_kept(town: Town, text: str, subject: str, references: list[str], channel: str) -> None:
    before = len(town.rows(Message))
    town.tell(text, subject=subject, in_reply_to=tuple(references), thread=text[:30], channel=channel)

    assert len(town.rows(Message)) == before + 1


def test_two_hundred_attachments_are_kept_on_one_report(town: Town) -> None:
    many = tuple(Attachment(content=f"no photo {n}".encode(), name=f"{n}.jpg") for n in range(100))
    owed = tuple(Attachment(ref=f"ref{n}") for n in range(100))
    town.tell(WHOLE, attachments=many + owed)

    states = [photo.state for photo in town.rows(Photo, report_id=1)]
    assert (states.count("unreadable"), states.count("owed")) == (100, 100)
    assert len(town.answers()) == 1


def test_a_photo_that_is_none_is_kept_as_unreadable(town: Town) -> None:
    town.tell(WHOLE, attachments=(Attachment(content=b"\xff\xd8\xff\xe0 broken", content_type="image/jpeg"),))
    (photo,) = town.rows(Photo)

    assert (photo.state, photo.copy_key, photo.report_id) == ("unreadable", None, 1)
    assert town.house.store.media.get(photo.media_key) == b"\xff\xd8\xff\xe0 broken"


def test_an_attachment_that_can_neither_be_had_nor_fetched_is_shown_as_lost(town: Town) -> None:
    town.tell(WHOLE, attachments=(Attachment(note="too large for the bot"),))

    assert [(photo.state, photo.note) for photo in town.rows(Photo)] == [("lost", "too large for the bot")]


@pytest.mark.parametrize("position", [Position(lat=0.0, long=0.0), Position(lat=51.5, long=-0.1)])
def test_a_pin_outside_of_the_city_is_no_place(town: Town, position: Position) -> None:
    town.tell("pohon tumbang nutup jalan", position=position)
    town.wait_quietly()

    assert town.report().agency_id == "tamhut"
    assert town.report().area_code is None


def test_a_transaction_that_breaks_leaves_nothing_behind(town: Town) -> None:
    """The message, its report and what is owed are one transaction: all of it or nothing."""
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_deliveries BEFORE INSERT ON deliveries BEGIN SELECT RAISE(FAIL, 'no'); END"
        )
    with pytest.raises(Exception, match="no"):
        town.tell(WHOLE, external_id="SM1")
    assert (town.reports(), town.rows(Message)) == ([], [])

    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER no_deliveries")
    town.tell(WHOLE, external_id="SM1")
    assert len(town.reports()) == len(town.answers()) == 1


def test_the_history_says_who_did_what(town: Town) -> None:
    town.tell(NO_PLACE)
    town.wait_quietly()
    history = town.again()
    with history.house.store.read() as session:
        lines = [(line.status, line.by) for line in session.get_one(Report, 1).history]

    assert lines == [("received", CITIZEN.name), ("assigned", ROUTER.name)]


# --- what is logged -----------------------------------------------------------------------------------------


def test_no_log_line_repeats_what_was_said_or_by_whom(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = {"sender": "rahasia.warga@example.org", "channel": "email", "account": "lapor@localhost"}
    town.tell(f"{WHOLE} kata-rahasia", subject="judul-rahasia", **secret)
    for _ in range(12):
        town.tell("halo", **secret)
    town.tell(**secret, thread="kode.rahasia", auto="bounce")
    town.wait_quietly()
    written = "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.records)

    assert "limit is reached" in written
    assert "rahasia" not in written
    assert "Manggarai" not in written
    assert town.report().code not in written


def test_taking_a_message_wakes_the_outbox(town: Town) -> None:
    woken: list[bool] = []
    message = town.tell(WHOLE)
    house = replace(town.house, wake=lambda *_: woken.append(True))
    take_message(house, replace(message, external_id="another"), "raw", house.now())

    assert woken == [True]
