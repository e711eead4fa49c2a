"""The process that works off: the same effect as here, killed and back, and never one message twice."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from town import eventually, is_there, others_at

from router import clerk
from router.beside import NobodyThere
from router.carry_out import DatabaseDown
from router.clerk import KILLED_ITS_CLERK, NO_ANSWER, NOBODY_THERE, WAITED_TOO_LONG, Beside
from router.journal import NOBODY_READS, Ahead, work_off
from router.readers import Readers
from router.reading import Raw, packed, read_packed, unpacked
from store.database import Turn, held_alone
from store.journal import Entry, Journal
from store.models import Message
from tests.unit.houses import ROOT, Clock, Town, another
from tests.unit.journals import mail

DEADLY, DEADLY_ONCE = "Jl. Manggarai Utara 5 No 3", "Jl. Manggarai Utara 6 No 4"
REAL = clerk._carry_out


def deadly(entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> Any:
    """In the process beside: some words end it, as a mistake in a library would; some only where they stand among
    others."""
    raws = [entry.raw.decode() for entry in entries]
    if any(DEADLY in raw or (DEADLY_ONCE in raw and len(raws) > 1) for raw in raws):
        os.kill(os.getpid(), signal.SIGKILL)
    return REAL(entries, blobs, learned)


def endless(entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> Any:
    REAL([], [], learned)
    while any(DEADLY in entry.raw.decode() for entry in entries):
        pass
    return REAL(entries, blobs, learned)


def patient(entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> Any:
    while any(DEADLY in entry.raw.decode() for entry in entries):
        time.sleep(0.1)
    return REAL(entries, blobs, learned)


@pytest.fixture
def beside(town: Town) -> Iterator[Beside]:
    each = Beside(town.house.settings)
    each.start()
    yield each
    each.close()


def people(journal: Journal, numbers: Sequence[int]) -> None:
    for number in numbers:
        mail(journal, number, words=another(number))


def waits_for_turn(pid: int) -> bool:
    """As /proc/locks has it: a waiter's line has an arrow."""
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any("->" in line and str(pid) in line for line in lines)


def external_ids(town: Town) -> list[str]:
    return [row.external_id for row in town.rows(Message)]


def test_it_has_the_effect_that_it_would_have_here(town: Town, journal: Journal, beside: Beside) -> None:
    woken: list[str] = []
    house = replace(town.house, wake=lambda *names: woken.extend(names))
    people(journal, range(250))
    ahead, done = Ahead(), 0
    while worked := work_off(house, journal, ahead, clerk=beside):
        done += worked

    assert done == 250
    assert external_ids(town) == [f"mail{number}" for number in range(250)]
    assert len(town.reports()) == len(town.answers()) == 250
    assert journal.counts() == {"done": 250}
    assert set(woken) == {"email"}


def test_it_has_the_next_in_hand_while_those_before_are_written_down(
    town: Town, journal: Journal, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(journal, range(20))
    done, ahead = journal.done, Ahead()

    def later(keys: Sequence[str]) -> None:
        eventually(lambda: len(town.reports()) == 20, what="the next ten are carried out meanwhile")
        done(keys)

    monkeypatch.setattr(journal, "done", later)
    assert work_off(town.house, journal, ahead, limit=10, clerk=beside) == 10
    assert journal.counts() == {"done": 10, "waiting": 10}
    assert work_off(town.house, journal, ahead, limit=10, clerk=beside) == 10
    assert work_off(town.house, journal, ahead, limit=10, clerk=beside) == 0
    assert len(town.reports()) == len(town.answers()) == 20


def test_what_is_carried_out_is_written_down_though_nobody_reads_the_next(
    town: Town, journal: Journal, beside: Beside
) -> None:
    people(journal, range(20))
    nobody = Future[Any]()
    nobody.set_exception(NobodyThere("nobody"))
    real, calls = town.house.readers.begin, count()
    readers = SimpleNamespace(begin=lambda *a: nobody if next(calls) else real(*a))
    house, ahead = replace(town.house, readers=cast(Readers, readers)), Ahead()
    assert work_off(house, journal, ahead, limit=10, clerk=beside) == 10
    with pytest.raises(DatabaseDown, match=NOBODY_READS):
        work_off(house, journal, ahead, limit=10, clerk=beside)
    assert journal.counts() == {"done": 10, "waiting": 10}
    assert work_off(town.house, journal, ahead, limit=10, clerk=beside) == 10
    assert external_ids(town) == [f"mail{number}" for number in range(20)]


def test_killed_while_it_has_nothing_to_do_it_is_back_for_the_next(
    town: Town, journal: Journal, beside: Beside
) -> None:
    people(journal, [1])
    assert work_off(town.house, journal, clerk=beside) == 1
    (pid,) = others_at(town.house.settings.data_dir / "reports.db-turn")
    os.kill(pid, signal.SIGKILL)
    people(journal, [2])
    eventually(lambda: work_off(town.house, journal, clerk=beside), what="it works off again")

    assert external_ids(town) == ["mail1", "mail2"]


def test_a_message_that_kills_it_is_set_aside_and_its_neighbours_have_their_effect(
    town: Town, journal: Journal, beside: Beside, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "_carry_out", deadly)
    people(journal, range(5))  # the third is deadly, the fourth among others only
    assert work_off(town.house, journal, clerk=beside) == 4
    assert external_ids(town) == ["mail0", "mail1", "mail3", "mail4"]

    clock.on(minutes=1)
    assert work_off(town.house, journal, clerk=beside) == 0
    (aside,) = journal.find("failed")
    assert (aside.external_id, aside.error, aside.attempts) == ("mail2", KILLED_ITS_CLERK, 2)


def test_words_that_it_turns_in_a_circle_over_are_set_aside(
    town: Town, journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "_carry_out", endless)
    beside = Beside(town.house.settings, busy_seconds=0.5)
    people(journal, range(4))
    assert work_off(town.house, journal, clerk=beside) == 3
    clock.on(minutes=1)
    assert work_off(town.house, journal, clerk=beside) == 0
    beside.close()
    (aside,) = journal.find("failed")
    assert (aside.external_id, aside.error, aside.attempts) == ("mail2", KILLED_ITS_CLERK, 2)


def test_one_that_stands_still_is_ended_and_nothing_is_done_twice(town: Town, journal: Journal) -> None:
    """Also with a turn at the database in hand, which ends with it."""
    beside = Beside(town.house.settings, seconds=2.0)
    people(journal, range(3))
    assert work_off(town.house, journal, clerk=beside) == 3
    (pid,) = others_at(town.house.settings.data_dir / "reports.db-turn")
    people(journal, range(3, 6))
    with town.house.store.write():  # it waits for this turn with the batch in hand
        begun = beside.begin(town.house, *read(journal))
        eventually(lambda: waits_for_turn(pid), what="it waits")
        os.kill(pid, signal.SIGSTOP)
    carried = begun.result()
    assert (len(carried.done), carried.failed, carried.is_down) == (3, {}, None)
    assert not is_there(pid)
    assert len(town.reports()) == len(town.answers()) == 6
    beside.close()


def test_a_database_that_hangs_ends_it_and_no_message_is_at_fault(town: Town, journal: Journal) -> None:
    beside = Beside(town.house.settings, seconds=2.0)
    beside.start()
    people(journal, range(2))
    with town.house.store.write(), pytest.raises(DatabaseDown, match=NO_ANSWER):
        work_off(town.house, journal, clerk=beside)
    assert [entry.attempts for entry in journal.find("waiting")] == [0, 0]
    assert eventually(lambda: work_off(town.house, journal, clerk=beside)) == 2
    beside.close()


def test_a_message_that_is_waited_for_too_long_holds_up_nobody_elses(
    town: Town, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "_carry_out", patient)
    beside = Beside(town.house.settings, seconds=2.0)
    people(journal, range(4))
    assert work_off(town.house, journal, clerk=beside) == 3
    assert external_ids(town) == ["mail0", "mail1", "mail3"]
    (waiting,) = journal.find("waiting")
    assert (waiting.external_id, waiting.error, waiting.attempts) == ("mail2", WAITED_TOO_LONG, 1)
    beside.close()


def test_a_database_that_is_away_is_waited_for(town: Town, journal: Journal, beside: Beside) -> None:
    people(journal, [1, 2])
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE messages RENAME TO gone")
    carried = beside.begin(town.house, *read(journal)).result()
    assert carried.is_down == "OperationalError"
    assert not carried.done
    assert not carried.failed


class Nobody(Beside):
    """Where no process can be made."""

    def schedule(self, entries: Sequence[Entry], blobs: Sequence[bytes], learned: Path | None) -> Any:
        future: Future[Any] = Future()
        future.set_exception(NobodyThere("OSError"))
        return future


def test_where_no_process_can_be_made_everything_waits_and_nothing_is_set_aside(
    town: Town, journal: Journal
) -> None:
    nobody = Nobody(town.house.settings)
    people(journal, [1, 2])
    for _ in range(3):
        with pytest.raises(DatabaseDown, match=NOBODY_THERE):
            work_off(town.house, journal, clerk=nobody)
    assert [entry.attempts for entry in journal.find("waiting")] == [0, 0]


def read(journal: Journal) -> tuple[list[Entry], list[bytes]]:
    entries = journal.waiting(10)
    raws = [Raw(channel=e.channel, external_id=e.external_id, meta=e.meta, raw=e.raw) for e in entries]
    return entries, [read_packed(raws, ROOT / "config" / "jakarta")]


def test_readings_are_the_same_when_unpacked(journal: Journal) -> None:
    people(journal, range(3))
    _, blobs = read(journal)
    readings = unpacked(blobs)
    assert unpacked([packed(readings[:1]), packed(readings[1:])]) == readings


def test_processes_take_turns_at_the_database(tmp_path: Path) -> None:
    """Two turns at one file are two processes': a lock is the open file's, not the process's."""
    one, other = Turn(tmp_path / "turn"), Turn(tmp_path / "turn")
    order: list[str] = []

    def second() -> None:
        with other:
            order.append("second")

    thread = threading.Thread(target=second)
    with one:
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_turn_that_no_file_can_be_made_for_is_taken_all_the_same(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "no such folder" / "turn")
    with turn:
        pass
    with turn:
        pass


def test_one_sqlite_database_is_one_servers(town: Town) -> None:
    """Whatever folder its journal is in."""
    held = held_alone(town.house.settings)
    with pytest.raises(OSError, match="in use by another server"):
        held_alone(town.house.settings)
    assert held is not None
    os.close(held)
    os.close(held_alone(town.house.settings) or 0)
