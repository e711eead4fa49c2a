"""Who asks to be forgotten is: no word, number or picture of theirs stays in the database or the media."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select
from town import jpeg

from normalizer.schema import Attachment, PermanentFailure, Position
from router.clock import tick
from router.forget import forget_all
from router.intake import take_message
from router.joins import join
from router.operate import first_edited_row
from router.photos import fetch_owed
from router.status import change_status
from store.models import Address, Delivery, Message, Photo, Report, Reporter, StatusUpdate
from tests.unit.houses import CITIZEN, OFFICER, WHOLE, Town
from tests.unit.test_linking import BOT, MAIL, SMS, link, said_to
from tests.unit.test_outbox import Provider, deliver

PIN = Position(lat=-6.20881, long=106.84562)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def ask(town: Town, **who: str) -> str:
    town.tell("hapus data saya", **who)
    found = re.search(r"HAPUS (\d{4})", said_to(town, who["channel"])[-1])
    assert found
    return found[1]


def forget(town: Town, **who: str) -> None:
    town.tell(f"HAPUS {ask(town, **who)}", **who)


def raw(town: Town, message: str, beside: str) -> tuple[str, str]:
    first, second = town.house.store.media.put_many([message.encode(), beside.encode()])
    return first, second


def everything(town: Town) -> bytes:
    """All bytes of the database and the media."""
    town.house.store.engine.dispose()
    data = town.house.settings.data_dir
    files = [*data.glob("reports.db*"), *(path for path in (data / "media").rglob("*") if path.is_file())]
    return b"".join(path.read_bytes() for path in files)


async def test_first_it_is_asked_then_all_goes_and_the_last_word_arrives(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)
    code = ask(town, **BOT)
    assert "kelurahan" in said_to(town, "telegram")[-1]
    town.tell("HAPUS 12", **BOT)
    assert len(town.rows(Reporter)) == 1
    while await deliver(town, provider):
        pass

    town.tell(f"hapus {code}", **BOT)
    tick(town.house)
    assert len(town.rows(Address, channel="telegram")) == 1  # not told yet
    while await deliver(town, provider):
        pass
    assert provider.sent[-1].text.startswith("Data Anda sudah dihapus.")
    assert "14 hari" in provider.sent[-1].text
    tick(town.house)
    assert town.rows(Address, channel="telegram") == []
    assert [row.channel for row in town.rows(Delivery)] == ["desk"]


async def test_an_address_that_cannot_be_told_goes_all_the_same(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)
    forget(town, **BOT)
    provider.answers = [PermanentFailure("Telegram said 403: blocked", of_address=True)]
    await deliver(town, provider)
    tick(town.house)

    assert town.rows(Address, channel="telegram") == []


@pytest.mark.parametrize("minutes", [0, 16])
def test_a_wrong_or_old_word_deletes_nothing(town: Town, minutes: int) -> None:
    town.tell(WHOLE, **SMS)
    code = ask(town, **SMS)
    town.clock.on(minutes=minutes)
    town.tell(f"hapus {code if minutes else (int(code) + 1) % 10**4:04}", **SMS)

    assert "tidak ada yang dihapus" in said_to(town, "sms")[-1]
    assert town.report().description == WHOLE


def test_anybody_elses_word_deletes_nothing(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell(f"hapus {ask(town, **SMS)}", **BOT)
    town.tell(f"hapus {ask(town, **SMS)}", **{**MAIL, "sender": "x@example.org"}, proven=False)

    assert town.report().description == WHOLE


def test_a_report_stays_as_bare_facts_and_its_history_verifies(town: Town) -> None:
    town.tell(WHOLE, **BOT, position=PIN)
    town.move("resolved", notes="Diganti")
    town.tell("belum, masih gelap di depan rumah Siti", **BOT)
    before = town.report()
    forget(town, **BOT)
    report = town.report()
    area = town.house.pack.areas[report.area_code or ""]

    for name in ("code", "service_code", "area_code", "agency_id", "status", "requested_at", "channel"):
        assert getattr(report, name) == getattr(before, name)
    assert (report.description, report.public_description, report.address_string) == ("", "", None)
    assert (report.lat, report.long) == (area.lat, area.long)
    assert report.sources == {}
    with town.house.store.read() as session:
        assert session.get_one(Address, report.address_id).channel == "none"
    assert [(line.status, line.notes) for line in town.rows(StatusUpdate)][2:] == [
        ("resolved", "Diganti"),
        ("reopened", None),
        ("redacted", None),
    ]
    assert first_edited_row(town.house) is None
    town.move("in_progress")
    assert first_edited_row(town.house) is None
    assert said_to(town, "telegram")[1:] == []


def test_what_no_agency_has_yet_is_closed(town: Town) -> None:
    town.tell("tolong ada masalah di jalan depan rumah kami pak", **SMS, position=PIN)
    town.wait_quietly()
    forget(town, **SMS)
    town.clock.on(days=4)
    tick(town.house)

    assert {report.status for report in town.reports()} <= {"closed", "assigned"}
    assert first_edited_row(town.house) is None


def test_all_linked_channels_are_forgotten_together(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    link(town)
    forget(town, **BOT)

    assert [row.channel for row in town.rows(Address)] == ["telegram", "none"]


def test_reports_of_several_people_say_nothing_of_whose_they_were(town: Town) -> None:
    for number in range(3):
        who = {"channel": "sms", "sender": f"+62811{number}"}
        town.tell(WHOLE, **who)
        forget(town, **who)

    assert len({report.reporter_id for report in town.reports()}) == 1


def test_no_byte_of_them_is_left_in_database_and_media(town: Town) -> None:
    photo = jpeg("orange")
    mine, beside = raw(town, "From: Siti RAHASIA +6281234", "From: Budi PUNYABUDI")
    house = town.house
    for number in range(30):
        words = f"{WHOLE} nomor {number}, rumah Ibu RAHASIA telepon 081234567890"
        message = town.tell(words, channel="email", sender="siti.rahasia@example.org", subject="RAHASIA")
        again = replace(
            message, external_id=f"raw{number}", attachments=(Attachment(content=photo, name="RAHASIA.jpg"),)
        )
        take_message(house, again, mine, house.now())
    town.tell(f"{WHOLE} PUNYABUDI", sender="+62999")
    town.tell("Undelivered: <siti.rahasia@example.org>", channel="email", sender="mailer-daemon@x", auto="bounce")
    who = {"channel": "email", "sender": "siti.rahasia@example.org"}
    town.clock.on(hours=2)
    forget(town, **who)
    with house.store.write() as session:
        for row in session.scalars(select(Delivery).where(Delivery.address_id.is_not(None))):
            row.state = "sent"
    tick(house)

    left = everything(town)
    for trace in (b"RAHASIA", b"rahasia", b"081234567890", photo):
        assert trace not in left
    assert b"PUNYABUDI" in left
    assert house.store.media.get(beside) == b"From: Budi PUNYABUDI"
    assert set(house.store.media.get(mine)) == {0}


def test_a_photo_that_somebody_else_sent_too_stays_theirs(town: Town) -> None:
    same = (Attachment(content=jpeg("green")),)
    town.tell(WHOLE, **SMS, attachments=same)
    town.tell(WHOLE, **BOT, attachments=same)
    forget(town, **SMS)

    (photo,) = town.rows(Photo)
    assert town.house.store.media.get(photo.media_key)
    assert town.house.store.media.get(photo.copy_key)


async def test_a_photo_that_is_being_fetched_is_dropped(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT, attachments=(Attachment(ref="file"),))
    content = jpeg("red")

    class Slow(Provider):
        async def fetch(self, attachment: Attachment) -> bytes:
            forget(town, **BOT)
            return content

    await fetch_owed(town.house, Slow().connections)
    assert town.rows(Photo) == []
    assert content not in everything(town)


def test_a_message_that_comes_again_has_no_second_effect(town: Town) -> None:
    message = town.tell(WHOLE, **BOT, external_id="bot:77:1")
    forget(town, **BOT)
    take_message(town.house, message, "raw", town.house.now())

    assert town.report().description == ""
    assert all("bot:77" not in row.external_id for row in town.rows(Message, channel="telegram", kind="report"))


def test_who_writes_again_is_known_anew(town: Town) -> None:
    town.tell(WHOLE, **BOT)
    forget(town, **BOT)
    town.tell(WHOLE.replace("2", "9"), **BOT)
    tick(town.house)
    town.tell("laporan saya", **BOT)

    old, new = town.reports()
    assert new.code in said_to(town, "telegram")[-1]
    assert old.code not in said_to(town, "telegram")[-1]


def test_by_an_operator_at_once_by_address_or_code(town: Town) -> None:
    for who in (SMS, BOT, MAIL):
        town.tell(WHOLE, **who)
    codes = [report.code for report in town.reports()]
    gone = [forget_all(named, town.house) for named in ("sms:+6281234", codes[1].lower(), "SITI@example.org")]

    assert [(each.addresses, each.reports, each.messages, each.answers) for each in gone] == [(1, 1, 1, 1)] * 3
    assert [row.channel for row in town.rows(Address)] == ["none"]
    assert [line.by for line in town.rows(StatusUpdate)].count(CITIZEN.name) == 3
    for named in ("sms:+6281234", codes[0], "none:forgotten", "forgotten", ""):
        with pytest.raises(LookupError):
            forget_all(named, town.house)
    assert len(town.rows(Report)) == 3


def test_who_has_a_report_joined_to_one_that_nobody_works_on_yet_is_forgotten_with_both(town: Town) -> None:
    """That one stands alone again, and who made it would hear so."""
    town.tell(WHOLE, **SMS)
    town.tell("jalan berlubang besar di Jl. Manggarai Utara 2, Kelurahan Manggarai", **SMS)
    with town.house.store.write() as session:
        lead, other = session.scalars(select(Report).order_by(Report.id)).all()
        join(session, other, lead, by=OFFICER, house=town.house)
        change_status(session, lead, "needs_info", by=OFFICER, house=town.house, notes="Foto?")
    gone = forget_all("sms:+6281234", town.house)

    assert (gone.addresses, gone.reports) == (1, 2)
    assert [row.channel for row in town.rows(Address)] == ["none"]
    assert [row for row in town.rows(Delivery) if row.address_id] == []
    assert [report.status for report in town.reports()] == ["closed", "assigned"]
    assert first_edited_row(town.house) is None
