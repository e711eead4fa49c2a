"""A complaint goes all the way and the answer comes back, on every channel, seen from outside."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from town import CHANNELS, PLACE, TEXT, Town, code_in, eventually, free_port, jpeg, new_citizen, report


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_complaint_with_photo_and_place_gets_a_code_and_stands_at_its_agency(town: Town, channel: str) -> None:
    citizen = new_citizen(channel)
    town.say(channel, citizen, TEXT, photos=(jpeg(),), **PLACE)

    code = code_in(town.answer(channel, citizen))
    kept = report(town, code)
    assert kept["service_code"] == "lampu_jalan"
    assert kept["agency_id"] == "dbm"
    assert kept["extended_status"] == "assigned"


def test_a_proxy_of_the_environment_is_asked_for_no_stand_in(new_town: Callable[..., Town]) -> None:
    town = new_town(http_proxy=f"http://127.0.0.1:{free_port()}", NO_PROXY="example.org").start()
    for channel in CHANNELS:
        citizen = new_citizen(channel)
        town.say(channel, citizen, TEXT, photos=(jpeg(),), **PLACE)
        assert code_in(town.answer(channel, citizen))


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_status_comes_back_on_the_same_channel_in_order(town: Town, channel: str) -> None:
    citizen = new_citizen(channel)
    town.say(channel, citizen, TEXT, **PLACE)
    code = code_in(town.answer(channel, citizen))

    assert town.update(code, "IN_PROGRESS", "Tim sedang menuju lokasi").status_code == 200
    assert town.update(code, "FIXED", "Lampu sudah diganti").status_code == 200

    assert "Tim sedang menuju lokasi" in town.answer(channel, citizen, 2)
    assert "Lampu sudah diganti" in town.answer(channel, citizen, 3)
    assert len(town.answers(channel, citizen)) == 3
    assert report(town, code)["extended_status"] == "resolved"


def test_a_repeated_update_changes_nothing(town: Town) -> None:
    citizen = new_citizen("sms")
    town.say("sms", citizen, TEXT)
    code = code_in(town.answer("sms", citizen))
    first = town.update(code, "IN_PROGRESS", "Dikerjakan", "u1")
    again = town.update(code, "IN_PROGRESS", "Dikerjakan", "u1")

    assert first.json() == again.json()
    town.update(code, "FIXED", "Beres")
    town.answer("sms", citizen, 3)
    assert len(town.answers("sms", citizen)) == 3


@pytest.mark.parametrize("channel", ["telegram", "whatsapp"])
def test_text_and_pin_in_two_messages_are_one_report_with_one_answer(town: Town, channel: str) -> None:
    citizen = new_citizen(channel)
    town.say(channel, citizen, "pohon tumbang nutup jalan", photos=(jpeg(),), **PLACE)

    code = code_in(town.answer(channel, citizen))
    kept = report(town, code)
    assert kept["service_code"] == "pohon"
    assert (round(kept["lat"], 3), round(kept["long"], 3)) == (-6.209, 106.846)
    assert len(town.answers(channel, citizen)) == 1


def test_a_message_without_a_place_is_asked_once_and_the_answer_completes_it(town: Town) -> None:
    citizen = new_citizen("sms")
    town.say("sms", citizen, "lampu jalan mati sudah seminggu")
    asked = town.answer("sms", citizen)
    code = code_in(asked)

    town.say("sms", citizen, "di Jl Kemang Raya, Kelurahan Bangka")
    answered = town.answer("sms", citizen, 2)
    assert "?" in asked
    assert code in answered
    assert len(town.requests(service_request_id=code)) == 1


@pytest.mark.parametrize("channel", ["telegram", "whatsapp"])
def test_words_and_a_pin_that_disagree_are_asked_about_once_and_a_word_settles_it(
    town: Town, channel: str
) -> None:
    citizen, where = new_citizen(channel), {"lat": -6.1964, "long": 106.8318}
    town.say(channel, citizen, "lampu jalan mati total di Jl. Deli, Kelurahan Koja", **where)
    question = "Anda menulis Koja. Yang benar yang mana?"
    is_asked = lambda: [text for text in town.answers(channel, citizen) if question in text]  # noqa: E731
    eventually(is_asked, what=f"the question on {channel}")
    code = next(code_in(text) for text in town.answers(channel, citizen) if "Kode" in text or "kode" in text)

    town.say(channel, citizen, "Koja")
    is_settled = lambda: [text for text in town.answers(channel, citizen) if "sudah lengkap" in text]  # noqa: E731
    eventually(is_settled, what=f"the end of it on {channel}")
    kept = report(town, code)
    assert "Koja" in kept["address"]
    assert round(kept["lat"], 2) == -6.11
    assert len(is_asked()) == 1
    assert kept["extended_status"] == "assigned"


def test_an_empty_message_is_told_how_to_report(town: Town) -> None:
    citizen = new_citizen("sms")
    town.say("sms", citizen, " ")

    assert "melapor" in town.answer("sms", citizen)


def test_a_reply_by_mail_joins_its_report(town: Town) -> None:
    citizen = new_citizen("email")
    town.say("email", citizen, TEXT)
    code = code_in(town.answer("email", citizen))
    answer = next(m for m in town.thread("email", citizen) if m["direction"] == "out")

    town.say("email", citizen, "Tiangnya juga miring", reply_to=answer["id"])
    assert code in town.answer("email", citizen, 2)


def test_yes_to_resolved_closes_and_anything_else_reopens(town: Town) -> None:
    for words, status in (("sudah beres, terima kasih", "closed"), ("belum, masih gelap", "reopened")):
        citizen = new_citizen("telegram")
        town.say("telegram", citizen, TEXT, **PLACE)
        code = code_in(town.answer("telegram", citizen))
        town.update(code, "FIXED", "Lampu diganti")
        town.answer("telegram", citizen, 2)
        resolved = [m for m in town.thread("telegram", citizen) if m["direction"] == "out"][-1]
        town.say("telegram", citizen, words, reply_to=resolved["id"])

        eventually(lambda c=code, s=status: report(town, c)["extended_status"] == s, what=status)


def test_a_photo_that_is_none_does_not_stop_the_report(town: Town) -> None:
    citizen = new_citizen("whatsapp")
    town.say("whatsapp", citizen, TEXT, photos=(b"this is no photo",))

    assert report(town, code_in(town.answer("whatsapp", citizen)))["service_code"] == "lampu_jalan"


@pytest.mark.parametrize(
    "channel", [pytest.param(each, marks=[pytest.mark.long] * (each not in {"sms", "email"})) for each in CHANNELS]
)
def test_killed_after_the_ok_and_started_again_the_citizen_is_answered_once(
    new_town: Callable[..., Town], channel: str
) -> None:
    town = new_town().start()
    citizen = new_citizen(channel)
    said = town.say(channel, citizen, TEXT)
    if channel in {"telegram", "x"}:  # polled: the OK is the offset, which moves behind the fsync
        eventually(lambda: "lapor_journal_entries{" in _metrics(town), what="it is in the journal")
    assert said
    town.kill()
    town.start()

    code = code_in(town.answer(channel, citizen))
    assert report(town, code)["agency_id"] == "dbm"
    eventually(lambda: 'state="waiting"' not in _metrics(town), what="nothing waits")
    answers = town.answers(channel, citizen)
    if channel in {"telegram", "email"}:  # who cannot tell hears it once more, if the kill met the send itself
        assert answers in (answers[:1], answers[:1] * 2)
    else:
        assert len(answers) == 1


def _metrics(town: Town) -> str:
    return httpx.get(f"http://127.0.0.1:{town.ops}/metrics").text


def test_told_to_stop_in_the_middle_of_work_it_ends_and_goes_on_after_the_start(
    new_town: Callable[..., Town],
) -> None:
    town = new_town().start()
    citizens = [new_citizen("whatsapp") for _ in range(60)]
    for citizen in citizens:
        town.say("whatsapp", citizen, TEXT)
    assert town.process is not None
    town.process.terminate()

    assert town.process.wait(20) == 0
    town.start()
    for citizen in citizens:
        town.answer("whatsapp", citizen, within=30)
    assert [len(town.answers("whatsapp", citizen)) for citizen in citizens] == [1] * 60


@pytest.mark.parametrize("name", ["HTTP_LISTEN", "SMTP_LISTEN", "OPS_LISTEN"])
def test_a_port_in_use_is_one_line_that_names_it(new_town: Callable[..., Town], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = new_town(**{name: address}).run("serve")

    assert refused.returncode == 1
    assert [line for line in refused.stderr.splitlines() if "run_bots.py:" in line] == [
        f"run_bots.py: cannot listen on {address}: Address already in use"
    ]
    assert "Traceback" not in refused.stderr


def test_a_host_that_is_not_there_is_one_line_that_names_it(new_town: Callable[..., Town]) -> None:
    refused = new_town(HTTP_LISTEN="nowhere.invalid:8080").run("serve")

    assert refused.returncode == 1
    (line,) = [line for line in refused.stderr.splitlines() if "run_bots.py:" in line]
    assert line.startswith("run_bots.py: cannot listen on nowhere.invalid:8080: ")
    assert "Unknown error" not in line


@pytest.mark.parametrize(("path", "allowed"), [("sms/messages", "POST"), ("sms/+62812", "GET, HEAD")])
def test_a_wrong_method_hears_the_right_ones(town: Town, path: str, allowed: str) -> None:
    answer = town.client.put(f"/sandbox/api/{path}")

    assert answer.status_code == 405
    assert set(allowed.split(", ")) <= set(answer.headers["Allow"].split(", "))


def test_what_people_say_is_nobody_elses_on_the_machine(town: Town) -> None:
    citizen = new_citizen("email")
    town.say("email", citizen, TEXT, photos=(jpeg(),))
    town.answer("email", citizen)
    kept = list((town.folder / "data").rglob("*"))

    assert any(path.suffix == ".sqlite" for path in kept)
    assert [path.name for path in kept if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whoever_asks_it_to_stop_is_heard(tmp_path: Path, number: signal.Signals) -> None:
    town = Town(folder=tmp_path).start()
    assert town.process is not None
    town.process.send_signal(number)

    assert town.process.wait(30) == 0
    assert "stopping" in town.log()
    town.client.close()
