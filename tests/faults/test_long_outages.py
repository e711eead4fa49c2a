"""Outages in their full length, a database and a Redis that hang, a worker that stands still. `make long`."""

import contextlib
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from redis import Redis
from town import Town, eventually

from store.work import CARRIED, LEASE
from tests.end_to_end.test_missed_messages import twilio_hears
from tests.faults.crowd import (
    Citizen,
    a_citizen,
    becomes_quiet,
    counted,
    in_the_air,
    metrics,
    minutes_pass,
    not_written_down,
    post_sms,
    send_mail,
    sms_form,
    talking,
)
from tests.faults.test_disks_and_databases import (
    Valkey,
    city,
    everybody_is_answered_once,
    fill,
    more_are_thanked,
    small_disk,
)
from tests.forked import Process
from tests.unit.journals import Cable

__all__ = ["city"]  # a fixture of the shorter tests

pytestmark = pytest.mark.long

MINUTE, REDIS_GIVEN_UP = 60.0, 15.0  # seconds


def during(seconds: float, do: Callable[[], object], every: float) -> None:
    """Do something again and again for so long: the length is what is tried here."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        do()
        time.sleep(every)


@pytest.mark.servers
def test_a_minute_without_a_database_under_load_costs_nobody_an_answer(city: tuple[Town, Cable, Valkey]) -> None:
    town, cable, _ = city
    before = counted(town, "lapor_reports")
    with talking(town) as crowd:
        more_are_thanked(crowd, 15)
        crowd.pause = 0.1  # or a fast machine's crowd has said all that it will before the minute is over
        cable.cut()
        cut_at = datetime.now(UTC)
        heard_before = sum(citizen.is_heard for citizen in crowd.citizens)
        during(MINUTE, lambda: None, 1)
        assert metrics(town)['lapor_part_up{part="database"}'] == 0
        heard = sum(citizen.is_heard for citizen in crowd.citizens) - heard_before
        assert counted(town, "lapor_journal_entries", "waiting") >= heard > 100
        cable.mend()
        more_are_thanked(crowd, 10)
    crowd.may_repeat = not_written_down(town)
    minutes_pass(town, before=cut_at)
    print(f"thanked without a database: {heard}")
    everybody_is_answered_once(town, crowd, before, within=900)


@pytest.mark.servers
def test_a_database_and_a_redis_that_hang_hold_up_no_thanks_and_cost_nobody_an_answer(
    city: tuple[Town, Cable, Valkey],
) -> None:
    """Their connections stay, and say nothing: longer than Redis is given, shorter than the database is."""
    town, cable, valkey = city
    before = counted(town, "lapor_reports")
    with talking(town) as crowd:
        more_are_thanked(crowd, 15)
        eventually(
            lambda: town.answers(crowd.citizens[0].channel, crowd.citizens[0].name), what="the worker works"
        )
        crowd.pause = 0.1
        hung_at = datetime.now(UTC)
        with cable.held(), valkey.held():
            more_are_thanked(crowd, 60)
            ready = httpx.get(f"http://127.0.0.1:{town.ops}/readyz", timeout=20)
            assert (ready.status_code, "database" in ready.text, "redis" in ready.text) == (503, True, True)
            assert metrics(town)['lapor_part_up{part="database"}'] == 0
            assert town.client.get("/healthz").status_code == 200
            during(REDIS_GIVEN_UP, lambda: None, 1)
        more_are_thanked(crowd, 10)
    crowd.may_repeat = not_written_down(town)
    minutes_pass(town, before=hung_at)

    everybody_is_answered_once(town, crowd, before)


def stopped_in_mid_work(town: Town, worker: Process) -> list[str]:
    """What it has in hand, once it was stopped; nothing where it had nothing, and goes on."""
    worker.send_signal(signal.SIGSTOP)
    if not (found := in_the_air(town)):
        worker.send_signal(signal.SIGCONT)
    return found


@pytest.mark.servers
def test_a_worker_that_stood_still_past_its_claims_sends_nothing_twice(city: tuple[Town, Cable, Valkey]) -> None:
    """Stopped with answers in hand; another takes them over after five minutes, and then it goes on."""
    town, _, _ = city
    before, stopped = counted(town, "lapor_reports"), town.workers[-1]
    with talking(town) as crowd:
        more_are_thanked(crowd, 30)
        in_hand = eventually(lambda: stopped_in_mid_work(town, stopped), within=60, what="it has answers in hand")
        crowd.may_repeat = not_written_down(town)
        town.work()
        more_are_thanked(crowd, 10)
    try:
        during(LEASE.total_seconds() + CARRIED.total_seconds() + 15, lambda: None, 1)
    finally:
        stopped.send_signal(signal.SIGCONT)
    print(f"in hand when it was stopped: {len(in_hand)}, {len(crowd.may_repeat)} of them taken by the provider")
    everybody_is_answered_once(town, crowd, before)


@pytest.mark.servers
def test_a_worker_that_is_told_to_end_does_not_wait_for_a_redis_that_hangs(
    city: tuple[Town, Cable, Valkey],
) -> None:
    """systemd kills after 45 seconds."""
    town, _, valkey = city
    with Redis.from_url(town.environment["REDIS_URL"]) as redis:
        waiting = lambda: sum("b" in each["flags"] for each in redis.client_list())  # noqa: E731
        eventually(lambda: waiting() == len(town.workers), what="the first one waits for jobs")
        town.work()
        eventually(lambda: waiting() == len(town.workers), what="so does the second")
    worker = town.workers.pop()
    with valkey.held():
        worker.terminate()
        assert worker.wait(30) == 0


def test_after_ten_minutes_of_full_disk_every_sms_is_there_once(tmp_path: Path) -> None:
    """SMS are not said again: Twilio lists them. Mail servers say theirs again."""
    town = Town(folder=tmp_path)
    refused: list[Citizen] = []
    mails: list[Citizen] = []

    def people_write() -> None:
        sms, mail = a_citizen("sms"), a_citizen("email")
        assert (post_sms(town, sms), send_mail(town, mail)) == (503, 451)
        twilio_hears(town, sms_form(town, sms))
        refused.append(sms)
        mails.append(mail)

    with small_disk(tmp_path / "data" / "journal", 8) as disk, contextlib.ExitStack() as stack:
        stack.callback(town.client.close)
        stack.callback(town.stop)
        town.start()
        filler = fill(disk)
        eventually(lambda: post_sms(town, a_citizen("sms")) == 503, what="Twilio is told to try again")
        during(10 * MINUTE, people_write, 2)
        filler.unlink()
        for citizen in mails:
            eventually(lambda c=citizen: send_mail(town, c) == 250, what="a mail is kept again")
        for citizen in refused:
            town.answer("sms", citizen.name, within=60)
        becomes_quiet(town)
        assert [len(town.answers("sms", citizen.name)) for citizen in refused] == [1] * len(refused)
        assert [len(town.answers("email", citizen.name)) for citizen in mails] == [1] * len(mails)
        assert counted(town, "lapor_reports") == len(refused) + len(mails)
        print(f"refused and there once: {len(refused)} SMS, {len(mails)} mails")
