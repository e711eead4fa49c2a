"""What the journal kept is worked off: once, in order, without the database, with poison in between."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from town import eventually

from normalizer.schema import Draft
from router import carry_out, reading
from router.carry_out import DatabaseDown, process
from router.journal import TRIES, replay, work_off
from router.reading import Raw, read_all
from store.journal import Journal
from store.models import Message, Report
from tests.unit.houses import WHOLE, Clock, Town, new_town
from tests.unit.journals import Cable, keep, mail, opened


@pytest.fixture
def town(tmp_path: Path, clock: Clock) -> Town:
    return Town(house=new_town(tmp_path, now=clock).house, clock=clock)


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


@contextlib.contextmanager
def only_reading(town: Town) -> Iterator[Callable[[], None]]:
    """Every new transaction may only read, until told otherwise."""
    told = ["SET default_transaction_read_only = on"]

    def on_checkout(connection: Any, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(told[-1])
        connection.commit()

    event.listen(town.house.store.engine, "checkout", on_checkout)
    try:
        yield lambda: told.append("SET default_transaction_read_only = off")
    finally:
        event.remove(town.house.store.engine, "checkout", on_checkout)


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


NOBODYS_FAULT = {
    "another version's column": (
        "ALTER TABLE messages RENAME COLUMN external_id TO gone",
        "ALTER TABLE messages RENAME COLUMN gone TO external_id",
    ),
    "another version's table": ("ALTER TABLE deliveries RENAME TO gone", "ALTER TABLE gone RENAME TO deliveries"),
}


@pytest.mark.servers
@pytest.mark.parametrize("wrong", NOBODYS_FAULT)
def test_what_is_no_messages_fault_is_waited_for_and_burns_no_tries(
    cabled: tuple[Town, Cable, Callable[[], int]], journal: Journal, wrong: str
) -> None:
    town, _, _ = cabled
    for number in range(3):
        mail(journal, number)
    breaks, mends = NOBODYS_FAULT[wrong]
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql(breaks)
    with pytest.raises(DatabaseDown):
        work_off(town.house, journal)
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql(mends)
    assert work_off(town.house, journal) == len(town.reports()) == 3
    assert {entry.attempts for entry in journal.find("done")} == {0}


@pytest.mark.servers
def test_a_standby_that_only_reads_is_waited_for_and_burns_no_tries(
    cabled: tuple[Town, Cable, Callable[[], int]], journal: Journal
) -> None:
    """What is left behind a failover until the address leads to the new one."""
    town, _, reports = cabled
    mail(journal, 1)
    with only_reading(town) as may_write_again:
        for _ in range(TRIES + 1):
            with pytest.raises(DatabaseDown):
                work_off(town.house, journal)
        may_write_again()
        assert work_off(town.house, journal) == reports() == 1
    assert journal.find("done")[0].attempts == 0


@pytest.mark.parametrize(
    ("error", "is_ours_to_wait_for"),
    [
        (psycopg.errors.ConnectionTimeout(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), True),
        (psycopg.errors.InsufficientPrivilege(), True),
        (psycopg.errors.InvalidSqlStatementName(), True),
        (psycopg.errors.DuplicatePreparedStatement(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.StringDataRightTruncation(), False),
    ],
)
def test_only_what_would_have_befallen_any_message_is_waited_for(
    town: Town,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    error: psycopg.Error,
    *,
    is_ours_to_wait_for: bool,
) -> None:
    def fail(*_: object) -> None:
        raise DBAPIError.instance("INSERT", None, error, psycopg.Error, dialect=PGDialect_psycopg())

    mail(journal, 1)
    monkeypatch.setattr(carry_out, "take_messages", fail)
    with pytest.raises(DatabaseDown) if is_ours_to_wait_for else contextlib.nullcontext():
        work_off(town.house, journal)
    (entry,) = journal.find("waiting") or journal.find("failed")
    assert entry.attempts == (0 if is_ours_to_wait_for else 1)


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
