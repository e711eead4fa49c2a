"""The nightly files of everything public: what is in them, when they are made, and who need not load them again."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from desk.bulk import folder_of, make_files
from router.house import House
from store.models import Report
from tests.wire.desk_rooms import START, Clock, add_report, open_rooms, serving
from tests.wire.test_public_window import PLANTED, WORDS


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_rooms(tmp_path_factory.mktemp("bulk"))


@pytest.fixture
def http(house: House) -> Iterator[httpx.Client]:
    with serving(house) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


def lines(http: httpx.Client, month: str) -> list[dict[str, str]]:
    answer = http.get(f"/data/reports-{month}.csv.gz")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip")
    return list(csv.DictReader(io.StringIO(gzip.decompress(answer.content).decode())))


def turn(house: House, **by: float) -> None:
    assert isinstance(house.now, Clock)
    house.now.on(**by)


def test_each_month_is_a_file_with_what_is_public_of_it(house: House, http: httpx.Client) -> None:
    old = add_report(house, requested_at=START - timedelta(days=40), updated_at=START - timedelta(days=40))
    new = add_report(house, description=WORDS, public_description="Lampu mati")
    add_report(house, service_code="kekerasan")  # the public never sees these
    add_report(house, service_code="parkir_liar", requested_at=house.now())  # nor this one for a while
    assert make_files(house) == 6
    index = http.get("/data/index.json").json()
    assert index["licence"] == "CC-BY-4.0"
    assert [(each["month"], each["format"], each["reports"]) for each in index["files"]] == [
        *(("2026-09", "csv", 1), ("2026-09", "geojson", 1)),
        *(("2026-10", "csv", 0), ("2026-10", "geojson", 0)),
        *(("2026-11", "csv", 1), ("2026-11", "geojson", 1)),
    ]
    assert [each["code"] for each in lines(http, "2026-09")] == [old]
    assert [each["code"] for each in lines(http, "2026-11")] == [new]
    listed = http.get("/reports.csv").content.decode()
    assert list(csv.DictReader(io.StringIO(listed))) == lines(http, "2026-11") + lines(http, "2026-09")
    whole = gzip.decompress(http.get("/data/reports-2026-11.csv.gz").content).decode()
    assert [each for each in PLANTED if each in whole] == []
    for each in index["files"]:
        content = http.get(f"/data/{each['name']}").content
        assert (each["sha256"], each["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))


def test_each_month_is_geojson_too_as_the_list_has_it(house: House, http: httpx.Client) -> None:
    for service in ("sampah", "kriminal"):  # the second has no point
        add_report(house, service_code=service, public_description='Dua\nbaris "<')
    make_files(house)
    found = json.loads(gzip.decompress(http.get("/data/reports-2026-11.geojson.gz").content))
    listed = http.get("/reports.geojson").json()
    assert found == listed
    assert len(found["features"]) == 2
    assert not list(folder_of(house).glob(".new-*"))


def test_month_of_nothing_is_whole_geojson(house: House, http: httpx.Client) -> None:
    add_report(house, requested_at=START - timedelta(days=40))
    make_files(house)
    empty = json.loads(gzip.decompress(http.get("/data/reports-2026-10.geojson.gz").content))
    assert empty == {"type": "FeatureCollection", "features": []}


def test_they_are_made_once_a_night(house: House, http: httpx.Client) -> None:
    code = add_report(house)
    assert make_files(house) == 2
    assert make_files(house) == 0
    with house.store.write() as session:
        session.query(Report).filter_by(code=code).one().status = "in_progress"
    turn(house, hours=24)
    assert make_files(house) == 2
    assert [each["status"] for each in lines(http, "2026-11")] == ["in_progress"]


def test_who_has_a_file_is_told_so_until_it_changes(house: House, http: httpx.Client) -> None:
    add_report(house)
    make_files(house)
    first = http.get("/data/reports-2026-11.csv.gz")
    turn(house, hours=24)
    make_files(house)
    known = {"If-None-Match": first.headers["etag"]}
    again = http.get("/data/reports-2026-11.csv.gz", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["last-modified"] == first.headers["last-modified"]
    add_report(house)
    turn(house, hours=24)
    make_files(house)
    assert http.get("/data/reports-2026-11.csv.gz", headers=known).status_code == 200


@pytest.mark.parametrize("name", ["reports-2020-01.csv.gz", "..%2Freports.db", "x", "%00", "index.json%0a"])
def test_nothing_else_is_given(house: House, http: httpx.Client, name: str) -> None:
    add_report(house)
    make_files(house)
    (folder_of(house) / "x").write_bytes(b"not this one")
    assert http.get(f"/data/{name}").status_code == 404
