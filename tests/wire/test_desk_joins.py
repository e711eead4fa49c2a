"""The desk's two presses: join what is the same problem, take apart what is not."""

from datetime import timedelta

import httpx
import pytest

from normalizer.cells import spot_cell
from router.house import House
from router.joins import join
from router.status import Actor
from store.models import Report
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import (
    START,
    add_photo,
    add_report,
    answers_to,
    hidden,
    move,
    status_of,
)

OFFICERS = {
    "dbm-officer": ("officer", "dbm"),
    "dlh-officer": ("officer", "dlh"),
    "triage": ("triage", None),
    "auditor": ("auditor", None),
}
PIN = {"place": {"source": "pin", "confidence": 1.0, "enough": True, "candidates": [], "conflict": []}}
_far = iter(range(1000))


def pair(house: House, **second: object) -> tuple[str, str]:
    """Two people's reports of one hole, some 30 m and three hours apart, at a spot that no other test has."""
    lat, long = -6.21 - next(_far) * 0.01, 106.84
    spot = {"sources": PIN, "long": long, "address_string": None}
    first = add_report(house, lat=lat, cell=spot_cell(lat, long), **spot)
    fields = {
        **spot,
        "lat": lat + 0.00027,
        "cell": spot_cell(lat + 0.00027, long),
        "requested_at": START + timedelta(hours=3),
        **second,
    }
    return first, add_report(house, **fields)


def press(client: httpx.Client, code: str, what: str, other: str, **fields: str) -> httpx.Response:
    page = client.get(f"/desk/r/{code}")
    return client.post(f"/desk/r/{code}/{what}", data={"csrf": hidden(page, "csrf"), "other": other, **fields})


def parent_of(house: House, code: str) -> str | None:
    with house.store.read() as session:
        report = session.query(Report).filter_by(code=code).one()
        return session.get_one(Report, report.parent_id).code if report.parent_id else None


def test_the_page_shows_what_is_perhaps_the_same_and_one_press_joins_it(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    first, second = pair(house)
    number = add_photo(house, first, saved(scene(5)), copy_key=house.store.media.put(saved(scene(5))))
    page = clients["dbm-officer"].get(f"/desk/r/{second}")
    assert "Mungkin masalah yang sama" in page.text
    assert "30 meter dari sini" in page.text
    assert "selisih " in page.text
    assert "jenis masalah sama" in page.text
    assert f"/desk/photos/{number}/thumb" in page.text

    done = press(clients["dbm-officer"], second, "join", first)
    assert "Kedua laporan sudah digabung" in done.text
    assert (status_of(house, second), parent_of(house, second)) == ("duplicate", first)
    assert f"digabung dengan {first}" in answers_to(house, second)[-1]
    shown = clients["dbm-officer"].get(f"/desk/r/{first}").text
    assert "1 laporan digabung di sini" in shown
    assert second in shown
    assert ">+1</span>" in clients["dbm-officer"].get("/desk?group=new").text


def test_the_older_one_leads_whichever_page_is_open(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    press(clients["dbm-officer"], first, "join", second)
    assert (parent_of(house, first), parent_of(house, second)) == (None, first)


@pytest.mark.parametrize("where", ["on its own page", "on the other's page"])
def test_one_press_takes_them_apart(house: House, clients: dict[str, httpx.Client], where: str) -> None:
    first, second = pair(house)
    press(clients["dbm-officer"], second, "join", first)
    done = press(clients["dbm-officer"], second if where == "on its own page" else first, "apart", second)
    assert "sudah dipisahkan lagi" in done.text
    assert (status_of(house, second), parent_of(house, second)) == ("assigned", None)
    assert "kami pisahkan lagi" in answers_to(house, second)[-1]


def test_a_form_without_the_log_ins_token_joins_nothing(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    for what in ("join", "apart"):
        answer = clients["dbm-officer"].post(f"/desk/r/{second}/{what}", data={"csrf": "wrong", "other": first})
        assert answer.status_code == 403
    assert status_of(house, second) == "assigned"


def test_who_may_not_change_both_joins_nothing(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house, agency_id="dlh", service_code="trotoar")
    page = clients["dbm-officer"].get(f"/desk/r/{first}")
    assert second not in page.text
    assert press(clients["dbm-officer"], first, "join", second).status_code == 403
    assert press(clients["auditor"], first, "join", second).status_code == 403
    assert status_of(house, second) == "assigned"
    assert press(clients["triage"], first, "join", second).status_code == 200
    assert parent_of(house, second) == first
    assert press(clients["dlh-officer"], second, "apart", second).status_code == 403
    assert press(clients["triage"], second, "apart", second).status_code == 200
    assert parent_of(house, second) is None


def test_what_cannot_be_joined_is_a_sentence_on_the_page(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    triage = clients["triage"]
    assert press(triage, second, "join", second).status_code == 409
    assert press(triage, second, "apart", first).status_code == 409
    assert press(triage, second, "join", "'; DROP TABLE reports; --").status_code == 404
    assert press(triage, second, "join", "").status_code == 404
    assert press(triage, second, "apart", "AAAAAA").status_code == 404
    move(house, second, "resolved")
    answer = press(triage, second, "join", first)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert (status_of(house, first), status_of(house, second)) == ("assigned", "resolved")


def test_two_presses_at_once_are_one_join(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    assert press(clients["triage"], second, "join", first).status_code == 200
    assert press(clients["dbm-officer"], second, "join", first).status_code == 409
    assert len([text for text in answers_to(house, second) if "digabung" in text]) == 1


def test_the_public_api_shows_a_joined_report_as_closed(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    press(clients["triage"], second, "join", first)
    (shown,) = clients["triage"].get(f"/open311/v2/requests/{second}.json").json()
    assert shown["status"] == "closed"
    (lead,) = clients["triage"].get(f"/open311/v2/requests/{first}.json").json()
    assert lead["status"] == "open"


def test_the_public_page_of_a_joined_report_leads_to_the_one_that_goes_on(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    first, second = pair(house)
    press(clients["triage"], second, "join", first)
    assert f'Digabung dengan <a href="/r/{first}">' in clients["triage"].get(f"/r/{second}").text
    assert "Digabung dengan" not in clients["triage"].get(f"/r/{first}").text


def test_a_hundred_joined_reports_are_listed_and_counted(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    codes = [second, *(add_report(house) for _ in range(99))]
    with house.store.write() as session:
        lead = session.query(Report).filter_by(code=first).one()
        for code in codes:
            each = session.query(Report).filter_by(code=code).one()
            join(session, each, lead, by=Actor(name="officer:budi"), house=house)
    page = clients["dbm-officer"].get(f"/desk/r/{first}").text
    assert "100 laporan digabung di sini" in page
    assert all(code in page for code in codes)
    move(house, first, "in_progress")
    assert all("sedang dikerjakan" in answers_to(house, code)[-1] for code in codes)


def test_a_restarted_desk_still_knows_what_is_joined(house: House, clients: dict[str, httpx.Client]) -> None:
    first, second = pair(house)
    press(clients["triage"], second, "join", first)
    house.store.engine.dispose()
    assert "Digabung dengan" in clients["dbm-officer"].get(f"/desk/r/{second}").text


def test_hostile_words_of_what_is_perhaps_the_same_stay_words(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    first, second = pair(house, description="</p><script>alert(1)</script>{{7*7}}")
    page = clients["dbm-officer"].get(f"/desk/r/{first}").text
    assert second in page
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
