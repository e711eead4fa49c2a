"""A running installation's log at its most talkative, with faults: valid line by line, and it betrays nobody."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from town import API_KEY, CHANNELS, PLACE, ROOT, TEXT, Town, eventually, free_port, jpeg, new_citizen

from tests.faults.crowd import Citizen, counted, looking_into, send_mail, signed

WORDS = "tiangnya bengkok dekat warung Bu Sumiyati"  # beside TEXT, so that each message has words of its own
PASSWORD = "kata-sandi-relay-rahasia"


def start(town: Town) -> None:
    """Start with the log in a file of its own, apart from what is printed."""
    with (town.folder / "log").open("ab") as out, (town.folder / "stderr").open("ab") as log:
        command = [sys.executable, "run_bots.py"]
        town.process = subprocess.Popen(command, cwd=ROOT, env=town.environment, stdout=out, stderr=log)
    eventually(town._is_up, within=30, what="the installation comes up")


def written(town: Town) -> str:
    return (town.folder / "stderr").read_text()


@contextmanager
def failing(town: Town, when: str) -> Iterator[None]:
    """While the block runs the database refuses something, with words that quote the row."""
    with looking_into(town) as ours:
        ours.execute(text(f"CREATE TRIGGER fault BEFORE {when} BEGIN SELECT RAISE(ABORT, NEW.text); END"))
    try:
        yield
    finally:
        with looking_into(town) as ours:
            ours.execute(text("DROP TRIGGER fault"))


def speak_on_all_channels(town: Town) -> dict[str, str]:
    """One complaint each, with photo and place where there is a stand-in; who said it, by channel."""
    citizens = {channel: new_citizen(channel) for channel in CHANNELS}
    for channel, citizen in citizens.items():
        if channel == "email":
            assert send_mail(town, Citizen(channel=channel, name=citizen)) == 250
        else:
            town.say(channel, citizen, f"{TEXT} {WORDS}", photos=(jpeg(),), **PLACE)
    return citizens


def knock_wrongly(town: Town) -> str:
    """Hostile and broken requests at every door; the number that they name."""
    number = new_citizen("sms")
    body, headers = signed(town, "/hooks/twilio", {"From": number, "Body": WORDS, "MessageSid": "SM1"})
    town.client.post("/hooks/twilio", content=body + b"x", headers=headers)
    town.client.post("/hooks/twilio?" + body.decode(), content=b"\xff" * 1000)
    for path in ("/hooks/telegram", "/hooks/x", "/open311/v2/servicerequestupdates.json", "/desk/login"):
        town.client.post(path, content=body, headers={"Authorization": f"Bearer {PASSWORD}"})
    town.client.get("/open311/v2/requests.json", headers={"Authorization": f"Basic {PASSWORD}"})
    town.client.get(f"/r/{number}?{body.decode()}")
    with suppress(OSError), socket.create_connection(("127.0.0.1", town.http), timeout=5) as raw:
        raw.sendall(f"GET /{number} HTTP/9.9\r\nAuthorization: {PASSWORD}\r\n\xff: x\r\n\r\n".encode("latin-1"))
        raw.recv(1000)
    with suppress(OSError), socket.create_connection(("127.0.0.1", town.smtp), timeout=5) as raw:
        raw.recv(1000)
        raw.sendall(
            f"MAIL FROM:<{number}\r\nEHLO {number}\r\nMAIL FROM:<siti@example.org> X\r\n{WORDS}\r\n".encode()
        )
        raw.recv(1000)
    return number


def secrets_of(town: Town) -> list[str]:
    """Every key and token that this installation has."""
    folder = town.folder / "data"
    made: dict[str, Any] = {}
    for name in ("sandbox.json", "keys.json"):
        made |= json.loads((folder / name).read_text())
    tokens = [value for value in made.values() if isinstance(value, str) and len(value) > 12]
    password = (folder / "first-login").read_text().split()[-1]
    return [*tokens, password, API_KEY, PASSWORD]


@pytest.mark.parametrize("kind", [pytest.param("json", marks=pytest.mark.long), "console"])
def test_under_faults_the_most_talkative_log_names_nobody(new_town: Callable[..., Town], kind: str) -> None:
    relay = f"smtp://lapor:{PASSWORD}@127.0.0.1:{free_port()}"
    town = new_town(LOG_LEVEL="debug", LOG_FORMAT=kind, SANDBOX="on", SMTP_RELAY=relay)
    start(town)
    before = speak_on_all_channels(town)
    with failing(town, "INSERT ON messages"):
        during = speak_on_all_channels(town)
        eventually(lambda: "failed: IntegrityError" in written(town), what="an entry fails")
    with failing(town, "UPDATE OF state ON deliveries WHEN NEW.state = 'sent'"):
        after = speak_on_all_channels(town)
        eventually(lambda: "the outbox waits for the database" in written(town), what="an outcome waits")
    number = knock_wrongly(town)
    for people in (before, during, after):
        for channel in ("sms", "whatsapp", "telegram", "x"):  # mail's relay is away
            town.answer(channel, people[channel], within=60)
    eventually(lambda: counted(town, "lapor_reports") == 3 * len(CHANNELS), within=60, what="all are reports")
    town.stop()

    log = written(town)
    people = [name.lstrip("+") for each in (before, during, after) for name in each.values()]
    words = ["Manggarai", "gelap", "lampu jalan", "bengkok", "Sumiyati", "siti@example", number.lstrip("+")]
    assert [secret for secret in [*people, *words, *secrets_of(town)] if secret in log] == []
    assert re.search(r"router/\w+\.py:\d+ \w+", log)  # where it failed: only the talkative log says so
    assert "\x1b" not in log
    assert "Traceback" not in log
    if kind == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        assert {"at", "level", "from", "what"} <= set.intersection(*(set(line) for line in lines))
        assert "IntegrityError" in {line.get("error") for line in lines}


def test_what_ends_a_part_or_a_thread_goes_into_the_log_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = """
import asyncio, logging, threading, warnings
from config.logs import start_log
from config.settings import Settings
start_log(Settings(_env_file=None, log_format="json"))
warnings.warn("rahasia", stacklevel=1)
def fall(): raise ValueError("rahasia")
thread = threading.Thread(target=fall); thread.start(); thread.join()
async def forgotten(): raise KeyError("rahasia")
async def main():
    task = asyncio.create_task(forgotten()); await asyncio.sleep(0); await asyncio.sleep(0); del task
asyncio.run(main())
logging.getLogger("lapor.test").warning("%d", "rahasia")
raise OSError("rahasia")
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.returncode == 1
    assert "rahasia" not in ended.stderr
    assert [line.get("error") for line in lines] == [None, "ValueError", "KeyError", None, "OSError"]


def test_what_the_readers_are_forked_from_logs_in_the_same_shape() -> None:
    program = """
import router.preloaded, logging, warnings
warnings.warn("rahasia", stacklevel=1)
logging.getLogger("a.library").warning("%s", "rahasia")
"""
    command, env = [sys.executable, "-c", program], {**os.environ, "LOG_FORMAT": "json"}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert [json.loads(line)["from"] for line in ended.stderr.splitlines()] == ["py.warnings", "a.library"]
    assert "rahasia" not in ended.stderr


@pytest.mark.servers
def test_a_worker_logs_in_the_same_shape(new_town: Callable[..., Town], redis_url: str) -> None:
    town = new_town(REDIS_URL=redis_url, LOG_LEVEL="debug", LOG_FORMAT="json").start()
    citizen = new_citizen("sms")
    town.work()
    town.say("sms", citizen, TEXT)
    town.answer("sms", citizen, within=40)
    town.stop()

    log = (town.folder / "worker.log").read_text()
    assert [json.loads(line)["what"] for line in log.splitlines()]
    assert citizen.lstrip("+") not in log


def test_the_web_servers_own_lines_go_the_same_way(new_town: Callable[..., Town]) -> None:
    """Only its warnings are written; a request that breaks its parser is one."""
    town = new_town(LOG_FORMAT="json")
    start(town)
    with socket.create_connection(("127.0.0.1", town.http), timeout=5) as raw:
        raw.sendall(b"\x00 rahasia\r\n\r\n")
        assert b"400" in raw.recv(1000)
    with suppress(httpx.HTTPError):
        town.client.get("/")
    town.stop()

    lines = [json.loads(line) for line in written(town).splitlines()]
    assert "uvicorn.error" in {line["from"] for line in lines}
    assert "rahasia" not in written(town)
