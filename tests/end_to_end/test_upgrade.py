"""A city that was stopped in the middle of its work by the version before goes on with today's code."""

import fcntl
import json
import re
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Boolean, Column, DateTime, Engine, MetaData, create_engine, text
from sqlalchemy.types import JSON
from town import ROOT, Town, eventually, report

from store.database import sqlite_module
from store.migrate import _config

ARCHIVE = ROOT / "tests" / "data" / "upgrade" / "2026.11.0.tar.gz"  # make.py beside it says how it was made
FIRST = "0001"  # its schema's revision
UNFINISHED = re.compile(r" (waiting|sending|unknown|owed) ")


@dataclass(frozen=True, kw_only=True)
class City:
    """The upgraded city; `made` says what it had before, `owed` each pole's answer that was not finished."""

    town: Town
    made: dict[str, Any]
    owed: dict[str, str]

    def reports_of(self, pole: str) -> list[dict[str, Any]]:
        return [each for each in self.town.requests(page_size="1000") if pole in each["description"]]

    def times_told(self, who: dict[str, str], words: str) -> int:
        heard = [plain(answer) for answer in self.town.answers(who["channel"], who["from"])]
        return sum(plain(words) in answer for answer in heard)


def plain(words: str) -> str:
    return " ".join(words.split())


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("upgrade")
    for copy in ("before", "data"):  # one to look into: a look at a database left open would tidy it up
        with tarfile.open(ARCHIVE) as tar:
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(folder / copy)
    made = json.loads((folder / "before" / "made.json").read_text())
    env: dict[str, str] = {}
    if request.param == "postgresql":
        env = moved_to_postgresql(request.getfixturevalue("postgres_url"), folder)
    with (Path(tempfile.gettempdir()) / "lapor-test-upgrade.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the port is in what was kept: one such city at a time
        env |= {"HTTP_LISTEN": f"127.0.0.1:{made['http']}", "CITY": str(city_without_nights(folder))}
        town = Town(folder=folder, env=env, http=made["http"])
        if request.param == "postgresql":
            assert town.run("migrate").returncode == 0
        try:
            town.start()
            eventually(lambda: is_worked_off(town), within=60, what="all that waited is worked off")
            yield City(town=town, made=made, owed=owed_before(folder / "before" / "reports.db", made))
        finally:
            town.stop()
            town.client.close()


def city_without_nights(folder: Path) -> Path:
    """A copy of the city pack without quiet hours: what old reports' citizens hear does not wait for a morning."""
    pack = Path(shutil.copytree(ROOT / "config" / "jakarta", folder / "pack"))
    file = pack / "city.toml"
    said = file.read_text(encoding="utf-8")
    assert 'begins = "21:00"' in said
    file.write_text(said.replace('begins = "21:00"', 'begins = "06:00"'), encoding="utf-8")
    return pack


def is_worked_off(town: Town) -> bool:
    said = town.run("stuck")
    return said.returncode == 0 and not UNFINISHED.search(said.stdout)


def owed_before(database: Path, made: dict[str, Any]) -> dict[str, str]:
    query = (
        "SELECT d.text FROM deliveries d JOIN reports r ON r.id = d.report_id"
        " WHERE d.address_id IS NOT NULL AND d.state IN ('waiting', 'sending', 'unknown')"
        " AND instr(r.description, ?)"
    )
    with closing(sqlite_module().connect(str(database))) as rows:
        found = {who["pole"]: rows.execute(query, (who["pole"],)).fetchall() for who in made["owed"]}
    return {pole: words[0][0] for pole, words in found.items() if words}


# --- the same on PostgreSQL ---------------------------------------------------------------------------------


def moved_to_postgresql(server: str, folder: Path) -> dict[str, str]:
    """Put the rows into a PostgreSQL of the old schema; the settings that go with it."""
    url = server.rpartition("/")[0] + "/upgrade"
    with closing(create_engine(server, isolation_level="AUTOCOMMIT").connect()) as connection:
        connection.execute(text("CREATE DATABASE upgrade TEMPLATE template0"))
    engine = create_engine(url)
    with engine.connect() as connection:
        command.upgrade(_config(connection), FIRST)
        connection.commit()
    with closing(sqlite_module().connect(str(folder / "before" / "reports.db"))) as rows:
        copy_rows(rows, engine)
    engine.dispose()
    for file in (folder / "data").glob("reports.db*"):
        file.unlink()
    keys = json.loads((folder / "data" / "keys.json").read_text())
    return {"DATABASE_URL": url, "SECRET_KEY": keys["secret"], "CONTACT_KEY": keys["contact"]}


def copy_rows(rows: Any, engine: Engine) -> None:
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            found = rows.execute(f"SELECT {names} FROM {table.name}")
            made = [{c.name: as_kept(c, v) for c, v in zip(table.columns, row, strict=True)} for row in found]
            if made:
                connection.execute(table.insert(), made)
            if table.columns.get("id") is not None:
                last = f"setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                connection.execute(text(f"SELECT {last if has_numbers(table.columns['id']) else '1'}"))


def has_numbers(column: Column[Any]) -> bool:
    return column.type.python_type is int


def as_kept(column: Column[Any], value: Any) -> Any:
    """SQLite's value as PostgreSQL keeps it."""
    if value is None:
        return None
    if isinstance(column.type, DateTime):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if isinstance(column.type, Boolean):
        return bool(value)
    return json.loads(value) if isinstance(column.type, JSON) else value


# --- what must have come of it ------------------------------------------------------------------------------


def test_the_archive_holds_something_owed_in_every_state(city: City) -> None:
    fates = {who["fate"].partition(",")[0] for who in city.made["owed"]}

    assert fates == {"waiting", "sending", "unknown", "failed", "quiet"}
    assert len(city.owed) == len(city.made["owed"]) - 2  # the failed one and the quiet one


def test_every_message_kept_in_the_journal_is_one_report_with_one_answer(city: City) -> None:
    found = {who["where"]: city.reports_of(who["pole"]) for who in city.made["journal"]}

    assert {where: len(reports) for where, reports in found.items()} == dict.fromkeys(found, 1)
    for who in city.made["journal"]:
        code = found[who["where"]][0]["service_request_id"]
        assert (who["where"], city.times_told(who, code)) == (who["where"], 1)


def test_nothing_else_became_a_report(city: City) -> None:
    known = sum(len(city.made[part]) for part in ("reports", "owed", "journal"))

    assert len(city.town.requests(page_size="1000")) == known


def test_every_answer_owed_is_delivered_once(city: City) -> None:
    told = {who["fate"]: city.times_told(who, city.owed[who["pole"]]) for who in owed(city)}

    assert told == dict.fromkeys(told, 1)


def owed(city: City) -> list[dict[str, str]]:
    return [who for who in city.made["owed"] if who["pole"] in city.owed]


def test_a_report_that_waited_for_more_is_asked_once(city: City) -> None:
    (who,) = [each for each in city.made["owed"] if each["fate"] == "quiet"]
    (answer,) = city.town.answers(who["channel"], who["from"])

    assert city.reports_of(who["pole"])[0]["service_request_id"] in answer
    assert "?" in answer


def test_a_photo_owed_is_fetched(city: City) -> None:
    waiting = [who for who in city.made["owed"] if "photo owed" in who["fate"]]
    waiting += [who for who in city.made["journal"] if "photo owed" in who["where"]]

    assert [bool(city.reports_of(who["pole"])[0]["media_url"]) for who in waiting] == [True, True]


def test_reports_in_every_status_stand_where_they_stood(city: City) -> None:
    later = {"resolved": {"resolved", "closed"}}  # (with time, silence closes it)
    for who in city.made["reports"]:
        status = report(city.town, who["code"])["extended_status"]
        assert status in later.get(who["status"], {who["status"]}), who


def test_nobody_hears_again_what_was_said_before(city: City) -> None:
    for who in city.made["reports"]:
        heard = Counter(plain(answer) for answer in city.town.answers(who["channel"], who["from"]))
        assert heard
        assert max(heard.values()) == 1, who


def test_an_old_report_goes_on(city: City) -> None:
    (who,) = [each for each in city.made["reports"] if each["status"] == "accepted"]
    (other,) = [each for each in city.made["reports"] if each["status"] == "in_progress"]

    assert city.town.update(who["code"], "IN_PROGRESS", "Tim berangkat").status_code == 200
    assert city.town.update(other["code"], "FIXED", "Lampu diganti").status_code == 200
    eventually(lambda: city.times_told(other, "Lampu diganti") == 1, what="the mail is answered")


def test_stuck_shows_only_what_was_set_aside(city: City) -> None:
    lines = [line for line in city.town.run("stuck").stdout.splitlines() if " failed " in line]
    # the old city's citizens wrote on 2026-11-25: WhatsApp takes nothing more than 24 hours behind that
    lines = [line for line in lines if not line.endswith(" 63016")]

    assert len(lines) == 3
    for what in ("pigeon message", "email message", "sms delivery"):
        assert [line for line in lines if what in line], what
    eventually(lambda: is_worked_off(city.town), what="nothing but what was set aside")


def test_the_history_verifies(city: City) -> None:
    said = city.town.run("verify")

    assert (said.returncode, said.stdout.strip()) == (0, "the history is unbroken")


def test_a_newer_versions_database_is_refused_in_one_line(new_town: Callable[..., Town]) -> None:
    town = new_town()
    assert town.run("migrate").returncode == 0
    with closing(sqlite_module().connect(str(town.folder / "data" / "reports.db"))) as rows:
        rows.execute("UPDATE alembic_version SET version_num = '9999'")
        rows.commit()
    refused = town.run("serve")

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("run_bots.py: the database's schema is a newer version's")
    assert "Traceback" not in refused.stderr
