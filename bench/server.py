"""The processes under measure: ours as anybody starts it, the ceilings, and the load."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wording
from store.database import sqlite_module

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
HOLD_SECONDS = 60.0


@dataclass(kw_only=True, slots=True)
class Server:
    """One process and the port that the load goes to; it can be frozen while another one is measured."""

    process: asyncio.subprocess.Process
    port: int
    smtp: int = 0
    ops: int = 0
    folder: Path = Path()
    started_in: float = 0.0  # seconds from exec to the first 200 of /healthz

    def freeze(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def memory(self) -> float:
        """PSS in MiB of the server and the processes it started."""
        return sum(map(_pss, _group(self.process.pid))) / 1024

    @property
    def database(self) -> Path:
        return self.folder / "data" / "reports.db"

    async def kept(self) -> int:
        """How many messages the journal holds, by the server's own /metrics."""
        text = (await _get(self.ops, "/metrics")).decode()
        lines = [line for line in text.splitlines() if line.startswith("lapor_journal_entries{")]
        return sum(int(float(line.split()[-1])) for line in lines)

    def reports(self) -> int:
        """How many reports are committed (a look into the database costs the server less than /metrics)."""
        connection = sqlite_module().connect(str(self.database), timeout=HOLD_SECONDS)
        try:
            return int(connection.execute("SELECT count(*) FROM reports").fetchone()[0])
        finally:
            connection.close()

    @asynccontextmanager
    async def database_held(self) -> AsyncIterator[None]:
        """The database is as good as gone meanwhile: another process holds its only write lock."""
        connection = await asyncio.to_thread(_hold, self.database)
        try:
            yield
        finally:
            connection.close()


def _hold(database: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite_module().connect(
        str(database), timeout=HOLD_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("BEGIN IMMEDIATE")
    return connection


def _group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == leader:
                found.append(int(folder.name))
        except ProcessLookupError:
            continue
    return found


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])


@asynccontextmanager
async def ours(folder: Path, twilio_url: str, relay: int = 0) -> AsyncIterator[Server]:
    """`run_bots.py serve` with Twilio's settings and a DATA_DIR below `folder`; killed at the end."""
    http, smtp, ops = free_port(), free_port(), free_port()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "DATA_DIR": str(folder / "data"),
        "HTTP_LISTEN": f"127.0.0.1:{http}",
        "SMTP_LISTEN": f"127.0.0.1:{smtp}",
        "OPS_LISTEN": f"127.0.0.1:{ops}",
        "EMAIL_ADDRESS": wording.MAILBOX,
        "SMTP_RELAY": f"smtp://127.0.0.1:{relay}",
        "TWILIO_ACCOUNT_SID": wording.ACCOUNT,
        "TWILIO_AUTH_TOKEN": wording.TOKEN,
        "TWILIO_NUMBER": wording.NUMBER,
        "TWILIO_API_URL": twilio_url,
        "SANDBOX": "off",
        "LOG_LEVEL": "warning",
    }
    began = time.perf_counter()
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "run_bots.py",
            "serve",
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process=process, port=http, smtp=smtp, ops=ops, folder=folder)
    try:
        await _until_healthy(server)
        server.started_in = time.perf_counter() - began
        yield server
    finally:
        await _end(server)


@asynccontextmanager
async def bare(what: str) -> AsyncIterator[Server]:
    """One of bench.bare's ceilings, frozen until it is thawed."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", what, str(port), cwd=ROOT, start_new_session=True
    )
    server = Server(process=process, port=port)
    try:
        await _until(lambda: _connects(port), f"bench.bare {what} does not listen")
        yield server
    finally:
        await _end(server)


async def load(what: str, port: int, **options: float) -> Any:
    """Run bench.load and return what it saw. Raises RuntimeError when an answer was wrong."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load", what, str(port), *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load of {what} ended with {process.returncode}")
    seen = json.loads(out)
    if seen["wrong"]:
        raise RuntimeError(f"{seen['wrong']} messages of {what} were not answered with OK")
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_healthy(server: Server) -> None:
    async def is_up() -> bool:
        if server.process.returncode is not None:
            raise RuntimeError(f"run_bots.py ended: {(server.folder / 'log').read_text()[-1000:]}")
        return (await _get(server.port, "/healthz")).startswith(b"HTTP/1.1 200")

    await _until(is_up, "run_bots.py does not come up")


async def _until(look: Any, complaint: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not await look():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        await asyncio.sleep(0.01)


async def _connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _get(port: int, path: str) -> bytes:
    """The whole answer to a GET, or nothing where nobody answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    except OSError:
        return b""
    writer.close()
    return answer


async def _end(server: Server) -> None:
    if server.process.returncode is None:
        os.killpg(server.process.pid, signal.SIGKILL)
    await server.process.wait()
