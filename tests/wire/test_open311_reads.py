"""Open311 for readers: discovery, services, requests, filters, pages, and what needs a key."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.open311_words import Refused, our_status, read_date
from normalizer.cells import spot_cell
from router.house import House
from router.status import MOVES
from store import accounts
from store.officials import Officer
from tests.wire.desk_rooms import START, add_officer, add_photo, add_report, move, open_rooms, serving

JAKARTA = ZoneInfo("Asia/Jakarta")
CELL = spot_cell(-6.2146789, 106.8451234)


@pytest.fixture(scope="module")
def codes(house: House) -> list[str]:
    """Five reports, an hour apart: assigned, in work, resolved, rejected, and one of another agency."""
    codes = [
        add_report(
            house,
            requested_at=START + timedelta(hours=hour),
            agency_id="dlh" if hour == 4 else "dbm",
            cell=CELL,
        )
        for hour in range(5)
    ]
    move(house, codes[1], "in_progress", notes="Regu di jalan.")
    move(house, codes[2], "resolved")
    move(house, codes[3], "rejected")
    return codes


@pytest.fixture(scope="module")
def api(house: House, codes: list[str]) -> Iterator[httpx.Client]:
    with serving(house) as address, httpx.Client(base_url=f"{address}/open311/v2", timeout=20) as client:
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["service_request_id"] for item in answer.json()]


def key(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def test_discovery_says_where_and_in_which_formats(api: httpx.Client, house: House) -> None:
    said = api.get("/discovery.json").json()
    assert said["endpoints"][0]["url"] == f"{house.settings.base_url}/open311/v2"
    root = ElementTree.fromstring(api.get("/discovery.xml").content)
    assert [each.text for each in root.iter("format")] == ["text/xml", "application/json"]


def test_services_are_the_city_packs(api: httpx.Client, house: House) -> None:
    said = api.get("/services.json").json()
    assert [each["service_code"] for each in said] == list(house.pack.services)
    root = ElementTree.fromstring(api.get("/services.xml").content)
    assert [each.findtext("service_code") for each in root] == list(house.pack.services)
    english = api.get("/services.json", params={"locale": "en"}).json()[0]["service_name"]
    assert english == next(iter(house.pack.services.values())).name_en
    assert api.get("/services/jalan_rusak.json").json()["attributes"] == []
    assert api.get("/services/nothing.json").json()[0]["code"] == 404


def test_requests_come_newest_first_in_pages(api: httpx.Client, codes: list[str]) -> None:
    assert ids(api.get("/requests.json")) == codes[::-1]
    pages = [ids(api.get("/requests.json", params={"page": page, "page_size": 2})) for page in (1, 2, 3, 4)]
    assert pages == [[codes[4], codes[3]], [codes[2], codes[1]], [codes[0]], []]


def test_filters_choose(api: httpx.Client, codes: list[str]) -> None:
    def found(**filters: str) -> list[str]:
        return ids(api.get("/requests.json", params=filters))

    assert found(status="closed") == [codes[3]]
    assert found(status="open") == [codes[4], codes[2], codes[1], codes[0]]
    assert found(status="open,closed") == codes[::-1]
    assert found(status="resolved") == [codes[2]]
    assert found(service_request_id=f"{codes[0].lower()}, {codes[2]},nothing,%00") == [codes[2], codes[0]]
    assert found(service_code="jalan_rusak,x") == codes[::-1]
    assert found(service_code="x") == []
    assert found(agency_responsible="Dinas Lingkungan Hidup") == [codes[4]]
    assert found(agency_responsible="dlh") == [codes[4]]
    assert found(agency_responsible="nobody") == []
    assert found(start_date="2026-11-02T11:00:00+07:00") == [codes[4], codes[3]]
    assert found(start_date="2026-11-02T11:00:00 07:00") == [codes[4], codes[3]]  # a plus that was not escaped
    assert found(end_date="2026-11-02T01:00:00Z") == [codes[0]]
    assert found(start_date="2026-11-02", end_date="2026-11-02") == codes[::-1]
    assert found(start_date="2026-11-03") == []
    assert found(updated_before="2026-11-02T23:00:00+07:00") == []
    assert found(updated_after="2026-11-02T23:00:00+07:00", jurisdiction_id="jakarta.go.id") == codes[::-1]


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "broken"},
        {"start_date": "yesterday"},
        {"end_date": "2026-11-02T01:00:00"},
        {"updated_after": "0001-01-01T00:00:00+14:00"},
        {"updated_before": "9999-12-31T23:59:59-12:00"},
        {"page_size": "1001"},
        {"page_size": "0"},
        {"page": "-1"},
        {"page": "9" * 30},
        {"page": "٣"},
        {"api_key": "key-of-all"},
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(api: httpx.Client, filters: dict[str, str]) -> None:
    answer = api.get("/requests.json", params=filters)
    assert answer.status_code == 400
    assert answer.json()[0]["code"] == 400
    assert next(iter(filters)) in answer.json()[0]["description"]
    root = ElementTree.fromstring(api.get("/requests.xml", params=filters).content)
    assert (root.tag, root.findtext("error/code")) == ("errors", "400")


def test_public_reader_gets_what_is_public(api: httpx.Client, codes: list[str]) -> None:
    item = api.get(f"/requests/{codes[1].lower()}.json").json()[0]
    assert item["status"] == "open"
    assert item["extended_status"] == "in_progress"
    assert item["status_notes"] == "Regu di jalan."
    assert item["agency_responsible"] == "Dinas Bina Marga"
    assert item["description"] == "Jalan berlubang besar, hubungi saya di [telepon]"
    assert spot_cell(item["lat"], item["long"]) == CELL
    assert abs(item["lat"] + 6.2146789) > 1e-5
    assert "Manggarai Utara 12" not in item["address"]
    assert datetime.fromisoformat(item["requested_datetime"]).utcoffset() == timedelta(hours=7)


@pytest.mark.parametrize("value", ["key-of-all", "key-of-dbm"])
def test_key_shows_all_that_its_agency_may_see(api: httpx.Client, codes: list[str], value: str) -> None:
    listed = {item["service_request_id"]: item for item in api.get("/requests.json", headers=key(value)).json()}
    assert set(listed) == set(codes)
    own, other = listed[codes[0]], listed[codes[4]]
    assert "0812-3456-7890" in own["description"]
    assert (own["lat"], own["long"]) == (-6.214679, 106.845123)
    assert "Manggarai Utara 12" in own["address"]
    assert ("0812-3456-7890" in other["description"]) == (value == "key-of-all")


def test_officers_key_works_until_the_next_one(house: House, api: httpx.Client, codes: list[str]) -> None:
    add_officer(house, "kunci", "officer", "dbm")
    with house.store.write() as session:
        officer = session.query(Officer).filter_by(name="kunci").one()
        first = accounts.make_api_key(session, officer)
    seen = api.get(f"/requests/{codes[0]}.json", headers=key(first)).json()[0]
    assert "0812-3456-7890" in seen["description"]
    with house.store.write() as session:
        officer = session.query(Officer).filter_by(name="kunci").one()
        assert first not in (officer.api_key_hash or "")
        second = accounts.make_api_key(session, officer)
    assert api.get("/requests.json", headers=key(first)).status_code == 403
    assert api.get("/requests.json", headers=key(second)).status_code == 200


def test_photo_is_given_to_keys_that_may_see_the_report(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    code = add_report(house)
    add_photo(house, code, b"not a photo", state="unreadable")
    photo = add_photo(house, code, b"\xff\xd8\xff")
    with serving(house) as address, httpx.Client(base_url=f"{address}/open311/v2") as api:
        url = api.get(f"/requests/{code}.json", headers=key("key-of-dbm")).json()[0]["media_url"]
        assert url == f"{house.settings.base_url}/open311/v2/photos/{photo}"
        assert api.get(f"/requests/{code}.json").json()[0]["media_url"] is None
        answers = [api.get(f"/photos/{photo}", headers=key(value)) for value in ("key-of-dbm", "key-of-dlh", "x")]
        assert [answer.status_code for answer in answers] == [200, 404, 403]
        assert answers[0].headers["content-type"] == "image/jpeg"
        assert api.get(f"/photos/{photo}").status_code == 403


def test_wrong_key_is_refused_on_reads_too(api: httpx.Client) -> None:
    assert api.get("/requests.json", headers=key("nonsense")).status_code == 403
    assert api.get("/requests.json", headers={"Authorization": "Basic a2V5"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/requests/NOTHERE.json", "/requests/%00.json", "/requests.csv", "/services.html"]
)
def test_what_is_not_there_is_a_404_in_the_specs_form(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()[0]["code"] == 404


def test_xml_stays_well_formed_whatever_people_write(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    words = "a & b <c> ]]> \x01\x08\ufffe \U0001f600 \u202e"
    add_report(house, public_description=words, description=words, address_string=words)
    with serving(house) as address:
        for headers in ({}, key("key-of-all")):
            answer = httpx.get(f"{address}/open311/v2/requests.xml", headers=headers)
            root = ElementTree.fromstring(answer.content)
            assert root.findtext("request/description") == "a & b <c> ]]>  \U0001f600 "


def test_discovery_says_which_key_creates_requests(api: httpx.Client) -> None:
    assert "creating requests needs a key of OPEN311_API_KEYS" in api.get("/discovery.json").json()["key_service"]


def test_every_status_is_one_of_open311s_two(house: House) -> None:
    assert {our_status(status) for status in MOVES} == set(MOVES) - {"closed"}
    assert our_status("CLOSED") == our_status("Fixed") == "resolved"
    assert our_status("in-progress") == our_status(" In Progress ") == "in_progress"
    assert our_status("done") is None


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.one_of(
        st.text(max_size=40), st.datetimes().map(str), st.dates().map(str), st.from_regex(r"\d{4}-\d\d-\d\dT.*")
    )
)
def test_any_date_is_read_or_refused(text: str) -> None:
    try:
        at = read_date("start_date", text, JAKARTA)
    except Refused:
        return
    assert at.tzinfo is not None
    assert at.astimezone(ZoneInfo("UTC")).year > 1900
