"""The page that a mail's link opens: one report, its moves, and nothing for whoever has no good link."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from town import jpeg

from router.house import House
from router.outbox import deliver_due
from router.passes import make_pass
from router.status import Actor, change_status
from router.way_changes import add_way, remove_way
from store.models import AgencyWay, Photo, Report, StatusUpdate
from tests.unit.test_agency_mail import Mailbox
from tests.wire.desk_rooms import (
    add_officer,
    add_photo,
    add_report,
    browser,
    hidden,
    log_in,
    open_rooms,
    serving,
    status_of,
)

HOME = "https://lapor.jakarta.example"
OURS = {"Origin": HOME}


@pytest.fixture
def house(tmp_path: Path) -> House:
    rooms = open_rooms(tmp_path, public_url=HOME)
    add_way(rooms, "dbm", "mail", "pju@dbm.example")
    return rooms


@pytest.fixture
def phone(house: House) -> Iterator[httpx.Client]:
    with serving(house) as address, browser(address) as client:
        yield client


def link(house: House, code: str, *, way: int = 1, days: float = 14) -> str:
    with house.store.read() as session:
        number = session.query(Report).filter_by(code=code).one().id
    return f"/a/{make_pass(house.keys, 'report', number, way, house.now() + timedelta(days=days))}"


def press(client: httpx.Client, path: str, move: str, note: str = "", **more: object) -> httpx.Response:
    fields = {"seen": hidden(client.get(path), "seen"), "move": move, "note": note}
    return client.post(path, data=fields, headers=OURS, **more)  # type: ignore[arg-type]


def test_a_report_is_accepted_worked_on_and_resolved_with_a_photo(house: House, phone: httpx.Client) -> None:
    code = add_report(house)
    path = link(house, code)
    page = phone.get(path)
    assert page.status_code == 200
    assert "Jalan berlubang besar" in page.text
    assert "0812" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.text.count("<script") == 1  # the dead spot's, without which all works, too

    assert "Diterima" in press(phone, path, "accepted").text
    press(phone, path, "in_progress", "Tim jalan")
    refused = press(phone, path, "resolved")
    assert (refused.status_code, status_of(house, code)) == (400, "in_progress")
    files = [("after", ("a.jpg", jpeg("green", 300), "image/jpeg"))]
    press(phone, path, "resolved", "Sudah ditambal", files=files)

    assert status_of(house, code) == "resolved"
    with house.store.read() as session:
        assert [line.by for line in session.query(StatusUpdate).filter_by(by="agency:dbm")] == ["agency:dbm"] * 3
        assert session.query(Photo).one().is_after


def test_not_ours_passes_the_report_on_and_the_link_is_no_good_any_more(house: House, phone: httpx.Client) -> None:
    code = add_report(house)
    path = link(house, code)
    gone = press(phone, path, "not_ours", "jalan tol")
    assert "Sudah diteruskan" in gone.text
    assert "berlubang" not in gone.text
    again = phone.get(f"{path}?lang=en")
    assert (again.status_code, "no longer good" in again.text) == (404, True)


def test_no_link_opens_more_than_it_was_made_for(house: House, phone: httpx.Client) -> None:
    add_way(house, "dlh", "mail", "sampah@dlh.example")
    code, other = add_report(house), add_report(house, agency_id="dlh")
    good = link(house, code)
    bad = [
        link(house, other),  # another agency's report
        link(house, code, way=2),  # another agency's way
        link(house, code, way=9),
        link(house, code, days=-1),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "/a/1-1-99999999999-" + "A" * 22,
        "/a/x",
    ]
    for path in bad:
        assert phone.get(path).status_code == 404, path
        assert phone.post(path, data={"move": "accepted"}, headers=OURS).status_code == 404, path
    remove_way(house, 1)
    assert phone.get(good).status_code == 404


def test_a_form_of_another_site_and_a_stale_one_change_nothing(house: House, phone: httpx.Client) -> None:
    code = add_report(house)
    path = link(house, code)
    fields = {"seen": hidden(phone.get(path), "seen"), "move": "accepted"}
    for head in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}):
        assert phone.post(path, data=fields, headers=head).status_code == 403
    assert status_of(house, code) == "assigned"
    assert phone.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    stale = phone.post(path, data={**fields, "move": "in_progress"}, headers=OURS)
    assert (stale.status_code, status_of(house, code)) == (409, "accepted")
    assert phone.post(path, data={**fields, "seen": "9", "move": "closed"}, headers=OURS).status_code == 409


def test_a_photos_link_shows_the_copy_while_the_report_is_theirs(house: House, phone: httpx.Client) -> None:
    code = add_report(house)
    copy, original = jpeg("gray", 100), jpeg("red", 120)
    number = add_photo(house, code, original, copy_key=house.store.media.put(copy))
    bare = add_photo(house, code, jpeg("blue", 90))
    until = house.now() + timedelta(days=1)
    path = f"/a/photo/{make_pass(house.keys, 'photo', number, 1, until)}"
    assert phone.get(path).content == copy
    assert phone.get(f"/a/photo/{make_pass(house.keys, 'photo', bare, 1, until)}").status_code == 404
    assert phone.get(f"/a/photo/{make_pass(house.keys, 'report', number, 1, until)}").status_code == 404
    shown = re.findall(r'src="(/a/photo/[^"]+)"', phone.get(link(house, code)).text)
    assert [phone.get(each).content for each in shown] == [copy]
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        change_status(session, report, "assigned", by=Actor(name="officer:ani"), house=house, agency_id="dlh")
    assert phone.get(path).status_code == 404


async def test_the_desk_says_by_which_ways_a_report_went_and_which_failed(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    add_way(house, "dbm", "mail", "pju@dbm.example")
    add_officer(house, "sri", "officer", "dbm")
    code = add_report(house)
    with serving(house) as address, browser(address) as client:
        log_in(client, "sri")
        assert "surat ke dinas" in client.get(f"/desk/r/{code}").text
        await deliver_due(house, {"email": Mailbox()}, channel="email")  # type: ignore[dict-item]
        with house.store.write() as session:
            session.query(AgencyWay).one().last_error = "bounced: 5.1.1"
        page = client.get(f"/desk/r/{code}").text
        assert "surat ke dinas: terkirim" in page
        assert "Jalur ini sedang gagal" in page


def test_stored_html_is_shown_harmless(house: House, phone: httpx.Client) -> None:
    code = add_report(
        house, public_description="<script>alert(1)</script> \u202etxt", address_string='"><img src=x>'
    )
    page = phone.get(link(house, code)).text
    assert "<script>" not in page
    assert "<img src=x>" not in page
    assert "\u202e" not in page
