"""Processes beside: whichever is killed, at whatever moment, the next job is done."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FuturesTimeout
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from town import eventually, is_there

from router import beside, fork_server
from router.beside import READY_SECONDS, JobKilled, NobodyThere, Processes

PATIENCE = 60.0  # seconds: far more than any of it takes
LONG = 50_000_000
ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}


def pid() -> int:
    return os.getpid()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """Kills whoever packs it, in the middle of its answer."""

    def __reduce__(self) -> Any:
        die()


def deadly_answer() -> list[Any]:
    return [Deadly()]


def long_answer(file: Path) -> bytes:
    """More than a pipe holds: it stands in the middle of its answer until somebody reads it."""
    file.write_text(str(os.getpid()))
    return b"x" * LONG


def stands_still_in_its_answer(file: Path) -> bytes:
    """How long it is was said, and nothing of it."""

    def half(pipe: Any, said: Any) -> None:
        os.write(pipe.fileno(), said)
        os.kill(os.getpid(), signal.SIGSTOP)

    file.write_text(str(os.getpid()))
    Connection._send = half  # type: ignore[attr-defined]
    return b"x" * LONG


def sleep(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(PATIENCE)


def refuse() -> None:
    raise ValueError("no")


def note_start(file: Path) -> None:
    with file.open("a") as out:
        out.write("x")


def never_ready() -> None:
    os._exit(1)


@pytest.fixture
def two() -> Iterator[Processes]:
    processes = Processes(2, dict)
    yield processes
    processes.close()


def called(
    processes: Processes, function: Callable[..., Any], *arguments: Any, seconds: float | None = None
) -> Any:
    return processes.schedule(function, *arguments, seconds=seconds).result(PATIENCE)


def test_a_job_is_done_beside_us_and_what_it_raises_is_raised_here(two: Processes) -> None:
    assert called(two, divmod, 7, 2) == (3, 1)
    assert called(two, pid) != os.getpid()
    with pytest.raises(ValueError, match="no"):
        called(two, refuse)
    assert len({called(two, pid) for _ in range(6)}) == 2


@pytest.mark.parametrize("job", [die, deadly_answer])
def test_a_job_that_kills_its_process_holds_up_no_other(two: Processes, job: Callable[[], Any]) -> None:
    for _ in range(4):
        with pytest.raises(JobKilled):
            called(two, job)
        assert [called(two, divmod, 7, 2) for _ in range(3)] == [(3, 1)] * 3


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.03, 0.1])
def test_killed_in_the_middle_of_a_long_answer(two: Processes, tmp_path: Path, wait: float) -> None:
    begun = two.schedule(long_answer, tmp_path / "pid")
    number = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    with suppress(FuturesTimeout):
        begun.result(wait)
    os.kill(number, signal.SIGKILL)
    with suppress(JobKilled):  # or it was quicker
        assert len(begun.result(PATIENCE)) == LONG
    assert [called(two, divmod, 7, 2) for _ in range(2)] == [(3, 1)] * 2


def test_killed_with_nothing_in_hand_no_job_is_lost(two: Processes) -> None:
    for _ in range(5):
        os.kill(called(two, pid), signal.SIGKILL)
        assert [called(two, divmod, 7, 2) for _ in range(2)] == [(3, 1)] * 2


def test_what_takes_too_long_is_killed(two: Processes, tmp_path: Path) -> None:
    begun = two.schedule(sleep, tmp_path / "pid", seconds=0.5)
    assert called(two, divmod, 7, 2) == (3, 1)
    with pytest.raises(TimeoutError):
        begun.result(PATIENCE)
    assert not is_there(int((tmp_path / "pid").read_text()))


def test_one_that_stands_still_is_killed_and_its_job_done_by_another(
    two: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the job is more than the pipe holds."""
    monkeypatch.setattr(beside, "STILL_SECONDS", 1)
    stopped = {called(two, pid) for _ in range(4)}
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    assert [called(two, len, b"x" * size) for size in (1, LONG)] == [1, LONG]
    assert not any(is_there(each) for each in stopped)


def test_one_that_stands_still_in_its_answer_is_killed(
    two: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "STILL_SECONDS", 1)
    begun = two.schedule(stands_still_in_its_answer, tmp_path / "pid")
    with pytest.raises(TimeoutError):
        begun.result(PATIENCE)
    assert not is_there(int((tmp_path / "pid").read_text()))


def test_a_fork_server_that_stands_still_is_replaced(two: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "FORK_SECONDS", 0.5)
    made = called(two, pid)
    server = int(Path(f"/proc/{made}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGSTOP)
    os.kill(made, signal.SIGKILL)
    with pytest.raises(NobodyThere):
        [called(two, pid) for _ in range(2)]
    monkeypatch.undo()
    eventually(lambda: not is_there(server), what="the fork server is gone")
    assert [called(two, divmod, 7, 2) for _ in range(3)] == [(3, 1)] * 3


def test_without_its_fork_server_one_is_killed_all_the_same(two: Processes, tmp_path: Path) -> None:
    called(two, pid)
    begun = two.schedule(sleep, tmp_path / "pid", seconds=1.0)
    number = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    os.kill(int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    with pytest.raises(TimeoutError):
        begun.result(PATIENCE)
    eventually(lambda: not is_there(number), what="it is killed")
    assert [called(two, divmod, 7, 2) for _ in range(4)] == [(3, 1)] * 4


def test_many_jobs_of_many_threads_each_have_their_own_answer(two: Processes) -> None:
    begun = [two.schedule(divmod, number, 10) for number in range(500)]
    assert [each.result(PATIENCE) for each in begun] == [divmod(number, 10) for number in range(500)]


def test_each_is_prepared_once(tmp_path: Path) -> None:
    processes = Processes(2, note_start, [tmp_path / "starts"])
    assert len({called(processes, pid) for _ in range(6)}) == 2
    processes.close()
    assert (tmp_path / "starts").read_text() == "xx"


def test_one_that_cannot_be_made_ready_is_nobody(tmp_path: Path) -> None:
    processes = Processes(1, never_ready)
    for _ in range(3):
        with pytest.raises(NobodyThere):
            called(processes, pid)
    processes.close()


def test_where_no_process_can_be_made_a_job_says_so(two: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMore:
        def Pipe(self) -> Any:
            raise OSError("too many open files")

    monkeypatch.setattr(beside, "forked", NoMore)
    with pytest.raises(NobodyThere):
        called(two, pid)
    monkeypatch.undo()
    assert called(two, divmod, 7, 2) == (3, 1)


def test_a_signal_for_the_whole_group_is_left_to_the_server(two: Processes) -> None:
    """Ctrl-C, or a manager that signals each process: the batch in hand is ended by whoever began it."""
    assert called(two, signal.raise_signal, signal.SIGTERM) is None
    assert called(two, signal.raise_signal, signal.SIGINT) is None


def test_closing_ends_them_with_what_they_have_in_hand(tmp_path: Path) -> None:
    processes = Processes(1, dict)
    begun = processes.schedule(sleep, tmp_path / "pid")
    number = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    waiting = processes.schedule(pid)
    processes.close()
    with pytest.raises(JobKilled):
        begun.result(PATIENCE)
    assert waiting.cancelled()
    eventually(lambda: not is_there(number))


def test_closed_while_they_are_being_made_none_is_left(tmp_path: Path) -> None:
    """A server that is refused its database closes while the first jobs are on their way."""
    for number in range(20):
        processes = Processes(2, dict)
        begun = [processes.schedule(pid) for _ in range(4)]
        time.sleep(number / 1000)
        processes.close()
        for each in begun:
            with suppress(JobKilled, NobodyThere, CancelledError):
                each.result(PATIENCE)
        eventually(lambda made=processes: not made._alive, what="none is left")


def test_closed_while_one_makes_itself_ready_nobody_waits_for_it(tmp_path: Path) -> None:
    """Python's end waits for the thread that waits for it."""
    processes = Processes(1, sleep, (tmp_path / "begun",))
    begun = processes.schedule(pid)
    eventually((tmp_path / "begun").exists, what="it makes itself ready")
    processes.close()
    with pytest.raises(NobodyThere):
        begun.result(READY_SECONDS / 3)


def _never_closes(file: Path) -> None:
    processes = Processes(1, dict)
    file.write_text(str(called(processes, pid)))


def test_who_never_closes_them_ends_all_the_same(tmp_path: Path) -> None:
    script = (
        f"from tests.unit.test_beside import _never_closes, Path; _never_closes(Path({str(tmp_path / 'pid')!r}))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE, env=os.environ | PATHS)
    number = int((tmp_path / "pid").read_text())
    eventually(lambda: not is_there(number), what="it ends with it")


def _serve_and_die(file: Path) -> None:
    processes = Processes(2, dict)
    pids = {called(processes, pid) for _ in range(6)}
    file.with_suffix(".new").write_text(" ".join(map(str, pids)))
    file.with_suffix(".new").rename(file)
    die()


def test_they_end_when_whoever_made_them_is_killed(tmp_path: Path) -> None:
    server = multiprocessing.get_context("spawn").Process(target=partial(_serve_and_die, tmp_path / "pids"))
    server.start()
    server.join(PATIENCE)
    pids = [int(number) for number in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    eventually(lambda: not any(is_there(number) for number in pids), what="they end with it")
