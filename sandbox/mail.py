"""Mail programs played: a citizen's mail goes out as real MIME, and the bot's answers come into a sink."""

import asyncio
import email
import email.policy
import errno
import html
import re
import secrets
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.identity import HOST, greeting, read_identity
from sandbox.memory import Kept, keep_message
from sandbox.stage import BadRequest, Errand, Outcome, Said, Stage, hand_over

SECONDS_FOR_THE_PORT = 5.0
_ADDRESS = re.compile(r"[^\s@<>,;\"()\[\]\\:\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,253}")


def address_key(name: str) -> str:
    """The address in lower case. Raises BadRequest where it is none."""
    if not _ADDRESS.fullmatch(name) or not name.isascii():
        raise BadRequest(f"from: not a mail address: {name!r}")
    return name.lower()


async def say(stage: Stage, said: Said) -> Outcome:
    """Send one mail to SMTP_LISTEN, to EMAIL_ADDRESS or to where the mail replied to wants its answers."""
    if said.press is not None:
        raise BadRequest("press: a mail has no buttons; write the words as text")
    to = _recipient(stage, said.reply_to)
    mail = _compose(said, to)
    mail_id = str(mail["Message-ID"])
    keep_message(
        stage.db,
        channel="email",
        person=said.person.key,
        id=mail_id,
        direction="in",
        text=said.text,
        lat=said.position.lat if said.position else None,
        long=said.position.long if said.position else None,
        wire={"subject": str(mail["Subject"]), "references": str(mail["References"] or "")},
        photos=said.photos,
    )
    body = mail.as_bytes(policy=email.policy.SMTP)
    errand = Errand(kind="mail", target=to, sender=said.person.name, body=body)
    answer = await hand_over(stage, errand)
    refused = answer.reason if answer.state == "refused" else None
    return Outcome(ids=(mail_id,), delivered=answer.state == "taken", refused=refused)


def _recipient(stage: Stage, reply_to: Kept | None) -> str:
    ours = stage.settings.email_address
    if reply_to is None or reply_to.direction == "in":
        return ours
    return str(reply_to.wire.get("reply_to") or ours)


def _compose(said: Said, to: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = said.person.name
    mail["To"] = to
    mail["Subject"] = _subject(said)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{secrets.token_hex(12)}@{said.person.name.rpartition('@')[2]}>"
    if said.reply_to:
        mail["In-Reply-To"] = said.reply_to.id
        mail["References"] = f"{said.reply_to.wire.get('references', '')} {said.reply_to.id}".strip()
    mail.set_content(_body(said))
    for number, photo in enumerate(said.photos, start=1):
        kind, _, subtype = photo.content_type.partition("/")
        name = f"foto-{number}.{photo.ending}"
        mail.add_attachment(photo.content, maintype=kind, subtype=subtype, filename=name)
    return mail


def _subject(said: Said) -> str:
    if said.reply_to:
        before = str(said.reply_to.wire.get("subject", ""))
        return before if before.lower().startswith("re:") else f"Re: {before}".strip()
    words = " ".join("".join(c if c.isprintable() else " " for c in said.text).split()[:7])
    return words[:70] or "Laporan"


def _body(said: Said) -> str:
    if said.position is None:
        return said.text + "\n"
    link = f"https://maps.google.com/?q={said.position.lat},{said.position.long}"
    return f"{said.text}\n\n{link}\n"


class _Sink:
    """aiosmtpd's hook object: every recipient of a mail finds it in their thread."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mail = email.message_from_bytes(bytes(envelope.original_content or b""), policy=email.policy.default)
        for recipient in envelope.rcpt_tos:
            _keep(self._stage, recipient, mail)
        return "250 OK"


def _keep(stage: Stage, recipient: str, mail: EmailMessage) -> None:
    mail_id = str(mail["Message-ID"] or f"<{secrets.token_hex(12)}@sandbox>").strip()
    answers_to = parseaddr(str(mail["Reply-To"] or mail["From"] or ""))[1]
    references = " ".join(f"{mail['References'] or mail['In-Reply-To'] or ''}".split())
    keep_message(
        stage.db,
        channel="email",
        person=recipient.lower(),
        id=mail_id,
        direction="out",
        text=readable_text(mail),
        wire={"subject": str(mail["Subject"] or ""), "reply_to": answers_to, "references": references},
    )


def readable_text(mail: EmailMessage) -> str:
    """What a mail program shows: the plain part, else the HTML without its marks."""
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content()).replace("\r\n", "\n")
    if part.get_content_subtype() == "html":
        text = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"(?i)<br\s*/?>|</p>", "\n", text)))
    return text.strip()


async def open_sink(stage: Stage) -> asyncio.Server:
    """Listen on the kept port. Raises OSError where another program took it meanwhile."""
    who = read_identity(stage.settings.data_dir)
    loop = asyncio.get_running_loop()

    def talk() -> SMTP:
        return SMTP(_Sink(stage), hostname="sandbox", ident=greeting(who.sink), enable_SMTPUTF8=True, loop=loop)

    deadline = time.monotonic() + SECONDS_FOR_THE_PORT
    while True:
        try:
            return await loop.create_server(talk, HOST, who.smtp_port)
        except OSError as error:
            # The process before us may still be closing.
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
