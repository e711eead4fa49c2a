"""Joins on a real PostgreSQL, where two servers really join, take apart and follow at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import text

from router.duplicates import find
from router.joins import join, take_apart
from router.status import NotAllowed
from store.models import Report
from tests.unit.houses import OFFICER, Town, new_town

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database joins")
    url = postgres_url.rsplit("/", 1)[0] + "/joins"
    made = new_town(tmp_path_factory.mktemp("joins"), database_url=url, secret_key="s" * 32, contact_key="c" * 32)
    yield made
    made.house.store.engine.dispose()


def told(town: Town, number: int) -> str:
    words = f"lampu jalan mati di Jl. Manggarai Utara {number}, Kelurahan Manggarai"
    town.tell(words, sender=f"+62811{number:06}")
    return town.reports()[-1].code


def try_join(town: Town, code: str, other: str) -> None:
    with suppress(NotAllowed), town.house.store.write() as session:
        one, lead = (session.query(Report).filter_by(code=each).one() for each in (code, other))
        join(session, one, lead, by=OFFICER, house=town.house)


def try_apart(town: Town, code: str) -> None:
    with suppress(NotAllowed), town.house.store.write() as session:
        take_apart(session, session.query(Report).filter_by(code=code).one(), by=OFFICER, house=town.house)


def check(town: Town) -> None:
    rows = {row.id: row for row in town.reports()}
    for row in rows.values():
        assert (row.status == "duplicate") == (row.parent_id is not None)
        assert row.parent_id is None or rows[row.parent_id].parent_id is None


@pytest.mark.parametrize("number", range(100, 200, 10))
def test_two_reports_joined_to_each_other_at_the_same_moment_are_one_join(town: Town, number: int) -> None:
    first, second = told(town, number), told(town, number + 1)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: try_join(town, *each), [(first, second), (second, first)]))
    joined = [row for row in town.reports() if row.code in {first, second} and row.parent_id]
    assert len(joined) == 1
    check(town)


@pytest.mark.parametrize("number", range(300, 400, 10))
def test_what_is_taken_apart_while_its_lead_is_joined_is_whole(town: Town, number: int) -> None:
    first, second, third = (told(town, number + each) for each in range(3))
    try_join(town, third, second)
    with ThreadPoolExecutor(2) as pool:
        joining, parting = pool.submit(try_join, town, second, first), pool.submit(try_apart, town, third)
        joining.result()
        parting.result()
    (row,) = (row for row in town.reports() if row.code == third)
    assert (row.status, row.parent_id) == ("assigned", None)
    check(town)


def test_one_person_who_follows_from_six_servers_at_once_follows_once(town: Town) -> None:
    code = told(town, 500)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: town.tell(f"saya juga {code}", sender="+62899"), range(6)))
    (lead,) = (row for row in town.reports() if row.code == code)
    assert len([row for row in town.reports() if row.parent_id == lead.id]) == 1


def test_the_search_finds_the_same_and_uses_its_index(town: Town) -> None:
    first, second = told(town, 600), told(town, 601)
    town.tell("lampu jalan padam di Jl. Manggarai Utara 600, Kelurahan Manggarai", sender="+62877")
    third = town.reports()[-1].code
    with town.house.store.read() as session:
        report = session.query(Report).filter_by(code=first).one()
        found = [each.report.code for each in find(session, report, town.house)]
    with (
        town.house.store.engine.connect() as connection
    ):  # of three rows every index is as good: the other one goes
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("DROP INDEX ix_reports_requested_at"))
        query = "SELECT id FROM reports WHERE cell IN (1, 2) AND requested_at > now() - interval '1 day'"
        plan = "\n".join(connection.scalars(text(f"EXPLAIN {query}")))
        connection.rollback()
    assert found == [third]
    assert second not in found
    assert "ix_reports_cell" in plan
