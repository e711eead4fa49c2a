"""servicerequestupdates: officials' systems change a status, once for each update_id."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from desk.open311_words import FROM_EXTENSION
from router.house import House
from router.joins import join
from router.status import Actor
from store.models import Report, StatusUpdate
from store.officials import ApiUpdate
from tests.wire.desk_rooms import add_officer, add_report, answers_to, move, open_rooms, serving, status_of

PATH = "/open311/v2/servicerequestupdates"


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[httpx.Client]:
    with serving(house) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def update(api: httpx.Client, code: str, status: str, *, key: str = "key-of-dbm", **said: str) -> httpx.Response:
    fields = {"api_key": key, "service_request_id": code, "status": status, **said}
    return api.post(f"{PATH}.json", data=fields)


def lines_of(house: House, code: str) -> list[str]:
    with house.store.read() as session:
        lines = session.query(StatusUpdate).join(Report).filter(Report.code == code)
        return [line.status for line in lines.order_by(StatusUpdate.seq)]


def test_update_moves_the_report_and_tells_the_citizen(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    answer = update(api, code, "IN_PROGRESS", description="Regu berangkat.", update_id="a1")
    assert answer.status_code == 200
    item = answer.json()[0]
    assert (item["service_request_id"], item["status"]) == (code, "IN_PROGRESS")
    assert item["extended_status"] == "in_progress"
    assert status_of(house, code) == "in_progress"
    assert "Regu berangkat." in answers_to(house, code)[-1]
    listed = api.get(f"{PATH}.json", params={"service_request_id": code}).json()
    assert [each["extended_status"] for each in listed] == ["assigned", "in_progress"]
    assert listed[-1] == item


def test_key_may_come_as_a_bearer_and_the_body_as_json(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    body = {"service_request_id": code, "status": "accepted", "update_id": 17, "description": None}
    headers = {"Authorization": "Bearer key-of-dbm"}
    assert api.post(f"{PATH}.json", json=body, headers=headers).status_code == 200
    assert status_of(house, code) == "accepted"


def test_xml_is_answered_with_xml(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    fields = {
        "api_key": "key-of-all",
        "service_request_id": code,
        "status": "FIXED",
        "description": "Beres & rapi",
    }
    root = ElementTree.fromstring(api.post(f"{PATH}.xml", data=fields).content)
    assert root.findtext("request_update/description") == "Beres & rapi"
    refused = api.post(f"{PATH}.xml", data={**fields, "status": "scheduled"})
    assert refused.status_code == 400
    assert ElementTree.fromstring(refused.content).findtext("error/code") == "400"


@pytest.mark.parametrize("word", sorted(FROM_EXTENSION))
def test_each_word_of_the_extension_means_what_the_page_says(house: House, api: httpx.Client, word: str) -> None:
    code = add_report(house)
    move(house, code, *{"reopen": ["resolved"], "open": ["needs_info"]}.get(word, []))
    answer = update(api, code, word.upper(), description="Alasan yang jelas.")
    assert answer.status_code == 200, answer.text
    assert status_of(house, code) == FROM_EXTENSION[word]


def test_open_reopens_what_was_done(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    move(house, code, "resolved")
    assert update(api, code, "OPEN").status_code == 200
    assert status_of(house, code) == "reopened"


def test_same_update_id_gets_the_same_answer_and_does_nothing(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    first = update(api, code, "accepted", update_id="twice")
    update(api, code, "in_progress", update_id="other")
    again = update(api, code, "accepted", update_id="twice")
    assert (again.status_code, again.json()) == (200, first.json())
    assert lines_of(house, code) == ["assigned", "accepted", "in_progress"]


def test_update_ids_of_two_keys_do_not_meet(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    assert update(api, code, "accepted", update_id="shared").status_code == 200
    assert update(api, code, "in_progress", update_id="shared", key="key-of-all").status_code == 200
    assert lines_of(house, code) == ["assigned", "accepted", "in_progress"]


def test_twenty_copies_at_once_are_one_update(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(update, api, code, "accepted", update_id="burst") for _ in range(20)]
        answers = [each.result() for each in sent]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert lines_of(house, code) == ["assigned", "accepted"]
    assert len(answers_to(house, code)) == 2
    with house.store.read() as session:
        assert session.query(ApiUpdate).filter_by(update_id="burst").count() == 1


def test_one_update_id_for_two_reports_at_once_moves_one_of_them(house: House, api: httpx.Client) -> None:
    codes = [add_report(house) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(update, api, code, "accepted", update_id="crossed") for code in codes]
        answers = [each.result() for each in sent]
    assert len({answer.text for answer in answers}) == 1
    assert sorted(status_of(house, code) for code in codes) == ["accepted", "assigned", "assigned", "assigned"]


def test_report_is_passed_on_and_the_repeat_is_still_answered(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    said = {"agency_responsible": "Dinas Lingkungan Hidup", "update_id": "pass"}
    first = update(api, code, "assigned", **said)
    assert first.json()[0]["agency_id"] == "dlh"
    assert update(api, code, "assigned", **said).json() == first.json()
    assert update(api, code, "accepted").status_code == 403
    assert (
        update(api, code, "NOT_COUNCILS_RESPONSIBILITY", key="key-of-dlh", agency_responsible="kpkp").status_code
        == 200
    )
    assert lines_of(house, code) == ["assigned"] * 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"status": "resolved"}, "reason"),
        ({"status": "NO_FURTHER_ACTION", "description": " \n"}, "reason"),
        ({"status": "reopened"}, "cannot become"),
        ({"status": "done"}, "no status"),
        ({"status": ""}, "status is missing"),
        ({"status": "accepted", "agency_responsible": "nobody"}, "no agency"),
        ({"status": "accepted", "agency_responsible": "dlh"}, "goes with the status assigned"),
        ({"status": "accepted", "updated_datetime": "soon"}, "updated_datetime"),
        ({"status": "accepted", "service_request_id": ""}, "service_request_id is missing"),
        ({"status": "accepted", "update_id": "x" * 201}, "200"),
        ({"status": "accepted", "description": "x" * 2001}, "2000"),
    ],
)
def test_update_that_cannot_be_is_refused_with_the_reason(
    house: House, api: httpx.Client, said: dict[str, str], why: str
) -> None:
    code = add_report(house)
    fields = {"api_key": "key-of-dbm", "service_request_id": code, **said}
    answer = api.post(f"{PATH}.json", data=fields)
    assert answer.status_code == 400
    assert why in answer.json()[0]["description"]
    assert lines_of(house, code) == ["assigned"]


def test_refused_update_id_may_be_sent_again(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    assert update(api, code, "resolved", update_id="again").status_code == 400
    assert update(api, code, "resolved", update_id="again", description="Sudah.").status_code == 200


def test_only_a_known_key_of_the_right_agency_changes_anything(house: House, api: httpx.Client) -> None:
    code, lost = add_report(house), add_report(house, agency_id=None)
    assert update(api, code, "accepted", key="").status_code == 403
    assert update(api, code, "accepted", key="key-of-nobody").status_code == 403
    assert update(api, code, "accepted", key="key-of-dlh").status_code == 403
    assert update(api, lost, "rejected", description="Tidak.").status_code == 403
    assert update(api, "NOTHERE", "accepted").status_code == 404
    assert lines_of(house, code) == ["assigned"]
    in_url = api.post(f"{PATH}.json?api_key=key-of-dbm", data={"service_request_id": code, "status": "accepted"})
    assert in_url.status_code == 400
    assert lines_of(house, code) == ["assigned"]


def test_auditors_key_reads_and_changes_nothing(tmp_path: Path) -> None:
    from store import accounts
    from store.officials import Officer

    house = open_rooms(tmp_path)
    add_officer(house, "mata", "auditor")
    code = add_report(house)
    with house.store.write() as session:
        key = accounts.make_api_key(session, session.query(Officer).filter_by(name="mata").one())
    with serving(house) as address, httpx.Client(base_url=address) as api:
        seen = api.get(f"/open311/v2/requests/{code}.json", headers={"Authorization": f"Bearer {key}"})
        assert "0812-3456-7890" in seen.json()[0]["description"]
        assert update(api, code, "accepted", key=key).status_code == 403


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"status": {"a": 1}}', 400),
        ("application/json", b"[" * 60_000, 400),
        ("application/json", b'{"a": ' + b"9" * 60_000 + b"}", 400),
        ("application/json", json.dumps({"a": "x" * 70_000}).encode(), 413),
        ("application/x-www-form-urlencoded", b"a=1&" * 200, 400),
        ("application/xml", b"<a/>", 415),
        ("", b"status=accepted", 415),
    ],
)
def test_bodies_that_cannot_be_taken(api: httpx.Client, content_type: str, body: bytes, status: int) -> None:
    answer = api.post(f"{PATH}.json", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()[0]["code"]) == (status, status)


def test_words_no_database_takes_are_left_out(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    body = (
        b'{"api_key": "key-of-dbm", "service_request_id": "%s", "status": "accepted",'
        b' "description": "a\\u0000b\\ud800c"}'
    )
    answer = api.post(f"{PATH}.json", content=body % code.encode(), headers={"content-type": "application/json"})
    assert answer.json()[0]["description"] == "abc"


def test_updates_are_listed_oldest_first_in_pages_and_by_their_own_time(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    codes = [add_report(house) for _ in range(3)]
    move(house, codes[0], "accepted")
    with serving(house) as address, httpx.Client(base_url=address) as api:
        all_ = api.get(f"{PATH}.json").json()
        assert [each["service_request_id"] for each in all_] == [*codes, codes[0]]
        pages = [api.get(f"{PATH}.json", params={"page": n, "page_size": 3}).json() for n in (1, 2)]
        assert [*pages[0], *pages[1]] == all_
        since = {"start_date": all_[-1]["updated_datetime"]}
        assert api.get(f"{PATH}.json", params=since).json() == all_[-1:]
        until = {"end_date": all_[-1]["updated_datetime"]}
        assert all_[0] in api.get(f"{PATH}.json", params=until).json()
        root = ElementTree.fromstring(api.get(f"{PATH}.xml").content)
        assert [each.findtext("update_id") for each in root] == [each["update_id"] for each in all_]


def test_citizens_words_do_not_stand_in_public_updates(tmp_path: Path) -> None:
    from router.status import Actor, change_status

    house = open_rooms(tmp_path)
    code = add_report(house)
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        change_status(session, report, "closed", by=Actor(name="citizen"), house=house, notes="sudah, saya Budi")
    with serving(house) as address:
        listed = httpx.get(f"{address}{PATH}.json").text
    assert "Budi" not in listed
    assert '"CLOSED"' in listed


def test_update_of_a_joined_report_moves_the_one_that_goes_on(house: House, api: httpx.Client) -> None:
    lead, other = add_report(house), add_report(house)
    with house.store.write() as session:
        first, second = (session.query(Report).filter_by(code=code).one() for code in (lead, other))
        join(session, second, first, by=Actor(name="officer:sri"), house=house)
    moved = update(api, other, "in_progress", description="Tim menuju lokasi", update_id="j1")
    assert (moved.status_code, moved.json()[0]["service_request_id"]) == (200, lead)
    assert (
        update(api, other, "in_progress", description="Tim menuju lokasi", update_id="j1").json() == moved.json()
    )
    assert update(api, other, "in_progress").status_code == 200
    assert lines_of(house, lead).count("in_progress") == 1
    assert update(api, other, "assigned").status_code == 200
    assert lines_of(house, other)[-1] == "assigned"
    assert lines_of(house, lead)[-1] == "in_progress"
