"""Parts that run side by side: what falls is started again, and says so without filling the disk."""

import asyncio
import subprocess
import sys

import pytest
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from sqlalchemy.exc import OperationalError
from town import ROOT

from config.settings import SettingsError
from router import running
from router.carry_out import DatabaseDown
from router.running import keep_running


async def falls(error: Exception, times: int, name: str = "clock") -> int:
    """Keep a part running that falls so often and then has nothing to do; how often it was started."""
    started = 0

    async def part() -> None:
        nonlocal started
        started += 1
        if started <= times:
            raise error

    await asyncio.wait_for(keep_running(name, part), 20)
    return started


@pytest.mark.parametrize(
    ("error", "lines"),
    [(OperationalError("SELECT 1", None, Exception()), 1), (ReadOnlyError("READONLY"), 1), (ValueError("x"), 5)],
)
async def test_a_part_that_falls_is_started_again_and_a_database_that_is_away_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, lines: int
) -> None:
    monkeypatch.setattr(running, "BACK_OFF", (0.001, 0.002))
    assert await falls(error, 5) == 6
    assert caplog.text.count("clock fell") == lines


async def test_a_redis_that_takes_nothing_is_asked_again_within_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "BACK_OFF", (60.0, 60.0))
    monkeypatch.setattr(running, "DATABASE_SECONDS", 0.001)
    assert await falls(OutOfMemoryError("OOM"), 3) == 4


async def test_what_is_away_or_set_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second: a database that comes back, and whose schema or keys are not ours."""
    monkeypatch.setattr(running, "BACK_OFF", (0.001, 0.002))
    await falls(DatabaseDown("the photos' place, OSError"), 1)
    assert "clock fell (DatabaseDown: the photos' place, OSError)" in caplog.text
    await falls(SettingsError("CONTACT_KEY is not the one"), 1)
    assert "clock fell (SettingsError: CONTACT_KEY is not the one)" in caplog.text


def test_the_end_waits_for_no_thread_that_hangs() -> None:
    hangs = "import threading; from router.running import leave_after; leave_after(0.1, 3); "
    hangs += "threading.Thread(target=threading.Event().wait).start()"
    assert subprocess.run([sys.executable, "-c", hangs], cwd=ROOT, timeout=20).returncode == 3


async def test_a_database_that_stays_away_is_said_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "BACK_OFF", (0.001, 0.002))
    monkeypatch.setattr(running, "SAY_SECONDS", 0.0)
    await falls(OperationalError("SELECT 1", None, Exception()), 5)
    assert caplog.text.count("clock fell") == 5


async def test_a_journal_whose_files_cannot_be_opened_is_looked_at_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After too many open files, say, nobody waits for a minute."""
    monkeypatch.setattr(running, "BACK_OFF", (60.0, 60.0))
    monkeypatch.setattr(running, "DATABASE_SECONDS", 0.001)
    assert await falls(OSError(24, "Too many open files"), 5, "journal") == 6
    assert caplog.text.count("journal fell") == 1
