"""Subscriptions on both databases: the schema as the models have it, and two servers' clocks on one PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from router.clock import tick
from router.house import open_house
from router.public_hooks import add_hook, code_of, open_hook
from router.quiet import next_morning
from router.subscriptions import ask, confirm
from store.migrate import _config
from store.models import Base, Delivery, Subscription
from tests.unit.houses import Town, another, new_town

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("ignore:.*expression-based index")]
AREA = "31.74.01"


@pytest.fixture
def new_postgres(
    tmp_path: Path, postgres_url: str, request: pytest.FixtureRequest
) -> Iterator[Callable[[], list[Town]]]:
    """Makes three servers of one city on one database."""
    name = f"subscriptions_{abs(hash(request.node.name)) % 10**9}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    towns: list[Town] = []

    def make() -> list[Town]:
        said = {"open311_api_keys": "crm:key-of-all", "secret_key": "s" * 32, "contact_key": "c" * 32}
        first = new_town(tmp_path, database_url=url, **said)
        others = [
            replace(first, house=replace(open_house(first.house.settings), now=first.clock)) for _ in range(2)
        ]
        towns.extend([first, *others])
        return towns

    yield make
    for town in towns:
        town.house.store.engine.dispose()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_migration_makes_what_the_models_say_and_takes_it_back(
    database: str, tmp_path: Path, new_postgres: Callable[[], list[Town]]
) -> None:
    town = new_postgres()[0] if database == "postgres" else new_town(tmp_path)
    with town.house.store.engine.connect() as connection:
        said = [str(each) for each in compare_metadata(MigrationContext.configure(connection), Base.metadata)]
        assert [each for each in said if "subscription" in each] == []
        command.downgrade(_config(connection), "0016")
        assert not inspect(connection).has_table("subscriptions")
        command.upgrade(_config(connection), "head")
        assert inspect(connection).has_table("subscriptions")
    town.house.store.engine.dispose()


def everywhere(towns: list[Town]) -> None:
    """The clocks of all servers, at the same time."""
    with ThreadPoolExecutor(len(towns)) as pool:
        list(pool.map(lambda town: tick(town.house), towns))


def test_servers_at_once_take_a_chats_words_once_and_owe_it_one_message(
    new_postgres: Callable[[], list[Town]],
) -> None:
    towns = new_postgres()
    town = towns[0]

    def follow(each: Town) -> None:
        for chat in range(8):
            each.tell(f"/ikuti {AREA}", channel="telegram", account="7", sender=f"{9000 + chat}")

    with ThreadPoolExecutor(len(towns)) as pool:
        list(pool.map(follow, towns))
    assert len(town.rows(Subscription, kind="telegram")) == 8
    town.clock.on(minutes=5)
    town.tell(another(1), sender="+62811")
    town.clock.at = next_morning(town.house.pack, town.clock.at) + timedelta(minutes=5)
    for _ in range(3):
        everywhere(towns)
        town.clock.on(minutes=1)
    owed = [each for each in town.rows(Delivery) if each.subscription_id]
    assert len(owed) == len({each.subscription_id for each in owed}) == 8
    assert len({each.next_attempt_at for each in owed}) >= 3


def test_servers_at_once_owe_each_mailbox_one_mail_and_each_webhook_one_call(
    new_postgres: Callable[[], list[Town]],
) -> None:
    towns = new_postgres()
    town, house = towns[0], towns[0].house
    for number in range(30):
        ask(house, f"warga{number}@contoh.example", AREA, "id")
    row, _ = add_hook(house, "api:crm", "https://program.example/hook", AREA, None)
    with house.store.write() as session:
        for each in session.query(Subscription).filter_by(kind="mail"):
            confirm(session, each, house)
    open_hook(house, "api:crm", row.id, code_of(house, row))
    asked = {each.id for each in town.rows(Delivery) if each.subscription_id}

    town.clock.on(seconds=5)
    for number in range(3):
        town.tell(another(number), sender=f"+62811{number:05}")
    for _ in range(3):
        town.clock.on(minutes=2)
        everywhere(towns)
    town.clock.at = next_morning(house.pack, town.clock.at) + timedelta(minutes=5)
    for _ in range(3):
        everywhere(towns)
        town.clock.on(minutes=1)

    owed = [each for each in town.rows(Delivery) if each.subscription_id and each.id not in asked]
    mails = Counter(each.subscription_id for each in owed if each.channel == "email")
    calls = Counter(each.text for each in owed if each.subject == "report.created")
    assert (len(mails), set(mails.values())) == (30, {1})
    assert calls == Counter(report.code for report in town.reports())
