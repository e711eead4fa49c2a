"""An agency's own system: signed calls out, Open311 updates back, and nobody else's network in between."""

import asyncio
import base64
import hmac
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from channels import webhook
from channels.names import Loop
from channels.webhook import all_public, check_address, new_secret, signature
from desk.app import routes
from normalizer.schema import OutboundMessage
from router.check import check_all
from router.forget import forget_all
from router.limits import Limits
from router.outbox import deliver_due, open_connections
from router.status import Actor, change_status
from router.way_changes import add_way, remove_way, resume_way
from store.models import AgencyWay, Delivery, Report
from store.ways import LONGEST_SAID, MOST_TRIES, Try, note_try, tries_of
from tests.unit.houses import WHOLE, Town, another, new_town
from tests.wire.loopback import answering, serving, until

THEIRS = Actor(name="api:dbm", agency_id="dbm")
OURS = Actor(name="officer:sri", agency_id="dbm")
TRIAGE = Actor(name="officer:ani")


@dataclass
class System:
    """An agency's system at the end of the wire: remembers each call, answers as it was told to."""

    secret: str = ""
    answers: list[Response] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self._check(request, body)
        self.calls.append((request.headers["webhook-id"], json.loads(body)))
        return self.answers.pop(0) if self.answers else Response(status_code=204)

    def _check(self, request: Request, body: bytes) -> None:
        """As any Standard Webhooks library does it."""
        words = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.digest(key, words, "sha256")).decode()
        assert hmac.compare_digest(request.headers["webhook-signature"], wanted)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """What happened, and in which status the report is."""
        return [(body["type"], body["data"].get("extended_status", "")) for _, body in self.calls]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    each = new_town(tmp_path, webhook_private="on", open311_api_keys="dbm:key-of-dbm:dbm,crm:key-of-all")
    yield each
    each.house.store.engine.dispose()


@asynccontextmanager
async def connected(town: Town, system: System, path: str = "/hook?a=1") -> AsyncIterator[Callable[[], Any]]:
    """dbm has its system: gives what sends everything that is due now."""
    async with serving(answering(system.answer)) as address, open_connections(town.house.settings) as connections:
        system.secret = add_way(town.house, "dbm", "webhook", address + path).secret or ""

        async def deliver() -> None:
            while await deliver_due(town.house, connections, channel="webhook"):
                pass

        yield deliver


def way(town: Town) -> AgencyWay:
    (only,) = town.rows(AgencyWay)
    return only


def owed(town: Town) -> list[Delivery]:
    return [row for row in town.rows(Delivery, channel="webhook") if row.way_id]


async def test_a_reports_whole_life_goes_by_webhook_and_open311_updates(town: Town) -> None:
    system = System()
    desk = httpx.ASGITransport(Starlette(routes=routes(town.house)))
    async with (
        connected(town, system) as deliver,
        httpx.AsyncClient(transport=desk, base_url="http://desk") as api,
    ):

        async def update(status: str, words: str) -> None:
            said = {"service_request_id": code, "status": status, "description": words, "update_id": status}
            key = {"Authorization": "Bearer key-of-dbm"}
            answer = await api.post("/open311/v2/servicerequestupdates.json", data=said, headers=key)
            assert answer.status_code == 200, answer.text

        town.tell(f"{WHOLE}. Nama saya Budi Santoso, 0812-3456-7890")
        await deliver()
        code = town.report().code
        await update("accepted", "")
        await update("in_progress", "Tim berangkat")
        await update("fixed", "Lampu diganti")
        await deliver()
        town.tell("belum, masih mati")
        await deliver()
        await update("in_progress", "Kabel diperbaiki")
        await update("fixed", "Kabel diganti")
        town.tell("sudah beres, terima kasih")
        await deliver()

    assert system.heard == [
        ("report.assigned", "assigned"),
        ("report.changed", "reopened"),
        ("report.changed", "closed"),
    ]
    assert town.history()[-1] == "closed"
    first = system.calls[0][1]["data"]
    assert (first["version"], first["service_request_id"], first["agency_id"]) == (1, code, "dbm")
    assert first["kelurahan"] == "Manggarai"
    assert "masih mati" in system.calls[1][1]["data"]["status_notes"]
    assert [row.last_error for row in owed(town)] == [None] * 3
    assert {row.provider_id for row in owed(town)} == {"HTTP 204"}
    said = json.dumps([body for _, body in system.calls])
    assert "0812" not in said
    assert "81234" not in said
    assert "Budi" not in said


async def test_what_a_citizen_adds_is_told_and_what_the_agencys_own_program_did_is_not(town: Town) -> None:
    system = System()
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        town.move("accepted", by=THEIRS)
        await deliver()
        town.clock.on(hours=1)
        town.tell(f"{town.report().code} tiangnya juga miring")
        await deliver()
        town.move("in_progress", by=OURS)  # at the desk: the program's copy would go stale
        await deliver()

    assert system.heard == [
        ("report.assigned", "accepted"),
        ("report.changed", "accepted"),
        ("report.changed", "in_progress"),
    ]
    (said,) = system.calls[1][1]["data"]["said"]
    assert said["text"].endswith("tiangnya juga miring")


async def test_a_report_that_is_passed_on_is_taken_back_without_its_words(town: Town) -> None:
    system = System()
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        await deliver()
        town.move("assigned", by=TRIAGE, agency_id="dlh")
        await deliver()

    body = system.calls[1][1]
    assert body["type"] == "report.released"
    assert set(body["data"]) == {"version", "event", "service_request_id", "line", "agency_id", "updated_datetime"}


async def test_what_is_refused_is_tried_again_with_the_same_id_and_the_log_says_how_it_went(town: Town) -> None:
    system = System(answers=[Response(status_code=503), Response(status_code=302, headers={"Location": "/else"})])
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        await deliver()
        assert (owed(town)[0].state, owed(town)[0].last_error) == ("waiting", "HTTP 503")
        assert way(town).last_error == "HTTP 503"
        async with open_connections(town.house.settings) as fresh:  # a process without the pause of the first
            town.clock.on(minutes=1)
            await deliver_due(town.house, fresh, channel="webhook")
        assert owed(town)[0].last_error == "HTTP 302"
        async with open_connections(town.house.settings) as fresh:
            town.clock.on(minutes=1)
            await deliver_due(town.house, fresh, channel="webhook")

    assert len({call_id for call_id, _ in system.calls}) == 1
    assert (owed(town)[0].state, owed(town)[0].attempts, owed(town)[0].provider_id) == ("sent", 3, "HTTP 204")
    assert way(town).last_error is None
    tries = tries_of(owed(town)[0])
    assert [(each.said, each.is_taken) for each in tries] == [
        ("HTTP 503", False),
        ("HTTP 302", False),
        ("HTTP 204", True),
    ]
    assert [each.at < each.next_at for each in tries[:2]] == [True, True]
    assert tries[2].next_at is None
    assert all(0 < each.seconds < 15 for each in tries)


async def test_what_was_held_back_by_ourselves_is_no_try(town: Town) -> None:
    system, limits = System(), Limits()
    async with connected(town, system), open_connections(town.house.settings) as connections:
        limits.pause(f"way {way(town).id}", 60.0)
        town.tell(WHOLE)
        await deliver_due(town.house, connections, channel="webhook", limits=limits)

    assert (owed(town)[0].attempts, tries_of(owed(town)[0]), system.calls) == (1, [], [])


def test_a_delivery_keeps_its_newest_tries(town: Town) -> None:
    row = Delivery()
    for number in range(MOST_TRIES + 7):
        one = Try(
            at=town.clock(), seconds=1.0, is_taken=False, said=f"{number} " + "x" * 500, next_at=town.clock()
        )
        note_try(row, one)
    kept = tries_of(row)
    assert [each.said.partition(" ")[0] for each in kept] == [str(number) for number in range(7, MOST_TRIES + 7)]
    assert {len(each.said) for each in kept} == {LONGEST_SAID}


async def test_an_address_that_is_gone_pauses_its_way_until_somebody_resumes_it(town: Town) -> None:
    system = System(answers=[Response(status_code=410)])
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        await deliver()
        assert owed(town)[0].state == "failed"
        assert way(town).paused_at is not None
        town.tell(another(1), sender="+62811")
        await deliver()
        assert len(owed(town)) == 1

        assert resume_way(town.house, way(town).id) == 2
        await deliver()

    assert system.heard == [("report.assigned", "assigned")] * 3
    assert way(town).paused_at is None


async def test_one_agencys_dead_system_does_not_hold_up_anothers(town: Town) -> None:
    dead, good = System(), System()
    async with serving(answering(good.answer)) as address, open_connections(town.house.settings) as connections:
        add_way(town.house, "dbm", "webhook", "http://127.0.0.1:9/")
        good.secret = add_way(town.house, "dlh", "webhook", address).secret or ""
        town.tell(WHOLE)
        town.tell(another(1), sender="+62811")
        town.move("assigned", by=TRIAGE, agency_id="dlh")
        await deliver_due(town.house, connections, channel="webhook")

    assert good.heard == [("report.assigned", "assigned")]
    assert not dead.calls
    assert {row.state for row in owed(town) if row.agency_id == "dbm"} == {"waiting"}


def call_to(url: str) -> OutboundMessage:
    return OutboundMessage(delivery_id=1, channel="webhook", account="", to=url, text="{}", secret=new_secret())


async def test_many_calls_to_a_system_that_hangs_leave_room_for_anothers(town: Town) -> None:
    """A whole batch of them is on its way; httpx itself would let a hundred."""
    good, asked = System(), list[asyncio.StreamWriter]()
    silent = await asyncio.start_server(lambda _, writer: asked.append(writer), "127.0.0.1", 0, backlog=200)
    address = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with silent, serving(answering(good.answer)) as other, webhook.connect(town.house.settings) as calls:
        hanging = [asyncio.create_task(calls.send(call_to(address))) for _ in range(120)]
        await until(lambda: len(asked) == len(hanging))
        message = call_to(other)
        good.secret = message.secret
        async with asyncio.timeout(5):
            assert await calls.send(message) == "HTTP 204"
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        for writer in asked:
            writer.close()


def test_a_name_server_that_hangs_holds_up_nobody_else(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls to its name, then one to another agency, and one of a provider's: on the loop that serves."""
    over, ask = threading.Event(), socket.getaddrinfo

    def answer(asked: str | bytes, *more: Any) -> Any:
        host = asked.decode() if isinstance(asked, bytes) else asked
        if host == "dead.example":
            over.wait(20)
            raise socket.gaierror
        return ask("127.0.0.1" if host.endswith(".example") else host, *more)

    async def hello(request: Request) -> Response:
        return Response(status_code=204)

    async def call() -> None:
        async with serving(answering(hello)) as address, webhook.connect(town.house.settings) as calls:

            def to(host: str) -> OutboundMessage:
                return call_to(address.replace("127.0.0.1", host))

            hanging = [asyncio.create_task(calls.send(to("dead.example"))) for _ in range(40)]
            async with asyncio.timeout(5), httpx.AsyncClient() as provider:
                await asyncio.sleep(0.05)
                assert await calls.send(to("good.example")) == "HTTP 204"
                await provider.get(address.replace("127.0.0.1", "provider.example"))
            for each in hanging:
                each.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(call())
    over.set()


async def test_when_a_person_is_forgotten_the_agencys_copy_hears_of_it(town: Town) -> None:
    system = System()
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        await deliver()
        town.move("in_progress", by=OURS)
        forget_all("sms:+6281234", town.house)
        await deliver()

    last = system.calls[-1][1]["data"]
    assert (last["description"], last["address"], last["said"]) == ("", None, [])


async def test_a_removed_way_takes_nothing_more_and_keeps_no_address(town: Town) -> None:
    system = System()
    async with connected(town, system) as deliver:
        town.tell(WHOLE)
        assert remove_way(town.house, way(town).id) == 1
        await deliver()
        town.move("resolved", by=TRIAGE, notes="Diganti")
        await deliver()

    assert system.calls == []
    assert [row.state for row in owed(town)] == ["withdrawn"]
    assert (way(town).sealed, way(town).secret) == (None, None)


async def test_a_private_address_is_never_called_unless_the_operator_allows_it(tmp_path: Path) -> None:
    town, system = new_town(tmp_path), System()
    async with serving(answering(system.answer)) as address, open_connections(town.house.settings) as connections:
        with pytest.raises(ValueError, match="https"):
            add_way(town.house, "dbm", "webhook", address)
        add_way(town.house, "dbm", "webhook", address.replace("http://", "https://"))
        town.tell(WHOLE)
        await deliver_due(town.house, connections, channel="webhook")

    assert system.calls == []
    assert owed(town)[0].state == "failed"
    assert "public internet" in (owed(town)[0].last_error or "")


def test_an_agency_without_ways_costs_no_question_and_no_row(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(another(0))
    asked: list[str] = []
    event.listen(
        town.house.store.engine, "before_cursor_execute", lambda c, u, statement, *_: asked.append(statement)
    )
    for number in range(1, 4):
        town.tell(another(number), sender=f"+6281{number}")

    assert len(town.reports()) == 4
    assert asked
    assert not [each for each in asked if "agency_ways" in each]
    assert owed(town) == []


def test_what_is_owed_comes_and_goes_with_the_change_itself(town: Town) -> None:
    add_way(town.house, "dbm", "webhook", "http://127.0.0.1:9/")
    town.tell(WHOLE)
    assert len(owed(town)) == 1
    with suppress(RuntimeError), town.house.store.write() as session:
        report = session.get_one(Report, town.report().id)
        change_status(session, report, "accepted", by=TRIAGE, house=town.house)
        raise RuntimeError

    assert len(owed(town)) == 1


async def test_without_redis_a_queue_waits_where_everybody_sees_it(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    add_way(town.house, "dbm", "queue")
    town.tell(WHOLE)
    async with open_connections(town.house.settings) as connections:
        await deliver_due(town.house, connections, channel="queue")
    (row,) = town.rows(Delivery, channel="queue")
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "REDIS_URL" in (row.last_error or "")
    assert check_all(town.house.settings) == 1
    assert "agencies   a queue of an agency waits: set REDIS_URL" in capsys.readouterr().out


def test_our_signature_is_the_one_of_the_standard() -> None:
    # the example of standardwebhooks.com's specification
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "ff02::1", "192.0.2.1", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_no_form_of_a_private_address_counts_as_public(address: str) -> None:
    assert not all_public([address])
    assert not all_public(["8.8.8.8", address])


def test_public_addresses_count_as_public() -> None:
    assert all_public(["8.8.8.8", "2001:4860:4860::8888", "103.30.180.1"])


@given(st.text(max_size=60))
def test_no_text_is_an_address_by_mistake(text: str) -> None:
    try:
        found = check_address(text, private=False)
    except ValueError:
        return
    assert found.startswith("https://")


def test_addresses_with_names_passwords_and_other_schemes_are_refused() -> None:
    for address in (
        "http://a.example/",
        "https://u:p@a.example/",
        "ftp://a.example",
        "https://",
        "https://a/#x",
        "x",
    ):
        with pytest.raises(ValueError, match=r"webhook|URL"):
            check_address(address, private=False)
