"""The processes under measure: ours as anybody starts it, the ceilings, and the load."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wording
from bench.look import WAIT_SECONDS, path_of
from store.database import sqlite_module

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
RESTING_SECONDS, RESTS = 3.0, 4
UNWAITED: list[float] = []  # CPU seconds of processes that were ended and had nobody to wait for them
SECRETS = {"SECRET_KEY": "bench-secret-key-of-nobody", "CONTACT_KEY": "bench-contact-key-of-nobody"}


@dataclass(kw_only=True, slots=True)
class Server:
    """One process group and the port that the load goes to; it can be frozen while another one is measured."""

    group: int
    port: int = 0
    smtp: int = 0
    ops: int = 0
    database: str = ""  # as DATABASE_URL spells it
    settings: Mapping[str, str]
    started_in: float = 0.0  # seconds from exec to the first 200 of /healthz

    def freeze(self) -> None:
        os.killpg(self.group, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.group, signal.SIGCONT)

    def memory(self) -> float:
        """PSS in MiB of the process and of those it started."""
        return sum(map(_pss, members(self.group))) / 1024

    async def rest(self) -> None:
        """Until it does nothing any more: what a filled store owes at a start (heads of its history, the files of
        its months) is no part of what is measured. Raises RuntimeError after 15 minutes."""

        async def is_resting() -> bool:
            for _ in range(RESTS):  # it may only have waited for the database
                before = _cpu(self.group)
                await asyncio.sleep(RESTING_SECONDS)
                if _cpu(self.group) - before > RESTING_SECONDS / 10:
                    return False
            return True

        await until(is_resting, "the server does not come to rest", seconds=900)

    async def kept(self) -> int:
        """How many messages the journal holds, by the server's own /metrics."""
        text = (await _get(self.ops, "/metrics")).decode()
        lines = [line for line in text.splitlines() if line.startswith("lapor_journal_entries{")]
        return sum(int(float(line.split()[-1])) for line in lines)

    @asynccontextmanager
    async def database_held(self) -> AsyncIterator[None]:
        """SQLite is as good as gone meanwhile: another process holds its only write lock."""
        connection = await asyncio.to_thread(_hold, path_of(self.database))
        try:
            yield
        finally:
            connection.close()


def _hold(database: Path) -> Any:
    """Take the write lock between two of the server's transactions: SQLite's own waiting would sleep through."""
    sqlite = sqlite_module()
    connection = sqlite.connect(str(database), timeout=0, isolation_level=None, check_same_thread=False)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite.OperationalError:
            if time.monotonic() > deadline:
                raise RuntimeError("the database could not be held") from None
            time.sleep(0.0005)
        else:
            return connection


def _cpu(pid: int) -> float:
    """Seconds of a core that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])


@asynccontextmanager
async def ours(
    folder: Path,
    twilio_url: str,
    more: Mapping[str, str] = {},
    *,
    limits: bool = True,
) -> AsyncIterator[Server]:
    """`run_bots.py serve` with Twilio's settings and a DATA_DIR below `folder`; killed at the end.

    `more` is added to its environment; `limits` False lifts its own limits on sends.
    """
    http, smtp, ops = free_port(), free_port(), free_port()
    settings = {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": f"sqlite:///{folder / 'data' / 'reports.db'}",
        "AUTO_MIGRATE": "on",
        "HTTP_LISTEN": f"127.0.0.1:{http}",
        "SMTP_LISTEN": f"127.0.0.1:{smtp}",
        "OPS_LISTEN": f"127.0.0.1:{ops}",
        "EMAIL_ADDRESS": wording.MAILBOX,
        "SMTP_RELAY": "smtp://127.0.0.1:9",
        "TWILIO_ACCOUNT_SID": wording.ACCOUNT,
        "TWILIO_AUTH_TOKEN": wording.TOKEN,
        "TWILIO_NUMBER": wording.NUMBER,
        "TWILIO_API_URL": twilio_url,
        "SANDBOX": "off",
        "LOG_LEVEL": "warning",
        **(SECRETS if "DATABASE_URL" in more else {}),  # which SQLite's server makes for itself
        **more,
    }
    began = time.perf_counter()
    process = await _start(folder, "serve", settings, limits=limits)
    server = Server(
        group=process.pid, port=http, smtp=smtp, ops=ops, database=settings["DATABASE_URL"], settings=settings
    )
    try:
        await until(lambda: _is_healthy(server, process, folder), "run_bots.py does not come up")
        server.started_in = time.perf_counter() - began
        yield server
    finally:
        await end(process)


@asynccontextmanager
async def worker(folder: Path, server: Server, *, limits: bool = True) -> AsyncIterator[Server]:
    """`run_bots.py work` beside a server that has a REDIS_URL, serving its queues; killed at the end."""
    import redis.asyncio

    process = await _start(folder, "work", server.settings, limits=limits)
    try:
        async with redis.asyncio.Redis.from_url(server.settings["REDIS_URL"]) as connection:

            async def is_serving() -> bool:
                return bool(await connection.scard("rq:workers"))

            await until(is_serving, "the delivery worker does not come up")
        yield Server(group=process.pid, settings=server.settings)
    finally:
        await end(process)


async def _start(folder: Path, command: str, settings: Mapping[str, str], *, limits: bool) -> Process:
    """In a folder of its own, where no .env of the project's adds to the settings."""
    program = [str(ROOT / "run_bots.py")] if limits else ["-m", "bench.unlimited"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *program, command),
            cwd=folder,
            env=kept | {"PYTHONPATH": str(ROOT), "CITY": str(ROOT / "config" / "jakarta")} | dict(settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@asynccontextmanager
async def bare(what: str) -> AsyncIterator[Server]:
    """One of bench.bare's ceilings."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", what, str(port), cwd=ROOT, start_new_session=True
    )
    try:
        await until(lambda: connects(port), f"bench.bare {what} does not listen")
        yield Server(group=process.pid, port=port, settings={})
    finally:
        await end(process)


async def load(what: str, port: int, **options: float | str) -> Any:
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


async def _is_healthy(server: Server, process: Process, folder: Path) -> bool:
    if process.returncode is not None:
        raise RuntimeError(f"run_bots.py ended: {(folder / 'log').read_text()[-1000:]}")
    return (await _get(server.port, "/healthz")).startswith(b"HTTP/1.1 200")


async def until(
    look: Callable[[], Awaitable[bool]], complaint: str, *, seconds: float = START_SECONDS, every: float = 0.01
) -> None:
    """Look until it is true. Raises RuntimeError with the complaint when the seconds are over."""
    deadline = time.monotonic() + seconds
    while not await look():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{complaint} within {seconds:.0f} s")
        await asyncio.sleep(every)


async def connects(port: int) -> bool:
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


async def end(process: Process) -> None:
    """SIGKILL to the process and those it started."""
    if process.returncode is None:
        end_group(process.pid, [pid for pid in members(process.pid) if pid != process.pid])
    await process.wait()


def end_group(leader: int, unwaited: Sequence[int]) -> None:
    """SIGKILL to a process group, some of which nobody will wait for: their CPU seconds go into UNWAITED."""
    for pid in unwaited:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
            UNWAITED.append(sum(map(int, times)) / os.sysconf("SC_CLK_TCK"))
    os.killpg(leader, signal.SIGKILL)


def members(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return found
