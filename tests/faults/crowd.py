"""Citizens and their providers, seen from outside: what was not thanked is said again, as providers do."""

import contextlib
import json
import os
import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import urlencode

import httpx
from sqlalchemy import Connection, create_engine, text, update
from town import TEXT, Town, eventually, new_citizen
from twilio.request_validator import RequestValidator

from store.database import sqlite_module
from store.models import Delivery, Lease
from store.work import LEASE

AGAIN_SECONDS = 0.1  # a provider's pause before it tries again
MOUTHS = ("sms", "sms", "sms", "email", "email", "telegram")  # who speaks side by side
CANNOT_TELL = {"email", "telegram"}  # where nobody can look up whether an answer arrived


@dataclass(kw_only=True)
class Citizen:
    """Somebody with one thing to say; `key` stays the same however often it is said."""

    channel: str
    name: str
    is_heard: bool = False


def a_citizen(channel: str) -> Citizen:
    return Citizen(channel=channel, name=new_citizen(channel))


def sms_form(town: Town, citizen: Citizen) -> dict[str, str]:
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    return {
        "MessageSid": f"SM{int(citizen.name.lstrip('+')):032x}",
        "AccountSid": kept["twilio_account_sid"],
        "From": citizen.name,
        "To": kept["twilio_number"],
        "Body": TEXT,
        "NumMedia": "0",
    }


def signed(town: Town, path: str, form: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form that Twilio signed."""
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    signature = RequestValidator(kept["twilio_auth_token"]).compute_signature(town.url + path, form)
    kind = "application/x-www-form-urlencoded"
    return urlencode(form).encode(), {"X-Twilio-Signature": signature, "Content-Type": kind}


def post_sms(town: Town, citizen: Citizen) -> int:
    body, headers = signed(town, "/hooks/twilio", sms_form(town, citizen))
    return town.client.post("/hooks/twilio", content=body, headers=headers).status_code


def a_mail(citizen: Citizen) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = citizen.name, "lapor@localhost", "Lampu mati"
    mail["Message-ID"] = f"<one-{citizen.name}>"
    mail.set_content(TEXT)
    return mail


def send_mail(town: Town, citizen: Citizen) -> int:
    """The answer to DATA."""
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=20) as server:
        try:
            server.send_message(a_mail(citizen))
        except smtplib.SMTPDataError as refusal:
            return refusal.smtp_code
    return 250


def _write_to_telegram(town: Town, citizen: Citizen) -> int:
    """The stand-in plays Telegram and lives in the house: a person looks whether their words are there."""
    if not [said for said in town.thread("telegram", citizen.name) if said["direction"] == "in"]:
        town.say("telegram", citizen.name, TEXT)
    return 200


SPEAK = {"sms": post_sms, "email": send_mail, "telegram": _write_to_telegram}


def speak(town: Town, citizen: Citizen, within: float = 120.0) -> None:
    """Say it until it is thanked."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError, smtplib.SMTPException, OSError, AssertionError):
            if SPEAK[citizen.channel](town, citizen) in {200, 250}:
                citizen.is_heard = True
                return
        time.sleep(AGAIN_SECONDS)


@dataclass(kw_only=True)
class Crowd:
    """People who go on speaking until they are told to stop; what each began is said to its end."""

    town: Town
    citizens: list[Citizen] = field(default_factory=list)
    may_repeat: set[str] = field(default_factory=set)  # codes: the provider answered, nobody wrote it down
    most: int = 10_000
    pause: float = 0.0  # seconds between one citizen's word and the next one's, for each channel
    _enough: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> "Crowd":
        for channel in MOUTHS:
            self._threads.append(threading.Thread(target=self._talk, args=(channel,), daemon=True))
            self._threads[-1].start()
        return self

    def _talk(self, channel: str) -> None:
        while not self._enough.is_set() and len(self.citizens) < self.most:
            citizen = a_citizen(channel)
            self.citizens.append(citizen)
            speak(self.town, citizen)
            self._enough.wait(self.pause)

    def stop(self) -> None:
        self._enough.set()

    def join(self) -> None:
        """Wait until everybody was thanked."""
        self.stop()
        for thread in self._threads:
            thread.join(130)
        assert [c for c in self.citizens if not c.is_heard] == []


@contextlib.contextmanager
def talking(town: Town) -> Iterator[Crowd]:
    """A crowd that speaks while the block runs, and is heard out behind it."""
    crowd = Crowd(town=town).start()
    try:
        yield crowd
    finally:
        crowd.stop()
    crowd.join()


# --- the installation ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def looking_into(town: Town, sqlite: str = "") -> Iterator[Connection]:
    """The installation's database, or an SQLite file of its data; what the block changes is committed."""
    url = town.environment.get("DATABASE_URL", "")
    if sqlite or not url:
        path = town.folder / "data" / (sqlite or "reports.db")
        engine = create_engine(f"sqlite:///{path}", module=sqlite_module())
    else:
        engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


IN_THE_AIR = (
    "SELECT r.code FROM deliveries d JOIN reports r ON r.id = d.report_id"
    " WHERE d.state = 'sending' AND d.channel <> 'desk'"
)


def in_the_air(town: Town) -> list[str]:
    """Codes whose answer was claimed, and nobody wrote down how it ended."""
    with looking_into(town) as ours:
        return [code for (code,) in ours.execute(text(IN_THE_AIR))]


def not_written_down(town: Town) -> set[str]:
    """Codes whose answer a provider has taken while our database does not know it."""
    codes = in_the_air(town)
    _catch_up(town)
    query = text("SELECT count(*) FROM messages WHERE direction = 'out' AND text LIKE '%' || :code || '%'")
    with looking_into(town, "sandbox.db") as sandbox:
        return {code for code in codes if sandbox.scalar(query, {"code": code})}


def _catch_up(town: Town) -> None:
    """What the dead had sent is in the stand-in's book: it works in one loop, and we talk to it behind them.

    Where it died with them there is nothing to wait for.
    """
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    with (
        contextlib.suppress(OSError, smtplib.SMTPException),
        smtplib.SMTP("127.0.0.1", kept["smtp_port"], timeout=20) as talk,
    ):
        talk.ehlo()
        talk.noop()


def minutes_pass(town: Town, before: datetime | None = None) -> None:
    """Leases (of those claimed before then) are over: they last minutes, nobody waits for them here.

    A server that lives renews its turn to poll.
    """
    claimed = (before or datetime.now(UTC)) + LEASE
    query = (
        update(Delivery)
        .where(Delivery.lease_until < claimed)
        .values(lease_until=Delivery.created_at, next_attempt_at=Delivery.created_at)
    )
    with looking_into(town) as ours:
        ours.execute(query)
        ours.execute(update(Lease).values(until=datetime(2026, 1, 1, tzinfo=UTC)))


def metrics(town: Town) -> dict[str, int]:
    lines = httpx.get(f"http://127.0.0.1:{town.ops}/metrics", timeout=20).text.splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("lapor_"))
    return {name: int(float(count)) for name, _, count in found}


def counted(town: Town, name: str, *states: str) -> int:
    wanted = [f'"{state}"' for state in states]
    found = metrics(town).items()
    return sum(n for key, n in found if key.startswith(name) and (not wanted or any(w in key for w in wanted)))


def all_is_quiet(town: Town) -> bool:
    """Nothing waits in the journal, nothing is owed any more, as far as everybody could be asked."""
    if counted(town, "lapor_part_up") < 3:
        return False
    waits = counted(town, "lapor_journal_entries", "waiting")
    return not waits + counted(town, "lapor_deliveries", "waiting", "sending", "unknown")


def becomes_quiet(town: Town, within: float = 90.0) -> None:
    eventually(lambda: _quiet_or_down(town), within=within, what="nothing waits and nothing is owed")


def _quiet_or_down(town: Town) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return all_is_quiet(town)
    return False


ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
