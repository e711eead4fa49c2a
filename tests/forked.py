"""`run_bots.py` in a process of its own whose imports are done: forked from one that has loaded everything once.

What the program does is the same, from its arguments and its environment to its end; what is spared is two seconds of
a core at each start. That Python alone can start all of it is tests/end_to_end/test_started_by_python.py's.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = (
    "run_bots",
    "desk.server",
    "desk.counted",
    "sandbox",
    "router.tried",
    "router.worker",
    "router.clock",
    # what is loaded when it is needed first, at every start
    *("channels.sms_api", "channels.x_api", "twilio.rest.api.v2010", "config.logs", "router.learned"),
    *("router.leases", "router.photos", "router.public_photos", "router.search"),
    *("anyio._backends._asyncio", "httpcore", "multiprocessing.popen_forkserver", "uvicorn.lifespan.on"),
)
ASKED_BYTES = 100_000


class Forked:
    """As much of subprocess.Popen as tests ask for; `files` are stdin, stdout and stderr."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], files: Sequence[Any]) -> None:
        self.returncode: int | None = None
        self._news, theirs = os.pipe()
        asked = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        socket.send_fds(_mother(), [asked], [*(file.fileno() for file in files), theirs])
        os.close(theirs)
        told = os.read(self._news, 16)
        assert told, "what everything is forked from has ended: see its traceback"
        self.pid = int(told)

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._news], [], [], 0)[0]:
            self.returncode = os.waitstatus_to_exitcode(int(os.read(self._news, 16)))
            os.close(self._news)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._news], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("run_bots.py", timeout or 0)
        self.poll()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


def started(arguments: Sequence[str], env: Mapping[str, str], files: Sequence[Any]) -> Process:
    """A process that runs on; started by Python where the environment speaks to Python or to the loader."""
    if not any(name.startswith(("PYTHON", "LD_")) for name in env):
        return Forked(arguments, env, files)
    stdin, stdout, stderr = files
    command = [sys.executable, "run_bots.py", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=stdin, stdout=stdout, stderr=stderr)


def ended(arguments: Sequence[str], env: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    with TemporaryFile("w+") as said, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        said.write(stdin)
        said.seek(0)
        process = started(arguments, env, [said, out, err])
        try:
            code = process.wait(60)
        finally:
            process.kill()
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


@cache
def _mother() -> socket.socket:
    """Of this process's own; she ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, __file__, str(theirs.fileno())]
    subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    return ours


# --- the process that everything is forked from -------------------------------------------------------------


def _load() -> None:
    sys.path[0] = str(ROOT)  # as Python does for ROOT/run_bots.py
    gc.disable()
    for module in EVERYTHING:
        importlib.import_module(module)
    from config.settings import read_settings
    from router.reading import pack_at

    pack_at(read_settings().city)
    assert threading.active_count() == 1, "a thread would be lost in a fork"
    gc.collect()
    gc.freeze()
    gc.enable()


def _children(control: socket.socket) -> dict[str, Any] | None:
    """Fork a child for whoever asks; what it is to be, in the child; None when nobody will ask any more.

    Between the two stands one who waits for the child and tells how it ended.
    """
    while True:
        asked, files, *_ = socket.recv_fds(control, ASKED_BYTES, 4)
        if not asked:
            return None
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if (child := os.fork()) == 0:
                for number, file in enumerate(files[:3]):
                    os.dup2(file, number)
                for file in files:
                    os.close(file)
                return dict(json.loads(asked))
            os.write(files[3], b"%-16d" % child)
            for file in files[:3]:
                os.close(file)
            code = os.waitpid(child, 0)[1]
            with suppress(BrokenPipeError):  # nobody wants to know any more
                os.write(files[3], b"%-16d" % code)
            os._exit(0)
        for file in files:
            os.close(file)


def _become(asked: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    importlib.reload(sys.modules["store.steps"])  # it alone looks at the environment when it is loaded
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode) for n, mode in enumerate("rww"))  # noqa: SIM115
    sys.argv = ["run_bots.py", *asked["arguments"]]
    runpy.run_path("run_bots.py", run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and they end her
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody between is waited for
    if (wanted := _children(socket.socket(fileno=int(sys.argv[1])))) is not None:
        _become(wanted)
