"""A program goes through all that the public may ask of a city with planted words, and none of them comes out."""

import gzip
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import get_args
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx
import pytest
from starlette.routing import Mount, Route

from desk import bulk
from desk.app import routes
from desk.openapi import PARAMETERS, READS, SAID_AS
from router.heads import make_head
from router.house import House
from store.card import Kind
from store.models import Surge
from store.public import SPANS
from tests.wire.desk_rooms import START, add_report, open_rooms, serving
from tests.wire.test_public_window import BOX, KELURAHAN, PLANTED, SECRET, WORDS, seed

PLACES = ("31.74", "31.74.01", KELURAHAN)
A_KEY_OR_A_SECRET = {
    "/open311/v2/photos/{id}",
    "/open311/v2/tokens/{token}.{format}",
    "/open311/v2/subscriptions.{format}",
}
LINK = re.compile(r'(?:href|src|action)="([^"#]+)|<(?:media_url|uri)>([^<]+)|"(https?://[^"\s<>]+)"|<(http[^>]+)>')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_rooms(tmp_path_factory.mktemp("crawl"), base_url="http://lapor.example")


@pytest.fixture(scope="module")
def codes(house: House) -> dict[str, str]:
    """The planted reports; so many more that lists and feeds have a second page, a flood, and the nightly files."""
    codes = seed(house)
    for _ in range(55):
        add_report(
            house, description=WORDS, public_description="Lubang", service_code="trotoar", expected_at=START
        )
    with house.store.write() as session:
        session.add(Surge(service_code="banjir", area_code="31.74.01", began_at=house.now()))
    house.now.on(hours=1)  # type: ignore[attr-defined]
    make_head(house)
    bulk.make_files(house)
    return codes


@pytest.fixture(scope="module")
def client(house: House, codes: dict[str, str]) -> Iterator[httpx.Client]:
    with serving(house) as address, httpx.Client(base_url=address, timeout=20) as each:
        yield each


def values(house: House, codes: dict[str, str]) -> dict[str, Iterable[str]]:
    """What each parameter of openapi.json is tried with: all there is where it can be counted."""
    services, agencies = tuple(house.pack.services), tuple(house.pack.agencies)
    moment = START.isoformat().replace("+00:00", "Z")
    files = sorted(path.name for path in bulk.folder_of(house).iterdir())
    return {
        "service": services,
        "service_code": services,
        "service_code_path": services,
        "area": PLACES,
        "area_code": PLACES,
        "since": map(str, SPANS),
        "lang": ("id", "en"),
        "locale": ("en",),
        "bbox": (BOX,),
        "zoom": ("18", "16", *map(str, range(8, 16)), "17", "19"),
        "month": ("2026-11", "2026-10"),
        "by": ("area", "service"),
        "status": ("open", "new", "work", "waiting", "done"),
        "state": ("open", "closed"),
        "number": ("1",),
        "code": codes.values(),
        "find": codes.values(),
        "service_request_id": codes.values(),
        "file": files,
        "photo": ("1", "2"),
        "id": ("1",),
        "agency": ("all", *agencies),
        "agency_responsible": agencies,
        "kind": get_args(Kind),
        "format": ("json", "xml"),
        "page": ("1", "2"),
        "page_size": ("1", "1000"),
        **dict.fromkeys(("start_date", "end_date", "updated_after", "updated_before"), (moment,)),
        "after": (f"{int(START.timestamp()) * 10**6 + 25 * 60 * 10**6}-25",),
        "token": (),
    }


def addresses(house: House, codes: dict[str, str], most: int | None = None) -> Iterator[str]:
    """Every address of openapi.json with each value of each of its parameters, `most` values of one."""
    known = {name: tuple(said)[:most] for name, said in values(house, codes).items()}
    for address, (_, _, said, *_) in READS.items():
        names = [name.rstrip("!") for name in said.split() if PARAMETERS[name.rstrip("!")][0] != "header"]
        first = {name: known[name][0] for name in names if is_needed(name, said) and known[name]}
        for name in names or [""]:
            for value in known.get(name, ()) if name else [""]:
                yield filled(address, {**first, name: value} if name else {})


def is_needed(name: str, said: str) -> bool:
    return PARAMETERS[name][0] == "path" or f"{name}!" in said.split()


def filled(address: str, said: dict[str, str]) -> str:
    """An address with its parameters put in, in the path and behind it."""
    query = {}
    for name, value in said.items():
        wire = SAID_AS.get(name, name)
        if PARAMETERS[name][0] == "path":
            address = address.replace(f"{{{wire}}}", quote(value))
        else:
            query[wire] = value
    return address + (f"?{urlencode(query)}" if query else "")


def links(page: httpx.Response, base: str) -> Iterator[str]:
    """The house's own addresses that a page, a feed, a file or its headers lead to."""
    said = chain(LINK.findall(page.text), LINK.findall(page.headers.get("link", "")))
    for link in map("".join, said):
        whole = urlsplit(urljoin(str(page.url), link.replace("&amp;", "&")))
        if whole.netloc in {page.url.netloc.decode(), base}:
            yield whole.path + (f"?{whole.query}" if whole.query else "")


@dataclass
class Crawler:
    """Follows links to so many addresses of a kind: a pattern of the house's own table with the names in a query."""

    house: House
    client: httpx.Client
    of_a_kind: int
    kinds: Counter[tuple[str, frozenset[str]]] = field(default_factory=Counter)
    found: dict[str, httpx.Response] = field(default_factory=dict)

    @cached_property
    def routes(self) -> list[Route | Mount]:
        every = (each for each in routes(self.house) if isinstance(each, Route | Mount))
        return [each for each in every if isinstance(each, Mount) or "GET" in (each.methods or ())]

    def pattern(self, address: str) -> str | None:
        """The pattern of a public address; None for an official's, for a person's own, and for none at all."""
        path = urlsplit(address).path
        found = next((each.path for each in self.routes if each.path_regex.match(path)), None)
        return None if found and re.match(r"/(desk(?!/static)|a/|copy|report/)", found) else found

    def is_wanted(self, address: str) -> bool:
        pattern, query = self.pattern(address), urlsplit(address).query
        if pattern is None or address in self.found:
            return False
        kind = pattern, frozenset(each.partition("=")[0] for each in query.split("&"))
        self.kinds[kind] += 1
        return self.kinds[kind] <= self.of_a_kind

    def go(self, starts: Iterable[str]) -> dict[str, httpx.Response]:
        base, waiting = urlsplit(self.house.settings.base_url).netloc, deque(starts)
        while waiting:
            address = waiting.popleft()
            if address in self.found:
                continue
            page = self.found[address] = self.client.get(address)
            self.client.cookies.clear()  # a chosen language would stay
            waiting += [link for link in dict.fromkeys(links(page, base)) if self.is_wanted(link)]
        return self.found


def body(page: httpx.Response) -> str:
    is_packed = page.headers.get("content-type") == "application/gzip"
    return (gzip.decompress(page.content) if is_packed else page.content).decode(errors="replace")


@pytest.mark.parametrize(
    ("of_a_value", "of_a_kind"), [(2, 2), pytest.param(None, 12, marks=pytest.mark.long)], ids=["few", "all"]
)
def test_nothing_planted_comes_out_of_any_public_page_feed_or_file(
    house: House, client: httpx.Client, codes: dict[str, str], of_a_value: int | None, of_a_kind: int
) -> None:
    crawler = Crawler(house, client, of_a_kind)
    own = [f"/r/{code}{more}" for code in codes.values() for more in ("", "/photos/1")]
    found = crawler.go([*own, *addresses(house, codes, of_a_value)])
    answered = {crawler.pattern(each) for each, page in found.items() if page.status_code in {200, 303}}
    print(f"visited {len(found)} addresses of {len(answered)} kinds")
    for address, page in found.items():
        refused = {403} if crawler.pattern(address) in A_KEY_OR_A_SECRET else set()
        assert page.status_code in {200, 303, 404, *refused}, address
        if page.headers.get("content-type", "") == "image/jpeg":
            assert b"Exif" not in page.content, address
        else:
            assert [word for word in (*PLANTED, SECRET) if word in body(page)] == [], address
    assert {*READS, "/desk/static", "/manifest.webmanifest"} - answered == A_KEY_OR_A_SECRET
    assert any("after=" in each for each in found if each.startswith("/?"))  # what only a link leads to
