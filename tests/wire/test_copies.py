"""A person asks what is held about them: by words or their own page, answered on their channel, fetched by a link."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from town import eventually, jpeg

from desk.own import own_path
from normalizer.schema import Attachment
from router.copies import write_copy
from router.forget import forget_all
from store.models import Message, Reporter
from tests.unit.houses import WHOLE, Town
from tests.unit.test_linking import BOT, MAIL, SMS, link, said_to
from tests.wire.desk_rooms import hidden
from tests.wire.test_web_channel import FORM, Room, room_in


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_in(tmp_path) as room:
        yield room


@pytest.fixture
def town(room: Room) -> Town:
    return Town(house=room.house, clock=room.house.now)  # type: ignore[arg-type]


def link_for(town: Town, **who: str) -> str:
    """The path of the link that they were told."""
    found = re.search(r"/copy/[\w-]+", said_to(town, who["channel"])[-1])
    assert found, said_to(town, who["channel"])
    return found[0]


def opened(answer: httpx.Response) -> tuple[dict[str, Any], zipfile.ZipFile]:
    assert answer.status_code == 200, answer.text
    made = zipfile.ZipFile(io.BytesIO(answer.content))
    assert made.testzip() is None
    return json.loads(made.read("data.json")), made


def test_all_that_is_held_is_in_the_file_and_nothing_of_anybody_else(room: Room, town: Town) -> None:
    photo = jpeg("red")
    (raw,) = town.house.store.media.put_many([b"From=%2B6281234"])
    town.tell("sampah menumpuk di Jl. Kemang Raya, Kelurahan Bangka", sender="+6299999")
    message = town.tell(f"{WHOLE}, rumah saya 0812", **SMS, attachments=(Attachment(content=photo, name="a.jpg"),))
    with town.house.store.write() as session:
        session.query(Message).filter_by(external_id=message.external_id).one().raw_key = raw
    link(town)
    town.tell("SALINAN DATA SAYA", **SMS)
    told, made = opened(room.http.post(link_for(town, **SMS)))

    (person,) = told["people"]
    assert [(each["channel"], each["address"]) for each in person["addresses"]] == [
        ("sms", "+6281234"),
        ("telegram", "77"),
    ]
    (report,) = person["reports"]
    assert "rumah saya 0812" in report["description"]
    assert [line["status"] for line in report["history"]] == ["received", "assigned"]
    assert report["code"] == person["messages"][0]["report"]
    assert any(f"Laporan {report['code']} diterima" in each["text"] for each in person["answers"])
    assert made.read(person["photos"][0]["file"]) == photo
    assert made.read(person["messages"][0]["raw"]) == b"From=%2B6281234"
    assert "sampah menumpuk" not in json.dumps(told)


def test_the_link_is_good_three_times_and_for_three_days_and_looking_uses_nothing_up(
    room: Room, town: Town
) -> None:
    town.tell(WHOLE, **BOT)
    town.tell("data saya", **BOT)
    path = link_for(town, **BOT)
    for _ in range(5):
        page = room.http.get(path)
        assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    answers = [room.http.post(path) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 404]
    assert answers[0].headers["cache-control"] == "no-store"
    assert room.http.get(path).status_code == 404

    town.tell("my data", **BOT)
    newer = link_for(town, **BOT)
    town.clock.on(hours=73)
    assert newer != path
    assert [room.http.post(newer).status_code, room.http.post("/copy/" + "x" * 32).status_code] == [404, 404]


def test_no_file_stays_behind(room: Room, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    town.tell(WHOLE, **BOT)
    town.tell("data saya", **BOT)
    assert room.http.post(link_for(town, **BOT)).status_code == 200
    assert room.http.post("/copy/nobodys").status_code == 404
    # it goes behind the answer's last byte
    eventually(lambda: not list((tmp_path / "temporary").iterdir()), within=10, what="the file is removed")


def test_where_others_read_along_or_nothing_is_proven_there_is_no_link(town: Town) -> None:
    town.tell("SALINAN DATA SAYA", channel="x", sender="5")
    town.tell("SALINAN DATA SAYA", **MAIL, proven=False)

    assert not [text for text in town.answers() if "/copy/" in text]
    assert "obrolan pribadi" in said_to(town, "x")[-1]
    assert {person.copy_token for person in town.rows(Reporter)} == {None}


def test_who_is_forgotten_has_no_link_any_more(room: Room, town: Town) -> None:
    town.tell(WHOLE, **BOT)
    town.tell("data saya", **BOT)
    path = link_for(town, **BOT)
    forget_all("telegram:77", town.house)

    assert room.http.post(path).status_code == 404


def press(room: Room, code: str, button: int) -> httpx.Response:
    """Press one of the two buttons on the reporter's own page; where it leads to."""
    page = room.http.get(own_path(room.house, code))
    section = page.text.partition('id="own-data-title"')[2]
    words = re.findall(r'name="words" value="([^"]+)"', section)[button]
    me = re.search(r'name="me" value="([^"]*)"', page.text)
    fields = {"thread": hidden(page, "thread"), "words": words, "nonce": f"n{button}", "language": "id"}
    answer = room.tell(fields | ({"me": me[1]} if me else {}))
    assert answer.status_code == 303
    room.work()
    return room.http.get(answer.headers["location"], follow_redirects=True)


def test_on_the_own_page_of_a_web_report_the_link_stands_in_the_conversation(room: Room, town: Town) -> None:
    token = room.tell({**FORM, "nonce": "n0"}).headers["location"].rpartition("/")[2]
    code = room.report(token).code
    page = press(room, code, 0)
    found = re.search(r"/copy/[\w-]+", page.text)
    assert found
    told, _ = opened(room.http.post(found[0]))

    assert [each["code"] for each in told["people"][0]["reports"]] == [code]
    assert "HAPUS" in press(room, code, 1).text


def test_on_the_own_page_of_a_report_by_sms_the_answer_goes_to_the_phone(room: Room, town: Town) -> None:
    town.tell(WHOLE, **SMS)
    code = town.report().code
    page = press(room, code, 0)
    assert "/copy/" not in page.text
    assert "tempat Anda melapor" in page.text
    told, _ = opened(room.http.post(link_for(town, **SMS)))
    assert told["people"][0]["addresses"][0]["address"] == "+6281234"

    press(room, code, 1)
    word = re.search(r"HAPUS (\d{4})", said_to(town, "sms")[-1])
    assert word
    assert town.report().description == WHOLE  # not before it is confirmed there
    town.tell(f"HAPUS {word[1]}", **SMS)
    assert town.report().description == ""


def test_a_report_from_where_everybody_reads_offers_neither(room: Room, town: Town) -> None:
    town.tell(WHOLE, channel="x", sender="5")

    page = room.http.get(own_path(room.house, town.report().code))
    assert page.status_code == 200
    assert "own-data-title" not in page.text


def test_an_operator_writes_the_file_of_whoever_asked_on_paper(town: Town, tmp_path: Path) -> None:
    town.tell(WHOLE, **MAIL)
    file = tmp_path / "siti.zip"
    assert write_copy("email:siti@example.org", file, town.house) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(zipfile.ZipFile(file).read("data.json"))["people"][0]["addresses"][0]["channel"] == "email"
    with pytest.raises(FileExistsError):
        write_copy("email:siti@example.org", file, town.house)
    with pytest.raises(LookupError):
        write_copy("email:nobody@example.org", tmp_path / "other.zip", town.house)
    assert not (tmp_path / "other.zip").exists()


def test_a_photo_that_is_gone_leaves_a_word_in_its_place(room: Room, town: Town) -> None:
    town.tell(WHOLE, **BOT, attachments=(Attachment(content=jpeg("blue")),))
    for path in (town.house.settings.data_dir / "media").rglob("*"):
        if path.is_file():
            path.unlink()
    town.tell("data saya", **BOT)
    told, made = opened(room.http.post(link_for(town, **BOT)))

    assert f"{told['people'][0]['photos'][0]['file']}.gone.txt" in made.namelist()
