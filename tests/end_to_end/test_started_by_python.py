"""Python alone, which has nothing loaded, can start all that other tests fork (tests/forked.py)."""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from town import ROOT, Town, eventually

from router.running import OPEN_FILES

COMMANDS = (
    "migrate",
    "user add sri --role triage",
    "explain lampu",
    "stuck",
    "replay --failed",
    "verify",
    "agency list",
    "retention",
    "backup {kept}",
)


def test_every_command_finds_what_it_needs(new_town: Callable[..., Town]) -> None:
    town = new_town()
    for command in COMMANDS:
        arguments = [sys.executable, "run_bots.py", *command.format(kept=town.folder / "kept").split()]
        ended = subprocess.run(arguments, cwd=ROOT, env=town.environment, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, ""), command


def open_files(pid: int) -> int:
    (limit,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "open files" in line]
    return int(limit.split()[3])


def test_a_server_comes_up_and_ends_when_told(new_town: Callable[..., Town]) -> None:
    town = new_town()
    with (town.folder / "log").open("ab") as log:
        command = ["prlimit", "--nofile=256:", sys.executable, "run_bots.py"]
        town.process = subprocess.Popen(command, cwd=ROOT, env=town.environment, stdout=log, stderr=log)
    eventually(town._is_up, within=60, what="the installation comes up")
    assert open_files(town.process.pid) == min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    town.process.terminate()
    assert town.process.wait(20) == 0


def test_interrupted_while_it_loads_it_ends_without_a_word(new_town: Callable[..., Town]) -> None:
    for loaded in ("pydantic_core", "/h3/"):
        command = [sys.executable, "run_bots.py"]
        process = subprocess.Popen(command, cwd=ROOT, env=new_town().environment, stderr=subprocess.PIPE)
        maps = Path(f"/proc/{process.pid}/maps")
        eventually(lambda maps=maps, loaded=loaded: loaded in maps.read_text(), what="it loads")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert (said, process.returncode in {-signal.SIGINT, 130}) == (b"", True)
