"""Of several servers one polls an account: who may start, who goes on, who comes next."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import create_engine, text

from config.settings import Settings
from router.house import House, open_house
from router.leases import Claim, by_one_server, in_turn, polled_account
from store.leases import LASTS, database_now, give_back, take
from store.models import Lease
from store.work import release_leases
from tests.unit.houses import Town, new_town
from tests.unit.journals import Cable
from tests.wire.loopback import until

BOT = "telegram:7001"
X_KEYS = {"x_api_key": "key", "x_api_secret": "secret", "x_access_secret": "secret"}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = new_town(tmp_path)
    yield made
    made.house.store.engine.dispose()


def takes(town: Town, holder: str, name: str = BOT) -> bool:
    with town.house.store.write() as session:
        return take(session, name, holder, town.clock.at)


# --- the row ------------------------------------------------------------------------------------------------


def test_a_lease_is_one_servers_until_it_runs_out(town: Town) -> None:
    assert takes(town, "a")
    assert not takes(town, "b")
    town.clock.on(seconds=LASTS.total_seconds())
    assert not takes(town, "b")

    town.clock.on(seconds=1)
    assert takes(town, "b")
    assert not takes(town, "a")


def test_a_holder_that_renews_keeps_it(town: Town) -> None:
    for _ in range(10):
        assert takes(town, "a")
        assert not takes(town, "b")
        town.clock.on(seconds=15)


def test_a_holder_renews_what_ran_out_and_nobody_took(town: Town) -> None:
    takes(town, "a")
    town.clock.on(hours=3)

    assert takes(town, "a")
    assert not takes(town, "b")


def test_what_is_given_back_is_free_at_once_and_somebody_elses_is_left_alone(town: Town) -> None:
    takes(town, "a")
    with town.house.store.write() as session:
        give_back(session, BOT, "b")
    assert not takes(town, "b")

    with town.house.store.write() as session:
        give_back(session, BOT, "a")
    assert takes(town, "b")


def test_each_account_has_a_lease_of_its_own(town: Town) -> None:
    assert takes(town, "a", "telegram:7001")
    assert takes(town, "b", "telegram:7002")


def test_a_clock_that_was_set_back_an_hour_leaves_nobody_waiting_for_that_hour(town: Town) -> None:
    takes(town, "dead")
    town.clock.on(hours=-1)

    assert takes(town, "b")


def test_a_clock_that_steps_back_a_little_takes_no_lease_away(town: Town) -> None:
    takes(town, "a")
    town.clock.on(seconds=-30)

    assert not takes(town, "b")


def test_with_sqlite_a_start_lets_go_of_what_the_dead_process_held(town: Town) -> None:
    takes(town, "killed")
    with town.house.store.write() as session:
        release_leases(session, town.clock.at)

    assert takes(town, "its successor")


# --- what is polled -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "given", "account"),
    [
        ("telegram", {"telegram_token": "7001:secret"}, "telegram:7001"),
        ("telegram", {"telegram_token": "7001:secret", "telegram_webhook_secret": "s"}, None),
        ("telegram", {}, None),
        ("x", {**X_KEYS, "x_access_token": "700800-secret"}, "x:700800"),
        ("x", {"x_api_key": "key"}, None),
        ("email", {"telegram_token": "7001:secret"}, None),
        ("sms", {"twilio_account_sid": "AC1", "twilio_auth_token": "secret"}, None),
    ],
)
def test_what_one_server_polls_has_a_name(channel: str, given: dict[str, Any], account: str | None) -> None:
    assert polled_account(channel, Settings(_env_file=None, **given)) == account


def test_a_name_tells_no_secret_and_tells_accounts_apart() -> None:
    names = [
        polled_account("x", Settings(_env_file=None, x_access_token=token, **X_KEYS))
        for token in ("rahasia", "rahasia", "lain-rahasia")
    ]

    assert names[0] == names[1] != names[2]
    assert not any("rahasia" in (name or "") for name in names)


async def test_what_is_not_polled_runs_on_every_server(town: Town) -> None:
    polling = Polling()

    assert by_one_server(town.house, "sms", polling.receive) == polling.receive


# --- servers ------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Polling:
    """A channel's receive that only says whether it runs."""

    is_on: bool = False
    starts: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None

    async def receive(self) -> None:
        self.is_on, self.starts = True, self.starts + 1
        try:
            await self.ending.wait()
            if self.failure:
                raise self.failure
        finally:
            self.is_on = False


@dataclass(kw_only=True)
class Server:
    claim: Claim
    polling: Polling
    task: "asyncio.Task[None]"

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@contextlib.asynccontextmanager
async def server(house: House, holder: str, **more: Any) -> AsyncIterator[Server]:
    quick = {"look_seconds": 0.01, "renew_seconds": 0.01, **more}
    claim, polling = Claim(house=house, name=BOT, holder=holder, **quick), Polling()
    made = Server(claim=claim, polling=polling, task=asyncio.create_task(in_turn(claim, polling.receive)))
    try:
        yield made
    finally:
        await made.stop()


@dataclass(kw_only=True)
class Looks:
    """A house's clock that counts how often a server asked it: a look at the lease needs the time."""

    at: datetime
    count: int = 0

    def __call__(self) -> datetime:
        self.count += 1
        return self.at


async def has_looked(looks: Looks, times: int = 3) -> None:
    before = looks.count
    await until(lambda: looks.count >= before + times)


def watched(town: Town) -> tuple[House, Looks]:
    looks = Looks(at=town.clock.at)
    return replace(town.house, now=looks), looks


async def test_the_second_server_waits_and_polls_as_soon_as_the_first_one_stops(town: Town) -> None:
    theirs, looks = watched(town)
    async with server(town.house, "a") as first:
        await until(lambda: first.polling.is_on)
        async with server(theirs, "b") as second:
            await has_looked(looks)
            assert not second.polling.is_on

            await first.stop()
            await until(lambda: second.polling.is_on)
            assert not first.polling.is_on


async def test_the_lease_of_a_killed_server_is_waited_for(town: Town) -> None:
    takes(town, "killed")
    theirs, looks = watched(town)
    async with server(theirs, "b") as second:
        await has_looked(looks)
        assert not second.polling.is_on

        looks.at += LASTS + timedelta(seconds=1)
        await until(lambda: second.polling.is_on)


async def test_a_server_whose_lease_was_taken_stops_polling_and_waits_for_its_turn(town: Town) -> None:
    ours, looks = watched(town)
    async with server(ours, "a") as first:
        await until(lambda: first.polling.is_on)
        with town.house.store.write() as session:
            session.get_one(Lease, BOT).holder = "b"

        await until(lambda: not first.polling.is_on)
        await has_looked(looks)
        assert not first.polling.is_on

        with town.house.store.write() as session:
            give_back(session, BOT, "b")
        await until(lambda: first.polling.is_on)
        assert first.polling.starts == 2


async def test_a_server_whose_polling_falls_lets_another_try(town: Town) -> None:
    async with server(town.house, "a") as first:
        await until(lambda: first.polling.is_on)
        async with server(town.house, "b") as second:
            first.polling.failure = ValueError("our own mistake")
            first.polling.ending.set()

            await until(lambda: second.polling.is_on)
            with pytest.raises(ValueError, match="our own mistake"):
                await first.task


async def test_polling_that_has_nothing_to_do_ends_and_holds_nothing(town: Town) -> None:
    async with server(town.house, "a") as first:
        await until(lambda: first.polling.is_on)
        first.polling.ending.set()
        await first.task

    assert takes(town, "b")


async def test_in_the_log_stand_accounts_and_no_tokens(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    settings = Settings(_env_file=None, telegram_token="7001:rahasia", data_dir=town.house.settings.data_dir)
    polling = Polling()
    house = replace(town.house, settings=settings)
    task = asyncio.create_task(by_one_server(house, "telegram", polling.receive)())  # type: ignore[arg-type]
    await until(lambda: polling.is_on)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert "telegram:7001: this server polls" in caplog.text
    assert "rahasia" not in caplog.text


# --- PostgreSQL ---------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Two:
    """Two servers' houses on one PostgreSQL, each behind a cable of its own, and a look that needs none.

    Their own clocks are eight months apart.
    """

    houses: list[House]
    looks: list[Looks]
    cables: list[Cable]
    direct: Any

    def run(self, statement: str) -> int:
        with self.direct.begin() as connection:
            return int(connection.execute(text(statement)).rowcount)

    def a_minute_passes(self) -> None:
        self.run("UPDATE leases SET until = until - interval '70 seconds'")

    def is_held(self) -> bool:
        return self.run("SELECT 1 FROM leases WHERE until > clock_timestamp()") == 1

    def holder(self) -> str | None:
        with self.direct.connect() as connection:
            found: str | None = connection.scalar(text("SELECT holder FROM leases"))
            return found


@pytest.fixture
def two(postgres_url: str, tmp_path: Path) -> Iterator[Two]:
    base, name = postgres_url.rsplit("/", 1)[0], f"leases_{tmp_path.name[-30:].lower()}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    there = urlsplit(postgres_url)
    cables = [Cable(str(there.hostname), int(there.port or 0)) for _ in range(2)]
    urls = [f"postgresql+psycopg://{there.username}@127.0.0.1:{cable.port}/{name}" for cable in cables]
    keys = {"secret_key": "s" * 20, "contact_key": "c" * 20}
    first = new_town(tmp_path / "a", database_url=urls[0], **keys).house
    settings = first.settings.model_copy(update={"database_url": urls[1]})
    settings.__dict__.pop("database", None)  # what was worked out from the other address
    second = open_house(settings)
    assert second.store.engine.url.port == cables[1].port
    looks = [Looks(at=first.now()), Looks(at=first.now() + timedelta(days=240))]
    houses = [replace(house, now=now) for house, now in zip((first, second), looks, strict=True)]
    made = Two(houses=houses, looks=looks, cables=cables, direct=create_engine(f"{base}/{name}"))
    yield made
    for house in made.houses:
        house.store.engine.dispose()
    made.direct.dispose()
    for cable in cables:
        cable.close()


@pytest.mark.servers
def test_of_many_servers_that_take_at_once_one_gets_it(two: Two) -> None:
    """The row is missing in the first round and has run out in the others."""
    for round_number in range(10):
        gate = threading.Barrier(8)

        def take_one(number: int, gate: threading.Barrier = gate, round_number: int = round_number) -> bool:
            house = two.houses[number % 2]
            gate.wait()
            with house.store.write() as session:
                return take(session, BOT, f"{round_number}-{number}", database_now(session, house.now()))

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take_one, range(8))) == 1
        two.a_minute_passes()


@pytest.mark.servers
async def test_servers_whose_clocks_differ_by_hours_take_no_lease_from_each_other(two: Two) -> None:
    async with server(two.houses[0], "a") as first:
        await until(lambda: first.polling.is_on)
        async with server(two.houses[1], "b") as second:
            await has_looked(two.looks[1])
            assert not second.polling.is_on
            assert first.polling.starts == 1


@pytest.mark.servers
async def test_without_a_database_the_holder_polls_on_and_nobody_else_starts(two: Two) -> None:
    async with server(two.houses[0], "a") as first:
        await until(lambda: first.polling.is_on)
        for cable in two.cables:
            cable.cut()
        two.a_minute_passes()
        async with server(two.houses[1], "b") as second:
            await has_looked(two.looks[0])
            await has_looked(two.looks[1])
            assert (first.polling.is_on, second.polling.is_on) == (True, False)

            two.cables[0].mend()  # back for the holder first: it renews what nobody took
            await until(two.is_held)
            two.cables[1].mend()
            assert (first.polling.starts, first.polling.is_on) == (1, True)
            assert two.holder() == "a"


@pytest.mark.servers
async def test_a_holder_that_was_cut_off_alone_stops_when_it_hears_of_its_successor(two: Two) -> None:
    async with server(two.houses[0], "a") as first:
        await until(lambda: first.polling.is_on)
        two.cables[0].cut()
        two.a_minute_passes()
        async with server(two.houses[1], "b") as second:
            await until(lambda: second.polling.is_on)
            assert first.polling.is_on  # it cannot know: the provider's 409 and the unique key cover this

            two.cables[0].mend()
            await until(lambda: not first.polling.is_on)
            assert second.polling.is_on


@pytest.mark.servers
async def test_polling_that_falls_while_the_database_is_away_may_start_again_without_it(two: Two) -> None:
    async with server(two.houses[0], "a") as first:
        await until(lambda: first.polling.is_on)
        two.cables[0].cut()
        first.polling.failure = ValueError("our own mistake")
        first.polling.ending.set()
        with pytest.raises(ValueError, match="our own mistake"):
            await first.task

        first.polling.ending.clear()
        first.task = asyncio.create_task(in_turn(first.claim, first.polling.receive))
        await until(lambda: first.polling.is_on)


@pytest.mark.servers
async def test_what_was_given_back_is_nobodys_ground_to_start_without_a_database(two: Two) -> None:
    async with server(two.houses[0], "a") as first, server(two.houses[1], "b") as second:
        await until(lambda: first.polling.is_on or second.polling.is_on)
        ours, theirs = (first, second) if first.polling.is_on else (second, first)
        ours.polling.failure = ValueError("our own mistake")
        ours.polling.ending.set()
        await until(lambda: theirs.polling.is_on)
        await asyncio.gather(ours.task, return_exceptions=True)

        for cable in two.cables:
            cable.cut()
        ours.polling.ending.clear()
        ours.task = asyncio.create_task(in_turn(ours.claim, ours.polling.receive))
        await has_looked(two.looks[0])
        await has_looked(two.looks[1])
        assert (ours.polling.is_on, theirs.polling.is_on) == (False, True)


@pytest.mark.servers
async def test_a_database_that_hangs_is_asked_once_and_the_holder_polls_on(two: Two) -> None:
    async with server(two.houses[0], "a", ask_seconds=0.01) as first:
        await until(lambda: first.polling.is_on)
        with two.direct.begin() as connection:
            connection.execute(text("SELECT * FROM leases FOR UPDATE"))
            blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            await until(lambda: connection.scalar(blocked) == 1)
            hanging = first.claim.asking
            assert hanging is not None
            first.polling.failure = ValueError("our own mistake")  # also then: nobody asks a second time
            first.polling.ending.set()
            await asyncio.gather(first.task, return_exceptions=True)
            first.polling.ending.clear()
            first.task = asyncio.create_task(in_turn(first.claim, first.polling.receive))
            await until(lambda: first.polling.is_on)
            assert connection.scalar(blocked) == 1
            assert first.claim.asking is hanging


@pytest.mark.servers
def test_a_connection_that_hears_nothing_any_more_ends_within_a_minute(two: Two) -> None:
    """What the kernel was told; a cable that is pulled out gives no sign by itself."""
    with two.houses[0].store.engine.connect() as connection:
        line = socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno()))
    with contextlib.closing(line):
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        idle = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        more = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) * 3
        assert idle + more <= 60
