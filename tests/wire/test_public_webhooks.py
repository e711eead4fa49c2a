"""Subscriptions by webhook: a key's own, verified, signed, public facts only; over real HTTP both ways."""

import asyncio
import base64
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from normalizer.cells import spot_cell
from router.clock import tick
from router.outbox import deliver_due, open_connections
from store.models import Delivery, Report, Subscription
from store.work import is_any_due
from tests.unit.houses import Town
from tests.wire.desk_rooms import add_report, move
from tests.wire.test_web_channel import Room, room_in

AT = "/open311/v2/subscriptions"
MINE, OTHERS = {"Authorization": "Bearer key-of-all"}, {"Authorization": "Bearer key-of-dbm"}
AREA = "31.74.01.1003"


@dataclass
class Program:
    """Somebody's program: the house it subscribes at, what its own server heard, and what that answers."""

    room: Room
    url: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    status: int = 204

    @property
    def town(self) -> Town:
        return Town(house=self.room.house, clock=self.room.house.now)  # type: ignore[arg-type]

    def hear(self, heads: Any, body: bytes) -> None:
        """As any Standard Webhooks library checks it."""
        words = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + body
        keys = [base64.b64decode(each.removeprefix("whsec_")) for each in self.secrets]
        signed = ["v1," + base64.b64encode(hmac.digest(key, words, "sha256")).decode() for key in keys]
        assert heads["webhook-signature"] in signed
        self.calls.append((heads["webhook-id"], json.loads(body)))

    def subscribe(self, **said: str) -> dict[str, Any]:
        answer = self.room.http.post(f"{AT}.json", json={"url": self.url, **said}, headers=MINE)
        assert answer.status_code == 200, answer.text
        (made,) = answer.json()
        self.secrets.append(made["secret"])
        return dict(made)

    def open(self, **said: str) -> int:
        """Subscribe, and say the code that came."""
        number = self.subscribe(**said)["subscription_id"]
        self.send()
        code = self.calls.pop()[1]["data"]["code"]
        answer = self.room.http.post(f"{AT}/{number}.json", data={"code": code}, headers=MINE)
        assert answer.json()[0]["state"] == "open", answer.text
        return int(number)

    def send(self) -> None:
        async def all_due() -> None:
            async with open_connections(self.room.house.settings) as connections:
                while await deliver_due(self.room.house, connections, channel="webhook"):
                    pass

        with self.room.house.store.read() as session:
            is_due = is_any_due(session, self.room.house.now(), "webhook")
        if is_due:
            asyncio.run(all_due())

    def later(self, **by: float) -> list[tuple[str, str]]:
        """Let time pass; what was called since: what happened, and to which report."""
        before = len(self.calls)
        self.room.house.now.on(**by)  # type: ignore[attr-defined]
        tick(self.room.house)
        self.send()
        return [(body["type"], body["data"].get("service_request_id", "")) for _, body in self.calls[before:]]

    def row(self) -> dict[str, Any]:
        (only,) = self.room.http.get(f"{AT}.json", headers=MINE).json()
        return dict(only)


@contextmanager
def listening(room: Room) -> Iterator[Program]:
    program = Program(room=room, url="")

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            program.hear(self.headers, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(program.status)
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield program
    server.shutdown()
    server.server_close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with room_in(tmp_path, webhook_private="on") as room, listening(room) as program:
        yield program


def test_an_address_hears_nothing_but_its_code_until_that_is_said(program: Program) -> None:
    made = program.subscribe(area_code=AREA)
    assert made["state"] == "unverified"
    add_report(program.room.house)
    program.later(minutes=2)
    ((_, asked),) = program.calls
    assert asked["type"] == "subscription.verify"

    at = f"{AT}/{made['subscription_id']}.json"
    assert program.room.http.post(at, data={"code": "0" * 32}, headers=MINE).status_code == 400
    opened = program.room.http.post(at, data={"code": asked["data"]["code"]}, headers=MINE).json()[0]
    assert opened["state"] == "open"
    assert "secret" not in opened
    assert "secret" not in program.row()
    code = add_report(program.room.house)
    assert program.later(minutes=2) == [("report.created", code)]


def test_each_change_is_called_once_with_what_the_public_sees(program: Program) -> None:
    program.open(area_code="31.74.01", service_code="jalan_rusak")
    code = add_report(program.room.house, cell=spot_cell(-6.2146789, 106.8451234))
    add_report(program.room.house, service_code="sampah")
    add_report(program.room.house, area_code="31.71.01.1001")
    assert program.later(minutes=2) == [("report.created", code)]
    said = program.calls[-1][1]["data"]
    assert (said["status"], said["extended_status"], said["address_id"]) == ("open", "assigned", AREA)
    whole = json.dumps(said)
    assert "0812" not in whole
    assert "Manggarai Utara" not in whole
    assert "-6.2146789" not in whole
    (public,) = program.room.http.get(f"/open311/v2/requests/{code}.json").json()
    assert said["lat"] is not None
    assert {name: public[name] for name in said if name in public} == {
        name: said[name] for name in said if name in public
    }

    assert program.later(minutes=5) == []
    move(program.room.house, code, "accepted")
    assert program.later(minutes=2) == [("report.updated", code)]
    assert program.calls[-1][1]["data"]["extended_status"] == "accepted"


def test_what_waits_for_the_public_waits_and_what_is_hidden_is_never_called(program: Program) -> None:
    program.open()
    now = program.room.house.now()
    late = add_report(program.room.house, service_code="kriminal", requested_at=now, updated_at=now)
    hidden = add_report(program.room.house, service_code="kekerasan", requested_at=now, updated_at=now)
    assert program.later(minutes=5) == []
    move(program.room.house, late, "accepted")
    assert program.later(minutes=5) == []
    heard = [each for _ in range(5) for each in program.later(hours=1)]
    assert heard == [("report.created", late)]
    assert hidden not in json.dumps(program.calls)


def test_a_report_that_became_hidden_before_the_call_is_not_called(program: Program) -> None:
    program.open()
    add_report(program.room.house)
    program.room.house.now.on(minutes=2)  # type: ignore[attr-defined]
    tick(program.room.house)
    with program.room.house.store.write() as session:
        session.query(Report).one().service_code = "kekerasan"
    program.send()
    assert program.calls == []
    assert program.row()["last_error"] is None


def test_an_address_that_fails_for_days_is_suspended_and_the_owner_sees_why_and_opens_it_again(
    program: Program,
) -> None:
    number = program.subscribe()["subscription_id"]
    program.send()
    code = program.calls.pop()[1]["data"]["code"]
    program.room.http.post(f"{AT}/{number}.json", data={"code": code}, headers=MINE)
    program.status = 500
    add_report(program.room.house)
    program.later(minutes=2)
    seen = program.row()
    assert (seen["state"], seen["last_error"]) == ("open", "HTTP 500")
    assert seen["failing_since"] is not None

    program.later(days=2, hours=1)
    seen = program.row()
    assert (seen["state"], seen["last_error"]) == ("suspended", "HTTP 500")
    heard = len(program.calls)
    add_report(program.room.house)
    program.later(minutes=10)
    assert len(program.calls) == heard

    program.status = 204
    program.room.http.post(f"{AT}/{number}.json", data={"code": code}, headers=MINE)
    newest = add_report(program.room.house)
    assert ("report.created", newest) in program.later(minutes=2)
    assert program.row()["state"] == "open"


def test_an_address_that_says_it_is_gone_is_suspended_at_once(program: Program) -> None:
    program.open()
    program.status = 410
    add_report(program.room.house)
    program.later(minutes=2)
    assert program.row()["state"] == "suspended"


def test_a_key_sees_opens_and_ends_its_own_alone(program: Program) -> None:
    number = program.open()
    http = program.room.http
    assert http.get(f"{AT}.json", headers=OTHERS).json() == []
    assert http.delete(f"{AT}/{number}.json", headers=OTHERS).status_code == 404
    assert http.delete(f"{AT}/{number}.json").status_code == 403
    assert http.delete(f"{AT}/{number}.xml", headers=MINE).status_code == 200
    assert http.get(f"{AT}.json", headers=MINE).json() == []
    assert [row for row in program.town.rows(Delivery) if row.subscription_id] == []


def test_an_official_whose_account_is_gone_subscribes_to_nothing(program: Program) -> None:
    program.open()
    with program.room.house.store.write() as session:
        session.query(Subscription).one().owner = "officer:gone"
    add_report(program.room.house)
    assert program.later(minutes=2) == []
    assert program.town.rows(Subscription)[0].suspended_at is not None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"url": "ftp://program.example/"}, "https://"),
        ({"url": "https://me:secret@program.example/"}, "without name"),
        ({"url": ""}, "https://"),
        ({"url": "https://program.example/" + "a" * 1000}, "characters"),
        ({"url": "https://program.example/", "area_code": "99"}, "area_code"),
        ({"url": "https://program.example/", "service_code": "kekerasan"}, "service_code"),
    ],
)
def test_what_is_no_subscription_is_refused_with_the_reason(
    program: Program, said: dict[str, str], why: str
) -> None:
    refused = program.room.http.post(f"{AT}.json", json=said, headers=MINE)
    assert refused.status_code == 400
    assert why in refused.json()[0]["description"]


def test_a_key_has_twenty_at_most_and_what_nobody_verified_is_gone_after_two_days(program: Program) -> None:
    body = {"url": program.url}
    codes = [program.room.http.post(f"{AT}.json", json=body, headers=MINE).status_code for _ in range(21)]
    assert codes == [200] * 20 + [400]
    program.room.house.now.on(hours=48, minutes=1)  # type: ignore[attr-defined]
    tick(program.room.house)
    assert program.town.rows(Subscription) == []


def test_nothing_inside_our_own_network_is_called(tmp_path: Path) -> None:
    with room_in(tmp_path) as room, listening(room) as program:
        program.url = program.url.replace("http://127.0.0.1", "https://localhost")
        program.subscribe()
        program.send()
        (row,) = [row for row in program.town.rows(Delivery) if row.subscription_id]
        assert (row.state, program.calls) == ("failed", [])
        assert "public internet" in row.last_error


def test_a_clock_that_stood_a_day_calls_it_all_hour_by_hour_and_nothing_twice(program: Program) -> None:
    program.open()
    codes = []
    for _ in range(5):
        codes.append(add_report(program.room.house))
        program.room.house.now.on(hours=5)  # type: ignore[attr-defined]
    heard = [each for _ in range(30) for each in program.later(seconds=1)]
    assert sorted(heard) == sorted(("report.created", code) for code in codes)
    ids = [name for name, _ in program.calls]
    assert len(ids) == len(set(ids))
    assert (
        timedelta(0)
        <= program.room.house.now() - program.town.rows(Subscription)[0].told_until
        < timedelta(hours=1)
    )
