"""What is kept too long goes by itself: who and what is due, what stays, and a log that names nobody."""

import pytest
from sqlalchemy import select
from town import jpeg

from normalizer.schema import Attachment
from router import retention
from router.clock import Seen, tick
from router.operate import first_edited_row
from store.models import Address, Delivery, Message, Photo, Report, Reporter
from store.officials import DeskSession, Officer
from store.rounds import RetentionRound
from tests.unit.houses import Town, another
from tests.unit.test_forget import everything

SITI = {"channel": "email", "account": "lapor@localhost", "sender": "siti.rahasiawati@example.org"}
WORDS = "Ibu Rahasiawati, telepon 081234567890"


def speak(town: Town, number: int = 0, **who: object) -> None:
    (key,) = town.house.store.media.put_many([f"From: {who} {WORDS} {number}".encode()])
    said = {
        **SITI,
        "attachments": (Attachment(content=jpeg("red", side=40 + number), name="Rahasiawati.jpg"),),
        **who,
    }
    message = town.tell(f"{another(number)}. Hubungi {WORDS}", **said)
    with town.house.store.write() as session:
        row = session.scalars(select(Message).where(Message.external_id == message.external_id)).one()
        row.raw_key = key


def close(town: Town) -> None:
    town.move("resolved", notes="Diganti")
    town.tell("sudah beres, terima kasih", **SITI)
    assert town.reports()[-1].status == "closed"


def a_round(town: Town) -> dict[str, int]:
    """Let the clock go through a whole round; what it counted."""
    for _ in range(60):
        tick(town.house)
        town.clock.on(seconds=1)
        newest = town_rounds(town)[-1]
        if newest.ended_at is not None and newest.next_at > town.house.now():
            return newest.counts
    raise AssertionError("the round does not end")


def town_rounds(town: Town) -> list[RetentionRound]:
    with town.house.store.read() as session:
        return list(session.scalars(select(RetentionRound).order_by(RetentionRound.number)))


def show_photo(town: Town) -> None:
    with town.house.store.write() as session:
        (photo,) = session.scalars(select(Photo))
        photo.public_key, photo.public_state = town.house.store.media.put(b"blurred"), "shown"
        photo.lat, photo.long, photo.software = -6.2, 106.8, "Kamera Rahasiawati"


def test_a_year_after_the_last_report_was_closed_its_reporter_is_nobody(town: Town) -> None:
    speak(town)
    show_photo(town)
    close(town)
    town.clock.on(days=364)
    assert a_round(town)["person"] == 0
    town.clock.on(days=2)

    assert a_round(town)["person"] == 1
    left = everything(town)
    for trace in (b"ahasiawati", b"081234567890", jpeg("red", side=40)):
        assert trace not in left
    assert [row.channel for row in town.rows(Address)] == ["none"]
    assert len(town.rows(Reporter)) == 1
    assert town.rows(Delivery, channel="email") == []
    assert first_edited_row(town.house) is None
    assert town.history()[-1] == "redacted"


def test_of_a_report_stay_its_facts_and_the_blurred_photo(town: Town) -> None:
    speak(town)
    show_photo(town)
    close(town)
    before = town.report()
    town.clock.on(days=366)
    a_round(town)
    after, (photo,) = town.report(), town.rows(Photo)

    assert after.description == after.public_description == ""
    assert (after.status, after.code, after.stars) == ("closed", before.code, before.stars)
    assert (photo.media_key, photo.copy_key, photo.lat, photo.software, photo.name) == (None, None, None, None, "")
    assert town.house.store.media.get(photo.public_key) == b"blurred"


@pytest.mark.parametrize("why", ["open", "spoke", "closed lately"])
def test_who_is_still_in_touch_stays(town: Town, why: str) -> None:
    speak(town)
    if why == "closed lately":
        town.clock.on(days=300)
    if why != "open":
        close(town)
    if why == "spoke":
        town.clock.on(days=300)
        town.tell("laporan saya", **SITI)
    town.clock.on(days=100)

    assert a_round(town)["person"] == 0
    assert "Rahasiawati" in town.reports()[0].description


def test_who_never_had_a_report_is_forgotten_like_anybody(town: Town) -> None:
    town.tell("halo", **SITI)
    town.clock.on(days=366)

    assert a_round(town)["person"] == 1
    assert town.rows(Address, channel="email") == []


def test_raw_messages_go_after_90_days_and_the_words_stay(town: Town) -> None:
    speak(town)
    (row,) = town.rows(Message, kind="report")
    town.clock.on(days=89)
    assert a_round(town)["raw"] == 0
    town.clock.on(days=2)

    assert a_round(town)["raw"] == 1
    with pytest.raises(KeyError):
        town.house.store.media.get(row.raw_key)
    assert "Rahasiawati" in town.rows(Message, kind="report")[0].text


def test_originals_go_as_the_pack_says_and_the_working_copy_stays(town: Town) -> None:
    speak(town)
    (before,) = town.rows(Photo)
    town.clock.on(days=366)

    assert a_round(town)["originals"] == 1
    (after,) = town.rows(Photo)
    assert after.media_key is None
    assert town.house.store.media.get(after.copy_key)
    with pytest.raises(KeyError):
        town.house.store.media.get(before.media_key)


def test_bounces_that_belong_to_nobody_lose_their_words(town: Town) -> None:
    town.tell("Undelivered: <x@example.org>", channel="email", sender="mailer-daemon@x", auto="bounce")
    with town.house.store.write() as session:
        session.scalars(select(Message)).one().address_id = None
    town.clock.on(days=366)

    assert a_round(town)["unclaimed"] == 1
    assert [row.text for row in town.rows(Message)] == [""]


def test_log_ins_that_ran_out_go(town: Town) -> None:
    town.tell("halo", **SITI)
    with town.house.store.write() as session:
        officer = Officer(name="sri", role="triage", created_at=town.house.now())
        session.add(officer)
        session.flush()
        old = DeskSession(id="a", officer_id=officer.id, csrf_token="x", expires_at=town.house.now())
        session.add(old)
    town.clock.on(days=1)

    assert a_round(town)["log_ins"] == 1


def test_many_go_in_small_steps_and_a_round_goes_on_where_it_was_stopped(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for number in range(5):
        speak(town, number, sender=f"warga{number}@example.org")
        close_as(town, f"warga{number}@example.org")
    town.clock.on(days=366)
    tick(town.house)
    newest = town_rounds(town)[-1]
    assert newest.ended_at is None
    tick(town.house)
    assert town_rounds(town)[-1].counts["person"] == 2  # between two steps is a pause

    assert a_round(town.again())["person"] == 5
    assert [row.ended_at is not None for row in town_rounds(town)].count(False) == 0
    assert {row.reporter_id for row in town.reports()} == {town.rows(Reporter)[0].id}


def close_as(town: Town, mailbox: str) -> None:
    town.move("resolved", notes="Diganti")
    town.tell("sudah beres, terima kasih", **{**SITI, "sender": mailbox})


def test_while_the_media_are_away_it_waits_and_nothing_is_half_done(town: Town) -> None:
    speak(town)
    close(town)
    town.clock.on(days=366)
    folder = town.house.settings.data_dir / "media"
    folder.rename(folder.with_name("away"))
    folder.write_bytes(b"")  # whoever looks for a file below hears ENOTDIR
    tick(town.house)
    assert "Rahasiawati" in town.report().description

    folder.unlink()
    folder.with_name("away").rename(folder)
    tick(town.house)
    assert "Rahasiawati" in town.report().description  # not before the pause is over
    town.clock.on(minutes=11)
    assert a_round(town)["person"] == 1


def test_a_day_with_nothing_to_do_is_in_the_log_too_and_the_log_names_nobody(town: Town) -> None:
    town.tell("halo", **SITI)
    for _ in range(2):
        assert a_round(town) == {"person": 0, "raw": 0, "originals": 0, "unclaimed": 0, "log_ins": 0}
        town.clock.on(days=1)
    assert [each.number for each in town_rounds(town)] == [1, 2]
    assert not {column.name for column in RetentionRound.__table__.columns} - {
        *("number", "began_at", "ended_at", "next_at", "kind", "after", "counts"),
    }
    assert town.rows(Report) == []


def test_a_clock_that_ran_ahead_deletes_nothing_for_a_day(town: Town) -> None:
    speak(town)
    close(town)
    a_round(town)
    town.clock.on(days=3650)
    tick(town.house)
    newest = town_rounds(town)[-1]
    assert newest.ended_at is not None
    assert newest.counts == {}
    town.clock.on(days=-3650)
    tick(town.house)
    with town.house.store.read() as session:
        assert {each.text for each in session.query(Message)} != {""}
    tick(town.house, Seen())  # the clock was put right: the next round is not ten years away
    assert town_rounds(town)[-1].number > newest.number
    assert a_round(town)["person"] == 0
    town.clock.on(days=366)
    tick(town.house)
    town.clock.on(days=1)
    assert a_round(town)["person"] == 1
