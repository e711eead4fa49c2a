"""X on the wire: an API of the test's own that pages, limits, breaks, or is gone."""

import asyncio
import base64
import hmac
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from channels import x
from channels.fetch import LARGEST_ANSWER
from channels.hook import in_front
from config.settings import Settings, read_settings
from normalizer.schema import Attachment, InboundMessage, OutboundMessage, PermanentFailure, TemporaryFailure
from tests.wire.loopback import Kept, Place, answering, serving, until

RAW = Path(__file__).resolve().parents[1] / "data" / "x"
US = "700800"
SECRET = "rahasia-x"
T = TypeVar("T")


def at(api_url: str, **more: Any) -> Settings:
    given = {
        "x_api_key": "key",
        "x_api_secret": SECRET,
        "x_access_token": "token",
        "x_access_secret": "token-secret",
        "x_bearer_token": "bearer",
        "x_api_url": api_url + "/",
        "x_poll_seconds": 0.05,
    }
    return read_settings(_env_file=None, **{**given, **more})


@dataclass
class Api:
    """X's version 2 in small: mentions newest first in pages of two, posts, and answers to give first."""

    mentions: list[dict[str, Any]] = field(default_factory=list)
    media: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    script: dict[str, list[Response]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    is_silent: bool = False

    async def answer(self, request: Request) -> Response:
        what = f"{request.method} {request.url.path}"
        query = dict(request.query_params)
        self.asked.append((what, query, request.headers.get("authorization", "")))
        if self.script.get(what):
            return self.script[what].pop(0)
        if what == "GET /2/users/me":
            return JSONResponse({"data": {"id": US, "username": "lapor_dki"}})
        if what == f"GET /2/users/{US}/mentions":
            return JSONResponse(self.page(query))
        if what == f"GET /2/users/{US}/tweets":
            return JSONResponse({"data": self.posts[::-1]} if self.posts else {"meta": {"result_count": 0}})
        assert what == "POST /2/tweets"
        return self.post(await request.json())

    def page(self, query: dict[str, str]) -> dict[str, Any]:
        since, start = int(query.get("since_id", 0)), int(query.get("pagination_token", 0))
        found = sorted((one for one in self.mentions if int(one["id"]) > since), key=lambda one: -int(one["id"]))
        page = found[start : start + 2]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(found) > start + 2:
            meta["next_token"] = str(start + 2)
        return {"data": page, "includes": {"media": self.media}, "meta": meta} if page else {"meta": meta}

    def post(self, said: dict[str, Any]) -> Response:
        number = str(9000 + len(self.posts))
        target = said["reply"]["in_reply_to_tweet_id"]
        made = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        reply = {"referenced_tweets": [{"type": "replied_to", "id": target}], "created_at": made}
        self.posts.append({"id": number, "text": f"@rina {said['text']}", "author_id": US, **reply})
        if self.is_silent:
            return PlainTextResponse("gateway timeout", status_code=504)
        return JSONResponse({"data": {"id": number, "text": said["text"]}}, status_code=201)

    def times(self, what: str) -> int:
        return sum(name == what for name, _, _ in self.asked)


MENTIONS = f"GET /2/users/{US}/mentions"


def mention(number: int, author: str = "31", **more: Any) -> dict[str, Any]:
    return {"id": str(number), "author_id": author, "text": f"@lapor_dki lubang nomor {number}", **more}


@pytest.fixture
def api() -> Api:
    return Api()


@asynccontextmanager
async def listening(api: Api, kept: Kept, cursor: Place, **more: Any) -> AsyncIterator[None]:
    async with serving(answering(api.answer)) as url:
        task = asyncio.create_task(x.receive(at(url, **more), kept.accept, cursor))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_mentions_of_all_pages_are_kept_oldest_first_and_once(api: Api) -> None:
    kept, cursor = Kept(), Place()
    api.mentions = [mention(n) for n in (101, 99, 103, 102, 100)]
    async with listening(api, kept, cursor):
        await until(lambda: len(kept.ids) == 5)
        api.mentions.append(mention(104))
        await until(lambda: api.asked[-1][1].get("since_id") == "104")
    assert kept.ids == ["99", "100", "101", "102", "103", "104"]
    assert cursor.values == [f"{US}:103", f"{US}:104"]
    assert api.times("GET /2/users/me") == 1
    assert {lane for _, lane, _, _ in kept.rows} == {"31"}


async def test_a_house_that_never_polled_looks_a_day_back(api: Api) -> None:
    async with listening(api, Kept(), Place()):
        await until(lambda: api.times(MENTIONS) == 1)
    query = next(query for what, query, _ in api.asked if what == MENTIONS)
    assert "since_id" not in query
    start = datetime.fromisoformat(query["start_time"])
    assert 86_000 < (datetime.now(UTC) - start).total_seconds() < 87_000


async def test_each_mention_is_kept_with_its_own_photos_only(api: Api) -> None:
    kept = Kept()
    api.mentions = [mention(1, attachments={"media_keys": ["3_1"]}), mention(2)]
    api.media = [{"media_key": f"3_{n}", "type": "photo", "url": f"https://pbs.twimg.com/{n}.jpg"} for n in (1, 2)]
    async with listening(api, kept, Place()):
        await until(lambda: len(kept.ids) == 2)
    first, second = (x.parse(raw, meta)[0] for _, _, raw, meta in kept.rows)
    assert isinstance(first, InboundMessage)
    assert isinstance(second, InboundMessage)
    assert [photo.ref for photo in first.attachments] == ["https://pbs.twimg.com/1.jpg"]
    assert second.attachments == ()
    assert first.account == US
    assert b"3_2" not in kept.rows[0][2]


async def test_our_own_posts_and_reposts_are_passed_over(api: Api) -> None:
    kept, cursor = Kept(), Place()
    repost = mention(6, referenced_tweets=[{"type": "retweeted", "id": "1"}])
    api.mentions = [mention(5, author=US), repost, mention(7)]
    async with listening(api, kept, cursor):
        await until(lambda: len(kept.ids) == 1)
    assert kept.ids == ["7"]


async def test_the_cursor_waits_until_the_journal_can_keep_again(api: Api) -> None:
    kept, cursor = Kept(is_full=True), Place()
    api.mentions = [mention(5)]
    async with listening(api, kept, cursor):
        await until(lambda: kept.refused >= 2)
        assert cursor.values == []
        kept.is_full = False
        await until(lambda: cursor.values == [f"{US}:5"])
    assert kept.ids == ["5"]


async def test_another_accounts_cursor_hides_nothing(api: Api) -> None:
    kept = Kept()
    api.mentions = [mention(5)]
    async with listening(api, kept, Place(["1:600"])):
        await until(lambda: kept.ids == ["5"])


async def test_polling_waits_for_the_limits_reset_and_survives_whatever_comes(api: Api) -> None:
    kept = Kept()
    reset = {"x-rate-limit-reset": str(int(time.time()) + 1)}
    api.script[MENTIONS] = [
        JSONResponse({"title": "Too Many Requests"}, status_code=429, headers=reset),
        JSONResponse({"title": "Too Many Requests"}, status_code=429, headers={"x-rate-limit-reset": "kapan"}),
        PlainTextResponse("<html>bad gateway</html>", status_code=502),
        PlainTextResponse("no JSON"),
        JSONResponse(["a list"]),
        JSONResponse({"data": [{"id": 3}, "x", {"text": 1}]}),
    ]
    api.mentions = [mention(5)]
    async with listening(api, kept, Place()):
        await until(lambda: "5" in kept.ids, seconds=30)
    assert api.script[MENTIONS] == []
    assert api.times(MENTIONS) < 15


async def test_a_poller_that_is_told_to_end_waits_for_no_answer(api: Api) -> None:
    """It may run in a server that goes on: another one polls by now."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> Response:
        asked.set()
        await over.wait()
        return JSONResponse({})

    async with serving(answering(hang)) as url:
        task = asyncio.create_task(x.receive(at(url), Kept().accept, Place()))
        await asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: not [each for each in threading.enumerate() if each.name.startswith("x-poll")])
        over.set()


async def test_without_a_bearer_token_mentions_are_asked_for_with_our_own_signature(api: Api) -> None:
    kept = Kept()
    api.mentions = [mention(5)]
    async with listening(api, kept, Place(), x_bearer_token=None):
        await until(lambda: kept.ids == ["5"])
    assert next(head for what, _, head in api.asked if what == MENTIONS).startswith("OAuth ")


def sign(words: bytes) -> str:
    return "sha256=" + base64.b64encode(hmac.new(SECRET.encode(), words, sha256).digest()).decode()


@asynccontextmanager
async def hooked(kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    routes = x.routes(at("http://127.0.0.1:9"), kept.accept)
    async with (
        serving(in_front(routes, Starlette(routes=routes))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_the_webhooks_challenge_is_answered() -> None:
    async with hooked(Kept()) as client:
        answer = await client.get("/hooks/x", params={"crc_token": "apa kabar", "nonce": "1"})
    assert answer.json() == {"response_token": sign(b"apa kabar")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
async def test_the_challenge_signs_nothing_that_could_be_sent_as_a_post(encoding: str) -> None:
    body = (RAW / "webhook.json").read_text().encode(encoding)
    async with hooked(Kept()) as client:
        answer = await client.get("/hooks/x", params={"crc_token": body})
        assert answer.status_code == 400
        assert sign(body) not in answer.text
        assert (await client.get("/hooks/x")).status_code == 400


async def test_the_webhook_keeps_what_citizens_post_and_not_what_we_do() -> None:
    kept, body = Kept(), (RAW / "webhook.json").read_bytes()
    async with hooked(kept) as client:
        for _ in range(2):
            headers = {"x-twitter-webhooks-signature": sign(body)}
            answer = await client.post("/hooks/x", content=body, headers=headers)
            assert answer.status_code == 200
    ((key, lane, raw, meta),) = kept.rows
    assert (key, lane, meta) == ("1985123456789012345", "340091177", {"user_id": US})
    (heard,) = x.parse(raw, meta)
    assert isinstance(heard, InboundMessage)
    assert heard.text.startswith("pohon tumbang")


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=c2FsYWg=", "sha1=x"])
async def test_a_wrong_signature_is_refused_and_nothing_kept(signature: str) -> None:
    kept, body = Kept(), (RAW / "webhook.json").read_bytes()
    async with hooked(kept) as client:
        headers = {"x-twitter-webhooks-signature": signature}
        answer = await client.post("/hooks/x", content=body, headers=headers)
    assert answer.status_code == 403
    assert kept.ids == []


@pytest.mark.parametrize(
    ("body", "is_full", "status"),
    [
        (b'{"favorite_events": [{}]}', False, 200),
        (b'{"tweet_create_events": [3, {}]}', False, 200),
        (b"no JSON", False, 400),
        ((RAW / "webhook.json").read_bytes(), True, 503),
        (b" " * 1_000_001, False, 413),
    ],
)
async def test_the_webhook_answers_by_what_it_could_do(body: bytes, is_full: bool, status: int) -> None:
    kept = Kept(is_full=is_full)
    async with hooked(kept) as client:
        headers = {"x-twitter-webhooks-signature": sign(body)}
        answer = await client.post("/hooks/x", content=body, headers=headers)
    assert answer.status_code == status
    assert kept.ids == []


def told(**changes: Any) -> OutboundMessage:
    kwargs = {"delivery_id": 1, "channel": "x", "account": US, "to": "31", "in_reply_to": "1985"}
    return OutboundMessage(**{**kwargs, "text": "Laporan JKT-7F3K-9 diterima.", **changes})


async def test_an_answer_is_a_reply_to_the_post(api: Api) -> None:
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        assert await connection.send(told()) == "9000"
    assert api.posts[0]["referenced_tweets"] == [{"type": "replied_to", "id": "1985"}]
    assert api.posts[0]["text"] == "@rina Laporan JKT-7F3K-9 diterima."
    assert api.asked[0][2].startswith("OAuth ")


async def test_a_long_answer_is_cut_to_a_post(api: Api) -> None:
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        await connection.send(told(text="kata " * 100 + "https://lapor.example/r/JKT-7F3K-9"))
    assert api.posts[0]["text"].endswith("kata… https://lapor.example/r/JKT-7F3K-9")


async def test_an_answer_to_nothing_is_never_posted(api: Api) -> None:
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        with pytest.raises(PermanentFailure):
            await connection.send(told(in_reply_to=None))
    assert api.posts == []


async def test_a_reply_whose_answer_was_lost_is_found_again(api: Api) -> None:
    api.is_silent = True
    tried = told(first_tried_at=datetime.now(UTC))
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        assert await connection.find(tried) is None
        with pytest.raises(TemporaryFailure):
            await connection.send(tried)
        assert await connection.find(tried) == "9000"
        assert await connection.find(told(in_reply_to="1986")) is None
        assert await connection.find(told(text="lain")) is None


def limited(headers: dict[str, str]) -> Response:
    return JSONResponse({"title": "Too Many Requests"}, status_code=429, headers=headers)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (limited({"x-rate-limit-reset": str(int(time.time()) + 3600)}), TemporaryFailure, "429"),
        (limited({}), TemporaryFailure, "429"),
        (limited({"x-rate-limit-reset": "kapan"}), TemporaryFailure, "429"),
        (JSONResponse({"detail": "You are not permitted, rina"}, status_code=403), PermanentFailure, "403$"),
        (JSONResponse({"errors": [{"message": "rina"}]}, status_code=400), PermanentFailure, "400$"),
        (JSONResponse({"errors": ["rina"]}, status_code=401), TemporaryFailure, "401"),
        (JSONResponse({"title": "CreditsDepleted"}, status_code=402), TemporaryFailure, "402"),
        (PlainTextResponse("<html>", status_code=503), TemporaryFailure, "503"),
        (PlainTextResponse("no JSON", status_code=201), TemporaryFailure, "X"),
        (JSONResponse({}, status_code=201), TemporaryFailure, "without an id"),
        (Response(status_code=307, headers={"location": "http://127.0.0.1:9/"}), TemporaryFailure, "307"),
        (PlainTextResponse("<html>a proxy's page</html>", status_code=403), TemporaryFailure, "not X's"),
    ],
)
async def test_a_refusal_says_whether_to_try_again(
    api: Api, answer: Response, kind: type[Exception], words: str
) -> None:
    api.script["POST /2/tweets"] = [answer]
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        with pytest.raises(kind, match=words) as failed:
            await connection.send(told())
    assert "rina" not in str(failed.value)
    assert api.times("POST /2/tweets") == 1
    if answer.headers.get("x-rate-limit-reset", "").isdecimal():
        assert isinstance(failed.value, TemporaryFailure)
        assert 1800 < (failed.value.retry_after or 0) < 3700


def later(ask: Callable[..., T], seconds: float) -> Callable[..., T]:
    def asked(*what: Any, **more: Any) -> T:
        time.sleep(seconds)
        return ask(*what, **more)

    return asked


@pytest.mark.parametrize("way", ["straight", "through a proxy", "behind a slow name server"])
async def test_answers_without_an_end_cost_no_thread(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, in the head or behind it: more of them than there are threads, and then X is back."""
    monkeypatch.setattr("channels.x_api.CALL_SECONDS", 0.3)
    head = b"HTTP/1.1 200 OK\r\n"
    heads, over = [head, head + b"Content-Length: 9999\r\n\r\n"] * 3, asyncio.Event()
    good = head + b'Content-Length: 22\r\n\r\n{"data": {"id": "77"}}'

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(99)
        writer.write(heads.pop() if asked and heads else good)
        while not over.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if way == "through a proxy":
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        address = "http://x.invalid"
    async with server, x.connect(at(address)) as connection:
        with monkeypatch.context() as names:
            if way == "behind a slow name server":
                names.setattr("socket.getaddrinfo", later(socket.getaddrinfo, 0.4))
            for _ in range(len(heads)):
                with pytest.raises(TemporaryFailure, match="TimeoutError"):
                    await connection.send(told())
            await asyncio.sleep(0.5)
        heads.clear()
        assert await connection.send(told()) == "77"
        over.set()


@pytest.mark.parametrize("answer", [b" " * (LARGEST_ANSWER + 1), b'{"data": {"id": "7'])
async def test_an_answer_that_is_too_large_or_broken_off_is_none(api: Api, answer: bytes) -> None:
    response = Response(answer, status_code=201)
    if len(answer) < LARGEST_ANSWER:
        response.headers["content-length"] = "100"
    api.script["POST /2/tweets"] = [response]
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        with pytest.raises(TemporaryFailure) as failed:
            await connection.send(told())
    assert failed.value.uncertain


async def test_a_photo_comes_from_the_stand_in_alone_when_one_is_set() -> None:
    async def media(request: Request) -> Response:
        return Response(b"jpeg" if "authorization" not in request.headers else b"leak")

    async with serving(answering(media)) as url, x.connect(at(url)) as connection:
        assert await connection.fetch(Attachment(ref=f"{url}/media/1.jpg")) == b"jpeg"
        with pytest.raises(PermanentFailure, match="allowed host"):
            await connection.fetch(Attachment(ref="https://pbs.twimg.com/media/1.jpg"))


async def test_without_credentials_the_channel_is_off() -> None:
    settings = read_settings(_env_file=None)
    assert x.routes(settings, Kept().accept) == []
    await x.receive(settings, Kept().accept, Place())
    async with x.connect(settings) as connection:
        with pytest.raises(PermanentFailure, match="X_API_KEY"):
            await connection.send(told())


async def test_the_log_holds_neither_secrets_nor_words(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    kept = Kept()
    api.mentions = [mention(5)]
    async with listening(api, kept, Place()):
        await until(lambda: kept.ids == ["5"])
    async with serving(answering(api.answer)) as url, x.connect(at(url)) as connection:
        await connection.send(told())
    written = "\n".join(record.getMessage() for record in caplog.records)
    for secret in ("bearer", "token-secret", "lubang", "JKT-7F3K-9"):
        assert secret not in written
