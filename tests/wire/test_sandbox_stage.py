"""The sandbox itself: its identity, what prepare fills in, the script API's answers, trying again, restarts."""

import asyncio
import base64
import io
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from town import free_port

import sandbox
from config.settings import Settings, SettingsError
from sandbox.identity import identity
from sandbox.stage import Bell

JAKARTA = {"lat": -6.2146, "long": 106.8451}


@dataclass
class Bot:
    """The bot's end of the wire: keeps what the stand-ins post, and answers with `status`."""

    status: int = 200
    heard: list[tuple[str, httpx.Headers, bytes]] = field(default_factory=list)

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        if self.status == 200:
            self.heard.append((request.url.path, httpx.Headers(request.headers.raw), body))
        return Response(status_code=self.status)


@dataclass
class Served:
    """A sandbox that runs on loopback, with a client for its script API."""

    settings: Settings
    http: httpx.AsyncClient
    bot: Bot

    async def say(self, channel: str, **body: Any) -> dict[str, Any]:
        body["from"] = body.pop("who")
        answer = await self.http.post(f"/sandbox/api/{channel}/messages", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def thread(self, channel: str, who: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/sandbox/api/{channel}/{who}")
        return answer.json()["messages"]


def settings_in(data_dir: Path, **more: Any) -> Settings:
    ports = {"http_listen": f"127.0.0.1:{free_port()}", "smtp_listen": f"127.0.0.1:{free_port()}"}
    return Settings(_env_file=None, data_dir=data_dir, **(ports | more))


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Served]:
    """The routes mounted in an app behind a real HTTP server, next to the bot's hooks."""
    bot = Bot()
    hooks = [Route("/hooks/{rest:path}", bot.hear, methods=["POST"])]
    app = Starlette(routes=[*sandbox.routes(settings), *hooks])
    listen = settings.http_listen
    server = uvicorn.Server(uvicorn.Config(app, host=listen.host, port=listen.port, log_level="warning"))
    async with sandbox.run(settings):
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        async with httpx.AsyncClient(base_url=settings.base_url, trust_env=False, timeout=20) as http:
            yield Served(settings=settings, http=http, bot=bot)
        server.should_exit = True
        await serving


async def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for the condition, which may be a coroutine function; fail loudly after the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        found = condition()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("the condition did not come true in time")


def picture(kind: str = "JPEG", size: tuple[int, int] = (1600, 1200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(out, kind)
    return out.getvalue()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


def test_the_same_stand_ins_are_seen_by_every_process_and_after_a_restart(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert sandbox.prepare(settings) == sandbox.prepare(settings)
    assert stat.S_IMODE(os.stat(tmp_path / "sandbox.json").st_mode) == 0o600


def test_preparing_fills_every_channel_and_keeps_the_rest(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    prepared = sandbox.prepare(settings)
    assert prepared.sandbox_in_effect
    assert prepared.has_twilio
    assert prepared.has_x
    assert prepared.x_poll_seconds == 1
    assert prepared.telegram_api_url == f"http://{settings.http_listen}/sandbox/wire/telegram"
    assert prepared.base_url == settings.base_url
    assert sandbox.prepare(prepared) == prepared


def test_a_channel_with_credentials_keeps_them(tmp_path: Path) -> None:
    prepared = sandbox.prepare(settings_in(tmp_path, sandbox="on", telegram_token="123:real"))
    assert prepared.telegram_token == "123:real"
    assert prepared.telegram_api_url is None
    assert prepared.has_twilio


def test_without_sandbox_nothing_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SANDBOX"):
        sandbox.prepare(settings_in(tmp_path, sandbox="off"))


def test_a_mail_port_taken_by_a_stranger_is_changed(tmp_path: Path) -> None:
    before = identity(tmp_path).smtp_port
    with socket.create_server(("127.0.0.1", before)) as stranger:
        stranger.settimeout(0)
        answering = _answer_once(stranger, b"220 somebody else\r\n")
        after = identity(tmp_path).smtp_port
        answering.join()
    assert after != before
    assert identity(tmp_path).smtp_port == after


def _answer_once(server: socket.socket, words: bytes) -> Any:
    import threading

    def answer() -> None:
        server.settimeout(10)
        line, _ = server.accept()
        line.sendall(words)
        line.close()

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


async def test_a_running_sink_is_known_for_ours_by_a_second_process(served: Served, tmp_path: Path) -> None:
    port = await asyncio.to_thread(lambda: identity(tmp_path).smtp_port)
    assert served.settings.smtp_relay == f"smtp://127.0.0.1:{port}"


async def test_threads_survive_a_restart(tmp_path: Path) -> None:
    settings = sandbox.prepare(settings_in(tmp_path))
    async with serve(settings) as first:
        said = await first.say("sms", who="+628111", text="lampu mati", photos=[b64(picture())])
    async with serve(sandbox.prepare(settings)) as second:
        (kept,) = await second.thread("sms", "+628111")
        assert (kept["id"], kept["text"], kept["photos"]) == (said["id"], "lampu mati", 1)
        photo = await second.http.get(kept["photo_urls"][0])
        assert photo.content == picture()


@pytest.mark.parametrize(
    ("channel", "body", "reason"),
    [
        ("sms", {"from": "bukan nomor", "text": "x"}, "from"),
        ("sms", {"text": "x"}, "from"),
        ("email", {"from": "bukan alamat", "text": "x"}, "from"),
        ("x", {"from": "a b", "text": "x"}, "from"),
        ("sms", {"from": "+628111222"}, "nothing"),
        ("sms", {"from": "+628111222", "text": 5}, "text"),
        ("telegram", {"from": "budi", "text": ""}, "empty"),
        ("telegram", {"from": "budi", "lat": 1}, "long"),
        ("telegram", {"from": "budi", "lat": 91, "long": 0}, "lat"),
        ("telegram", {"from": "budi", "lat": True, "long": 0}, "lat"),
        ("whatsapp", {"from": "+628111222", "photos": ["%%%"]}, "base64"),
        ("whatsapp", {"from": "+628111222", "photos": "abc"}, "list"),
        ("telegram", {"from": "budi", "press": "Ya"}, "button"),
        ("x", {"from": "warga", "text": "x", "reply_to": "1"}, "reply_to"),
        ("x", {"from": "warga", "text": "lone surrogate \ud800"}, "Unicode"),
    ],
)
async def test_bad_input_is_refused_with_its_reason(
    served: Served, channel: str, body: dict[str, Any], reason: str
) -> None:
    answer = await served.http.post(f"/sandbox/api/{channel}/messages", content=json.dumps(body).encode())
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


async def test_what_is_not_a_json_object_is_refused(served: Served) -> None:
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = await served.http.post("/sandbox/api/sms/messages", content=body)
        assert answer.status_code == 400


async def test_a_channel_without_stand_in_says_so(tmp_path: Path) -> None:
    settings = sandbox.prepare(settings_in(tmp_path, sandbox="on", smtp_relay="smtp://real.example:25"))
    async with serve(settings) as running:
        answer = await running.http.post("/sandbox/api/email/messages", json={"from": "a@b.id", "text": "x"})
        assert answer.status_code == 409
        assert (await running.http.get("/sandbox/api/channels")).json()["channels"]["email"]["played"] is False
        assert (await running.http.post("/sandbox/api/fax/messages", json={})).status_code == 404


async def test_what_the_bot_cannot_keep_is_tried_again(served: Served) -> None:
    served.bot.status = 503
    said = await served.say("sms", who="08123456789", text="banjir")
    assert said["delivered"] is False
    assert "refused" not in said
    served.bot.status = 200
    await until(lambda: served.bot.heard)
    assert said["id"].encode() in served.bot.heard[0][2]


async def test_what_was_not_taken_is_tried_again_after_a_restart(tmp_path: Path) -> None:
    settings = sandbox.prepare(settings_in(tmp_path))
    async with serve(settings) as first:
        first.bot.status = 503
        said = await first.say("whatsapp", who="+628123456789", text="banjir")
    async with serve(settings) as second:
        await until(lambda: second.bot.heard)
        assert said["id"].encode() in second.bot.heard[0][2]


async def test_what_the_bot_refuses_is_not_tried_again(served: Served) -> None:
    served.bot.status = 403
    said = await served.say("sms", who="+628123456789", text="banjir")
    assert (said["delivered"], said["refused"]) == (False, "HTTP 403")


async def test_a_page_of_another_site_cannot_write(served: Served) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"from": "+628111", "text": "x"}
    answer = await served.http.post("/sandbox/api/sms/messages", json=body, headers=headers)
    assert answer.status_code == 403


async def test_the_page_loads_nothing_from_elsewhere(served: Served) -> None:
    page = await served.http.get("/sandbox")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert "style=" not in page.text
    for name in ("sandbox.css", "sandbox.js"):
        assert name in page.text
        assert (await served.http.get(f"/sandbox/static/{name}")).status_code == 200


@pytest.mark.parametrize("turns", range(3))
async def test_who_waits_for_the_bell_can_be_stopped_in_the_moment_it_rings(turns: int) -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bell.ring()
    for _ in range(turns):
        await asyncio.sleep(0)

    had_ended = waiting.done()
    waiting.cancel()

    await asyncio.wait([waiting])
    assert waiting.cancelled() is not had_ended
