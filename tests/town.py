"""A running installation seen from outside: what an end-to-end test drives."""

import base64
import io
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from PIL import Image

from config.settings import Settings
from store.database import open_engine
from store.migrate import migrate
from tests.forked import Process, ended, started

ROOT = Path(__file__).resolve().parent.parent
API_KEY = "test-key-for-open311"


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_ports = count(10_000 + 5_000 * _WORKER + os.getpid() * 37 % 4_000)  # two suites side by side seldom share one


def free_port() -> int:
    """A port that nobody has, of this worker's own: below those that the system gives to connections, which could
    take it before its server does."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def is_there(number: int) -> bool:
    """Whether a process lives; one that ended and waits for its parent does not."""
    with suppress(OSError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def eventually(look: Callable[[], Any], *, within: float = 15.0, what: str = "") -> Any:
    """Look until something true comes back; fail with the last thing seen when time is up."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {within} s: {what or look}; last seen: {seen!r}")
        time.sleep(0.02)


def jpeg(colour: str = "gray", side: int = 64) -> bytes:
    """A small real photo."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "JPEG")
    return out.getvalue()


def others_at(path: Path) -> set[int]:
    """The other processes that have this file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if link.readlink() == path:
                found.add(int(link.parts[2]))
    return found - {os.getpid()}


@cache
def _tables() -> bytes:
    """An SQLite database of today's schema with nothing in it."""
    with TemporaryDirectory() as folder:
        engine = open_engine(Settings(_env_file=None, data_dir=Path(folder), database_url=""))
        migrate(engine)
        engine.dispose()  # the last connection's end puts the log into the file
        return (Path(folder) / "reports.db").read_bytes()


def with_tables(data: Path) -> None:
    """Put an empty database there, as an earlier start leaves one, unless one is there: to make it takes as long as
    the rest of a start. That a start makes it is tests/end_to_end/test_started_by_python.py's."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data / "reports.db"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_tables())


@dataclass
class Town:
    """One installation in a process of its own, seen from outside only."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    http: int = field(default_factory=free_port)
    process: Process | None = None
    workers: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.smtp, self.ops = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http}"
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = keep | {
            "DATA_DIR": str(self.folder / "data"),
            "HTTP_LISTEN": f"127.0.0.1:{self.http}",
            "SMTP_LISTEN": f"127.0.0.1:{self.smtp}",
            "OPS_LISTEN": f"127.0.0.1:{self.ops}",
            "OPEN311_API_KEYS": f"test:{API_KEY}",
            "QUIET_SECONDS": "1",
            "UNDO_SECONDS": "1",
            **self.env,
        }
        self.client = httpx.Client(base_url=self.url, timeout=20)

    def start(self) -> "Town":
        if "DATABASE_URL" not in self.env:
            with_tables(self.folder / "data")
        self.process = self.begin("log")
        eventually(self._is_up, within=60, what="the installation comes up")
        return self

    def work(self) -> None:
        self.workers.append(self.begin("worker.log", "work"))

    def begin(self, log: str, *arguments: str, **env: str) -> Process:
        """Start a process and do not wait for it."""
        with open(os.devnull) as nothing, (self.folder / log).open("ab") as written:
            return started(arguments, self.environment | env, [nothing, written, written])

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"run_bots.py ended: {self.log()[-2000:]}")
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        for process in [*self.workers, *([self.process] if self.process else [])]:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.workers.clear()

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return ended(arguments, self.environment, stdin or "")

    # --- a citizen ---------------------------------------------------------------------------------------

    def say(
        self, channel: str, sender: str, text: str = "", *, photos: tuple[bytes, ...] = (), **more: Any
    ) -> dict:
        asked = {"from": sender, "text": text, "photos": [base64.b64encode(p).decode() for p in photos], **more}
        answer = self.client.post(f"/sandbox/api/{channel}/messages", json=asked)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def thread(self, channel: str, sender: str) -> list[dict[str, Any]]:
        answer = self.client.get(f"/sandbox/api/{channel}/{sender}")
        assert answer.status_code == 200, answer.text
        return answer.json()["messages"]

    def answers(self, channel: str, sender: str) -> list[str]:
        return [m["text"] for m in self.thread(channel, sender) if m["direction"] == "out"]

    def answer(self, channel: str, sender: str, number: int = 1, within: float = 15.0) -> str:
        """Wait for the nth answer that this citizen reads."""
        look = lambda: self.answers(channel, sender)[number - 1 :]  # noqa: E731
        return eventually(look, within=within, what=f"answer {number} on {channel}")[0]

    # --- an official -------------------------------------------------------------------------------------

    def requests(self, **filters: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        answer = self.client.get("/open311/v2/requests.json", params=filters, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def update(self, code: str, status: str, words: str, update_id: str = "") -> httpx.Response:
        fields = {
            "api_key": API_KEY,
            "service_request_id": code,
            "update_id": update_id or f"{code}-{status}",
            "status": status,
            "description": words,
            "updated_datetime": "2026-01-01T00:00:00Z",
        }
        return self.client.post("/open311/v2/servicerequestupdates.json", data=fields)


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- what people say ----------------------------------------------------------------------------------------

PLACE = {"lat": -6.2088, "long": 106.8456}  # Manggarai
TEXT = "Min, lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai, gelap banget"
SENDERS = {
    "sms": "+6281200000{n:03}",
    "whatsapp": "+6281300000{n:03}",
    "email": "warga{n}@example.org",
    "telegram": "70000{n:03}",
    "x": "warga{n:03}",
}
CHANNELS = tuple(SENDERS)
_number = count(1)


def new_citizen(channel: str) -> str:
    return SENDERS[channel].format(n=next(_number))


def code_in(text: str) -> str:
    found = re.search(r"\b(?=[A-Z2-9]*\d)(?=[A-Z2-9]*[A-Z])[A-Z2-9]{6}\b", text)
    assert found, text
    return found.group()


def report(town: Town, code: str) -> dict[str, Any]:
    """The report as an agency's own system reads it."""
    (found,) = town.requests(service_request_id=code)
    return found
