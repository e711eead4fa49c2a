"""Why an answer did not reach a citizen: what a provider or we wrote down becomes one of a few plain reasons."""

import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from config.settings import ROOT
from desk.reasons import REASONS, reason_of
from store.models import Delivery

MADE = datetime(2026, 11, 2, tzinfo=UTC)


def row(state: str, last_error: str | None, days: float = 0.0) -> Delivery:
    return Delivery(state=state, last_error=last_error, created_at=MADE, updated_at=MADE + timedelta(days=days))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Twilio said 21610", "blocked"),
        ("30004", "blocked"),
        ("Telegram said 403: blocked", "blocked"),
        ("Twilio said 21211", "no_such"),
        ("30005", "no_such"),
        ("Telegram said 403: deactivated", "no_such"),
        ("Telegram said 400: chat not found", "no_such"),
        ("the relay answered 550", "no_such"),
        ("the address cannot be written in a mail", "no_such"),
        ("X said 404", "no_such"),
        ("30003", "unreachable"),
        ("the relay answered 552", "unreachable"),
        ("63016", "closed"),
        ("TWILIO_NUMBER is missing: SMS is off", "off"),
        ("SMTP_RELAY is not set", "off"),
        ("Twilio said 404: is TWILIO_ACCOUNT_SID right?", "off"),
        ("there is no channel sms", "off"),
        ("twice without an answer: it may have arrived", "unsure"),
        ("Twilio said 30007", "refused"),
        ("the relay answered 554", "refused"),
        ("X said 403", "refused"),
        ("", "refused"),
        (None, "refused"),
    ],
)
def test_what_was_written_down_becomes_a_plain_reason(said: str | None, reason: str) -> None:
    assert reason_of(row("failed", said)) == reason


def test_what_was_tried_for_three_days_was_given_up() -> None:
    assert reason_of(row("failed", "the relay answered 421", days=3.01)) == "gave_up"
    assert reason_of(row("failed", "Twilio said 21610", days=3.01)) == "blocked"


@pytest.mark.parametrize("state", ["waiting", "sending", "sent", "delivered"])
def test_what_is_on_its_way_or_there_has_no_reason(state: str) -> None:
    assert reason_of(row(state, "uncertain")) is None


def test_what_nobody_knows_yet_is_still_asked_for() -> None:
    assert reason_of(row("unknown", "no answer in time")) == "asking"


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_reason_has_its_words(language: str) -> None:
    texts = tomllib.loads((ROOT / "desk" / "texts" / f"{language}.toml").read_text())

    assert [name for name in (*REASONS, "gave_up", "refused", "asking") if f"reason_{name}" not in texts] == []
