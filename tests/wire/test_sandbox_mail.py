"""The mail stand-in: real MIME out of it over SMTP or LMTP, and a sink for what aiosmtplib sends."""

import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

import sandbox
from tests.wire.test_sandbox_stage import JAKARTA, Served, b64, picture, serve, settings_in, until

CITIZEN = "siti@warga.example"


@dataclass
class Mailbox:
    """The bot's end of the wire: keeps mails, or answers with `reply`."""

    reply: str = "250 OK"
    mails: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.reply.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail))
        return self.reply


class LmtpController(Controller):
    def factory(self) -> SMTP:
        return LMTP(self.handler, hostname="localhost")


@asynccontextmanager
async def mailbox(served: Served, kind: type[Controller] = Controller) -> AsyncIterator[Mailbox]:
    found = Mailbox()
    listen = served.settings.smtp_listen
    controller = kind(found, hostname=listen.host, port=listen.port)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


def answer_mail(to: str = CITIZEN, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "lapor@localhost", to, "Laporan Anda"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Laporan JKT-1 diterima.\n")
    return mail


async def send(served: Served, mail: EmailMessage) -> None:
    host, _, port = (served.settings.smtp_relay or "").removeprefix("smtp://").partition(":")
    await aiosmtplib.send(mail, hostname=host, port=int(port))


async def test_a_citizens_mail_is_real_mime_with_its_photos(served: Served) -> None:
    async with mailbox(served) as box:
        photos = [b64(picture()), b64(b"bukan foto")]
        text = "Jalan di depan pasar berlubang sudah dua minggu, tolong"
        said = await served.say("email", who="Siti@Warga.example", text=text, photos=photos, **JAKARTA)
    assert said["delivered"] is True
    sender, recipients, mail = box.mails[0]
    assert (sender, recipients) == ("Siti@Warga.example", ["lapor@localhost"])
    assert mail["Message-ID"] == said["id"]
    assert mail["Subject"] == "Jalan di depan pasar berlubang sudah dua"
    assert mail["Date"].datetime.tzinfo is not None
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == f"{text}\n\nhttps://maps.google.com/?q=-6.2146,106.8451\n"
    jpeg, other = mail.iter_attachments()
    assert (jpeg.get_content_type(), jpeg.get_content()) == ("image/jpeg", picture())
    assert (other.get_content_type(), other.get_filename()) == ("application/octet-stream", "foto-2.bin")


async def test_what_the_bot_mails_stands_in_the_recipients_thread(served: Served) -> None:
    await send(served, answer_mail("Siti <SITI@warga.example>", Message_ID="<1@lapor>"))
    (out,) = await served.thread("email", CITIZEN)
    assert (out["id"], out["direction"], out["text"]) == ("<1@lapor>", "out", "Laporan JKT-1 diterima.")


async def test_a_mail_of_html_alone_is_shown_as_text(served: Served) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "lapor@localhost", CITIZEN
    mail.set_content("<p>Laporan <b>JKT-1</b> &amp; foto</p>", subtype="html")
    await send(served, mail)
    assert (await served.thread("email", CITIZEN))[0]["text"] == "Laporan JKT-1 & foto"


async def test_an_answer_goes_to_reply_to_and_keeps_the_references(served: Served) -> None:
    headers = {"Message_ID": "<2@lapor>", "References": "<0@warga> <1@lapor>", "Reply_To": "lapor+abc@localhost"}
    await send(served, answer_mail(**headers))
    async with mailbox(served) as box:
        await served.say("email", who=CITIZEN, text="Di Tebet", reply_to="<2@lapor>")
    _, recipients, mail = box.mails[0]
    assert (recipients, mail["To"]) == (["lapor+abc@localhost"], "lapor+abc@localhost")
    assert (mail["In-Reply-To"], mail["Subject"]) == ("<2@lapor>", "Re: Laporan Anda")
    assert mail["References"].split() == ["<0@warga>", "<1@lapor>", "<2@lapor>"]


async def test_a_mail_that_cannot_be_taken_now_is_sent_again(served: Served) -> None:
    async with mailbox(served) as box:
        box.reply = "451 later"
        said = await served.say("email", who=CITIZEN, text="banjir")
        assert said["delivered"] is False
        assert "refused" not in said
        box.reply = "250 OK"
        await until(lambda: box.mails)
    assert box.mails[0][2]["Message-ID"] == said["id"]


async def test_a_mail_is_sent_again_when_nobody_listened(served: Served) -> None:
    said = await served.say("email", who=CITIZEN, text="banjir")
    assert said["delivered"] is False
    async with mailbox(served) as box:
        await until(lambda: box.mails)


async def test_a_mail_that_is_refused_for_good_is_not_sent_again(served: Served) -> None:
    async with mailbox(served) as box:
        box.reply = "552 too large"
        said = await served.say("email", who=CITIZEN, text="banjir")
    assert (said["delivered"], said["refused"]) == (False, "SMTP 552")


async def test_lmtp_is_spoken_where_the_settings_say_so(tmp_path: Path) -> None:
    async with (
        serve(sandbox.prepare(settings_in(tmp_path, smtp_mode="lmtp"))) as served,
        mailbox(served, LmtpController) as box,
    ):
        said = await served.say("email", who=CITIZEN, text="banjir")
        assert said["delivered"] is True
        assert box.mails[0][1] == ["lapor@localhost"]
