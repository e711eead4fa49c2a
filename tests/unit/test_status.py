"""The table of moves, cell by cell, and what each move owes."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from router.status import Actor, NotAllowed, add_line, allowed_moves, change_status, is_open
from store.models import Address, Delivery, Report, Reporter, StatusUpdate
from tests.unit.houses import CITIZEN, OFFICER, ROUTER, Town, new_town

ALL = (
    "received", "needs_info", "assigned", "accepted", "in_progress", "scheduled", "resolved", "reopened", "closed",
    "rejected", "duplicate",
)  # fmt: skip
# From DESIGN's table, written down a second time: `*` may be done by the reporter only, `<` is the status before.
TABLE = {
    "received": "needs_info assigned duplicate rejected closed*",
    "needs_info": "< received assigned rejected closed",
    "assigned": "accepted in_progress scheduled resolved needs_info assigned duplicate rejected closed*",
    "accepted": "in_progress scheduled resolved needs_info assigned duplicate rejected closed*",
    "in_progress": "scheduled resolved needs_info assigned duplicate rejected closed*",
    "scheduled": "in_progress resolved needs_info assigned duplicate rejected closed*",
    "resolved": "closed reopened",
    "reopened": "accepted in_progress scheduled resolved assigned needs_info duplicate rejected closed*",
    "closed": "reopened",
    "rejected": "reopened",
    "duplicate": "<",
}
BEFORE = "in_progress"
ACTORS = {"the reporter": CITIZEN, "an official": OFFICER, "the router": ROUTER, "the clock": Actor(name="clock")}


def may(start: str, target: str, who: str) -> bool:
    allowed = TABLE[start].replace("<", BEFORE).split()
    return target in allowed or (f"{target}*" in allowed and who == "the reporter")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return new_town(tmp_path_factory.mktemp("status"))


@pytest.fixture
def session(town: Town) -> Iterator[Session]:
    """A transaction that is taken back at the end."""
    with town.house.store.write() as opened:
        yield opened
        opened.rollback()


def a_report(session: Session, town: Town, status: str, before: str | None = None) -> Report:
    now = town.house.now()
    reporter = Reporter(language="id", created_at=now)
    session.add(reporter)
    session.flush()
    address = Address(
        reporter_id=reporter.id, channel="sms", lookup="x", sealed=b"", account="+62", created_at=now
    )
    session.add(address)
    session.flush()
    report = Report(
        code="K7M3Q9", status=status, status_before=before, description="lampu mati", public_description="",
        sources={}, agency_id="dbm", language="id", channel="sms", reporter_id=reporter.id, address_id=address.id,
        requested_at=now, updated_at=now,
    )  # fmt: skip
    session.add(report)
    session.flush()
    add_line(session, report, status, by=ROUTER, house=town.house, now=now)
    return report


def lines(session: Session, report: Report) -> list[StatusUpdate]:
    query = select(StatusUpdate).where(StatusUpdate.report_id == report.id).order_by(StatusUpdate.seq)
    return list(session.scalars(query))


def owed(session: Session, report: Report) -> list[Delivery]:
    return list(session.scalars(select(Delivery).where(Delivery.report_id == report.id).order_by(Delivery.id)))


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("start", ALL)
@pytest.mark.parametrize("target", ALL)
def test_every_cell_of_the_table(town: Town, session: Session, start: str, target: str, who: str) -> None:
    before = BEFORE if "<" in TABLE[start] else None
    report = a_report(session, town, start, before)
    move = {"by": ACTORS[who], "house": town.house, "notes": "karena begitu"}
    if target == "assigned":
        move["agency_id"] = "dlh"
    if may(start, target, who):
        line = change_status(session, report, target, **move)
        assert (report.status, line.status, line.by, line.seq) == (target, target, ACTORS[who].name, 2)
        assert [each.channel for each in owed(session, report)] == (
            ["desk", "sms"] if target == "assigned" else ["sms"]
        )
    else:
        with pytest.raises(NotAllowed, match=f"a report that is {start} cannot become {target}"):
            change_status(session, report, target, **move)
        assert report.status == start
        assert len(lines(session, report)) == 1
        assert owed(session, report) == []


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("start", ALL)
def test_the_moves_that_are_offered_are_the_ones_that_work(
    town: Town, session: Session, start: str, who: str
) -> None:
    report = a_report(session, town, start, BEFORE if "<" in TABLE[start] else None)
    offered = allowed_moves(report, by_reporter=ACTORS[who].is_reporter)

    assert set(offered) == {target for target in ALL if may(start, target, who)}
    assert len(offered) == len(set(offered))


@pytest.mark.parametrize("aside", ["needs_info", "duplicate"])
@pytest.mark.parametrize("start", ["received", "assigned", "accepted", "in_progress", "scheduled", "reopened"])
def test_a_question_and_a_join_return_to_the_status_before(
    town: Town, session: Session, start: str, aside: str
) -> None:
    report = a_report(session, town, start)
    change_status(session, report, aside, by=OFFICER, house=town.house, notes="lihat")
    change_status(session, report, start, by=OFFICER, house=town.house)

    assert [line.status for line in lines(session, report)] == [start, aside, start]


def test_a_join_never_returns_to_where_it_was_not(town: Town, session: Session) -> None:
    report = a_report(session, town, "received")
    change_status(session, report, "duplicate", by=OFFICER, house=town.house)

    assert allowed_moves(report) == ("received",)


@pytest.mark.parametrize("notes", [None, "", "  ", "\n\t "])
@pytest.mark.parametrize("status", ["resolved", "rejected"])
def test_resolved_and_rejected_need_a_reason(town: Town, session: Session, status: str, notes: str | None) -> None:
    report = a_report(session, town, "in_progress")
    with pytest.raises(NotAllowed, match="needs a reason"):
        change_status(session, report, status, by=OFFICER, house=town.house, notes=notes)

    assert report.status == "in_progress"
    assert owed(session, report) == []


@pytest.mark.parametrize("status", ["", "selesai", "RECEIVED", "open", "the status before"])
def test_a_status_that_is_none_is_refused(town: Town, session: Session, status: str) -> None:
    report = a_report(session, town, "needs_info", "assigned")
    with pytest.raises(NotAllowed, match="there is no status"):
        change_status(session, report, status, by=OFFICER, house=town.house)


def test_an_agency_that_nobody_knows_is_refused(town: Town, session: Session) -> None:
    report = a_report(session, town, "received")
    with pytest.raises(NotAllowed, match="there is no agency"):
        change_status(session, report, "assigned", by=OFFICER, house=town.house, agency_id="dinas_sihir")
    assert report.agency_id == "dbm"


def test_nobody_cannot_be_handed_a_report(town: Town, session: Session) -> None:
    report = a_report(session, town, "received")
    report.agency_id = None
    with pytest.raises(NotAllowed, match="assigned needs an agency"):
        change_status(session, report, "assigned", by=OFFICER, house=town.house)


def test_a_hand_over_is_owed_to_the_new_agency(town: Town, session: Session) -> None:
    report = a_report(session, town, "assigned")
    change_status(session, report, "assigned", by=OFFICER, house=town.house, agency_id="dlh")
    hand_over, told = owed(session, report)

    assert (hand_over.agency_id, hand_over.queue, hand_over.channel) == ("dlh", "deliver-dlh", "desk")
    assert "Dinas Lingkungan Hidup" in told.text


def test_the_reason_reaches_the_citizen_and_the_history_word_for_word(town: Town, session: Session) -> None:
    report = a_report(session, town, "in_progress")
    reason = "Lampu {baru} dipasang, kabel 100% diganti"
    change_status(session, report, "resolved", by=OFFICER, house=town.house, notes=f"  {reason}\n")

    assert lines(session, report)[-1].notes == reason
    assert reason in owed(session, report)[-1].text


def test_a_silent_move_says_nothing_but_is_written_down(town: Town, session: Session) -> None:
    report = a_report(session, town, "received")
    change_status(session, report, "needs_info", by=ROUTER, house=town.house, silent=True)

    assert owed(session, report) == []
    assert [line.seq for line in lines(session, report)] == [1, 2]


def test_resolved_is_open_until_the_reporter_says_yes() -> None:
    assert {status for status in ALL if not is_open(status)} == {"closed", "rejected", "duplicate"}


def test_a_move_made_by_another_session_in_between_is_seen(town: Town, session: Session) -> None:
    """The row is read again under its lock: what a stale page shows counts for nothing."""
    report = a_report(session, town, "assigned")
    session.connection().exec_driver_sql(f"UPDATE reports SET status = 'rejected' WHERE id = {report.id}")
    with pytest.raises(NotAllowed, match="that is rejected cannot become resolved"):
        change_status(session, report, "resolved", by=OFFICER, house=town.house, notes="selesai")
