"""Open311 with a client that nobody here wrote: `three` (github.com/codeforamerica/three, MIT) creates a report,
finds it by its token, reads it, its service and the city's list."""

import itertools
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from town import jpeg

from store.models import Photo
from tests.wire.test_web_channel import Room, room_in


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("three")) as room:
        yield room


@pytest.fixture(scope="module")
def client(room: Room) -> Any:
    """Its one word of Python 2 is given to it; all else is as its authors left it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(itertools, "ifilter", filter, raising=False)
        from three.core import Three
    return Three(f"{room.http.base_url}/open311/v2", api_key="key-of-all", jurisdiction="jakarta.go.id")


def test_it_finds_the_city_and_its_services(room: Room, client: Any) -> None:
    assert client.discovery()["endpoints"][0]["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert [each["service_code"] for each in client.services()] == list(room.house.pack.services)
    assert client.services("jalan_rusak")["service_code"] == "jalan_rusak"


def test_what_it_posts_is_a_report_that_it_reads_back(room: Room, client: Any) -> None:
    photo = BytesIO(jpeg())
    photo.name = "foto.jpg"
    (taken,) = client.post(
        "jalan_rusak",
        lat="-6.2088",
        long="106.8456",
        description="Lubang besar di tikungan",
        name="Siti Rahmawati",
        phone="0812-3456-7890",
        media=photo,
    )
    room.work()
    (found,) = client.token(taken["token"])
    (read,) = client.request(found["service_request_id"])
    assert (read["service_code"], read["status"]) == ("jalan_rusak", "open")
    assert read["description"] == "Lubang besar di tikungan"
    with room.house.store.read() as session:
        assert session.query(Photo).count() == 1


def test_it_filters_and_counts_as_it_likes(room: Room, client: Any) -> None:
    for number in range(3):
        client.post("sampah", lat=str(-6.17 - number / 50), long="106.84", description=f"Sampah {number}")
    room.work()
    listed = client.requests("sampah", count=2, between=("01-01-2026", "12-31-2027"))
    assert [each["service_code"] for each in listed] == ["sampah", "sampah"]
    assert client.requests(service_code="kriminal") == []


def test_it_is_told_why_something_is_refused(client: Any) -> None:
    (refused,) = client.post("there_is_none", lat="-6.2", long="106.8", description="x")
    assert refused["code"] == 404
    (missing,) = client.post("sampah", description="x")
    assert missing["code"] == 400
    (unknown,) = client.post("sampah", address="Jl. Manggarai Utara", description="x", api_key="a guess")
    assert unknown["code"] == 403
