"""Twilio's REST API played: messages out with their receipts, the log of messages, and the media of an MMS."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.memory import Kept, keep_message, messages, person, photo
from sandbox.stage import Stage, hand_over_soon
from sandbox.twilio import LONGEST_SMS, MOST_MEDIA, opted_out, our_address, signed_form
from sandbox.twilio_log import API, as_json, list_media, list_messages

_E164 = re.compile(r"\+[1-9]\d{4,14}")
TEMPLATE = "HX" + "0" * 32
WHATSAPP_WINDOW = timedelta(hours=24)


class Refused(Exception):  # noqa: N818
    """Twilio's error answer: its code (https://www.twilio.com/docs/api/errors), words and HTTP status."""

    def __init__(self, code: int, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.code, self.words, self.status = code, words, status

    def answer(self) -> JSONResponse:
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": self.words, "more_info": more, "status": self.status}
        return JSONResponse(body, status_code=self.status)


def wire(stage: Stage) -> list[BaseRoute]:
    """The paths below TWILIO_API_URL."""

    async def create(request: Request) -> Response:
        try:
            _check_login(stage, request)
            form = await request.form(max_fields=200)
            fields = {name: [str(v) for v in form.getlist(name)] for name in form}
            return JSONResponse(as_json(stage, _create(stage, fields)) | {"status": "queued"}, status_code=201)
        except Refused as error:
            return error.answer()

    async def read(request: Request) -> Response:
        try:
            _check_login(stage, request)
            return JSONResponse(_read(stage, request))
        except ValueError as error:
            return Refused(20001, str(error)).answer()
        except Refused as error:
            return error.answer()

    async def media(request: Request) -> Response:
        try:
            _check_login(stage, request)
        except Refused as error:
            return error.answer()
        # Twilio sends on to its CDN, where the link alone is enough.
        return RedirectResponse(f"{stage.settings.twilio_api_url}/cdn/{request.path_params['media'][2:]}", 307)

    async def cdn(request: Request) -> Response:
        found = photo(stage.db, request.path_params["token"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.content_type)

    return [
        Route(API + "/{account}/Messages.json", create, methods=["POST"]),
        Route(API + "/{account}/Messages.json", read, methods=["GET"]),
        Route(API + "/{account}/Messages/{sid}.json", read, methods=["GET"]),
        Route(API + "/{account}/Messages/{sid}/Media.json", read, methods=["GET"]),
        Route(API + "/{account}/Messages/{sid}/Media/{media}", media, methods=["GET"]),
        Route(API + "/{account}.json", read, methods=["GET"]),
        Route("/cdn/{token}", cdn, methods=["GET"]),
    ]


def _check_login(stage: Stage, request: Request) -> None:
    settings = stage.settings
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        login = base64.b64decode(given).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        login = ""
    if login != f"{settings.twilio_account_sid}:{settings.twilio_auth_token}":
        raise Refused(20003, "Authenticate", 401)
    if request.path_params["account"] != settings.twilio_account_sid:
        raise _not_found(request)


def _not_found(request: Request) -> Refused:
    return Refused(20404, f"The requested resource {request.path_params} was not found", 404)


def _create(stage: Stage, form: Mapping[str, list[str]]) -> Kept:
    """Accept a message as Twilio would, put it into the phone's thread and owe the status callbacks."""

    def one(name: str) -> str:
        return form.get(name, [""])[0]

    to, sender, body = one("To"), one("From"), one("Body")
    text = body or _template_text(one("ContentSid"), one("ContentVariables"))
    channel = _check(stage, to, sender, text, form.get("MediaUrl", []))
    number = to.removeprefix("whatsapp:")
    who = person(stage.db, channel, number, number)
    sid = ("MM" if form.get("MediaUrl") else "SM") + secrets.token_hex(16)
    is_late = channel == "whatsapp" and not one("ContentSid") and not _window_is_open(stage, who.key)
    keep_message(
        stage.db,
        channel=channel,
        person="" if is_late else who.key,  # what WhatsApp does not deliver is in no thread
        id=sid,
        direction="out",
        text=text,
        wire={
            "from": sender,
            "to": to,
            "media": form.get("MediaUrl", []),
            "status": "undelivered" if is_late else "delivered",
            "error": 63016 if is_late else None,
        },
    )
    if one("StatusCallback"):
        _owe_receipts(stage, one("StatusCallback"), sid, to, sender, is_late=is_late)
    return messages(stage.db, "channel=? and id=?", (channel, sid))[0]


def _check(stage: Stage, to: str, sender: str, text: str, media: list[str]) -> str:
    """Give the channel, or raise what Twilio answers."""
    channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
    if not to:
        raise Refused(21604, "A 'To' phone number is required.")
    if not sender:
        raise Refused(21603, "A 'From' phone number is required.")
    if not _E164.fullmatch(to.removeprefix("whatsapp:")):
        raise Refused(21211, f"The 'To' number {to} is not a valid phone number.")
    if sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
        raise Refused(21910, "Invalid From and To pair. From and To should be of the same channel")
    if sender != our_address(stage, channel):
        if channel == "whatsapp":
            raise Refused(63007, "Twilio could not find a Channel with the specified From address")
        raise Refused(21606, f"The 'From' phone number provided ({sender}) is not a valid message-capable number")
    _check_content(text, media)
    if channel == "sms" and opted_out(stage, to):
        raise Refused(21610, "Attempt to send to unsubscribed recipient")
    return channel


def _check_content(text: str, media: list[str]) -> None:
    if not text and not media:
        raise Refused(21602, "Message body is required.")
    if len(text) > LONGEST_SMS:
        raise Refused(21617, f"The concatenated message body exceeds the {LONGEST_SMS} character limit.")
    if len(media) > MOST_MEDIA:
        raise Refused(21623, "Number of media files exceeds allowed limit")


def _template_text(content_sid: str, variables: str) -> str:
    """What a phone shows of an approved template: the stand-in knows only its variables."""
    if not content_sid:
        return ""
    try:
        values = json.loads(variables or "{}")
    except ValueError:
        raise Refused(21656, "The ContentVariables Parameter is invalid.") from None
    if not isinstance(values, dict):
        raise Refused(21656, "The ContentVariables Parameter is invalid.")
    return "\n".join(str(value) for value in values.values()) or f"[{content_sid}]"


def _window_is_open(stage: Stage, number: str) -> bool:
    """WhatsApp takes free words only within 24 hours after the person's last message (error 63016)."""
    last = messages(stage.db, "channel='whatsapp' and person=? and direction='in'", (number,), "row desc limit 1")
    return bool(last) and datetime.now(UTC) - last[0].at < WHATSAPP_WINDOW


def _owe_receipts(stage: Stage, url: str, sid: str, to: str, sender: str, *, is_late: bool) -> None:
    """https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""
    for status in ("sent", "undelivered") if is_late else ("sent", "delivered"):
        form = {
            "MessageSid": sid,
            "SmsSid": sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "AccountSid": stage.settings.twilio_account_sid or "",
            "From": sender,
            "To": to,
            "ApiVersion": "2010-04-01",
        }
        if status == "undelivered":
            form |= {"ErrorCode": "63016"}
        hand_over_soon(stage, signed_form(stage, url, form))


def _read(stage: Stage, request: Request) -> dict[str, Any]:
    if "sid" in request.path_params:
        found = messages(stage.db, "channel in ('sms', 'whatsapp') and id=?", (request.path_params["sid"],))
        if not found:
            raise _not_found(request)
        is_media = request.url.path.endswith("/Media.json")
        return list_media(stage, found[0]) if is_media else as_json(stage, found[0])
    if request.url.path.endswith("/Messages.json"):
        return list_messages(stage, request)
    sid = stage.settings.twilio_account_sid
    return {"sid": sid, "friendly_name": "Sandbox", "status": "active", "type": "Full", "owner_account_sid": sid}
