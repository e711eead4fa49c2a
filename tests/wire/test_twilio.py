"""Twilio on the wire: signed webhooks in, a REST API of the test's own that is late, busy, broken, or gone."""

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from twilio.request_validator import RequestValidator

from channels import sms
from channels.fetch import LARGEST_ANSWER
from channels.hook import in_front
from config.settings import Settings, read_settings
from normalizer.schema import Attachment, OutboundMessage, PermanentFailure, Receipt, TemporaryFailure
from tests.wire.loopback import Kept, Place, answering, serving

RAW = Path(__file__).resolve().parents[1] / "data" / "sms"
ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "rahasia-twilio"
PUBLIC = "https://lapor.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def at(api_url: str | None = None, **more: Any) -> Settings:
    given = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_number": "+622150001234",
        "twilio_whatsapp_number": "+622150009999",
        "twilio_api_url": api_url,
        "public_url": PUBLIC,
    }
    return read_settings(_env_file=None, **{**given, **more})


def sign(url: str, body: bytes) -> dict[str, str]:
    form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return {**FORM, "X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form)}


@asynccontextmanager
async def hooked(kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    routes = sms.routes(at(), kept.accept)
    async with (
        serving(in_front(routes, Starlette(routes=routes))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_what_is_no_post_to_a_hook_goes_the_way_of_every_page() -> None:
    async with hooked(Kept()) as client:
        answers = [await client.get("/hooks/twilio"), await client.post("/hooks/twilio/"), await client.get("/x")]
    assert [answer.status_code for answer in answers] == [405, 307, 404]


async def test_a_body_that_nobody_sends_is_refused_in_front_too() -> None:
    kept = Kept()
    async with hooked(kept) as client:
        assert (await client.post("/hooks/twilio", content=b"a" * 1_000_001)).status_code == 413
        assert (await client.post("/hooks/twilio", content=b"a=1")).status_code == 403
    assert kept.rows == []


async def test_a_signed_message_is_kept_once_and_thanked_in_twiml() -> None:
    kept, body = Kept(), (RAW / "text.txt").read_bytes()
    headers = sign(f"{PUBLIC}/hooks/twilio", body)
    async with hooked(kept) as client:
        for _ in range(2):
            answer = await client.post("/hooks/twilio", content=body, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/xml")
            assert answer.text.endswith("<Response/>")
    ((key, lane, raw, meta),) = kept.rows
    assert (key, lane) == ("SM5b0d1f4a9c2e4b7d8a6f3c1e2d4b5a69", "+6281211112222")
    assert (raw, meta) == (body, {"channel_kind": "message"})


@pytest.mark.parametrize("query", ["b=2&a=1", "a=it's", "rc=5&rp=all&leer=", "again"])
async def test_the_query_is_signed_as_it_came(query: str) -> None:
    kept, body = Kept(), b"From=%2B62811&Body=++halo++&Leer=&MessageSid=SM1"
    headers = sign(f"{PUBLIC}/hooks/twilio?{query}", body)
    async with hooked(kept) as client:
        answer = await client.post(f"/hooks/twilio?{query}", content=body, headers=headers)
    assert answer.status_code == 200
    assert kept.ids == ["SM1"]


async def test_a_field_that_comes_twice_is_signed_twice() -> None:
    kept, body = Kept(), b"From=%2B62811&MessageSid=SM1&A=2&A=1&A=1"
    words = f"{PUBLIC}/hooks/twilioA1A2From+62811MessageSidSM1"
    signature = RequestValidator(TOKEN).compute_signature(words, {})
    async with hooked(kept) as client:
        headers = {**FORM, "X-Twilio-Signature": signature}
        answer = await client.post("/hooks/twilio", content=body, headers=headers)
    assert answer.status_code == 200


async def test_a_changed_message_is_refused_and_nothing_kept() -> None:
    kept, body = Kept(), b"From=%2B62811&Body=halo&MessageSid=SM1"
    good = sign(f"{PUBLIC}/hooks/twilio", body)
    wrong = [
        (body + b"!", good),
        (body.replace(b"halo", b"hal%6F%00"), good),
        (body, FORM),
        (body, {**FORM, "X-Twilio-Signature": ""}),
        (body, sign(f"{PUBLIC}/hooks/twilio/status", body)),
        (body, sign("http://lapor.example/hooks/twilio", body)),
        (b"&".join(b"a=1" for _ in range(5000)), good),
    ]
    async with hooked(kept) as client:
        for content, headers in wrong:
            answer = await client.post("/hooks/twilio", content=content, headers=headers)
            assert answer.status_code == 403
    assert kept.ids == []


async def test_twilio_hears_503_while_nothing_can_be_kept() -> None:
    kept, body = Kept(is_full=True), (RAW / "text.txt").read_bytes()
    async with hooked(kept) as client:
        headers = sign(f"{PUBLIC}/hooks/twilio", body)
        answer = await client.post("/hooks/twilio", content=body, headers=headers)
    assert answer.status_code == 503


async def test_a_body_over_the_limit_is_refused() -> None:
    kept, body = Kept(), b"Body=" + b"x" * 1_000_001
    async with hooked(kept) as client:
        headers = sign(f"{PUBLIC}/hooks/twilio", body)
        answer = await client.post("/hooks/twilio", content=body, headers=headers)
    assert answer.status_code == 413
    assert kept.ids == []


async def test_a_body_that_comes_in_parts_is_one() -> None:
    kept, body = Kept(), (RAW / "text.txt").read_bytes()

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 50):
            yield body[at : at + 50]

    async with hooked(kept) as client:
        headers = sign(f"{PUBLIC}/hooks/twilio", body)
        answer = await client.post("/hooks/twilio", content=parts(), headers=headers)
    assert answer.status_code == 200
    assert [raw for _, _, raw, _ in kept.rows] == [body]


async def test_a_body_that_stops_in_the_middle_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.fetch.BODY_SECONDS", 0.1)
    kept = Kept()
    async with hooked(kept) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST /hooks/twilio HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nBody=lampu")
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()
    assert kept.rows == []


async def test_each_step_of_a_message_is_a_receipt_of_its_own() -> None:
    kept = Kept()
    async with hooked(kept) as client:
        for name in ("delivered", "sent", "undelivered", "delivered"):
            body = (RAW / f"status_{name}.txt").read_bytes()
            headers = sign(f"{PUBLIC}/hooks/twilio/status", body)
            answer = await client.post("/hooks/twilio/status", content=body, headers=headers)
            assert answer.status_code == 200
    assert kept.ids == ["SM99aabb:delivered", "SM99aabb:sent", "SM99aabb:undelivered"]
    heard = [sms.parse(raw, meta)[0] for _, _, raw, meta in kept.rows]
    assert [one.state for one in heard if isinstance(one, Receipt)] == ["delivered", "sent", "failed"]


@dataclass
class Rest:
    """Twilio's Messages resource: creates, lists, and can be told what to answer first."""

    created: list[dict[str, str]] = field(default_factory=list)
    script: list[Response] = field(default_factory=list)
    age: timedelta = timedelta()
    is_silent: bool = False
    paths: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        assert request.headers["authorization"] == "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.method == "GET":
            return JSONResponse({"messages": [self.row(n) for n in range(len(self.created))][::-1]})
        if self.script:
            return self.script.pop(0)
        self.created.append({name: str(value) for name, value in (await request.form()).items()})
        if self.is_silent:
            await asyncio.sleep(0)
            return PlainTextResponse("gateway timeout", status_code=504)
        return JSONResponse(self.row(-1), status_code=201)

    def row(self, number: int) -> dict[str, Any]:
        asked = self.created[number]
        made = format_datetime(datetime.now(UTC) - self.age)
        sid = f"SM{self.created.index(asked):032d}"
        return {
            "sid": sid, "account_sid": ACCOUNT, "to": asked["To"], "from": asked["From"], "body": _rendered(asked),
            "direction": "outbound-api", "status": "queued", "date_created": made, "date_updated": made,
        }  # fmt: skip


def _rendered(asked: dict[str, str]) -> str:
    """What Twilio's log shows: of a template its own words with ours in them."""
    if "ContentVariables" in asked:
        return "Kabar laporan Anda: " + json.loads(asked["ContentVariables"])["1"] + " Balas pesan ini."
    return asked["Body"]


@pytest.fixture
def rest() -> Rest:
    return Rest()


def told(**changes: Any) -> OutboundMessage:
    kwargs = {"delivery_id": 1, "channel": "sms", "account": "+622150001234", "to": "+6281211112222"}
    return OutboundMessage(**{**kwargs, "text": "Laporan JKT-7F3K-9 diterima.", **changes})


async def test_an_sms_goes_out_with_our_number_and_a_way_back_for_its_receipt(rest: Rest) -> None:
    async with serving(answering(rest.answer)) as url, sms.connect(at(url + "/gateway")) as connection:
        assert await connection.send(told()) == "SM" + "0" * 32
    assert rest.paths == [f"/gateway/2010-04-01/Accounts/{ACCOUNT}/Messages.json"]
    assert rest.created == [
        {
            "To": "+6281211112222",
            "From": "+622150001234",
            "Body": "Laporan JKT-7F3K-9 diterima.",
            "StatusCallback": f"{PUBLIC}/hooks/twilio/status",
        }
    ]


@pytest.mark.parametrize("user", ["", "kota:rahasia@"])
async def test_the_environments_proxy_is_used(rest: Rest, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serving(answering(rest.answer)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("//", f"//{user}"))
        async with sms.connect(at("http://twilio.invalid")) as connection:
            assert await connection.send(told())


async def test_whatsapp_goes_out_by_the_same_connection(rest: Rest) -> None:
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        await connection.send(told(channel="whatsapp", to="+6285733334444"))
    assert (rest.created[0]["To"], rest.created[0]["From"]) == (
        "whatsapp:+6285733334444",
        "whatsapp:+622150009999",
    )


@pytest.mark.parametrize(
    ("sids", "language", "sid"),
    [("HX1", "en", "HX1"), ("id:HX1, en:HX2", "en", "HX2"), ("id=HX1,HX3", "en", "HX3"), ("id:HX1", "id", "HX1")],
)
async def test_outside_of_its_24_hours_whatsapp_gets_a_template_with_our_words(
    rest: Rest, sids: str, language: str, sid: str
) -> None:
    message = told(channel="whatsapp", text="Selesai.\n\n\tTerima   kasih:\nhttps://x/r/1\n", template=language)
    settings = partial(at, twilio_content_sids=sids)
    async with serving(answering(rest.answer)) as url, sms.connect(settings(url)) as connection:
        rest.is_silent = True
        with pytest.raises(TemporaryFailure):
            await connection.send(message)
        assert await connection.find(message) == "SM" + "0" * 32
    (sent,) = rest.created
    assert (sent["ContentSid"], "Body" in sent) == (sid, False)
    assert json.loads(sent["ContentVariables"]) == {"1": "Selesai. · Terima kasih: · https://x/r/1"}


async def test_without_a_template_in_their_language_the_words_go_as_they_are(rest: Rest) -> None:
    message = told(channel="whatsapp", template="en")
    settings = partial(at, twilio_content_sids="id:HX1")
    async with serving(answering(rest.answer)) as url, sms.connect(settings(url)) as connection:
        await connection.send(message)
    assert rest.created[0]["Body"] == message.text


async def test_a_template_takes_900_characters(rest: Rest) -> None:
    settings = partial(at, twilio_content_sids="HX1")
    async with serving(answering(rest.answer)) as url, sms.connect(settings(url)) as connection:
        await connection.send(told(channel="whatsapp", text="kata " * 500, template="id"))
    (words,) = json.loads(rest.created[0]["ContentVariables"]).values()
    assert len(words) <= 900
    assert words.endswith("kata…")


async def test_a_text_beyond_1600_characters_is_cut(rest: Rest) -> None:
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        await connection.send(told(text="kata " * 500))
    assert len(rest.created[0]["Body"]) <= 1600
    assert rest.created[0]["Body"].endswith("kata…")


def refusal(status: int, code: int) -> Response:
    words = f"The number +6281211112222 is wrong: {code}"
    return JSONResponse({"code": code, "message": words, "status": status}, status_code=status)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(400, 21610), PermanentFailure, "21610"),
        (refusal(400, 21211), PermanentFailure, "21211"),
        (refusal(403, 21408), PermanentFailure, "21408"),
        (refusal(429, 20429), TemporaryFailure, "20429"),
        (refusal(400, 63018), TemporaryFailure, "63018"),
        (refusal(400, 21611), TemporaryFailure, "21611"),
        (PlainTextResponse("slow down", status_code=429), TemporaryFailure, "429"),
        (refusal(401, 20003), TemporaryFailure, "TWILIO_AUTH_TOKEN"),
        (refusal(503, 20503), TemporaryFailure, "20503"),
        (PlainTextResponse("<html>502</html>", status_code=502), TemporaryFailure, "Twilio"),
        (PlainTextResponse("no JSON", status_code=201), TemporaryFailure, "Twilio"),
        (JSONResponse({"sid": None}, status_code=201), TemporaryFailure, "without a SID"),
        (Response(status_code=307, headers={"location": "http://127.0.0.1:9/"}), TemporaryFailure, "307"),
        (PlainTextResponse("<html>a proxy's page</html>", status_code=403), TemporaryFailure, "not Twilio's"),
        (PlainTextResponse("", status_code=400), TemporaryFailure, "not Twilio's"),
    ],
)
async def test_a_refusal_says_whether_to_try_again(
    rest: Rest, answer: Response, kind: type[Exception], words: str
) -> None:
    rest.script = [answer]
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        with pytest.raises(kind, match=words) as failed:
            await connection.send(told())
    assert "6281211112222" not in str(failed.value)
    assert getattr(failed.value, "of_address", False) is (words in {"21610", "21211"})


async def test_an_answer_that_unpacks_to_more_than_memory_holds_is_none(rest: Rest) -> None:
    bomb = gzip.compress(bytes(50_000_000), 9)
    rest.script = [Response(bomb, headers={"content-encoding": "gzip"}), Response(bytes(LARGEST_ANSWER + 1))]
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        for _ in range(2):
            with pytest.raises(TemporaryFailure, match="ValueError"):
                await connection.send(told())


async def test_how_long_to_wait_is_what_twilio_says(rest: Rest) -> None:
    rest.script = [refusal(429, 20429), refusal(429, 20429)]
    rest.script[0].headers["Retry-After"] = "7"
    waits = []
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        for _ in range(2):
            with pytest.raises(TemporaryFailure) as failed:
                await connection.send(told())
            waits.append(failed.value.retry_after)
            assert not failed.value.uncertain  # https://www.twilio.com/docs/api/errors/20429: it was not processed
    assert waits == [7, None]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
async def test_a_message_that_cannot_be_looked_up_is_not_given_up(status: int) -> None:
    async def refuse(request: Request) -> Response:
        return refusal(status, 20000 + status)

    async with serving(answering(refuse)) as url, sms.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure, match=str(20000 + status)):
            await connection.find(told())


async def test_a_twilio_that_is_down_is_a_temporary_failure() -> None:
    async with sms.connect(at("http://127.0.0.1:9")) as connection:
        with pytest.raises(TemporaryFailure):
            await connection.send(told())
        with pytest.raises(TemporaryFailure):
            await connection.find(told())


async def test_a_message_whose_answer_was_lost_is_found_again(rest: Rest) -> None:
    rest.is_silent = True
    tried = told(first_tried_at=datetime.now(UTC))
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure):
            await connection.send(tried)
        assert await connection.find(tried) == "SM" + "0" * 32
        assert await connection.find(told(text="lain", first_tried_at=datetime.now(UTC))) is None


async def test_an_older_message_of_the_same_words_is_another_one(rest: Rest) -> None:
    rest.age = timedelta(minutes=5)
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        await connection.send(told())
        assert await connection.find(told(first_tried_at=datetime.now(UTC))) is None


async def test_without_credentials_the_channel_is_off() -> None:
    settings = read_settings(_env_file=None)
    assert sms.routes(settings, Kept().accept) == []
    await sms.receive(settings, Kept().accept, Place())
    async with sms.connect(settings) as connection:
        with pytest.raises(PermanentFailure, match="TWILIO_ACCOUNT_SID"):
            await connection.send(told())
    async with sms.connect(at(twilio_whatsapp_number=None)) as connection:
        with pytest.raises(PermanentFailure, match="TWILIO_WHATSAPP_NUMBER"):
            await connection.send(told(channel="whatsapp"))


async def test_a_photo_is_fetched_from_the_api_and_its_redirect_goes_nowhere_else() -> None:
    seen: list[tuple[str, bool]] = []

    async def media(request: Request) -> Response:
        seen.append((request.url.path, "authorization" in request.headers))
        if request.url.path == "/away":
            return Response(status_code=307, headers={"location": "http://127.0.0.1:9/stolen"})
        return Response(b"jpeg") if len(seen) > 1 else Response(status_code=404)

    async with serving(answering(media)) as url, sms.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure, match="404"):
            await connection.fetch(Attachment(ref=f"{url}/2010-04-01/Media/ME1"))
        assert await connection.fetch(Attachment(ref=f"{url}/2010-04-01/Media/ME1")) == b"jpeg"
        for elsewhere in (f"{url}/away", "https://api.twilio.com/x", "http://169.254.169.254/latest"):
            with pytest.raises(PermanentFailure, match="allowed host"):
                await connection.fetch(Attachment(ref=elsewhere))
    assert [with_credentials for _, with_credentials in seen] == [True, True, True]


async def test_a_photo_waits_while_our_credentials_are_refused() -> None:
    async def media(request: Request) -> Response:
        return Response(status_code=401)

    async with serving(answering(media)) as url, sms.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure, match="credentials"):
            await connection.fetch(Attachment(ref=f"{url}/2010-04-01/Media/ME1"))


async def test_the_log_holds_neither_number_nor_words(rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    kept, body = Kept(), (RAW / "text.txt").read_bytes()
    async with hooked(kept) as client:
        headers = sign(f"{PUBLIC}/hooks/twilio", body)
        await client.post("/hooks/twilio", content=body, headers=headers)
    async with serving(answering(rest.answer)) as url, sms.connect(at(url)) as connection:
        await connection.send(told())
        await connection.find(told())
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert "81211112222" not in written
    assert "JKT-7F3K-9" not in written
    assert "Tebet" not in written
