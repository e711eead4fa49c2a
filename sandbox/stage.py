"""What all stand-ins share: the settings, the memory, a bell, and a way to hand over that tries again."""

import asyncio
import json
import logging
import smtplib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib
import httpx

from config.settings import Settings
from normalizer.schema import Position
from sandbox.identity import read_identity
from sandbox.memory import Database, Kept, Person, open_memory
from sandbox.photos import Photo

log = logging.getLogger("lapor.sandbox")

CHANNELS = ("sms", "whatsapp", "email", "telegram", "x")
FIRST_TRY_SECONDS = 15.0  # as long as Twilio waits for a webhook
LONGEST_WAIT_SECONDS = 30.0
MOST_TRIES = 200


class BadRequest(Exception):  # noqa: N818  (HTTP's word)
    """What the phone was asked to do cannot be done; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a person does on their phone: says something, or presses a button."""

    person: Person
    text: str = ""
    photos: tuple[Photo, ...] = ()
    position: Position | None = None
    reply_to: Kept | None = None
    press: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The provider's ids of what was said, and how it went: delivered, to be tried again, or refused for good."""

    ids: tuple[str, ...]
    delivered: bool = True
    refused: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """Something to hand over: a form for an URL, or a mail for a recipient."""

    kind: Literal["form", "mail"]
    target: str
    body: bytes
    sender: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How a try went; `reason` where it was not taken."""

    state: Literal["taken", "later", "refused"]
    reason: str | None = None


class Bell:
    """Wakes all that wait for something new."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after `seconds`."""
        with suppress(TimeoutError):  # (3.11's wait_for may swallow a cancellation that comes with the ring)
            async with asyncio.timeout(max(seconds, 0)):
                await self._next.wait()


@dataclass(kw_only=True)
class Stage:
    """One running sandbox. `turn` counts getUpdates calls, so that a newer one ends the older."""

    settings: Settings
    db: Database
    client: httpx.AsyncClient
    bell: Bell = field(default_factory=Bell)
    pushing: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn: int = 0
    push_tries: int = 0
    push_due: float = 0.0
    calls: dict[str, tuple[float, int]] = field(default_factory=dict)


_stages: dict[Settings, Stage] = {}


def stage_of(settings: Settings) -> Stage:
    """The sandbox of these settings; opened at the first call, the same one until `close`."""
    if settings not in _stages:
        # Only loopback is ever called: a proxy must not see it, and its certificate is nobody's business.
        client = httpx.AsyncClient(trust_env=False, verify=False, timeout=FIRST_TRY_SECONDS)  # noqa: S501
        _stages[settings] = Stage(settings=settings, db=open_memory(settings.data_dir), client=client)
    return _stages[settings]


async def close(settings: Settings) -> None:
    stage = _stages.pop(settings, None)
    if stage:
        await stage.client.aclose()
        stage.db.close()


def wire_url(settings: Settings, provider: str) -> str:
    """Where the stand-in of a provider answers."""
    return f"http://{settings.http_listen}/sandbox/wire/{provider}"


def is_played(settings: Settings, channel: str) -> bool:
    """Whether a stand-in plays this channel; one with real credentials is left alone."""
    if channel == "email":
        return settings.smtp_relay == read_identity(settings.data_dir).smtp_relay
    if channel in {"sms", "whatsapp"}:
        number = settings.twilio_number if channel == "sms" else settings.twilio_whatsapp_number
        return settings.twilio_api_url == wire_url(settings, "twilio") and bool(number)
    kept = settings.telegram_api_url if channel == "telegram" else settings.x_api_url
    return kept == wire_url(settings, channel)


async def hand_over(stage: Stage, errand: Errand) -> Answer:
    """Try at once; what is not taken now is kept and tried again with back-off, over a restart too."""
    number = _keep(stage, errand, due=time.time() + 4 * FIRST_TRY_SECONDS)
    return await _try(stage, number, errand, tries=0)


def hand_over_soon(stage: Stage, errand: Errand) -> None:
    """Leave it to the background, in order."""
    _keep(stage, errand, due=0)
    stage.bell.ring()


def _keep(stage: Stage, errand: Errand, *, due: float) -> int:
    headers = json.dumps(dict(errand.headers))
    made = stage.db.execute(
        "insert into errands (kind, target, sender, headers, body, due) values (?, ?, ?, ?, ?, ?)",
        (errand.kind, errand.target, errand.sender, headers, errand.body, due),
    )
    return made.lastrowid or 0


async def work_errands(stage: Stage) -> None:
    """One round over all that is due, oldest first."""
    rows = stage.db.execute("select * from errands where due<=? order by id limit 100", (time.time(),)).fetchall()
    for row in rows:
        errand = Errand(
            kind=row["kind"],
            target=row["target"],
            body=row["body"],
            sender=row["sender"],
            headers=json.loads(row["headers"]),
        )
        await _try(stage, row["id"], errand, tries=row["tries"])


async def _try(stage: Stage, number: int, errand: Errand, *, tries: int) -> Answer:
    answer = await (_post(stage, errand) if errand.kind == "form" else _mail(stage, errand))
    if answer.state == "later" and tries < MOST_TRIES:
        due = time.time() + wait_after(tries)
        stage.db.execute("update errands set tries=?, due=? where id=?", (tries + 1, due, number))
        log.info("errand %s: not taken (try %s)", number, tries + 1)
    else:
        stage.db.execute("delete from errands where id=?", (number,))
    return answer


def wait_after(tries: int) -> float:
    """Seconds until the next try: 1, 2, 4, … 30."""
    return float(min(2 ** min(tries, 10), LONGEST_WAIT_SECONDS))


async def _post(stage: Stage, errand: Errand) -> Answer:
    try:
        got = await stage.client.post(errand.target, content=errand.body, headers=dict(errand.headers))
    except httpx.HTTPError as error:
        return Answer(state="later", reason=type(error).__name__)
    return answer_to(got.status_code)


def answer_to(status: int) -> Answer:
    """What an HTTP status means to a provider: 2xx taken, 408, 429 and 5xx try again, the rest never again."""
    if 200 <= status < 300:
        return Answer(state="taken")
    again = status >= 500 or status in {408, 429}
    return Answer(state="later" if again else "refused", reason=f"HTTP {status}")


async def _mail(stage: Stage, errand: Errand) -> Answer:
    try:
        await _send_mail(stage.settings, errand)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return _answer_to_mail(error.recipients[0].code)
    except smtplib.SMTPRecipientsRefused as error:
        return _answer_to_mail(next(iter(error.recipients.values()))[0])
    except aiosmtplib.SMTPResponseException as error:
        return _answer_to_mail(error.code)
    except smtplib.SMTPResponseException as error:
        return _answer_to_mail(error.smtp_code)
    except (aiosmtplib.SMTPException, smtplib.SMTPException, OSError) as error:
        return Answer(state="later", reason=type(error).__name__)
    return Answer(state="taken")


def _answer_to_mail(code: int) -> Answer:
    return Answer(state="refused" if 500 <= code < 600 else "later", reason=f"SMTP {code}")


async def _send_mail(settings: Settings, errand: Errand) -> None:
    listen = settings.smtp_listen
    if settings.smtp_mode == "lmtp":  # aiosmtplib has no LMTP
        await asyncio.to_thread(_send_lmtp, listen.host, listen.port, errand)
        return
    await aiosmtplib.send(
        errand.body,
        sender=errand.sender,
        recipients=[errand.target],
        hostname=listen.host,
        port=listen.port,
        start_tls=False,
        timeout=FIRST_TRY_SECONDS,
    )


def _send_lmtp(host: str, port: int, errand: Errand) -> None:
    with smtplib.LMTP(host, port) as line:
        line.sendmail(errand.sender, [errand.target], errand.body)
