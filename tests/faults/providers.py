"""Twilio, Telegram, X and a mail relay that misbehave: each on a real socket, by what a citizen's number is due."""

import asyncio
import json
import math
import smtplib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiosmtpd.controller
from town import TEXT, Town, free_port
from twilio.request_validator import RequestValidator

WINDOW = 2  # seconds: what a Retry-After asks for
HANG = 60.0
SID, TOKEN, NUMBER = "AC" + "7" * 32, "auth-token-of-the-test", "+622150001234"
BOT = "70012345:TEST-token"
US = "700800"
X_KEYS = {
    f"X_{name}": "key" for name in ("API_KEY", "API_SECRET", "ACCESS_TOKEN", "ACCESS_SECRET", "BEARER_TOKEN")
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One try to send: when it came (time.monotonic), to whom, and what the stand-in did with it."""

    at: float
    to: str
    fault: str


@dataclass(kw_only=True)
class Wire:
    """What every stand-in keeps. `faults`: what the next messages to somebody meet; `taken`: what reached them."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    taken: dict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    said: list[dict[str, Any]] = field(default_factory=list)  # by citizens: updates, mentions
    is_over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, to: str, **message: str) -> str:
        """The fault that a message meets, "" for none; it is taken unless it is refused or never answered."""
        with self.lock:
            due = self.faults.get(to)
            fault = due.pop(0) if due else ""
            if fault in {"", "drop"}:
                self.taken[to].append(message)
            self.asked.append(Asked(at=time.monotonic(), to=to, fault=fault))
            return fault

    def met(self, fault: str, to: str) -> list[Asked]:
        return [each for each in self.asked if (each.fault, each.to) == (fault, to)]


# --- three APIs over HTTP -----------------------------------------------------------------------------------


class Api(BaseHTTPRequestHandler):
    """One connection to a stand-in; `wire` is the server's."""

    protocol_version = "HTTP/1.1"
    wire: ClassVar[Wire]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def form(self) -> dict[str, str]:
        body = self.body()
        if self.headers.get("Content-Type", "").startswith("application/json"):
            return json.loads(body)
        return dict(parse_qsl(body.decode()))

    def say(self, answer: object, status: int = 200, **headers: str) -> None:
        body = json.dumps(answer).encode()
        with suppress(OSError):
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    def is_silent(self, fault: str) -> bool:
        """Say nothing: not for a minute, or never."""
        if fault == "hang":
            self.wire.is_over.wait(HANG)
        self.close_connection = self.close_connection or fault in {"hang", "drop"}
        return fault in {"hang", "drop"}


class Twilio(Api):
    def do_POST(self) -> None:
        asked = self.form()
        sid = f"SM{len(self.wire.asked):032x}"
        fault = self.wire.meet(asked["To"], text=asked["Body"], sid=sid, at=format_datetime(datetime.now(UTC)))
        if self.is_silent(fault):
            return
        if fault == "429":
            self.say({"code": 20429, "message": "Too many", "status": 429}, 429, Retry_After=str(WINDOW))
        elif fault == "500":
            self.say({"code": 20500, "message": "Sorry", "status": 500}, 500)
        else:
            self.say({"sid": sid, "status": "queued", "to": asked["To"], "body": asked["Body"]}, 201)

    def do_GET(self) -> None:
        to = dict(parse_qsl(urlsplit(self.path).query)).get("To", "")
        rows = [
            {
                "sid": each["sid"],
                "body": each["text"],
                "direction": "outbound-api",
                "date_created": each["at"],
                "to": to,
                "from": NUMBER,
            }
            for each in self.wire.taken.get(to, ())
        ]
        self.say({"messages": rows[::-1], "next_page_uri": None})


class Telegram(Api):
    seconds = 5.0  # that getUpdates waits for news

    def do_POST(self) -> None:
        method, asked = self.path.rpartition("/")[2], self.form()
        if method == "sendMessage":
            self.send_message(str(asked["chat_id"]), asked["text"])
        elif method == "getUpdates":
            self.say({"ok": True, "result": self.updates(int(asked.get("offset") or 0))})
        else:
            self.say({"ok": True, "result": {"id": 70012345, "is_bot": True, "username": "lapor_bot"}})

    def do_GET(self) -> None:
        self.do_POST()

    def send_message(self, to: str, text: str) -> None:
        fault = self.wire.meet(to, text=text)
        if self.is_silent(fault):
            return
        if fault == "429":
            refusal = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {WINDOW}"}
            self.say({**refusal, "parameters": {"retry_after": WINDOW}}, 429)
        elif fault == "500":
            self.say({"ok": False, "error_code": 500, "description": "Internal Server Error"}, 500)
        else:
            result = {
                "message_id": len(self.wire.asked),
                "date": 1762220411,
                "chat": {"id": int(to)},
                "text": text,
            }
            self.say({"ok": True, "result": result})

    def updates(self, offset: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline and not self.wire.is_over.is_set():
            if found := [each for each in self.wire.said if each["update_id"] >= offset]:
                return found
            time.sleep(0.02)
        return []


class X(Api):
    def do_POST(self) -> None:
        asked = json.loads(self.body())
        to, number = asked["reply"]["in_reply_to_tweet_id"], str(9_000_000 + len(self.wire.asked))
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fault = self.wire.meet(to, text=asked["text"], id=number, at=now)
        if self.is_silent(fault):
            return
        if fault == "429":
            reset = math.ceil(time.time() + WINDOW)
            self.say({"title": "Too Many Requests", "status": 429}, 429, x_rate_limit_reset=str(reset))
        elif fault == "500":
            self.say({"title": "Internal Server Error", "status": 500}, 500)
        else:
            self.say({"data": {"id": number, "text": asked["text"]}}, 201)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/mentions"):
            since = int(dict(parse_qsl(urlsplit(self.path).query)).get("since_id", "0"))
            found = [each for each in self.wire.said if int(each["id"]) > since]
            self.say({"data": found[::-1], "meta": {"result_count": len(found)}})
        elif path.endswith("/tweets"):
            self.say({"data": list(self.replies()), "meta": {}})
        else:
            self.say({"data": {"id": US, "username": "lapor_dki"}})

    def replies(self) -> Iterator[dict[str, Any]]:
        for to, posts in list(self.wire.taken.items()):
            for post in posts:
                answered = [{"type": "replied_to", "id": to}]
                yield {
                    "id": post["id"],
                    "text": post["text"],
                    "created_at": post["at"],
                    "referenced_tweets": answered,
                }


@contextmanager
def serving(kind: type[Api], wire: Wire) -> Iterator[str]:
    """Serve one provider on a free port; what hangs is let go at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type(kind.__name__, (kind,), {"wire": wire}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        wire.is_over.set()
        server.shutdown()
        server.server_close()


# --- a mail relay -------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Relay:
    """SMTP knows no Retry-After: "429" is 451 here, "500" is 421."""

    wire: Wire

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        (to,) = envelope.rcpt_tos
        fault = self.wire.meet(to, text=mail.get_content(), message_id=str(mail["Message-ID"]))
        if fault == "hang":
            await silence(self.wire.is_over)
        if fault in {"hang", "drop"}:
            server.transport.abort()
        return {"429": "451 4.7.1 Too fast", "500": "421 4.3.0 Out of order"}.get(fault, "250 2.0.0 Taken")


async def silence(over: threading.Event) -> None:
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline and not over.is_set():
        await asyncio.sleep(0.1)


@contextmanager
def relaying(wire: Wire) -> Iterator[str]:
    controller = aiosmtpd.controller.Controller(Relay(wire=wire), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        wire.is_over.set()
        controller.stop()


# --- citizens -----------------------------------------------------------------------------------------------


def write_sms(town: Town, wire: Wire, name: str) -> None:
    form = {"MessageSid": f"SM{int(name):032x}", "AccountSid": SID, "From": name, "To": NUMBER, "Body": TEXT}
    signature = RequestValidator(TOKEN).compute_signature(f"{town.url}/hooks/twilio", form)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    answer = town.client.post("/hooks/twilio", content=urlencode(form), headers=headers)
    assert answer.status_code == 200


def write_telegram(town: Town, wire: Wire, name: str) -> None:
    person = {"id": int(name), "first_name": "Sari", "is_bot": False}
    message = {"message_id": 1, "from": person, "chat": {"id": int(name), "type": "private"}, "text": TEXT}
    wire.said.append({"update_id": len(wire.said) + 1, "message": {**message, "date": int(time.time())}})


def write_x(town: Town, wire: Wire, name: str) -> None:
    """A mention's own id is the citizen's name here: it is what we answer to."""
    post = {"id": name, "author_id": f"34{name}", "text": f"@lapor_dki {TEXT}", "edit_history_tweet_ids": [name]}
    wire.said.append(post)


def write_mail(town: Town, wire: Wire, name: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = name, "lapor@localhost", "Lampu mati"
    mail["Message-ID"] = f"<one-{name}>"
    mail.set_content(TEXT)
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=20) as server:
        server.send_message(mail)


WRITE = {"sms": write_sms, "telegram": write_telegram, "x": write_x, "email": write_mail}
NAMES = {"sms": "+62812770{n:05}", "telegram": "511{n:06}", "x": "19850{n:06}", "email": "warga{n}@example.org"}
