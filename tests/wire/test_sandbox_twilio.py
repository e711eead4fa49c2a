"""Twilio's stand-in, spoken to with Twilio's own library."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

import sandbox
from tests.wire.test_sandbox_stage import JAKARTA, Served, b64, picture, serve, settings_in, until

CITIZEN = "+6281234567890"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


def client(served: Served, token: str | None = None) -> Client:
    settings = served.settings
    found = Client(settings.twilio_account_sid, token or settings.twilio_auth_token)
    found.api.base_url = settings.twilio_api_url
    return found


async def send(served: Served, **fields: Any) -> Any:
    fields = {"to": CITIZEN, "from_": served.settings.twilio_number, "body": "Laporan diterima"} | fields
    return await asyncio.to_thread(client(served).messages.create, **fields)


def forms(served: Served, path: str = "/hooks/twilio") -> list[dict[str, str]]:
    heard = [body for at, _, body in served.bot.heard if at == path]
    return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for body in heard]


async def test_an_sms_comes_signed_over_the_public_address(served: Served) -> None:
    said = await served.say("sms", who="0812-3456-7890", text="Lampu mati")
    (form,) = forms(served)
    assert said == {"id": form["MessageSid"], "ids": [form["MessageSid"]], "delivered": True}
    assert (form["From"], form["To"]) == (CITIZEN, served.settings.twilio_number)
    assert (form["Body"], form["NumMedia"], form["FromCountry"]) == ("Lampu mati", "0", "ID")
    signature = served.bot.heard[0][1]["X-Twilio-Signature"]
    url = f"{served.settings.base_url}/hooks/twilio"
    assert RequestValidator(served.settings.twilio_auth_token).validate(url, form, signature)
    assert not RequestValidator("another").validate(url, form, signature)


async def test_a_place_over_sms_is_a_maps_link(served: Served) -> None:
    await served.say("sms", who=CITIZEN, text="Di sini", **JAKARTA)
    assert forms(served)[0]["Body"] == "Di sini https://maps.google.com/?q=-6.2146,106.8451"


async def test_a_photo_is_fetched_with_the_login_and_over_a_redirect(served: Served) -> None:
    await served.say("sms", who=CITIZEN, text="Lubang", photos=[b64(picture()), b64(b"bukan foto")])
    (form,) = forms(served)
    assert form["MessageSid"].startswith("MM")
    assert [form["MediaContentType0"], form["MediaContentType1"]] == ["image/jpeg", "application/octet-stream"]
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(form["MediaUrl0"])).status_code == 401
        login = (served.settings.twilio_account_sid or "", served.settings.twilio_auth_token or "")
        redirect = await http.get(form["MediaUrl0"], auth=login)
        assert redirect.status_code == 307
        assert (await http.get(redirect.headers["location"])).content == picture()


async def test_whatsapp_sends_one_message_a_photo_and_the_place_by_itself(served: Served) -> None:
    photos = [b64(picture()), b64(picture("PNG"))]
    await served.say("whatsapp", who=CITIZEN, text="Banjir", photos=photos, **JAKARTA)
    first, second, place = forms(served)
    assert (first["From"], first["WaId"]) == (f"whatsapp:{CITIZEN}", CITIZEN[1:])
    assert (first["Body"], first["MediaContentType0"]) == ("Banjir", "image/jpeg")
    assert (second["Body"], second["MediaContentType0"]) == ("", "image/png")
    assert (place["Latitude"], place["Longitude"], place["Body"]) == ("-6.2146", "106.8451", "")


async def test_a_whatsapp_answer_names_what_it_answers(served: Served) -> None:
    await served.say("whatsapp", who=CITIZEN, text="Halo")
    sender = f"whatsapp:{served.settings.twilio_whatsapp_number}"
    sent = await send(served, to=f"whatsapp:{CITIZEN}", from_=sender, body="Di mana?")
    await served.say("whatsapp", who=CITIZEN, text="Tebet", reply_to=sent.sid)
    assert forms(served)[1]["OriginalRepliedMessageSid"] == sent.sid


async def test_what_the_library_sends_stands_in_the_thread(served: Served) -> None:
    sent = await send(served, body="Laporan JKT-1 diterima")
    assert (sent.status, sent.num_segments) == ("queued", "1")
    (out,) = await served.thread("sms", CITIZEN)
    assert (out["id"], out["direction"], out["text"]) == (sent.sid, "out", "Laporan JKT-1 diterima")
    assert (await asyncio.to_thread(client(served).messages(sent.sid).fetch)).body == out["text"]


async def test_receipts_come_signed_and_in_order(served: Served) -> None:
    url = f"{served.settings.base_url}/hooks/twilio/status?d=1"
    sent = await send(served, status_callback=url)
    receipts = await until(lambda: len(forms(served, "/hooks/twilio/status")) == 2 and served.bot.heard)
    found = forms(served, "/hooks/twilio/status")
    assert [form["MessageStatus"] for form in found] == ["sent", "delivered"]
    assert {form["MessageSid"] for form in found} == {sent.sid}
    signature = receipts[0][1]["X-Twilio-Signature"]
    assert RequestValidator(served.settings.twilio_auth_token).validate(url, found[0], signature)


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ({"to": "123"}, 21211, 400),
        ({"to": ""}, 21604, 400),
        ({"body": "x" * 1601}, 21617, 400),
        ({"body": ""}, 21602, 400),
        ({"from_": "+15005550000"}, 21606, 400),
        ({"to": f"whatsapp:{CITIZEN}"}, 21910, 400),
        ({"to": f"whatsapp:{CITIZEN}", "from_": "whatsapp:+15005550000"}, 63007, 400),
    ],
)
async def test_refusals_carry_twilios_own_codes(
    served: Served, fields: dict[str, str], code: int, status: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await send(served, **fields)
    assert (caught.value.code, caught.value.status) == (code, status)


async def test_a_wrong_auth_token_is_refused(served: Served) -> None:
    wrong = client(served, token="0" * 32)
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(wrong.messages("SM" + "0" * 32).fetch)
    assert (caught.value.code, caught.value.status) == (20003, 401)


async def test_a_message_that_is_not_there_is_not_found(served: Served) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(client(served).messages("SM" + "0" * 32).fetch)
    assert (caught.value.code, caught.value.status) == (20404, 404)


async def test_the_log_is_listed_by_number_time_and_page(served: Served) -> None:
    for number in range(5):
        await send(served, body=f"ke-{number}")
    await send(served, to="+628999999999", body="lain")
    messages = client(served).messages
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = await asyncio.to_thread(messages.list, to=CITIZEN, date_sent_after=since, page_size=2)
    assert [m.body for m in found] == ["ke-4", "ke-3", "ke-2", "ke-1", "ke-0"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await asyncio.to_thread(messages.list, to=CITIZEN, date_sent_after=later) == []


async def test_what_came_in_is_listed_with_what_came_along(served: Served) -> None:
    await send(served)
    await served.say("sms", who=CITIZEN, text="lubang", photos=[b64(picture()), b64(picture("PNG"))])
    await served.say("whatsapp", who=CITIZEN, text="banjir")
    ours, more = served.settings.twilio_number, client(served).messages
    (found,) = await asyncio.to_thread(more.list, to=ours)
    assert (found.direction, found.status, found.from_) == ("inbound", "received", CITIZEN)
    assert (found.body, found.num_media) == ("lubang", "2")
    media = await asyncio.to_thread(more(found.sid).media.list)
    (form,) = [form for form in forms(served) if form["MessageSid"] == found.sid]
    assert [each.content_type for each in media] == ["image/jpeg", "image/png"]
    assert [form[f"MediaUrl{n}"].endswith(each.uri.removesuffix(".json")) for n, each in enumerate(media)] == [
        True
    ] * 2
    (chat,) = await asyncio.to_thread(more.list, to=f"whatsapp:{served.settings.twilio_whatsapp_number}")
    assert (chat.body, chat.from_) == ("banjir", f"whatsapp:{CITIZEN}")
    with pytest.raises(TwilioException):
        await asyncio.to_thread(more("MM" + "0" * 32).media.list)


async def test_a_message_that_comes_while_pages_are_turned_shifts_nothing(served: Served) -> None:
    for number in range(4):
        await send(served, body=f"ke-{number}")
    first = await asyncio.to_thread(client(served).messages.page, page_size=2)
    await send(served, body="baru")
    second = await asyncio.to_thread(first.next_page)
    assert [m.body for m in [*first, *second]] == ["ke-3", "ke-2", "ke-1", "ke-0"]
    assert second.next_page_url is None


async def test_who_said_stop_gets_no_more_sms_until_start(served: Served) -> None:
    await served.say("sms", who=CITIZEN, text=" stop ")
    with pytest.raises(TwilioRestException) as caught:
        await send(served)
    assert caught.value.code == 21610
    await served.say("sms", who=CITIZEN, text="START")
    assert (await send(served)).sid


async def test_whatsapp_outside_of_its_24_hours_delivers_templates_only(served: Served) -> None:
    sender, to = f"whatsapp:{served.settings.twilio_whatsapp_number}", f"whatsapp:{CITIZEN}"
    url = f"{served.settings.base_url}/hooks/twilio/status"
    await send(served, to=to, from_=sender, body="bebas", status_callback=url)
    await until(lambda: len(forms(served, "/hooks/twilio/status")) == 2)
    assert forms(served, "/hooks/twilio/status")[1]["ErrorCode"] == "63016"
    assert await served.thread("whatsapp", CITIZEN) == []
    variables = '{"1": "JKT-1", "2": "selesai"}'
    await send(served, to=to, from_=sender, body=None, content_sid="HX1", content_variables=variables)
    (out,) = await served.thread("whatsapp", CITIZEN)
    assert out["text"] == "JKT-1\nselesai"
