"""The report card is fair: what counts, for whom, and what does not; and SQL counts as one would by hand."""

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from router.card import judge, month_of, months, this_month
from store.card import Card, Column, Month, cards, named
from store.models import Holding, Report
from tests.unit.houses import CITIZEN, ROUTER, WHOLE, Town, another, new_town

DAY = int(8.5 * 3600)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Monday, 2 March 2026, noon; a lamp's term is three working days."""
    return new_town(tmp_path)


def month(town: Town, name: str = "2026-03") -> Month:
    found = month_of(name, town.house.pack, town.clock.at)
    assert found is not None
    return found


def card(town: Town, agency_id: str = "dbm", name: str = "2026-03") -> Card | None:
    with town.house.store.read() as session:
        found = {line.agency_id: line for line in cards(session, month(town, name))}
    return found.get(agency_id)


def codes(town: Town, kind: Any, agency_id: str = "dbm") -> list[str]:
    with town.house.store.read() as session:
        return [row.code for row in named(session, month(town), agency_id, kind)]


def test_times_are_counted_in_working_time_from_the_holders_beginning(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=1)
    town.move("accepted")
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah menyala")

    line = card(town)
    assert line is not None
    assert (line.reports, line.finished, line.on_time, line.unanswered) == (1, 1, 1, 0)
    assert (line.acted_median, line.acted_p90, line.resolved_median, line.resolved_p90) == (
        DAY,
        DAY,
        2 * DAY,
        2 * DAY,
    )


def test_an_open_report_is_on_time_until_its_promised_day_is_over_and_then_late_and_unanswered(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.at = datetime(2026, 3, 5, 9, tzinfo=UTC)  # 16.00 in Jakarta, the end of the third working day
    line = card(town)
    assert line is not None
    assert (line.late, line.unanswered, codes(town, "late")) == (0, 0, [])

    town.clock.on(minutes=1)
    line = card(town)
    assert line is not None
    assert (line.late, line.unanswered) == (1, 1)
    assert codes(town, "late") == codes(town, "unanswered") == [town.report().code]


def test_a_late_first_action_is_late_and_no_longer_unanswered(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=7)
    town.move("accepted")

    line = card(town)
    assert line is not None
    assert (line.late, line.unanswered) == (1, 0)


def test_time_that_the_reporter_held_it_does_not_count(town: Town) -> None:
    town.tell(WHOLE)
    town.move("needs_info", notes="Tiang nomor berapa?")
    town.clock.on(days=28)
    town.move("assigned", by=ROUTER)
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah menyala")

    line = card(town)
    assert line is not None
    assert (line.late, line.acted_median, line.resolved_median) == (0, 0, DAY)


def test_a_joined_report_does_not_count(town: Town) -> None:
    town.tell(WHOLE)
    town.tell(another(1), sender="+6285")
    town.move("duplicate")
    town.clock.on(days=20)

    line = card(town)
    assert line is not None
    assert (line.reports, line.late) == (1, 1)
    assert codes(town, "late") == [town.reports()[0].code]


def test_a_report_that_was_passed_on_and_then_joined_counts_for_nobody(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=20)
    town.move("assigned", agency_id="pln", notes="Bukan kami")
    town.move("duplicate")

    assert card(town) is None
    assert card(town, "pln") is None


def test_a_join_that_was_taken_apart_counts_again(town: Town) -> None:
    town.tell(WHOLE)
    town.move("duplicate")
    assert card(town) is None
    town.move("assigned", by=ROUTER)

    line = card(town)
    assert line is not None
    assert line.reports == 1


def test_what_its_reporter_took_back_before_any_action_counts_for_nobody(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=20)
    town.move("closed", by=CITIZEN)

    assert card(town) is None
    assert codes(town, "late") == []


def test_what_its_reporter_closed_after_an_action_counts(town: Town) -> None:
    town.tell(WHOLE)
    town.move("accepted")
    town.move("closed", by=CITIZEN)

    line = card(town)
    assert line is not None
    assert (line.reports, line.late, line.unanswered) == (1, 0, 0)


def test_a_report_passed_on_counts_for_each_agency_while_it_had_it(town: Town) -> None:
    town.tell(WHOLE)
    town.clock.on(days=10)
    town.move("assigned", agency_id="satpolpp", notes="Bukan kami")
    town.clock.on(days=1)
    town.move("resolved", notes="Sudah")

    first, second = card(town), card(town, "satpolpp")
    assert first is not None
    assert second is not None
    assert (first.reports, first.late, first.passed_on, first.unanswered, first.finished) == (1, 1, 1, 0, 0)
    assert (second.reports, second.late, second.passed_on, second.resolved_median) == (1, 0, 0, DAY)
    assert codes(town, "late", "satpolpp") == []


def test_what_lies_with_the_next_agency_for_long_is_not_the_first_ones(town: Town) -> None:
    town.tell(WHOLE)
    town.move("assigned", agency_id="satpolpp", notes="Bukan kami")
    town.clock.on(days=25)

    first, second = card(town), card(town, "satpolpp")
    assert first is not None
    assert second is not None
    assert (first.late, first.unanswered) == (0, 0)
    assert (second.late, second.unanswered) == (1, 1)


def test_an_outside_body_that_has_it_for_long_gets_no_colour(town: Town) -> None:
    for number in range(10):
        town.tell(another(number), sender=f"+62850{number}")
        town.move("assigned", agency_id="pln", notes="Milik PLN")
    town.clock.on(days=29)

    line, rules = card(town, "pln"), town.house.pack.card
    assert line is not None
    assert line.late == 10
    assert judge(line, rules).colour == "red"
    assert judge(line, rules, is_outside=True).colour == "outside"


def test_a_reopened_report_counts_as_one_that_came_back_even_when_it_is_resolved_again(town: Town) -> None:
    town.tell(WHOLE)
    town.move("resolved", notes="Sudah")
    town.move("reopened", by=CITIZEN)
    line = card(town)
    assert line is not None
    assert (line.reports, line.finished, line.reopened, line.resolved_median) == (1, 1, 1, None)
    town.move("resolved", notes="Sekarang sudah")

    line = card(town)
    assert line is not None
    assert (line.reports, line.finished, line.reopened) == (1, 1, 1)
    assert codes(town, "reopened") == [town.report().code]


def test_stars_and_doubted_photos_are_counted_and_named(town: Town) -> None:
    rows = ((1, ["same_photo"], None), (2, ["far"], "GPS mati"), (5, [], None), (None, None, None))
    for number, (stars, flags, explanation) in enumerate(rows):
        town.tell(another(number), sender=f"+62850{number}")
        town.move("resolved", notes="Sudah")
        with town.house.store.write() as session:
            held = session.query(Holding).order_by(Holding.id.desc()).first()
            held.stars, held.flags, held.explanation = stars, flags, explanation

    line = card(town)
    assert line is not None
    assert (line.rated, line.flagged, line.explained, line.doubted) == (3, 2, 1, 1)
    assert line.stars == pytest.approx(8 / 3)
    low = [report.code for report in town.reports()[:2]]
    assert codes(town, "flags") == codes(town, "stars") == low


def test_a_month_begins_at_midnight_in_the_city(town: Town) -> None:
    town.clock.at = datetime(2026, 3, 31, 16, 59, tzinfo=UTC)  # 23.59 in Jakarta
    town.tell(WHOLE)
    town.clock.on(minutes=1)
    town.tell(another(1), sender="+6285")

    march, april = card(town, name="2026-03"), card(town, name="2026-04")
    assert march is not None
    assert april is not None
    assert (march.reports, april.reports) == (1, 1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026",
        "2026-3",
        "2026-13",
        "2026-00",
        "1999-12",
        "2026-04",
        "2027-01",
        "٢٠٢٦-٠٣",
        "2026-03\n",
        "2026-03-01",
    ],
)
def test_what_is_no_month_or_still_to_come_is_none(town: Town, name: str) -> None:
    assert month_of(name, town.house.pack, town.clock.at) is None


def test_december_ends_with_the_year(town: Town) -> None:
    found = month(town, "2025-12")
    assert found.before.isoformat() == "2026-01-01T00:00:00+07:00"


def test_months_go_back_to_the_first_report_and_no_further_than_three_years(town: Town) -> None:
    pack, now = town.house.pack, town.clock.at
    assert this_month(pack, now) == "2026-03"
    assert months(None, pack, now) == ["2026-03"]
    assert months(datetime(2025, 12, 31, 17, tzinfo=UTC), pack, now) == ["2026-03", "2026-02", "2026-01"]
    assert len(months(datetime(2001, 1, 1, tzinfo=UTC), pack, now)) == 36


# --- the same by hand ---------------------------------------------------------------------------------------

START = datetime(2026, 2, 28, 12, tzinfo=UTC)
SPAN = Month(since=START + timedelta(days=1), before=START + timedelta(days=4), now=START + timedelta(days=3))
seconds = st.none() | st.integers(0, 20)
ROW = st.fixed_dictionaries(
    {
        "agency_id": st.sampled_from(["dbm", "dlh", "pln"]),
        "service_code": st.sampled_from(["pohon", "sampah", None]),
        "area_code": st.sampled_from(["31.74.01.1003", None]),
        "state": st.sampled_from(["assigned", "closed", "duplicate", "passed_on", "resolved"]),
        "since": st.integers(0, 5).map(lambda days: START + timedelta(days=days)),
        "until": st.sampled_from([None, START]),
        "due_at": st.none() | st.integers(-1, 5).map(lambda days: START + timedelta(days=days)),
        "was_late": st.booleans(),
        "acted_worked": seconds,
        "resolved_worked": seconds,
        "reopened": st.integers(0, 2),
        "stars": st.none() | st.integers(1, 5),
        "flags": st.sampled_from([None, [], ["far"]]),
        "explanation": st.sampled_from([None, "", "GPS mati"]),
        "joined": st.booleans(),
    }
)
VIEWS: list[tuple[Column, ...]] = [
    ("agency_id",),
    ("agency_id", "service_code"),
    ("area_code",),
    ("service_code", "area_code"),
]


def by_hand(rows: list[dict[str, Any]], by: tuple[Column, ...]) -> dict[tuple[Any, ...], Card]:
    groups = defaultdict(list)
    for row in rows:
        if SPAN.since <= row["since"] < SPAN.before and counted(row):
            groups[tuple(row[name] for name in by)].append(row)
    return {key: line_of(held, dict(zip(by, key, strict=True))) for key, held in groups.items()}


def counted(row: dict[str, Any]) -> bool:
    if row["state"] == "duplicate" or (row["state"] == "passed_on" and row["joined"]):
        return False
    return not (row["state"] == "closed" and row["acted_worked"] is None and row["resolved_worked"] is None)


def is_late(row: dict[str, Any]) -> bool:
    over = row["until"] is None and row["due_at"] is not None and row["due_at"] < SPAN.now
    return row["was_late"] or over


def ranks(values: list[int | None]) -> tuple[int | None, int | None]:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None, None
    return known[ceil(len(known) * 5 / 10) - 1], known[ceil(len(known) * 9 / 10) - 1]


def line_of(held: list[dict[str, Any]], key: dict[str, Any]) -> Card:
    stars = [row["stars"] for row in held if row["stars"] is not None]
    flagged = [row for row in held if row["flags"]]
    unanswered = [r for r in held if r["until"] is None and r["acted_worked"] is None and is_late(r)]
    acted, resolved = (ranks([row[name] for row in held]) for name in ("acted_worked", "resolved_worked"))
    return Card(
        **key,
        reports=len(held),
        late=sum(map(is_late, held)),
        unanswered=len(unanswered),
        acted_median=acted[0],
        acted_p90=acted[1],
        resolved_median=resolved[0],
        resolved_p90=resolved[1],
        finished=sum(row["resolved_worked"] is not None or row["reopened"] > 0 for row in held),
        reopened=sum(row["reopened"] > 0 for row in held),
        flagged=len(flagged),
        explained=sum(bool(row["explanation"]) for row in flagged),
        rated=len(stars),
        stars=pytest.approx(sum(stars) / len(stars)) if stars else None,
        passed_on=sum(row["state"] == "passed_on" for row in held),
    )


def put(session: Session, report: Report, rows: list[dict[str, Any]]) -> None:
    """These holdings and no others, each of a report of its own."""
    session.execute(delete(Holding))
    session.execute(delete(Report).where(Report.id != report.id))
    columns = [column.name for column in Report.__table__.columns]
    same = {name: getattr(report, name) for name in columns}
    for number, row in enumerate(rows, start=report.id + 1):
        status = "duplicate" if row["joined"] else "closed"
        session.add(Report(**{**same, "id": number, "code": f"C{number}", "status": status}))
        kept = {name: value for name, value in row.items() if name != "joined"}
        session.add(Holding(report_id=number, term=0, worked=0, **kept))
    session.flush()


def compare(town: Town, rows: list[dict[str, Any]]) -> None:
    report = town.reports()[0]
    with town.house.store.write() as session:
        put(session, report, rows)
        for by in VIEWS:
            found = cards(session, SPAN, by)
            assert {tuple(getattr(line, name) for name in by): asdict(line) for line in found} == {
                key: asdict(line) for key, line in by_hand(rows, by).items()
            }
            assert [line for line in found if line.reports <= 0] == []
        alone = {line.service_code: line for line in cards(session, SPAN, ("service_code",), "dbm")}
        hand = by_hand([row for row in rows if row["agency_id"] == "dbm"], ("service_code",))
        assert {key: line.reports for key, line in alone.items()} == {
            key[0]: line.reports for key, line in hand.items()
        }
        late = [row for row in rows if row["agency_id"] == "dbm" and row["since"] < SPAN.before]
        late = [row for row in late if row["since"] >= SPAN.since and counted(row) and is_late(row)]
        assert len(named(session, SPAN, "dbm", "late")) == len(late)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = new_town(tmp_path_factory.mktemp("plain"))
    town.tell(WHOLE)
    return town


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, max_size=25))
def test_sql_counts_as_one_would_by_hand(plain: Town, rows: list[dict[str, Any]]) -> None:
    compare(plain, rows)


@pytest.mark.servers
def test_postgresql_counts_the_same(tmp_path: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database report_card")
    town = new_town(
        tmp_path,
        database_url=postgres_url.rsplit("/", 1)[0] + "/report_card",
        secret_key="s" * 32,
        contact_key="c" * 32,
    )
    town.tell(WHOLE)

    @settings(max_examples=25, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(ROW, max_size=25))
    def same(rows: list[dict[str, Any]]) -> None:
        compare(town, rows)

    same()
    town.house.store.engine.dispose()
