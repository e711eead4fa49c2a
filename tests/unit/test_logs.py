"""Log lines: readable or JSON, one line each, and a last net that takes out what no log may hold."""

import json
import logging
import os
import sys
import threading
import warnings
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logs import line_format, redacted
from config.outlet import LEFT_OUT, Outlet


def line(
    message: str, *arguments: Any, name: str = "lapor.test", kind: str = "json", error: bool = False, **more: Any
) -> str:
    """What is written for a record; with `error` for the exception that is being handled."""
    given_info = sys.exc_info() if error else None
    record = logging.LogRecord(name, logging.WARNING, "file", 1, message, arguments, given_info)
    return line_format(kind, **more).format(record)


def read(*arguments: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line(*arguments, **more))
    return found


# --- the last net -------------------------------------------------------------------------------------------

TOKEN = "70012345:AAEabcdefghijklmnopqrstuvwxyz-_0123"
SECRETS = [
    "+6281234567890",
    "081234567890",
    "0812-3456-7890",
    "0812 3456 7890",
    "0812.3456.7890",
    "+62 (812) 3456-7890",
    "(021) 345 6789",
    "whatsapp:+6281234567890",
    "70000123",
    "siti@example.org",
    "Siti.Aminah+lapor@mail.example.co.id",
    "lapor+ABC234.0123456789abcdef@jakarta.go.id",
    "warga@localhost",
    TOKEN,
    f"https://api.telegram.org/bot{TOKEN}/getMe",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "to {}: refused", "'{}'", "sender={}", "tel:{}", "a{}"])
def test_numbers_addresses_and_tokens_are_taken_out(secret: str, around: str) -> None:
    said = redacted(around.format(secret))

    assert secret not in said
    assert not [part for part in secret.replace("/", " ").split() if len(part) > 7 and part in said.split()]
    assert sum(map(str.isdigit, said)) < 7


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        ("Authorization: Bearer abcdef.ghijkl", "ghijkl"),
        ("authorization: Basic c2l0aTpyYWhhc2lh", "c2l0"),
        ('{"Authorization": "OAuth oauth_token=\\"rahasia\\""}', "rahasia"),
        ("header Bearer abcdef.ghijkl", "abcdef"),
        ("X-Telegram-Bot-Api-Secret-Token: rahasia", "rahasia"),
        ("X-Twilio-Signature: rahasia=", "rahasia"),
        ("Cookie: lapor_desk=rahasia", "rahasia"),
        ("postgresql+psycopg://lapor:rahasia@db/lapor", "rahasia"),
        ("redis://:raha@sia@127.0.0.1:6379/0", "sia@"),
        ("smtps://user:rahasia@relay:465", "rahasia"),
        ("https://example.org/a?token=rahasia&x=1", "rahasia"),
        ("GET /r?code=rahasia HTTP/1.1", "rahasia"),
    ],
)
def test_authorization_urls_users_and_queries_are_taken_out(words: str, secret: str) -> None:
    assert secret not in redacted(words)


@pytest.mark.parametrize(
    "words",
    [
        "entry 2026-11-22:12345678 failed: KeyError",
        "journal file 2026-11-22.0001 refused: OperationalError",
        "delivery 123456789 failed for good",
        "photo 1234567890 cannot be had",
        "report ABC234: assigned to in_progress by officer 12",
        "cannot listen on 192.168.100.200:8080",
        "journal fell (DatabaseDown), again in 5 s",
        "at 2026-11-22 16:07:33",
        "https://lapor.jakarta.go.id/r/ABC234",
    ],
)
def test_ids_states_dates_and_our_own_places_stay(words: str) -> None:
    assert redacted(words) == words


@given(st.text(max_size=200))
def test_any_words_come_out_as_one_line(words: str) -> None:
    assert len(redacted(words).splitlines()) <= 1


def test_a_very_long_message_is_cut() -> None:
    assert len(redacted("a" * 1_000_000)) < 5_000


# --- lines --------------------------------------------------------------------------------------------------


def test_a_json_line_says_when_how_bad_where_and_what() -> None:
    said = read("report %s: %d photos", "ABC234", 2)
    at = datetime.fromisoformat(said.pop("at"))

    assert at.utcoffset() is not None
    assert said == {"level": "WARNING", "from": "lapor.test", "what": "report ABC234: 2 photos"}


@given(st.text(), st.text(), st.sampled_from(["lapor.sms", "uvicorn.error", "py.warnings", ""]))
def test_any_message_is_one_valid_json_object_on_one_line(message: str, argument: str, name: str) -> None:
    for written in (line(message, name=name), line(message + "%s", argument, name=name)):
        assert set(json.loads(written)) == {"at", "level", "from", "what"}
        assert len(written.splitlines()) == 1


@pytest.mark.parametrize(
    ("message", "arguments"), [("%d photos", ("two",)), ("%s %s", ("one",)), ("none", ("x",))]
)
def test_a_message_whose_arguments_do_not_fit_is_written_without_them(
    message: str, arguments: tuple[Any, ...]
) -> None:
    assert read(message, *arguments)["what"] == message


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("rahasia")


def test_an_argument_that_cannot_be_printed_breaks_nothing() -> None:
    assert read("%s came", Unprintable())["what"] == "%s came"


def test_what_a_library_says_is_written_without_its_words() -> None:
    said = read("%s sent %r in %d s\nsecond line", "+6281", "lampu mati", 3, name="somebody.elses")

    assert said["what"] == "… sent '…' in 3 s"
    assert read("a %s", ValueError("lampu mati"), name="x")["what"] == "a ValueError"
    assert read("a %(b)s", {"b": "lampu mati"}, name="x")["what"] == "a %(b)s"


def test_a_warning_says_where_and_of_what_kind() -> None:
    words = warnings.formatwarning("lampu mati", UserWarning, "/a/b.py", 12)

    assert read("%s", words, name="py.warnings")["what"] == "/a/b.py:12: UserWarning"


def fall() -> None:
    try:
        raise KeyError("lampu mati di rumah Siti")
    except KeyError as error:
        raise ValueError("hubungi +6281234567890") from error


@pytest.mark.parametrize("kind", ["json", "console"])
def test_an_exception_is_told_by_its_type_and_place_never_by_its_words(kind: str) -> None:
    try:
        fall()
    except ValueError:
        written = line("it fell", kind=kind, error=True)

    assert not [word for word in ("lampu", "Siti", "hubungi", "6281") if word in written]
    assert "ValueError" in written
    assert "KeyError" in written
    assert "tests/unit/test_logs.py" in written
    assert " fall" in written


def test_in_json_the_exceptions_type_and_trace_have_keys_of_their_own() -> None:
    try:
        fall()
    except ValueError:
        said = read("it fell", error=True)

    assert (said["what"], said["error"]) == ("it fell", "ValueError")
    assert [place.rpartition(" ")[2] for place in said["trace"]][-3:] == ["fall", "KeyError:", "fall"]


def test_exceptions_in_a_group_are_named() -> None:
    try:
        raise ExceptionGroup("rahasia", [ValueError("rahasia"), KeyError("rahasia")])
    except ExceptionGroup:
        said = line("it fell", error=True)

    assert "ExceptionGroup(ValueError, KeyError)" in said
    assert "rahasia" not in said


def test_exceptions_that_cause_each_other_in_a_ring_are_told_once() -> None:
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    try:
        raise one
    except ValueError:
        assert read("it fell", error=True)["trace"].count("ValueError:") == 1


@pytest.mark.parametrize("colours", [False, True])
def test_only_a_terminal_gets_colours(colours: bool) -> None:
    written = line("report %s", "ABC234", kind="console", colours=colours)

    assert ("\x1b" in written) == colours
    assert "report ABC234" in written
    assert "lapor.test" in written


def test_a_message_draws_nothing_on_the_terminal() -> None:
    written = line("from %s", "\x1b[2J\nWARNING forged", kind="console")

    assert "\x1b" not in written
    assert "\n" not in written


# --- who reads them -----------------------------------------------------------------------------------------


def said_to(out: TextIO) -> logging.Logger:
    said = logging.Logger("lapor.test")
    said.addHandler(Outlet(out))
    return said


def read_from(pipe: int) -> list[str]:
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        return os.read(pipe, 1_000_000).decode().splitlines()
    return []


def test_a_reader_who_does_not_read_holds_nobody_up_and_hears_how_much_was_left_out() -> None:
    pipe, end = os.pipe()
    with open(end, "w") as out:
        said = said_to(out)
        for number in range(3000):
            said.warning("%d %s", number, "x" * 5000 if number == 7 else "é" * 30)
        first = read_from(pipe)
        assert first[0].startswith("0 ")
        assert first[7] == "7 " + "x" * 5000
        said.warning("again")
        left_out = 3000 - len(first)
        assert left_out > 1000
        assert read_from(pipe) == [LEFT_OUT % left_out, "again"]
        said.warning("and on")
        assert read_from(pipe) == ["and on"]
    os.close(pipe)


def test_a_terminal_that_hangs_holds_nobody_up() -> None:
    """It has room, but none for a whole line."""
    screen, end = os.openpty()
    with open(end, "w") as out:
        said = said_to(out)
        talk = threading.Thread(target=lambda: [said.warning("x" * 500) for _ in range(300)], daemon=True)
        talk.start()
        talk.join(10)
        hangs = talk.is_alive()
        os.close(screen)
    assert not hangs


def test_a_line_that_is_longer_than_the_room_left_is_cut_off() -> None:
    pipe, end = os.pipe()
    with open(end, "w") as out:
        said_to(out).warning("x" * 1_000_000)
        assert len(read_from(pipe)[0]) >= 60_000
    os.close(pipe)


def test_a_reader_who_went_away_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    pipe, end = os.pipe()
    os.close(pipe)
    with open(end, "w") as out:
        said_to(out).warning("nobody is there")
