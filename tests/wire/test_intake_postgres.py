"""What a batch of messages asks of a PostgreSQL with many people in it, and of one that is locked."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text

from router.carry_out import DatabaseDown
from router.clerk import Beside
from router.journal import work_off
from tests.unit.houses import WHOLE, Town, new_town
from tests.unit.journals import mail, opened

pytestmark = pytest.mark.servers

PEOPLE = 30_000
FILL = (
    "INSERT INTO reporters (id, language, opted_out, created_at)"
    " SELECT n, 'id', false, now() FROM generate_series(1000, :last) n",
    "INSERT INTO addresses (id, reporter_id, channel, lookup, sealed, account, created_at)"
    " SELECT n, n, 'sms', md5(n::text), '', '+6290', now() FROM generate_series(1000, :last) n",
)


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("drop database if exists intake with (force)")
        connection.execute("create database intake")
    url = postgres_url.rsplit("/", 1)[0] + "/intake"
    made = new_town(tmp_path_factory.mktemp("intake"), database_url=url, secret_key="s" * 32, contact_key="c" * 32)
    with made.house.store.engine.begin() as connection:
        for statement in FILL:
            connection.execute(text(statement), {"last": 1000 + PEOPLE})
        connection.execute(text("ANALYZE reporters, addresses"))
    yield made
    made.house.store.engine.dispose()


def test_nobody_reads_through_all_people_for_a_message(town: Town) -> None:
    plans: list[str] = []

    def explain(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT") and ("addresses" in statement or "reporters" in statement):
            with psycopg.ClientCursor(asking) as other:
                plans.append(f"{statement}\n{other.execute(f'EXPLAIN {statement}', parameters).fetchall()}")  # type: ignore[arg-type]

    url = town.house.store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(url) as asking:
        event.listen(town.house.store.engine, "before_cursor_execute", explain)
        town.tell(WHOLE, sender="+62811000001")
        town.tell(WHOLE, sender="+62811000001")
        event.remove(town.house.store.engine, "before_cursor_execute", explain)

    assert plans
    assert [plan for plan in plans if "Seq Scan" in plan] == []
    assert len(town.reports()) == 1


def test_a_table_that_somebody_locked_is_told_of_and_leaves_nobody_waiting_there(
    town: Town, tmp_path: Path
) -> None:
    beside = Beside(town.house.settings, seconds=4.0)
    with opened(tmp_path / "journal", town.clock) as journal:
        mail(journal, 1, words=WHOLE)
        with town.house.store.engine.connect() as other:
            other.execute(text("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(DatabaseDown, match="LockNotAvailable"):
                work_off(town.house, journal, clerk=beside)
            assert other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 0
        assert [entry.attempts for entry in journal.find("waiting")] == [0]
        assert work_off(town.house, journal, clerk=beside) == 1
    beside.close()
