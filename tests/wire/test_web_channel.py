"""Reports through Open311's POST requests and the form at /report, over HTTP on a house with its journal."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from town import free_port, jpeg

from channels import web
from channels.bodies import LARGEST_BODY, LARGEST_PHOTO, MOST_PHOTOS
from desk.own import own_path
from desk.server import start_servers, stop_servers
from normalizer.schema import Attachment, PermanentFailure
from router.house import House
from router.journal import work_off
from router.owing import owe_to
from store.journal import Journal
from store.models import Message, Report
from store.traces import AGENCY_MAIL
from tests.wire.desk_rooms import hidden, move, open_rooms
from tests.wire.loopback import Kept, answering, serving

PLACE = {"lat": "-6.2088", "long": "106.8456"}
WHOLE = {"service_code": "jalan_rusak", "description": "Ada lubang besar", **PLACE}
KEY = {"Authorization": "Bearer key-of-all"}
FORM = {"words": "lampu jalan mati total", "place": "Jl. Manggarai Utara 2, Kelurahan Manggarai"}


@dataclass
class Room:
    """A house that is served, and its journal, which the test works off."""

    house: House
    journal: Journal
    http: httpx.Client

    def work(self) -> None:
        while work_off(self.house, self.journal):
            pass

    def create(self, fields: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        more = {"headers": KEY, "data": WHOLE if fields is None else fields, **more}
        return self.http.post("/open311/v2/requests.json", **more)

    def token(self, fields: dict[str, Any] | None = None, **more: Any) -> str:
        answer = self.create(fields, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0]["token"])

    def report(self, token: str) -> Report:
        """The report that a token leads to, with its photos, once the journal is worked off."""
        self.work()
        code = self.http.get(f"/open311/v2/tokens/{token}.json").json()[0]["service_request_id"]
        with self.house.store.read() as session:
            report = session.query(Report).filter_by(code=code).one()
            assert report.photos is not None
            return report

    def tell(self, fields: dict[str, str], photos: Sequence[bytes] = (), **headers: str) -> httpx.Response:
        files = [("media", ("foto.jpg", each, "image/jpeg")) for each in photos]
        return self.http.post("/report", data=fields, files=files or None, headers=headers)


@contextmanager
def room_in(folder: Path, **settings: object) -> Iterator[Room]:
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("http_listen", "ops_listen", "smtp_listen")}
    house = open_rooms(folder, **ports, **settings)
    journal = Journal(folder / "journal")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    run = lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(30)  # noqa: E731
    servers = run(start_servers(house, journal, lambda: None, []))
    with httpx.Client(base_url=f"http://{ports['http_listen']}", timeout=20) as http:
        yield Room(house=house, journal=journal, http=http)
    run(stop_servers(servers))
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    journal.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("room")) as room:
        yield room


# --- an app -------------------------------------------------------------------------------------------------


def test_a_request_is_kept_answered_with_a_token_and_found_by_it(room: Room) -> None:
    token = room.token()
    before = room.http.get(f"/open311/v2/tokens/{token}.json")
    assert before.json() == [{"service_request_id": None, "token": token}]
    report = room.report(token)
    assert (report.service_code, report.agency_id, report.channel) == ("jalan_rusak", "dbm", "web")
    assert (report.lat, report.long, report.sources["place"]["source"]) == (-6.2088, 106.8456, "pin")
    assert report.sources["service"]["source"] == "named"
    shown = room.http.get(f"/open311/v2/requests/{report.code}.json").json()[0]
    assert shown["description"] == "Ada lubang besar"


def test_an_empty_description_is_a_report_all_the_same(room: Room) -> None:
    report = room.report(room.token({"service_code": "sampah", **PLACE}))
    assert (report.service_code, report.description, report.status) == ("sampah", "", "assigned")


def test_a_pin_that_is_turned_round_is_set_right(room: Room) -> None:
    report = room.report(room.token({"service_code": "sampah", "lat": "106.8456", "long": "-6.2088"}))
    assert (report.lat, report.long, report.sources["place"]["source"]) == (-6.2088, 106.8456, "pin")


def test_an_apps_request_is_a_new_report_whatever_its_words_look_like(room: Room) -> None:
    first = room.report(room.token({**WHOLE, "account_id": "11"}))
    for words in ("STOP", f"status {first.code}", "terima kasih", "sudah beres"):
        other = room.report(room.token({**WHOLE, "account_id": "11", "description": words}))
        assert (other.status, other.description) == ("assigned", words)
        assert other.code != first.code


def test_xml_and_json_bodies_are_taken(room: Room) -> None:
    answer = room.http.post("/open311/v2/requests.xml", json={**WHOLE, "lat": -6.2088, "api_key": "key-of-all"})
    assert answer.status_code == 200, answer.text
    token = ElementTree.fromstring(answer.content).findtext("request/token") or ""
    nested = room.create(None, data=None, json={**WHOLE, "attribute": {"DEPTH": "10 cm", "SEEN": None}})
    assert nested.status_code == 200, nested.text
    code = room.report(token).code
    found = ElementTree.fromstring(room.http.get(f"/open311/v2/tokens/{token}.xml").content)
    assert found.findtext("request/service_request_id") == code


@pytest.mark.parametrize(
    ("status", "fields", "more", "reason"),
    [
        (400, {**PLACE}, {}, "service_code was not provided"),
        (404, {**WHOLE, "service_code": "ufo"}, {}, "service_code was not found"),
        (400, {"service_code": "sampah"}, {}, "a place was not provided"),
        (400, {"service_code": "sampah", "lat": "-6.2"}, {}, "both of them"),
        (400, {"service_code": "sampah", "lat": "nan", "long": "106"}, {}, "degrees"),
        (400, {"service_code": "sampah", "lat": "91", "long": "106"}, {}, "degrees"),
        (400, {"service_code": "sampah", "lat": "181", "long": "-6"}, {}, "degrees"),
        (400, {"service_code": "sampah", "address_id": "1"}, {}, "address_id"),
        (400, {**WHOLE, "description": "x" * 4001}, {}, "description has 4000"),
        (400, WHOLE, {"headers": {**KEY, "Idempotency-Key": "x" * 201}}, "Idempotency-Key"),
        (400, WHOLE, {"params": {"api_key": "key-of-all"}}, "address"),
        (403, WHOLE, {"headers": {}}, "an api_key is needed"),
        (403, WHOLE, {"headers": {"Authorization": "Bearer nobody's"}}, "may not create"),
        (403, {**WHOLE, "api_key": "nobody's"}, {"headers": {}}, "may not create"),
        (413, {**WHOLE, "description": "x" * LARGEST_BODY}, {}, "larger"),
        (415, {}, {"content": b"hello", "data": None, "headers": {**KEY, "Content-Type": "text/plain"}}, "body"),
        (400, {}, {"data": None, "json": [1]}, "one object"),
        (400, {}, {"data": None, "json": {**WHOLE, "lat": [1]}}, "must be a text"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(
    room: Room, status: int, fields: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    answer = room.create(fields, **more)
    assert answer.status_code == status, answer.text
    (said,) = answer.json()
    assert said["code"] == status
    assert reason in said["description"]


def test_errors_come_in_xml_too_and_other_formats_are_unknown(room: Room) -> None:
    answer = room.http.post("/open311/v2/requests.xml", data=PLACE, headers=KEY)
    root = ElementTree.fromstring(answer.content)
    assert (answer.status_code, root.tag, root.findtext("error/code")) == (400, "errors", "400")
    assert room.http.post("/open311/v2/requests.yaml", data=WHOLE, headers=KEY).status_code == 404
    assert room.http.get("/open311/v2/tokens/nobodys.json").status_code == 404


KINDS = [
    "application/json",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "multipart/x",
    "",
]
PARTS = st.sampled_from(
    [b"--x", b"--", b"\r\n", b"\r\n\r\n", b'Content-Disposition: form-data; name="service_code"', b"; filename=a"]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), body=st.lists(PARTS | st.binary(max_size=30), max_size=8).map(b"".join))
def test_no_body_breaks_the_doors(room: Room, kind: str, body: bytes) -> None:
    headers = {**KEY, "Content-Type": kind}
    answer = room.http.post("/open311/v2/requests.json", content=body, headers=headers)
    assert answer.status_code in {400, 404, 413, 415}
    assert answer.json()[0]["code"] == answer.status_code
    form = room.http.post("/report", content=body, headers={**headers, "X-Forwarded-For": "nobody"})
    assert form.status_code == 303


def test_repeats_are_one_report(room: Room) -> None:
    first = room.token({**WHOLE, "description": "Lubang di tikungan"})
    assert room.token({**WHOLE, "description": "Lubang di tikungan"}) == first
    assert room.token({**WHOLE, "description": "Lubang di jembatan"}) != first
    once = {**KEY, "Idempotency-Key": "app-1"}
    own = room.token({**WHOLE, "description": "satu"}, headers=once)
    assert room.token({**WHOLE, "description": "satu"}, headers=once) == own
    another = room.create({**WHOLE, "description": "satu, lagi"}, headers=once)
    assert another.status_code == 422
    assert "Idempotency-Key was used" in another.json()[0]["description"]
    assert room.token({**WHOLE, "account_id": "7"}, headers=once) != own
    assert room.token(headers={"Authorization": "Bearer key-of-dbm", "Idempotency-Key": "app-1"}) != own
    room.work()
    with room.house.store.read() as session:
        assert session.query(Message).filter_by(external_id=first).count() == 1


def test_reports_of_one_account_are_of_one_person_and_nameless_ones_are_not(room: Room) -> None:
    said = [{"account_id": "7"}, {"account_id": "7"}, {"device_id": "7"}, {}, {}]
    reports = [
        room.report(room.token({**WHOLE, "description": f"Lubang {n}", **each})) for n, each in enumerate(said)
    ]
    people = [report.reporter_id for report in reports]
    assert people[0] == people[1]
    assert len(set(people)) == 4


def test_photos_come_along(room: Room) -> None:
    files = [("media", (f"{n}.jpg", jpeg(colour), "image/jpeg")) for n, colour in enumerate(("red", "blue"))]
    report = room.report(room.token({**WHOLE, "description": "Lubang, dua foto"}, files=files))
    assert [photo.state for photo in report.photos] == ["kept", "kept"]


def test_inputs_that_were_left_empty_do_not_count_as_photos(room: Room) -> None:
    photos = [jpeg(colour) for colour in ("red", "blue", "green", "white")]
    location = room.tell({**FORM, "nonce": "n12"}, [b"", *photos, b""]).headers["location"]
    assert len(room.report(location.rpartition("/")[2]).photos) == MOST_PHOTOS


def test_too_many_and_too_large_photos_are_refused(room: Room) -> None:
    files = [("media", (f"{n}.jpg", b"x", "image/jpeg")) for n in range(MOST_PHOTOS + 1)]
    assert room.create(files=files).status_code == 413
    large = [("media", ("a.jpg", b"x" * (LARGEST_PHOTO + 1), "image/jpeg"))]
    assert room.create(files=large).status_code == 413


def test_a_body_that_says_it_is_too_large_is_not_read(room: Room) -> None:
    listen = room.house.settings.http_listen
    with closing(HTTPConnection(listen.host, listen.port, timeout=20)) as wire:
        wire.putrequest("POST", "/open311/v2/requests.json")
        for name, value in {**KEY, "Content-Type": "multipart/form-data; boundary=x"}.items():
            wire.putheader(name, value)
        wire.putheader("Content-Length", "99000000")
        wire.endheaders()
        answer = wire.getresponse()
        assert (answer.status, answer.getheader("connection")) == (413, "close")


def test_keys_names_numbers_and_accounts_are_not_kept(room: Room) -> None:
    planted = {
        "first_name": "Sitiplanted",
        "last_name": "Lastplanted",
        "email": "mailplanted@example.org",
        "phone": "+62811777888",
        "account_id": "accountplanted",
        "device_id": "deviceplanted",
        "api_key": "key-of-all",
    }
    room.report(room.token({**WHOLE, "description": "Lubang, penuh nama", **planted}, headers={}))
    folder = room.house.settings.data_dir
    kept = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert b"penuh nama" in kept
    for word in planted.values():
        assert word.encode() not in kept


def test_a_photos_address_on_another_host_is_said_and_the_report_is_made(room: Room) -> None:
    answer = room.create({**WHOLE, "description": "Lubang, foto di sana", "media_url": "http://169.254.1.1/a.jpg"})
    assert "media_url" in answer.json()[0]["service_notice"]
    (photo,) = room.report(answer.json()[0]["token"]).photos
    assert (photo.state, photo.ref) == ("lost", None)
    assert "host" in (photo.note or "")


async def test_a_photos_address_on_an_allowed_host_is_fetched_from_there_only(tmp_path: Path) -> None:
    async def answer(request: Request) -> Response:
        return Response(jpeg(), media_type="image/jpeg")

    async with serving(answering(answer)) as address:
        house = open_rooms(tmp_path, open311_media_hosts=f"photos.example.org, {address}")
        kept = Kept()
        app = Starlette(routes=web.routes(house.settings, kept.accept))
        async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as http:
            fields = {**WHOLE, "media_url": f"{address}/a.jpg"}
            said = await http.post("/open311/v2/requests.json", data=fields, headers=KEY)
            assert said.json()[0]["service_notice"] is None
        (_, _, raw, meta) = kept.rows[0]
        (message,) = web.parse(raw, meta)
        async with web.connect(house.settings) as connection:
            assert await connection.fetch(message.attachments[0]) == jpeg()  # type: ignore[union-attr]
            with pytest.raises(PermanentFailure):
                await connection.fetch(Attachment(ref="http://127.0.0.1:1/a.jpg"))


async def test_a_journal_that_cannot_keep_is_said_to_try_again(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    app = Starlette(routes=web.routes(house.settings, Kept(is_full=True).accept))
    async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as http:
        answer = await http.post("/open311/v2/requests.json", data=WHOLE, headers=KEY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "11")
        assert (await http.post("/report", data=FORM)).headers["location"] == "/report?wrong=not_now"


@pytest.mark.parametrize(("sandbox", "status"), [("auto", 200), ("off", 403)])
async def test_without_any_key_only_the_sandbox_is_open(tmp_path: Path, sandbox: str, status: int) -> None:
    house = open_rooms(tmp_path, open311_api_keys="", sandbox=sandbox)
    app = Starlette(routes=web.routes(house.settings, Kept().accept))
    async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as http:
        assert (await http.post("/open311/v2/requests.json", data=WHOLE)).status_code == status


# --- a person -----------------------------------------------------------------------------------------------


def test_the_form_leads_to_the_reporters_own_page(room: Room) -> None:
    answer = room.tell(FORM, [jpeg("red"), jpeg("blue")])
    assert answer.status_code == 303
    waiting = room.http.get(answer.headers["location"])
    assert 'http-equiv="refresh"' in waiting.text
    room.work()
    onward = room.http.get(answer.headers["location"])
    page = room.http.get(onward.headers["location"])
    assert page.status_code == 200
    assert page.headers["x-robots-tag"] == "noindex"
    for words in ("lampu jalan mati total", "Dinas Bina Marga", "2 foto diterima", onward.headers["location"]):
        assert words in page.text


def test_who_has_the_link_reads_the_news_and_adds_words(room: Room) -> None:
    token = room.tell({**FORM, "nonce": "n1"}).headers["location"].rpartition("/")[2]
    report = room.report(token)
    move(room.house, report.code, "in_progress", notes="Regu berangkat besok pagi")
    own = own_path(room.house, report.code)
    page = room.http.get(own)
    assert "Regu berangkat besok pagi" in page.text
    mine = {name: hidden(page, name) for name in ("thread", "me")}
    answer = room.tell({"words": "tiang nomor 14", **mine, "nonce": "n2"})
    assert room.report(answer.headers["location"].rpartition("/")[2]).code == report.code
    assert "tiang nomor 14" in room.http.get(own).text
    with room.house.store.read() as session:
        said = session.query(Message).filter_by(report_id=report.id).order_by(Message.id).all()
        assert said[0].address_id == said[1].address_id


def test_without_the_link_nobody_reads_the_thread_or_adds_to_it(room: Room) -> None:
    first = room.report(room.tell({**FORM, "nonce": "n3"}).headers["location"].rpartition("/")[2])
    other = room.report(room.tell({**FORM, "nonce": "n4"}).headers["location"].rpartition("/")[2])
    wrong = own_path(room.house, other.code).rpartition("/")[2]
    assert room.http.get(f"/r/{first.code}/o/{wrong}").status_code == 404
    assert room.http.get("/report/nobodys").status_code == 404
    forged = f"{first.code.lower()}.{wrong}"
    room.tell({"words": "sudah beres", "thread": forged, "nonce": "n5"})
    room.work()
    with room.house.store.read() as session:
        texts = [m.text for m in session.query(Message).filter_by(report_id=first.id)]
    assert texts == ["\n".join(FORM.values())]


def test_what_is_held_back_or_is_the_agencys_own_is_not_on_the_reporters_page(room: Room) -> None:
    code = room.report(room.tell({**FORM, "nonce": "n13"}).headers["location"].rpartition("/")[2]).code
    now = room.house.now()
    with room.house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        owe_to(session, report.address, "web", "sudah waktunya", now, report=report)
        owe_to(
            session, report.address, "web", "nanti malam", now, report=report, not_before=now + timedelta(hours=1)
        )
        owe_to(session, report.address, "web", "batal", now, report=report).state = "withdrawn"
        said = {"channel": "email", "account": "a", "subject": "", "received_at": now, "report_id": report.id}
        mails = [("surat dinas", AGENCY_MAIL, None), ("orang lain", "note", report.address_id)]
        for text, kind, address_id in mails:
            session.add(Message(external_id=text, text=text, kind=kind, address_id=address_id, **said))
    page = room.http.get(own_path(room.house, code)).text
    assert "sudah waktunya" in page
    for words in ("nanti malam", "batal", "surat dinas", "orang lain"):
        assert words not in page


def test_a_button_pressed_twice_is_one_report_and_the_same_words_of_two_people_are_two(room: Room) -> None:
    once = room.tell({**FORM, "nonce": "n6"}, [jpeg()]).headers["location"]
    assert room.tell({**FORM, "nonce": "n6"}, [jpeg()]).headers["location"] == once
    assert room.tell({**FORM, "nonce": "n7"}, [jpeg()]).headers["location"] != once
    assert room.tell(FORM).headers["location"] != room.tell(FORM).headers["location"]


def test_no_other_sites_page_posts_the_form(room: Room) -> None:
    assert room.tell(FORM, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert room.tell(FORM, Origin="https://evil.example").status_code == 403
    assert room.tell(FORM, Origin="null").status_code == 403
    assert room.tell({**FORM, "nonce": "n8"}, Origin=room.house.settings.base_url).status_code == 303


@pytest.mark.parametrize(
    ("fields", "photos", "status", "words"),
    [
        ({"words": " "}, 0, 400, "Ceritakan dulu"),
        ({"words": "x" * 4001}, 0, 400, "Terlalu panjang"),
        ({"words": "lampu mati", "lat": "x", "long": "y"}, 0, 400, "tidak bisa dibaca"),
        (FORM, MOST_PHOTOS + 1, 413, "terlalu banyak"),
    ],
)
def test_a_form_that_cannot_be_taken_says_why(
    room: Room, fields: dict[str, str], photos: int, status: int, words: str
) -> None:
    answer = room.tell(fields, [b"x"] * photos)
    page = room.http.get(answer.headers["location"])
    assert page.status_code == status
    assert words in page.text


def test_a_greeting_is_answered_where_it_was_written(room: Room) -> None:
    location = room.tell({"words": "halo"}).headers["location"]
    room.work()
    page = room.http.get(location)
    assert page.status_code == 200
    assert 'class="words"' in page.text


async def test_one_address_posts_so_many_and_then_waits(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    app = Starlette(routes=web.routes(house.settings, Kept().accept))
    async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as http:
        from_here = {"X-Forwarded-For": "36.66.1.7"}
        answers = [await http.post("/report", data=FORM, headers=from_here) for _ in range(31)]
        assert [each.headers["location"].startswith("/report/") for each in answers] == [True] * 30 + [False]
        assert answers[-1].headers["location"] == "/report?wrong=too_many"
        elsewhere = await http.post("/report", data=FORM, headers={"X-Forwarded-For": "36.66.1.8"})
        assert elsewhere.headers["location"].startswith("/report/")


def test_who_deletes_their_data_on_their_own_page_is_asked_and_told_there(room: Room) -> None:
    report = room.report(room.tell({**FORM, "nonce": "n9"}).headers["location"].rpartition("/")[2])
    own = own_path(room.house, report.code)
    mine = {name: hidden(room.http.get(own), name) for name in ("thread", "me")}
    asked = room.tell({"words": "hapus data saya", **mine, "nonce": "n10"}).headers["location"]
    room.work()
    assert room.http.get(asked).headers["location"] == own
    word = re.search(r"HAPUS \d{4}", room.http.get(own).text)
    assert word
    done = room.tell({"words": word[0], **mine, "nonce": "n11"}).headers["location"]
    room.work()
    assert 'http-equiv="refresh"' not in room.http.get(done).text
    page = room.http.get(own).text
    assert "lampu jalan mati total" not in page


@pytest.mark.parametrize("address", ["/", "/r/ABC234", "/open311/v2/requests.json", "/reports.csv"])
def test_pages_of_a_database_that_is_away_are_a_503_that_says_when_to_come_again(
    tmp_path: Path, address: str
) -> None:
    with room_in(tmp_path) as room:
        with room.house.store.write() as session:
            session.execute(text("ALTER TABLE reports RENAME TO gone"))
        answer = room.http.get(address)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "reports" not in answer.text


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
    ],
)
def test_who_never_ends_a_head_holds_no_connection(
    room: Room, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.server.HEAD_SECONDS", 0.2)
    at = room.house.settings.http_listen
    with socket.create_connection((at.host, at.port), timeout=20) as wire:
        wire.sendall(head)
        while wire.recv(65_536):
            pass


def test_a_body_that_never_begins_is_hung_up_on_without_a_word(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.server.HEAD_SECONDS", 0.2)
    at = room.house.settings.http_listen
    head = (
        b"POST /open311/v2/requests.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-all\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n"
    )
    with socket.create_connection((at.host, at.port), timeout=10) as wire:
        wire.sendall(head)
        assert wire.recv(65_536) == b""  # not the 408 of whoever reads the body, which comes much later


def test_a_body_may_take_longer_than_a_head(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.server.HEAD_SECONDS", 0.1)
    at = room.house.settings.http_listen

    def slowly() -> Iterator[bytes]:
        yield b"description="
        with socket.create_connection((at.host, at.port), timeout=20) as silent:  # until it is hung up on
            assert silent.recv(1) == b""
        yield b"lubang"

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert room.http.post("/open311/v2/requests.json", content=slowly(), headers=KEY | form).status_code == 400
