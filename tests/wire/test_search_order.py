"""The desk's search gives the same reports in the same order on both databases, by whichever way it looks."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from sqlalchemy import delete, insert, select

from normalizer.search_words import agency_word, asked_words
from router.house import House
from store import queries, search
from store.models import Report
from tests.wire.desk_rooms import add_report, open_rooms

WORDS = ("lampu", "lampion", "mati", "matikan", "jalan", "jalur", "banjir", "got", "x", "b1")
AREAS = ("31.74.01.1003", "31.74.01.1007")
STATUSES = ("assigned", "closed", "reopened")
REPORTS, QUESTIONS = 400, 500


@dataclass(frozen=True)
class Kept:
    """What the test itself knows of a report."""

    id: int
    words: frozenset[str]
    agency_id: str
    area_code: str
    status: str
    urgent: bool


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = open_rooms(tmp_path_factory.mktemp("sqlite"))
    yield house
    house.store.engine.dispose()


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[House]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database search_order")
    house = open_rooms(
        tmp_path_factory.mktemp("postgres"),
        database_url=postgres_url.rsplit("/", 1)[0] + "/search_order",
        secret_key="s" * 32,
        contact_key="c" * 32,
    )
    yield house
    house.store.engine.dispose()


def fill(house: House, luck: random.Random) -> list[Kept]:
    """So many reports with random words: some words in most of them, some in old ones or in few, some never beside
    others. The newest first."""
    add_report(house)
    kept = [_kept(luck, number) for number in range(1, REPORTS + 1)]
    with house.store.write() as session:
        row = session.execute(select(Report.__table__)).mappings().one()
        session.execute(delete(search.WordsOwed))
        rows = [
            {
                **row,
                "id": each.id + 1,
                "code": f"C{each.id}",
                "status": each.status,
                "agency_id": each.agency_id,
                "area_code": each.area_code,
                "urgent": each.urgent,
            }
            for each in kept
        ]
        session.execute(insert(Report.__table__), rows)
        search.write_words(session, {each.id + 1: " ".join(each.words) for each in kept})
    return kept[::-1]


def _kept(luck: random.Random, number: int) -> Kept:
    agency = luck.choice(("dbm", "dlh", "dsda"))
    often = {word for word in WORDS[:6] if luck.random() < 0.4}
    old = {"banjir"} if number < REPORTS // 3 else {"got"} if luck.random() < 0.5 else set()
    rare = {luck.choice(("x", "b1", "b1234", "b12"))} if luck.random() < 0.05 else set()
    return Kept(
        id=number,
        words=frozenset(often | old | rare | {agency_word(agency)}),
        agency_id=agency,
        area_code=luck.choice(AREAS),
        status=luck.choices(STATUSES, (75, 20, 5))[0],
        urgent=luck.random() < 0.1,
    )


@dataclass(frozen=True)
class Question:
    words: str
    agency_id: str | None
    area_code: str | None
    status: str | None
    urgent: bool
    start: int
    count: int

    def fits(self, each: Kept) -> bool:
        beginnings = asked_words(self.words)
        return (
            all(any(map(partial(_has, each), forms)) for forms in beginnings)
            and self.agency_id in {None, each.agency_id}
            and self.area_code in {None, each.area_code}
            and self.status in {None, each.status}
            and (each.urgent or not self.urgent)
        )


def _has(each: Kept, beginning: str) -> bool:
    return any(word.startswith(beginning) if len(beginning) > 1 else word == beginning for word in each.words)


def ask(luck: random.Random) -> Question:
    return Question(
        words=" ".join(word[: luck.randint(1, len(word))] for word in luck.sample(WORDS, luck.randint(1, 3))),
        agency_id=luck.choice((None, None, "dbm")),
        area_code=luck.choice((None, None, AREAS[0])),
        status=luck.choice((None, None, *STATUSES)),
        urgent=luck.random() < 0.2,
        start=luck.choice((0, 0, 0, 6, 30)),
        count=luck.choice((3, 7, 31)),
    )


def answer(house: House, asked: Question) -> list[int]:
    also = [Report.urgent] if asked.urgent else []
    areas = None if asked.area_code is None else [asked.area_code]
    query = queries.narrowed(select(Report), asked.agency_id, areas, also)  # type: ignore[arg-type]
    query = query.where(Report.status == asked.status) if asked.status else query
    exactly = agency_word(asked.agency_id) if asked.agency_id else None
    with house.store.read() as session:
        words = asked_words(asked.words)
        found = search.newest(session, query, words, exactly, start=asked.start, count=asked.count)
        return [number - 1 for number in found]


@pytest.mark.servers
def test_whatever_is_asked_the_newest_come_first_and_none_is_missed(
    on_sqlite: House, on_postgres: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LATELY", 40)
    monkeypatch.setattr(search, "FEW", 25)
    for house in (on_sqlite, on_postgres):
        luck = random.Random(7)
        kept, ways = fill(house, luck), {"lately": 0, "few": 0, "all": 0, "none": 0}
        for _ in range(QUESTIONS):
            asked = ask(luck)
            fitting = [each.id for each in kept if asked.fits(each)]
            page = fitting[asked.start : asked.start + asked.count]
            assert answer(house, asked) == page, asked

            with_words = [each for each in kept if Question(asked.words, None, None, None, False, 0, 0).fits(each)]
            is_lately = len(page) == asked.count and page[-1] > REPORTS - 40
            way = "lately" if is_lately else "few" if len(with_words) < 25 else "all"
            ways[way if page else "none"] += 1
        assert min(ways.values()) > 10  # each way was gone


@pytest.mark.servers
def test_a_question_changes_nothing_of_how_the_rest_is_read(on_postgres: House) -> None:
    names = ("enable_seqscan", "enable_indexscan", "enable_bitmapscan")
    with on_postgres.store.read() as session:
        search.newest(session, select(Report), asked_words("tidakada"), start=0, count=3)
        said = [session.connection().exec_driver_sql(f"SHOW {name}").scalar() for name in names]

    assert said == ["on", "on", "on"]
