"""Email: an SMTP or LMTP server of our own in, the city's mail relay out."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8
from email.utils import formatdate
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from channels.mail_bounce import bounce_of
from channels.mail_id import mail_id
from channels.mime import read_mail
from channels.protocol import Accept, Connection, Cursor
from channels.smtp_in import server_for
from channels.smtp_out import Letter, Lines, TooLargeError
from config.settings import Settings, SettingsError
from normalizer.schema import (
    Attachment,
    CannotTell,
    Heard,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

log = logging.getLogger("lapor.email")
_hashing = ThreadPoolExecutor(1, "mail id")

RECIPIENT_LIMIT = 20
LARGE = 262_144  # bytes: what takes longer than a millisecond to hash is not hashed on the loop


def routes(settings: Settings, accept: Accept) -> Sequence[BaseRoute]:
    """Mail comes by SMTP only."""
    return ()


async def receive(settings: Settings, accept: Accept, cursor: Cursor) -> None:
    """Serve SMTP (or LMTP) on SMTP_LISTEN for ever. 250 is said after accept returned, 451 when it refused."""
    listen = settings.smtp_listen
    make = server_for(
        partial(Door, settings, accept),
        mode=settings.smtp_mode,
        hostname=_domain(settings),
        tls=tls_of(settings),
    )
    server = await asyncio.get_running_loop().create_server(make, listen.host, listen.port)
    async with server:
        await server.serve_forever()


def parse(raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
    """Read a mail leniently: RFC 5322 and MIME where they are kept, whatever text there is where not.

    A bounce of one of our mails is its receipt, too.
    """
    mail = read_mail(raw, meta)
    bounce = bounce_of(raw, meta) if mail.auto == "bounce" else None
    return [mail] if bounce is None else [mail, bounce]


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """A few connections to SMTP_RELAY, opened when they are needed."""
    lines = Lines(settings.smtp_relay) if settings.smtp_relay else None
    try:
        yield Relay(settings, lines)
    finally:
        if lines is not None:
            await lines.close()


# --- in ---------------------------------------------------------------------------------------------------


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """What STARTTLS goes with, where it is set. Raises SettingsError when the files do not serve."""
    if settings.smtp_tls_cert is None or settings.smtp_tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.smtp_tls_cert, settings.smtp_tls_key, password=_no_password)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        why = error.strerror if type(error) is not ssl.SSLError and isinstance(error, OSError) else None
        raise SettingsError(
            f"SMTP_TLS_CERT and SMTP_TLS_KEY cannot be used: {why or 'they are no PEM files that belong together'}"
        ) from None
    return context


def _no_password() -> str:
    """A locked key would ask for it on the terminal, and nobody sits there."""
    raise ValueError("the key has a password")


def _domain(settings: Settings) -> str:
    return settings.email_address.rpartition("@")[2]


class Door:
    """What aiosmtpd asks while a mail comes in (its names for the hooks)."""

    def __init__(self, settings: Settings, accept: Accept) -> None:
        self._settings = settings
        self._accept = accept

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]  # behind TLS, too: nobody logs in

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not is_ours(address, self._settings.email_address):
            return "550 5.1.1 No such mailbox here"
        if len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        # aiosmtpd says "<>" for the null sender, which no answer may ever go to (RFC 5321, section 4.5.5)
        sender = "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)
        recipients = sorted(set(map(str.lower, envelope.rcpt_tos)))
        try:
            await self._accept(
                external_id=await _id(envelope.content, recipients),
                lane=sender.lower() or "<>",
                raw=envelope.content,
                meta={
                    "account": self._settings.email_address,
                    "mail_from": sender,
                    "recipients": " ".join(recipients),
                    "authserv": self._settings.trusted_authserv_id or "",
                },
            )
        except TemporaryFailure:
            return "451 4.3.0 Cannot be kept right now, please try again"
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        """Never a 5xx for our own mistake, and never a detail of it (aiosmtpd would say both)."""
        log.error("smtp connection failed: %s", type(error).__name__)
        return "451 4.3.0 Something went wrong here, please try again"


async def _id(raw: bytes, recipients: Sequence[str]) -> str:
    if len(raw) <= LARGE:
        return mail_id(raw, recipients)
    return await asyncio.get_running_loop().run_in_executor(_hashing, mail_id, raw, recipients)


def is_ours(address: str, ours: str) -> bool:
    """True for EMAIL_ADDRESS, its plus-threads and `bounces+…` at its domain; case does not count."""
    local, _, domain = address.lower().rpartition("@")
    our_local, _, our_domain = ours.lower().rpartition("@")
    return domain == our_domain and local.partition("+")[0] in {our_local, "bounces"}


# --- out --------------------------------------------------------------------------------------------------


class Relay:
    """SMTP_RELAY."""

    def __init__(self, settings: Settings, lines: Lines | None) -> None:
        self._settings = settings
        self._lines = lines

    async def send(self, message: OutboundMessage) -> str:
        """Hand a mail to the relay; the same delivery has the same Message-ID however often it is tried. What is
        too large for it goes without its photos: the link in it shows them."""
        if self._lines is None:
            raise PermanentFailure("SMTP_RELAY is not set")
        try:
            return await self._send(message, self._lines)
        except TooLargeError:
            if not message.photos:
                raise
        return await self._send(replace(message, photos=()), self._lines)

    async def _send(self, message: OutboundMessage, lines: Lines) -> str:
        sender = return_path(message, self._settings)
        utf8 = not (sender + message.to).isascii()
        try:
            mail = compose(message, self._settings)
            raw = mail.as_bytes(policy=SMTPUTF8 if utf8 else SMTP_POLICY)
        except ValueError:
            raise PermanentFailure("the address cannot be written in a mail") from None
        await lines.deliver(Letter(sender=sender, to=message.to, raw=raw, utf8=utf8))
        return str(mail["Message-ID"])

    async def fetch(self, attachment: Attachment) -> bytes:
        """Mail brings its photos along; there is nothing to fetch."""
        raise PermanentFailure("a mail's attachment has no reference")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """A relay does not tell what it took."""
        return CannotTell.CANNOT_TELL


def compose(message: OutboundMessage, settings: Settings) -> EmailMessage:
    """The mail as it goes out: marked as automatic (RFC 3834), threaded, with the report's own Reply-To."""
    local, _, domain = settings.email_address.rpartition("@")
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = Address("Lapor", username=local, domain=domain)
    mail["To"] = message.to
    if message.thread:
        mail["Reply-To"] = f"{local}+{message.thread}@{domain}"
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = message_id(message, domain)
    if message.in_reply_to:
        mail["In-Reply-To"] = message.in_reply_to
        mail["References"] = " ".join(dict.fromkeys([*message.references, message.in_reply_to]))
    if message.unsubscribe:  # one press in the mail program (RFC 8058)
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(message.text, cte="quoted-printable")
    for photo in message.photos:
        kind, _, form = photo.content_type.partition("/")
        mail.add_attachment(photo.content or b"", maintype=kind, subtype=form, filename=photo.name)
    return mail


def message_id(message: OutboundMessage, domain: str) -> str:
    digest = hashlib.sha256(f"{message.delivery_id}\0{message.to}\0{message.text}".encode()).hexdigest()
    return f"<lapor.{message.delivery_id}.{digest[:16]}@{domain}>"


def return_path(message: OutboundMessage, settings: Settings) -> str:
    """`bounces+…@`: where failures come back to, and are never answered."""
    return f"bounces+{message.thread or message.delivery_id}@{_domain(settings)}"
