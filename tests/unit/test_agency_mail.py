"""An agency in its mailbox: who is believed, what the first word does, and what never moves a report."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_programs import PROGRAMS, answer
from sqlalchemy import update
from town import jpeg

from channels.email import compose, parse
from config.settings import Settings
from normalizer.schema import OutboundMessage, Receipt
from router.agency_mail import read_answer, take_agency_mail
from router.forget import forget_all
from router.intake import keep_parts, take_messages
from router.outbox import deliver_due
from router.passes import make_pass, read_pass
from router.reading import understand
from router.receipts import take_receipt
from router.status import Actor
from router.way_changes import add_way, remove_way
from router.worker import work_forever
from store.models import AgencyWay, Delivery, Message, Photo, Report, StatusUpdate
from tests.unit.houses import WHOLE, Town, new_town
from tests.unit.test_surge import beat, report_flood

MAILBOX, OURS, MX = "pju@dbm.example", "lapor@jakarta.example", "mx.jakarta.example"
TRIAGE = Actor(name="officer:ani")


class Mailbox:
    """A relay at the end of the wire that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[OutboundMessage] = []

    async def send(self, message: OutboundMessage) -> str:
        self.mails.append(message)
        return str(compose(message, Settings(_env_file=None, email_address=OURS))["Message-ID"])

    async def find(self, message: OutboundMessage) -> None:
        return None


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    each = new_town(tmp_path, email_address=OURS, trusted_authserv_id=MX)
    add_way(each.house, "dbm", "mail", MAILBOX)
    yield each
    each.house.store.engine.dispose()


async def mails(town: Town, box: Mailbox) -> list[OutboundMessage]:
    """All mails that went out so far."""
    while await deliver_due(town.house, {"email": box}, channel="email"):  # type: ignore[dict-item]
        pass
    return box.mails


def write(
    town: Town,
    text: str,
    *,
    to: str = OURS,
    sender: str = MAILBOX,
    subject: str = "Re: laporan",
    photos: tuple[bytes, ...] = (),
    head: str = "",
    number: str = "1",
) -> bool:
    """A mail comes in as its server kept it; whether it was taken for an agency's."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{number}@dbm.example>"]
    lines += [head] if head else []
    parts = [f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()]
    parts += [b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n" for photo in photos]
    lines += ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=x", "", ""]
    raw = "\r\n".join(lines).encode() + b"".join(b"--x\r\n" + part for part in parts) + b"--x--\r\n"
    meta = {"account": OURS, "mail_from": sender, "recipients": to, "authserv": MX, "external_id": f"mail{number}"}
    (message,) = parse(raw, meta)
    heard = keep_parts(town.house, understand(message, town.house.pack), "raw", town.house.now())  # type: ignore[arg-type]
    if not take_agency_mail(town.house, heard):
        take_messages(town.house, [heard])
        return False
    return True


PROVEN = f"Authentication-Results: {MX}; dmarc=pass header.from=dbm.example"


def reply_to(mail: OutboundMessage) -> str:
    return str(compose(mail, Settings(_env_file=None, email_address=OURS))["Reply-To"])


def answers(town: Town) -> list[str]:
    return [row.text for row in town.rows(Delivery, channel="email", subject="answer")]


async def test_a_handed_over_report_is_a_mail_with_photo_and_link_and_without_the_reporter(town: Town) -> None:
    picture = jpeg("gray", 300)
    told = town.tell(f"{WHOLE}. Nama saya Budi Santoso, 0812-3456-7890")
    with town.house.store.write() as session:
        key = town.house.store.media.put(picture)
        session.add(
            Photo(
                report_id=town.report().id, channel="sms", name="x", content_type="image/jpeg", state="kept",
                media_key=key, copy_key=key, created_at=town.house.now(),
            )
        )  # fmt: skip
    (mail,) = await mails(town, Mailbox())

    assert mail.to == MAILBOX
    assert mail.subject.startswith(f"[{town.report().code}] Laporan baru: ")
    assert [photo.content for photo in mail.photos] == [picture]
    assert re.search(r"https://lapor\.jakarta\.go\.id/a/\S+", mail.text)
    assert "SELESAI" in mail.text
    assert not re.search(r"0812|1234|Budi", mail.text.replace(town.report().code, ""))
    assert told.sender not in mail.text
    sent = compose(mail, town.house.settings)
    assert [part.get_content_type() for part in sent.iter_attachments()] == ["image/jpeg"]  # type: ignore[attr-defined]


async def test_a_mail_waits_for_photos_on_their_way_but_an_urgent_one_does_not(town: Town) -> None:
    box = Mailbox()
    town.tell(WHOLE)
    with town.house.store.write() as session:
        report = town.report()
        owed = {"report_id": report.id, "channel": "telegram", "content_type": "", "name": "", "state": "owed"}
        session.add(Photo(**owed, created_at=town.house.now(), next_attempt_at=town.house.now()))
    assert await mails(town, box) == []
    town.clock.on(minutes=3)
    assert len(await mails(town, box)) == 1

    town.move("accepted", by=TRIAGE)
    assert len(await mails(town, box)) == 1
    with town.house.store.write() as session:
        session.execute(update(Report).values(urgent=True))
        session.execute(update(Delivery).values(next_attempt_at=town.house.now()))
    assert "MENDESAK" in (await mails(town, box))[1].subject


async def test_an_answer_with_the_threads_token_moves_the_report_once(town: Town) -> None:
    box = Mailbox()
    town.tell(WHOLE)
    (mail,) = await mails(town, box)
    for _ in range(2):
        assert write(
            town, "SELESAI. Lampu diganti, kabel baru\n\n> Laporan baru", to=reply_to(mail), sender="a@b.c"
        )

    assert town.report().status == "resolved"
    assert [line.status for line in town.rows(StatusUpdate, by="agency:dbm")] == ["resolved"]
    assert "Lampu diganti, kabel baru" in town.answers()[-1]
    assert answers(town) == [f"Tercatat. Laporan {town.report().code} sekarang: Selesai, mohon konfirmasi."]
    assert len(town.rows(Message, kind="agency")) == 1
    sent = await mails(town, box)
    assert [each.in_reply_to for each in sent[1:]] == ["<1@dbm.example>"]


async def test_the_known_mailbox_is_believed_with_dmarc_and_refused_with_a_reason_without(town: Town) -> None:
    town.tell(WHOLE)
    about = f"Re: [{town.report().code}] Laporan baru"
    assert write(town, "PROSES", subject=about)
    assert town.report().status == "assigned"
    assert "DMARC" in answers(town)[0]
    assert write(town, "PROSES", subject=about, head=PROVEN, number="2")
    assert town.report().status == "in_progress"
    assert town.rows(Report)[0].reporter_id
    assert len(town.reports()) == 1


async def test_what_an_official_reports_as_a_citizen_from_that_mailbox_stays_a_report(town: Town) -> None:
    assert not write(town, WHOLE, subject="Lampu mati", head=PROVEN)
    assert len(town.reports()) == 1


async def test_somebody_elses_mail_with_the_code_moves_nothing(town: Town) -> None:
    town.tell(WHOLE)
    code = town.report().code
    assert not write(town, "SELESAI sudah beres", sender="iseng@example.org", subject=f"Re: [{code}]")
    assert not write(town, "SELESAI", to=f"lapor+{code.lower()}.1.aaaaaaaaaaaaaaaa@jakarta.example", number="2",
                     sender="iseng@example.org")  # fmt: skip
    assert town.report().status == "assigned"


async def test_an_automatic_answer_changes_nothing_and_is_not_answered(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    assert write(town, "Terima pesan Anda, saya cuti", to=reply_to(mail), head="Auto-Submitted: auto-replied")
    assert town.report().status == "assigned"
    assert answers(town) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Baik pak, kami cek dulu", "TERIMA: kami tangani"),
        ("Terima kasih atas laporannya", "TERIMA: kami tangani"),
        ("SELESAI", "tulis sesudah kata pertama"),
        ("TOLAK", "tulis sesudah kata pertama"),
        ("TOLAK " + "x" * 2001, "2000 huruf"),
    ],
)
async def test_what_cannot_be_taken_is_answered_with_why_not(town: Town, text: str, part: str) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    write(town, text, to=reply_to(mail))
    assert town.report().status == "assigned"
    assert part in answers(town)[0]


async def test_bukan_passes_the_report_on_and_the_old_thread_says_so_from_then_on(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    write(town, "Bukan wewenang kami: lampu taman", to=reply_to(mail))
    assert town.report().agency_id != "dbm"
    assert "diteruskan ke" in answers(town)[0]
    write(town, "PROSES", to=reply_to(mail), number="2")
    assert "tidak lagi pada" in answers(town)[1]
    assert town.report().status == "assigned"


async def test_photos_of_a_mail_are_after_photos_and_logos_are_not(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    write(town, "Selesai, lampu diganti", to=reply_to(mail), photos=(jpeg("green", 500), jpeg("red", 60)))
    (photo,) = town.rows(Photo)
    assert (photo.is_after, photo.width) == (True, 500)


async def test_a_program_at_the_other_end_does_not_keep_us_talking(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    for number in range(25):
        write(town, "tidak jelas", to=reply_to(mail), number=f"{number}")
    assert len(answers(town)) == 20


async def test_a_mail_that_comes_back_marks_the_way_as_failing(town: Town) -> None:
    town.tell(WHOLE)
    await mails(town, Mailbox())
    (row,) = town.rows(Delivery, channel="email")
    bounced = Receipt(
        channel="email", account=OURS, external_id="b", provider_id=row.provider_id, state="bounced",
        reason="bounced: 5.1.1", of_address=True,
    )  # fmt: skip
    take_receipt(town.house, bounced)
    (way,) = town.rows(AgencyWay)
    assert (way.last_error, way.paused_at) == ("bounced: 5.1.1", None)
    assert town.rows(Delivery, channel="email")[0].state == "failed"


async def test_after_its_way_was_removed_a_thread_is_silent(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    remove_way(town.house, 1)
    assert write(town, "SELESAI sudah", to=reply_to(mail))
    assert town.report().status == "assigned"
    assert (answers(town), len(town.reports())) == ([], 1)


async def test_who_is_forgotten_is_forgotten_in_the_agencys_answers_too(town: Town) -> None:
    town.tell(WHOLE)
    (mail,) = await mails(town, Mailbox())
    write(town, f"PROSES tim jalan\n\n> {WHOLE}", to=reply_to(mail))
    assert "Manggarai" in town.rows(Message, kind="agency")[0].text
    forget_all("sms:+6281234", town.house)
    (row,) = town.rows(Message, kind="agency")
    assert (row.text, row.subject, row.raw_key) == ("", "", None)


async def test_a_flood_is_one_mail_and_its_reports_none_each(tmp_path: Path) -> None:
    town, box = new_town(tmp_path, email_address=OURS), Mailbox()
    for agency in ("dsda", "bpbd"):
        add_way(town.house, agency, "mail", f"banjir@{agency}.example")
    report_flood(town, 30)
    beat(town, seconds=60)
    report_flood(town, 5, start=40)
    sent = await mails(town, box)
    groups = [mail for mail in sent if "Banyak laporan sekaligus" in mail.subject]
    assert groups
    assert groups[0].text.startswith("30 laporan banjir di Kecamatan Jatinegara")
    assert "https://lapor.jakarta.go.id/desk" in groups[0].text
    newest = {row.code for row in town.reports()[-5:] if row.surge_id and not row.urgent}
    assert newest
    assert not [mail for mail in sent if any(code in mail.subject for code in newest)]


def test_our_workers_refuse_an_agencys_queue(tmp_path: Path) -> None:
    town = new_town(tmp_path, redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(ValueError, match="agency-"):
        work_forever(town.house, town.house.settings, ["replies", "agency-dbm"])


def test_a_mailbox_is_one_agencys_and_never_our_own(town: Town) -> None:
    for agency, address in (("dbm", MAILBOX), ("dlh", MAILBOX.upper()), ("dlh", OURS), ("dlh", "lapor+x@jakarta.example"),
                            ("dlh", "tanpa"), ("dlh", "a@b c")):  # fmt: skip
        with pytest.raises(ValueError, match=r"already|our own|no mail address"):
            add_way(town.house, agency, "mail", address)
    with pytest.raises(LookupError):
        add_way(town.house, "nobody", "mail", "x@y.z")


async def test_their_own_press_is_no_mail_and_a_citizens_word_is(town: Town) -> None:
    box = Mailbox()
    town.tell(WHOLE)
    town.move("accepted", by=Actor(name="officer:sri", agency_id="dbm"))
    await mails(town, box)
    town.move("in_progress", by=Actor(name="officer:sri", agency_id="dbm"))
    assert len(await mails(town, box)) == 1
    town.clock.on(hours=1)
    town.tell(f"{town.report().code} tiangnya miring juga")
    assert "tiangnya miring juga" in (await mails(town, box))[-1].text
    assert len(box.mails) == 2


WORDS: list[tuple[str, Any]] = [
    ("SELESAI lampu diganti", ("resolved", "lampu diganti")),
    ("*Selesai*\n\nLampu diganti", ("resolved", "*\n\nLampu diganti")),
    ("sudah selesai, diganti", ("resolved", "diganti")),
    ("done: replaced", ("resolved", "replaced")),
    ("selesaikan segera", None),
    ("TERIMA", ("accepted", "")),
    ("terima kasih", None),
    ("Accept", ("accepted", "")),
    ("PROSES - tim jalan", ("in_progress", "tim jalan")),
    ("WORKING on it", ("in_progress", "on it")),
    ("bukan wewenang kami, milik PLN", ("not_ours", "milik PLN")),
    ("NOT OURS, ask PLN", ("not_ours", "ask PLN")),
    ("Tolak: tanah pribadi", ("rejected", "tanah pribadi")),
    ("Reject - private land", ("rejected", "private land")),
    ("", None),
    ("Kami proses", None),
    (
        "Yth. Tim Lapor,\n\nSelamat pagi. PROSES tim jalan\n\nHormat kami,\nSeksi PJU\n0812-1111-2222",
        ("in_progress", "tim jalan"),
    ),
    (
        "Dengan hormat, sudah selesai: kabel diganti.\n\nDemikian, terima kasih.\nBudi",
        ("resolved", "kabel diganti."),
    ),
    ("Pak, bukan wewenang kami\n\nSalam\nBudi", ("not_ours", "")),
    ("> TERIMA: kami tangani", None),
]


@pytest.mark.parametrize(("text", "read"), WORDS)
def test_the_first_word_of_an_answer_is_the_move(text: str, read: Any) -> None:
    found = read_answer(text)
    assert (found and (found[0], found[1].lstrip("* \n"))) == (read and (read[0], read[1].lstrip("* \n")))


LETTER = """Laporan baru untuk Dinas Bina Marga.

Kode: AB2CD3
Masalah: Lampu jalan mati

Atau balas surat ini. Kata pertama balasan Anda:
TERIMA: kami tangani
PROSES: sedang dikerjakan
SELESAI, lalu apa yang dikerjakan, dengan foto: sudah selesai
BUKAN, lalu alasannya: bukan wewenang kami"""


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("SELESAI. Lampu diganti, kabel baru", ("resolved", "Lampu diganti, kabel baru")),
        ("TERIMA", ("accepted", "")),
        ("Bukan wewenang kami, milik PLN", ("not_ours", "milik PLN")),
        ("Kami cek dulu ke lapangan", None),
        ("", None),
    ],
)
def test_the_word_is_found_in_what_was_written_and_not_in_what_is_quoted(
    program: str, words: str, read: Any
) -> None:
    raw = answer(program, words, sender=MAILBOX, to=OURS, quoted=LETTER, subject="[AB2CD3] Laporan baru")
    (message,) = parse(raw, {"account": OURS, "mail_from": MAILBOX, "recipients": OURS})
    assert message.auto is None
    assert read_answer(message.text) == read


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_answers(text: str) -> None:
    found = read_answer(text)
    assert found is None or len(found[1]) <= len(text)


@given(st.text(max_size=80))
def test_no_text_is_a_pass(town_keys: Any, text: str) -> None:
    assert read_pass(town_keys.keys, "report", text, town_keys.now()) is None


@pytest.fixture(scope="module")
def town_keys(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return new_town(tmp_path_factory.mktemp("keys")).house


def test_a_pass_opens_one_thing_until_its_time_is_over(town: Town) -> None:
    keys, now = town.house.keys, town.house.now()
    until = now.replace(year=now.year + 1)
    given_ = make_pass(keys, "report", 7, 3, until)
    found = read_pass(keys, "report", given_, now)
    assert found
    assert (found.number, found.way_id) == (7, 3)
    assert read_pass(keys, "photo", given_, now) is None
    assert read_pass(keys, "report", given_, until) is None
    assert read_pass(keys, "report", given_.replace("7-3", "8-3", 1), now) is None
