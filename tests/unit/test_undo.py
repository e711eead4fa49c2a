"""Undo at the desk: what a move owes waits, and who made it takes it back as if it never was, but for the history."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from normalizer.schema import Attachment
from router.after_photos import read_after_photos, take_after_photos
from router.answers import answer_citizen
from router.corrections import correct_service
from router.forget import forget_all
from router.holding import current
from router.not_ours import not_ours
from router.operate import first_edited_row
from router.status import NotAllowed, change_status
from router.undo import undo, undoable
from store.desk import Undo
from store.models import Delivery, Holding, Photo, Report
from tests.unit.houses import OFFICER, WHOLE, Town, new_town
from tests.unit.test_joins import joined, two
from tests.unit.test_linking import BOT, SMS
from tests.unit.test_outbox import Provider, deliver
from tests.unit.test_pictures import saved, scene

ME, COLLEAGUE = 7, 8


def move(town: Town, status: str, *, me: int = ME, number: int = -1, **words: Any) -> None:
    """A move at the desk."""
    chosen = town.reports()[number].id
    with town.house.store.write() as session:
        report = session.get_one(Report, chosen)
        with undoable(session, report, officer_id=me, house=town.house):
            change_status(session, report, status, by=OFFICER, house=town.house, **words)


def take_back(town: Town, *, me: int = ME, number: int = -1) -> None:
    chosen = town.reports()[number].id
    with town.house.store.write() as session:
        undo(session, session.get_one(Report, chosen), officer_id=me, by=OFFICER, house=town.house)


async def send_all(town: Town) -> None:
    while await deliver(town, Provider()):
        pass


def stand(town: Town) -> list[Any]:
    """Everything that reports and holdings say, but for when they changed."""
    rows = [*town.reports(), *town.rows(Holding)]
    names = [[column.key for column in inspect(type(row)).columns] for row in rows]
    return [
        {name: getattr(row, name) for name in columns if name != "updated_at"}
        for row, columns in zip(rows, names, strict=True)
    ]


async def test_what_a_move_owes_waits_twenty_seconds_and_then_goes(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    provider = Provider()
    await deliver(town, provider)
    move(town, "accepted", notes="Regu berangkat")
    town.clock.on(seconds=19)
    assert await deliver(town, provider) == 0
    town.clock.on(seconds=1)

    assert await deliver(town, provider) == 1
    assert "Regu berangkat" in provider.sent[-1].text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("accepted", {}),
        ("in_progress", {}),
        ("resolved", {"notes": "Sudah diganti"}),
        ("rejected", {"notes": "Bukan lampu kota"}),
        ("needs_info", {"notes": "Tiang nomor berapa?"}),
        ("assigned", {"agency_id": "dlh"}),
    ],
)
async def test_undo_leaves_everything_as_it_was_and_two_lines_of_history(
    town: Town, status: str, words: dict[str, str]
) -> None:
    town.tell(WHOLE, **SMS)
    town.move("accepted")
    if status == "accepted":
        move(town, "in_progress")
        town.clock.on(minutes=3)
        town.move("resolved", notes="x")
        town.move("reopened", by=OFFICER)
    await send_all(town)
    town.clock.on(hours=30)
    before, history = stand(town), town.history()
    move(town, status, **words)
    town.clock.on(seconds=19)
    take_back(town)

    assert stand(town) == before
    assert town.history() == [*history, status, town.report().status]
    assert first_edited_row(town.house) is None
    provider = Provider()
    town.clock.on(days=1)
    assert await deliver(town, provider) == 0
    assert [row.last_error for row in town.rows(Delivery, state="withdrawn")] == [
        "undone at the desk before it went"
    ]
    move(town, status, **words)  # and it may be made again
    assert first_edited_row(town.house) is None


def test_not_ours_is_undone_by_who_has_the_report_no_more(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    before = stand(town)
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        with undoable(session, report, officer_id=ME, house=town.house):
            not_ours(session, report, by=OFFICER, house=town.house)
    assert town.report().agency_id != "dbm"
    take_back(town)

    assert stand(town) == before


async def test_reporters_of_joined_reports_hear_nothing_either(town: Town) -> None:
    lead, other = two(town)
    joined(town, other, lead)
    await send_all(town)
    number = [report.code for report in town.reports()].index(lead)
    move(town, "accepted", number=number)
    assert len(town.rows(Delivery, state="waiting")) == 2
    take_back(town, number=number)

    assert len(town.rows(Delivery, state="withdrawn")) == 2


def test_photos_that_a_move_brought_go_with_it(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    files = [Attachment(content=saved(scene(5)), content_type="image/jpeg", name="sesudah.jpg")]
    brought = read_after_photos(town.house, town.report(), files)
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        with undoable(session, report, officer_id=ME, house=town.house):
            holding = current(session, report)
            change_status(session, report, "resolved", by=OFFICER, house=town.house, notes="Diganti")
            take_after_photos(session, report, holding, brought, town.house)
    (photo,) = town.rows(Photo)
    take_back(town)

    assert town.rows(Photo) == []
    with pytest.raises(KeyError):
        town.house.store.media.get(photo.media_key)


async def test_undo_is_refused_when_it_is_late_not_theirs_or_something_happened_since(town: Town) -> None:
    town.tell(WHOLE, **SMS)

    def refused(**who: int) -> bool:
        with pytest.raises(NotAllowed):
            take_back(town, **who)
        return True

    assert refused()  # nothing was moved at the desk
    move(town, "accepted")
    assert refused(me=COLLEAGUE)
    town.clock.on(seconds=20)
    assert refused()
    move(town, "in_progress")
    town.move("scheduled")
    assert refused()
    assert town.report().status == "scheduled"
    move(town, "in_progress")
    with town.house.store.write() as session:
        for row in session.query(Delivery).filter_by(state="waiting"):
            row.attempts, row.state = 1, "sending"
    assert refused()
    assert town.report().status == "in_progress"


def test_an_answer_goes_at_once_and_what_waited_goes_ahead_of_it(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    move(town, "accepted")
    with town.house.store.write() as session:
        answer_citizen(session, session.get_one(Report, 1), "Besok pagi.", by=OFFICER, house=town.house)

    rows = [row for row in town.rows(Delivery) if row.address_id]
    assert [row.next_attempt_at <= town.clock.at for row in rows] == [True] * 3
    with pytest.raises(NotAllowed):
        take_back(town)


def test_who_is_forgotten_meanwhile_is_not_brought_back(town: Town) -> None:
    town.tell(WHOLE, **BOT)
    move(town, "accepted")
    forget_all("telegram:" + BOT["sender"], town.house)
    take_back(town)

    assert town.report().status == "assigned"
    assert town.report().description == ""
    assert [row for row in town.rows(Delivery) if row.address_id] == []


def test_without_seconds_nothing_waits_and_nothing_can_be_undone(tmp_path: Path) -> None:
    town = new_town(tmp_path, undo_seconds=0)
    town.tell(WHOLE, **SMS)
    move(town, "accepted")

    assert all(row.next_attempt_at <= town.clock.at for row in town.rows(Delivery))
    with town.house.store.read() as session:
        assert session.query(Undo).count() == 0
    with pytest.raises(NotAllowed):
        take_back(town)


@pytest.mark.parametrize("words", [WHOLE, "Tolong ditindak, di Jl. Tebet Raya 5"])
def test_a_corrected_service_is_as_it_was_and_what_came_meanwhile_stays(town: Town, words: str) -> None:
    town.tell(words, **SMS)
    before, service = stand(town), "sampah" if town.report().service_code != "sampah" else "jalan_rusak"
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        with undoable(session, report, officer_id=ME, house=town.house):
            correct_service(session, report, service, by=OFFICER, house=town.house)
    assert town.report().service_code == service
    assert stand(town) != before
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        report.sources = {**report.sources, "photo": {"source": "exif"}}
    take_back(town)

    assert town.report().sources.pop("photo") == {"source": "exif"}
    with town.house.store.write() as session:
        report = session.get_one(Report, 1)
        report.sources = {name: said for name, said in report.sources.items() if name != "photo"}
    assert stand(town) == before
    assert first_edited_row(town.house) is None
