"""A program that asks for its report's id at once, as FixMyStreet does; and people whose connections are slow."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route

from desk import open311_tokens
from router.outbox import deliver_due, open_connections
from store.models import Delivery
from tests.wire.loopback import serving
from tests.wire.test_web_channel import FORM, Room, room_in


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("room")) as room:
        yield room


def connection(room: Room) -> Any:
    return closing(HTTPConnection(room.http.base_url.host, room.http.base_url.port or 80, timeout=20))


def test_who_asks_for_the_id_at_once_gets_it_when_the_report_is_made(room: Room) -> None:
    token = room.token()
    with connection(room) as asking:
        asking.request("GET", f"/open311/v2/tokens/{token}.xml")
        room.work()
        found = ElementTree.fromstring(asking.getresponse().read())
    assert found.findtext("request/service_request_id") == room.report(token).code


async def test_an_id_that_is_not_there_yet_is_no_empty_element(room: Room) -> None:
    token = room.token({"service_code": "sampah", "address_string": "Jl. Manggarai Utara 2, Kelurahan Manggarai"})
    impatient = open311_tokens.waiting(room.house, seconds=0)
    app = Starlette(routes=[Route("/tokens/{token}.{format}", impatient)])
    async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as http:
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
