"""/openapi.json says what a running house does: held against its routes, and tried by schemathesis."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route

from channels import web
from desk.app import routes
from desk.openapi import READS, WRITES, document
from normalizer.cells import spot_cell
from store.models import Photo, Report
from tests.unit.test_pictures import saved, scene
from tests.wire.desk_rooms import add_photo, add_report, move
from tests.wire.test_web_channel import Room, room_in

KEY = "key-of-all"
HOW = Path(__file__).with_name("schemathesis.toml")
# Whose address is a secret of one person or agency, or one's own browser's: no program is invited there.
PRIVATE = re.compile(
    r"/desk.*|/a/.*|/report/\{token\}|/r/\{code\}/o/\{token\}|/copy/\{token\}|/follow/\{token\}|/area/\{code\}/follow|/report-worker\.js|/manifest\..*"
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("openapi")) as room:
        yield room


@pytest.fixture(scope="module")
def seeded(room: Room) -> str:
    """The code of a report with a photo that everybody may see, beside others."""
    house = room.house
    codes = [add_report(house, cell=spot_cell(-6.2146789, 106.8451234)) for _ in range(3)]
    move(house, codes[0], "in_progress", notes="Regu di jalan.")
    photo = add_photo(house, codes[0], saved(scene(3), "JPEG"))
    with house.store.write() as session:
        row = session.get_one(Photo, photo)
        row.public_key, row.public_state = row.media_key, "shown"
    return codes[0]


def addresses(found: list[BaseRoute], method: str) -> set[str]:
    return {
        each.path
        for each in found
        if isinstance(each, Route) and method in (each.methods or ()) and not PRIVATE.fullmatch(each.path)
    }


def test_every_public_address_is_described_and_none_that_is_not_there(room: Room) -> None:
    async def accept(**said: Any) -> None:
        """Nothing comes."""

    mounted = [*routes(room.house), *web.routes(room.house.settings, accept)]
    assert addresses(mounted, "GET") == set(READS)
    assert addresses(mounted, "POST") == {*WRITES, "/report"}


def test_who_has_the_document_need_not_load_it_again(room: Room) -> None:
    first = room.http.get("/openapi.json")
    assert first.json() == document(room.house.pack, room.house.settings.base_url)
    again = room.http.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_a_page_says_the_same_to_people(room: Room) -> None:
    page = room.http.get("/api").text
    assert "<script" not in page
    assert all(f"GET {address}</code>" in page for address in READS)


@pytest.mark.parametrize("address", ["/open311/v2/requests.json", "/reports.csv", "/report"])
def test_a_method_that_is_not_there_is_refused_with_those_that_are(room: Room, address: str) -> None:
    refused = room.http.put(address)
    allowed = {each.strip() for each in refused.headers["allow"].split(",")}
    assert refused.status_code == 405
    assert allowed == {"GET", "HEAD", *({"POST"} if address != "/reports.csv" else ())}


@pytest.mark.parametrize("address", ["/desk/", "/open311/v2/requests.json/", "/report//"])
def test_a_slash_too_many_leads_to_our_own_address_whatever_the_host_header_says(room: Room, address: str) -> None:
    answer = room.http.get(f"{address}?a=%2F", headers={"Host": "evil.example"})
    assert answer.status_code == 307
    assert answer.headers["location"] == room.house.settings.base_url + address.rstrip("/") + "?a=%2F"


@pytest.mark.parametrize("address", ["/nowhere/", "//evil.example/", "//evil.example//", "/nowhere"])
def test_what_is_not_there_leads_nowhere(room: Room, address: str) -> None:
    answer = room.http.get(str(room.http.base_url).rstrip("/") + address, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil" not in answer.text


def operations(room: Room) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, address and description of everything that the document has."""
    paths = room.http.get("/openapi.json").json()["paths"]
    return [(method, address, said) for address, each in paths.items() for method, said in each.items()]


def test_what_needs_a_key_is_refused_without_one(room: Room) -> None:
    locked = [each for each in operations(room) if {} not in each[2].get("security", [{}])]
    assert len(locked) == 7
    for method, address, _ in locked:
        fields = {"service_code": "sampah", "lat": "-6.2", "long": "106.8", "service_request_id": "K7Q2MX"}
        at = address.format(format="json", id="1")
        refused = room.http.request(method, at, data=fields if method == "post" else None)
        assert (refused.status_code, refused.json()[0]["code"]) == (403, 403), at


def try_all(room: Room, *options: str) -> str:
    """What schemathesis says after it asked every operation, with what is right and what is wrong."""
    at = str(room.http.base_url)
    command = [Path(sys.executable).parent / "st", "--config-file", HOW, "run", f"{at}/openapi.json", "--url", at]
    key = [
        "-H",
        f"Authorization: Bearer {KEY}",
        "--seed",
        "7",
        "--max-redirects",
        "0",
        "--suppress-health-check",
        "all",
    ]
    tried = subprocess.run(
        [*command, *key, *options], capture_output=True, text=True, cwd=room.house.settings.data_dir
    )
    assert tried.returncode == 0, tried.stdout[-20_000:] + tried.stderr
    return tried.stdout


def test_schemathesis_finds_nothing_in_a_few_tries(room: Room, seeded: str) -> None:
    said = try_all(room, "--phases", "examples,fuzzing", "--max-examples", "2")
    tried = re.search(r"Tested: +(\d+)", said)
    assert tried, said
    assert int(tried[1]) + 1 == len(operations(room)), said  # it leaves out where the document itself lies


@pytest.mark.long
def test_schemathesis_finds_nothing_in_many_tries(room: Room, seeded: str) -> None:
    try_all(room, "--max-examples", "6")
    room.work()
    with room.house.store.read() as session:
        assert session.query(Report).filter_by(channel="web").count() > 0  # some of what it posted was taken
