"""The journal keeps first: group commit, days, lanes, full disks, kills; and the house works it off, once."""

import asyncio
import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select
from town import eventually

from normalizer.schema import Draft, TemporaryFailure
from router import reading
from router.carry_out import DatabaseDown, process
from router.journal import TRIES, accept_for, cursor_for, replay, work_off
from router.reading import Raw, read_all
from store.database import sqlite_module
from store.journal import IN_ROW_LIMIT, Journal
from store.models import Message, Report
from tests.unit.houses import ROOT, WHOLE, Clock, Town, new_town


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with opened(tmp_path / "journal", clock) as made:
        yield made


def keep(
    journal: Journal, external_id: str, *, lane: str = "a", raw: bytes = b"raw", channel: str = "sms"
) -> "Future[bool]":
    return journal.put(channel=channel, external_id=external_id, lane=lane, raw=raw, meta={"to": "us"})


def ids(journal: Journal, limit: int = 100) -> list[str]:
    return [entry.external_id for entry in journal.waiting(limit)]


def opened(folder: Path, clock: Clock) -> contextlib.closing[Journal]:
    """A journal that is closed at the end: opened again it is the same after a restart."""
    return contextlib.closing(Journal(folder, clock))


# --- keeping ------------------------------------------------------------------------------------------------


def test_what_was_kept_is_read_back_as_it_came(journal: Journal, clock: Clock) -> None:
    assert keep(journal, "SM1", raw=b"\x00\xff{}").result() is True
    (entry,) = journal.waiting(10)

    assert (entry.channel, entry.external_id, entry.raw) == ("sms", "SM1", b"\x00\xff{}")
    assert (entry.meta, entry.received_at, entry.attempts) == ({"to": "us"}, clock.at, 0)


@settings(max_examples=60, deadline=None)
@given(external_id=st.text(max_size=300), lane=st.text(max_size=300), raw=st.binary(max_size=2000))
def test_any_id_lane_and_bytes_are_kept(
    tmp_path_factory: pytest.TempPathFactory, external_id: str, lane: str, raw: bytes
) -> None:
    with contextlib.closing(Journal(tmp_path_factory.mktemp("any"))) as journal:
        meta = {"from": lane, "odd": "\ud800\x00"}
        assert journal.put(channel="x", external_id=external_id, lane=lane, raw=raw, meta=meta).result()
        (entry,) = journal.waiting(10)
        assert (entry.raw, entry.meta) == (raw, meta)


def test_a_repeat_is_thanked_and_changes_nothing(journal: Journal) -> None:
    assert keep(journal, "SM1", raw=b"first").result() is True
    assert keep(journal, "SM1", raw=b"second").result() is True  # thanked, and changes nothing
    assert keep(journal, "SM1", channel="whatsapp").result() is True

    assert [entry.raw for entry in journal.waiting(10)] == [b"first", b"raw"]


@pytest.mark.parametrize("size", [0, 1, IN_ROW_LIMIT, IN_ROW_LIMIT + 1, 5_000_000])
def test_bodies_of_any_size_come_back_whole(journal: Journal, tmp_path: Path, size: int) -> None:
    raw = os.urandom(size)
    keep(journal, "big", raw=raw).result()
    beside = [path for path in (tmp_path / "journal").glob("*.d/*") if path.is_file()]

    assert journal.waiting(10)[0].raw == raw
    assert len(beside) == (size > IN_ROW_LIMIT)


def test_many_messages_that_come_at_once_share_a_commit(journal: Journal, tmp_path: Path) -> None:
    """A commit writes at least one page of 4,096 bytes to the log: 400 of them would be 1.6 MB."""
    (file,) = (tmp_path / "journal").glob("*.sqlite")
    with contextlib.closing(sqlite_module().connect(str(file), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the writer waits here while the others queue up
        kept = [keep(journal, f"SM{n}", lane=f"{n}") for n in range(400)]
        other.execute("ROLLBACK")
    assert all(each.result(timeout=30) for each in kept)

    assert file.with_name(file.name + "-wal").stat().st_size < 100 * 4096
    assert len(journal.waiting(1000)) == 400


def test_threads_that_keep_at_once_lose_nothing(journal: Journal) -> None:
    def send(thread: int) -> None:
        for number in range(50):
            assert keep(journal, f"{thread}-{number}", lane=f"{thread}").result(timeout=30)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert journal.counts() == {"waiting": 400}
    for lane in range(8):
        mine = [name for name in ids(journal, 400) if name.startswith(f"{lane}-")]
        assert mine == [f"{lane}-{number}" for number in range(50)]


KEEPS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from store.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(20):
    raw = os.urandom(int(sys.argv[2]))
    journal.put(channel="sms", external_id=str(number), lane="a", raw=raw, meta={}).result()
print("kept", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("size", [100, IN_ROW_LIMIT + 100])
def test_killed_right_after_the_ok_everything_is_there(tmp_path: Path, size: int) -> None:
    command = [sys.executable, "-c", KEEPS_AND_DIES, tmp_path / "journal", str(size)]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (died.stdout, died.returncode) == ("kept\n", -9), died.stderr

    with contextlib.closing(Journal(tmp_path / "journal")) as journal:
        assert ids(journal) == [str(number) for number in range(20)]
        assert {len(entry.raw) for entry in journal.waiting(100)} == {size}


def test_a_body_without_its_row_is_no_message(tmp_path: Path, clock: Clock) -> None:
    """The crash between the two: the provider heard no OK and sends it again."""
    with opened(tmp_path, clock) as journal:
        keep(journal, "big", raw=b"x" * (IN_ROW_LIMIT + 1)).result()
    (folder,) = tmp_path.glob("*.d")
    (folder / "0123456789abcdef").write_bytes(b"half")
    (folder / ".0123456789abcdef.1.ab").write_bytes(b"ha")
    with opened(tmp_path, clock) as after:
        assert ids(after) == ["big"]
        assert keep(after, "next").result()


def test_a_restart_finds_what_waits_failed_and_is_done(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as journal:
        for number in range(3):
            keep(journal, f"{number}", lane=f"{number}").result()
        first, second, _ = journal.waiting(10)
        journal.done([first.key])
        journal.fail(second.key, "KeyError")
    with opened(tmp_path, clock) as after:
        assert after.counts() == {"done": 1, "failed": 1, "waiting": 1}
        assert ids(after) == ["2"]
        assert [entry.error for entry in after.find("failed")] == ["KeyError"]


def test_two_journals_never_write_one_folder(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use by another process"):
        Journal(tmp_path / "journal")
    command = [sys.executable, "-c", KEEPS_AND_DIES, tmp_path / "journal", "1"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert second.returncode == 1
    assert "in use by another process" in second.stderr
    assert keep(journal, "SM1").result() is True


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file" / "journal")


def test_cursors_are_kept_over_restarts_and_days(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as journal:
        assert journal.get_cursor("telegram") is None
        for value in ("1", "2"):
            journal.put_cursor("telegram", value).result()
        journal.put_cursor("x", "9").result()
        clock.on(days=1)
        keep(journal, "tomorrow").result()
        assert (journal.get_cursor("telegram"), journal.get_cursor("x")) == ("2", "9")
        journal.put_cursor("telegram", "3").result()
    with opened(tmp_path, clock) as after:
        assert (after.get_cursor("telegram"), after.get_cursor("x")) == ("3", "9")


# --- days ---------------------------------------------------------------------------------------------------


def test_at_midnight_a_new_file_begins_and_the_old_one_is_worked_off(tmp_path: Path) -> None:
    clock = Clock(at=datetime(2026, 3, 2, 23, 59, 59, 999_000, tzinfo=UTC))
    with opened(tmp_path, clock) as journal:
        keep(journal, "before").result()
        clock.on(milliseconds=2)
        keep(journal, "after").result()

        assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == [
            "2026-03-02.sqlite",
            "2026-03-03.sqlite",
        ]
        first, second = journal.waiting(10)
        assert (first.external_id, second.external_id) == ("before", "after")
        assert [first.key, second.key] == ["2026-03-02:1", "2026-03-03:1"]
        journal.done([first.key, second.key])
        assert journal.waiting(10) == []
        assert journal.counts() == {"done": 2}


def test_a_days_file_is_found_again_days_later(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as journal:
        keep(journal, "old").result()
    clock.on(days=3)
    with opened(tmp_path, clock) as after:
        assert ids(after) == ["old"]
        after.done([after.waiting(1)[0].key])
        assert ids(after) == []
        after.again(["2026-03-02:1"])
        assert ids(after) == ["old"]


def test_a_clock_that_jumps_back_over_midnight_loses_nothing(tmp_path: Path) -> None:
    clock = Clock(at=datetime(2026, 3, 3, 0, 10, tzinfo=UTC))
    with opened(tmp_path, clock) as journal:
        keep(journal, "1").result()
        assert ids(journal) == ["1"]
        clock.on(hours=-1)
        keep(journal, "2", lane="b").result()
        clock.on(hours=1)
        keep(journal, "3", lane="c").result()

        assert sorted(ids(journal)) == ["1", "2", "3"]


def test_counts_and_the_oldest_that_waits_are_told_over_days_and_after_a_replay(
    tmp_path: Path, clock: Clock
) -> None:
    with opened(tmp_path, clock) as journal:
        for number in range(4):
            keep(journal, f"{number}", lane=f"{number}").result()
        first, second, *_ = journal.waiting(10)
        journal.done([first.key])
        journal.fail(second.key, "KeyError")
        assert journal.counts() == {"done": 1, "failed": 1, "waiting": 2}
        came_in = clock.at
        clock.on(days=3)
        keep(journal, "today").result()
        assert journal.oldest_waiting() == came_in

        journal.done([entry.key for entry in journal.waiting(10)])
        assert journal.waiting(10) == []  # the old file is known to have nothing left
        assert [journal.counts() for _ in range(2)] == [{"done": 4, "failed": 1}] * 2
        assert journal.oldest_waiting() is None

        journal.again([second.key])
        assert journal.counts() == {"done": 4, "waiting": 1}
        assert journal.oldest_waiting() == came_in


def test_a_repeat_is_counted_once(journal: Journal) -> None:
    for external_id in ("1", "2", "1", "3"):
        keep(journal, external_id).result()

    assert journal.counts() == {"waiting": 3}


def test_a_file_of_an_older_version_is_counted_too(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as journal:
        keep(journal, "SM1").result()
        journal.fail(journal.waiting(1)[0].key, "KeyError")
    with contextlib.closing(sqlite_module().connect(str(tmp_path / "2026-03-02.sqlite"))) as older:
        older.execute("DROP INDEX entries_failed")
    with opened(tmp_path, clock) as after:
        assert after.counts() == {"failed": 1}


# --- lanes --------------------------------------------------------------------------------------------------


def test_a_lane_waits_behind_its_own_first_message_only(journal: Journal, clock: Clock) -> None:
    for number, lane in enumerate("aabab"):
        keep(journal, f"{lane}{number}", lane=lane).result()
    assert ids(journal) == ["a0", "a1", "b2", "a3", "b4"]

    journal.retry(journal.waiting(1)[0].key, "KeyError", clock.at + timedelta(seconds=30))
    assert ids(journal) == ["b2", "b4"]
    clock.on(seconds=31)
    assert ids(journal) == ["a0", "a1", "b2", "a3", "b4"]
    assert journal.waiting(1)[0].attempts == 1

    journal.fail(journal.waiting(1)[0].key, "KeyError")
    assert ids(journal) == ["a1", "b2", "a3", "b4"]


def test_one_name_on_two_channels_is_two_lanes(journal: Journal, clock: Clock) -> None:
    keep(journal, "1", lane="1").result()
    keep(journal, "2", lane="1", channel="telegram").result()
    journal.retry(journal.waiting(1)[0].key, "KeyError", clock.at + timedelta(seconds=30))

    assert ids(journal) == ["2"]
    assert journal.waiting(10, skip=["telegram\0001"]) == []


def test_a_limit_takes_the_oldest(journal: Journal) -> None:
    for number in range(10):
        keep(journal, f"{number}").result()

    assert ids(journal, 3) == ["0", "1", "2"]


def test_a_lane_held_yesterday_is_held_today(journal: Journal, clock: Clock) -> None:
    keep(journal, "yesterday").result()
    clock.on(days=1)
    keep(journal, "today").result()
    journal.retry(journal.waiting(1)[0].key, "KeyError", clock.at + timedelta(minutes=5))

    assert ids(journal) == []


def test_keys_that_are_none_are_not_found(journal: Journal) -> None:
    keep(journal, "SM1").result()
    (entry,) = journal.waiting(10)

    assert journal.has(entry.key)
    for key in (
        "",
        ":",
        "x",
        "2026-03-02",
        "2026-03-02:",
        "2026-03-02:2",
        "2026-03-02:-1",
        "../x:1",
        "2026-03-02:²",
    ):
        assert not journal.has(key), key


# --- a disk that refuses ------------------------------------------------------------------------------------


def fill(journal: Journal, size: int) -> list[str]:
    """Keep until the disk refuses; the ids that were thanked."""
    kept: list[str] = []
    for number in range(2000):
        try:
            keep(journal, f"{number}", raw=os.urandom(size)).result(timeout=30)
        except TemporaryFailure:
            return kept
        kept.append(f"{number}")
    pytest.fail("the disk took everything")


def recovers(journal: Journal, external_id: str) -> bool:
    try:
        return keep(journal, external_id, lane="later").result(timeout=30)
    except TemporaryFailure:
        return False


@pytest.mark.parametrize("size", [2_000, IN_ROW_LIMIT + 100])
def test_a_full_disk_refuses_and_loses_nothing_that_was_thanked(tmp_path: Path, size: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("LEFT OUT: a small disk cannot be mounted here (not root)")
    try:
        journal = Journal(disk / "journal")
        kept = fill(journal, size)
        assert kept
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        eventually(lambda: recovers(journal, "after"), what="a message is kept again")

        assert ids(journal, 5000) == [*kept, "after"]
        assert {len(entry.raw) for entry in journal.waiting(5000)} == {size, 3}
        journal.close()
        with contextlib.closing(Journal(disk / "journal")) as after:
            assert ids(after, 5000) == [*kept, "after"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_after_a_refused_write_a_fresh_file_is_used(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path / "journal", clock) as journal:
        with files_no_longer_than(400_000):
            kept = fill(journal, 20_000)
        assert len(kept) > 5
        with pytest.raises(TemporaryFailure):
            keep(journal, "too soon").result(timeout=30)
        eventually(lambda: recovers(journal, "after"), what="a message is kept again")

        assert journal.waiting(1000)[-1].key == "2026-03-02.0001:1"
        assert ids(journal, 1000) == [*kept, "after"]
        assert keep(journal, kept[0]).result() is True  # another file: the message's own key makes it one


def test_at_the_next_days_start_the_plain_name_is_used_again(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path / "journal", clock) as journal:
        with files_no_longer_than(400_000):
            fill(journal, 20_000)
        eventually(lambda: recovers(journal, "after"))
        clock.on(days=1)
        keep(journal, "tomorrow").result()
        assert journal.waiting(1000)[-1].key == "2026-03-03:1"
    with opened(tmp_path / "journal", clock) as after:
        assert ids(after, 1000)[-2:] == ["after", "tomorrow"]


def test_a_restart_on_the_same_day_goes_on_with_the_fresh_file(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path / "journal", clock) as journal:
        with files_no_longer_than(400_000):
            fill(journal, 20_000)
        eventually(lambda: recovers(journal, "after"))
    with opened(tmp_path / "journal", clock) as after:
        keep(after, "restarted").result()
        assert after.waiting(1000)[-1].key == "2026-03-02.0001:2"


# --- accept -------------------------------------------------------------------------------------------------


async def test_accept_returns_behind_the_fsync_and_wakes(journal: Journal) -> None:
    woken: list[list[str]] = []
    accept = accept_for(journal, "sms", lambda: woken.append(ids(journal)))
    await asyncio.gather(
        *(accept(external_id=f"{n}", lane=f"{n}", raw=b"", meta={}) for n in range(20)),
        accept(external_id="0", lane="0", raw=b"", meta={}),
    )

    assert len(woken) == 21
    assert sorted(woken[-1], key=int) == [str(n) for n in range(20)]


async def test_accept_says_so_when_it_cannot_keep(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    accept = accept_for(journal, "sms", lambda: pytest.fail("nothing to wake for"))
    with files_no_longer_than(10_000):
        for size in (20_000, IN_ROW_LIMIT + 1):
            with pytest.raises(TemporaryFailure):
                await accept(external_id="1", lane="1", raw=bytes(size), meta={})
    journal.close()


async def test_a_caller_that_hangs_up_does_not_take_the_message_back(journal: Journal, tmp_path: Path) -> None:
    accept = accept_for(journal, "sms", lambda: None)
    (file,) = (tmp_path / "journal").glob("*.sqlite")
    with contextlib.closing(sqlite_module().connect(str(file), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        calling = asyncio.create_task(accept(external_id="1", lane="1", raw=b"", meta={}))
        await asyncio.sleep(0)
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        other.execute("ROLLBACK")

    assert await asyncio.to_thread(eventually, lambda: ids(journal)) == ["1"]


async def test_a_polling_channel_finds_its_place_again(journal: Journal) -> None:
    cursor = cursor_for(journal, "telegram")
    assert await cursor.get() is None
    await cursor.put("42")

    assert await cursor_for(journal, "telegram").get() == "42"
    assert await cursor_for(journal, "x").get() is None


# --- working off --------------------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path, clock: Clock) -> Town:
    return Town(house=new_town(tmp_path, now=clock).house, clock=clock)


def mail(journal: Journal, number: int, sender: str = "", words: str = WHOLE) -> None:
    """Keep a mail as the SMTP door does."""
    sender = sender or f"warga{number}@example.org"
    written = EmailMessage()
    written["From"], written["Subject"], written["Message-ID"] = sender, "Halo", f"<{number}@example.org>"
    written.set_content(words)
    journal.put(
        channel="email",
        external_id=f"mail{number}",
        lane=sender,
        raw=written.as_bytes(),
        meta={"account": "lapor@localhost", "mail_from": sender, "recipients": "lapor@localhost"},
    ).result()


def poison(journal: Journal, number: int, lane: str) -> None:
    """Keep what no code of ours can read: a channel that is gone."""
    keep(journal, f"poison{number}", lane=lane, channel="pigeon").result()


def test_kept_messages_become_reports_in_their_order(town: Town, journal: Journal) -> None:
    for number in range(5):
        mail(journal, number)
    assert work_off(town.house, journal) == 5
    assert work_off(town.house, journal) == 0

    assert [row.external_id for row in town.rows(Message)] == [f"mail{n}" for n in range(5)]
    assert journal.counts() == {"done": 5}
    assert town.house.store.media.get(town.rows(Message)[0].raw_key).startswith(b"From: warga0@example.org")


def test_a_message_kept_twice_over_midnight_is_one(town: Town, journal: Journal, clock: Clock) -> None:
    mail(journal, 1)
    clock.on(days=1)
    mail(journal, 1)
    assert work_off(town.house, journal) == 2

    assert len(town.reports()) == len(town.answers()) == 1


def test_worked_off_but_not_marked_it_is_worked_off_again_without_effect(town: Town, journal: Journal) -> None:
    """The kill between the commit and the mark."""
    mail(journal, 1)
    work_off(town.house, journal)
    journal.again(["2026-03-02:1"])
    assert work_off(town.house, journal) == 1

    assert len(town.reports()) == len(town.answers()) == 1


def test_a_poison_message_holds_its_own_lane_and_is_set_aside(town: Town, journal: Journal, clock: Clock) -> None:
    poison(journal, 1, lane="a")
    keep(journal, "poison2", lane="a", channel="pigeon").result()
    mail(journal, 1)
    assert work_off(town.house, journal) == 1
    assert len(town.reports()) == 1

    for tried in range(1, TRIES):
        assert journal.find("waiting")[0].attempts == tried
        assert work_off(town.house, journal) == 0
        assert journal.find("waiting")[0].attempts == tried  # not before its time
        clock.on(minutes=1)
        work_off(town.house, journal)
    (aside,) = journal.find("failed")
    assert (aside.external_id, aside.attempts) == ("poison1", TRIES)
    assert str(aside.error).startswith("KeyError")
    assert [entry.external_id for entry in journal.find("waiting")] == ["poison2"]

    mail(journal, 2)
    assert work_off(town.house, journal) == 1


def test_words_that_our_own_code_stumbles_over_become_a_report_and_are_asked_about(
    town: Town, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    understood = reading.normalize

    def stumbles(words: str, **known: Any) -> Draft:
        if words:
            raise KeyError(words)
        return understood(words, **known)

    monkeypatch.setattr(reading, "normalize", stumbles)
    words = "banjir setinggi lutut di RW XVII Manggarai sejak semalam, air belum juga surut, mohon dibantu"
    mail(journal, 1, words=words)
    assert work_off(town.house, journal) == 1

    report = town.report()
    assert (report.description.strip(), report.public_description) == (words, "")
    town.wait_quietly()
    assert (report.service_code, town.report().asked_for, len(town.answers())) == (None, "both", 1)
    (row,) = town.rows(Message)
    assert row.note == caplog.messages[0].partition(": ")[2]
    assert row.note.startswith("the words could not be understood: KeyError: stumbles, line")


def refuse(town: Town, words: str) -> None:
    """Let the database refuse messages with these words: a mistake of ours that one message meets."""
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN new.text LIKE '%{words}%' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )


def allow(town: Town) -> None:
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")


def set_aside(town: Town, journal: Journal, clock: Clock) -> None:
    for _ in range(TRIES + 1):
        work_off(town.house, journal)
        clock.on(minutes=1)


def test_what_was_set_aside_can_be_worked_off_again(town: Town, journal: Journal, clock: Clock) -> None:
    refuse(town, "pohon")
    mail(journal, 1, "siti@example.org", f"pohon tumbang, {WHOLE}")
    mail(journal, 2, "siti@example.org", WHOLE)
    set_aside(town, journal, clock)
    assert journal.counts() == {"done": 1, "failed": 1}
    assert len(town.reports()) == 1

    allow(town)
    failed = [entry.key for entry in journal.find("failed")]
    assert replay(town.house, journal, failed) == 1
    assert replay(town.house, journal, failed) == 1
    assert journal.counts() == {"done": 2}
    assert len(town.reports()) == len(town.answers()) == 2


def test_a_reason_names_the_place_and_quotes_nobody(
    town: Town, journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(town, "rahasia")
    mail(journal, 1, "siti.rahma@example.org", f"rahasia saya: {WHOLE}")
    caplog.set_level("INFO")
    set_aside(town, journal, clock)
    (aside,) = journal.find("failed")
    written = f"{aside.error} {caplog.text}"

    assert "IntegrityError" in written
    assert not [word for word in ("rahasia", "Manggarai", "siti.rahma") if word in written]


def test_a_photo_disk_that_is_full_waits_and_burns_no_try(tmp_path: Path, clock: Clock) -> None:
    media = tmp_path / "photos"
    town = new_town(tmp_path, now=clock, media_url=str(media))
    media.write_text("in the way")
    with opened(tmp_path / "journal", clock) as journal:
        mail(journal, 1)
        for _ in range(TRIES + 1):
            with pytest.raises(DatabaseDown):
                work_off(town.house, journal)
        media.unlink()
        assert work_off(town.house, journal) == 1
        assert journal.find("done")[0].attempts == 0


# --- the database goes away ---------------------------------------------------------------------------------


class Cable:
    """A wire to a server that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._is_cut = False
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._server.accept()[0]
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._ends += [near, far]
                for here, there in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    @staticmethod
    def _pass_on(here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := here.recv(65_536):
                there.sendall(said)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        self._server.close()


@pytest.fixture
def cabled(postgres_url: str, tmp_path: Path, clock: Clock) -> Iterator[tuple[Town, Cable, Callable[[], int]]]:
    """A house on PostgreSQL behind a cable, and a look at its reports that needs no cable."""
    base, name = postgres_url.rsplit("/", 1)[0], f"journal_{tmp_path.name[-30:].lower()}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    server = urlsplit(postgres_url)
    cable = Cable(str(server.hostname), int(server.port or 0))
    url = f"postgresql+psycopg://{server.username}@127.0.0.1:{cable.port}/{name}"
    town = new_town(tmp_path, now=clock, database_url=url, secret_key="s" * 20, contact_key="c" * 20)
    direct = create_engine(f"{base}/{name}")

    def reports() -> int:
        with direct.connect() as connection:
            return connection.scalar(select(func.count()).select_from(Report)) or 0

    yield town, cable, reports
    town.house.store.engine.dispose()
    direct.dispose()
    cable.close()


@pytest.mark.servers
def test_a_database_that_goes_away_in_the_middle_loses_nothing_and_burns_no_tries(
    cabled: tuple[Town, Cable, Callable[[], int]], journal: Journal
) -> None:
    town, cable, reports = cabled
    for number in range(600):
        mail(journal, number)
    ended: list[BaseException | int] = []

    def work() -> None:
        try:
            while work_off(town.house, journal):
                pass
            ended.append(0)
        except BaseException as error:
            ended.append(error)

    working = threading.Thread(target=work)
    working.start()
    eventually(lambda: reports() >= 5, what="five reports are there")
    cable.cut()
    working.join(60)
    assert [type(end) for end in ended] == [DatabaseDown]
    assert 5 <= reports() < 600
    for _ in range(TRIES + 1):
        with pytest.raises(DatabaseDown):
            work_off(town.house, journal)
    mail(journal, 600)  # intake goes on

    cable.mend()
    while work_off(town.house, journal):
        pass
    assert reports() == len(town.answers()) == 601
    assert journal.counts() == {"done": 601}
    assert {entry.attempts for entry in journal.find("done", 1000)} == {0}


@pytest.mark.servers
def test_two_servers_that_work_off_the_same_message_make_one_report(
    cabled: tuple[Town, Cable, Callable[[], int]],
) -> None:
    town, _, reports = cabled
    start = threading.Barrier(12)

    def tell() -> None:
        start.wait()
        town.tell(WHOLE, external_id="SM1")

    threads = [threading.Thread(target=tell) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reports() == len(town.answers()) == len(town.rows(Message)) == 1


# --- batches ------------------------------------------------------------------------------------------------


def test_a_conversation_kept_at_once_is_understood_as_one_told_slowly(town: Town, journal: Journal) -> None:
    mail(journal, 1, "siti@example.org", "lampu jalan mati sudah seminggu")
    mail(journal, 2, "budi@example.org", "halo")
    mail(journal, 3, "siti@example.org", "di Jl Kemang Raya, Kelurahan Bangka")
    mail(journal, 4, "siti@example.org", "pohon tumbang di Jl. Manggarai Utara 2, Kelurahan Manggarai")
    assert work_off(town.house, journal) == 4

    assert [row.kind for row in town.rows(Message)] == ["report", "how_to", "join", "report"]
    assert [(report.service_code, report.status) for report in town.reports()] == [
        ("lampu_jalan", "assigned"),
        ("pohon", "assigned"),
    ]
    assert len({report.reporter_id for report in town.reports()}) == 1
    assert len(town.answers()) == 3


def test_a_code_asked_for_in_the_batch_that_opens_another_report_is_answered(town: Town, journal: Journal) -> None:
    mail(journal, 1)
    work_off(town.house, journal)
    code = town.report().code
    mail(journal, 2, "budi@example.org", f"pohon tumbang, {WHOLE}")
    mail(journal, 3, "siti@example.org", code)
    mail(journal, 4, "siti@example.org", code)
    work_off(town.house, journal)

    assert [row.kind for row in town.rows(Message)] == ["report", "report", "status", "status"]
    assert sum(code in text for text in town.answers()) == 3


def test_poison_in_the_middle_of_a_batch_holds_nobody_else(town: Town, journal: Journal, clock: Clock) -> None:
    refuse(town, "racun")
    for number, (sender, words) in enumerate(
        [("a", WHOLE), ("b", f"racun {WHOLE}"), ("b", WHOLE), ("a", "halo"), ("c", WHOLE)]
    ):
        mail(journal, number, f"{sender}@example.org", words)
    assert work_off(town.house, journal) == 3
    assert [row.external_id for row in town.rows(Message)] == ["mail0", "mail3", "mail4"]

    allow(town)
    clock.on(minutes=1)
    assert work_off(town.house, journal) == 2
    assert [row.external_id for row in town.rows(Message)][3:] == ["mail1", "mail2"]
    assert len(town.answers()) == 4  # mail2 says what mail1 said
    assert journal.counts() == {"done": 5}


def test_more_than_a_batch_is_worked_off_in_its_order(town: Town, journal: Journal) -> None:
    for number in range(250):
        mail(journal, number, f"warga{number % 7}@example.org", "halo")
    while work_off(town.house, journal):
        pass

    kept = [int(row.external_id.removeprefix("mail")) for row in town.rows(Message)]
    for lane in range(7):
        mine = [number for number in kept if number % 7 == lane]
        assert mine == sorted(mine)
    assert len(kept) == 250


@pytest.mark.servers
def test_two_servers_that_work_off_the_same_batch_make_each_report_once(
    cabled: tuple[Town, Cable, Callable[[], int]], journal: Journal
) -> None:
    """As after a restart of one while the other replays: the unique keys decide, not the timing."""
    town, _, reports = cabled
    for number in range(40):
        mail(journal, number)
    entries = journal.waiting(100)
    messages = [Raw(channel=e.channel, external_id=e.external_id, meta=e.meta, raw=e.raw) for e in entries]
    read = list(zip(entries, read_all(messages, town.house.settings.city), strict=True))
    start, failed = threading.Barrier(3), []

    def server(order: int) -> None:
        start.wait()
        try:
            process(town.house, read[::order])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=server, args=(order,)) for order in (1, -1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert reports() == len(town.answers()) == len(town.rows(Message)) == 40
