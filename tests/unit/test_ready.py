"""/readyz: a server that cannot do all of its work says why, a line for each thing."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from town import eventually, free_port

from config.settings import Settings
from router.house import open_house
from router.in_time import InTime
from router.ready import ITS_DISK_IS_FULL, not_ready
from store.database import Turn, sqlite_module
from store.journal import Journal
from tests.unit.houses import Clock, Town, new_town
from tests.unit.journals import files_no_longer_than, keep, opened


@pytest.fixture
def journal(tmp_path: Path, town: Town) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "data" / "journal", town.clock)) as made:
        yield made


def reasons(town: Town, journal: Journal) -> list[str]:
    return not_ready(town.house, journal, InTime(20.0))


def with_settings(town: Town, **settings: object) -> Town:
    given = town.house.settings.model_copy(update=settings)
    return replace(town, house=replace(town.house, settings=given))


def test_a_house_in_order_is_ready_with_no_photo_yet(town: Town, journal: Journal) -> None:
    assert reasons(town, journal) == []


def test_a_schema_of_another_version_is_a_reason_with_its_remedy(town: Town, journal: Journal) -> None:
    with town.house.store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    assert reasons(town, journal) == ["database: the schema is not this version's: run_bots.py migrate"]


def test_a_database_that_is_away_is_a_reason_that_tells_no_password(town: Town, journal: Journal) -> None:
    url = f"postgresql+psycopg://lapor:rahasia@127.0.0.1:{free_port()}/lapor"
    settings = Settings(_env_file=None, database_url=url, secret_key="s" * 20, contact_key="c" * 20)
    away = replace(town, house=replace(town.house, store=open_house(settings).store))

    assert reasons(away, journal) == ["database: OperationalError"]


def test_a_redis_that_is_away_is_a_reason(town: Town, journal: Journal) -> None:
    with_redis = with_settings(town, redis_url=f"redis://:rahasia@127.0.0.1:{free_port()}/0")

    assert reasons(with_redis, journal) == ["redis: ConnectionError"]


@pytest.mark.servers
def test_a_redis_that_takes_nothing_any_more_is_named(town: Town, journal: Journal, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        assert reasons(with_settings(town, redis_url=redis_url), journal) == []
        redis.config_set("maxmemory", 1)
        try:
            assert reasons(with_settings(town, redis_url=redis_url), journal) == ["redis: OutOfMemoryError"]
        finally:
            redis.config_set("maxmemory", 0)


@pytest.mark.servers
def test_a_redis_that_answers_is_none(town: Town, journal: Journal, redis_url: str) -> None:
    assert reasons(with_settings(town, redis_url=redis_url), journal) == []


def test_a_photos_folder_that_is_none_is_a_reason(town: Town, journal: Journal) -> None:
    Path(town.house.settings.media).write_text("")

    assert reasons(town, journal) == ["media: NotADirectoryError"]


def test_a_message_that_waits_over_five_minutes_is_a_reason(town: Town, journal: Journal) -> None:
    keep(journal, "SM1").result()
    town.clock.on(minutes=5)
    assert reasons(town, journal) == []
    town.clock.on(minutes=2)
    assert reasons(town, journal) == ["backlog: the oldest message waits for 7 minutes"]

    journal.done([journal.waiting(1)[0].key])
    assert reasons(town, journal) == []


def test_a_message_that_was_set_aside_is_none(town: Town, journal: Journal) -> None:
    keep(journal, "SM1").result()
    journal.fail(journal.waiting(1)[0].key, "KeyError")
    town.clock.on(hours=1)

    assert reasons(town, journal) == []


def test_a_disk_that_refuses_is_a_reason_until_it_takes_again(town: Town, journal: Journal) -> None:
    with files_no_longer_than(1):
        assert "journal: the disk refuses, messages are not kept" in reasons(town, journal)

    eventually(lambda: reasons(town, journal) == [], what="it is ready again")


def test_a_days_file_that_is_damaged_is_a_reason_and_is_logged_once(
    town: Town, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "journal", clock) as journal:
        keep(journal, "SM1").result()
    (day,) = (tmp_path / "journal").glob("*.sqlite")
    whole = day.read_bytes()
    day.write_bytes(b"nothing" * 1000)
    clock.on(days=1)
    with opened(tmp_path / "journal", clock) as journal:
        keep(journal, "SM2").result()
        assert [[entry.external_id for entry in journal.waiting(10)] for _ in range(3)] == [["SM2"]] * 3
        assert journal.broken() == [day.stem]
        assert [each for each in reasons(town, journal) if each.startswith(f"journal: {day.stem} cannot be read")]
        assert caplog.text.count(f"journal file {day.stem} refused") == 1

        day.write_bytes(whole)
        assert len(journal.waiting(10)) == 2
        assert not [each for each in reasons(town, journal) if each.startswith("journal")]


def test_a_disk_that_is_nearly_full_is_a_reason_before_it_refuses(tmp_path: Path) -> None:
    disk = tmp_path / "data" / "journal"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("LEFT OUT: a small disk cannot be mounted here (not root)")
    try:
        town = new_town(tmp_path)
        with closing(Journal(disk, town.clock)) as journal:
            assert keep(journal, "SM1").result() is True
            (disk / "other").write_bytes(bytes(shutil.disk_usage(disk).free - 200_000))
            said = next(reason for reason in reasons(town, journal) if reason.startswith("disk"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)

    assert said == "disk: 0 MB are free, messages are refused under 0 MB"


@pytest.mark.parametrize(("part", "names"), [("database", 1000), ("media", 8)])
def test_a_full_disk_of_the_database_or_the_photos_is_a_reason_before_anything_waits_long(
    tmp_path: Path, journal: Journal, part: str, names: int
) -> None:
    """Of bytes, or of names for files."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size=9m,nr_inodes={names}", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("LEFT OUT: a small disk cannot be mounted here (not root)")
    place = {"database": {"database_url": f"sqlite:///{disk}/reports.db"}, "media": {"media_url": str(disk)}}
    try:
        town = new_town(tmp_path, **place[part])
        assert reasons(town, journal) == []
        with suppress(OSError):
            for number in range(names):
                (disk / f"other{number}").write_bytes(bytes(200_000 if part == "database" else 0))
        assert reasons(town, journal) == [f"{part}: {ITS_DISK_IS_FULL}"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_halted_command_that_holds_sqlites_writer_is_a_reason(town: Town, journal: Journal) -> None:
    halted = Turn(town.house.settings.data_dir / "reports.db-turn")  # as another process has it
    with halted:
        assert not_ready(town.house, journal, InTime(0.3)) == ["database: no answer in 0 s"]
    eventually(lambda: reasons(town, journal) == [], what="it is ready again")


def test_what_does_not_answer_in_time_is_a_reason(town: Town, journal: Journal, tmp_path: Path) -> None:
    (file,) = (tmp_path / "data" / "journal").glob("*.sqlite")
    with closing(sqlite_module().connect(str(file), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the journal's writer waits for this one
        said = not_ready(town.house, journal, InTime(0.05))
        other.execute("ROLLBACK")

    assert "journal: no answer in 0 s" in said
