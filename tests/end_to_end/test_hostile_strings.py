"""What strangers write into every field of every channel is shown harmless wherever it is shown."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import pytest

from channels.email import compose
from channels.web_said import Said, kept_form
from config.settings import ROOT
from desk.console import say_line
from normalizer.schema import Attachment
from router.handover import message_by_way
from router.journal import work_off
from router.operate import print_stuck
from router.way_changes import add_way
from store.journal import Journal
from store.models import AgencyWay, Delivery
from tests.unit.houses import Town, new_town
from tests.wire.desk_rooms import add_officer, browser, log_in, serving

TRICKS: dict[str, str] = json.loads((ROOT / "tests" / "data" / "tricks.json").read_text(encoding="utf-8"))
PLACE = "di Jl. Manggarai Utara 2, Kelurahan Manggarai"
# Control, zero-width and direction characters: in no outlet, whatever else is there.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d")
KEY = {"Authorization": "Bearer key-of-all"}
MAP = "/map.json?bbox=106.5,-6.5,107.1,-5.9&zoom=17"
Raw = tuple[str, dict[str, str], bytes]  # channel, meta, what came over the wire


def lone(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# --- each channel's raw bytes with the trick in every field ---------------------------------------------------


def by_sms(number: int, trick: str) -> Raw:
    form = {
        "MessageSid": f"SM{number:032x}",
        "From": f"+62812{number:08}",
        "To": "+622150001234",
        "Body": f"{trick} lampu jalan mati {trick} {PLACE}",
        "ProfileName": trick,
        "NumMedia": "1",
        "MediaUrl0": f"https://api.twilio.com/{trick}",
        "MediaContentType0": trick,
    }
    return "sms", {"channel_kind": "message"}, urlencode(form, errors="surrogatepass").encode()


def by_whatsapp(number: int, trick: str) -> Raw:
    form = {
        "MessageSid": f"SM{number:032x}",
        "MessageType": "location",
        "From": f"whatsapp:+62813{number:08}",
        "To": "whatsapp:+622150009999",
        "Body": f"lampu jalan mati {trick}",
        "ProfileName": trick,
        "Label": trick,
        "Address": trick,
        "Latitude": "-6.2135",
        "Longitude": "106.8510",
    }
    return "sms", {"channel_kind": "message"}, urlencode(form, errors="surrogatepass").encode()


def by_email(number: int, trick: str) -> Raw:
    """Written by hand: no library would write such a mail."""
    bare = lone(trick).replace(b"\r", b"").replace(b"\n", b" ")
    lines = [
        b'From: "' + bare.replace(b'"', b"'") + b'" <warga%d@example.org>' % number,
        b"To: lapor@example.org",
        b"Message-ID: <m%d@example.org>" % number,
        b"Subject: " + bare,
        b'Content-Type: multipart/mixed; boundary="b"',
        b"",
        b"--b",
        b"Content-Type: text/plain; charset=utf-8",
        b"",
        lone(f"{trick} lampu jalan mati {trick} {PLACE}"),
        b"--b",
        b'Content-Type: image/jpeg; name="' + bare.replace(b'"', b"'") + b'.jpg"',
        b'Content-Disposition: attachment; filename="' + bare.replace(b'"', b"'") + b'.jpg"',
        b"",
        b"no picture",
        b"--b--",
        b"",
    ]
    sender = f"warga{number}@example.org"
    meta = {"mail_from": sender, "account": "lapor@example.org", "external_id": f"sha256:{number:064x}"}
    return "email", meta, b"\r\n".join(lines)


def by_telegram(number: int, trick: str) -> Raw:
    person = {"id": 9000 + number, "is_bot": False, "first_name": trick, "last_name": trick, "username": trick}
    update = {
        "update_id": number,
        "message": {
            "message_id": number,
            "from": person,
            "chat": {"id": 9000 + number, "type": "private", "first_name": trick},
            "date": 1762220600,
            "caption": f"{trick} lampu jalan mati {trick} {PLACE}",
            "document": {"file_id": trick, "file_name": f"{trick}.jpg", "mime_type": "image/jpeg"},
            "venue": {"title": trick, "address": trick, "location": {"latitude": -6.2135, "longitude": 106.851}},
        },
    }
    return "telegram", {"bot_id": "700"}, json.dumps(update).encode()


def by_x(number: int, trick: str) -> Raw:
    author = str(5000 + number)
    tweet = {
        "id": str(1985012345678900000 + number),
        "text": f"@lapor {trick} lampu jalan mati {trick} #{trick} {PLACE}",
        "author_id": author,
        "created_at": "2025-11-03T22:41:09.000Z",
        "lang": "in",
        "entities": {"hashtags": [{"tag": trick, "start": 0, "end": 3}]},
    }
    users = [{"id": author, "name": trick, "username": trick}]
    return "x", {"user_id": "700800"}, json.dumps({"tweet": tweet, "includes": {"users": users}}).encode()


def by_web(number: int, trick: str) -> Raw:
    photo = Attachment(content_type="image/jpeg", name=f"{trick}.jpg", content=b"no picture")
    said = Said(words=f"{trick} lampu jalan mati {trick}", place=f"{trick} {PLACE}", photos=(photo,))
    return "web", {"sender": f"nobody:{number}"}, kept_form(said)


CHANNELS: dict[str, Callable[[int, str], Raw]] = {
    "sms": by_sms,
    "whatsapp": by_whatsapp,
    "email": by_email,
    "telegram": by_telegram,
    "x": by_x,
    "web": by_web,
}


# --- one house that heard them all ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Every trick over every channel, through the channel's own parse and the whole of the house."""
    town = new_town(
        tmp_path_factory.mktemp("tricks"), open311_api_keys="crm:key-of-all", public_url="http://127.0.0.1:8080"
    )
    add_way(town.house, "dbm", "mail", "dbm@example.org")
    add_way(town.house, "dbm", "webhook", "https://dbm.example.org/hook")
    folder = town.house.settings.data_dir / "journal"
    with closing(Journal(folder, town.clock)) as journal:
        number = 0
        for trick in TRICKS.values():
            for make in CHANNELS.values():
                number += 1
                channel, meta, raw = make(number, trick)
                kept = journal.put(
                    channel=channel, external_id=f"e{number}", lane=f"l{number}", raw=raw, meta=meta
                )
                kept.result()
        while work_off(town.house, journal):
            pass
        assert not journal.find("failed")
    town.clock.on(minutes=10)
    add_officer(town.house, "admin", "admin")
    return town


@pytest.fixture(scope="module")
def desk(town: Town) -> Iterator[httpx.Client]:
    with serving(town.house) as address, browser(address) as client:
        assert log_in(client, "admin").status_code == 200
        yield client


@pytest.fixture(scope="module")
def codes(town: Town) -> list[str]:
    return [report.code for report in town.reports()]


class Reader(HTMLParser):
    """What a browser would make of a page: its tags and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def is_harmless_page(page: str) -> bool:
    tags = Reader(page).tags
    names = {name for _, attributes in tags for name, _ in attributes}
    scripts = [dict(attributes) for tag, attributes in tags if tag == "script"]
    links = [value or "" for _, attributes in tags for name, value in attributes if name in {"href", "src"}]
    assert not UNSEEN.search(page)
    assert not [name for name in names if name.startswith("on")]
    assert all((script.get("src") or "").startswith("/desk/static/") for script in scripts)
    assert not [link for link in links if link.lower().lstrip().startswith(("javascript:", "data:"))]
    assert "49" not in re.findall(r"\b49\b(?= \{%| \$)", page)
    return True


# --- the outlets ----------------------------------------------------------------------------------------------


def test_every_trick_of_every_channel_became_a_report(town: Town, codes: list[str]) -> None:
    assert {report.channel for report in town.reports()} == set(CHANNELS)
    assert len(codes) > len(TRICKS) * len(CHANNELS) / 2  # the others joined one of the same words and place


def test_the_queue_and_what_it_finds_are_harmless(desk: httpx.Client) -> None:
    for query in ("", "?group=work", "?page=2", "?page=3", "?q=lampu"):
        assert is_harmless_page(desk.get(f"/desk{query}").text)
    for trick in TRICKS.values():
        asked = {"q": trick.encode("utf-8", "replace").decode()}
        assert is_harmless_page(desk.get("/desk", params=asked).text)


def test_every_reports_page_at_the_desk_is_harmless(desk: httpx.Client, codes: list[str]) -> None:
    for code in codes:
        page = desk.get(f"/desk/r/{code}")
        assert page.status_code == 200
        assert is_harmless_page(page.text)


def test_every_public_page_is_harmless(desk: httpx.Client, codes: list[str]) -> None:
    for code in codes:
        assert is_harmless_page(desk.get(f"/r/{code}").text)
    for address in ("/", "/?view=list", "/embed", "/area/31.74.01.1007"):
        assert is_harmless_page(desk.get(address).text)


def values(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for each in found.values():
            yield from values(each)
    elif isinstance(found, list):
        for each in found:
            yield from values(each)


@pytest.mark.parametrize("address", [MAP, "/reports.geojson", "/open311/v2/requests.json"])
def test_what_other_programs_read_as_json_is_harmless(desk: httpx.Client, address: str) -> None:
    answer = desk.get(address, headers=KEY)
    assert answer.status_code == 200, answer.text
    assert not [each for each in values(answer.json()) if UNSEEN.search(each)]


@pytest.mark.parametrize("address", ["/feed.atom", "/cap.atom", "/open311/v2/requests.xml"])
def test_what_other_programs_read_as_xml_is_well_formed_and_harmless(desk: httpx.Client, address: str) -> None:
    answer = desk.get(address, headers=KEY)
    assert answer.status_code == 200, answer.text
    root = ElementTree.fromstring(answer.content)
    assert not [each.text for each in root.iter() if each.text and UNSEEN.search(each.text)]
    assert not [each.tag for each in root.iter() if each.tag.lower().endswith("script")]


def test_the_publics_table_runs_nothing(desk: httpx.Client) -> None:
    rows = list(csv.reader(io.StringIO(desk.get("/reports.csv").text)))
    assert len(rows) > 50
    assert not [cell for row in rows for cell in row if cell.startswith(RUNS) and not is_number(cell)]
    assert not [cell for row in rows for cell in row if UNSEEN.search(cell)]


def test_the_queues_lists_run_nothing_and_hide_nothing(desk: httpx.Client) -> None:
    rows = list(csv.reader(io.StringIO(desk.get("/desk/export.csv").content.decode("utf-8-sig"))))
    assert len(rows) > 50
    assert not [cell for row in rows for cell in row if cell.startswith(RUNS) and not is_number(cell)]
    with zipfile.ZipFile(io.BytesIO(desk.get("/desk/export.xlsx").content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    cells = [each.text or "" for each in ElementTree.fromstring(sheet).iter() if each.tag.endswith("}t")]
    assert len(cells) > 500
    assert "<f>" not in sheet
    for found in ([cell for row in rows for cell in row], cells, values(desk.get("/desk/export.geojson").json())):
        assert not [cell for cell in found if UNSEEN.search(cell)]


def test_every_trick_tried_by_an_admin_is_shown_harmless(desk: httpx.Client) -> None:
    token = re.findall(r'name="csrf" value="([^"]+)"', desk.get("/desk").text)[0]
    for trick in TRICKS.values():
        said = f"{trick} lampu jalan mati {PLACE}".encode("utf-8", "replace").decode()
        fields = {"csrf": token, "text": said, "channel": "email"}
        page = desk.post("/desk/admin/try", data=fields, files={"photo": b""})
        assert page.status_code == 200
        assert is_harmless_page(page.text)


def test_what_explain_prints_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    for trick in TRICKS.values():
        say_line(f"{'public_description':20} {trick}")
    assert not UNSEEN.search(capsys.readouterr().out)


def is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", cell))


def test_answers_to_citizens_hold_nothing_that_hides_or_turns(town: Town) -> None:
    assert not [text for text in town.answers() if UNSEEN.search(text)]
    assert not [text for text in town.answers() if "49 {%" in text]


def test_mails_and_bodies_for_agencies_are_harmless(town: Town) -> None:
    house = town.house
    with house.store.read() as session:
        rows = session.query(Delivery).filter(Delivery.way_id.is_not(None)).all()
        ways = {way.id: way for way in session.query(AgencyWay)}
        messages = [message_by_way(house, row, ways[row.way_id or 0]) for row in rows]
    assert len(messages) > 100
    for message in messages:
        assert not UNSEEN.search(message.text)
        assert not UNSEEN.search(message.subject or "")
        if message.channel == "email":
            mail = compose(message, house.settings)
            assert "Bcc" not in mail
            assert not UNSEEN.search(str(mail["Subject"]))


def test_what_stuck_prints_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"what": "email message", "id": "2026-11-02:1", "state": "failed", "since": "2026-11-02", "attempts": 1}
        | {"why": trick}
        for trick in TRICKS.values()
    ]
    print_stuck(rows)
    told = capsys.readouterr().out
    assert not UNSEEN.search(told)
    assert len(told.splitlines()) == len(rows)
