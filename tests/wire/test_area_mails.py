"""An area's news by mail: asked back, told each morning, ended with one press; over real HTTP and SMTP."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtpd.controller
import pytest
from town import free_port

from normalizer.schema import Receipt
from router.clock import tick
from router.forget import forget_all, forget_listed
from router.forgotten import LIST
from router.outbox import deliver_due, open_connections
from router.receipts import take_receipt
from store.models import Delivery, Subscription
from store.work import is_any_due
from tests.unit.houses import Town
from tests.wire.desk_rooms import add_report, move
from tests.wire.test_web_channel import Room, room_in

AREA, OTHER, KECAMATAN = "31.74.01.1003", "31.74.01.1001", "31.74.01"
MAILBOX = "warga@contoh.example"
MORNING = datetime(2026, 11, 5, 23, 0, tzinfo=UTC)  # 06.00 in Jakarta, when the quiet hours end


@dataclass
class Relay:
    """SMTP_RELAY: keeps what it takes; a mailbox in `gone` does not exist."""

    mails: list[EmailMessage] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.gone:
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 2.0.0 Taken"


@dataclass
class Street:
    """A served house, its relay, and what a reader of the mails does."""

    room: Room
    relay: Relay

    @property
    def town(self) -> Town:
        return Town(house=self.room.house, clock=self.room.house.now)  # type: ignore[arg-type]

    def rows(self) -> list[Subscription]:
        return self.town.rows(Subscription)

    def ask(self, mailbox: str = MAILBOX, area: str = AREA, query: str = "", **heads: str) -> Any:
        return self.room.http.post(f"/area/{area}/follow{query}", data={"mailbox": mailbox}, headers=heads)

    def send(self) -> list[EmailMessage]:
        """Send all that is due; the mails that went."""
        before = len(self.relay.mails)

        async def all_due() -> None:
            async with open_connections(self.room.house.settings) as connections:
                while await deliver_due(self.room.house, connections, channel="email"):
                    pass

        with self.room.house.store.read() as session:
            is_due = is_any_due(session, self.room.house.now(), "email")
        if is_due:
            asyncio.run(all_due())
        return self.relay.mails[before:]

    def follow(self, mailbox: str = MAILBOX, area: str = AREA) -> None:
        self.ask(mailbox, area)
        (mail,) = self.send()
        assert self.room.http.post(link_in(mail)).status_code == 200

    def wake_at(self, at: datetime) -> list[EmailMessage]:
        """The clock shows it, and does what is due; the mails that went."""
        self.room.house.now.at = at  # type: ignore[attr-defined]
        while tick(self.room.house):
            pass
        return self.send()


def words(mail: EmailMessage) -> str:
    return str(mail.get_content())


def link_in(mail: EmailMessage) -> str:
    (found,) = re.findall(r"/follow/\S+", words(mail))
    return str(found)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    relay = Relay()
    controller = aiosmtpd.controller.Controller(relay, hostname="127.0.0.1", port=free_port())
    controller.start()
    with room_in(
        tmp_path, smtp_relay=f"smtp://127.0.0.1:{controller.port}", email_address="lapor@kota.example"
    ) as room:
        yield Street(room=room, relay=relay)
    controller.stop()


def test_a_mailbox_is_on_the_list_once_its_owner_pressed_and_not_when_a_program_looked(street: Street) -> None:
    assert 'name="mailbox"' in street.room.http.get(f"/area/{AREA}").text
    assert street.ask().status_code == 200
    (mail,) = street.send()
    assert (mail["To"], mail["List-Unsubscribe"]) == (MAILBOX, None)

    page = street.room.http.get(link_in(mail))
    assert street.room.house.pack.areas[AREA].name in page.text
    assert "<button" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert street.rows()[0].confirmed_at is None

    assert "terdaftar" in street.room.http.post(link_in(mail)).text
    (row,) = street.rows()
    assert row.confirmed_at is not None
    assert MAILBOX.encode() not in row.sealed
    street.room.http.post(link_in(mail))
    assert street.rows()[0].next_at == row.next_at == MORNING


def test_each_morning_brings_one_mail_of_what_is_new_and_solved_and_none_without_news(street: Street) -> None:
    street.follow()
    street.follow(area=OTHER)
    street.follow("lain@contoh.example", KECAMATAN)
    new, solved, far = (
        add_report(street.room.house),
        add_report(street.room.house),
        add_report(street.room.house, area_code="31.71.01.1001"),
    )
    move(street.room.house, solved, "accepted", "in_progress", "resolved")
    assert street.wake_at(MORNING - timedelta(hours=1)) == []

    mails = street.wake_at(MORNING + timedelta(minutes=1))
    assert sorted(str(mail["To"]) for mail in mails) == ["lain@contoh.example", MAILBOX]
    for mail in mails:
        said = words(mail)
        news, _, ends = said.partition("Selesai dikerjakan (1):")
        assert f"/r/{new}" in news
        assert f"/r/{solved}" in news
        assert "Laporan baru (2):" in news
        assert f"/r/{solved}" in ends
        assert f"/r/{new}" not in ends
        assert far not in said
        assert "0812" not in said
        assert "Manggarai Utara" not in said
    assert street.wake_at(MORNING + timedelta(hours=3)) == []
    assert street.wake_at(MORNING + timedelta(days=1, minutes=1)) == []

    move(street.room.house, new, "accepted")
    move(street.room.house, new, "resolved")
    mails = street.wake_at(MORNING + timedelta(days=2, minutes=1))
    assert len(mails) == 2
    assert all("Selesai dikerjakan (1):" in words(mail) and "Laporan baru" not in words(mail) for mail in mails)


def test_what_the_public_does_not_see_stands_in_no_mail_and_what_it_sees_later_comes_later(street: Street) -> None:
    street.follow()
    hidden = add_report(street.room.house, service_code="kekerasan")
    early = MORNING - timedelta(hours=1)
    late = add_report(street.room.house, service_code="kriminal", requested_at=early, updated_at=early)
    shown = add_report(street.room.house)
    (mail,) = street.wake_at(MORNING + timedelta(minutes=1))
    assert shown in words(mail)
    assert hidden not in words(mail)
    assert late not in words(mail)
    (mail,) = street.wake_at(MORNING + timedelta(days=1, minutes=1))
    assert late in words(mail)
    assert hidden not in words(mail)
    assert shown not in words(mail)


def test_a_server_that_was_down_in_the_morning_writes_by_day_and_never_at_night(street: Street) -> None:
    street.follow()
    add_report(street.room.house)
    assert street.wake_at(MORNING + timedelta(hours=16)) == []  # 22.00
    assert len(street.wake_at(MORNING + timedelta(days=1, minutes=1))) == 1


def test_a_restart_between_the_round_and_the_sending_doubles_nothing(street: Street) -> None:
    street.follow()
    add_report(street.room.house)
    street.room.house.now.at = MORNING + timedelta(minutes=1)  # type: ignore[attr-defined]
    tick(street.room.house)
    again = Street(
        room=Room(house=street.town.again().house, journal=street.room.journal, http=street.room.http),
        relay=street.relay,
    )
    assert len(again.wake_at(MORNING + timedelta(minutes=2))) == 1
    assert street.wake_at(MORNING + timedelta(minutes=3)) == []


def test_one_press_in_the_mail_program_ends_it_and_nothing_of_the_address_stays(street: Street) -> None:
    street.follow()
    street.follow(area=OTHER)
    add_report(street.room.house)
    (mail,) = street.wake_at(MORNING + timedelta(minutes=1))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = mail["List-Unsubscribe"].strip("<>")
    assert address.endswith(link_in(mail))

    page = street.room.http.get(link_in(mail))
    assert "<button" in page.text
    assert len(street.rows()) == 2
    for _ in range(2):
        answer = street.room.http.post(link_in(mail), data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "dihapus" in answer.text
    assert street.rows() == []
    assert [row for row in street.town.rows(Delivery) if row.subscription_id] == []
    assert street.room.http.get(link_in(mail)).status_code == 404


def test_the_answer_is_the_same_whoever_is_on_the_list_and_who_is_gets_no_second_question(street: Street) -> None:
    first = street.ask()
    street.room.http.post(link_in(street.send()[0]))
    second = street.ask()
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert street.send() == []


def test_a_mailbox_is_asked_three_times_at_most_and_a_client_may_ask_ten_times(street: Street) -> None:
    for area in (AREA, OTHER, KECAMATAN, "31.74"):
        street.ask(area=area, **{"X-Forwarded-For": "198.51.100.7"})
    assert len(street.send()) == 3
    codes = [
        street.ask(f"w{n}@contoh.example", **{"X-Forwarded-For": "198.51.100.8"}).status_code for n in range(11)
    ]
    assert codes == [200] * 10 + [429]


@pytest.mark.parametrize(
    "mailbox",
    ["", "warga", "a@b", "warga@contoh.example\r\nBcc: x@y.example", "lapor@kota.example", "a b@c.example"],
)
def test_what_is_no_mailbox_of_somebody_elses_is_refused(street: Street, mailbox: str) -> None:
    assert street.ask(mailbox).status_code == 400
    assert street.rows() == []


def test_who_does_not_confirm_within_two_days_is_erased_and_their_link_does_nothing(street: Street) -> None:
    street.ask()
    (mail,) = street.send()
    street.wake_at(street.room.house.now() + timedelta(hours=48, minutes=1))
    assert street.rows() == []
    assert street.room.http.post(link_in(mail)).status_code == 404


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"), lambda t: "9" + t, lambda t: t[:9]]
)
def test_a_link_that_is_not_ours_opens_nothing(street: Street, change: Any) -> None:
    street.ask()
    (mail,) = street.send()
    forged = "/follow/" + change(link_in(mail).removeprefix("/follow/"))
    assert street.room.http.get(forged).status_code == street.room.http.post(forged).status_code == 404
    assert street.rows()[0].confirmed_at is None


def test_an_operator_forgets_a_subscriber_who_never_reported_and_a_restore_heeds_it(street: Street) -> None:
    street.follow()
    with street.room.house.store.read() as session:
        kept = {name: getattr(street.rows()[0], name) for name in Subscription.__table__.columns.keys()}  # noqa: SIM118
        assert session is not None
    assert forget_all(f"email:{MAILBOX}", street.room.house).subscriptions == 1
    assert street.rows() == []
    with street.room.house.store.write() as session:  # as an older copy of the database has it
        session.add(Subscription(**kept))
    gone, _ = forget_listed(street.room.house.settings.data_dir / LIST, street.room.house)
    assert (gone.subscriptions, street.rows()) == (1, [])


def test_a_mailbox_that_does_not_exist_is_erased_whether_said_at_once_or_by_a_bounce(street: Street) -> None:
    street.relay.gone.add(MAILBOX)
    street.ask()
    street.send()
    street.wake_at(street.room.house.now() + timedelta(seconds=1))
    assert street.rows() == []

    street.ask("lain@contoh.example")
    (mail,) = street.send()
    bounced = Receipt(
        channel="email",
        account="lapor@kota.example",
        external_id="bounce",
        provider_id=str(mail["Message-ID"]),
        state="bounced",
        reason="5.1.1",
        of_address=True,
    )
    take_receipt(street.room.house, bounced)
    street.wake_at(street.room.house.now() + timedelta(seconds=1))
    assert street.rows() == []


def test_a_reader_of_english_gets_english(street: Street) -> None:
    street.ask(query="?lang=en")
    (mail,) = street.send()
    assert "Please confirm" in mail["Subject"]
    assert "Yes, keep me posted" in street.room.http.get(link_in(mail)).text
