"""The desk as officials use it: queue, report, the change of a status, and what the public sees of it."""

import re
import tomllib
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from config.settings import ROOT
from desk import queue
from desk.rights import Official, may_change, may_see
from desk.view import GROUPS
from router.house import House
from router.status import MOVES
from router.way_changes import add_way
from store.models import Delivery, Message, Report, StatusUpdate
from store.ways import Try, note_try
from tests.wire.desk_rooms import (
    START,
    add_officer,
    add_photo,
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_rooms,
    press,
    serving,
    status_of,
)

OFFICERS = {
    "dbm-officer": ("officer", "dbm"),
    "dbm-head": ("head", "dbm"),
    "dlh-officer": ("officer", "dlh"),
    "triage": ("triage", None),
    "admin": ("admin", None),
    "auditor": ("auditor", None),
}
HOSTILE = "</p><script>alert(1)</script>\u202egnp.exe<img src=x onerror=alert(1)>{{7*7}}{% if %}\x00\x1b[31m"


class Tags(HTMLParser):
    """Which elements and attributes a page really has."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def test_official_moves_a_report_and_the_citizen_is_owed_the_note(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    page = press(clients["dbm-officer"], code, "in_progress", "Regu berangkat besok.")
    assert page.status_code == 200
    assert "Warga dikabari" in page.text
    assert status_of(house, code) == "in_progress"
    assert "Regu berangkat besok." in answers_to(house, code)[-1]
    press(clients["dbm-officer"], code, "resolved", "Sudah ditambal.")
    assert "Sudah ditambal." in answers_to(house, code)[-1]
    with house.store.read() as session:
        lines = session.query(StatusUpdate).join(Report).filter(Report.code == code).order_by(StatusUpdate.seq)
        assert [(line.status, line.by) for line in lines] == [
            ("assigned", "router"),
            ("in_progress", "officer:dbm-officer"),
            ("resolved", "officer:dbm-officer"),
            ("resolved", "router"),  # it came without a photo
        ]


@pytest.mark.parametrize("status", ["resolved", "rejected", "needs_info"])
def test_move_without_the_words_it_needs_is_a_sentence_on_the_page(
    house: House, clients: dict[str, httpx.Client], status: str
) -> None:
    code = add_report(house)
    page = press(clients["dbm-officer"], code, status, "  ")
    assert page.status_code == 400
    assert "Tulis dulu" in page.text
    assert status_of(house, code) == "assigned"


@pytest.mark.parametrize("status", ["received", "reopened", "closed", "nonsense", "", "ASSIGNED"])
def test_move_that_the_table_does_not_have_is_a_sentence_on_the_page(
    house: House, clients: dict[str, httpx.Client], status: str
) -> None:
    code = add_report(house)
    page = press(clients["dbm-officer"], code, status, "Tolong simpan catatan saya")
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert "Tolong simpan catatan saya" in page.text
    assert status_of(house, code) == "assigned"


@pytest.mark.parametrize("status", sorted(MOVES))
def test_every_button_on_the_page_is_an_allowed_move(
    house: House, clients: dict[str, httpx.Client], status: str
) -> None:
    code = add_report(house)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        report.status, report.status_before = status, "accepted"
    page = clients["triage"].get(f"/desk/r/{code}")
    buttons = re.findall(r'<button name="status" value="(\w+)"', page.text)
    assert buttons
    for button in buttons:
        with house.store.write() as session:
            report = session.query(Report).filter_by(code=code).one()
            report.status, report.status_before = status, "accepted"
        answer = press(clients["triage"], code, button, "Alasan yang jelas", agency_id="dlh")
        assert answer.status_code == 200, button
        assert status_of(house, code) == button


def test_two_officials_at_once_the_second_is_told_and_changes_nothing(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    page = clients["dbm-head"].get(f"/desk/r/{code}")
    press(clients["dbm-officer"], code, "accepted")
    fields = {
        "csrf": hidden(page, "csrf"),
        "seen": hidden(page, "seen"),
        "status": "rejected",
        "note": "Tidak ada.",
    }
    answer = clients["dbm-head"].post(f"/desk/r/{code}", data=fields)
    assert answer.status_code == 409
    assert "diubah orang lain" in answer.text
    assert "Diterima Dinas Bina Marga" in answer.text
    assert "Tidak ada." in answer.text
    assert status_of(house, code) == "accepted"
    assert len(answers_to(house, code)) == 2


def test_rejection_names_who_deals_with_it_and_how_they_are_reached(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house, service_code="listrik")
    page = clients["dbm-officer"].get(f"/desk/r/{code}")
    assert 'value="pln" selected' in page.text
    press(clients["dbm-officer"], code, "rejected", "Padam karena gardu.", right_address="pln")
    assert "Yang menangani: PT PLN (Persero), telepon 123" in answers_to(house, code)[-1]
    assert "Padam karena gardu." in answers_to(house, code)[-1]


@pytest.mark.parametrize("named", ["", "dlh", "nobody"])
def test_rejection_with_an_address_that_nobody_can_turn_to_has_the_reason_alone(
    house: House, clients: dict[str, httpx.Client], named: str
) -> None:
    code = add_report(house)
    press(clients["dbm-officer"], code, "rejected", "Tidak ditemukan.", right_address=named)
    assert status_of(house, code) == "rejected"
    assert "Yang menangani" not in answers_to(house, code)[-1]


def test_further_problems_of_a_report_stand_on_its_page(house: House, clients: dict[str, httpx.Client]) -> None:
    two = add_report(house, sources={"service": {"also": ["sampah", "saluran"]}})
    one = add_report(house)
    page = clients["dbm-officer"].get(f"/desk/r/{two}").text
    assert "Sampah menumpuk, TPS, Saluran air mampet" in page
    assert "Masalah lain dalam laporan ini" not in clients["dbm-officer"].get(f"/desk/r/{one}").text


def test_report_that_is_passed_on_leaves_my_queue_and_stands_in_the_other(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    refused = press(clients["dbm-officer"], code, "assigned")
    assert refused.status_code == 400
    assert "Pilih dulu dinas" in refused.text
    page = press(clients["dbm-officer"], code, "assigned", agency_id="dlh")
    assert page.url.path == "/desk"
    assert f"Laporan {code} sudah diteruskan" in page.text
    assert clients["dbm-officer"].get(f"/desk/r/{code}").status_code == 404
    assert clients["dlh-officer"].get(f"/desk/r/{code}").status_code == 200
    with house.store.read() as session:
        owed = session.query(Delivery).join(Report).filter(Report.code == code, Delivery.agency_id == "dlh")
        assert owed.count() == 1


@pytest.mark.parametrize("agency_id", ["dbm", "dlh", None])
@pytest.mark.parametrize("name", sorted(OFFICERS))
def test_rights_are_the_same_on_paper_and_on_the_wire(
    house: House, clients: dict[str, httpx.Client], name: str, agency_id: str | None
) -> None:
    code = add_report(house, agency_id=agency_id)
    photo = add_photo(house, code, b"\xff\xd8\xff")
    role, own = OFFICERS[name]
    sees = own is None or own == agency_id
    changes = sees and role != "auditor"
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        official = Official(name=f"officer:{name}", role=role, agency_id=own)
        assert (may_see(official, report), may_change(official, report)) == (sees, changes)
    client = clients[name]
    for path in (f"/desk/r/{code}", f"/desk/r/{code}/thread", f"/desk/photos/{photo}"):
        assert client.get(path).status_code == (200 if sees else 404), path
    listed = client.get("/desk/queue", params={"agency": agency_id or "none"}).text
    assert (code in listed) == sees
    token = hidden(client.get("/desk/password"), "csrf")
    with house.store.read() as session:
        lines = session.query(StatusUpdate).join(Report).filter(Report.code == code).count()
    fields = {"csrf": token, "seen": str(lines), "status": "rejected", "note": "Bukan urusan kota."}
    client.post(f"/desk/r/{code}", data=fields)
    assert (status_of(house, code) == "rejected") == changes


def test_queue_shows_urgent_first_then_the_oldest_in_pages(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    add_officer(house, "dbm-officer", "officer", "dbm")
    codes = [add_report(house, urgent=number == 20) for number in range(queue.PAGE_SIZE + 2)]
    expected = [codes[20], *(code for code in codes if code != codes[20])]
    with serving(house) as address, browser(address) as client:
        log_in(client, "dbm-officer")
        pages = [client.get("/desk", params={"page": page}).text for page in (1, 2, 3)]
        junk = client.get("/desk?page=-1&group=x&status=%00&agency=dlh").text
    shown = [re.findall(r'href="/desk/r/(\w+)"', page) for page in pages]
    assert shown == [expected[: queue.PAGE_SIZE], expected[queue.PAGE_SIZE :], []]
    assert re.findall(r'href="/desk/r/(\w+)"', junk) == shown[0]


def test_each_status_stands_in_exactly_one_group() -> None:
    grouped = [status for group in GROUPS.values() for status in group]
    assert sorted(grouped) == sorted(MOVES)


def test_triage_finds_what_no_agency_has(house: House, clients: dict[str, httpx.Client]) -> None:
    lost, owned = add_report(house, agency_id=None), add_report(house, agency_id="dlh")
    page = clients["triage"].get("/desk", params={"agency": "none"}).text
    assert lost in page
    assert owned not in page
    assert press(clients["triage"], lost, "assigned", agency_id="kpkp").status_code == 200
    assert lost not in clients["triage"].get("/desk", params={"agency": "none"}).text


def test_thread_tells_which_answers_did_not_reach_the_citizen(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    with house.store.write() as session:
        answer = session.query(Delivery).join(Report).filter(Report.code == code, Delivery.address_id.is_not(None))
        answer.one().state = "failed"
        answer.one().last_error = "550 +628120000001 unknown"
    page = clients["dbm-officer"].get(f"/desk/r/{code}")
    assert "warga tidak terjangkau" in page.text
    assert "Jalan berlubang besar" in page.text
    assert "+62812" not in page.text  # neither the address itself nor what a provider said about it
    assert "Jawaban terakhir tidak sampai ke warga: nomor, alamat, atau akunnya sudah tidak ada." in page.text
    english = clients["dbm-officer"].get(f"/desk/r/{code}/thread", params={"lang": "en"})
    assert "citizen not reached: the number, address or account is no longer there" in english.text


def test_an_answer_that_nobody_knows_of_is_shown_as_such_and_one_that_arrived_has_no_reason(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    shown = {}
    for state in ("unknown", "delivered"):
        with house.store.write() as session:
            owed = session.query(Delivery).join(Report).filter(Report.code == code)
            owed.filter(Delivery.address_id.is_not(None)).one().state = state
        shown[state] = clients["dbm-officer"].get(f"/desk/r/{code}", params={"lang": "id"}).text

    assert "belum pasti terkirim: penyedia belum menjawab; sistem akan memeriksanya lagi" in shown["unknown"]
    assert "penyedia" not in shown["delivered"]
    assert not [page for page in shown.values() if "Jawaban terakhir tidak sampai" in page]


def test_photo_needs_a_log_in_and_is_never_more_than_a_picture(
    house: House, clients: dict[str, httpx.Client], address: str
) -> None:
    code = add_report(house)
    picture = add_photo(house, code, b"\xff\xd8\xff picture")
    page_in_disguise = add_photo(
        house, code, b"<script>", content_type="text/html", state="unreadable", name='a"/\r\n.html'
    )
    drawing = add_photo(house, code, b"<svg/>", content_type="image/svg+xml")
    seen = clients["dbm-officer"].get(f"/desk/photos/{picture}")
    assert (seen.headers["content-type"], seen.content) == ("image/jpeg", b"\xff\xd8\xff picture")
    for photo in (page_in_disguise, drawing):
        kept = clients["dbm-officer"].get(f"/desk/photos/{photo}")
        assert kept.headers["content-type"] == "application/octet-stream"
        assert kept.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert kept.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{address}/desk/photos/{picture}").headers["location"].startswith("/desk")
    assert clients["dbm-officer"].get("/desk/photos/999999").status_code == 404


def test_what_people_wrote_cannot_become_part_of_the_page(house: House, clients: dict[str, httpx.Client]) -> None:
    words = HOSTILE.replace("\x00", "")
    code = add_report(house, description=words, public_description=words, address_string=words, urgent=True)
    add_photo(house, code, b"x", name=words[:200], state="unreadable")
    press(clients["dbm-officer"], code, "accepted", HOSTILE)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        session.query(Message).filter_by(report_id=report.id).one().subject = words
        session.query(StatusUpdate).filter_by(report_id=report.id).update({"by": "officer:" + words[:60]})
    pages = [
        clients["triage"].get(path)
        for path in (f"/desk/r/{code}", f"/desk/r/{code}/thread", "/desk?group=work", f"/r/{code}", "/")
    ]
    for page in pages:
        tags = Tags(page)
        assert "gnp.exe" in page.text or page.url.path == "/"
        assert not {"onerror"} & {name for name, _ in tags.attributes}
        assert "x" not in [value for name, value in tags.attributes if name == "src"]
        sources = [value for name, value in tags.attributes if name == "src" and value and value.endswith(".js")]
        assert tags.names.count("script") == len(sources)  # htmx and the keys, or the map, by their addresses
        assert "{{7*7}}" in page.text or page.url.path == "/"
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00\x1b]", page.text)


def test_every_page_forbids_inline_script_frames_and_sniffing(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    paths = ["/", f"/r/{code}", "/r/NOTHERE", "/desk", f"/desk/r/{code}", "/desk/static/desk.css"]
    paths += ["/open311/v2/requests.json", "/desk/r/NOTHERE"]
    for path in paths:
        page = clients["triage"].get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        if "html" in page.headers["content-type"]:
            assert not {"style", "onclick", "hx-on"} & {name for name, _ in Tags(page).attributes}


def test_host_header_is_not_believed(house: House, clients: dict[str, httpx.Client], address: str) -> None:
    evil = {"host": "evil.example"}
    code = add_report(house)
    for path in ("/", f"/r/{code}", "/desk", "/open311/v2/discovery.json", f"/r?code={code}"):
        answer = httpx.get(address + path, headers=evil)
        assert "evil" not in answer.text + answer.headers.get("location", "")


def test_public_page_tells_the_state_and_nothing_of_the_reporter(house: House, address: str) -> None:
    code = add_report(house)
    add_photo(house, code, b"\xff\xd8\xff")
    move(house, code, "accepted", notes="Telepon Pak Budi di 0812-9999-8888 bila perlu.")
    page = httpx.get(f"{address}/r/{code.lower()}").text
    assert "Diterima Dinas Bina Marga" in page
    assert "hubungi saya di [telepon]" in page
    assert house.pack.areas["31.74.01.1003"].name in page
    for secret in ("0812-3456-7890", "9999-8888", "Manggarai Utara 12", "/desk/photos/", "106.8451", "+62812"):
        assert secret not in page


@pytest.mark.parametrize(
    "path", ["/r/NOTHERE", "/r/%00", "/r/%F0%9F%92%A9", "/r/" + "A" * 3000, "/r/%3Cscript%3E"]
)
def test_report_that_is_not_there_is_a_page_in_plain_words(address: str, path: str) -> None:
    answer = httpx.get(address + path)
    assert answer.status_code == 404
    assert "tidak kami temukan" in answer.text


def test_front_page_counts_and_finds(house: House, address: str) -> None:
    code = add_report(house, requested_at=START.replace(year=2027))
    assert code in httpx.get(f"{address}/").text
    assert httpx.get(f"{address}/r", params={"code": f" {code.lower()}"}).headers["location"] == f"/r/{code}"
    assert httpx.get(f"{address}/r", params={"code": "//evil.example"}).headers["location"] == "/r/EVILEXAMPLE"


def test_language_is_indonesian_first_and_the_toggle_is_remembered(house: House, address: str) -> None:
    with browser(address) as client:
        first = client.get("/")
        assert 'lang="id"' in first.text
        assert "Laporan terbaru" in first.text
        assert "Latest reports" in client.get("/?lang=en").text
        assert "Latest reports" in client.get("/").text
        assert "Officials&#39; desk" in client.get("/desk").text
        assert "Laporan terbaru" in client.get("/?lang=id").text
        assert "Laporan terbaru" in client.get("/?lang=xx").text


def test_both_languages_say_everything() -> None:
    said = [tomllib.loads((ROOT / "desk" / "texts" / f"{name}.toml").read_text()) for name in ("id", "en")]
    assert said[0].keys() == said[1].keys()
    for key in said[0]:
        fields = [sorted(re.findall(r"{(\w+)}", language[key])) for language in said]
        assert fields[0] == fields[1], key


def test_queue_part_asks_for_a_log_in_through_htmx(address: str) -> None:
    answer = httpx.get(f"{address}/desk/queue", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.headers["hx-redirect"].startswith("/desk")
    assert not answer.content


def test_a_hand_overs_tries_are_for_those_who_may_move_the_report(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    way = add_way(house, "dbm", "queue")
    code, at = add_report(house), START
    with house.store.write() as session:
        row = session.query(Delivery).filter_by(way_id=way.id).one()
        for seconds, said in ((15.0, "no answer: ReadTimeout"), (0.2, "HTTP 503")):
            note_try(
                row, Try(at=at, seconds=seconds, is_taken=False, said=said, next_at=at + timedelta(seconds=2))
            )
        row.state = "failed"
    mine = clients["dbm-officer"].get(f"/desk/r/{code}").text
    assert "2 percobaan terakhir" in mine
    assert mine.index("HTTP 503") < mine.index("no answer: ReadTimeout")  # the newest first
    assert "dicoba lagi" in mine
    assert "HTTP 503" not in clients["auditor"].get(f"/desk/r/{code}").text
