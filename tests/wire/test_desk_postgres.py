"""The desk and the API on a real PostgreSQL, where copies of one update really run at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from sqlalchemy import text

from normalizer.cells import spot_cell
from router.forget import forget_all
from router.house import House
from router.late import raise_late
from router.not_ours import not_ours
from router.search import index_words
from router.status import Actor
from store.models import Holding, Photo, Report
from store.routes import list_rules
from store.search import owed, take, write_words
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import (
    add_officer,
    add_photo,
    add_report,
    answers_to,
    browser,
    hidden,
    log_in,
    move,
    open_rooms,
    press,
    serving,
    status_of,
)
from tests.wire.test_desk_live import heard, listening

pytestmark = pytest.mark.servers
PATH = "/open311/v2/servicerequestupdates.json"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[House]:
    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("create database desk_rooms")
    house = open_rooms(
        tmp_path_factory.mktemp("rooms"),
        database_url=postgres_url.rsplit("/", 1)[0] + "/desk_rooms",
        secret_key="s" * 32,
        contact_key="c" * 32,
    )
    add_officer(house, "dbm-officer", "officer", "dbm")
    yield house
    house.store.engine.dispose()


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[httpx.Client]:
    with serving(house) as address, browser(address) as client:
        yield client


def at_once(api: httpx.Client, codes: list[str], update_id: str) -> list[httpx.Response]:
    def send(code: str) -> httpx.Response:
        fields = {"service_request_id": code, "status": "accepted", "update_id": update_id}
        return api.post(PATH, data={"api_key": "key-of-dbm", **fields})

    with ThreadPoolExecutor(len(codes)) as pool:
        return list(pool.map(send, codes))


def test_twenty_copies_at_once_are_one_update(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    answers = at_once(api, [code] * 20, "burst")
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(answers_to(house, code)) == 2


def test_one_update_id_for_two_reports_at_once_moves_one_of_them(house: House, api: httpx.Client) -> None:
    codes = [add_report(house) for _ in range(8)]
    answers = at_once(api, codes, "crossed")
    assert len({answer.text for answer in answers}) == 1
    assert sorted(status_of(house, code) for code in codes) == ["accepted"] + ["assigned"] * 7


def test_two_buttons_at_once_are_one_move(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    log_in(api, "dbm-officer")
    page = api.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "note": "Sudah."}
    with ThreadPoolExecutor(4) as pool:
        wanted = ["accepted", "in_progress", "resolved", "rejected"]
        answers = list(pool.map(lambda to: api.post(f"/desk/r/{code}", data={**fields, "status": to}), wanted))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert len(answers_to(house, code)) == 2


def test_pages_filters_and_hostile_addresses_work_as_on_sqlite(house: House, api: httpx.Client) -> None:
    code = add_report(house, urgent=True)
    lost = add_report(house, agency_id=None)
    log_in(api, "dbm-officer")
    assert code in api.get("/desk").text
    assert lost not in api.get("/desk?agency=none").text
    assert press(api, code, "in_progress", "a\x00b\ud7ff").status_code == 200
    hostile = ["/r/%00", "/desk/r/%00", "/open311/v2/requests/%00.json", "/desk/static/%00"]
    for path in (*hostile, "/desk/photos/99999999999999999999", "/desk/photos/" + "9" * 5000, "/desk/photos/-1"):
        assert api.get(path).status_code == 404, path
    found = api.get("/open311/v2/requests.json?service_code=jalan_rusak%00&status=open&start_date=2026-11-02")
    assert {code, lost} <= {item["service_request_id"] for item in found.json()}
    assert api.get("/open311/v2/requests.json?page=1000000&page_size=1000").json() == []
    assert api.get("/").status_code == 200


def test_rules_areas_and_promises_are_asked_the_same_way_here(house: House) -> None:
    rows = {"service_code": "kabel_utilitas", "area_code": "31.74.01.1007"}
    codes = [add_report(house, **rows) for _ in range(5)]
    add_officer(house, "admin", "admin")
    add_officer(house, "lurah", "officer", "kelurahan", "31.74.01.1007")
    with house.store.write() as session:
        for code in codes:
            report = session.query(Report).filter_by(code=code).one()
            not_ours(session, report, by=Actor(name="officer:budi"), house=house)
    late = add_report(house, **rows)
    with house.store.write() as session:
        raise_late(session, session.query(Report).filter_by(code=late).one(), house)
    with serving(house) as address, browser(address) as lurah, browser(address) as admin:
        log_in(lurah, "lurah")
        assert f"/desk/r/{late}" in lurah.get("/desk?group=record").text
        assert f"/desk/r/{late}" in lurah.get("/desk?group=due").text
        log_in(admin, "admin")
        page = admin.get("/desk/rules")
        fields = {name: hidden(page, name) for name in ("csrf", "service_code", "agency_id", "to_agency_id")}
        assert admin.post("/desk/rules", data=fields).status_code == 200
        assert admin.post("/desk/rules", data=fields).status_code == 409
    with house.store.read() as session:
        assert [rule.to_agency_id for rule in list_rules(session)] == ["telco"]


def test_a_form_with_a_photo_that_is_sent_twice_at_once_moves_once_and_keeps_the_photo(
    house: House, api: httpx.Client
) -> None:
    code, content = add_report(house), saved(scene(1, (800, 600)))
    before = add_report(house)
    add_photo(house, before, content)
    log_in(api, "dbm-officer")
    page = api.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "status": "resolved", "note": "Selesai"}

    def send(_: int) -> int:
        return api.post(
            f"/desk/r/{code}", data=fields, files={"after": ("a.jpg", content, "image/jpeg")}
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [200, 409, 409, 409]
    with house.store.read() as session:
        (photo,) = session.query(Photo).join(Report).filter(Report.code == code)
        (holding,) = session.query(Holding).join(Report).filter(Report.code == code)
    assert house.store.media.get(photo.media_key or "") == content
    assert [(flag["kind"], flag["code"]) for flag in holding.flags or []] == [("same_file", before)]


def test_the_search_finds_what_is_said_and_forgets_who_is_forgotten(house: House, api: httpx.Client) -> None:
    code = add_report(house, description="Lampu dekat warung RAHASIA padam")
    other = add_report(house, description="Trotoar dekat warung lain")
    assert written(house) >= 2
    log_in(api, "dbm-officer")
    for asked, seen in (
        ("warungnya", [code, other]),
        ("rahas padam", [code]),
        (code.lower(), [code]),
        ("' | x", []),
    ):
        page = api.get("/desk", params={"q": asked}).text
        assert [each for each in (code, other) if f'id="r-{each}"' in page] == seen, asked
    move(house, code, "accepted")
    assert written(house) == 0  # no word of it changed

    forget_all(code, house)
    written(house)
    assert f'id="r-{code}"' not in api.get("/desk", params={"q": "rahasia"}).text
    with house.store.read() as session:
        words = session.scalars(text("SELECT words::text FROM report_words")).all()
    assert not any("rahasia" in each for each in words)
    assert f'id="r-{code}"' in api.get("/desk", params={"q": code}).text


def written(house: House) -> int:
    count = 0
    while more := index_words(house):
        count += more
    return count


def test_words_that_come_while_the_index_is_written_are_not_lost(house: House) -> None:
    written(house)
    codes = [add_report(house, description="Awal") for _ in range(2)]
    with house.store.read() as session:
        first = owed(session, 200)
    with house.store.write() as late:  # an id that was given before the look and is committed after it
        late.execute(text("UPDATE reports SET description = 'Telat' WHERE code = :code"), {"code": codes[0]})
        with house.store.write() as session:
            taken = take(session, first)
            assert len(taken) == 2
            with house.store.write() as other:
                other.execute(
                    text("UPDATE reports SET description = 'Akhir' WHERE code = :code"), {"code": codes[1]}
                )
                assert take(other, first) == set()  # one at a time
            write_words(session, dict.fromkeys(taken, "awal"))
    assert written(house) == 2
    with house.store.read() as session:
        ids = [session.query(Report).filter_by(code=code).one().id for code in codes]
        words = [
            str(session.scalar(text("SELECT words::text FROM report_words WHERE report_id = :id"), {"id": number}))
            for number in ids
        ]
    assert "'telat'" in words[0]
    assert "'akhir'" in words[1]


def test_words_that_changed_since_they_were_read_are_not_written(house: House) -> None:
    written(house)
    codes = [add_report(house, description="Awal") for _ in range(2)]
    with house.store.read() as session:
        first = owed(session, 200)
    with house.store.write() as session:
        session.execute(text("UPDATE reports SET description = 'Akhir' WHERE code = :code"), {"code": codes[1]})
    with house.store.write() as session:
        taken = take(session, first)
        assert taken == {session.query(Report).filter_by(code=codes[0]).one().id}
        assert take(session, first) == set()  # they are nobody else's now
    assert written(house) == 1


def test_a_move_is_undone_on_postgresql_too(house: House, api: httpx.Client) -> None:
    code = add_report(house)
    log_in(api, "dbm-officer")
    page = press(api, code, "assigned", agency_id="dlh")
    api.post("/desk/undo", data={"csrf": hidden(page, "csrf"), "codes": code, "back": "queue"})

    assert status_of(house, code) == "assigned"
    assert [(row.agency_id, row.until) for row in holdings(house, code)] == [("dbm", None)]


def holdings(house: House, code: str) -> list[Holding]:
    with house.store.read() as session:
        return list(session.query(Holding).join(Holding.report).filter(Report.code == code))


def test_public_counts_lists_and_map_are_the_same_on_postgresql(house: House, api: httpx.Client) -> None:
    lat, long = -6.2246, 106.8451
    place = {"lat": lat, "long": long, "cell": spot_cell(lat, long), "area_code": "31.74.01.1003"}
    code = add_report(house, service_code="wisata_hiburan", agency_id=None, **place)
    page = api.get("/?service=wisata_hiburan&area=31.74&status=new&since=365")
    assert f'href="/r/{code}"' in page.text
    assert "<dd>1</dd>" in page.text
    for zoom in (9, 14, 16, 18):
        box = {"bbox": "106.80,-6.26,106.88,-6.18", "zoom": str(zoom), "service": "wisata_hiburan"}
        if zoom == 9:
            box["bbox"] = "106,-7,107,-5"
        (spot,) = api.get("/map.json", params=box).json()["spots"]
        assert spot.get("n", 1) == 1
    assert [each["id"] for each in api.get("/reports.geojson?service=wisata_hiburan").json()["features"]] == [code]
    assert api.get("/area/31.74.01").status_code == 200


def test_one_server_tells_what_was_changed_through_another(house: House) -> None:
    with serving(house) as one, serving(house) as other, browser(one) as here, browser(other) as there:
        for client in (here, there):
            log_in(client, "dbm-officer")
        code = add_report(house)
        with listening(here) as ear:
            assert press(there, code, "accepted").status_code == 200
            assert code in heard(ear)
            change = {"agency_id": "dlh", "csrf": hidden(there.get("/desk"), "csrf"), f"r-{code}": "accepted"}
            there.post("/desk/many", data={**change, "move": "assigned"})
            assert code in heard(ear)  # whose it was sees it go
