"""What admins do at the desk, over HTTP: look how the house is, replay, ways, try it, lists, imports, deeds."""

import csv
import io
import json
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from desk.app import routes
from router.chat_codes import is_code_of
from router.house import House
from store.desk import Deed
from store.journal import Journal
from store.models import AgencyWay, Delivery, Message, Report
from store.officials import Officer
from store.ways import Try, note_try
from tests.wire.desk_rooms import add_officer, add_report, browser, entered, log_in, move, open_rooms

PAGES = ("", "/owed?state=failed", "/agencies", "/pack", "/pack/lampu_jalan", "/texts", "/try", "/accuracy")


@dataclass
class Rooms:
    house: House
    journal: Journal
    address: str


@contextmanager
def serving_with(house: House, journal: Journal) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=routes(house, journal)), log_level="critical", lifespan="off")
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


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    house = open_rooms(tmp_path_factory.mktemp("rooms"), webhook_private="on")
    for name, role, agency_id in (
        ("admin", "admin", None),
        ("audit", "auditor", None),
        ("budi", "officer", "dbm"),
        ("kepala", "head", "dbm"),
    ):
        add_officer(house, name, role, agency_id)
    with (
        closing(Journal(house.settings.data_dir / "journal")) as journal,
        serving_with(house, journal) as address,
    ):
        yield Rooms(house=house, journal=journal, address=address)


@pytest.fixture(scope="module")
def admin(rooms: Rooms) -> Iterator[httpx.Client]:
    with entered(rooms.address, "admin") as client:
        yield client


def csrf(client: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/desk").text)
    assert found
    return found[1]


def deeds(rooms: Rooms) -> list[tuple[str, str | None]]:
    with rooms.house.store.read() as session:
        return [(deed.what, deed.about) for deed in session.query(Deed).order_by(Deed.id)]


# --- who comes in ---------------------------------------------------------------------------------------------


def test_an_admin_reads_every_page_in_both_languages(admin: httpx.Client) -> None:
    for page in (*PAGES, "/import"):
        for language in ("en", "id"):
            answer = admin.get(f"/desk/admin{page}", params={"lang": language} if "?" not in page else None)
            assert answer.status_code == 200, page
            assert "Traceback" not in answer.text


def test_an_auditor_reads_but_has_no_buttons(rooms: Rooms) -> None:
    with entered(rooms.address, "audit") as client:
        for page in PAGES:
            answer = client.get(f"/desk/admin{page}")
            assert answer.status_code == 200
            assert "/desk/admin/ways/" not in re.findall(r'action="([^"]+)"', answer.text)
        assert client.get("/desk/admin/import").status_code == 404
        fields = {"csrf": csrf(client), "agency": "dbm", "kind": "mail", "address": "a@example.org"}
        assert client.post("/desk/admin/ways", data=fields).status_code == 404


def test_for_an_agencys_officials_it_is_not_there(rooms: Rooms) -> None:
    with entered(rooms.address, "budi") as client:
        assert {client.get(f"/desk/admin{page}").status_code for page in (*PAGES, "/import")} == {404}
        assert client.get("/desk/deeds.csv").status_code == 404


def test_a_form_without_its_token_is_refused(admin: httpx.Client) -> None:
    for path in ("/desk/admin/replay", "/desk/admin/ways", "/desk/admin/ways/1/removed", "/desk/export"):
        assert admin.post(path, data={"csrf": "wrong"}).status_code == 403


# --- how the house is -----------------------------------------------------------------------------------------


def test_a_failed_message_stands_there_with_its_reason_and_is_replayed_once(
    rooms: Rooms, admin: httpx.Client
) -> None:
    raw = b"MessageSid=SM1&From=%2B62811&To=%2B62150&Body=lampu+jalan+mati+di+Jl.+Kemang+Raya,+Kelurahan+Bangka"
    meta = {"channel_kind": "message"}
    rooms.journal.put(channel="sms", external_id="f1", lane="a", raw=raw, meta=meta).result()
    (entry,) = rooms.journal.waiting(1)
    rooms.journal.fail(entry.key, "OperationalError: <b>\x1b[31m disk")
    page = admin.get("/desk/admin").text
    assert entry.key in page
    assert "OperationalError: &lt;b&gt;[31m disk" in page

    answer = admin.post("/desk/admin/replay", data={"csrf": csrf(admin), "id": entry.key})
    assert answer.status_code == 200
    assert not rooms.journal.find("failed")
    with rooms.house.store.read() as session:
        assert session.query(Message).filter_by(external_id="SM1").count() == 1
    admin.post("/desk/admin/replay", data={"csrf": csrf(admin), "id": entry.key})
    with rooms.house.store.read() as session:
        assert session.query(Message).filter_by(external_id="SM1").count() == 1
    assert ("replayed", f"{entry.key}: 1") in deeds(rooms)


def test_all_failed_are_replayed_with_one_press(rooms: Rooms, admin: httpx.Client) -> None:
    for number in (2, 3):
        raw = f"MessageSid=SM{number}&From=%2B6281{number}&To=%2B62150&Body=halo".encode()
        meta = {"channel_kind": "message"}
        rooms.journal.put(channel="sms", external_id=f"f{number}", lane=str(number), raw=raw, meta=meta).result()
    for entry in rooms.journal.waiting(5):
        rooms.journal.fail(entry.key, "broke")
    answer = admin.post("/desk/admin/replay?lang=en", data={"csrf": csrf(admin)})
    assert answer.status_code == 200
    assert not rooms.journal.find("failed")


def test_a_message_that_is_not_there_is_said_so(admin: httpx.Client) -> None:
    answer = admin.post("/desk/admin/replay", data={"csrf": csrf(admin), "id": "2020-01-01:9"})
    assert answer.status_code == 404


def test_what_is_owed_is_counted_and_led_to(rooms: Rooms, admin: httpx.Client) -> None:
    code = add_report(rooms.house)
    with rooms.house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        session.add(
            Delivery(
                report_id=report.id,
                address_id=report.address_id,
                channel="telegram",
                queue="replies",
                text="t",
                subject="",
                buttons=[],
                state="failed",
                attempts=7,
                next_attempt_at=rooms.house.now(),
                last_error="Forbidden: bot was blocked",
                created_at=rooms.house.now(),
                updated_at=rooms.house.now(),
            )
        )
    page = admin.get("/desk/admin").text
    link = "/desk/admin/owed?channel=telegram&amp;state=failed"
    assert link in page
    listed = admin.get(link.replace("&amp;", "&")).text
    assert code in listed
    assert "Forbidden: bot was blocked" in listed


# --- ways -----------------------------------------------------------------------------------------------------


def test_a_webhooks_secret_is_shown_once_and_the_way_can_be_tried_changed_and_removed(
    rooms: Rooms, admin: httpx.Client
) -> None:
    token = csrf(admin)
    fields = {"csrf": token, "agency": "dlh", "kind": "webhook", "address": "http://127.0.0.1:9/hook"}
    page = admin.post("/desk/admin/ways", data=fields)
    assert page.status_code == 200
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page.text)
    assert secret
    assert secret[0] not in admin.get("/desk/admin/agencies").text
    with rooms.house.store.read() as session:
        number = session.query(AgencyWay).filter_by(agency_id="dlh").one().id

    tried = admin.post(f"/desk/admin/ways/{number}/tried", data={"csrf": token})
    assert tried.url.path == f"/desk/admin/ways/{number}"
    assert "<strong>test</strong>" in tried.text
    with rooms.house.store.write() as session:
        row = session.query(Delivery).filter_by(way_id=number).one()
        note_try(row, Try(at=row.created_at, seconds=2.5, is_taken=False, said="HTTP 503 <b>", next_at=None))
    log = admin.get(f"/desk/admin/ways/{number}").text
    assert "1 percobaan terakhir" in log
    assert "gagal · <bdi>HTTP 503 &lt;b&gt;</bdi> · 2.5 detik" in log

    assert admin.post("/desk/admin/ways", data=fields).status_code == 400
    other = {"csrf": token, "address": "http://127.0.0.1:9/other"}
    assert "http://127.0.0.1:9/other" in admin.post(f"/desk/admin/ways/{number}/changed", data=other).text
    wrong = {"csrf": token, "address": "file:///etc/passwd"}
    assert admin.post(f"/desk/admin/ways/{number}/changed", data=wrong).status_code == 400
    assert admin.post(f"/desk/admin/ways/{number}/exploded", data={"csrf": token}).status_code == 400

    assert admin.post(f"/desk/admin/ways/{number}/removed", data={"csrf": token}).status_code == 200
    with rooms.house.store.read() as session:
        assert session.query(Delivery).filter_by(way_id=number).one().state == "withdrawn"
    assert [what for what, _ in deeds(rooms) if what.startswith("way_")] == [
        "way_added",
        "way_tried",
        "way_changed",
        "way_removed",
    ]


# --- the pack and "try it" ------------------------------------------------------------------------------------


def test_try_it_shows_what_would_be_answered_and_keeps_nothing(rooms: Rooms, admin: httpx.Client) -> None:
    with rooms.house.store.read() as session:
        before = session.query(Report).count(), session.query(Message).count(), session.query(Delivery).count()
    fields = {"csrf": csrf(admin), "text": "lampu jalan mati di Jl. Manggarai Utara 2, Kelurahan Manggarai"}
    page = admin.post(
        "/desk/admin/try", data={**fields, "channel": "sms"}, files={"photo": ("a.jpg", b"no picture")}
    )
    assert page.status_code == 200
    assert "lampu_jalan" in page.text
    assert "Dinas Bina Marga" in page.text
    assert re.search(r"Laporan [A-Z0-9]{6} diterima", page.text)
    asked = admin.post(
        "/desk/admin/try", data={**fields, "text": "jalan rusak", "channel": "sms"}, files={"photo": b""}
    )
    assert "Di mana tepatnya?" in asked.text
    with rooms.house.store.read() as session:
        after = session.query(Report).count(), session.query(Message).count(), session.query(Delivery).count()
    assert after == before


def test_a_pin_that_is_none_is_a_sentence(admin: httpx.Client) -> None:
    fields = {"csrf": csrf(admin), "text": "banjir", "lat": "north", "long": "1"}
    assert admin.post("/desk/admin/try", data=fields, files={"photo": b""}).status_code == 400


def test_a_service_shows_its_words_and_where_to_edit_them(admin: httpx.Client) -> None:
    page = admin.get("/desk/admin/pack/lampu_jalan?lang=en").text
    assert "config/jakarta/words/" in page
    assert "lampu jalan" in page
    assert admin.get("/desk/admin/pack/none").status_code == 404


# --- lists ----------------------------------------------------------------------------------------------------


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_an_officers_list_has_their_agencys_reports_and_no_personal_data(rooms: Rooms) -> None:
    ours, theirs = add_report(rooms.house), add_report(rooms.house, agency_id="dlh")
    formula = add_report(rooms.house, address_string="=cmd|' /C calc'!A0", public_description="\u200b=1+1")
    with entered(rooms.address, "budi") as client:
        rows = {row["code"]: row for row in rows_of(client.get("/desk/export.csv?group=new"))}
        assert ours in rows
        assert theirs not in rows
        assert rows[formula]["address"] == "'=cmd|' /C calc'!A0"
        assert rows[formula]["text"] == "'=1+1"
        assert "0812" not in json.dumps(list(rows.values()))
        assert "own_words" not in rows[ours]
        assert client.post("/desk/export", data={"csrf": csrf(client), "form": "csv"}).status_code == 404
        assert client.get("/desk/export.pdf").status_code == 404
    assert ("exported", "csv, group=new&agency=dbm") in deeds(rooms)


def test_a_head_takes_their_own_reporters_along_and_it_is_written_down(rooms: Rooms) -> None:
    code = add_report(rooms.house)
    with entered(rooms.address, "kepala") as client:
        fields = {"csrf": csrf(client), "form": "csv", "query": "?group=new&agency=dlh"}
        rows = {row["code"]: row for row in rows_of(client.post("/desk/export", data=fields))}
    assert {row["agency_id"] for row in rows.values()} == {"dbm"}
    assert rows[code]["reporter"].startswith("sms:+62812")
    assert "0812-3456-7890" in rows[code]["own_words"]
    assert deeds(rooms)[-1][0] == "exported_people"


def test_what_is_looked_for_is_not_written_down(rooms: Rooms, admin: httpx.Client) -> None:
    assert admin.get("/desk/export.csv?q=08123456789").status_code == 200
    assert "08123456789" not in (deeds(rooms)[-1][1] or "")


def test_a_workbook_holds_texts_and_no_formula(rooms: Rooms, admin: httpx.Client) -> None:
    add_report(
        rooms.house, address_string='=HYPERLINK("http://contoh.invalid")', public_description="http://a.invalid"
    )
    answer = admin.get("/desk/export.xlsx")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in book.namelist() if "externalLink" in name]
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert "HYPERLINK" in sheet


def test_the_map_file_is_geojson(rooms: Rooms, admin: httpx.Client) -> None:
    code = add_report(rooms.house)
    found = admin.get("/desk/export.geojson").json()
    (ours,) = [each for each in found["features"] if each["id"] == code]
    assert ours["geometry"] == {"type": "Point", "coordinates": [106.8451234, -6.2146789]}


# --- imports --------------------------------------------------------------------------------------------------


def imported(client: httpx.Client, kind: str, text: str, **more: str) -> httpx.Response:
    fields = {"csrf": csrf(client), "kind": kind, "text": text, **more}
    return client.post("/desk/admin/import?lang=en", data=fields, files={"photo": b""})


def test_an_import_says_of_each_line_what_would_come_of_it_before_it_is_done(
    rooms: Rooms, admin: httpx.Client
) -> None:
    text = "name,role,agency,area\nsiti,officer,dbm,\nsiti,officer,dbm,\nbudi,officer,dbm,\nada,officer,nowhere,\n"
    looked = imported(admin, "officials", text)
    assert looked.status_code == 200
    assert "1 lines can be done, 3 cannot" in looked.text
    with rooms.house.store.read() as session:
        assert session.query(Officer).filter_by(name="siti").count() == 0
    done = imported(admin, "officials", text, do="1")
    password = re.search(r'class="secret">([a-z2-9]{4}(?:-[a-z2-9]{4}){3})<', done.text)
    assert password
    with browser(rooms.address) as client:
        assert log_in(client, "siti", password[1]).url.path == "/desk/password"
    assert deeds(rooms)[-1] == ("imported", "officials: 1")


def test_ways_are_imported_from_a_semicolon_file_too(rooms: Rooms, admin: httpx.Client) -> None:
    text = "agency;kind;address\npam;mail;pam@example.org\npam;mail;PAM@example.org\ndlh;fax;1\n"
    assert "1 lines can be done, 2 cannot" in imported(admin, "ways", text).text
    imported(admin, "ways", text, do="1")
    with rooms.house.store.read() as session:
        assert [way.kind for way in session.query(AgencyWay).filter_by(agency_id="pam")] == ["mail"]


def test_a_groups_code_is_shown_once_and_a_new_one_makes_it_void(rooms: Rooms, admin: httpx.Client) -> None:
    token = csrf(admin)
    fields = {"csrf": token, "agency": "pam", "kind": "telegram", "address": ""}
    page = admin.post("/desk/admin/ways", data=fields).text
    (first,) = re.findall(r"/dinas ([A-Z2-9]{10})", page)
    shown = admin.get("/desk/admin/agencies").text
    assert first not in shown
    assert '<span class="tag warm">' in shown
    with rooms.house.store.read() as session:
        number = session.query(AgencyWay).filter_by(agency_id="pam", kind="telegram").one().id
    assert admin.post(f"/desk/admin/ways/{number}/tried", data={"csrf": token}).status_code == 400
    (second,) = re.findall(
        r"/dinas ([A-Z2-9]{10})", admin.post(f"/desk/admin/ways/{number}/coded", data={"csrf": token}).text
    )
    with rooms.house.store.read() as session:
        way = session.get_one(AgencyWay, number)
        assert [is_code_of(way, code, rooms.house) for code in (first, second)] == [False, True]
    assert [row["about"] for row in rows_of(admin.get("/desk/deeds.csv?what=way_coded"))] == [str(number)]
    assert admin.post(f"/desk/admin/ways/{number}/removed", data={"csrf": token}).status_code == 200
    with rooms.house.store.read() as session:
        assert session.get_one(AgencyWay, number).secret is None


@pytest.mark.parametrize("text", ["", "\x00", "a,b\n1,2", "agency,kind,address\n" + "dbm,queue,\n" * 201])
def test_what_is_no_list_is_a_sentence(admin: httpx.Client, text: str) -> None:
    assert imported(admin, "ways", text).status_code == 400


# --- deeds and accuracy ---------------------------------------------------------------------------------------


def test_deeds_are_filtered_by_who_what_and_when_and_taken_along(rooms: Rooms, admin: httpx.Client) -> None:
    with rooms.house.store.write() as session:
        session.add(Deed(by="officer:=cmd", what="exported", about="csv", at=rooms.house.now()))
    rows = rows_of(admin.get("/desk/deeds.csv?who=cmd"))
    assert [row["what"] for row in rows] == ["exported"]
    assert "<bdi>=cmd</bdi>" in admin.get("/desk/deeds?what=exported").text
    assert not rows_of(admin.get("/desk/deeds.csv?who=cmd&last=2020-01-01"))
    assert not rows_of(admin.get("/desk/deeds.csv?who=%25"))
    assert rows_of(admin.get("/desk/deeds.csv?first=nonsense"))


def test_accuracy_counts_what_officials_agreed_with_and_changed(rooms: Rooms, admin: httpx.Client) -> None:
    guess = {"service": {"source": "text", "confidence": 0.9}}
    agreed = add_report(rooms.house, sources=guess, requested_at=rooms.house.now())
    move(rooms.house, agreed, "accepted")
    changed = add_report(
        rooms.house,
        requested_at=rooms.house.now(),
        service_guess="changed",
        service_code="banjir",
        sources={"service": {"source": "desk", "guess": "saluran"}},
    )
    page = admin.get("/desk/admin/accuracy").text
    assert "jalan_rusak" in page
    assert changed in page
    assert changed not in admin.get("/desk/admin/accuracy?service=jalan_rusak").text
