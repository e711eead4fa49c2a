"""Whichever process beside the server is killed while people speak: each has one report and one answer."""

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from town import Town, eventually, is_there

from tests.faults.crowd import ROUNDS, Crowd, becomes_quiet, counted

KILLS = 6 if ROUNDS == 1 else 60
PAUSE = (
    0.7  # seconds between two: who was killed twice with the same single message in hand would have it set aside
)
RANDOM = random.Random(5)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def beside(town: Town) -> dict[int, list[int]]:
    """The fork server, and what it made: the readers and who works off."""
    assert town.process is not None
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = parent_of(int(folder.name))
    ours = [pid for pid, parent in parents.items() if parent == town.process.pid]
    families = {pid: [child for child, parent in parents.items() if parent == pid] for pid in ours}
    return {pid: children for pid, children in families.items() if children}


def kill_some(town: Town, crowd: Crowd, whom: Callable[[], list[int]], times: int) -> None:
    for _ in range(times):
        spoken = len(crowd.citizens)
        victims = eventually(whom, what="there is somebody to kill")
        os.kill(RANDOM.choice(victims), signal.SIGKILL)
        crowd._enough.wait(PAUSE)
        eventually(lambda before=spoken: len(crowd.citizens) > before, what="people go on speaking")


def everybody_has_one(town: Town, crowd: Crowd) -> None:
    crowd.join()
    becomes_quiet(town)
    for citizen in crowd.citizens:
        assert len(town.answers(citizen.channel, citizen.name)) == 1, citizen
    assert counted(town, "lapor_reports") == len(crowd.citizens)
    assert counted(town, "lapor_journal_entries", "failed") == 0


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def town(request: pytest.FixtureRequest, new_town: Callable[..., Town]) -> Town:
    if request.param == "SQLite":
        return new_town().start()
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE kills_beside")
    keys = {"SECRET_KEY": "test-secret-key-0123456789", "CONTACT_KEY": "test-contact-key-0123456789"}
    return new_town(DATABASE_URL=url.rsplit("/", 1)[0] + "/kills_beside", AUTO_MIGRATE="on", **keys).start()


def test_readers_and_who_works_off_are_killed(town: Town) -> None:
    crowd = Crowd(town=town, pause=0.02).start()
    kill_some(town, crowd, lambda: [pid for family in beside(town).values() for pid in family], KILLS)
    crowd.stop()
    everybody_has_one(town, crowd)


def test_the_fork_server_is_killed(new_town: Callable[..., Town]) -> None:
    """Who was made goes on; for the next one that is to be made there is a fork server again."""
    town = new_town().start()
    ((first, made),) = eventually(lambda: list(beside(town).items()), what="the fork server")
    crowd = Crowd(town=town, pause=0.02).start()
    kill_some(town, crowd, lambda: [first], 1)
    kill_some(town, crowd, lambda: made, 1)
    eventually(lambda: [pid for pid in beside(town) if pid != first], within=60, what="another fork server")
    crowd.stop()
    everybody_has_one(town, crowd)


def test_a_killed_server_leaves_no_process_behind(new_town: Callable[..., Town]) -> None:
    town = new_town().start()
    family = eventually(lambda: beside(town), what="processes beside the server")  # forks, which share its memory
    pids = [*family, *(pid for children in family.values() for pid in children)]
    assert len(pids) >= 4
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
    assert not any(b"multiprocessing" in command for command in commands), "a second Python was started"
    town.kill()
    eventually(lambda: not [pid for pid in pids if is_there(pid)], what="they end with it")
