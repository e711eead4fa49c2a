"""Twilio played: what a phone says by SMS or WhatsApp goes to our webhook as Twilio's own signed form."""

import re
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from normalizer.schema import Position
from sandbox.memory import keep_message, recall, remember, together
from sandbox.photos import Photo
from sandbox.stage import Answer, BadRequest, Errand, Outcome, Said, Stage, hand_over

MOST_MEDIA = 10
LONGEST_SMS = 1600
LONGEST_WHATSAPP = 4096
# Twilio's own default handling of these words: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START = frozenset({"START", "YES", "UNSTOP"})
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€\f")


def number_key(name: str) -> str:
    """A phone number in E.164; Indonesian ways of writing it are understood. Raises BadRequest."""
    digits = re.sub(r"[\s().-]", "", name.removeprefix("whatsapp:"))
    digits = re.sub(r"^(?:0(?=8)|62(?=8))", "+62", digits)
    if not re.fullmatch(r"\+[1-9]\d{4,14}", digits):
        raise BadRequest(f"from: not a phone number such as +6281234567890: {name!r}")
    return digits


def segments(text: str) -> int:
    """How many SMS a text takes: 160/153 in GSM-7, 70/67 in UCS-2 (3GPP TS 23.038)."""
    if all(c in _GSM or c in _GSM_TWICE for c in text):
        length, alone, joined = sum(2 if c in _GSM_TWICE else 1 for c in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


def signed_form(stage: Stage, url: str, form: Mapping[str, str]) -> Errand:
    """A form as Twilio posts it, with X-Twilio-Signature over that URL."""
    signature = RequestValidator(stage.settings.twilio_auth_token).compute_signature(url, dict(form))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signature,
        "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        "User-Agent": "TwilioProxy/1.1",
    }
    return Errand(kind="form", target=url, body=urlencode(form).encode(), headers=headers)


def opted_out(stage: Stage, number: str) -> bool:
    """Whether this phone said STOP to our number."""
    return bool(recall(stage.db, f"stopped {number}"))


async def say(stage: Stage, said: Said) -> Outcome:
    """Post what was said to /hooks/twilio: an SMS or MMS as one message, WhatsApp one message a medium."""
    if said.press is not None:
        raise BadRequest(f"press: {said.person.channel} has no buttons here; write the words as text")
    parts = _sms(said) if said.person.channel == "sms" else _whatsapp(said)
    with together(stage.db):
        forms = [_keep(stage, said, *part, first=number == 0) for number, part in enumerate(parts)]
    url = f"{stage.settings.base_url}/hooks/twilio"
    answers = [await hand_over(stage, signed_form(stage, url, form)) for form in forms]
    return _outcome([form["MessageSid"] for form in forms], answers)


def _outcome(ids: Sequence[str], answers: Sequence[Answer]) -> Outcome:
    refused = next((answer.reason for answer in answers if answer.state == "refused"), None)
    return Outcome(ids=tuple(ids), delivered=all(a.state == "taken" for a in answers), refused=refused)


_Part = tuple[str, tuple[Photo, ...], Position | None]


def _sms(said: Said) -> list[_Part]:
    text = said.text
    if said.position:  # a phone shares a place over SMS as a link
        text = f"{text} https://maps.google.com/?q={said.position.lat},{said.position.long}".strip()
    if len(text) > LONGEST_SMS:
        raise BadRequest(f"text: an SMS takes at most {LONGEST_SMS} characters")
    if len(said.photos) > MOST_MEDIA:
        raise BadRequest(f"photos: an MMS takes at most {MOST_MEDIA}")
    return [(text, said.photos, None)]


def _whatsapp(said: Said) -> list[_Part]:
    if len(said.text) > LONGEST_WHATSAPP:
        raise BadRequest(f"text: WhatsApp takes at most {LONGEST_WHATSAPP} characters")
    captions = [said.text, *[""] * len(said.photos)]
    parts: list[_Part] = [(captions[n], (photo,), None) for n, photo in enumerate(said.photos)]
    if not parts and (said.text or not said.position):
        parts.append((said.text, (), None))
    if said.position:
        parts.append(("", (), said.position))
    return parts


def _keep(
    stage: Stage, said: Said, text: str, photos: tuple[Photo, ...], position: Position | None, *, first: bool
) -> dict[str, str]:
    """Put the message in Twilio's log and give the webhook's form for it."""
    sid = ("MM" if photos else "SM") + secrets.token_hex(16)
    pin = said.position if said.person.channel == "sms" else position
    form = _form(stage, said, sid, text) | _media(stage, sid, photos)
    if said.person.channel == "whatsapp":
        form |= _whatsapp_fields(said, photos, position, first=first)
    keep_message(
        stage.db,
        channel=said.person.channel,
        person=said.person.key,
        id=sid,
        direction="in",
        text=text,
        lat=pin.lat if pin else None,
        long=pin.long if pin else None,
        wire={"from": form["From"], "to": form["To"], "status": "received"},
        photos=photos,
    )
    _heed_stop(stage, said, text)
    return form


def _heed_stop(stage: Stage, said: Said, text: str) -> None:
    word = text.strip().upper()
    if said.person.channel == "sms" and word in _STOP | _START:
        remember(stage.db, f"stopped {said.person.key}", word in _STOP)


def address(channel: str, number: str | None) -> str:
    """A number as Twilio writes it on that channel."""
    bare = (number or "").removeprefix("whatsapp:")
    return f"whatsapp:{bare}" if channel == "whatsapp" else bare


def our_address(stage: Stage, channel: str) -> str:
    settings = stage.settings
    return address(channel, settings.twilio_whatsapp_number if channel == "whatsapp" else settings.twilio_number)


def _form(stage: Stage, said: Said, sid: str, text: str) -> dict[str, str]:
    """The fields of every message: https://www.twilio.com/docs/messaging/guides/webhook-request"""
    form = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": stage.settings.twilio_account_sid or "",
        "From": address(said.person.channel, said.person.key),
        "To": our_address(stage, said.person.channel),
        "Body": text,
        "NumSegments": str(segments(text) if said.person.channel == "sms" else 1),
        "NumMedia": "0",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    if said.person.channel == "sms":
        form |= {f"{side}{what}": "" for side in ("From", "To") for what in ("City", "State", "Zip", "Country")}
        form |= {"FromCountry": "ID" if said.person.key.startswith("+62") else "", "ToCountry": "US"}
    return form


def _media(stage: Stage, sid: str, photos: Sequence[Photo]) -> dict[str, str]:
    account = f"{stage.settings.twilio_api_url}/2010-04-01/Accounts/{stage.settings.twilio_account_sid}"
    form = {"NumMedia": str(len(photos))}
    for number, photo in enumerate(photos):
        form[f"MediaUrl{number}"] = f"{account}/Messages/{sid}/Media/ME{photo.token}"
        form[f"MediaContentType{number}"] = photo.content_type
    return form


def _whatsapp_fields(
    said: Said, photos: Sequence[Photo], position: Position | None, *, first: bool
) -> dict[str, str]:
    kind = "location" if position else "text"
    if photos:
        kind = "image" if photos[0].is_image else "document"
    form = {
        "ProfileName": said.person.name,
        "WaId": said.person.key.lstrip("+"),
        "MessageType": kind,
        "ReferralNumMedia": "0",
    }
    if position:
        form |= {"Latitude": str(position.lat), "Longitude": str(position.long)}
    if said.reply_to and first:
        form["OriginalRepliedMessageSid"] = said.reply_to.id
        form["OriginalRepliedMessageSender"] = str(said.reply_to.wire.get("from", ""))
    return form
