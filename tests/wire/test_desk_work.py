"""The desk's quick ways over HTTP: search, filters, saved views, who has it, answers, notes, undo, many at once."""

from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from router.house import House
from router.search import index_words
from store.desk import Deed, DeskView, Note
from store.models import Delivery, Report
from store.officials import Officer
from tests.wire.desk_rooms import (
    Clock,
    add_report,
    answers_to,
    hidden,
    move,
    press,
    status_of,
)

OFFICERS = {
    "officer": ("officer", "dbm"),
    "colleague": ("officer", "dbm"),
    "head": ("head", "dbm"),
    "dlh-officer": ("officer", "dlh"),
    "triage": ("triage", None),
    "admin": ("admin", None),
    "auditor": ("auditor", None),
    "lurah": ("officer", "kelurahan", "31.74.01.1003"),
}
HOSTILE = '</textarea><script>alert(1)</script>"\u202egnp.exe<img src=x onerror=alert(1)>{{7*7}}'


def clock_of(house: House) -> Clock:
    clock = house.now
    assert isinstance(clock, Clock)
    return clock


def post(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """A form of the desk's, with this log-in's token."""
    csrf = hidden(client.get("/desk"), "csrf")
    return client.post(path, data={"csrf": csrf, **fields})


def codes_on(page: httpx.Response, *codes: str) -> list[str]:
    """Those of these reports that are a row of the queue."""
    return [code for code in codes if f'id="r-{code}"' in page.text]


def find(house: House, client: httpx.Client, **asked: str) -> httpx.Response:
    while index_words(house):
        pass
    return client.get("/desk", params=asked)


def officer_id(house: House, name: str) -> int:
    with house.store.read() as session:
        return session.query(Officer).filter_by(name=name).one().id


def row(house: House, code: str) -> Report:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one()


# --- rights: each role, each press, one's own and another agency's report ------------------------------------

PRESSES: dict[str, tuple[str, dict[str, str]]] = {
    "answer": ("/desk/r/{code}/answer", {"answer": "Kami datang besok."}),
    "preview": ("/desk/r/{code}/preview", {"answer": "Kami datang besok."}),
    "note": ("/desk/r/{code}/note", {"colleague_note": "Sudah ditelepon."}),
    "take": ("/desk/r/{code}/take", {"to": "me"}),
    "give": ("/desk/r/{code}/take", {"to": "{colleague}"}),
    "contact": ("/desk/r/{code}/contact", {}),
    "many": ("/desk/many", {"move": "accepted", "r-{code}": "assigned"}),
}
OWN_AGENCY = {"officer", "head", "triage", "admin"}
MAY: dict[str, set[str]] = {  # on a report of dbm in the lurah's area; nobody else may
    "answer": OWN_AGENCY,
    "preview": OWN_AGENCY,
    "note": {*OWN_AGENCY, "lurah"},
    "take": OWN_AGENCY,
    "give": {"head", "triage", "admin"},
    "contact": {"head", "triage", "admin"},
    "many": OWN_AGENCY,
}


def is_done(house: House, code: str, what: str, page: httpx.Response) -> bool:
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        deeds = {deed.what for deed in session.query(Deed).filter_by(report_id=report.id)}
        notes = session.query(Note).filter_by(report_id=report.id).count()
    return {
        "answer": "answered" in deeds and "Kami datang besok." in answers_to(house, code)[-1],
        "preview": page.status_code == 200 and 'class="words preview"' in page.text,
        "note": notes == 1,
        "take": report.officer_id is not None,
        "give": report.officer_id == officer_id(house, "colleague"),
        "contact": "looked" in deeds and "+62812" in page.text,
        "many": report.status == "accepted",
    }[what]


@pytest.mark.parametrize("what", PRESSES)
@pytest.mark.parametrize("who", ["officer", "head", "dlh-officer", "triage", "admin", "auditor", "lurah"])
def test_everybody_does_what_their_role_allows_and_nothing_else(
    house: House, clients: dict[str, httpx.Client], what: str, who: str
) -> None:
    code = add_report(house)
    path, fields = PRESSES[what]
    colleague = str(officer_id(house, "colleague"))
    filled = {name.format(code=code): value.format(colleague=colleague) for name, value in fields.items()}
    page = post(clients[who], path.format(code=code), **filled)

    assert is_done(house, code, what, page) == (who in MAY[what])
    assert page.status_code in ({200} if who in MAY[what] or what == "many" else {403, 404})


@pytest.mark.parametrize("what", PRESSES)
def test_without_the_logins_own_token_nothing_is_done(
    house: House, clients: dict[str, httpx.Client], what: str
) -> None:
    code = add_report(house)
    path, fields = PRESSES[what]
    filled = {name.format(code=code): value.format(colleague="1") for name, value in fields.items()}
    for csrf in ("", "x" * 43):
        page = clients["triage"].post(path.format(code=code), data={**filled, "csrf": csrf})
        assert page.status_code == 403
        assert not is_done(house, code, what, page)


def test_only_admin_and_auditor_read_who_looked_at_whom(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house)
    post(clients["head"], f"/desk/r/{code}/contact")

    for who, client in clients.items():
        page = client.get("/desk/deeds")
        assert (page.status_code == 200 and code in page.text) == (who in {"admin", "auditor"}), who
        assert "+62812" not in page.text


# --- search and filters -------------------------------------------------------------------------------------


def test_the_search_finds_words_of_what_one_may_see_only(house: House, clients: dict[str, httpx.Client]) -> None:
    mine = add_report(house, description="Lubang dekat kedai Zamrud")
    theirs = add_report(house, description="Sampah dekat kedai Zamrud", agency_id="dlh", area_code="31.71.01.1001")
    done = add_report(house, description="Zamrud lama")
    move(house, done, "rejected")

    for who, seen in (
        ("officer", {mine, done}),
        ("dlh-officer", {theirs}),
        ("triage", {mine, theirs, done}),
        ("auditor", {mine, theirs, done}),
        ("lurah", {mine, done}),
    ):
        assert set(codes_on(find(house, clients[who], q="zamrudnya"), mine, theirs, done)) == seen, who
    assert codes_on(find(house, clients["officer"], q=mine.lower()), mine, done) == [mine]
    assert codes_on(find(house, clients["officer"], q="zamrud", status="rejected"), mine, done) == [done]
    assert codes_on(find(house, clients["officer"], q="zamrud lubang"), mine, done) == [mine]
    assert "Tidak ada laporan dengan semua kata" in find(house, clients["officer"], q="xyzzy").text


@pytest.mark.parametrize("q", [HOSTILE, '"', "*", "' OR 1=1 --", "a" * 5000, "\x00", "AND", "NOT x", "(", "%"])
def test_whatever_is_searched_for_the_page_stands(clients: dict[str, httpx.Client], q: str) -> None:
    page = clients["officer"].get("/desk", params={"q": q})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img" not in page.text.replace('<img src="/desk/static', "")


def test_filters_narrow_the_queue_and_its_numbers(house: House, clients: dict[str, httpx.Client]) -> None:
    client = clients["triage"]
    lamp = add_report(house, service_code="lampu_jalan", area_code="31.73.01.1001", agency_id="dbm")
    tree = add_report(house, service_code="pohon", area_code="31.73.01.1001", urgent=True, agency_id="dlh")
    elsewhere = add_report(house, service_code="lampu_jalan", area_code="31.72.01.1001", agency_id="dbm")
    kota = house.pack.areas["31.73"].name
    all_three = (lamp, tree, elsewhere)

    for asked, seen in (
        ({"service": "lampu_jalan"}, [lamp, elsewhere]),
        ({"area": "31.73.01"}, [lamp, tree]),
        ({"area": kota.upper()}, [lamp, tree]),
        ({"area": f"Kec. {house.pack.areas['31.73.01'].name}", "service": "lampu_jalan"}, [lamp]),
        ({"urgent": "1", "area": "31.73"}, [tree]),
        ({"mine": "1"}, []),
    ):
        page = client.get("/desk", params={"group": "new", **asked})
        assert codes_on(page, *all_three) == seen, asked
        if "area" in asked:
            assert f'Baru <span class="count">{len(seen)}</span>' in page.text
    unknown = client.get("/desk", params={"service": "bulan", "area": "Atlantis", "urgent": "x", "mine": "2"})
    assert codes_on(unknown, tree) == [tree]


def test_an_official_of_one_area_cannot_filter_their_way_out_of_it(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house, area_code="31.73.01.1001", description="Ambar")
    for asked in ({"area": "31.73"}, {"q": "ambar"}, {"q": "ambar", "area": "31.73.01.1001"}):
        assert codes_on(find(house, clients["lurah"], **asked), code) == []


def test_a_view_is_kept_under_a_name_and_only_ones_own(house: House, clients: dict[str, httpx.Client]) -> None:
    client, other = clients["officer"], clients["colleague"]
    kept = post(
        client, "/desk/views", name=f"Lampu {HOSTILE}", query="?service=lampu_jalan&evil=1&urgent=1&page=7"
    )

    assert parse_qs(urlsplit(str(kept.url)).query) == {
        "group": ["new"], "agency": ["dbm"], "service": ["lampu_jalan"], "urgent": ["1"],
    }  # fmt: skip
    assert "<script>alert" not in kept.text
    assert "Lampu" not in other.get("/desk").text.partition('class="filter"')[0]
    with house.store.read() as session:
        (view,) = session.query(DeskView).all()
    assert post(client, "/desk/views", name="", query="a=1&" * 5000).status_code == 200
    post(other, "/desk/views/drop", view=str(view.id))
    assert "Lampu &lt;/textarea" in client.get("/desk").text
    post(client, "/desk/views/drop", view=str(view.id))
    for number in range(25):
        post(client, "/desk/views", name=f"Nomor {number}", query="?urgent=1")
    with house.store.read() as session:
        assert session.query(DeskView).count() == 20


# --- who has it, answers, notes -----------------------------------------------------------------------------


def test_one_press_takes_a_report_and_the_queue_shows_whose_it_is(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    page = post(clients["officer"], f"/desk/r/{code}/take", to="me")
    assert "Anda ambil" in page.text
    assert codes_on(clients["officer"].get("/desk?mine=1"), code) == [code]
    queue = find(house, clients["head"], q=code).text
    assert ">officer<" in queue.partition(f'id="r-{code}"')[2].partition("</li>")[0]

    assert post(clients["colleague"], f"/desk/r/{code}/take", to="me").status_code == 403
    assert post(clients["colleague"], f"/desk/r/{code}/take", to="").status_code == 403
    assert (
        post(clients["head"], f"/desk/r/{code}/take", to=str(officer_id(house, "dlh-officer"))).status_code == 400
    )
    post(clients["head"], f"/desk/r/{code}/take", to=str(officer_id(house, "colleague")))
    assert row(house, code).officer_id == officer_id(house, "colleague")
    post(clients["colleague"], f"/desk/r/{code}/take", to="")
    assert row(house, code).officer_id is None


def test_who_took_it_has_it_no_more_when_another_agency_does(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house)
    post(clients["officer"], f"/desk/r/{code}/take", to="me")
    press(clients["officer"], code, "assigned", agency_id="dlh")
    assert row(house, code).officer_id is None


def test_an_answer_is_shown_as_it_arrives_and_then_sent(house: House, clients: dict[str, httpx.Client]) -> None:
    code, client = add_report(house), clients["officer"]
    words = f"Regu datang besok. {HOSTILE}{' lagi' * 20}"
    page = post(client, f"/desk/r/{code}/preview", answer=words)
    assert "2 SMS" in page.text
    assert unescape(page.text).count(f"{code}, Dinas Bina Marga: Regu datang besok.") == 1
    assert "<script>alert" not in page.text
    assert len(answers_to(house, code)) == 1
    part = client.post(
        f"/desk/r/{code}/preview",
        data={"csrf": hidden(page, "csrf"), "answer": "Jam 3 😀"},
        headers={"HX-Request": "true"},
    )
    assert part.text.lstrip().startswith("<p")
    assert "70 huruf" in part.text

    said = post(client, f"/desk/r/{code}/answer", answer=words)
    assert "Jawaban sedang dikirim" in said.text
    assert answers_to(house, code)[-1].startswith(f"{code}, Dinas Bina Marga: Regu datang besok.")
    assert status_of(house, code) == "assigned"
    assert "Regu datang" not in client.get(f"/r/{code}").text


def test_a_ready_sentence_fills_the_field_without_a_script(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house, service_code="lampu_jalan")
    page = clients["officer"].get(f"/desk/r/{code}?canned=0")
    assert ">Regu lampu datang setelah pukul 18.00" in page.text.partition('<textarea id="answer"')[2]
    for number in ("99", "x", "-1"):
        assert clients["officer"].get(f"/desk/r/{code}?canned={number}").status_code == 200


def test_a_note_is_read_by_colleagues_and_by_nobody_else(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house)
    post(clients["officer"], f"/desk/r/{code}/note", colleague_note=f"Kunci gerbang di satpam {HOSTILE}")

    for who, sees in (("colleague", True), ("auditor", True), ("lurah", True), ("dlh-officer", False)):
        page = clients[who].get(f"/desk/r/{code}")
        assert ("Kunci gerbang" in page.text) == sees, who
        assert "<script>alert" not in page.text
    key = {"Authorization": "Bearer key-of-dbm"}
    for path in (f"/r/{code}", f"/open311/v2/requests/{code}.json", "/open311/v2/servicerequestupdates.json"):
        assert "Kunci gerbang" not in clients["officer"].get(path, headers=key).text
    assert not any("Kunci" in text for text in answers_to(house, code))


# --- undo ---------------------------------------------------------------------------------------------------


def waiting(house: House, code: str) -> list[str]:
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        return [each.state for each in session.query(Delivery).filter_by(report_id=report.id) if each.address_id]


def test_a_move_is_undone_by_its_button_for_twenty_seconds(house: House, clients: dict[str, httpx.Client]) -> None:
    code, client = add_report(house), clients["officer"]
    page = press(client, code, "accepted")
    assert "Warga dikabari sebentar lagi" in page.text
    assert hidden(page, "codes") == code
    undone = post(client, "/desk/undo", codes=code)

    assert status_of(house, code) == "assigned"
    assert waiting(house, code)[-1] == "withdrawn"
    assert "Perubahan tadi dibatalkan" in undone.text
    assert "tidak jadi dikirim" in undone.text
    assert "meminta agar kita tidak menulis" not in undone.text
    press(client, code, "accepted")
    clock_of(house).on(seconds=20)
    assert "/desk/undo" not in client.get(f"/desk/r/{code}").text
    assert "Tidak dapat diurungkan lagi" in post(client, "/desk/undo", codes=code).text
    assert status_of(house, code) == "accepted"


def test_nobody_else_undoes_it_not_even_the_admin(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house)
    press(clients["officer"], code, "accepted")
    for who in ("colleague", "head", "admin", "auditor", "dlh-officer"):
        assert "/desk/undo" not in clients[who].get(f"/desk/r/{code}").text
        post(clients[who], "/desk/undo", codes=code)
    assert status_of(house, code) == "accepted"


def test_what_was_passed_on_is_undone_from_the_queue(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house)
    page = press(clients["officer"], code, "assigned", agency_id="dlh")
    assert page.url.path == "/desk"
    assert hidden(page, "codes") == code
    back = post(clients["officer"], "/desk/undo", codes=code, back="queue", query="?group=new")

    assert (back.url.path, row(house, code).agency_id) == ("/desk", "dbm")


# --- many at once -------------------------------------------------------------------------------------------


def test_ticked_reports_are_moved_one_by_one_and_what_is_not_says_why(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    good, moved, done, theirs = (add_report(house, agency_id=each) for each in ("dbm", "dbm", "dbm", "dlh"))
    move(house, moved, "in_progress")
    move(house, done, "rejected")
    ticks = {f"r-{good}": "assigned", f"r-{moved}": "assigned", f"r-{done}": "rejected", f"r-{theirs}": "assigned"}
    page = post(clients["officer"], "/desk/many", move="accepted", query="?group=new", **ticks)

    assert [status_of(house, each) for each in ticks_codes(ticks)] == [
        "accepted",
        "in_progress",
        "rejected",
        "assigned",
    ]
    assert "1 laporan sudah diubah. 3 laporan tidak diubah:" in page.text
    for code, why in (
        (moved, "baru saja diubah orang lain"),
        (done, "tidak dapat diubah begitu"),
        (theirs, "tidak mengubahnya"),
    ):
        assert why in page.text.partition(f'<a href="/desk/r/{code}">')[2].partition("</li>")[0]
    assert hidden(page, "codes") == good
    post(clients["officer"], "/desk/undo", codes=good, back="queue")
    assert status_of(house, good) == "assigned"


def ticks_codes(ticks: dict[str, str]) -> list[str]:
    return [name.removeprefix("r-") for name in ticks]


def test_many_are_taken_and_passed_on(house: House, clients: dict[str, httpx.Client]) -> None:
    codes = [add_report(house) for _ in range(2)]
    ticks = {f"r-{code}": "assigned" for code in codes}
    post(clients["officer"], "/desk/many", move="take", **ticks)
    assert {row(house, code).officer_id for code in codes} == {officer_id(house, "officer")}
    assert "Pilih dulu dinas" in post(clients["officer"], "/desk/many", move="assigned", **ticks).text
    assert "Pilih dulu laporannya" in post(clients["officer"], "/desk/many", move="accepted").text
    assert "Pilih dulu laporannya" in post(clients["officer"], "/desk/many", move="closed", **ticks).text
    post(clients["officer"], "/desk/many", move="assigned", agency_id="dlh", **ticks)

    assert {row(house, code).agency_id for code in codes} == {"dlh"}


def test_an_address_cannot_make_the_page_say_what_did_not_happen(clients: dict[str, httpx.Client]) -> None:
    page = clients["officer"].get(
        "/desk", params={"failed": f"ABC234.{HOSTILE},x.csrf", "moved": HOSTILE, "problem": "desk"}
    )
    assert page.status_code == 200
    assert "alert(1)" not in page.text
