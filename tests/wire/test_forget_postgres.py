"""Forgetting on a real PostgreSQL while others write what names the person: all of it goes all the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from town import eventually

from router.clock import tick
from router.forget import forget_all, let_go
from router.held import lock
from router.joins import join
from router.operate import first_edited_row
from router.owing import owe
from router.status import NotAllowed, change_status
from store.models import Address, Delivery, Report
from tests.unit.houses import OFFICER, Town, another, new_town

pytestmark = pytest.mark.servers
PAIRS = 8


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database forgetting_there")
    url = postgres_url.rsplit("/", 1)[0] + "/forgetting_there"
    folder = tmp_path_factory.mktemp("forgetting")
    made = new_town(folder, database_url=url, secret_key="s" * 32, contact_key="c" * 32)
    yield made
    made.house.store.engine.dispose()


def citizen(number: int) -> str:
    return f"+62855{number:05}"


def told(town: Town, number: int) -> str:
    """The code of what a new citizen reports."""
    town.tell(another(number), sender=citizen(number))
    return str(town.reports()[-1].code)


def waits_for_a_row(town: Town) -> bool:
    with town.house.store.read() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def left_of(town: Town, number: int) -> int:
    with town.house.store.read() as session:
        lookups = town.house.store.sealer.lookups("sms", citizen(number))
        return len(session.scalars(select(Address).where(Address.lookup.in_(lookups))).all())


@pytest.mark.parametrize("holds", [True, False], ids=["holds the report", "only writes"])
def test_what_is_owed_to_them_in_that_moment_goes_too(town: Town, holds: bool) -> None:
    number = 100 + holds
    code = told(town, number)
    with ThreadPoolExecutor(1) as pool:
        with town.house.store.write() as session:
            report = session.scalar(select(Report).where(Report.code == code))
            assert report
            if holds:
                lock(session, report)
            owe(session, report, "Regu berangkat.", town.house, town.house.now())
            session.flush()
            forgetting = pool.submit(forget_all, f"sms:{citizen(number)}", town.house)
            eventually(lambda: waits_for_a_row(town), what="who forgets waits for who writes")
        gone = forgetting.result()

    assert (gone.addresses, gone.reports, gone.answers) == (1, 1, 2)
    assert left_of(town, number) == 0
    assert not [row for row in town.rows(Delivery) if "Regu berangkat." in row.text]


def test_two_that_wait_for_each_other_both_come_through(town: Town) -> None:
    codes = {told(town, number) for number in (150, 151)}
    first, second = (each.id for each in town.reports() if each.code in codes)
    both_hold_one = Barrier(2)
    tries = []

    def take(one: int, other: int) -> None:
        def change(session: Session) -> None:
            tries.append(one)
            session.scalars(select(Report).where(Report.id == one).with_for_update()).one()
            if len(tries) <= 2:
                both_hold_one.wait(20)
            session.scalars(select(Report).where(Report.id == other).with_for_update()).one()

        town.house.store.write_until_free(change)

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(take, first, second), pool.submit(take, second, first)]:
            each.result()
    assert len(tries) > 2  # more, where who tries again is quicker than who was waiting


def test_many_are_forgotten_while_officials_move_join_and_the_clock_tells(town: Town) -> None:
    numbers = range(200, 200 + 2 * PAIRS)
    codes = [told(town, number) for number in numbers]

    def officials(code: str, other: str) -> None:
        for move in ("accepted", "in_progress", "needs_info"):
            with town.house.store.write() as session:
                report = session.scalars(select(Report).where(Report.code == other)).one()
                try:
                    change_status(session, report, move, by=OFFICER, house=town.house, notes="Kami ke sana.")
                except NotAllowed:
                    return  # its person is gone, and it is closed
            tick(town.house)

    def joiner(code: str, other: str) -> None:
        with town.house.store.write() as session:
            one, lead = (
                session.scalars(select(Report).where(Report.code == each)).one() for each in (code, other)
            )
            try:
                join(session, one, lead, by=OFFICER, house=town.house)
            except NotAllowed:
                return

    couples = list(zip(codes[::2], codes[1::2], strict=True))
    with ThreadPoolExecutor(6) as pool:
        moves = []
        for couple in couples:
            moves += [pool.submit(officials, *couple), pool.submit(joiner, *couple)]
        gone = [pool.submit(forget_all, f"sms:{citizen(number)}", town.house) for number in numbers]
        assert [each.result().addresses for each in gone] == [1] * len(numbers)
        for each in moves:
            each.result()
    let_go(town.house)

    assert [left_of(town, number) for number in numbers] == [0] * len(numbers)
    assert first_edited_row(town.house) is None
