"""The search: what is said is found, by prefixes and in whatever order, and what is forgotten by nobody."""

import random

import pytest
from sqlalchemy import event, select, text

from normalizer.search_words import agency_word, asked_words
from router.forget import forget_all
from router.search import index_words
from store.models import Report
from store.search import newest, take_out, write_words
from tests.unit.houses import WHOLE, Town, another
from tests.unit.test_forget import everything
from tests.unit.test_linking import BOT, SMS


def search(town: Town, words: str, agency_id: str | None = None) -> list[str]:
    """The descriptions of what is found, the newest first; what is owed to the index is there by then."""
    while index_words(town.house):
        pass
    with town.house.store.read() as session:
        exactly = agency_word(agency_id) if agency_id else None
        ids = newest(session, select(Report), asked_words(words), exactly, start=0, count=100)
        return [session.get_one(Report, number).description for number in ids]


def test_a_report_is_found_by_its_words_its_code_and_its_kelurahan(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell(another(8).replace("lampu jalan mati", "got mampet"), **BOT)
    code = town.reports()[0].code

    assert len(search(town, "mangg")) == 2
    for words in ("lampunya", "TEBET lampu", code.lower(), "jl. manggarai utara 2", code[:4]):
        assert search(town, words) == [WHOLE]
    assert search(town, "lampu got") == []


def test_what_is_said_later_is_found_too(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    assert search(town, "selotip") == []
    town.clock.on(hours=3)
    town.tell(f"{town.report().code} sudah dikasih selotip kuning oleh warga", **SMS)

    assert search(town, "selotip kuning mati") == [WHOLE]


def test_an_agency_looks_through_its_own_reports_also_when_one_was_passed_on(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    assert [len(search(town, "lampu", each)) for each in ("dbm", "d", "dsda")] == [1, 0, 0]
    with town.house.store.write() as session:
        report = session.scalars(select(Report)).one()
        report.agency_id = "dsda"

    assert [len(search(town, "lampu", each)) for each in ("dbm", "dsda")] == [0, 1]


def test_the_newest_comes_first(town: Town) -> None:
    for number in range(3):
        town.tell(another(number), sender=f"+62811{number}")

    assert search(town, "lampu") == [another(2), another(1), another(0)]


@pytest.mark.parametrize(
    "words", ['"', "a OR b", "lampu*", "NEAR(a b)", "'; --", "\x00", "words : mati", "-mati", "()"]
)
def test_whatever_is_asked_is_only_words(town: Town, words: str) -> None:
    town.tell(WHOLE, **SMS)
    search(town, words)


def test_of_who_is_forgotten_no_word_is_left_in_the_index(town: Town) -> None:
    for number in range(40):
        town.tell(f"{another(number)} rumah RAHASIA{number}", **BOT)
    town.tell(f"{WHOLE} PUNYABUDI", sender="+62999")
    assert len(search(town, "rahasia")) == 40
    forget_all("telegram:" + BOT["sender"], town.house)

    assert b"punyabudi" in everything(town)
    assert b"rahasia" not in everything(town).lower()
    assert search(town, "rahasia") == []
    assert len(search(town, "punyabudi")) == 1
    assert b"rahasia" not in everything(town).lower()
    assert len(search(town, "manggarai")) == 41  # the bare facts


def test_an_index_whose_rows_are_written_again_and_again_stays_whole(town: Town) -> None:
    chance, words = random.Random(1), [f"kata{number}" for number in range(60)]
    for _ in range(40):
        with town.house.store.write() as session:
            rows = chance.sample(range(1, 120), 8)
            write_words(session, {row: " ".join(chance.sample(words, chance.randint(0, 15))) for row in rows})
            take_out(session, chance.sample(range(1, 120), 2))
        with town.house.store.read() as session:
            assert session.scalar(text("PRAGMA quick_check(1)")) == "ok"


def test_the_newest_matches_are_read_without_sorting(town: Town) -> None:
    said: list[tuple[str, tuple[object, ...]]] = []
    event.listen(town.house.store.engine, "before_cursor_execute", lambda *a: said.append((a[2], a[3])))
    with town.house.store.read() as session:
        newest(session, select(Report).where(Report.agency_id == "dbm"), asked_words("lampu"), start=0, count=31)
        ((question, values),) = [each for each in said if "MATCH" in each[0]]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", values).all()

    assert "SCAN report_words VIRTUAL TABLE" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
