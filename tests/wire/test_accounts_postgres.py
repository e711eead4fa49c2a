"""Accounts on PostgreSQL: what two do at once to the last admins, to one invitation and to one address."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

import run_bots
from router.house import House
from router.invitations import invite, take
from store import account_changes
from store.accounts import AccountError
from store.desk import Deed
from store.officials import Officer
from tests.wire.desk_rooms import add_officer, open_rooms

pytestmark = pytest.mark.servers
TIMES = 6


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[House]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database accounts")
    house = open_rooms(
        tmp_path_factory.mktemp("rooms"),
        database_url=postgres_url.rsplit("/", 1)[0] + "/accounts",
        secret_key="s" * 32,
        contact_key="c" * 32,
    )
    yield house
    house.store.engine.dispose()


def at_once(*works: Callable[[], object]) -> list[object]:
    """What each gave, or the error that it raised."""

    def tried(work: Callable[[], object]) -> object:
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(tried, works))


def names(house: House) -> set[str]:
    with house.store.read() as session:
        return {each.name for each in session.query(Officer)}


def test_servers_that_start_together_make_one_first_admin(house: House) -> None:
    made = at_once(*[partial(run_bots._prepare_database, house, has_new_keys=False)] * 4)
    assert sorted(type(each).__name__ for each in made) == ["NoneType"] * 3 + ["str"], made
    assert names(house) == {"admin"}
    with house.store.write() as session:
        session.query(Officer).delete()


def remove(house: House, name: str) -> None:
    with house.store.write() as session:
        account_changes.remove_officer(session, name, now=house.now(), by="officer:x")


def test_two_admins_that_remove_each_other_at_once_leave_one(house: House) -> None:
    for number in range(TIMES):
        pair = [f"a{number}", f"b{number}"]
        for name in pair:
            add_officer(house, name, "admin")
        ended = at_once(*(partial(remove, house, name) for name in pair))
        assert sum(isinstance(each, AccountError) for each in ended) == 1, ended
        assert len(names(house)) == 1
        with house.store.write() as session:
            session.query(Officer).delete()


def test_an_invitation_that_is_taken_twice_at_once_is_taken_once(house: House) -> None:
    for number in range(TIMES):
        name = f"undangan{number}"
        link = invite(house, name, "triage", None, None, "", by="officer:x")
        assert link
        token = link.rpartition("/")[2]
        said = ("tiga kopi tubruk pahit", "dua gelas wedang hangat")
        taken = at_once(*(partial(take, house, token, new) for new in said))
        assert sorted(type(each).__name__ for each in taken) == ["NoneType", "Officer"], taken
        with house.store.read() as session:
            assert session.query(Deed).filter_by(what="invite_taken", about=name).count() == 1


def test_one_address_given_to_two_accounts_at_once_is_one_accounts(house: House) -> None:
    said = ("satu", "dua")
    ended = at_once(
        *(partial(invite, house, name, "triage", None, None, "x@example.org", by="x") for name in said)
    )
    assert sorted(type(each).__name__ for each in ended) == ["AccountError", "str"], ended
    with house.store.read() as session:
        assert session.query(Officer).filter(Officer.mail_lookup.is_not(None)).count() == 1


def test_the_columns_come_and_go_with_the_migration(house: House) -> None:
    from alembic import command

    from store.migrate import _config, is_current

    with house.store.engine.connect() as connection:
        command.downgrade(_config(connection), "0019")
        command.downgrade(_config(connection), "-1")
        connection.commit()
    assert not is_current(house.store.engine)
    with house.store.engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()
    assert is_current(house.store.engine)
