"""Two servers on one PostgreSQL: one polls Telegram and X, the other takes over, and nobody is answered twice."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from town import Town, eventually

from tests.faults.crowd import becomes_quiet, counted, minutes_pass
from tests.faults.providers import BOT, NAMES, WRITE, X_KEYS, Telegram, Wire, X, serving
from tests.unit.journals import Cable

pytestmark = [pytest.mark.servers, pytest.mark.long]

HAND_OVER = 40  # seconds: well within a lease's sixty, so that nobody has waited for its end
CHANNELS = ("telegram", "x")
_number = count(1)


class PolledTelegram(Telegram):
    """Writes down which offsets it was asked for, each server at a door of its own; waits less than the real one."""

    seconds = 0.3

    def updates(self, offset: int) -> list[dict]:
        self.wire.polls.append(str(offset))
        return super().updates(offset)


class PolledX(X):
    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path.endswith("/mentions"):
            self.wire.polls.append(dict(parse_qsl(asked.query)).get("since_id", "0"))
        super().do_GET()


@dataclass(kw_only=True)
class Door(Wire):
    """Where one server asks; what citizens said and were told is the provider's, behind all doors."""

    polls: list[str]


@dataclass(kw_only=True)
class Server:
    """One of the servers, its doors at both providers, and its line to the database."""

    town: Town
    doors: dict[str, Door]
    cable: Cable

    def polls(self, channel: str) -> int:
        return len(self.doors[channel].polls)

    def goes_on_polling(self, channel: str) -> None:
        before = self.polls(channel)
        eventually(lambda: self.polls(channel) > before + 1, within=HAND_OVER, what=f"it polls {channel}")


@dataclass(kw_only=True)
class City:
    servers: list[Server]
    people: dict[str, list[str]]

    def speak(self, channel: str) -> str:
        """Somebody new says something to the provider, whoever comes to fetch it."""
        name = NAMES[channel].format(n=next(_number))
        WRITE[channel](self.servers[0].town, self.servers[0].doors[channel], name)
        self.people[channel].append(name)
        return name

    def answers(self, channel: str, name: str) -> list[dict[str, str]]:
        return self.servers[0].doors[channel].taken[name]

    def is_answered(self, channel: str, name: str) -> None:
        eventually(lambda: self.answers(channel, name), within=60, what=f"an answer on {channel}")

    def everybody_is_answered_once(self, server: Server) -> None:
        for channel, names in self.people.items():
            for name in names:
                self.is_answered(channel, name)
        becomes_quiet(server.town)
        for channel, names in self.people.items():
            assert [len(self.answers(channel, name)) for name in names] == [1] * len(names)
        assert counted(server.town, "lapor_reports") == sum(map(len, self.people.values()))

    def a_minute_passes(self) -> None:
        minutes_pass(self.servers[1].town)


@pytest.fixture
def new_city(postgres_url: str, tmp_path: Path) -> Iterator[Callable[[], City]]:
    """Two servers, not started; the first one alone polls once it is up."""
    name = f"poller_{tmp_path.name[-30:].lower()}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    there = urlsplit(postgres_url)
    with contextlib.ExitStack() as stack:

        def make() -> City:
            wires = {channel: Wire() for channel in CHANNELS}
            servers = []
            for letter in "ab":
                cable = Cable(str(there.hostname), int(there.port or 0))
                stack.callback(cable.close)
                doors = {
                    channel: Door(said=wire.said, taken=wire.taken, asked=wire.asked, lock=wire.lock, polls=[])
                    for channel, wire in wires.items()
                }
                env = {
                    "DATABASE_URL": f"postgresql+psycopg://{there.username}@127.0.0.1:{cable.port}/{name}",
                    "SECRET_KEY": "test-secret-key-0123456789",
                    "CONTACT_KEY": "test-contact-key-0123456789",
                    "AUTO_MIGRATE": "on",
                    "SANDBOX": "off",
                    "TELEGRAM_TOKEN": BOT,
                    "TELEGRAM_API_URL": stack.enter_context(serving(PolledTelegram, doors["telegram"])),
                    **X_KEYS,
                    "X_API_URL": stack.enter_context(serving(PolledX, doors["x"])),
                    "X_POLL_SECONDS": "0.3",
                }
                folder = tmp_path / letter
                folder.mkdir()
                town = Town(folder=folder, env=env)
                stack.callback(town.client.close)
                stack.callback(town.stop)
                servers.append(Server(town=town, doors=doors, cable=cable))
            return City(servers=servers, people={channel: [] for channel in CHANNELS})

        yield make


@pytest.fixture
def city(new_city: Callable[[], City]) -> City:
    """Both are up, the first polls, and one citizen on each channel was answered."""
    made = new_city()
    first, second = made.servers
    first.town.start()
    for channel in CHANNELS:
        first.goes_on_polling(channel)
    second.town.start()
    for channel in CHANNELS:
        made.is_answered(channel, made.speak(channel))
        first.goes_on_polling(channel)
        assert second.polls(channel) == 0
    return made


def test_a_server_that_is_stopped_hands_its_polling_over_and_old_cursors_repeat_nothing(city: City) -> None:
    """The second has no cursor, then the first comes back with an old one: what they fetch again is known."""
    first, second = city.servers
    first.town.stop()
    for channel in CHANNELS:
        second.goes_on_polling(channel)
        city.is_answered(channel, city.speak(channel))
    first.town.start()
    polled = {channel: first.polls(channel) for channel in CHANNELS}

    second.town.stop()
    for channel in CHANNELS:
        first.goes_on_polling(channel)
        city.is_answered(channel, city.speak(channel))

    old = {channel: first.doors[channel].polls[polled[channel]] for channel in CHANNELS}
    assert old == {"telegram": "2", "x": city.people["x"][0]}
    assert second.doors["telegram"].polls[0] == second.doors["x"].polls[0] == "0"
    city.everybody_is_answered_once(first)


def test_the_lease_of_a_killed_server_runs_out_before_another_polls(city: City) -> None:
    first, second = city.servers
    first.town.kill()
    names = {channel: city.speak(channel) for channel in CHANNELS}
    assert [second.polls(channel) for channel in CHANNELS] == [0, 0]

    city.a_minute_passes()
    for channel in CHANNELS:
        second.goes_on_polling(channel)
        city.is_answered(channel, names[channel])
    city.everybody_is_answered_once(second)


def test_without_a_database_the_poller_goes_on_and_what_it_fetches_waits(city: City) -> None:
    first, second = city.servers
    for server in city.servers:
        server.cable.cut()
    for channel in CHANNELS:
        city.speak(channel)
    eventually(lambda: counted(first.town, "lapor_journal_entries", "waiting") == 2, what="they are kept")
    for channel in CHANNELS:
        first.goes_on_polling(channel)
        assert second.polls(channel) == 0

    for server in city.servers:
        server.cable.mend()
    city.everybody_is_answered_once(first)
    assert [second.polls(channel) for channel in CHANNELS] == [0, 0]


def test_a_poller_that_was_cut_off_alone_makes_room_for_its_successor(city: City) -> None:
    first, second = city.servers
    first.cable.cut()
    city.a_minute_passes()
    for channel in CHANNELS:
        second.goes_on_polling(channel)
    names = {channel: city.speak(channel) for channel in CHANNELS}  # both fetch it
    for channel in CHANNELS:
        city.is_answered(channel, names[channel])

    first.cable.mend()
    log = lambda: first.town.log().count("another server polls by now")  # noqa: E731
    eventually(lambda: log() == len(CHANNELS), within=HAND_OVER, what="it hears of its successor")
    polled = {channel: first.polls(channel) for channel in CHANNELS}
    for channel in CHANNELS:
        second.goes_on_polling(channel)
        city.is_answered(channel, city.speak(channel))
        assert first.polls(channel) == polled[channel]
    city.everybody_is_answered_once(second)
