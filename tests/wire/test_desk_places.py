"""The desk puts a place right: by one press, by words, by a point; who gets the report, and how it is undone."""

from typing import Any

import httpx
import pytest

from normalizer.cells import spot_cell
from normalizer.normalize import normalize
from router.facts import take_place
from router.house import House
from router.operate import first_edited_row
from store.models import Report, StatusUpdate
from tests.wire.desk_rooms import (
    add_report,
    answers_to,
    hidden,
    move,
)

OFFICERS = {"triage": ("triage",), "auditor": ("auditor",)}
MANGGARAI, PASAR_MANGGIS = "31.74.01.1007", "31.74.02.1006"
MARKET = {
    "place": {
        "source": "text",
        "confidence": 0.45,
        "enough": False,
        "candidates": [
            {"source": "text", "confidence": 0.4, "area_code": PASAR_MANGGIS, "lat": -6.2092, "long": 106.8429}
        ],
        "conflict": [],
    }
}
TOLD = {"area_code": MANGGARAI, "address_string": "Pasar Rumput, Manggarai", "sources": MARKET}


@pytest.fixture
def client(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["triage"]


def put(client: httpx.Client, code: str, **said: str) -> httpx.Response:
    page = client.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": said.pop("seen", None) or hidden(page, "seen"), **said}
    return client.post(f"/desk/r/{code}/place", data=fields)


def row(house: House, code: str) -> Report:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one()


def last_line(house: House, code: str) -> StatusUpdate:
    with house.store.read() as session:
        lines = session.query(StatusUpdate).join(Report).filter(Report.code == code)
        return lines.order_by(StatusUpdate.seq.desc()).first()  # type: ignore[return-value]


def test_one_press_takes_the_place_that_the_normalizer_had_beside(house: House, client: httpx.Client) -> None:
    code = add_report(house, **TOLD)
    assert f'name="area_code" value="{PASAR_MANGGIS}">Pasar Manggis</button>' in client.get(f"/desk/r/{code}").text
    page = put(client, code, area_code=PASAR_MANGGIS)
    assert "Tempat sudah diperbaiki:" in page.text
    report = row(house, code)
    assert (report.area_code, report.lat, report.long) == (PASAR_MANGGIS, -6.2092, 106.8429)
    assert report.cell == spot_cell(-6.2092, 106.8429)
    place = report.sources["place"]
    assert (place["by"], place["enough"], place["confidence"]) == ("officer:triage", True, 1.0)
    line = last_line(house, code)
    assert line.by == "officer:triage"
    assert (line.notes or "").startswith("Tempat diperbaiki menjadi:")
    assert "Pasar Manggis" in (line.notes or "")
    assert first_edited_row(house) is None


@pytest.mark.parametrize(
    ("where", "area_code"),
    [
        ("Jl. Kemang Raya No. 3, Kelurahan Bangka", "31.74.03.1002"),
        ("-6.21356, 106.85108", MANGGARAI),
        ("https://maps.google.com/?q=-6.21356,106.85108", MANGGARAI),
    ],
)
def test_words_a_point_or_a_maps_link_say_where_it_is(
    house: House, client: httpx.Client, where: str, area_code: str
) -> None:
    code = add_report(house)
    put(client, code, where=where)
    report = row(house, code)
    assert report.area_code == area_code
    assert report.lat is not None
    assert report.sources["place"]["by"] == "officer:triage"


def test_typed_words_go_before_the_button_that_enter_presses(house: House, client: httpx.Client) -> None:
    code = add_report(house, **TOLD)
    put(client, code, where="Kelurahan Bangka, Mampang Prapatan", area_code=PASAR_MANGGIS)
    assert row(house, code).area_code == "31.74.03.1002"


def test_the_report_of_another_place_goes_to_that_places_office_and_the_citizen_is_told(
    house: House, client: httpx.Client
) -> None:
    toll = next(route for route in house.pack.routes if route.area_codes and not route.words and not route.hours)
    service = toll.service_codes[0] if toll.service_codes else "jalan_rusak"
    area = next(each for each in house.pack.areas.values() if each.code.startswith(toll.area_codes[0]))
    code = add_report(house, service_code=service, agency_id="dbm")
    put(client, code, where=f"{area.lat}, {area.long}")
    report = row(house, code)
    assert report.agency_id == toll.agency_id
    assert "Tempat diperbaiki menjadi" in answers_to(house, code)[-1]


def test_a_report_that_somebody_works_on_stays_there_and_the_citizen_hears_nothing(
    house: House, client: httpx.Client
) -> None:
    code = add_report(house, **TOLD)
    move(house, code, "in_progress")
    told = answers_to(house, code)
    put(client, code, area_code=PASAR_MANGGIS)
    assert (row(house, code).status, row(house, code).area_code) == ("in_progress", PASAR_MANGGIS)
    assert answers_to(house, code) == told


@pytest.mark.parametrize("where", ["", "entah di mana", "Bandung", "-6.9, 107.6", "x" * 400, "0, 0"])
def test_what_is_no_place_of_the_city_changes_nothing_and_says_what_to_write(
    house: House, client: httpx.Client, where: str
) -> None:
    code = add_report(house)
    page = put(client, code, where=where)
    assert page.status_code == 400
    assert "Tempat itu tidak kami kenali" in page.text
    assert row(house, code).area_code == "31.74.01.1003"


def test_a_place_of_the_desk_is_moved_by_no_later_message(house: House, client: httpx.Client) -> None:
    code = add_report(house, **TOLD)
    put(client, code, area_code=PASAR_MANGGIS)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        take_place(report, normalize("di -6.26, 106.81", pack=house.pack).place, house.pack)
        assert report.area_code == PASAR_MANGGIS


def test_a_corrected_place_is_undone_by_its_button(house: House, client: httpx.Client) -> None:
    code = add_report(house, **TOLD)
    before = row(house, code)
    page = put(client, code, area_code=PASAR_MANGGIS)
    fields = {"csrf": hidden(page, "csrf"), "codes": hidden(page, "codes")}
    assert "Perubahan tadi dibatalkan" in client.post("/desk/undo", data=fields).text
    report, names = (
        row(house, code),
        ("lat", "long", "cell", "area_code", "address_string", "sources", "agency_id"),
    )
    assert [getattr(report, name) for name in names] == [getattr(before, name) for name in names]
    assert first_edited_row(house) is None


def test_who_may_only_read_or_comes_too_late_changes_nothing(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code = add_report(house, **TOLD)
    assert put(clients["auditor"], code, area_code=PASAR_MANGGIS, seen="1").status_code == 403
    assert put(clients["triage"], code, area_code=PASAR_MANGGIS, seen="0").status_code == 409
    closed: dict[str, Any] = {**TOLD, "status": "closed", "agency_id": None}
    done = add_report(house, **closed)
    assert "/place" not in clients["triage"].get(f"/desk/r/{done}").text
    assert row(house, code).area_code == row(house, done).area_code == MANGGARAI
