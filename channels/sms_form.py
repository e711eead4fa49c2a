"""Reads Twilio's forms: a message or a pin from SMS and WhatsApp, a button's press, a receipt."""

import math
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Literal, TypeAlias
from urllib.parse import unquote

from channels.fetch import clean
from normalizer.schema import Attachment, Channel, Heard, InboundMessage, Position, Press, Receipt

Form: TypeAlias = Mapping[str, str]

MAX_MEDIA = 20
MOST_FIELDS = 500
ESCAPED_SEPARATOR = re.compile("%(26|3d)", re.IGNORECASE)  # & or =
# Twilio's codes for a number that takes nothing from us, https://www.twilio.com/docs/api/errors: not valid, opted
# out, no mobile, out of reach, blocked, unknown, a landline; the last two are WhatsApp's
GONE = frozenset(
    ("21211", "21214", "21217", "21610", "21614", "30003", "30004", "30005", "30006", "63003", "63024")
)
State: TypeAlias = Literal["sent", "delivered", "failed"]
# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATES: dict[str, State] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}


def fields_of(raw: bytes) -> list[tuple[str, str]]:
    """All fields of a form, in their order; none of what is no form, or has more than anybody sends."""
    if raw.count(b"&") >= MOST_FIELDS:
        return []
    form = raw.decode("utf-8", "replace").replace("+", " ")
    # urllib's parse_qsl, the judge in our tests, takes six times as long: it opens each name and value by itself
    if ESCAPED_SEPARATOR.search(form) is None:
        return _pairs(unquote(form))
    return [(unquote(name), unquote(value)) for name, value in _pairs(form)]


def _pairs(form: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in form.split("&") if part]
    return [(name, value) for name, _, value in parts]


def read_form(raw: bytes) -> Form:
    """A form's fields, the first of each name; {} for what is no form."""
    return dict(reversed(fields_of(raw)))


def message_key(form: Form, raw: bytes) -> str:
    """The MessageSid, by any of its names; where there is none, the body's hash."""
    sid = form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid")
    return clean(sid) or f"sha256:{sha256(raw).hexdigest()}"


def status_key(form: Form, raw: bytes) -> str:
    """One key for each status of each message: a repeat is one, a step is another."""
    return f"{message_key(form, raw)}:{_status(form)}"


def _status(form: Form) -> str:
    return clean(form.get("MessageStatus") or form.get("SmsStatus")).lower()


def parse(raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
    """Read one webhook: a message, a press or a receipt; numbers are E.164, without "whatsapp:"."""
    try:
        form = read_form(raw)
        if meta.get("channel_kind") == "status":
            return _receipt(form, raw)
        return [_press(form, raw)] if _button(form) else [_message(form, raw)]
    except Exception as error:
        return [_unreadable(raw, type(error).__name__)]


def _unreadable(raw: bytes, why: str) -> InboundMessage:
    return InboundMessage(
        channel="sms",
        account="",
        external_id=message_key({}, raw),
        sender="",
        text=clean(raw.decode("utf-8", "replace"))[:2000],
        unreadable=f"not a form that can be read: {why}",
    )


def _message(form: Form, raw: bytes) -> InboundMessage:
    sender = _number(form.get("From"))
    return InboundMessage(
        channel=_channel(form),
        account=_number(form.get("To")),
        external_id=message_key(form, raw),
        sender=sender,
        text=_text(form) if form else clean(raw.decode("utf-8", "replace"))[:2000],
        attachments=tuple(_media(form)),
        position=_position(form),
        in_reply_to=_answered(form),
        reply_ref=message_key(form, raw),
        auto="list" if _is_a_name(sender, form) else None,
        unreadable=None if sender else "no sender",
    )


def _is_a_name(sender: str, form: Form) -> bool:
    """Whether an SMS comes from "TELKOMSEL": nobody hears an answer, and it would be paid for."""
    return _channel(form) == "sms" and not sender.startswith("+") and any(map(str.isalpha, sender))


def _press(form: Form, raw: bytes) -> Press:
    return Press(
        channel=_channel(form),
        account=_number(form.get("To")),
        external_id=message_key(form, raw),
        sender=_number(form.get("From")),
        value=_button(form),
        in_reply_to=_answered(form),
    )


def _receipt(form: Form, raw: bytes) -> list[Heard]:
    state = STATES.get(_status(form))
    if state is None:
        return []
    return [
        Receipt(
            channel=_channel(form),
            account=_number(form.get("From")),
            external_id=status_key(form, raw),
            provider_id=message_key(form, raw),
            state=state,
            reason=clean(form.get("ErrorCode")),
            of_address=state == "failed" and clean(form.get("ErrorCode")) in GONE,
        )
    ]


def _channel(form: Form) -> Channel:
    is_whatsapp = any(form.get(side, "").startswith("whatsapp:") for side in ("From", "To"))
    return "whatsapp" if is_whatsapp else "sms"


def _number(address: str | None) -> str:
    return clean(address).removeprefix("whatsapp:").removeprefix("rcs:").strip()


def _button(form: Form) -> str:
    """What a pressed button or a chosen line of a list stands for."""
    return clean(form.get("ButtonPayload") or form.get("ListId"))


def _answered(form: Form) -> tuple[str, ...]:
    sid = clean(form.get("OriginalRepliedMessageSid"))
    return (sid,) if sid else ()


def _text(form: Form) -> str:
    """The body; a pin's label and address count as words, they say where."""
    said = [clean(form.get("Body"))]
    for name in ("Label", "Address"):
        words = clean(form.get(name))
        if words and not any(words in line for line in said):
            said.append(words)
    return "\n".join(filter(None, said))


def _media(form: Form) -> Iterator[Attachment]:
    for number in range(MAX_MEDIA):
        url = clean(form.get(f"MediaUrl{number}"))
        if not url:
            continue
        content_type = clean(form.get(f"MediaContentType{number}")).lower() or "application/octet-stream"
        note = None if content_type.startswith(("image/", "application/octet-stream")) else "not a photo"
        yield Attachment(content_type=content_type, ref=url, note=note)


def _position(form: Form) -> Position | None:
    try:
        lat, long = float(form["Latitude"]), float(form["Longitude"])
    except (KeyError, ValueError):
        return None
    if not (math.isfinite(lat) and math.isfinite(long)) or abs(lat) > 90 or abs(long) > 180:
        return None
    return Position(lat=lat, long=long)
