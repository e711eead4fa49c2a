"""A surge at the desk: one line in the queue, its page with a map, many moved at one press, one taken out."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from router.clock import tick
from router.house import House
from store.models import Delivery, Holding, Report, StatusUpdate, Surge
from tests.wire.desk_rooms import (
    START,
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_desk,
    serving,
    status_of,
)

OFFICERS = {
    "dsda-officer": ("officer", "dsda"),
    "dbm-officer": ("officer", "dbm"),
    "triage": ("triage", None),
    "auditor": ("auditor", None),
}
NOTE = "Pompa sudah di lokasi"


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_desk(tmp_path_factory.mktemp("rooms"), OFFICERS)


@pytest.fixture
def address(house: House) -> Iterator[str]:
    with serving(house) as address:
        yield address


@pytest.fixture
def officer(address: str) -> Iterator[httpx.Client]:
    yield from logged_in(address, "dsda-officer")


def logged_in(address: str, name: str) -> Iterator[httpx.Client]:
    with browser(address) as client:
        assert log_in(client, name).status_code == 200
        yield client


def add_surge(house: House, reports: int, **said: object) -> tuple[int, list[str]]:
    """An open surge of floods in Jatinegara with so many reports; its id and their codes."""
    with house.store.write() as session:
        surge = Surge(service_code="banjir", area_code="31.75.03", began_at=house.now() - timedelta(hours=1))
        session.add(surge)
        session.flush()
        number = surge.id
    return number, [add_flood(house, number, each, **said) for each in range(reports)]


def add_flood(house: House, surge_id: int | None, number: int, **said: object) -> str:
    values = {
        "service_code": "banjir",
        "description": f"Banjir selutut di gang {number}",
        "public_description": "Banjir selutut",
        "area_code": f"31.75.03.100{1 + number % 8}",
        "lat": -6.2185 - number % 7 / 500,
        "long": 106.863 + number % 8 / 450,
        "surge_id": surge_id,
        "acknowledged_at": START,
        "agency_id": "dsda",
        **said,
    }
    return add_report(house, **values)


def press(client: httpx.Client, number: int, status: str, note: str = "", **said: str) -> httpx.Response:
    page = client.get(f"/desk/surge/{number}")
    fields = {"csrf": hidden(page, "csrf"), "up_to": hidden(page, "up_to"), "status": status, "note": note}
    return client.post(f"/desk/surge/{number}", data={**fields, **said})


def statuses(house: House, codes: list[str]) -> set[str]:
    return {status_of(house, code) for code in codes}


def test_queue_shows_a_surge_as_one_line_and_its_urgent_reports_beside_it(
    house: House, officer: httpx.Client
) -> None:
    number, codes = add_surge(house, 5)
    urgent, ordinary = add_flood(house, number, 9, urgent=True), add_flood(house, None, 10)
    page = officer.get("/desk")
    assert "Banjir · Kec. Jatinegara · 6 laporan" in page.text
    assert "1 mendesak" in page.text
    assert f'href="/desk/surge/{number}"' in page.text
    shown = set(re.findall(r'id="r-(\w+)"', page.text))
    assert shown == {urgent, ordinary}
    assert not shown & set(codes)


def test_ended_surge_is_no_line_and_its_reports_are_in_the_queue_again(
    house: House, officer: httpx.Client
) -> None:
    number, codes = add_surge(house, 3)
    with house.store.write() as session:
        session.get_one(Surge, number).ended_at = house.now()
    page = officer.get("/desk")
    assert "Kec. Jatinegara ·" not in page.text
    assert set(re.findall(r'id="r-(\w+)"', page.text)) == set(codes)
    assert "sudah berakhir" in officer.get(f"/desk/surge/{number}").text


def test_page_counts_by_kelurahan_and_draws_them_without_anybody_elses_tiles(
    house: House, officer: httpx.Client
) -> None:
    number, codes = add_surge(house, 60)
    page = officer.get(f"/desk/surge/{number}")
    assert page.status_code == 200
    assert "60 laporan" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    drawing = ET.fromstring(re.search(r"<svg.*?</svg>", page.text, re.DOTALL)[0])
    assert len(drawing.findall("path")) == 8
    assert [text.text for text in drawing.findall("text")][:2] == ["Kampung Melayu", "Bidara Cina"]
    assert 1 < len(drawing.findall("circle")) <= 60
    assert "http" not in page.text.partition("<main")[2].partition("</main")[0]
    assert "style=" not in page.text
    assert page.text.count('type="checkbox"') == 50
    second = officer.get(f"/desk/surge/{number}?page=2")
    assert second.text.count('type="checkbox"') == 10
    assert {code for code in codes if code in page.text + second.text} == set(codes)


def test_all_are_moved_with_one_press_and_told_in_a_digest(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 60)
    answer = press(officer, number, "accepted", NOTE, scope="all")
    assert "60 laporan diubah menjadi Diterima dinas." in answer.text
    assert statuses(house, codes) == {"accepted"}
    with house.store.read() as session:
        lines = session.query(StatusUpdate).filter_by(status="accepted", by="officer:dsda-officer").all()
        waiting = (
            session.query(Delivery).filter(Delivery.state != "held", Delivery.address_id.is_not(None)).count()
        )
    assert [line.notes for line in lines] == [NOTE] * 60
    assert waiting == 0
    house.now.at += timedelta(hours=3)
    tick(house)
    assert all(len(answers_to(house, code)) == 1 for code in codes)
    assert NOTE in answers_to(house, codes[0])[-1]


def test_resolved_for_all_needs_words_and_is_told_at_once(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 3)
    refused = press(officer, number, "resolved", "  ", scope="all")
    assert refused.status_code == 400
    assert "Tulis dulu alasannya" in refused.text
    assert statuses(house, codes) == {"assigned"}
    press(officer, number, "resolved", "Air sudah surut", scope="all")
    assert statuses(house, codes) == {"resolved"}
    assert all("SUDAH atau BELUM" in answers_to(house, code)[-1] for code in codes)


def test_only_the_ticked_ones_are_moved(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 5)
    press(officer, number, "in_progress", scope="chosen", **{f"r-{codes[1]}": "on", f"r-{codes[3]}": "on"})
    assert [status_of(house, code) for code in codes] == [
        *("assigned", "in_progress", "assigned", "in_progress", "assigned")
    ]
    nothing = press(officer, number, "in_progress", scope="chosen")
    assert (nothing.status_code, "Pilih dulu laporannya" in nothing.text) == (400, True)


def test_reports_that_came_after_the_page_was_drawn_are_left_alone(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 2)
    page = officer.get(f"/desk/surge/{number}")
    newer = add_flood(house, number, 7)
    fields = {"csrf": hidden(page, "csrf"), "up_to": hidden(page, "up_to"), "scope": "all"}
    officer.post(f"/desk/surge/{number}", data={**fields, "status": "resolved", "note": "Surut"})
    assert statuses(house, codes) == {"resolved"}
    assert status_of(house, newer) == "assigned"


def test_pressed_twice_everything_is_moved_once(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 3)
    press(officer, number, "accepted", scope="all")
    again = press(officer, number, "accepted", scope="all")
    assert "0 laporan diubah" in again.text
    with house.store.read() as session:
        assert session.query(StatusUpdate).filter_by(status="accepted").count() == len(codes)


def test_many_are_moved_in_several_transactions(
    house: House, officer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.surge_moves.AT_ONCE", 4)
    monkeypatch.setattr("router.surge_moves.MOST", 8)
    number, codes = add_surge(house, 10)
    first = press(officer, number, "accepted", scope="all")
    assert "8 laporan diubah" in first.text
    assert "2 laporan belum terubah" in first.text
    press(officer, number, "accepted", scope="all")
    assert statuses(house, codes) == {"accepted"}


def take_back(client: httpx.Client, page: httpx.Response) -> httpx.Response:
    fields = {name: hidden(page, name) for name in ("csrf", "press", "moved")}
    return client.post(f"{page.url.path}/undo", data=fields)


def test_a_move_of_all_is_undone_with_one_press_and_nobody_is_told(
    house: House, officer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.surge_moves.AT_ONCE", 4)
    number, codes = add_surge(house, 10)
    stood = rows_of(house)
    page = press(officer, number, "resolved", "Air sudah surut", scope="all")
    assert "10 laporan masih dapat dikembalikan" in page.text
    back = take_back(officer, page)
    assert "10 laporan kembali seperti semula" in back.text
    assert 'name="press"' not in back.text
    assert rows_of(house) == stood
    with house.store.read() as session:
        owed = session.query(Delivery).filter(Delivery.address_id.is_not(None)).all()
        lines = session.query(StatusUpdate).order_by(StatusUpdate.id.desc()).limit(10).all()
    assert [(row.state, row.attempts) for row in owed] == [("withdrawn", 0)] * 10
    assert {line.status for line in lines} == {"assigned"}
    assert len({line.report_id for line in lines}) == 10
    press(officer, number, "accepted", scope="all")
    assert statuses(house, codes) == {"accepted"}


def rows_of(house: House) -> list[tuple[object, ...]]:
    """How reports and holdings stand."""
    with house.store.read() as session:
        reports = session.query(
            Report.code, Report.status, Report.closes_at, Report.late_at, Report.agency_id
        ).all()
        names = [column for column in Holding.__table__.columns if column.name != "id"]
        holdings = session.query(*names).order_by(Holding.id).all()
        return [tuple(row) for row in (*reports, *holdings)]


def test_what_changed_since_or_was_told_already_stays_and_the_page_says_how_many(
    house: House, officer: httpx.Client
) -> None:
    number, codes = add_surge(house, 4)
    page = press(officer, number, "resolved", "Air sudah surut", scope="all")
    move(house, codes[0], "reopened")
    with house.store.write() as session:
        sent = session.query(Report.id).filter_by(code=codes[1]).scalar_subquery()
        session.query(Delivery).filter(Delivery.report_id == sent).update({"attempts": 1, "state": "sent"})
    back = take_back(officer, page)
    assert "2 laporan kembali seperti semula" in back.text
    assert "2 laporan tidak dapat dikembalikan lagi" in back.text
    assert [status_of(house, code) for code in codes] == ["reopened", "resolved", "assigned", "assigned"]


def test_nobody_else_undoes_it_and_nobody_after_its_time(
    house: House, officer: httpx.Client, address: str
) -> None:
    number, codes = add_surge(house, 2)
    page = press(officer, number, "accepted", scope="all")
    for client in logged_in(address, "triage"):
        fields = {"csrf": hidden(client.get("/desk"), "csrf"), "press": hidden(page, "press"), "moved": "2"}
        assert "2 laporan tidak dapat" in client.post(f"/desk/surge/{number}/undo", data=fields).text
        assert 'name="press"' not in client.get(str(page.url)).text
    house.now.at += timedelta(seconds=house.settings.undo_seconds)
    assert "2 laporan tidak dapat" in take_back(officer, page).text
    assert 'name="press"' not in officer.get(str(page.url)).text
    assert statuses(house, codes) == {"accepted"}


def test_a_single_move_meanwhile_is_not_undone_with_the_group(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 3)
    earlier = press(officer, number, "accepted", scope="chosen", **{f"r-{codes[0]}": "on"})
    later = press(officer, number, "in_progress", scope="chosen", **{f"r-{codes[1]}": "on"})
    assert "1 laporan kembali" in take_back(officer, later).text
    assert [status_of(house, code) for code in codes] == ["accepted", "assigned", "assigned"]
    assert "1 laporan kembali" in take_back(officer, earlier).text


def test_one_taken_out_is_an_ordinary_report_and_stays_one(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 3)
    press(officer, number, "accepted", scope="all")
    page = officer.get(f"/desk/surge/{number}")
    fields = {"csrf": hidden(page, "csrf"), "code": codes[0]}
    answer = officer.post(f"/desk/surge/{number}/out", data=fields)
    assert f"Laporan {codes[0]} dikeluarkan" in answer.text
    assert "2 laporan" in answer.text
    house.now.at += timedelta(minutes=1)
    tick(house)
    assert "diterima Dinas" in answers_to(house, codes[0])[-1]  # what was held is told
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=codes[0]).one()
        handed = session.query(Delivery).filter_by(report_id=report.id, channel="desk").count()
    assert (report.surge_id, handed) == (None, 1)
    assert officer.post(f"/desk/surge/{number}/out", data=fields).status_code == 403  # twice is once


def test_another_agency_sees_no_surge_and_moves_nothing(house: House, address: str) -> None:
    number, codes = add_surge(house, 2)
    for client in logged_in(address, "dbm-officer"):
        assert "Jatinegara" not in client.get("/desk/queue").text
        assert client.get(f"/desk/surge/{number}").status_code == 404
        csrf = hidden(client.get("/desk"), "csrf")
        fields = {"csrf": csrf, "up_to": "999", "scope": "all", "status": "accepted", "code": codes[0]}
        assert client.post(f"/desk/surge/{number}", data=fields).status_code == 404
        assert client.post(f"/desk/surge/{number}/out", data=fields).status_code == 404
    assert statuses(house, codes) == {"assigned"}


def test_an_officer_moves_only_the_reports_of_the_own_agency(house: House, officer: httpx.Client) -> None:
    number, codes = add_surge(house, 2)
    passed_on = add_flood(house, number, 5, agency_id="dbm")
    press(officer, number, "accepted", scope="all")
    assert statuses(house, codes) == {"accepted"}
    assert status_of(house, passed_on) == "assigned"
    page = officer.get(f"/desk/surge/{number}")
    assert passed_on not in page.text
    taken = officer.post(f"/desk/surge/{number}/out", data={"csrf": hidden(page, "csrf"), "code": passed_on})
    assert taken.status_code == 403


def test_an_auditor_reads_and_changes_nothing(house: House, address: str) -> None:
    number, codes = add_surge(house, 2)
    for client in logged_in(address, "auditor"):
        page = client.get(f"/desk/surge/{number}")
        assert (page.status_code, 'name="status"' in page.text) == (200, False)
        fields = {"csrf": hidden(page, "csrf"), "up_to": hidden(page, "up_to"), "scope": "all", "code": codes[0]}
        assert client.post(f"/desk/surge/{number}", data={**fields, "status": "accepted"}).status_code == 403
        assert client.post(f"/desk/surge/{number}/out", data=fields).status_code == 403
    assert statuses(house, codes) == {"assigned"}


@pytest.mark.parametrize("path", ["", "/out", "/undo"])
def test_a_form_without_the_log_ins_own_token_changes_nothing(
    house: House, officer: httpx.Client, path: str
) -> None:
    number, codes = add_surge(house, 2)
    fields = {"csrf": "x" * 43, "up_to": "999", "scope": "all", "status": "accepted", "code": codes[0]}
    assert officer.post(f"/desk/surge/{number}{path}", data=fields).status_code == 403
    assert statuses(house, codes) == {"assigned"}


def test_nobody_without_a_log_in_comes_in(house: House, address: str) -> None:
    number, _ = add_surge(house, 1)
    with browser(address) as client:
        page = client.get(f"/desk/surge/{number}")
        assert page.url.path == "/desk"
        assert hidden(page, "next") == f"/desk/surge/{number}"


@pytest.mark.parametrize("asked", ["0", "-1", "9" * 18, "9" * 19, "9" * 30, "abc", "%00", "1e3", "٣"])
def test_numbers_that_are_no_surge_are_not_found(officer: httpx.Client, asked: str) -> None:
    assert officer.get(f"/desk/surge/{asked}").status_code == 404


@pytest.mark.parametrize("status", ["closed", "rejected", "assigned", "needs_info", "x", ""])
def test_other_moves_are_refused(house: House, officer: httpx.Client, status: str) -> None:
    number, codes = add_surge(house, 2)
    assert press(officer, number, status, "kata", scope="all").status_code == 400
    assert statuses(house, codes) == {"assigned"}


def test_words_of_citizens_are_only_words_on_the_page(house: House, officer: httpx.Client) -> None:
    number, _ = add_surge(house, 1, description="</p><script>alert(1)</script><img src=x onerror=alert(1)>")
    page = officer.get(f"/desk/surge/{number}")
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
