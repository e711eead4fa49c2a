"""What the desk's and the API's tests share: a house with reports in it, served on loopback, and browsers."""

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from argon2 import PasswordHasher
from starlette.applications import Starlette

from config.keys import read_keys
from config.pack import load_pack
from config.settings import ROOT, read_settings
from desk.app import routes
from router.codes import new_code
from router.house import House
from router.readers import Here
from router.status import Actor, change_status
from store.database import open_store
from store.models import Address, Delivery, Message, Photo, Report, Reporter
from store.officials import Officer
from tests.unit.houses import migrate_once

PASSWORD = "empat kata biasa saja"
API_KEYS = "crm:key-of-all,dbm:key-of-dbm:dbm,lh:key-of-dlh:dlh"
START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


@dataclass
class Clock:
    """The house's clock: a test turns it; every look moves it on by a second."""

    at: datetime = START + timedelta(days=3)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def on(self, **by: float) -> None:
        self.at += timedelta(**by)


def open_rooms(folder: Path, **settings: object) -> House:
    """A house on a fresh database in `folder`, with the keys of API_KEYS and no agency's officers yet."""
    said = {"data_dir": folder, "open311_api_keys": API_KEYS, "_env_file": None, **settings}
    read = read_settings(**said)
    house = House(
        settings=read,
        pack=load_pack(ROOT / "config" / "jakarta"),
        store=open_store(read, read_keys(read)),
        readers=Here(read.city),
        now=Clock(),
    )
    migrate_once(house, read)
    return house


def open_desk(folder: Path, officers: Mapping[str, Sequence[str | None]], **settings: object) -> House:
    """A house with these officers: by name their role, and where it matters their agency and area."""
    house = open_rooms(folder, **settings)
    for name, seat in officers.items():
        add_officer(house, name, *seat)  # type: ignore[arg-type]
    return house


def add_report(house: House, **said: Any) -> str:
    """A report with its reporter, as the router leaves it: assigned unless `agency_id` is None. Its code."""
    with house.store.write() as session:
        person = Reporter(language="id", created_at=START)
        session.add(person)
        session.flush()
        number = f"+62812{person.id:07}"
        address = Address(
            reporter_id=person.id,
            channel="sms",
            lookup=house.store.sealer.lookups("sms", number)[0],
            sealed=house.store.sealer.seal(number),
            account="+6221500",
            created_at=START,
        )
        session.add(address)
        session.flush()
        agency_id = said.pop("agency_id", "dbm")
        fields: dict[str, Any] = {
            "code": new_code(),
            "status": "received",
            "service_code": "jalan_rusak",
            "description": "Jalan berlubang besar, hubungi saya di 0812-3456-7890",
            "public_description": "Jalan berlubang besar, hubungi saya di [telepon]",
            "lat": -6.2146789,
            "long": 106.8451234,
            "address_string": "Jl. Manggarai Utara 12",
            "area_code": "31.74.01.1003",
            "sources": {},
            "language": "id",
            "channel": "sms",
            "reporter_id": person.id,
            "address_id": address.id,
            "requested_at": START + timedelta(minutes=person.id),
            "updated_at": START + timedelta(minutes=person.id),
            **said,
        }
        report = Report(**fields)
        session.add(report)
        session.flush()
        session.add(
            Message(
                channel="sms",
                account="+6221500",
                external_id=f"m{report.id}",
                kind="new",
                report_id=report.id,
                address_id=address.id,
                text=report.description,
                subject="",
                received_at=report.requested_at,
            )
        )
        if agency_id is not None:
            router = Actor(name="router")
            change_status(session, report, "assigned", by=router, house=house, agency_id=agency_id)
        return report.code


def move(house: House, code: str, *statuses: str, notes: str | None = None) -> None:
    """Lead a report through statuses, as an official would."""
    for status in statuses:
        with house.store.write() as session:
            report = session.query(Report).filter_by(code=code).one()
            needs = "Sudah ditambal" if status in {"resolved", "rejected", "needs_info"} else None
            change_status(
                session, report, status, by=Actor(name="officer:budi"), house=house, notes=notes or needs
            )


def add_photo(house: House, code: str, content: bytes, **said: Any) -> int:
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        photo = Photo(
            report_id=report.id,
            channel="sms",
            created_at=START,
            media_key=house.store.media.put(content),
            **{"name": "foto.jpg", "content_type": "image/jpeg", "state": "kept", **said},
        )
        session.add(photo)
        session.flush()
        return photo.id


def status_of(house: House, code: str) -> str:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one().status


def answers_to(house: House, code: str) -> list[str]:
    """What is owed to the reporter, in order."""
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        rows = session.query(Delivery).filter(Delivery.report_id == report.id, Delivery.address_id.is_not(None))
        return [row.text for row in rows.order_by(Delivery.id)]


@cache
def _password_hash() -> str:
    """As cheap as argon2 can be: what a real one costs (a quarter of a second) at each log-in says nothing here."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def add_officer(
    house: House, name: str, role: str, agency_id: str | None = None, area_code: str | None = None
) -> None:
    """An officer whose password is PASSWORD and need not be changed."""
    with house.store.write() as session:
        session.add(
            Officer(
                name=name,
                role=role,
                agency_id=agency_id,
                area_code=area_code,
                password_hash=_password_hash(),
                must_change_password=False,
                created_at=house.now(),
            )
        )


@contextmanager
def serving(house: House, port: int = 0) -> Iterator[str]:
    """The desk's routes on a real server in a thread of its own; gives its address."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(Starlette(routes=routes(house)), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def browser(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, follow_redirects=True, timeout=20)


def hidden(page: httpx.Response, name: str) -> str:
    """A hidden field's value, as the page has it."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, f"no field {name} on {page.url}"
    return found[1]


def log_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    page = client.get("/desk")
    fields = {"csrf": hidden(page, "csrf"), "name": name, "password": password}
    return client.post("/desk/login", data=fields)


@contextmanager
def entered(address: str, name: str) -> Iterator[httpx.Client]:
    """A browser in which this official has logged in."""
    with browser(address) as client:
        assert log_in(client, name).status_code == 200
        yield client


def press(client: httpx.Client, code: str, status: str, note: str = "", **said: str) -> httpx.Response:
    """Open a report, write a note, press a button."""
    page = client.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "status": status, "note": note, **said}
    return client.post(f"/desk/r/{code}", data=fields)
