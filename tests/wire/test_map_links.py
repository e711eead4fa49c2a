"""A short link of a map is followed once, by its own hosts only, and its point joins the report."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from channels.links import follow_link, short_link_in
from normalizer.schema import PermanentFailure, TemporaryFailure
from router.photos import LINK_TRIES, fetch_owed
from store.models import Photo
from tests.unit.houses import NO_PLACE, Town, new_town
from tests.wire.loopback import answering, serving

LONG = "https://www.google.com/maps/place/X/@-6.3,106.9,17z/data=!3m1!4b1!4m5!3d-6.2088!4d106.8456"
SHORT = "https://maps.app.goo.gl/Qx7YdAbC12"


@dataclass
class Maps:
    """Stands in for Google's short links: says where each of them leads."""

    to: dict[str, str] = field(default_factory=lambda: {"/Qx7YdAbC12": LONG})
    status: int = 302
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        place = self.to.get(request.url.path)
        if place is None or self.status != 302:
            return Response(status_code=404 if self.status == 302 else self.status)
        return Response(status_code=302, headers={"location": place})


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"di sini {SHORT} ya", SHORT),
        ("http://goo.gl/maps/AbCd1234", "https://goo.gl/maps/AbCd1234"),
        ("https://goo.gl/AbCd1234", None),
        ("https://maps.app.goo.gl.evil.example/AbCd1234", None),
        ("https://evil.example/?u=maps.app.goo.gl/AbCd1234", None),
        ("lampu mati", None),
    ],
)
def test_only_short_links_of_maps_are_followed(text: str, link: str | None) -> None:
    assert short_link_in(text) == link


async def test_the_long_address_is_told_and_never_visited() -> None:
    maps = Maps()
    async with serving(answering(maps.answer)) as url:
        assert await follow_link(SHORT, url) == LONG
    assert maps.asked == ["/Qx7YdAbC12"]


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "http://127.0.0.1:1/x", "https://evil.example/maps"]
)
async def test_a_redirect_to_anywhere_else_is_not_visited(target: str) -> None:
    maps = Maps(to={"/Qx7YdAbC12": target})
    async with serving(answering(maps.answer)) as url:
        assert await follow_link(SHORT, url) == target
    assert maps.asked == ["/Qx7YdAbC12"]


@pytest.mark.parametrize(
    ("status", "kind"), [(200, PermanentFailure), (404, PermanentFailure), (503, TemporaryFailure)]
)
async def test_a_link_that_leads_nowhere_is_a_failure(status: int, kind: type[Exception]) -> None:
    maps = Maps(status=status)
    async with serving(answering(maps.answer)) as url:
        with pytest.raises(kind) as failed:
            await follow_link(SHORT, url)
    assert "goo.gl" not in str(failed.value)


async def test_a_link_that_leads_in_a_circle_ends() -> None:
    maps = Maps(to={"/Qx7YdAbC12": SHORT})
    async with serving(answering(maps.answer)) as url:
        with pytest.raises(PermanentFailure):
            await follow_link(SHORT, url)


async def test_an_address_that_is_not_on_the_list_is_not_asked_at_all() -> None:
    maps = Maps()
    async with serving(answering(maps.answer)) as url:
        assert await follow_link("https://evil.example/Qx7YdAbC12", url) == "https://evil.example/Qx7YdAbC12"
    assert maps.asked == []


def town_at(folder: Path, url: str) -> Town:
    return new_town(folder, maps_link_url=url)


async def test_the_links_point_completes_the_report(tmp_path: Path) -> None:
    maps = Maps()
    async with serving(answering(maps.answer)) as url:
        town = town_at(tmp_path, url)
        town.tell(f"{NO_PLACE} {SHORT}")
        assert await fetch_owed(town.house, {}) == 1
        assert await fetch_owed(town.house, {}) == 0
    report = town.report()
    assert (report.lat, report.long, report.area_code) == (-6.2088, 106.8456, "31.74.02.1006")
    assert (report.status, report.asked_for) == ("assigned", None)
    assert town.rows(Photo) == []
    assert maps.asked == ["/Qx7YdAbC12"]


async def test_the_same_message_twice_follows_its_link_once(tmp_path: Path) -> None:
    maps = Maps()
    async with serving(answering(maps.answer)) as url:
        town = town_at(tmp_path, url)
        for _ in range(2):
            town.tell(f"{NO_PLACE} {SHORT}", external_id="m1x")
        await fetch_owed(town.house, {})
    assert maps.asked == ["/Qx7YdAbC12"]


async def test_a_host_that_is_away_is_asked_again_and_given_up(tmp_path: Path) -> None:
    maps = Maps(status=503)
    async with serving(answering(maps.answer)) as url:
        town = town_at(tmp_path, url)
        town.tell(f"{NO_PLACE} {SHORT}")
        for _ in range(LINK_TRIES + 2):
            await fetch_owed(town.house, {})
            town.clock.on(hours=1)
    assert len(maps.asked) == LINK_TRIES
    assert town.rows(Photo) == []


async def test_a_pin_needs_no_link(tmp_path: Path) -> None:
    town = town_at(tmp_path, "http://127.0.0.1:9")
    town.tell(f"lampu mati -6.2088, 106.8456 {SHORT}")
    assert town.rows(Photo) == []
