"""A clock that jumps and a disk that fails to write: nothing thanked is lost, doubled, or stuck for long."""

import asyncio
import contextlib
import errno
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from town import Town as Installation
from town import eventually

from normalizer.schema import TemporaryFailure
from router.clock import Seen, tick
from router.journal import work_off
from router.outbox import deliver_due
from router.photos import fetch_owed
from store.journal import Journal
from store.models import Delivery, Message, Photo, Report
from store.work import CARRIED, LEASE, claim_deliveries
from tests.faults.crowd import ROUNDS, a_citizen, post_sms, send_mail, talking
from tests.faults.test_disks_and_databases import everybody_is_answered_once, more_are_thanked, not_ready
from tests.unit.houses import NO_PLACE, WHOLE, Clock, Town, new_town
from tests.unit.journals import ids, keep, mail, opened
from tests.unit.test_outbox import Provider

# --- a clock that jumps -------------------------------------------------------------------------------------

BACK_AN_HOUR = [{"hours": -1}]
OVER_MIDNIGHT = [{"minutes": 40}, {"hours": -1}]
FORWARD_A_DAY = [{"days": 1}]
A_DAY_THERE_AND_BACK = [{"days": 1}, {"days": -1}]
DAYS_THERE_AND_BACK = [{"days": 5}, {"days": -5}]
YEARS_BACK_AND_THERE = [{"days": -9000}, {"days": 9000}]
JUMPS = [
    BACK_AN_HOUR,
    OVER_MIDNIGHT,
    FORWARD_A_DAY,
    A_DAY_THERE_AND_BACK,
    DAYS_THERE_AND_BACK,
    YEARS_BACK_AND_THERE,
]


@pytest.fixture
def clock() -> Clock:
    return Clock(at=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))


@pytest.fixture
def town(tmp_path: Path, clock: Clock) -> Town:
    return Town(house=new_town(tmp_path, now=clock).house, clock=clock)


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with opened(tmp_path / "journal", clock) as made:
        yield made


class Running:
    """The parts of a server, once around after another, on a clock that only the test moves."""

    def __init__(self, town: Town, journal: Journal) -> None:
        self.town, self.journal, self.provider, self.seen = town, journal, Provider(), Seen()

    async def once_around(self) -> None:
        house = self.town.house
        while await asyncio.to_thread(work_off, house, self.journal):
            pass
        await asyncio.to_thread(self.journal.forget, 14)
        await asyncio.to_thread(tick, house, self.seen)
        await fetch_owed(house, self.provider.connections)
        while await deliver_due(house, self.provider.connections):
            pass


@pytest.fixture
def running(town: Town, journal: Journal) -> Running:
    return Running(town, journal)


@pytest.mark.parametrize("jumps", JUMPS, ids=str)
async def test_whatever_the_clock_does_each_message_is_one_report_with_one_answer(
    running: Running, clock: Clock, jumps: list[dict[str, float]]
) -> None:
    numbers = itertools.count()
    said = []
    for jump in [*jumps, {"minutes": 1}]:
        for is_worked_off in (True, False):  # what was kept before a jump is partly worked off behind it
            said.append(next(numbers))
            mail(running.journal, said[-1])
            if is_worked_off:
                await running.once_around()
        clock.on(**jump)
        if said:
            mail(running.journal, said[0])  # a provider says it again
    await running.once_around()

    assert running.journal.waiting(100) == []
    assert sorted(row.external_id for row in running.town.rows(Message)) == sorted(f"mail{n}" for n in said)
    answers = [
        each for each in running.provider.sent if "belum selesai" not in each.text
    ]  # days on, promises are over
    assert sorted(message.to for message in answers) == sorted(f"warga{n}@example.org" for n in said)


async def test_a_restart_after_a_jump_goes_on_as_if_there_had_been_none(
    running: Running, tmp_path: Path, clock: Clock
) -> None:
    clock.on(minutes=40)  # past midnight
    mail(running.journal, 1)
    running.journal.close()
    clock.on(hours=-1)
    with opened(tmp_path / "journal", clock) as after:
        again = Running(running.town, after)
        mail(after, 2)
        await again.once_around()
        assert after.counts() == {"done": 2}
        assert len(again.provider.sent) == 2


def test_a_lane_stays_in_its_order_when_the_clock_is_set_back_over_midnight(
    journal: Journal, clock: Clock
) -> None:
    clock.on(minutes=40)
    keep(journal, "first").result()
    clock.on(hours=-1)
    keep(journal, "second").result()

    assert ids(journal) == ["first", "second"]


def test_a_day_that_was_over_while_the_clock_was_ahead_is_worked_off_when_it_comes_back(
    journal: Journal, clock: Clock
) -> None:
    clock.on(days=3)
    assert journal.waiting(10) == []
    clock.on(days=-3)
    keep(journal, "1").result()

    assert ids(journal) == ["1"]
    assert journal.counts() == {"waiting": 1}


def test_polling_goes_on_from_its_newest_place_after_the_clock_was_far_ahead(
    journal: Journal, clock: Clock
) -> None:
    clock.on(days=5)
    journal.put_cursor("x", "9").result()
    clock.on(days=-5)
    assert journal.get_cursor("x") == "9"
    journal.put_cursor("x", "10").result()

    assert journal.get_cursor("x") == "10"


def test_a_second_try_does_not_wait_for_the_hour_that_the_clock_was_set_back(
    journal: Journal, clock: Clock
) -> None:
    keep(journal, "1").result()
    journal.retry(journal.waiting(1)[0].key, "KeyError", clock.at + timedelta(seconds=8))
    assert ids(journal) == []
    clock.on(hours=-1)

    assert ids(journal) == ["1"]


async def test_nothing_owed_waits_for_the_hour_that_the_clock_was_set_back(running: Running, clock: Clock) -> None:
    town, provider = running.town, running.provider
    await running.once_around()
    provider.answers = [TemporaryFailure("busy")]
    town.tell(WHOLE)
    await running.once_around()  # a second try is to come
    town.tell(WHOLE, sender="+6285678")  # a first one too
    town.tell(NO_PLACE, sender="+6287777")  # and a quiet time runs
    clock.on(hours=-1)
    await running.once_around()

    assert sorted(message.to for message in provider.sent) == ["+6281234", "+6285678", "+6287777"]
    assert {row.state for row in town.rows(Delivery, channel="sms")} == {"sent"}
    assert [row.quiet_until for row in town.rows(Report)] == [None] * 3


async def test_after_a_start_nothing_waits_for_a_time_that_the_clock_has_left(
    running: Running, clock: Clock
) -> None:
    running.provider.answers = [TemporaryFailure("busy")]
    running.town.tell(WHOLE)
    await running.once_around()
    clock.on(hours=-1)
    running.seen = Seen()
    await running.once_around()

    assert [message.to for message in running.provider.sent] == ["+6281234"]


async def test_a_pause_that_a_provider_asked_for_is_kept_while_the_clock_runs(
    running: Running, clock: Clock
) -> None:
    running.provider.answers = [TemporaryFailure("busy", retry_after=7200)]
    running.town.tell(WHOLE)
    for _ in range(3):
        await running.once_around()
        clock.on(minutes=30)
    running.seen = Seen()
    await running.once_around()
    assert running.provider.sent == []


async def test_a_photo_does_not_wait_for_the_hour_either(running: Running, clock: Clock) -> None:
    town = running.town
    await running.once_around()
    town.tell(WHOLE)
    with town.house.store.write() as session:
        later = clock.at + timedelta(seconds=30)
        session.add(
            Photo(
                message_id=1,
                report_id=1,
                channel="sms",
                ref="1",
                name="",
                content_type="image/jpeg",
                state="owed",
                next_attempt_at=later,
                created_at=clock.at,
            )
        )
    running.provider.photos = [TemporaryFailure("busy")]
    clock.on(hours=-1)
    await running.once_around()

    assert running.provider.photos == []


@pytest.mark.parametrize("jump", [{"hours": -1}, {"days": 1}], ids=str)
async def test_an_answer_in_the_air_is_not_sent_again_because_the_clock_jumped(
    running: Running, clock: Clock, jump: dict[str, float]
) -> None:
    async def jumps() -> None:
        clock.on(**jump)
        await asyncio.to_thread(tick, running.town.house, running.seen)

    running.provider.on_send = jumps
    running.town.tell(WHOLE)
    await running.once_around()
    running.provider.on_send = None
    clock.on(minutes=1)
    await running.once_around()

    assert len(running.provider.sent) == 1


def test_a_lease_is_not_taken_away_because_the_clock_was_set_back(town: Town, clock: Clock) -> None:
    """A living worker may be at it: a dead one's comes back when its five minutes are over on any clock."""
    seen = Seen()
    tick(town.house, seen)
    town.tell(WHOLE)
    claim = lambda: _claimed(town)  # noqa: E731
    assert len(claim()) == 1
    clock.on(hours=-1)
    tick(town.house, seen)
    assert claim() == []
    clock.on(hours=1)
    clock.on(seconds=(LEASE + CARRIED).total_seconds())
    assert len(claim()) == 1


def _claimed(town: Town) -> list[int]:
    with town.house.store.write() as session:
        return list(claim_deliveries(session, town.house.now(), 10))


async def test_a_silent_try_of_a_time_that_was_wrong_is_looked_up_from_before_it(
    running: Running, clock: Clock
) -> None:
    """Twilio's list has its own time: asked from an hour too late it would not show what was sent."""
    await running.once_around()
    running.provider.answers = [TemporaryFailure("silence", uncertain=True)]
    running.provider.found = ["SM1"]
    running.town.tell(WHOLE)
    await running.once_around()
    tried_at = clock.at
    clock.on(hours=-1)
    await running.once_around()

    (row,) = running.town.rows(Delivery, channel="sms")
    assert (row.state, row.provider_id) == ("sent", "SM1")
    assert row.first_tried_at < tried_at - timedelta(hours=1)


# --- a disk that fails to write -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes the calls of one folder fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("LEFT OUT: there is no C compiler to build a broken disk with")
    made = tmp_path_factory.mktemp("shim") / "broken_disk.so"
    source = Path(__file__).with_name("broken_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


@pytest.mark.parametrize(
    ("number", "calls"),
    [
        (errno.EIO, "all"),
        (errno.EIO, "sync"),
        pytest.param(errno.ENOSPC, "all", marks=pytest.mark.skipif(ROUNDS == 1, reason="make faults")),
    ],
    ids=["writes and syncs fail", "only syncs fail", "no space in the middle of a file"],
)
def test_a_disk_that_fails_is_said_to_providers_and_left_for_a_fresh_file(
    tmp_path: Path, shim: Path, number: int, calls: str
) -> None:
    marker, folder = tmp_path / "broken", tmp_path / "data" / "journal"
    env = {
        "LD_PRELOAD": str(shim),
        "BROKEN_DISK_MARKER": str(marker),
        "BROKEN_DISK_FOLDER": str(folder),
        "BROKEN_DISK_ERRNO": str(number),
        "BROKEN_DISK_CALLS": calls,
    }
    town = Installation(folder=tmp_path, env=env)
    with contextlib.ExitStack() as stack:
        stack.callback(town.client.close)
        stack.callback(town.stop)
        town.start()
        late = [a_citizen("sms"), a_citizen("email")]
        with talking(town) as crowd:
            more_are_thanked(crowd, 10)
            marker.touch()
            eventually(lambda: post_sms(town, late[0]) == 503, what="Twilio is told to try again")
            eventually(lambda: send_mail(town, late[1]) == 451, what="mail servers are told to try again")
            eventually(lambda: [r for r in not_ready(town) if r.startswith("journal: ")], what="it says so")
            assert town.client.get("/").status_code == 200
            marker.unlink()
            eventually(lambda: post_sms(town, late[0]) == 200, what="an SMS is kept again")
            eventually(lambda: send_mail(town, late[1]) == 250, what="a mail is kept again")
            more_are_thanked(crowd, 10)
        crowd.citizens += late
        everybody_is_answered_once(town, crowd, 0)
        assert len(list(folder.glob("*.sqlite"))) > 1, "new messages went to a fresh file"
        assert not_ready(town) == []
