"""The report card's pages: everybody reads them, each red leads to its reports, the agency's head answers."""

import csv
import io
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from desk.card_csv import harmless
from router.house import House
from router.replies import service_name
from router.status import Actor, change_status
from store.models import Holding, Report
from store.officials import CardAnswer
from tests.wire.desk_rooms import (
    PASSWORD,
    START,
    add_officer,
    add_report,
    browser,
    hidden,
    log_in,
    move,
    serving,
)

SCREENS = Path(os.environ.get("KEEP_SCREENS", ""))
MONTH = "2026-11"
HOSTILE = "<script>alert(1)</script> hubungi 0812-3456-7890"


def held(house: House, code: str, **said: Any) -> None:
    """Put values into the newest holding of a report."""
    with house.store.write() as session:
        query = select(Holding).join(Report).where(Report.code == code).order_by(Holding.id.desc())
        for name, value in said.items():
            setattr(session.scalars(query).first(), name, value)


def fill(house: House) -> dict[str, list[str]]:
    """A red agency (dbm), a green one (dlh), one of few reports (dsda) and an outside body (pln); codes by kind."""
    codes: dict[str, list[str]] = {"late": [], "good": [], "outside": []}
    for number in range(14):
        code = add_report(house, service_code="jalan_rusak" if number < 12 else "lampu_jalan")
        held(house, code, due_at=START)
        codes["late"].append(code)
    for number in range(12):
        code = add_report(house, agency_id="dlh", service_code="sampah", area_code=None)
        move(house, code, "accepted", "resolved")
        held(house, code, acted_worked=1800, resolved_worked=40_000, stars=5 - number % 2)
        codes["good"].append(code)
    add_report(house, agency_id="dsda", service_code="banjir")
    for _ in range(11):
        code = add_report(house, agency_id="pln", service_code="kabel_utilitas")
        held(house, code, was_late=True)
        codes["outside"].append(code)
    bad = codes["good"][0]
    held(house, bad, flags=["same_photo"], explanation=HOSTILE)
    return codes


OFFICERS = {
    "kepala": ("head", "dbm"),
    "petugas": ("officer", "dbm"),
    "kepala-dlh": ("head", "dlh"),
    "pengelola": ("admin",),
    "pengawas": ("auditor",),
}


@pytest.fixture(scope="module")
def codes(house: House) -> dict[str, list[str]]:
    return fill(house)


@pytest.fixture(scope="module")
def address(house: House, codes: dict[str, list[str]]) -> Iterator[str]:
    with serving(house) as served:
        yield served


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with browser(address) as opened:
        yield opened


def row_of(page: httpx.Response, name: str) -> str:
    """The table's row that begins with this name, without tags."""
    (row,) = [each for each in re.findall(r"<tr role=\"row\">.*?</tr>", page.text, re.S) if f">{name}<" in each]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_the_public_reads_each_agencys_mark_as_a_word(client: httpx.Client) -> None:
    page = client.get("/rapor")
    assert page.status_code == 200
    assert "Rapor dinas · November 2026" in page.text
    assert "Merah" in row_of(page, "Dinas Bina Marga")
    assert "100% belum ditanggapi" in row_of(page, "Dinas Bina Marga")
    assert "Hijau" in row_of(page, "Dinas Lingkungan Hidup")
    assert "Terlalu sedikit" in row_of(page, "Dinas Sumber Daya Air")
    assert page.text.index("Dinas Bina Marga") < page.text.index("Dinas Lingkungan Hidup")


def test_bodies_that_are_not_the_citys_stand_apart_without_a_mark(client: httpx.Client, house: House) -> None:
    page = client.get("/rapor")
    name = house.pack.agencies["pln"].name
    row = row_of(page, name)
    assert "11 terlambat" in row
    assert not re.search("Merah|Kuning|Hijau", row)
    assert page.text.index("Bukan milik pemerintah kota") < page.text.index(f">{name}<")
    assert "Tidak dinilai" in client.get("/rapor/pln").text


def test_the_page_is_there_in_english(client: httpx.Client) -> None:
    page = client.get("/rapor?lang=en")
    assert "Report card · November 2026" in page.text
    assert "0% on time" in page.text
    assert "No report" not in row_of(page, "Dinas Bina Marga")


def test_every_red_leads_to_the_reports_that_made_it(client: httpx.Client, codes: dict[str, list[str]]) -> None:
    page = client.get("/rapor/dbm?month=2026-11")
    assert all(f'href="/r/{code}"' in page.text for code in codes["late"][:10])
    assert f'href="/r/{codes["late"][10]}"' not in page.text
    links = re.findall(r'href="(/rapor/dbm/late\?month=2026-11)"', page.text)
    assert links
    listed = client.get(links[0])
    assert all(code in listed.text for code in codes["late"])


def test_a_service_and_a_kelurahan_lead_to_their_own_reports(
    client: httpx.Client, codes: dict[str, list[str]]
) -> None:
    page = client.get("/rapor/dbm")
    assert 'href="/rapor/dbm/late?month=2026-11&amp;service=jalan_rusak"' in page.text
    lamps = client.get("/rapor/dbm/late?month=2026-11&service=lampu_jalan").text
    assert [code for code in codes["late"] if code in lamps] == codes["late"][12:]
    assert "<strong>Lampu jalan (PJU) mati</strong>" in lamps
    assert "Tidak ada laporan" in client.get("/rapor/dbm/late?month=2026-11&area=none").text
    assert codes["late"][0] in client.get("/rapor/dbm/late?month=2026-11&area=31.74.01.1003").text


def test_a_doubted_photo_shows_its_explanation_escaped_and_without_personal_data(
    client: httpx.Client, codes: dict[str, list[str]]
) -> None:
    page = client.get("/rapor/dlh/flags?month=2026-11")
    assert codes["good"][0] in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert "0812-3456-7890" not in page.text


def test_pages_of_reports_go_on(client: httpx.Client, house: House) -> None:
    more = [add_report(house, agency_id="gulkarmat", service_code="kebakaran") for _ in range(101)]
    for code in more:
        held(house, code, was_late=True)
    first = client.get("/rapor/gulkarmat/late?month=2026-11")
    assert (more[0] in first.text, more[100] in first.text) == (True, False)
    assert "page=2" in first.text
    second = client.get("/rapor/gulkarmat/late?month=2026-11&page=2")
    assert (more[0] in second.text, more[100] in second.text) == (False, True)
    assert "page=3" not in second.text


@pytest.mark.parametrize(
    "path",
    [
        "/rapor?month=2026-13",
        "/rapor?month=2026-12",
        "/rapor?month=2026-11%00",
        "/rapor?month=' OR 1=1",
        "/rapor.csv?month=kemarin",
        "/rapor?by=agency",
        "/rapor.csv?by=%00",
        "/rapor/all",
        "/rapor/nobody",
        "/rapor/%00",
        "/rapor/dbm?month=2026",
        "/rapor/dbm/everything",
        "/rapor/dbm/passed_on",
        "/rapor/nobody/late",
        "/rapor/dbm/late?service=x",
        "/rapor/dbm/late?area=31",
        "/rapor/dbm/late?page=0",
        "/rapor/dbm/late?page=-1",
        "/rapor/dbm/late?page=99999",
        "/rapor/dbm/late?page=%D9%A1",
    ],
)
def test_what_is_not_there_is_a_friendly_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Halaman ini tidak ada" in answer.text


def test_an_earlier_month_without_reports_says_so(client: httpx.Client) -> None:
    assert "Tidak ada laporan untuk dihitung" in client.get("/rapor?month=2025-01").text
    assert "Tidak ada laporan untuk dihitung" in client.get("/rapor/dbm?month=2025-01").text


def test_the_table_can_be_downloaded(client: httpx.Client) -> None:
    answer = client.get("/rapor.csv?month=2026-11")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="rapor-2026-11.csv"'
    rows = {row["agency_id"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows["dbm"]["colour"] == "red"
    assert (rows["dbm"]["reports"], rows["dbm"]["on_time_share"], rows["dbm"]["stars"]) == ("14", "0.0", "")
    assert (rows["dlh"]["stars"], rows["dlh"]["resolved_median"], rows["dlh"]["on_time_share"]) == (
        "4.5",
        "40000",
        "1.0",
    )
    assert rows["pln"]["colour"] == "outside"


def test_the_table_has_a_line_for_each_of_an_agencys_services_or_areas(client: httpx.Client) -> None:
    text = client.get("/rapor.csv?month=2026-11&by=service").text
    rows = {(row["agency_id"], row["service_code"]): row for row in csv.DictReader(io.StringIO(text))}
    assert rows["pln", "kabel_utilitas"]["colour"] == "outside"
    assert rows["dsda", "banjir"]["colour"] == "few"
    areas = csv.DictReader(io.StringIO(client.get("/rapor.csv?month=2026-11&by=area").text))
    assert all(row["area_code"] for row in areas if row["agency_id"] == "dbm")


def test_a_kelurahan_and_a_kind_of_problem_have_a_card_of_their_own(client: httpx.Client, house: House) -> None:
    page = client.get("/rapor?by=area&month=2026-11")
    assert "Rapor per kelurahan · November 2026" in page.text
    assert re.search(r'<th role="rowheader" scope="row"><a href="/area/[0-9.]+">', page.text)
    page = client.get("/rapor?by=service&month=2026-11")
    assert "Merah" in row_of(page, service_name(house.pack, "jalan_rusak", "id") or "")
    assert "kabel_utilitas" not in page.text  # who had those is not the city's


def test_every_red_of_a_kind_of_problem_leads_to_its_reports(
    client: httpx.Client, codes: dict[str, list[str]]
) -> None:
    page = client.get("/rapor?by=service&month=2026-11").text
    link = next(each for each in re.findall(r'href="(/rapor/all/unanswered[^"]*)"', page) if "jalan_rusak" in each)
    reports = client.get(link.replace("&amp;", "&"))
    assert reports.status_code == 200
    assert codes["late"][0] in reports.text
    assert not set(codes["outside"]) & set(re.findall(r"/r/(\w+)", reports.text))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "|", "%"])
def test_a_spreadsheet_runs_nothing_of_it(start: str) -> None:
    assert harmless(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"
    assert harmless(f"Dinas {start}") == f"Dinas {start}"


def test_the_database_is_asked_once_a_minute(client: httpx.Client, house: House) -> None:
    house.now.at += timedelta(seconds=61 - house.now.at.second)  # type: ignore[attr-defined]
    before = row_of(client.get("/rapor"), "Dinas Sumber Daya Air")
    add_report(house, agency_id="dsda", service_code="banjir")
    assert row_of(client.get("/rapor"), "Dinas Sumber Daya Air") == before
    house.now.at += timedelta(seconds=60)  # type: ignore[attr-defined]
    assert row_of(client.get("/rapor"), "Dinas Sumber Daya Air") != before


# --- the desk -----------------------------------------------------------------------------------------------


def send(
    client: httpx.Client, text: str, agency: str = "dbm", month: str = MONTH, csrf: str | None = None
) -> httpx.Response:
    token = csrf if csrf is not None else hidden(client.get("/desk/rapor"), "csrf")
    return client.post("/desk/rapor", data={"csrf": token, "agency": agency, "month": month, "text": text})


def kept_answers(house: House) -> list[str]:
    with house.store.read() as session:
        return list(session.scalars(select(CardAnswer.text).order_by(CardAnswer.id)))


def test_the_head_answers_and_everybody_reads_it_with_its_date(client: httpx.Client, house: House) -> None:
    log_in(client, "kepala")
    assert "Tanggapi rapor ini" in client.get("/desk/rapor").text
    answer = send(client, f"Dua alat berat rusak.\r\n{HOSTILE}")
    assert "Tanggapan sudah tampil" in answer.text
    send(client, "Alat sudah kembali bekerja. <b>Maaf</b>")

    page = client.get("/rapor/dbm?month=2026-11").text
    assert "Alat sudah kembali bekerja. &lt;b&gt;Maaf&lt;/b&gt;" in page
    assert "Dua alat berat" not in page
    assert re.search(r"<time[^>]*>5 Nov 2026", page[page.index("Alat sudah kembali") :])
    assert '<a href="/rapor/dbm?month=2026-11#answer-title">' in client.get("/rapor").text
    assert "Alat sudah kembali" not in client.get("/rapor/dlh?month=2026-11").text
    assert "Alat sudah kembali" not in client.get("/rapor/dbm?month=2026-10").text
    assert len(kept_answers(house)) == 2


def test_an_admin_answers_for_any_agency(client: httpx.Client, house: House) -> None:
    log_in(client, "pengelola")
    assert "Dinas Bina Marga" in client.get("/desk/rapor").text
    assert "Tanggapan sudah tampil" in send(client, "Dari pengelola", "dlh").text
    assert "Dari pengelola" in client.get("/rapor/dlh").text


@pytest.mark.parametrize("name", ["petugas", "pengawas", "kepala-dlh"])
def test_nobody_else_answers(client: httpx.Client, house: House, name: str) -> None:
    log_in(client, name)
    before = kept_answers(house)
    assert "Tanggapi rapor ini" not in client.get("/desk/rapor?agency=dbm").text
    assert send(client, "Bukan dari kepala").status_code == 403
    assert kept_answers(house) == before


def test_an_answer_needs_a_log_in_and_its_own_token(client: httpx.Client, house: House) -> None:
    before = kept_answers(house)
    client.post("/desk/rapor", data={"csrf": "", "agency": "dbm", "month": MONTH, "text": "Tanpa masuk"})
    log_in(client, "kepala")
    assert send(client, "Token salah", csrf="x" * 43).status_code == 403
    assert kept_answers(house) == before


@pytest.mark.parametrize(
    ("text", "month", "agency", "status"),
    [
        ("", MONTH, "dbm", 400),
        ("   ", MONTH, "dbm", 400),
        ("x" * 2001, MONTH, "dbm", 400),
        ("Baik", "2026-12", "dbm", 404),
        ("Baik", "2026-11-01", "dbm", 404),
        ("Baik", MONTH, "nobody", 404),
    ],
)
def test_an_answer_that_cannot_be_taken_says_so(
    client: httpx.Client, house: House, text: str, month: str, agency: str, status: int
) -> None:
    log_in(client, "kepala")
    before = kept_answers(house)
    answer = send(client, text, agency, month)
    assert answer.status_code == status
    assert kept_answers(house) == before
    if len(text) > 2000:
        assert text in answer.text


def test_the_desk_leads_to_its_own_page_of_a_report_only_where_it_may_be_seen(
    client: httpx.Client, house: House, codes: dict[str, list[str]]
) -> None:
    kept = [add_report(house, agency_id="disdik") for _ in range(9)]
    gone = add_report(house, agency_id="disdik")
    for code in (*kept, gone):
        held(house, code, was_late=True)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=gone).one()
        by = Actor(name="officer:budi")
        change_status(session, report, "assigned", by=by, house=house, agency_id="dlh", notes="Bukan kami")
    add_officer(house, "guru", "officer", "disdik")
    log_in(client, "guru")

    page = client.get("/desk/rapor").text
    assert all(f'href="/desk/r/{code}"' in page for code in kept)
    assert f'href="/r/{gone}"' in page
    assert f'href="/desk/r/{gone}"' not in page


def test_the_cards_own_links_lead_somewhere(client: httpx.Client) -> None:
    seen, waiting = set(), ["/rapor"]
    while waiting:
        path = waiting.pop()
        page = client.get(path)
        assert page.status_code == 200, path
        found = {unescape(link) for link in re.findall(r'href="(/rapor[^"#]*)', page.text)}
        waiting += found - seen
        seen |= found
    assert {"/rapor/dbm?month=2026-11", "/rapor.csv?month=2026-11"} <= seen
    assert "/rapor/dlh/flags?month=2026-11&area=none" in seen


# --- a real browser -----------------------------------------------------------------------------------------

PHONE = {"width": 360, "height": 740}


@pytest.mark.browser
def test_the_card_is_readable_on_a_phone_without_javascript(address: str, chromium: Browser) -> None:
    for name, size in (("phone", PHONE), ("wide", {"width": 1280, "height": 900})):
        context = chromium.new_context(base_url=address, viewport=size, java_script_enabled=False)
        page = context.new_page()
        for path in ("/rapor", "/rapor/dbm", "/rapor/dlh?lang=en", "/rapor/dbm/late"):
            page.goto(path)
            keep(page, f"{name}{path.partition('?')[0].replace('/', '-')}")
        page.goto("/rapor?lang=id")
        page.get_by_role("row", name="Dinas Bina Marga").get_by_role("link", name="0% tepat waktu").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Laporan yang terlambat · November 2026"
        context.close()
    page = chromium.new_page(base_url=address, viewport=PHONE)
    for width in (320, PHONE["width"], 800, 1249):
        page.set_viewport_size({"width": width, "height": 740})
        for path in ("/rapor", "/rapor/dbm", "/rapor/dlh", "/rapor/dbm/late"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    page.set_viewport_size(PHONE)
    page.goto("/desk")
    page.fill("#name", "kepala")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.goto("/desk/rapor")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    keep(page, "phone-desk")
    page.set_viewport_size({"width": 1280, "height": 900})
    keep(page, "wide-desk")


def keep(page: Any, name: str) -> None:
    if os.environ.get("KEEP_SCREENS"):
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
