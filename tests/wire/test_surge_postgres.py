"""A surge on a real PostgreSQL, where two servers really open it, and look at it, at the same time."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from router.clock import tick
from router.house import open_house
from router.status import NotAllowed, change_status
from router.surge_moves import move_many, undo_press
from store.models import Delivery, Report, Surge
from tests.unit.houses import CITIZEN, OFFICER, Town, new_town

pytestmark = pytest.mark.servers
MOST = 20


@pytest.fixture
def towns(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, request: pytest.FixtureRequest
) -> Iterator[list[Town]]:
    """Three servers of one city on one database."""
    name = f"surge_{abs(hash(request.node.name)) % 10**9}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    first = new_town(tmp_path_factory.mktemp("surge"), database_url=url, secret_key="s" * 32, contact_key="c" * 32)
    others = [replace(first, house=replace(open_house(first.house.settings), now=first.clock)) for _ in range(2)]
    towns = [first, *others]
    yield towns
    for town in towns:
        town.house.store.engine.dispose()


def tell_flood(town: Town, number: int) -> None:
    town.tell(
        f"banjir selutut di Jl. Masjid {number + 3} No {number + 1}, Kelurahan Bidara Cina",
        external_id=f"flood{number}",
        sender=f"+62811{number:05}",
    )


def flood(towns: list[Town], people: range) -> None:
    """Everybody at once, on whichever server takes them."""
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: tell_flood(towns[number % len(towns)], number), people))


def everywhere(towns: list[Town]) -> None:
    """The clocks of all servers, at the same time."""
    with ThreadPoolExecutor(len(towns)) as pool:
        list(pool.map(lambda town: tick(town.house), towns))


def test_servers_at_once_open_one_surge_that_everybody_joins(towns: list[Town]) -> None:
    town = towns[0]
    flood(towns, range(120))
    (surge,) = town.rows(Surge)
    for _ in range(3):
        town.clock.on(seconds=11)
        everywhere(towns)
    assert Counter(report.surge_id for report in town.reports()) == {surge.id: 120}
    assert {report.status for report in town.reports()} == {"assigned"}
    groups = [row.text for row in town.rows(Delivery, channel="desk") if row.report_id is None]
    assert [text.split()[0] for text in groups] == ["120"]
    answers = town.rows(Delivery, channel="sms")
    assert Counter(Counter(row.report_id for row in answers).values()) == {1: 120}
    assert sum("petugas tahu" in row.text for row in answers) > 120 - 2 * MOST


def test_nineteen_people_on_three_servers_open_none(towns: list[Town]) -> None:
    flood(towns, range(MOST - 1))
    everywhere(towns)
    assert towns[0].rows(Surge) == []
    tell_flood(towns[1], MOST)
    assert len(towns[0].rows(Surge)) == 1


def test_clocks_of_all_servers_tell_each_person_once_and_end_it_once(towns: list[Town]) -> None:
    town = towns[0]
    flood(towns, range(60))
    town.clock.on(seconds=11)
    everywhere(towns)
    before = len(town.rows(Delivery, channel="sms"))
    for report in town.reports():
        with town.house.store.write() as session:
            change_status(session, session.get_one(Report, report.id), "accepted", by=OFFICER, house=town.house)
    assert len(town.rows(Delivery, state="held")) == 60
    town.clock.at += timedelta(hours=1, minutes=31)
    for _ in range(3):
        everywhere(towns)
    (surge,) = town.rows(Surge)
    assert surge.ended_at is not None
    told = town.rows(Delivery, channel="sms")[before:]
    assert len(told) == 60
    assert len({row.report_id for row in told}) == 60
    assert town.rows(Delivery, state="held") == []


def test_what_is_told_at_once_is_the_last_word_also_while_digests_go_out(towns: list[Town]) -> None:
    town = towns[0]
    flood(towns, range(60))
    reports = town.reports()
    for report in reports:
        with town.house.store.write() as session:
            change_status(session, session.get_one(Report, report.id), "accepted", by=OFFICER, house=town.house)
    town.clock.at += timedelta(hours=3, minutes=1)

    def resolve(report: Report) -> None:
        with towns[1].house.store.write() as session:
            row = session.get_one(Report, report.id)
            change_status(session, row, "resolved", by=OFFICER, house=towns[1].house, notes="Surut")

    with ThreadPoolExecutor(6) as pool:
        ticks = [pool.submit(tick, each.house) for each in (towns[0], towns[2])]
        list(pool.map(resolve, reports))
        for each in ticks:
            each.result()
    everywhere(towns)
    for report in reports:
        assert "SUDAH atau BELUM" in town.rows(Delivery, report_id=report.id, channel="sms")[-1].text
    assert town.rows(Delivery, state="held") == []


def test_an_undo_and_another_servers_moves_at_once_leave_each_report_in_one_of_both(towns: list[Town]) -> None:
    town = towns[0]
    flood(towns, range(60))
    (surge,) = town.rows(Surge)
    for _ in range(3):  # who spoke in the moment in which it opened joins a moment later
        town.clock.on(seconds=11)
        everywhere(towns)
    assert {report.surge_id for report in town.reports()} == {surge.id}
    said = {"by": OFFICER, "notes": "Air surut", "up_to": 10**9}
    moved = move_many(town.house, surge.id, "resolved", officer_id=7, **said)
    assert moved.done == 60
    some = [report.id for report in town.reports()[::2]]

    def reopen() -> None:
        for number in some:
            with towns[1].house.store.write() as session, suppress(NotAllowed):
                report = session.get_one(Report, number)
                change_status(session, report, "reopened", by=CITIZEN, house=towns[1].house)

    with ThreadPoolExecutor(2) as pool:
        undone, other = (
            pool.submit(undo_press, town.house, moved.press, by=OFFICER, officer_id=7),
            pool.submit(reopen),
        )
        other.result()
    stands = Counter(report.status for report in town.reports())
    assert stands["assigned"] == undone.result() >= 30
    assert stands == Counter(assigned=undone.result(), reopened=60 - undone.result())
    withdrawn = town.rows(Delivery, state="withdrawn")
    assert {row.report_id for row in withdrawn} == {r.id for r in town.reports() if r.status == "assigned"}
    assert undo_press(town.house, moved.press, by=OFFICER, officer_id=7) == 0
