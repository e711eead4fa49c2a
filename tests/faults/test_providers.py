"""Twilio, Telegram, X and a relay that are busy, broken, silent, or gone after taking it: nobody goes unanswered."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from town import Town, code_in, eventually, report

from tests.faults.crowd import CANNOT_TELL, becomes_quiet
from tests.faults.providers import (
    BOT,
    NAMES,
    NUMBER,
    SID,
    TOKEN,
    WINDOW,
    WRITE,
    X_KEYS,
    Telegram,
    Twilio,
    Wire,
    X,
    relaying,
    serving,
)
from tests.wire.desk_rooms import hidden, log_in

CHANNELS = ("sms", "telegram", "x", "email")
QUICK = ("429", "500", "drop")
_number = count(1)


@dataclass(kw_only=True)
class City:
    """A running installation, its providers, and who met which fault: by channel and fault."""

    town: Town
    wires: dict[str, Wire]
    people: dict[tuple[str, str], str]

    def speak(self, channel: str, case: str, *faults: str) -> str:
        """Somebody new says something; the answer to them meets these faults."""
        name = NAMES[channel].format(n=next(_number))
        self.wires[channel].faults[name] = list(faults)
        self.people[channel, case] = name
        WRITE[channel](self.town, self.wires[channel], name)
        return name

    def answers(self, channel: str, case: str) -> list[dict[str, str]]:
        return self.wires[channel].taken[self.people[channel, case]]

    def is_answered(self, channel: str, case: str, within: float = 45) -> None:
        eventually(lambda: self.answers(channel, case), within=within, what=f"an answer on {channel} after {case}")


def play(city: City, channel: str) -> None:
    """Everybody whose provider misbehaves, on one channel; a minute's silence of the relay is a test of its own."""
    wire = city.wires[channel]
    busy = city.speak(channel, "429", "429")
    eventually(lambda: wire.met("429", busy), within=20, what=f"{channel} says 429")
    city.speak(channel, "beside 429")
    city.is_answered(channel, "429")
    cases = {"500": ("500",), "drop": ("drop",), "two drops": ("drop", "drop")}
    if channel != "email":
        cases["hang"] = ("hang",)
    for case, faults in cases.items():
        city.speak(channel, case, *faults)
    for case in (*cases, "beside 429"):
        city.is_answered(channel, case)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Everything was played and came to rest."""
    wires = {channel: Wire() for channel in CHANNELS}
    with contextlib.ExitStack() as stack:
        given = {
            "SANDBOX": "off",
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_NUMBER": NUMBER,
            "TWILIO_API_URL": stack.enter_context(serving(Twilio, wires["sms"])),
            "TELEGRAM_TOKEN": BOT,
            "TELEGRAM_API_URL": stack.enter_context(serving(Telegram, wires["telegram"])),
            **X_KEYS,
            "X_API_URL": stack.enter_context(serving(X, wires["x"])),
            "X_POLL_SECONDS": "0.3",
            "SMTP_RELAY": stack.enter_context(relaying(wires["email"])),
        }
        town = Town(folder=tmp_path_factory.mktemp("town"), env=given)
        stack.callback(town.client.close)
        stack.callback(town.stop)
        found = City(town=town.start(), wires=wires, people={})
        with ThreadPoolExecutor(len(CHANNELS)) as pool:
            for played in [pool.submit(play, found, channel) for channel in CHANNELS]:
                played.result()
        becomes_quiet(town)
        yield found


def is_answered_once(city: City, channel: str, case: str, fault: str) -> None:
    """Exactly one answer; where nobody can tell whether it arrived, one repeat of the very same is allowed."""
    name, answers = city.people[channel, case], city.answers(channel, case)
    wire = city.wires[channel]
    assert not fault or wire.met(fault, name), "the fault was not met"
    if fault == "drop" and channel in CANNOT_TELL:
        assert len(answers) in {1, 2}
        assert answers == answers[:1] * len(answers)  # by mail the Message-ID too
    else:
        assert len(answers) == 1
    assert report(city.town, code_in(answers[0]["text"]))["agency_id"] == "dbm"


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", QUICK)
def test_everybody_has_exactly_one_answer(city: City, channel: str, fault: str) -> None:
    is_answered_once(city, channel, fault, fault)


@pytest.mark.parametrize("channel", ["sms", "telegram", "x"])
def test_a_provider_that_is_silent_for_a_minute_is_not_waited_for(city: City, channel: str) -> None:
    is_answered_once(city, channel, "hang", "hang")


@pytest.mark.long
def test_a_relay_that_is_silent_for_a_minute_costs_nobody_their_answer(city: City) -> None:
    """Its limit is 60 s: RFC 5321, 4.5.3.2.6 would even have us wait ten minutes behind the final dot."""
    city.speak("email", "hang", "hang")
    city.is_answered("email", "hang", within=110)
    becomes_quiet(city.town)
    is_answered_once(city, "email", "hang", "hang")


@pytest.mark.parametrize("channel", ["sms", "telegram", "x"])
def test_nothing_is_sent_before_the_time_that_a_429_names(city: City, channel: str) -> None:
    wire = city.wires[channel]
    (refused,) = wire.met("429", city.people[channel, "429"])
    later = [each.at - refused.at for each in wire.asked if each.at > refused.at]
    assert min(later) >= WINDOW
    is_answered_once(city, channel, "beside 429", "")  # who wrote meanwhile


@pytest.mark.parametrize("channel", ["sms", "x"])
def test_where_the_provider_can_tell_an_answer_that_was_taken_is_not_sent_again(city: City, channel: str) -> None:
    for case in ("drop", "two drops"):
        name = city.people[channel, case]
        assert len([each for each in city.wires[channel].asked if each.to == name]) == 1
        assert len(city.answers(channel, case)) == 1


@pytest.mark.parametrize("channel", ["telegram", "email"])
def test_after_a_second_silence_it_stops_and_stands_on_the_report(city: City, channel: str) -> None:
    answers = city.answers(channel, "two drops")
    assert len(answers) == 2
    assert answers == answers[:1] * 2
    with desk(city.town) as page:
        thread = page.get(f"/desk/r/{code_in(answers[0]['text'])}").text
        assert "warga tidak terjangkau" in thread
        fine = page.get(f"/desk/r/{code_in(city.answers(channel, 'drop')[0]['text'])}").text
        assert "warga tidak terjangkau" not in fine


NEW = "gerobak-bakso-lewat-sini"


@contextlib.contextmanager
def desk(town: Town) -> Iterator[httpx.Client]:
    """The first admin's browser; the one-time password is changed at the first time."""
    _, one_time = (town.folder / "data" / "first-login").read_text().split()
    with httpx.Client(base_url=town.url, follow_redirects=True, timeout=20) as client:
        page = log_in(client, "admin", one_time)
        if 'name="old"' in page.text:
            fields = {"csrf": hidden(page, "csrf"), "old": one_time, "new": NEW, "again": NEW}
            client.post(str(page.url), data=fields)
        if 'name="password"' in client.get("/desk").text:
            log_in(client, "admin", NEW)
        yield client
