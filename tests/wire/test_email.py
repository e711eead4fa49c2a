"""Email over real SMTP: what is kept, what is refused, what leaves, and that hostile mail stops nothing."""

import asyncio
import base64
import contextlib
import copy
import io
import json
import smtplib
import socket
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from town import free_port

from channels import email
from channels.mail_id import mail_id
from channels.mime import PART_LIMIT, read_mail
from channels.smtp_in import SIZE_LIMIT
from config.settings import Listen, Settings
from normalizer.schema import Attachment, InboundMessage, OutboundMessage, PermanentFailure, TemporaryFailure
from normalizer.text import own_words

OURS = "lapor@jakarta.example"
META = {"account": OURS, "mail_from": "siti@example.org", "recipients": OURS, "external_id": "e"}


@dataclass
class Kept:
    """An accept() that keeps in memory, or refuses as a full disk would."""

    entries: dict[str, SimpleNamespace] = field(default_factory=dict)
    refuses: bool = False

    async def __call__(self, *, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        if self.refuses:
            raise TemporaryFailure("full")
        self.entries.setdefault(external_id, SimpleNamespace(lane=lane, raw=raw, meta=dict(meta)))

    @property
    def only(self) -> SimpleNamespace:
        (entry,) = self.entries.values()
        return entry


def settings_for(**more: object) -> Settings:
    listen = Listen("127.0.0.1", free_port())
    return Settings(smtp_listen=listen, email_address=OURS, _env_file=None, **more)  # type: ignore[call-arg]


@contextlib.asynccontextmanager
async def serving(kept: Kept, **more: object) -> AsyncIterator[int]:
    chosen = settings_for(**more)
    task = asyncio.create_task(email.receive(chosen, kept, cursor=None))  # type: ignore[arg-type]
    port = chosen.smtp_listen.port
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        await asyncio.sleep(0.01)
    yield port
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def send(port: int, mail: bytes, to: str = OURS, sender: str = "siti@example.org") -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        for code, words in (client.mail(sender), client.rcpt(to)):
            if code != 250:
                return code, words
        return client.data(mail)


MAIL = (
    b"From: Siti <siti@example.org>\r\nTo: lapor@jakarta.example\r\nSubject: Lampu mati\r\n"
    b"Message-ID: <1@example.org>\r\n\r\nLampu jalan mati di Manggarai\r\n"
)


async def test_a_mail_is_kept_before_250() -> None:
    kept = Kept()
    async with serving(kept) as port:
        code, _ = await asyncio.to_thread(send, port, MAIL)

    assert code == 250
    assert kept.only.lane == "siti@example.org"
    assert b"Lampu jalan mati" in kept.only.raw


@pytest.mark.parametrize("mode", ["smtp", "lmtp"])
async def test_mail_from_the_null_sender_is_never_taken_for_a_citizen(mode: str) -> None:
    kept = Kept()
    async with serving(kept, smtp_mode=mode) as port:
        client = smtplib.LMTP if mode == "lmtp" else smtplib.SMTP
        assert await asyncio.to_thread(_sent_by_nobody, client, port) == 250

    assert kept.only.lane == "<>"
    (mail,) = email.parse(kept.only.raw, kept.only.meta)
    assert isinstance(mail, InboundMessage)
    assert mail.auto == "bounce"


def _sent_by_nobody(kind: type[smtplib.SMTP], port: int) -> int:
    with kind("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        client.mail("<>")
        client.rcpt(OURS)
        return client.data(MAIL)[0]


async def test_what_cannot_be_kept_is_told_to_try_again() -> None:
    async with serving(Kept(refuses=True)) as port:
        code, words = await asyncio.to_thread(send, port, MAIL)

    assert code == 451
    assert b"full" not in words


async def test_the_same_mail_over_another_relay_is_the_same() -> None:
    kept = Kept()
    async with serving(kept) as port:
        await asyncio.to_thread(send, port, MAIL)
        await asyncio.to_thread(send, port, b"Received: from relay2 by us\r\n" + MAIL)
        await asyncio.to_thread(send, port, MAIL.replace(b"Manggarai", b"Tebet"))

    assert len(kept.entries) == 2


def test_a_client_that_makes_its_boundaries_anew_sends_the_same_mail() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "siti@example.org", OURS, "<1@example.org>"
    mail.set_content("Lampu mati")
    mail.add_alternative("<p>Lampu mati</p>", subtype="html")
    mail.add_attachment(b"jpeg", maintype="image", subtype="jpeg")
    first, second = (copy.deepcopy(mail).as_bytes() for _ in range(2))
    mail.add_attachment(b"other", maintype="image", subtype="jpeg")

    assert first != second
    assert mail_id(first, [OURS]) == mail_id(second, [OURS])
    assert mail_id(first, [OURS]) != mail_id(mail.as_bytes(), [OURS])


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (OURS, 250),
        ("LAPOR@Jakarta.Example", 250),
        ("lapor+k7m4qx.abc@jakarta.example", 250),
        ("bounces+k7m4qx@jakarta.example", 250),
        ("gubernur@jakarta.example", 550),
        ("lapor@elsewhere.example", 550),
        ("laporx@jakarta.example", 550),
    ],
)
async def test_mail_for_another_address_is_refused(to: str, code: int) -> None:
    async with serving(Kept()) as port:
        answered, _ = await asyncio.to_thread(send, port, MAIL, to)

    assert answered == code


async def test_a_mail_over_the_limit_is_refused_with_552_and_the_next_one_is_kept() -> None:
    kept = Kept()
    large = MAIL + b"x" * 70 + b"\r\n" + (b"y" * 990 + b"\r\n") * (SIZE_LIMIT // 992 + 1)
    async with serving(kept) as port:
        too_large, _ = await asyncio.to_thread(send, port, large)
        announced, _ = await asyncio.to_thread(_announce, port, SIZE_LIMIT + 1)
        code, _ = await asyncio.to_thread(send, port, MAIL)

    assert (too_large, announced, code) == (552, 552, 250)
    assert len(kept.entries) == 1


def _announce(port: int, size: int) -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        return client.mail("siti@example.org", [f"SIZE={size}"])


async def test_lines_longer_than_the_rfc_allows_are_taken() -> None:
    kept = Kept()
    async with serving(kept) as port:
        code, _ = await asyncio.to_thread(send, port, MAIL + b"z" * 20_000 + b"\r\n")

    assert code == 250
    assert b"z" * 20_000 in kept.only.raw


async def test_a_photo_whose_lines_end_in_bare_lf_is_no_line_too_long() -> None:
    kept, lines = Kept(), (b"z" * 76 + b"\n") * 2_000
    async with serving(kept) as port:
        async with asyncio.timeout(10):
            code = await asyncio.to_thread(_said_raw, port, MAIL + lines + b"\r\n.\r\n")

    assert code == b"250"
    assert lines in kept.only.raw


def _said_raw(port: int, mail: bytes) -> bytes:
    """The answer's code to a mail whose bytes no client library mends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire, wire.makefile("rb") as heard:
        heard.readline()
        for line in (b"HELO x", b"MAIL FROM:<siti@example.org>", f"RCPT TO:<{OURS}>".encode(), b"DATA"):
            wire.sendall(line + b"\r\n")
            heard.readline()
        wire.sendall(mail)
        return heard.readline()[:3]


async def test_lmtp_answers_once_for_each_recipient() -> None:
    kept = Kept()
    async with serving(kept, smtp_mode="lmtp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [b"LHLO x", b"MAIL FROM:<a@b.example>", f"RCPT TO:<{OURS}>".encode()]
        lines += [b"RCPT TO:<lapor+x@jakarta.example>", b"DATA", MAIL + b"."]
        await reader.readline()
        answers = []
        for line in lines:
            writer.write(line + b"\r\n")
            while (answer := await reader.readline())[3:4] == b"-":
                pass
            answers.append(answer)
        second = await reader.readline()
        writer.close()

    assert answers[-1].startswith(b"250")
    assert second.startswith(b"250")
    assert len(kept.entries) == 1


# --- out --------------------------------------------------------------------------------------------------


class Sink:
    def __init__(self, answer: str = "250 OK") -> None:
        self.answer, self.mails, self.senders = answer, [], []

    async def handle_DATA(self, server: object, session: object, envelope: SimpleNamespace) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        self.senders.append(envelope.mail_from)
        return self.answer


def outbound(**more: object) -> OutboundMessage:
    fields: dict = {"delivery_id": 7, "channel": "email", "account": OURS, "to": "siti@example.org"}
    fields |= {"text": "Laporan K7M4QX: dikerjakan", "subject": "Laporan K7M4QX", "thread": "k7m4qx.token"}
    return OutboundMessage(**(fields | more))


async def deliver(sink: Sink, message: OutboundMessage, **relay: int) -> str:
    controller = Controller(sink, hostname="127.0.0.1", port=free_port(), **relay)
    controller.start()
    try:
        url = f"smtp://127.0.0.1:{controller.port}"
        async with email.connect(settings_for(smtp_relay=url)) as connection:
            return await connection.send(message)
    finally:
        controller.stop()


async def test_an_answer_is_marked_as_automatic_and_carries_its_thread() -> None:
    sink = Sink()
    message_id = await deliver(sink, outbound(in_reply_to="<1@example.org>"))

    (mail,) = sink.mails
    assert mail["Message-ID"] == message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["In-Reply-To"] == "<1@example.org>"
    assert mail["Reply-To"] == "lapor+k7m4qx.token@jakarta.example"
    assert sink.senders == ["bounces+k7m4qx.token@jakarta.example"]


async def test_the_same_delivery_has_the_same_message_id() -> None:
    assert await deliver(Sink(), outbound()) == await deliver(Sink(), outbound())
    assert await deliver(Sink(), outbound()) != await deliver(Sink(), outbound(delivery_id=8))


async def test_a_relays_no_is_told_apart_by_its_code() -> None:
    with pytest.raises(TemporaryFailure, match="452"):
        await deliver(Sink("452 later"), outbound())
    with pytest.raises(PermanentFailure, match="554"):
        await deliver(Sink("554 never"), outbound())


async def test_what_is_too_large_for_a_relay_goes_without_its_photos() -> None:
    sink, photo = Sink(), Attachment(content_type="image/jpeg", name="foto.jpg", content=bytes(20_000))
    await deliver(sink, outbound(photos=(photo,)), data_size_limit=10_000)
    assert [mail.is_multipart() for mail in sink.mails] == [False]
    with pytest.raises(PermanentFailure, match="552"):
        await deliver(sink, outbound(text="x" * 20_000), data_size_limit=10_000)


async def test_a_subject_cannot_smuggle_a_header() -> None:
    sink = Sink()
    await deliver(sink, outbound(subject="Laporan\r\nBcc: all@example.org"))

    assert sink.mails[0]["Bcc"] is None


# --- reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "sender", "auto"),
    [
        (MAIL, "siti@example.org", None),
        (MAIL, "", "bounce"),
        (b"Auto-Submitted: auto-replied\r\n" + MAIL, "siti@example.org", "auto_reply"),
        (b"Auto-Submitted: no\r\n" + MAIL, "siti@example.org", None),
        (b"List-Id: <warga.example.org>\r\n" + MAIL, "siti@example.org", "list"),
        (b"Precedence: bulk\r\n" + MAIL, "siti@example.org", "list"),
        (MAIL.replace(b"siti@", b"MAILER-DAEMON@"), "x@example.org", "bounce"),
        (MAIL.replace(b"siti@example.org", OURS.encode()), "x@example.org", "own"),
        (MAIL.replace(b"Lampu mati", b"Balasan otomatis: cuti"), "siti@example.org", "auto_reply"),
        (MAIL.replace(b"Lampu mati", b"[Auto-Reply] Cuti"), "siti@example.org", "auto_reply"),
        (MAIL.replace(b"Lampu mati", b"Sedang di luar kantor"), "siti@example.org", "auto_reply"),
        (MAIL.replace(b"Lampu mati", b"Di luar kantor kelurahan banyak sampah"), "siti@example.org", None),
        (b"X-Mail-Autoreply: yes\r\n" + MAIL, "siti@example.org", "auto_reply"),
        (MAIL.replace(b"siti@", b"post_master@"), "x@example.org", "bounce"),
        (MAIL.replace(b"Lampu mati", b"[Netease DMARC Failure Report] Halo"), "abuse@example.org", "bounce"),
        (
            MAIL.replace(b"Lampu mati", b"[Preview] Report Domain: a.id Submitter: b.com"),
            "x@example.org",
            "bounce",
        ),
    ],
)
def test_what_a_program_sent_is_known_as_such(mail: bytes, sender: str, auto: str | None) -> None:
    assert read_mail(mail, META | {"mail_from": sender}).auto == auto


def test_unknown_charsets_broken_mime_and_nul_bytes_are_read_all_the_same() -> None:
    broken = (
        b"From: siti@example.org\r\nSubject: =?klingon?q?jalan?= rusak\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\n'
        b"jalan berlubang \x00 di caf\xe9\r\n--b\r\nContent-Type: text/plain; name*\r\n\r\nlagi\r\n"
    )
    read = read_mail(broken, META)

    assert "jalan berlubang" in read.text
    assert "\x00" not in read.text
    assert "rusak" in read.subject


def test_html_mail_is_read_as_people_see_it() -> None:
    mail = MAIL.replace(
        b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n<style>p{}</style><script>x</script><p>", 1
    )

    assert read_mail(mail, META).text.strip() == "Lampu jalan mati di Manggarai"


def html_mail(source: str) -> InboundMessage:
    head = b"From: siti@example.org\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return read_mail(head + source.encode(), META)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<table><tr><td>Lokasi</td><td>Jl. Kemang Raya</td></tr></table>", "Lokasi Jl. Kemang Raya"),
        ("<dl><dt>Lokasi<dd>Kemang</dl>Mati<hr>Gelap", "Lokasi\nKemang\nMati\nGelap"),
        (
            "<html><head><meta charset=utf-8><style>p{}</style><body>Got mampet",
            "Got mampet",
        ),  # heads end by themselves
        (
            '<p><a href="https://maps.app.goo.gl/abcDEF123">Lokasi saya</a></p>',
            "Lokasi saya https://maps.app.goo.gl/abcDEF123",
        ),
        (
            '<a href="https://maps.google.com/?q=-6.2,106.8">https://maps.google.com/?q=-6.2,106.8</a>',
            "https://maps.google.com/?q=-6.2,106.8",
        ),
        ('<a href="https://shop.example/track">Toko</a>', "Toko"),
    ],
)
def test_cells_heads_and_links_to_maps_are_read_as_people_see_them(source: str, words: str) -> None:
    assert html_mail(source).text == words


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<?", "<blockquote>"])
def test_html_without_an_end_is_read_in_time(piece: str) -> None:
    began = time.process_time()
    assert html_mail("<p>Got mampet" + piece * (400_000 // len(piece))).text.startswith("Got mampet")
    assert time.process_time() - began < 3


def test_a_paragraph_within_a_quoted_mail_is_quoted() -> None:
    source = (
        "<blockquote type=cite>Satu<blockquote>Dua</blockquote>Tiga</blockquote><blockquote>Empat</blockquote>"
    )
    assert html_mail(source).text == "> Satu\n> Dua\n> Tiga\n\nEmpat"


def test_pictures_pasted_into_an_html_mail_are_photos_and_no_words() -> None:
    pasted = base64.b64encode(b"\x89PNG" + bytes(200)).decode()
    broken = "data:image/gif;base64," + "A" * 101
    read = html_mail(f'<p>Got mampet <img src="data:image/png;base64,{pasted}"> di sini</p><img src="{broken}">')

    assert read.text == "Got mampet di sini"
    assert [(each.content_type, (each.content or b"")[:4]) for each in read.attachments] == [
        ("image/png", b"\x89PNG")
    ]


@pytest.mark.parametrize(
    ("width", "height", "kind", "shown", "kept"),
    [
        (160, 50, "PNG", True, False),
        (1, 1, "GIF", True, False),
        (640, 480, "PNG", True, True),
        (160, 50, "PNG", False, True),
        (64, 64, "JPEG", True, True),
    ],
)
def test_a_signatures_logo_is_no_photo(width: int, height: int, kind: str, shown: bool, kept: bool) -> None:
    mail = EmailMessage()
    mail["From"] = "siti@example.org"
    mail.set_content("Got mampet")
    mail.add_alternative(f"<p>Got mampet</p>{'<img src=cid:logo@x>' if shown else ''}", subtype="html")
    picture = io.BytesIO()
    Image.new("RGB", (width, height)).save(picture, kind)
    mail.add_attachment(picture.getvalue(), "image", kind.lower(), filename="image001", cid="<logo@x>")

    assert bool(read_mail(mail.as_bytes(), META).attachments) == kept


@pytest.mark.parametrize("above", ["________________________________\n", "-----Original Message-----\n", ""])
@pytest.mark.parametrize("subject", ["FW: got", "Fwd: got", "RE: got"])
def test_what_outlook_forwards_is_told_from_what_it_answers(above: str, subject: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "siti@example.org", subject
    head = "From: Ani <ani@example.org>\nSent: Monday, 3 November 2026 10:15\nTo: Siti\nSubject: got\n\n"
    mail.set_content(f"Mohon dibantu\n\n{above}{head}Got mampet\n")

    own = own_words(read_mail(mail.as_bytes(), META).text)
    assert own.startswith("Mohon dibantu")
    assert own.endswith("Got mampet") == (subject != "RE: got")


def with_file(kind: str, name: str, content: bytes) -> InboundMessage:
    mail = EmailMessage()
    mail["From"] = "siti@example.org"
    mail.set_content("Got mampet")
    mail.add_attachment(content, *kind.split("/"), filename=name)
    return read_mail(mail.as_bytes(), META)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("application/pkcs7-signature", "smime.p7s"),
        ("application/pgp-signature", "signature.asc"),
        ("text/x-vcard", "siti.vcf"),
        ("application/ics", "undangan.ics"),
    ],
)
def test_what_mail_programs_add_by_themselves_was_not_brought_by_the_citizen(kind: str, name: str) -> None:
    assert with_file(kind, name, b"x").attachments == ()
    assert with_file("application/pdf", name, b"x").attachments


def test_words_behind_a_picture_in_plain_text_stay() -> None:
    pasted = base64.b64encode(b"\x89PNG" + bytes(200)).decode().rstrip("=")
    mail = EmailMessage()
    mail["From"] = "siti@example.org"
    mail.set_content(f"data:image/png;base64,{pasted}\n\nTolong perbaiki jalan rusak di Kemang Raya")

    assert "Tolong perbaiki jalan rusak" in read_mail(mail.as_bytes(), META).text


def tnef(*attributes: tuple[int, bytes]) -> bytes:
    """A winmail.dat with these attributes (MS-OXTNEF, 2.1.3)."""
    parts = [
        b"\x02"
        + kind.to_bytes(4, "little")
        + len(value).to_bytes(4, "little")
        + value
        + sum(value).to_bytes(4)[2:]
        for kind, value in attributes
    ]
    return b"\x78\x9f\x3e\x22\1\0" + b"".join(parts)


def test_an_icon_pasted_into_an_html_mail_is_no_photo() -> None:
    icon = io.BytesIO()
    Image.effect_noise((32, 32), 50).save(icon, "PNG")
    kinds = {"image/png": icon.getvalue(), "image/svg+xml": b"<svg>" + b" " * 100}
    shown = [f'<img src="data:{kind};base64,{base64.b64encode(each).decode()}">' for kind, each in kinds.items()]

    assert html_mail(f"<p>Got mampet</p>{''.join(shown)}").attachments == ()


def test_of_pasted_and_packed_files_no_more_are_kept_than_of_parts() -> None:
    pasted = f'<img src="data:image/jpeg;base64,{"A" * 120}">' * (PART_LIMIT + 50)
    assert len(html_mail(pasted).attachments) == PART_LIMIT
    packed = tnef(*((0x00069002, bytes(14)), (0x0006800F, b"got")) * (PART_LIMIT + 50))
    assert len(with_file("application/ms-tnef", "winmail.dat", packed).attachments) == PART_LIMIT


def test_outlooks_winmail_dat_is_opened() -> None:
    begins, title, content = 0x00069002, 0x00018010, 0x0006800F
    packed = tnef(
        (0x00089006, b"\0\0\1\0"),
        *((begins, bytes(14)), (title, b"got/1.jpg\0"), (content, b"\xff\xd8\xff one")),
        *((begins, bytes(14)), (content, b"\xff\xd8\xff two"), (title, b"got2.jpg\0")),
    )
    brought = with_file("application/ms-tnef", "winmail.dat", packed).attachments
    assert [(each.name, each.content) for each in brought] == [
        ("got_1.jpg", b"\xff\xd8\xff one"),
        ("got2.jpg", b"\xff\xd8\xff two"),
    ]
    for end in range(len(packed)):
        assert len(with_file("application/octet-stream", "winmail.dat", packed[:end]).attachments) <= 2


def test_of_a_winmail_dat_no_more_files_are_looked_at_than_a_mail_has_parts() -> None:
    begins, content = 0x00069002, 0x0006800F
    one = [(begins, b""), (content, b"x")]
    brought = with_file("application/ms-tnef", "winmail.dat", tnef(*one, *[(begins, b"")] * PART_LIMIT, *one))
    assert len(brought.attachments) == 1


@given(st.binary(max_size=3000))
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_reader_raise(raw: bytes) -> None:
    read = read_mail(raw, META)

    assert read.sender
    read.text.encode()
    read.subject.encode()


@given(st.lists(st.sampled_from([b"Content-Type: ", b"multipart/mixed; boundary=", b"a", b"\r\n", b"--", b"name*0*=",
                                 b"=?utf-8?b?", b"?=", b"message/rfc822", b"\xff", b"From: ", b"<", b"@", b"\x00"]),
                max_size=60))  # fmt: skip
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_header_salad_makes_the_reader_raise(parts: list[bytes]) -> None:
    assert read_mail(b"".join(parts), META).channel == "email"


def test_mail_made_to_hold_a_parser_for_ever_is_cut() -> None:
    head = b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\nlampu mati\r\n'
    many = head + b"--b\r\n\r\n" * 200_000
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 2000 + MAIL

    assert len(read_mail(many, META).attachments) <= 200
    assert read_mail(nested, META).channel == "email"


# --- cases that nobody here wrote ---------------------------------------------------------------------------


def _cases(shared: Path, kind: str) -> list[tuple[dict, bytes]]:
    lines = (shared / "cases" / kind / "index.jsonl").read_text().splitlines()
    return [(case, (shared / "cases" / kind / case["file"]).read_bytes()) for case in map(json.loads, lines)]


def test_real_bounces_and_automatic_answers_are_never_taken_for_a_citizen(shared: Path) -> None:
    missed = []
    for case, raw in _cases(shared, "email_bounce"):
        expected = case.get("expected") or {}
        if read_mail(raw, META).auto is None and expected.get("not_a_citizen_report"):
            missed.append(case["file"])

    assert missed == []


def test_real_mail_is_read_whole(shared: Path) -> None:
    wrong = []
    for case, raw in _cases(shared, "email"):
        read = read_mail(raw, META)
        expected = case.get("expected") or {}
        for words in expected.get("text_contains", []):
            if words not in read.text:
                wrong.append((case["file"], words))
        if read.unreadable:
            wrong.append((case["file"], read.unreadable))

    assert not wrong, "\n".join(map(str, wrong))


def test_real_senders_are_found(shared: Path) -> None:
    wrong = []
    for case, raw in _cases(shared, "email"):
        wanted = (case.get("expected") or {}).get("from") or []
        if (
            wanted
            and isinstance(wanted[0], str)
            and "(" not in wanted[0]
            and read_mail(raw, META).sender != wanted[0]
        ):
            wrong.append((case["file"], wanted, read_mail(raw, META).sender))

    assert not wrong, "\n".join(map(str, wrong))


POLICY = {  # their own policy, not the protocol's
    "chasquid/auth_multi_dialog.json": "we offer no AUTH",
    "chasquid/auth_not_tls.json": "we offer no AUTH",
    "chasquid/bad_data.json": "broken headers are kept: a citizen's report all the same",
    "chasquid/bad_mail_from.json": "a sender domain is not looked into",
    "chasquid/message_too_big.json": "their limit is 1 MiB",
    "go-smtp/TestServerSMTPUTF8_Disabled.json": "SMTPUTF8 is always on",
    "go-smtp/TestServer_otherCommands.json": "HELP is answered",
}


async def test_smtp_dialogues_that_nobody_here_wrote(shared: Path) -> None:
    wrong = []
    for case, raw in _cases(shared, "smtp"):
        if case["file"] in POLICY:
            continue
        kept = Kept()
        async with serving(kept) as port:
            failed = await _play(port, json.loads(raw))
        expected = case.get("expected") or {}
        if failed or len(kept.entries) > expected.get("messages_accepted_at_most", 99):
            wrong.append((case["file"], failed))
        if len(kept.entries) != expected.get("messages_accepted", len(kept.entries)):
            wrong.append((case["file"], f"{len(kept.entries)} mails kept"))
        if "stored_data" in expected and kept.only.raw.decode() != expected["stored_data"]:
            wrong.append((case["file"], kept.only.raw))

    assert not wrong, "\n".join(map(str, wrong))


async def _play(port: int, dialogue: dict) -> str | None:
    """Play one dialogue; what went wrong, or None. Its recipients become ours."""
    writer = reading = None
    for number, step in enumerate(dialogue["steps"]):
        if "connect" in step:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            reading = Reading(reader)
        assert writer is not None
        assert reading is not None
        if "close" in step:
            writer.close()
        if text := _text(step, dialogue["recipients"]):
            writer.write(text.encode("utf-8", "surrogateescape"))
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        answer = await reading.answer(step)
        if answer is not None:
            return f"step {number} {step}: {answer!r}"
    return None


def _text(step: dict, recipients: list[str]) -> str:
    text = step.get("send", "")
    if "send_repeat" in step:
        text = step["send_repeat"]["unit"] * step["send_repeat"]["times"]
    if text.upper().startswith("RCPT"):
        for address in filter(None, recipients):
            text = text.replace(address, OURS)
    return text


class Reading:
    """Reads replies as a dialogue's steps expect them; the first digit is the protocol, the rest is policy."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def _reply(self, seconds: float = 10) -> str:
        try:
            async with asyncio.timeout(seconds):
                while (line := (await self._reader.readline()).decode())[3:4] == "-":
                    pass
        except TimeoutError:
            return "silence"
        except ConnectionError:
            return "closed"
        return line or "closed"

    async def answer(self, step: dict) -> str | None:
        if "expect_prefix" in step:
            reply = await self._reply()
            return None if reply[0] == step["expect_prefix"][0] else reply
        if "expect_until" in step or "expect_line" in step:
            wanted = step.get("code") or (step.get("expect_until") or step["expect_line"])[:3]
            reply = await self._reply()
            return None if reply[0] == wanted[0] else reply
        if "expect_any_of" in step:
            reply = await self._reply()
            return None if any(reply.startswith(each) for each in step["expect_any_of"]) else reply
        if "expect_not_prefix" in step:
            reply = await self._reply()
            return reply if reply.startswith(step["expect_not_prefix"]) else None
        if "expect_silence_or_error_seconds" in step:
            reply = await self._reply(0.3)
            return reply if reply.startswith(step["must_not_prefix"]) else None
        return None
