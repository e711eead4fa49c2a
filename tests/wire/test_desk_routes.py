"""The desk's "not ours", the admin's rules, who rules an area sees it, and what is due soon."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.house import House
from router.late import raise_late
from router.not_ours import not_ours
from router.operate import first_edited_row
from router.status import Actor, change_status
from store.models import Holding, Report
from store.routes import list_rules
from tests.wire.desk_rooms import (
    add_photo,
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_desk,
    press,
    serving,
)

MANGGARAI, BUKIT_DURI, MENTENG = "31.74.01.1007", "31.74.01.1005", "31.71.06.1001"
OFFICERS: dict[str, tuple[str, str | None, str | None]] = {
    "dbm-officer": ("officer", "dbm", None),
    "telco-officer": ("officer", "telco", None),
    "triage": ("triage", None, None),
    "admin": ("admin", None, None),
    "auditor": ("auditor", None, None),
    "lurah": ("head", "kelurahan", MANGGARAI),
    "other-lurah": ("officer", "kelurahan", BUKIT_DURI),
    "camat": ("officer", "kecamatan", "31.74.01"),
    "walikota": ("officer", "walikota", "31.74"),
    "old-lurah": ("officer", "kelurahan", None),
}


Clients = dict[str, httpx.Client]


def give_away(client: httpx.Client, code: str, note: str = "", **said: str) -> httpx.Response:
    page = client.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "note": note, **said}
    return client.post(f"/desk/r/{code}/not-ours", data=fields)


def row(house: House, code: str) -> Report:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one()


def cables(house: House, **said: Any) -> str:
    return add_report(house, **{"service_code": "kabel_utilitas", "description": "Kabel menjuntai", **said})


# --- not ours -------------------------------------------------------------------------------------------------


def test_one_press_gives_the_report_to_the_agency_that_stands_on_the_button(
    house: House, clients: Clients
) -> None:
    code = cables(house)
    assert "pindah ke Operator telekomunikasi (APJATEL)" in clients["dbm-officer"].get(f"/desk/r/{code}").text
    page = give_away(clients["dbm-officer"], code, "Ini kabel operator.")

    assert page.url.path == "/desk"  # it is not theirs any more
    assert code in page.text
    assert clients["dbm-officer"].get(f"/desk/r/{code}").status_code == 404
    assert clients["telco-officer"].get(f"/desk/r/{code}").status_code == 200
    assert (row(house, code).status, row(house, code).agency_id) == ("assigned", "telco")
    told = answers_to(house, code)[-1]
    assert "Operator telekomunikasi (APJATEL)" in told
    assert "Bukan wewenang Dinas Bina Marga" in told
    with house.store.read() as session:
        first = session.query(Holding).join(Report).filter(Report.code == code).order_by(Holding.id).first()
    assert first is not None
    assert (first.agency_id, first.state, first.passed_to) == ("dbm", "passed_on", "telco")
    assert first_edited_row(house) is None


def test_who_may_not_change_may_not_give_away(house: House, clients: Clients) -> None:
    code = cables(house, area_code=MANGGARAI)
    for name in ("auditor", "lurah", "camat"):
        assert "not-ours" not in clients[name].get(f"/desk/r/{code}").text
    for name, status in (("auditor", 403), ("lurah", 403), ("other-lurah", 404), ("telco-officer", 404)):
        csrf = hidden(clients[name].get("/desk"), "csrf")
        answer = clients[name].post(f"/desk/r/{code}/not-ours", data={"csrf": csrf, "seen": "1"})
        assert answer.status_code == status
    assert clients["triage"].post(f"/desk/r/{code}/not-ours", data={"seen": "1"}).status_code == 403  # no token
    assert clients["triage"].post("/desk/r/NOSUCH/not-ours", data={"csrf": "x"}).status_code == 403
    assert row(house, code).agency_id == "dbm"


def test_a_report_changed_meanwhile_is_not_given_away(house: House, clients: Clients) -> None:
    code = cables(house)
    page = give_away(clients["triage"], code, "Catatan saya", seen="0")
    assert page.status_code == 409
    assert "Catatan saya" in page.text
    assert row(house, code).agency_id == "dbm"


def test_a_note_that_is_too_long_gives_nothing_away(house: House, clients: Clients) -> None:
    code = cables(house)
    assert give_away(clients["triage"], code, "x" * 2001).status_code == 400
    assert row(house, code).agency_id == "dbm"


def test_when_nobody_is_left_the_button_is_gone_and_a_press_is_a_sentence(house: House, clients: Clients) -> None:
    code = cables(house)
    for expected in ("telco", "pln", "biropem"):
        give_away(clients["triage"], code)
        assert row(house, code).agency_id == expected
    assert "not-ours" not in clients["triage"].get(f"/desk/r/{code}").text
    page = give_away(clients["triage"], code)
    assert page.status_code == 400
    assert "sudah pernah memegang laporan ini" in page.text
    assert row(house, code).agency_id == "biropem"


# --- the rules ------------------------------------------------------------------------------------------------


def pass_on(house: House, code: str) -> None:
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        not_ours(session, report, by=Actor(name="officer:budi", agency_id="dbm"), house=house)


def rule_fields(page: httpx.Response) -> dict[str, str]:
    return {name: hidden(page, name) for name in ("csrf", "service_code", "agency_id", "to_agency_id")}


def test_the_admin_is_offered_a_rule_takes_it_and_takes_it_back(tmp_path: Path) -> None:
    house = open_desk(tmp_path, OFFICERS)
    with serving(house) as address, browser(address) as admin:
        assert "Usulan perubahan aturan" not in log_in(admin, "admin").text
        assert "Tidak ada yang perlu diubah" in admin.get("/desk/rules").text
        codes = [cables(house) for _ in range(5)]
        for code in codes:
            pass_on(house, code)

        assert "Usulan perubahan aturan: 1" in admin.get("/desk").text
        page = admin.get("/desk/rules")
        assert "mendapat 5 laporan jenis ini dan meneruskan 5 ke Operator telekomunikasi (APJATEL)" in page.text
        assert all(f'href="/desk/r/{code}"' in page.text for code in codes)
        fields = rule_fields(page)
        taken = admin.post("/desk/rules", data=fields)
        assert "Mulai sekarang laporan seperti itu langsung dikirim ke sana" in taken.text
        assert "service_code" not in taken.text
        with house.store.read() as session:
            (rule,) = list_rules(session)
        assert (rule.agency_id, rule.to_agency_id, rule.by) == ("dbm", "telco", "officer:admin")
        assert admin.post("/desk/rules", data=fields).status_code == 409  # the button of an old page

        back = {"csrf": fields["csrf"], "rule": hidden(taken, "rule")}
        assert "Aturan dibatalkan" in admin.post("/desk/rules/back", data=back).text
        assert admin.post("/desk/rules/back", data=back).status_code == 409
        with house.store.read() as session:
            assert list_rules(session) == []
        assert "offers reports of this kind" not in admin.get("/desk/rules?lang=en").text
        assert "In the last 30 days Dinas Bina Marga got 5 reports" in admin.get("/desk/rules?lang=en").text


@pytest.mark.parametrize("name", sorted(set(OFFICERS) - {"admin"}))
def test_the_rules_are_the_admins_alone(house: House, clients: Clients, name: str) -> None:
    client = clients[name]
    page = client.get("/desk")
    assert "/desk/rules" not in page.text
    assert client.get("/desk/rules").status_code == 404
    fields = {
        "csrf": hidden(page, "csrf"),
        "service_code": "a",
        "agency_id": "b",
        "to_agency_id": "c",
        "rule": "1",
    }
    for address in ("/desk/rules", "/desk/rules/back"):
        assert client.post(address, data=fields).status_code == 404


@pytest.mark.parametrize("rule", ["", "0", "-1", "9" * 30, "1; drop table route_rules", "\u0661"])
def test_a_rule_that_is_not_there_is_a_sentence(house: House, clients: Clients, rule: str) -> None:
    admin = clients["admin"]
    csrf = hidden(admin.get("/desk/rules"), "csrf")
    assert admin.post("/desk/rules/back", data={"csrf": csrf, "rule": rule}).status_code == 409
    assert admin.post("/desk/rules", data={"csrf": csrf}).status_code == 409
    assert admin.post("/desk/rules", data={"rule": rule}).status_code == 403  # no token


def test_nobody_who_is_not_logged_in_sees_the_rules(house: House, clients: Clients) -> None:
    with browser(str(clients["admin"].base_url)) as stranger:
        assert stranger.get("/desk/rules").url.path == "/desk"
        assert stranger.post("/desk/rules", data={"csrf": "x"}).url.path == "/desk"


# --- who rules an area ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "area_code", "agency_id", "sees", "changes"),
    [
        ("lurah", MANGGARAI, "dbm", True, False),
        ("lurah", MANGGARAI, "kelurahan", True, True),
        ("lurah", MANGGARAI, None, True, False),
        ("lurah", BUKIT_DURI, "kelurahan", False, False),
        ("lurah", BUKIT_DURI, "dbm", False, False),
        ("lurah", "31.74.01", "kelurahan", False, False),
        ("lurah", None, "kelurahan", False, False),
        ("other-lurah", MANGGARAI, "kelurahan", False, False),
        ("camat", MANGGARAI, "kelurahan", True, False),
        ("camat", MANGGARAI, "kecamatan", True, True),
        ("camat", "31.74.01", "kecamatan", True, True),
        ("camat", MENTENG, "kecamatan", False, False),
        ("walikota", BUKIT_DURI, "walikota", True, True),
        ("walikota", MENTENG, "walikota", False, False),
        ("old-lurah", MANGGARAI, "kelurahan", True, True),  # an account without an area: as before
        ("old-lurah", MANGGARAI, "dbm", False, False),
        ("dbm-officer", MANGGARAI, "kelurahan", False, False),
    ],
)
def test_who_rules_an_area_reads_all_of_it_and_changes_what_is_theirs(
    house: House,
    clients: Clients,
    name: str,
    area_code: str | None,
    agency_id: str | None,
    sees: bool,
    changes: bool,
) -> None:
    code = add_report(house, area_code=area_code, agency_id=agency_id, description="Got mampet sekali")
    photo = add_photo(house, code, b"\xff\xd8\xff", copy_key=house.store.media.put(b"\xff\xd8\xffcopy"))
    client, status = clients[name], 200 if sees else 404
    page = client.get(f"/desk/r/{code}")
    assert page.status_code == status
    assert ("Got mampet sekali" in page.text) == sees
    assert client.get(f"/desk/photos/{photo}").status_code == status
    assert client.get(f"/desk/r/{code}/thread").status_code == status
    lines = [f"/desk?agency={agency_id}" if agency_id else "/desk", "/desk"]
    assert any(f"/desk/r/{code}" in every_page(client, address) for address in lines) == sees
    before = row(house, code)
    csrf = hidden(client.get("/desk"), "csrf")
    press_fields = {"csrf": csrf, "seen": "1" if agency_id else "0", "status": "rejected", "note": "Bukan di sini"}
    answer = client.post(f"/desk/r/{code}", data=press_fields)
    assert (row(house, code).status == "rejected") == changes
    assert changes or (answer.status_code in {403, 404} and row(house, code).status == before.status)


def every_page(client: httpx.Client, address: str) -> str:
    """The queue's pages of new reports, one behind the other."""
    text, sign = "", "&" if "?" in address else "?"
    for number in range(1, 20):
        page = client.get(f"{address}{sign}page={number}").text
        text += page
        if 'rel="next"' not in page:
            return text
    raise AssertionError("the queue does not end")


def test_a_lurah_who_reads_a_report_leaves_it_unread_for_its_agency(house: House, clients: Clients) -> None:
    code = add_report(house, area_code=MANGGARAI)
    with house.store.write() as session:
        session.query(Report).filter_by(code=code).one().unread = True
    assert clients["lurah"].get(f"/desk/r/{code}").status_code == 200
    assert row(house, code).unread
    clients["dbm-officer"].get(f"/desk/r/{code}")
    assert not row(house, code).unread


def test_the_head_of_an_area_gets_originals_of_their_own_reports_only(house: House, clients: Clients) -> None:
    for agency_id, status in (("kelurahan", 200), ("dbm", 404)):
        code = add_report(house, area_code=MANGGARAI, agency_id=agency_id)
        photo = add_photo(house, code, b"\xff\xd8\xfforiginal", copy_key=house.store.media.put(b"\xff\xd8\xffc"))
        assert clients["lurah"].get(f"/desk/photos/{photo}/original").status_code == status


def test_the_page_says_whose_area_it_is(house: House, clients: Clients) -> None:
    assert "Kelurahan (Lurah) Manggarai" in clients["lurah"].get("/desk").text


# --- on record, due soon --------------------------------------------------------------------------------------


def late(house: House, times: int, **said: Any) -> str:
    code = add_report(house, **said)
    for _ in range(times):
        with house.store.write() as session:
            raise_late(session, session.query(Report).filter_by(code=code).one(), house)
    return code


def test_a_late_report_is_on_record_for_the_rungs_that_it_reached(house: House, clients: Clients) -> None:
    times = {n: late(house, n, area_code=MANGGARAI) for n in (0, 1, 2, 3)}
    local = late(house, 1, area_code=MANGGARAI, agency_id="kelurahan")  # whose first rung is the camat
    over = late(house, 1, area_code=MANGGARAI, agency_id="kecamatan")
    done = late(house, 1, area_code=MANGGARAI)
    move(house, done, "rejected")
    elsewhere = late(house, 4, area_code=MENTENG)
    wanted = {
        "lurah": {times[1], times[2], times[3], over},
        "camat": {times[2], times[3], local},
        "walikota": {times[3]},
        "other-lurah": set(),
    }
    known = {*times.values(), local, over, done, elsewhere}
    for name, codes in wanted.items():
        page = clients[name].get("/desk?group=record").text
        assert set(re.findall(r'href="/desk/r/(\w+)"', page)) & known == codes, name
        shown = re.search(r'id="tab-record"[^>]*>[^<]*<span class="count">(\d+)<', page)
        assert shown
        assert int(shown[1]) == len(codes)


@pytest.mark.parametrize("name", ["dbm-officer", "triage", "old-lurah"])
def test_who_rules_no_area_has_no_such_group(house: House, clients: Clients, name: str) -> None:
    page = clients[name].get("/desk?group=record")
    assert page.status_code == 200
    assert "tab-record" not in page.text


def test_what_is_due_stands_first_in_plain_words(tmp_path: Path) -> None:
    house = open_desk(tmp_path, OFFICERS)
    now = house.now()  # Thursday, 5 November 2026, 8.00 in Jakarta
    today = now.replace(hour=9, minute=0, second=0, microsecond=0)
    ends = {"today": 0, "tomorrow": 1, "Monday": 4, "fine": 2}
    codes = {}
    for name, days in ends.items():
        codes[name] = add_report(house)
        with house.store.write() as session:
            report = session.query(Report).filter_by(code=codes[name]).one()
            report.expected_at = report.late_at = today + timedelta(days=days)
    codes["late"] = late(house, 2)
    codes["asked"] = add_report(house)
    move(house, codes["asked"], "needs_info")
    codes["other"] = late(house, 1, agency_id="dlh", service_code="sampah")
    with serving(house) as address, browser(address) as client:
        page = log_in(client, "dbm-officer").text
        assert order(page, codes) == ["late", "today", "tomorrow", "Monday", "fine"]
        assert "sudah lewat janji 2x" in row_of(page, codes["late"])
        assert "janji habis hari ini" in row_of(page, codes["today"])
        assert "janji habis besok" in row_of(page, codes["tomorrow"])
        assert "janji" not in row_of(page, codes["Monday"])
        page = client.get("/desk?group=due").text
        assert order(page, codes) == ["late", "today", "tomorrow"]
        assert 'Segera habis janji <span class="count">3</span>' in page
        house.now.at += timedelta(days=1)  # type: ignore[attr-defined]
        log_in(client, "dbm-officer")
        page = client.get("/desk?group=due&lang=en").text  # Friday: Monday is the next working day
        assert order(page, codes) == ["late", "today", "tomorrow", "fine", "Monday"]
        assert "promise ends on 9 Nov" in row_of(page, codes["Monday"])


def order(page: str, codes: dict[str, str]) -> list[str]:
    names = {code: name for name, code in codes.items()}
    return [names[code] for code in re.findall(r'href="/desk/r/(\w+)"', page) if code in names]


def row_of(page: str, code: str) -> str:
    return page.split(f'id="r-{code}"')[1].split("</li>", maxsplit=1)[0]


def test_a_promise_that_stands_still_is_never_due(house: House, clients: Clients) -> None:
    code = add_report(house)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        change_status(session, report, "resolved", by=Actor(name="officer:budi"), house=house, notes="Sudah")
    assert code not in clients["dbm-officer"].get("/desk?group=due").text


def test_an_areas_official_presses_what_is_theirs(house: House, clients: Clients) -> None:
    code = add_report(house, area_code=MANGGARAI, agency_id="kelurahan", service_code="fasum")
    assert press(clients["lurah"], code, "accepted").status_code == 200
    assert row(house, code).status == "accepted"
