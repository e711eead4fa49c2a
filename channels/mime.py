"""Reads a mail as people really send it: broken MIME, unknown charsets and bounces included."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from channels.mail_html import html_text, pictures_within
from channels.mail_proof import is_proven
from normalizer.schema import Attachment, AutoKind, InboundMessage

PART_LIMIT = 200
DEPTH_LIMIT = 20
TEXT_LIMIT = 200_000
SCAN_LIMIT = 1_000  # lines that look like a boundary: the parser's time grows with them

_REPLIED = (  # set by programs that answer or announce by themselves
    *("X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Loop"),
    *("X-FC-MachineGenerated", "X-Amazon-Mail-Relay-Type"),
)
_AUTO_SUBJECT = re.compile(
    r"(?i)^\s*(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|autoreply"
    r"|balasan otomatis|jawaban otomatis|abwesenheit|réponse automatique|respuesta automática)"
)
_BOUNCE_SUBJECT = re.compile(
    r"(?i)^\W*(?:undeliver(?:able|ed)|delivery status notification"
    r"|mail delivery (?:fail|problem|error|system|status)"
    r"|delivery (?:fail|report|has failed|problem|notification)|returned mail|failure notice|mail failure"
    r"|message (?:status|not delivered|undeliverable)|warning: could not send message|non[- ]?delivery"
    r"|delivery incomplete|email feedback report|abuse report|complaint about message|postmaster notify"
    r"|there was an error sending)"
)
_BOUNCE_SENDER = re.compile(r"(?i)^(?:mailer-?daemon|postmaster|mail-?daemon|mdaemon|bounces?)(?:[+.=-]|$)")
_OF_A_REPORT = {  # what a bounce brings along (RFC 3464, RFC 6533): no attachment of anybody's
    "message/delivery-status",
    "message/global-delivery-status",
    "text/rfc822-headers",
    "message/global-headers",
}

_NO_REPLY = re.compile(r"(?i)^(?:no|do-?not|dont|jangan)[._-]?(?:reply|balas)")


def read_mail(raw: bytes, meta: Mapping[str, str]) -> InboundMessage:
    """The mail as an InboundMessage; never raises. What the parser cannot take is read as plain text."""
    account, recipients = meta.get("account", ""), meta.get("recipients", "").split()
    try:
        return _read(message_from_bytes(_bounded(raw), policy=policy.compat32), account, meta, recipients)
    except Exception as error:
        return InboundMessage(
            channel="email",
            account=account,
            external_id=meta.get("external_id", ""),
            sender=meta.get("mail_from", ""),
            text=clean(raw[:TEXT_LIMIT].decode("utf-8", "replace")),
            auto=None if meta.get("mail_from") else "bounce",
            proven=False,
            unreadable=f"the mail could not be parsed: {type(error).__name__}",
        )


def _bounded(raw: bytes) -> bytes:
    """Drop a leading mbox line, and cut where more parts begin than anybody sends by hand."""
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    marks = re.finditer(rb"\n--", raw)
    for number, mark in enumerate(marks):
        if number >= SCAN_LIMIT:
            return raw[: mark.start() + 1]
    return raw


def _read(mail: Message, account: str, meta: Mapping[str, str], recipients: list[str]) -> InboundMessage:
    plain, rich, attachments = _contents(mail)
    sender = _address(mail, "From") or meta.get("mail_from", "")
    message_id = header(mail, "Message-ID").strip()[:900]
    return InboundMessage(
        channel="email",
        account=account,
        external_id=meta.get("external_id", ""),
        sender=sender,
        text=clean(plain if plain.strip() else html_text(rich[: TEXT_LIMIT * 5]))[:TEXT_LIMIT],
        subject=clean(header(mail, "Subject"))[:500].strip(),
        attachments=tuple(attachments),
        in_reply_to=_references(mail),
        thread=_thread(recipients),
        reply_ref=message_id or None,
        sent_at=_date(mail),
        language=header(mail, "Content-Language")[:2].lower() or None,
        auto=_auto(mail, sender, account, meta),
        proven=is_proven(mail, meta.get("authserv", "")),
    )


def header(mail: Message, name: str) -> str:
    """One header, decoded (RFC 2047, raw 8-bit too), unfolded; empty when it is not there."""
    for key, value in mail.raw_items():
        if key.lower() == name.lower():
            return clean(_decoded(str(value)))
    return ""


def _decoded(value: str) -> str:
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    value = re.sub(r"[\r\n]+[ \t]*", " ", value)
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
    except Exception:
        return value
    return "".join(p if isinstance(p, str) else decode(p, charset) for p, charset in parts)


def decode(content: bytes, charset: str | None) -> str:
    """Bytes to text: as declared, else UTF-8, else Windows-1252; never raises."""
    for name in (charset, "utf-8"):
        try:
            if name:
                return content.decode(name.strip("'\" "))
        except (LookupError, ValueError):  # an unknown charset, or bytes that are not of it
            continue
    return content.decode("cp1252", "replace")


def clean(text: str) -> str:
    """No NUL, no lone surrogates: databases refuse both."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


def _parts(mail: Message, depth: int = 0) -> Iterator[Message]:
    """The leaves, in their order; a forwarded mail counts with its own leaves."""
    children = mail.get_payload() if mail.is_multipart() and depth < DEPTH_LIMIT else None
    if not isinstance(children, list):
        yield mail
        return
    for child in children:
        if isinstance(child, Message):
            yield from _parts(child, depth + 1)


def _contents(mail: Message) -> tuple[str, str, list[Attachment]]:
    plain: list[str] = []
    rich: list[str] = []
    attachments: list[Attachment] = []
    for number, part in enumerate(_parts(mail)):
        if number >= PART_LIMIT:
            break
        kind = _kind(part)
        name = _filename(part)
        attached = "attachment" in header(part, "Content-Disposition").lower()[:20] or (
            name and kind != "text/plain"
        )
        if kind in {"text/plain", "text/html"} and not attached:
            words, pasted = pictures_within(_text(part), PART_LIMIT)
            (plain if kind == "text/plain" else rich).append(words)
            attachments += pasted
        elif kind not in _OF_A_REPORT:
            content = _bytes(part)
            if content:
                attachments.append(Attachment(content_type=kind, name=name, content=content))
    return "\n".join(plain), "\n".join(rich), attachments


def _kind(part: Message) -> str:
    try:
        return part.get_content_type()
    except Exception:
        return "application/octet-stream"


def _filename(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except Exception:
        return ""
    return clean(_decoded(name)).replace("/", "_").replace("\\", "_")[:150]


def _bytes(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except Exception:
        content = None
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    try:
        charset = part.get_content_charset()
    except Exception:
        charset = None
    return decode(_bytes(part), charset)


def _address(mail: Message, name: str) -> str:
    for _, address in getaddresses([header(mail, name)]):
        if "@" in address and not re.search(r"[\s<>\"(),]", address):
            return address
    return ""


def _references(mail: Message) -> tuple[str, ...]:
    """Message-IDs that this mail answers, nearest first (In-Reply-To, then References from the right)."""
    nearest = re.findall(r"<[^<>\s]{1,900}>", header(mail, "In-Reply-To"))
    further = re.findall(r"<[^<>\s]{1,900}>", header(mail, "References"))
    return tuple(dict.fromkeys([*nearest, *reversed(further)]))[:50]


def _thread(recipients: list[str]) -> str | None:
    for address in recipients:
        plus = address.partition("@")[0].partition("+")[2]
        if plus and not address.startswith("bounces+"):
            return plus
    return None


def _date(mail: Message) -> datetime | None:
    try:
        date = parsedate_to_datetime(header(mail, "Date"))
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _auto(mail: Message, sender: str, account: str, meta: Mapping[str, str]) -> AutoKind | None:
    """Whether a program sent this (RFC 3834, RFC 3464, and the headers that programs really set)."""
    local = sender.partition("@")[0]
    recipients = meta.get("recipients", "").split()
    if _is_own(sender, account):
        return "own"
    to_bounces = bool(recipients) and all(r.startswith("bounces+") for r in recipients)
    is_report = _kind(mail) == "multipart/report" or bool(header(mail, "X-Failed-Recipients"))
    if not meta.get("mail_from") or to_bounces or is_report or _BOUNCE_SENDER.match(local):
        return "bounce"
    subject = header(mail, "Subject")
    if _BOUNCE_SUBJECT.match(subject):
        return "bounce"
    submitted = header(mail, "Auto-Submitted").split(";")[0].strip().lower()
    replied = bool(_NO_REPLY.match(local)) or any(header(mail, name) for name in _REPLIED)
    suppressed = set(re.split(r"[\s,]+", header(mail, "X-Auto-Response-Suppress").lower()))
    replied = replied or not suppressed.isdisjoint({"all", "autoreply"})
    precedence = header(mail, "Precedence").strip().lower() or header(mail, "X-Precedence").strip().lower()
    if submitted not in {"", "no"} or replied or precedence == "auto_reply" or _AUTO_SUBJECT.match(subject):
        return "auto_reply"
    if precedence in {"bulk", "junk", "list"} or header(mail, "List-Id") or header(mail, "List-Unsubscribe"):
        return "list"
    return None


def _is_own(sender: str, account: str) -> bool:
    local, _, domain = sender.lower().rpartition("@")
    our_local, _, our_domain = account.lower().rpartition("@")
    return domain == our_domain and local.partition("+")[0] in {our_local, "bounces"}
