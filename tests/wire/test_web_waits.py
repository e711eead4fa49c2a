"""A program that asks for its report's id at once, as FixMyStreet does; and people whose connections are slow."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route
from town import eventually, jpeg

from channels.web import COMING_OF_ONE
from desk import open311_tokens
from router.outbox import deliver_due, open_connections
from store.models import Delivery
from tests.wire.loopback import serving
from tests.wire.test_web_channel import FORM, KEY, WHOLE, Room, room_in


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("room")) as room:
        yield room


@asynccontextmanager
async def tokens(room: Room, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    """GET tokens, which waits so long for a report."""
    app = Starlette(routes=[Route("/tokens/{token}.{format}", open311_tokens.waiting(room.house, seconds))])
    async with serving(app) as ours, httpx.AsyncClient(base_url=ours, timeout=60) as http:
        yield http


async def test_who_asks_for_the_id_at_once_gets_it_when_the_report_is_made(room: Room) -> None:
    token = room.token()
    async with tokens(room, seconds=60) as http:
        asking = asyncio.create_task(http.get(f"/tokens/{token}.xml"))
        await asyncio.to_thread(room.work)
        found = ElementTree.fromstring((await asking).content)
    assert found.findtext("request/service_request_id") == room.report(token).code


async def test_an_id_that_is_not_there_yet_is_no_empty_element(room: Room) -> None:
    token = room.token({"service_code": "sampah", "address_string": "Jl. Manggarai Utara 2, Kelurahan Manggarai"})
    async with tokens(room, seconds=0) as http:
        xml, json = await http.get(f"/tokens/{token}.xml"), await http.get(f"/tokens/{token}.json")
    assert [each.tag for each in ElementTree.fromstring(xml.content)[0]] == ["token"]
    assert json.json() == [{"service_request_id": None, "token": token}]


async def test_what_stands_on_the_reporters_page_is_delivered(tmp_path: Path) -> None:
    with room_in(tmp_path) as room:
        room.tell(FORM)
        room.work()
        async with open_connections(room.house.settings) as connections:
            await deliver_due(room.house, connections, channel="web")
        with room.house.store.read() as session:
            states = session.scalars(select(Delivery.state).where(Delivery.channel == "web"))
            assert set(states) == {"delivered"}


def half_a_form(room: Room, client: str) -> socket.socket:
    """A form with photos that stops in its middle; the server waits for the rest."""
    form = socket.create_connection((room.http.base_url.host, room.http.base_url.port or 80), timeout=20)
    head = {
        "Host": "lapor",
        "X-Forwarded-For": client,
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": "100000",
        "Expect": "100-continue",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    form.sendall(f"POST /report HTTP/1.1\r\n{lines}\r\n".encode())
    assert form.recv(100).startswith(b"HTTP/1.1 100 "), "it is not read"
    form.sendall(b"--b\r\n")
    return form


def test_slow_forms_hold_up_nobody_but_who_sends_them(room: Room) -> None:
    with ExitStack() as slow:
        for _ in range(COMING_OF_ONE):
            slow.enter_context(half_a_form(room, "198.51.100.7"))
        theirs = room.tell(FORM, [jpeg()], **{"X-Forwarded-For": "198.51.100.7"})
        others = room.tell(FORM, [jpeg()], **{"X-Forwarded-For": "198.51.100.8"})
        words = room.tell(FORM, **{"X-Forwarded-For": "198.51.100.7"})
    assert theirs.headers["location"] == "/report?wrong=not_now"
    assert others.headers["location"].startswith("/report/")
    assert words.headers["location"].startswith("/report/")


def test_an_app_that_sends_too_many_photos_at_once_is_told_when_to_come_again(room: Room) -> None:
    photo = [("media", ("foto.jpg", jpeg(), "image/jpeg"))]
    fields, headers = {**WHOLE, "api_key": "key-of-all"}, {"X-Forwarded-For": "198.51.100.9"}
    with ExitStack() as slow:
        for _ in range(COMING_OF_ONE):
            slow.enter_context(half_a_form(room, "198.51.100.9"))
        answer = room.create(fields, files=photo, headers=headers)
        known = room.create(files=photo, headers={**KEY, **headers})  # who shows a key beforehand is no stranger
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert known.status_code == 200
    is_taken = lambda: room.create(fields, files=photo, headers=headers).status_code == 200  # noqa: E731
    eventually(is_taken, what="a place is free again")
