"""Parts that run side by side: what falls is started again, and says so without filling the disk."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from router import running
from router.running import keep_running


async def falls(error: Exception, times: int) -> int:
    """Keep a part running that falls so often and then has nothing to do; how often it was started."""
    started = 0

    async def part() -> None:
        nonlocal started
        started += 1
        if started <= times:
            raise error

    await asyncio.wait_for(keep_running("clock", part), 20)
    return started


@pytest.mark.parametrize(
    ("error", "lines"), [(OperationalError("SELECT 1", None, Exception()), 1), (ValueError("x"), 5)]
)
async def test_a_part_that_falls_is_started_again_and_a_database_that_is_away_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, lines: int
) -> None:
    monkeypatch.setattr(running, "BACK_OFF", (0.001, 0.002))
    assert await falls(error, 5) == 6
    assert caplog.text.count("clock fell") == lines


async def test_a_database_that_stays_away_is_said_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "BACK_OFF", (0.001, 0.002))
    monkeypatch.setattr(running, "SAY_SECONDS", 0.0)
    await falls(OperationalError("SELECT 1", None, Exception()), 5)
    assert caplog.text.count("clock fell") == 5
