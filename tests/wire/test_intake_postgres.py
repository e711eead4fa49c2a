"""What a batch of messages asks of a PostgreSQL with many people in it."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import event, text

from tests.unit.houses import WHOLE, Town, new_town

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
