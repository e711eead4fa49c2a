"""Killed at every named step on a message's way, each citizen who was heard has one report and one answer."""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest
from town import Town, code_in, eventually

from tests.faults.crowd import (
    CANNOT_TELL,
    ROUNDS,
    Citizen,
    Crowd,
    becomes_quiet,
    counted,
    in_the_air,
    minutes_pass,
    not_written_down,
)
from tests.forked import Process

# the step, and at which time: far enough that answers of all channels are under way
STEPS = {
    "accept, not kept": 2,
    "keep, before commit": 10,
    "keep, after commit": 10,
    "accept, kept, not answered": 2,
    "work off, parsed": 1,
    "work off, before commit": 1,
    "owe": 2,
    "work off, committed": 1,
    "claim, committed": 5,
    "send, before": 5,
    "send, answered": 2,  # from here on once for all answers of a moment
    "write down, before commit": 2,
    "write down, committed": 2,
}
WORKER_STEPS = ("claim, committed", "send, before", "send, answered", "write down, before commit")
SERVER_STEPS = ("carry, marked", "carry, pushed")
FEW = (
    "keep, before commit",
    "accept, kept, not answered",
    "work off, before commit",
    "send, answered",
    "carry, marked",
)
if os.environ.get("FAULT_STEPS") == "few":  # `make test`: one death of each kind; `make faults` dies everywhere
    STEPS = {step: often for step, often in STEPS.items() if step in FEW}
    WORKER_STEPS, SERVER_STEPS = ("send, answered",), ("carry, marked",)
RANDOM = random.Random(3)


@dataclass(frozen=True, kw_only=True)
class Ride:
    """One installation that died at every step, and who spoke meanwhile: a crowd for each death."""

    town: Town
    crowds: Mapping[str, list[Crowd]]
    _answers: dict[str, list[str]] = field(default_factory=dict)

    def answers(self, citizen: Citizen) -> list[str]:
        """What a citizen was answered, asked once: all is quiet by now."""
        if citizen.name not in self._answers:
            self._answers[citizen.name] = answers_of(self.town, citizen)
        return self._answers[citizen.name]

    def people(self) -> list[Citizen]:
        return [citizen for each in self.crowds.values() for crowd in each for citizen in crowd.citizens]

    def may_repeat(self, *steps: str) -> set[str]:
        """Codes whose answer was in the air when the process died; its reader may have spoken much earlier."""
        codes = [crowd.may_repeat for step in steps or self.crowds for crowd in self.crowds[step]]
        return set().union(*codes)

    def repeated(self) -> set[str]:
        answers = [self.answers(citizen) for citizen in self.people()]
        return {code_in(each[0]) for each in answers if len(each) > 1}


def stop_at(step: str) -> str:
    often = STEPS.get(step, 1) if ROUNDS == 1 else RANDOM.randint(1, 2 * STEPS.get(step, 1))
    return f"{step}:{often}"


def dies(process: Process, step: str) -> None:
    eventually(lambda: process.poll() is not None, within=60, what=f"it comes to the step: {step}")
    assert process.returncode == -9, step


def die_while_people_speak(town: Town, step: str, start: Callable[[], Process]) -> Crowd:
    """Start a process that dies at the step, and let people speak until it did."""
    process = start()
    crowd = Crowd(town=town, most=18 if ROUNDS == 1 else 1000).start()
    try:
        dies(process, step)
    finally:
        process.kill()
        crowd.stop()
    crowd.may_repeat = not_written_down(town)
    return crowd


def die_at(ride: Ride, step: str, *command: str) -> None:
    start = partial(ride.town.begin, "log", *command, LAPOR_STOP_AT=stop_at(step))
    earlier = ride.may_repeat()
    crowd = die_while_people_speak(ride.town, step, start)
    crowd.may_repeat -= earlier
    ride.crowds[step].append(crowd)
    if (
        not command and not ride.town.workers and in_the_air(ride.town)
    ):  # an answer that two deaths in a row hit is given up, visibly
        ride.town.start()
        becomes_quiet(ride.town)
        ride.town.stop()


def hear_out(ride: Ride) -> None:
    """The leases of the dead are over; everybody is thanked, and all that is owed is sent."""
    minutes_pass(ride.town)
    for crowd in (each[-1] for each in ride.crowds.values()):  # those of this round
        crowd.join()
        for citizen in crowd.citizens:
            eventually(lambda c=citizen: answers_of(ride.town, c), within=60, what=f"an answer to {citizen}")
    becomes_quiet(ride.town)


def answers_of(town: Town, citizen: Citizen) -> list[str]:
    return town.answers(citizen.channel, citizen.name)


def check(ride: Ride, step: str) -> None:
    """One answer each; a second one only where a provider cannot tell what nobody wrote down."""
    people = [citizen for crowd in ride.crowds[step] for citizen in crowd.citizens]
    assert people
    for citizen in people:
        answers = ride.answers(citizen)
        assert answers, f"{citizen} was thanked and never answered"
        if len(answers) > 1:
            assert citizen.channel in CANNOT_TELL, f"{citizen} was answered {len(answers)} times"
            assert code_in(answers[0]) in ride.may_repeat(), f"{citizen} was answered {len(answers)} times"
            assert answers == answers[:1] * 2
    kills, repeated = len(ride.crowds[step]), len(ride.repeated() & ride.may_repeat(step))
    print(f"{step}: {kills} kills, {len(people)} people speaking, {repeated} answers repeated")


def check_the_whole(ride: Ride) -> None:
    """As many reports as people, each with a code of its own, and nothing set aside."""
    answers = [(answers_of(ride.town, citizen), ride.answers(citizen)) for citizen in ride.people()]
    assert [now for now, before in answers if now != before] == [], "somebody was answered once more"
    codes = {code_in(now[0]) for now, _ in answers}
    assert len(codes) == len(ride.people())
    assert counted(ride.town, "lapor_reports") == len(codes)
    assert counted(ride.town, "lapor_journal_entries", "failed") == 0
    assert counted(ride.town, "lapor_deliveries", "failed") == 0


# --- one process, SQLite ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ride]:
    """One installation that died at every step, one after the other, and is up again."""
    ride = Ride(town=Town(folder=tmp_path_factory.mktemp("house")), crowds={step: [] for step in STEPS})
    for _ in range(ROUNDS):
        ride.town.stop()
        for step in STEPS:
            die_at(ride, step)
        ride.town.start()
        hear_out(ride)
    yield ride
    ride.town.stop()
    ride.town.client.close()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_everybody_who_was_thanked_is_answered_once(house: Ride, step: str) -> None:
    check(house, step)


def test_after_all_kills_there_are_as_many_reports_as_people(house: Ride) -> None:
    check_the_whole(house)


# --- PostgreSQL, Valkey, one worker -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str) -> Iterator[Ride]:
    """A server and a worker: the worker died at each of its steps, the server at each of its own."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE kills")
    env = {
        "DATABASE_URL": postgres_url.rsplit("/", 1)[0] + "/kills",
        "REDIS_URL": redis_url.rsplit("/", 1)[0] + "/1",
        "SECRET_KEY": "test-secret-key-0123456789",
        "CONTACT_KEY": "test-contact-key-0123456789",
        "AUTO_MIGRATE": "on",
    }
    town = Town(folder=tmp_path_factory.mktemp("kills"), env=env)
    ride = Ride(town=town, crowds={step: [] for step in (*WORKER_STEPS, *SERVER_STEPS)})
    for _ in range(ROUNDS):
        town.stop()
        town.start()
        for step in WORKER_STEPS:
            die_at(ride, step, "work")
        town.stop()
        town.work()
        for step in SERVER_STEPS:
            die_at(ride, step)
        town.start()
        hear_out(ride)
    yield ride
    town.stop()
    town.client.close()


@pytest.mark.servers
@pytest.mark.parametrize("step", [*WORKER_STEPS, *SERVER_STEPS])
def test_a_worker_or_its_server_killed_at_a_step_everybody_is_answered_once(city: Ride, step: str) -> None:
    check(city, step)


@pytest.mark.servers
def test_after_all_kills_of_workers_there_are_as_many_reports_as_people(city: Ride) -> None:
    check_the_whole(city)
