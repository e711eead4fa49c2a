"""What everybody may see can stand behind a CDN: kept for a while, known again, without a cookie, drawn once for many."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from router.house import House
from tests.wire.desk_rooms import add_report, move, serving

AREA = "31.74.01.1003"
PATHS = (
    *("/", f"/area/{AREA}", "/rapor", "/rapor.csv", "/feed.atom", "/reports.csv", "/reports.geojson", "/cap.atom"),
    *("/map.json?bbox=106.8,-6.3,106.9,-6.2&zoom=12", "/map/areas.json", "/embed", "/?lang=id"),
)


@pytest.fixture(scope="module")
def code(house: House) -> str:
    return add_report(house)


@pytest.fixture(scope="module")
def address(house: House, code: str) -> Iterator[str]:
    with serving(house) as each:
        yield each


def test_public_pages_are_for_shared_caches_and_known_again(address: str, code: str) -> None:
    for path in (*PATHS[:-1], f"/r/{code}"):
        first = httpx.get(address + path)
        assert first.status_code == 200, path
        assert first.headers["Cache-Control"].startswith("public, max-age="), path
        assert "s-maxage=" in first.headers["Cache-Control"] or path == "/map/areas.json", path
        is_of_no_language = path.startswith("/map")
        assert first.headers["Vary"] == "Accept-Encoding" + ("" if is_of_no_language else ", Cookie"), path
        assert "set-cookie" not in first.headers, path
        again = httpx.get(address + path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b""), path
        plain = httpx.get(address + path, headers={"Accept-Encoding": "identity"})
        assert plain.content == first.content, path
        assert plain.headers["X-Content-Type-Options"] == "nosniff", path


def test_a_choice_of_language_is_for_nobody_else(address: str) -> None:
    with httpx.Client(base_url=address) as reader:
        chosen = reader.get("/?lang=en")
        assert "set-cookie" in chosen.headers
        assert chosen.headers["Cache-Control"] == "no-store"
        after = reader.get("/")
        assert after.headers["Content-Language"] == "en"
        assert after.headers["Cache-Control"] == "private, no-cache"
        assert "set-cookie" not in after.headers
    assert httpx.get(f"{address}/").headers["Content-Language"] == "id"


@pytest.mark.parametrize("path", ["/report", "/r/ZZZZZZ", "/area/99"])
def test_forms_and_what_is_not_there_are_kept_by_nobody(address: str, path: str) -> None:
    assert httpx.get(address + path).headers["Cache-Control"] == "no-store"


def test_few_readers_see_a_change_at_once(house: House, address: str, code: str) -> None:
    before = httpx.get(f"{address}/r/{code}")
    move(house, code, "in_progress")
    after = httpx.get(f"{address}/r/{code}", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert "Dikerjakan" in after.text


def test_many_readers_at_once_are_all_answered_alike(address: str) -> None:
    async def crowd() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            return await asyncio.gather(*(http.get("/?service=lampu_jalan") for _ in range(60)))

    answers = asyncio.run(crowd())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ETag"] for answer in answers}) == 1
