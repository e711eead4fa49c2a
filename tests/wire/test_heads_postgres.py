"""Heads on a real PostgreSQL, where a line's id is given out before its transaction ends, and servers are many."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text
from town import eventually

from router.clock import tick
from router.heads import make_head
from router.operate import first_edited_row
from router.status import add_line
from store.models import Head, Report
from tests.unit.houses import OFFICER, Town, another, new_town

pytestmark = pytest.mark.servers


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("drop database if exists heads with (force)")
        connection.execute("create database heads")
    url = postgres_url.rsplit("/", 1)[0] + "/heads"
    made = new_town(tmp_path_factory.mktemp("heads"), database_url=url, secret_key="s" * 32, contact_key="c" * 32)
    for number in range(3):
        made.tell(another(number), sender=f"+62811{number}")
    made.clock.on(hours=1)
    yield made
    made.house.store.engine.dispose()


def change(town: Town, *statements: str) -> None:
    with town.house.store.engine.begin() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0


def heads(town: Town) -> list[Head]:
    with town.house.store.read() as session:
        return session.query(Head).order_by(Head.number).all()


def lines(town: Town) -> int:
    with town.house.store.read() as session:
        return int(session.scalar(text("SELECT count(*) FROM status_updates")) or 0)


def test_an_edit_a_cut_end_and_a_deleted_report_are_named_there_too(town: Town) -> None:
    tick(town.house)
    assert first_edited_row(town.house) is None
    first, second = (report.code for report in town.reports()[:2])
    (last,) = (row.id for row in town.reports()[1:2])
    change(
        town,
        *(
            f"DELETE FROM {table} WHERE report_id = {last}"
            for table in ("status_updates", "messages", "deliveries", "holdings")
        ),
        f"DELETE FROM reports WHERE id = {last}",
    )
    assert f"(report {second}, line " in str(first_edited_row(town.house))
    assert "and the report with it" in str(first_edited_row(town.house))

    change(town, f"DELETE FROM status_updates WHERE report_id = {town.reports()[0].id} AND seq > 1")
    assert "cut off behind line 1" in str(first_edited_row(town.house))

    change(town, "UPDATE status_updates SET by = 'officer:budi' WHERE seq = 1")
    assert f"(report {first}, line 1)" in str(first_edited_row(town.house))


def test_a_line_under_way_with_a_smaller_id_than_a_committed_one_is_under_the_head(town: Town) -> None:
    before = lines(town)
    with ThreadPoolExecutor(1) as pool:
        with town.house.store.write() as slow:
            report = slow.get_one(Report, town.reports()[0].id)
            add_line(slow, report, report.status, by=OFFICER, house=town.house, now=town.clock())
            slow.flush()  # it has its id now
            town.move("in_progress", number=1)  # a larger one, committed
            made = pool.submit(make_head, town.house)
            eventually(lambda: _waits_for_a_lock(town) or made.done(), what="the head waits for the line")
        made.result()

    (head,) = heads(town)
    assert head.rows == lines(town) == before + 2
    assert first_edited_row(town.house) is None


def _waits_for_a_lock(town: Town) -> bool:
    with town.house.store.read() as session:
        return bool(session.scalar(text("select count(*) from pg_locks where not granted")))


def test_while_lines_are_written_for_long_there_is_no_head_yet(town: Town) -> None:
    with town.house.store.write() as slow:
        report = slow.get_one(Report, town.reports()[0].id)
        add_line(slow, report, report.status, by=OFFICER, house=town.house, now=town.clock())
        slow.flush()
        make_head(town.house)
        assert heads(town) == []
    make_head(town.house)

    assert len(heads(town)) == 1


def test_eight_servers_at_the_same_hour_make_one_head_while_reports_come(town: Town) -> None:
    def tell(number: int) -> None:
        town.tell(another(number), sender=f"+62822{number}")

    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(tell, number) for number in range(10, 40)]
        made = [pool.submit(make_head, town.house) for _ in range(8)]
        for each in [*told, *made]:
            each.result()
    assert [head.number for head in heads(town)] == [1]
    town.clock.on(hours=1)
    make_head(town.house)

    assert heads(town)[-1].rows == lines(town)
    assert first_edited_row(town.house) is None
