"""The desk puts a guessed service right: what is kept, who gets the report, and how well guesses do."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from router.corrections import correct_service
from router.house import House
from router.in_time import InTime
from router.metrics import scrape
from router.operate import first_edited_row
from router.status import MOVES, OPEN, Actor, NotAllowed
from store.journal import Journal
from store.models import Delivery, Report, StatusUpdate
from tests.wire.desk_rooms import (
    add_officer,
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_rooms,
    press,
    serving,
)

OFFICERS = {
    "dbm-officer": ("officer", "dbm"),
    "dlh-officer": ("officer", "dlh"),
    "triage": ("triage", None),
    "auditor": ("auditor", None),
}
GUESSED = {
    "service": {
        "source": "text",
        "confidence": 0.6,
        "alternatives": [["sampah", 0.2], ["trotoar", 0.1]],
    }
}


def guessed(house: House, **said: Any) -> str:
    """A report whose service the normalizer guessed."""
    return add_report(house, **{"sources": GUESSED, **said})


def correct(client: httpx.Client, code: str, service_code: str, **said: str) -> httpx.Response:
    page = client.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "service_code": service_code, **said}
    return client.post(f"/desk/r/{code}/service", data=fields)


def row(house: House, code: str) -> Report:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one()


def lines_of(house: House, code: str) -> list[tuple[str, str | None, str, str | None]]:
    with house.store.read() as session:
        lines = session.query(StatusUpdate).join(Report).filter(Report.code == code).order_by(StatusUpdate.seq)
        return [(line.status, line.agency_id, line.by, line.notes) for line in lines]


def figures(house: House, folder: Path) -> dict[str, float]:
    """`lapor_service_guesses_total` as Prometheus reads it."""
    with closing(Journal(folder / "journal")) as journal:
        text = scrape(house, journal, InTime()).decode()
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {s.labels["outcome"]: s.value for s in samples if s.name == "lapor_service_guesses_total"}


def test_a_corrected_report_goes_to_the_agency_of_the_right_service_and_the_citizen_is_told(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = guessed(house)
    page = correct(clients["triage"], code, "sampah")
    assert page.status_code == 200
    assert "Jenis masalah sudah diperbaiki: Sampah" in page.text
    report = row(house, code)
    assert (report.service_code, report.agency_id, report.status) == ("sampah", "dlh", "assigned")
    assert report.service_guess == "changed"
    said = report.sources["service"]
    assert (said["source"], said["by"], said["guess"]) == ("desk", "officer:triage", "jalan_rusak")
    assert said["alternatives"] == GUESSED["service"]["alternatives"]
    status, agency_id, by, notes = lines_of(house, code)[-1]
    assert (status, agency_id, by) == ("assigned", "dlh", "officer:triage")
    assert notes is not None
    assert notes.startswith("Jenis masalah diperbaiki menjadi: Sampah")
    assert notes in answers_to(house, code)[-1]
    assert first_edited_row(house) is None


def test_a_report_that_somebody_works_on_stays_there_and_only_its_history_says_it(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = guessed(house)
    move(house, code, "in_progress")
    told = answers_to(house, code)
    correct(clients["dbm-officer"], code, "sampah")
    report = row(house, code)
    assert (report.service_code, report.agency_id, report.status) == ("sampah", "dbm", "in_progress")
    assert lines_of(house, code)[-1][:3] == ("in_progress", "dbm", "officer:dbm-officer")
    assert answers_to(house, code) == told
    assert report.service_guess == "changed"
    assert first_edited_row(house) is None


def test_a_report_passed_on_by_its_correction_is_gone_from_the_officers_view(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = guessed(house)
    page = correct(clients["dbm-officer"], code, "sampah")
    assert page.url.path == "/desk"
    assert code in page.text
    assert clients["dbm-officer"].get(f"/desk/r/{code}").status_code == 404
    assert clients["dlh-officer"].get(f"/desk/r/{code}").status_code == 200


def test_naming_the_service_that_was_missing_sends_the_report_on_and_stops_the_question(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    unclear = {"service": {"source": "text", "confidence": 0.0, "alternatives": [["lampu_jalan", 0.3]]}}
    place = {"place": {"source": "text", "confidence": 0.9, "enough": True, "alternatives": []}}
    code = add_report(
        house,
        service_code=None,
        agency_id=None,
        sources={**unclear, **place},
        asked_for="service",
        status="needs_info",
        status_before="received",
    )
    correct(clients["triage"], code, "sampah")
    report = row(house, code)
    assert (report.status, report.agency_id, report.asked_for) == ("assigned", "dlh", None)
    assert (report.service_guess, report.sources["service"]["guess"]) == ("named", None)


def test_the_alternatives_of_the_normalizer_stand_first(house: House, clients: dict[str, httpx.Client]) -> None:
    code = guessed(house)
    page = clients["triage"].get(f"/desk/r/{code}").text
    options = re.findall(r'<option value="(\w+)"', page.split('id="service_code"')[1].split("</select>")[0])
    assert options[:2] == ["sampah", "trotoar"]
    assert sorted(options) == sorted(set(house.pack.services) - {"jalan_rusak"})
    correct(clients["triage"], code, "sampah")
    page = clients["triage"].get(f"/desk/r/{code}").text
    options = re.findall(r'<option value="(\w+)"', page.split('id="service_code"')[1].split("</select>")[0])
    assert options[0] == "jalan_rusak"


def test_who_may_not_change_may_not_correct(house: House, clients: dict[str, httpx.Client]) -> None:
    code = guessed(house)
    assert "service_code" not in clients["auditor"].get(f"/desk/r/{code}").text
    fields = {"seen": "1", "service_code": "sampah"}
    for name, status in (("auditor", 403), ("dlh-officer", 404)):
        csrf = hidden(clients[name].get("/desk"), "csrf")
        answer = clients[name].post(f"/desk/r/{code}/service", data={"csrf": csrf, **fields})
        assert answer.status_code == status
    assert clients["triage"].post(f"/desk/r/{code}/service", data=fields).status_code == 403  # no token
    assert row(house, code).service_code == "jalan_rusak"


@pytest.mark.parametrize("wanted", ["", "jalan_rusak", "no_such", "'; drop table reports", "x" * 5000])
def test_a_service_that_cannot_be_chosen_is_a_sentence_on_the_page(
    house: House, clients: dict[str, httpx.Client], wanted: str
) -> None:
    code = guessed(house)
    page = correct(clients["triage"], code, wanted)
    assert page.status_code == 400
    assert "Pilih dulu jenis masalah" in page.text
    assert (row(house, code).service_code, row(house, code).service_guess) == ("jalan_rusak", None)


def test_a_report_changed_meanwhile_is_not_corrected(house: House, clients: dict[str, httpx.Client]) -> None:
    code = guessed(house)
    page = correct(clients["triage"], code, "sampah", seen="0")
    assert page.status_code == 409
    assert row(house, code).service_code == "jalan_rusak"


@pytest.mark.parametrize("status", sorted(set(MOVES) - OPEN))
def test_a_finished_report_keeps_its_service(house: House, clients: dict[str, httpx.Client], status: str) -> None:
    code = guessed(house)
    with house.store.write() as session:
        session.query(Report).filter_by(code=code).one().status = status
    assert 'id="service_code"' not in clients["triage"].get(f"/desk/r/{code}").text
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        with pytest.raises(NotAllowed):
            correct_service(session, report, "sampah", by=Actor(name="officer:sri"), house=house)
    with house.store.write() as session:  # (its history would not end so)
        session.query(Report).filter_by(code=code).one().status = "assigned"


def test_guesses_are_counted_by_what_officials_made_of_them(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    add_officer(house, "triage", "triage")
    assert figures(house, tmp_path) == {"agreed": 0, "changed": 0}
    with serving(house) as address, browser(address) as client:
        assert "dikenali sistem" not in log_in(client, "triage").text
        codes = [guessed(house) for _ in range(4)]
        for code in codes[:3]:
            press(client, code, "accepted")
        correct(client, codes[3], "sampah")
        press(client, add_report(house), "accepted")  # whose service nobody guessed
        assert figures(house, tmp_path) == {"agreed": 3, "changed": 1}
        assert "75% diterima petugas (3 diterima, 1 diperbaiki" in client.get("/desk").text
        press(client, codes[0], "in_progress")  # once is enough
        correct(client, codes[1], "sampah")  # seen only when somebody was there
        correct(client, codes[3], "jalan_rusak")  # a slip of the hand
        assert figures(house, tmp_path) == {"agreed": 3, "changed": 1}
        assert "officials agreed with 75% (3 agreed, 1 corrected" in client.get("/desk?lang=en").text


def test_counting_guesses_reads_an_index_and_no_report(house: House) -> None:
    from store.counts import count_guesses

    asked: list[tuple[str, Any]] = []
    note = lambda connection, cursor, statement, values, *_: asked.append((statement, values))  # noqa: E731
    event.listen(house.store.engine, "before_cursor_execute", note)
    with house.store.read() as session:
        count_guesses(session, house.now())
    event.remove(house.store.engine, "before_cursor_execute", note)
    statement, values = asked[-1]
    with house.store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    assert "COVERING INDEX ix_reports_service_guess" in str(plan)


def test_a_correction_is_undone_by_its_button(house: House, clients: dict[str, httpx.Client]) -> None:
    code, client = guessed(house), clients["triage"]
    told, before = answers_to(house, code), row(house, code)
    page = correct(client, code, "sampah")
    fields = {"csrf": hidden(page, "csrf"), "codes": hidden(page, "codes")}
    assert "Perubahan tadi dibatalkan" in client.post("/desk/undo", data=fields).text
    report = row(house, code)
    names = ("service_code", "agency_id", "sources", "service_guess", "status")
    assert [getattr(report, name) for name in names] == [getattr(before, name) for name in names]
    with house.store.read() as session:
        owed = session.query(Delivery).filter(Delivery.report_id == report.id, Delivery.text.not_in(told))
        assert {each.state for each in owed if each.address_id} == {"withdrawn"}
