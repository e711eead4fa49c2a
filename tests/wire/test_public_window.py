"""The public's window: nothing exact or personal comes out of any page, feed or file; map and list show the same."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any
from xml.etree import ElementTree

import h3.api.basic_int as h3
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer.cells import metres_between, spot_cell
from normalizer.privacy import public_description
from router.house import House
from store.models import Photo, Report, Surge
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import START, add_photo, add_report, move, open_rooms, serving

HERE = (-6.2146789, 106.8451234)  # no kelurahan's middle
KELURAHAN = "31.74.01.1003"
BOX = "106.83,-6.24,106.86,-6.20"
WORDS = (
    "Lampu mati depan rumah nomor 17, Jl. Kenanga 38 RT 05/RW 02, koordinat -6.2146789, 106.8451234. "
    "Hubungi a.n. Siti Rahmawati 0812-3456-7890 atau siti@contoh.id, NIK 3174012345678901, motor B 1234 XYZ. "
    "https://maps.app.goo.gl/RaHaSia1 Pak RT Waluyo dan bu sulastri sudah tahu."
)
PLANTED = (
    *("0812-3456-7890", "siti@contoh.id", "3174012345678901", "1234 XYZ", "Rahmawati", "RaHaSia1"),
    *("Waluyo", "sulastri"),
    *("6.214678", "106.845123", "6.214679", "nomor 17", "Kenanga 38", "Kenanga 40", "62812000"),
)
SECRET = "dipukul suaminya di rumah kontrakan"


@pytest.fixture(scope="module")
def codes(house: House) -> dict[str, str]:
    return seed(house)


def seed(house: House) -> dict[str, str]:
    """Reports of several services, statuses and kelurahan, all with planted words; the newest is a minute old."""
    said: dict[str, Any] = {
        "description": WORDS,
        "public_description": public_description(WORDS),
        "address_string": "Jl. Kenanga 40",
        "cell": spot_cell(*HERE),
        "lat": HERE[0],
        "long": HERE[1],
    }
    codes = {
        "lamp": add_report(house, **said, service_code="lampu_jalan", expected_at=START),
        "noise": add_report(house, **said, service_code="ketertiban", agency_id="satpolpp"),
        "crime": add_report(house, **said, service_code="kriminal"),
        "violence": add_report(house, **{**said, "public_description": SECRET}, service_code="kekerasan"),
        "done": add_report(house, **said, service_code="sampah", agency_id="dlh"),
        "elsewhere": add_report(house, **{**said, "area_code": "31.71.01.1001", "cell": None}),
        "unknown": add_report(house, **said, service_code=None, agency_id=None),
        "parked": add_report(house, **said, service_code="parkir_liar", requested_at=house.now()),
    }
    move(house, codes["lamp"], "in_progress", notes="Regu ke Jl. Kenanga 40, hubungi 0812-3456-7890")
    move(house, codes["done"], "resolved")
    for code in (codes["lamp"], codes["violence"]):
        photo = add_photo(house, code, saved(scene(3), "JPEG"))
        with house.store.write() as session:
            row = session.get_one(Photo, photo)
            row.public_key, row.public_state = row.media_key, "shown"
    return codes


@pytest.fixture(scope="module")
def client(house: House, codes: dict[str, str]) -> Iterator[httpx.Client]:
    with serving(house) as address, httpx.Client(base_url=address, timeout=20) as each:
        yield each


def listed(page: httpx.Response) -> set[str]:
    assert page.status_code == 200
    return set(re.findall(r'href="/r/([A-Z0-9]+)" class="row"', page.text))


def report(house: House, code: str) -> Report:
    with house.store.read() as session:
        return session.query(Report).filter_by(code=code).one()


STARTS = (
    *("/", "/rapor", "/rapor.csv", "/feed.atom", "/reports.csv", "/reports.geojson", "/map/areas.json", "/embed"),
    *("/open311/v2/requests.json", "/open311/v2/requests.xml", "/open311/v2/servicerequestupdates.json"),
    *(
        "/open311/v2/services.json",
        "/cap.atom",
        "/history-head.json",
        f"/area/{KELURAHAN}",
        "/area/31.74/feed.atom",
    ),
    *(f"/map.json?bbox={BOX}&zoom={zoom}" for zoom in (9, 12, 14, 16, 18)),
)


def test_hidden_service_is_in_no_list_and_its_own_page_says_its_status_alone(
    client: httpx.Client, codes: dict[str, str]
) -> None:
    for path in (path for path in STARTS if not path.startswith(("/rapor", "/history"))):
        assert codes["violence"] not in client.get(path).text, path
    page = client.get(f"/r/{codes['violence']}")
    assert page.status_code == 200
    assert SECRET not in page.text
    assert "Tebet" not in page.text
    assert '<img src="/r/' not in page.text
    assert client.get(f"/r/{codes['violence']}/photos/1").status_code == 404
    assert client.get(f"/open311/v2/requests/{codes['violence']}.json").status_code == 404
    listed_by_code = client.get(f"/open311/v2/requests.json?service_request_id={codes['violence']}")
    assert listed_by_code.json() == []
    known = client.get(
        f"/open311/v2/requests/{codes['violence']}.json", headers={"Authorization": "Bearer key-of-all"}
    )
    assert known.json()[0]["lat"] == -6.214679


def test_what_may_endanger_its_reporter_is_listed_after_a_while(
    house: House, client: httpx.Client, codes: dict[str, str]
) -> None:
    assert codes["parked"] not in listed(client.get("/"))
    assert "hexagon" not in client.get(f"/r/{codes['parked']}?lang=en").text
    house.now.at += timedelta(minutes=61)  # type: ignore[attr-defined]
    assert codes["parked"] in listed(client.get("/"))
    assert codes["parked"] in client.get("/reports.geojson").text


def test_point_is_always_the_same_and_the_mean_of_many_is_no_nearer(house: House, client: httpx.Client) -> None:
    said = {"cell": spot_cell(*HERE), "lat": HERE[0], "long": HERE[1], "requested_at": START - timedelta(days=300)}
    more = {add_report(house, **said, service_code="trotoar") for _ in range(40)}
    asked = [client.get("/reports.geojson?service=trotoar").json()["features"] for _ in range(25)]
    points = [{each["id"]: each["geometry"]["coordinates"] for each in features} for features in asked]
    assert set(points[0]) == more
    assert all(each == points[0] for each in points)  # a thousand answers, forty points
    lat, long = (mean(point[side] for point in points[0].values()) for side in (1, 0))
    cell = spot_cell(*HERE)
    assert cell is not None
    middle = h3.cell_to_latlng(cell)
    assert metres_between(lat, long, *middle) < 35  # all that a mean finds is the cell's middle
    assert metres_between(*HERE, *middle) > 15
    assert {spot_cell(point[1], point[0]) for point in points[0].values()} == {cell}
    api = client.get("/open311/v2/requests.json?service_code=trotoar&page_size=100").json()
    assert {each["service_request_id"]: [each["long"], each["lat"]] for each in api} == points[0]


def test_point_of_a_problem_at_homes_lies_in_a_larger_cell(
    house: House, client: httpx.Client, codes: dict[str, str]
) -> None:
    features = {each["id"]: each for each in client.get("/reports.geojson").json()["features"]}
    long, lat = features[codes["noise"]]["geometry"]["coordinates"]
    assert h3.latlng_to_cell(lat, long, 9) == h3.latlng_to_cell(*HERE, 9)
    assert features[codes["crime"]]["geometry"] is None
    assert features[codes["unknown"]]["geometry"] is None
    assert "[RT]" in features[codes["noise"]]["properties"]["text"]
    assert "RT 05" in features[codes["lamp"]]["properties"]["text"]


def test_list_shows_what_is_asked_for(client: httpx.Client, codes: dict[str, str]) -> None:
    assert listed(client.get("/?service=lampu_jalan")) == {codes["lamp"]}
    assert listed(client.get("/?status=waiting")) == {codes["done"]}
    assert codes["done"] in listed(client.get("/?status=open&since=365&service=sampah"))
    assert listed(client.get("/?status=done")) == set()
    assert listed(client.get("/?area=31.71")) == {codes["elsewhere"]}
    assert listed(client.get("/area/31.71.01")) == {codes["elsewhere"]}
    assert listed(client.get("/?area=31.71&service=sampah")) == set()
    assert listed(client.get("/?service=kekerasan")) == listed(client.get("/"))
    assert client.get("/area/99.99").status_code == 404


def test_area_narrows_list_map_and_files_alike(client: httpx.Client, codes: dict[str, str]) -> None:
    other = {codes["elsewhere"]}
    for area in ("31.71", "31.71.01", "31.71.01.1001"):
        assert listed(client.get(f"/?area={area}")) == other
        features = client.get(f"/reports.geojson?area={area}").json()["features"]
        assert {each["id"] for each in features} == other
        assert {
            each["code"] for each in csv.DictReader(io.StringIO(client.get(f"/reports.csv?area={area}").text))
        } == other
        far = client.get(f"/map.json?bbox=105,-8,108,-4&zoom=9&area={area}").json()["spots"]
        assert [(each["area"], each["n"]) for each in far] == [(area, 1)]
    assert {each["area"] for each in spots(client, 14, area="31.74.01")} == {KELURAHAN}
    for zoom in (14, 16, 18):
        assert spots(client, zoom, area="31.74.01")
        assert spots(client, zoom, area="31.71") == []


def test_form_offers_the_kelurahan_of_the_kecamatan_that_is_shown(client: httpx.Client) -> None:
    def offered(path: str) -> set[str]:
        return set(re.findall(r'<option value="(31\.74\.01\.\d{4})"', client.get(path).text))

    assert KELURAHAN in offered("/?area=31.74.01")
    assert offered(f"/?area={KELURAHAN}") == offered("/?area=31.74.01")
    assert offered("/?area=31.74") == offered("/") == set()
    assert f'value="{KELURAHAN}" selected' in client.get(f"/?area={KELURAHAN}").text


def test_list_is_read_page_by_page_without_gap_or_repeat(house: House, client: httpx.Client) -> None:
    seen: list[str] = []
    path = "/?service=trotoar"
    while path:
        page = client.get(path)
        seen += re.findall(r'href="/r/([A-Z0-9]+)" class="row"', page.text)
        found = re.search(r'href="(\?[^"]+)#list" rel="next"', page.text)
        path = "/" + found[1].replace("&amp;", "&") if found else ""
    with house.store.read() as session:
        assert sorted(seen) == sorted(
            each.code for each in session.query(Report).filter_by(service_code="trotoar")
        )


def test_counts_are_links_to_what_they_count(client: httpx.Client) -> None:
    page = client.get("/?area=31.74").text
    links = re.findall(r'<li><a href="(/\?area=31\.74[^"]*)#list">[^<]*<span class="count">(\d+)', page)
    assert links
    for link, count in links:
        inner = client.get(link.replace("&amp;", "&")).text
        numbers = re.findall(r"<dd>(\d+)</dd>", inner)
        assert sum(map(int, numbers[:4])) == int(count), link


def spots(client: httpx.Client, zoom: int, **filters: str) -> list[dict[str, Any]]:
    answer = client.get("/map.json", params={"bbox": BOX, "zoom": str(zoom), **filters})
    assert answer.status_code == 200
    return answer.json()["spots"]


def test_map_counts_areas_from_far_cells_from_near_and_reports_from_very_near(
    client: httpx.Client, codes: dict[str, str]
) -> None:
    everything = sum(each["n"] for each in client.get("/map.json?bbox=105,-8,108,-4&zoom=8").json()["spots"])
    assert everything == len(client.get("/reports.geojson").json()["features"])
    near = spots(client, 14, service="lampu_jalan")
    assert [(each["area"], each["n"]) for each in near] == [(KELURAHAN, 1)]
    assert [each["n"] for each in spots(client, 16, service="lampu_jalan")] == [1]
    (one,) = spots(client, 18, service="lampu_jalan", lang="en")
    assert (one["code"], one["service"], one["status"]) == (codes["lamp"], "Street light out", "in_progress")
    floating = spots(client, 18, service="kriminal")
    assert [(each["area"], each["floats"], each["n"]) for each in floating] == [(KELURAHAN, True, 1)]
    assert spots(client, 18, service="lampu_jalan", status="done") == []


def test_map_may_be_kept_by_proxies_and_asked_for_again(client: httpx.Client) -> None:
    answer = client.get("/map.json", params={"bbox": BOX, "zoom": "13"})
    assert answer.headers["cache-control"].startswith("public, max-age=60, s-maxage=60")
    again = client.get(
        "/map.json", params={"bbox": BOX, "zoom": "13"}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_feed_geojson_and_csv_are_what_their_formats_say(house: House, client: httpx.Client) -> None:
    code = add_report(house, public_description="=cmd|' /C calc'!A0 <b>\x0b</b> & ]]>", service_code="taman")
    root = ElementTree.fromstring(client.get("/feed.atom?service=taman").content)
    (entry,) = root.findall("{http://www.w3.org/2005/Atom}entry")
    assert entry.findtext("{http://www.w3.org/2005/Atom}id", "").endswith(f"/r/{code}")
    assert "<b></b> & ]]>" in entry.findtext("{http://www.w3.org/2005/Atom}summary", "")
    file = client.get("/reports.csv?service=taman")
    (row,) = csv.DictReader(io.StringIO(file.text))
    assert row["text"].startswith("'=cmd")
    assert row["area"] == "Menteng Dalam, Tebet"
    (feature,) = client.get("/reports.geojson?service=taman").json()["features"]
    assert feature["type"] == "Feature"
    assert client.get("/area/99.99/feed.atom").status_code == 404
    assert client.get("/?service=taman").text.count("&lt;b&gt;") == 1


def test_page_of_a_report_says_where_about_it_is_and_what_became_of_the_promise(
    client: httpx.Client, codes: dict[str, str]
) -> None:
    page = client.get(f"/r/{codes['lamp']}?lang=en").text
    assert "The hexagon shows about where it is" in page
    assert f"SAYA JUGA {codes['lamp']}" in page
    assert "Promised by" in page
    assert "SAYA JUGA" not in client.get(f"/r/{codes['crime']}?lang=en").text


def test_map_may_be_framed_by_anybody_and_nothing_else(client: httpx.Client) -> None:
    framed = client.get("/embed?service=sampah&area=31.74").headers
    assert "frame-ancestors *" in framed["content-security-policy"]
    assert "x-frame-options" not in framed
    for path in ("/", "/desk", f"/area/{KELURAHAN}"):
        assert "frame-ancestors 'none'" in client.get(path).headers["content-security-policy"]


def test_surge_is_an_alert_and_its_end_cancels_it(house: House, client: httpx.Client) -> None:
    with house.store.write() as session:
        surge = Surge(service_code="banjir", area_code="31.74.01", began_at=house.now())
        session.add(surge)
        session.flush()
        number = surge.id
    name = "{urn:oasis:names:tc:emergency:cap:1.2}"
    root = ElementTree.fromstring(client.get(f"/cap/{number}.xml").content)
    order = ["identifier", "sender", "sent", "status", "msgType", "scope", "info"]
    assert [each.tag.removeprefix(name) for each in root] == order
    assert root.findtext(f"{name}msgType") == "Alert"
    assert root.findtext(f"{name}info/{name}area/{name}areaDesc") == "Tebet"
    first, *_, last = root.findtext(f"{name}info/{name}area/{name}polygon", "").split()
    assert first == last
    assert f"/cap/{number}.xml" in client.get("/cap.atom").text
    with house.store.write() as session:
        session.get_one(Surge, number).ended_at = house.now()
    ended = ElementTree.fromstring(client.get(f"/cap/{number}.xml").content)
    assert ended.findtext(f"{name}msgType") == "Cancel"
    assert f"lapor-{number}," in ended.findtext(f"{name}references", "")
    assert client.get("/cap/99999.xml").status_code == client.get("/cap/x.xml").status_code == 404


NAMES = ("service", "status", "area", "since", "after", "lang", "bbox", "zoom", "service_code", "x")
PATHS = (
    *("/", "/map.json", "/area/31.74", "/feed.atom", "/area/31.74/feed.atom", "/reports.csv"),
    "/reports.geojson",
)
HOSTILE = st.text(max_size=40) | st.sampled_from(
    (
        "0-0",
        "9" * 18 + "-1",
        "1-" + "9" * 18,
        "31.74",
        "nan,nan,nan,nan",
        "1e400,0,1,1",
        "-180,-90,180,90",
        "19",
        "'--",
    )
)


@settings(max_examples=60)
@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(NAMES), HOSTILE, max_size=4))
def test_hostile_query_is_answered_with_a_page_or_a_reason(
    client: httpx.Client, path: str, query: dict[str, str]
) -> None:
    answer = client.get(
        path, params={name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    )
    assert answer.status_code in ({200, 400} if path == "/map.json" else {200})
    if answer.headers["content-type"].startswith("application/json"):
        json.loads(answer.text)


def test_base_map_is_drawn_from_one_place_and_allowed_from_there_only(tmp_path: Path) -> None:
    house = open_rooms(
        tmp_path, map_tiles_url="https://tiles.example/{z}/{x}/{y}.png", map_tiles_credit="Peta & co"
    )
    with serving(house) as address, httpx.Client(base_url=address) as client:
        page = client.get("/")
        assert page.headers["content-security-policy"].endswith("img-src 'self' https://tiles.example")
        assert 'data-tiles="https://tiles.example/{z}/{x}/{y}.png"' in page.text
        assert "tiles.example" not in client.get("/rapor").headers["content-security-policy"]


def test_first_look_at_the_map_is_light(client: httpx.Client) -> None:
    """Compressed, as a browser is sent it: before tiles and photos at most 150 KB."""
    paths = ("/", "/desk/static/desk.css", "/desk/static/leaflet/leaflet.css", "/desk/static/leaflet/leaflet.js")
    more = ("/desk/static/map.js", "/map/areas.json", f"/map.json?bbox={BOX}&zoom=11", "/desk/static/mark.svg")
    sizes = {}
    for path in (*paths, *more):
        with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            sizes[path] = sum(len(part) for part in answer.iter_raw())
    assert sum(sizes.values()) < 150_000, sizes
