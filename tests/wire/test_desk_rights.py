"""Who may what at the desk: every address, role and own or other report, tried over HTTP against docs/rights.md."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route

from desk.app import routes
from desk.doors import COOKIE
from router.house import House
from router.way_changes import add_way
from store import accounts
from store.models import Report, Surge
from tests.wire.desk_rooms import add_officer, add_photo, add_report, browser, open_rooms, serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rights.md"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
MANGGARAI_SELATAN, ELSEWHERE = "31.74.01.1003", "31.75.03.1001"
ROLES = {
    "officer": ("officer", "dbm", None),
    "head": ("head", "dbm", None),
    "lurah": ("officer", "kelurahan", MANGGARAI_SELATAN),
    "triage": ("triage", None, None),
    "admin": ("admin", None, None),
    "auditor": ("auditor", None, None),
}
# a column of the table: who, and whose report it is
COLUMNS = {
    "officer: own": ("officer", "dbm"),
    "officer: other": ("officer", "dlh"),
    "head: own": ("head", "dbm"),
    "head: other": ("head", "dlh"),
    "lurah: own": ("lurah", "kelurahan"),
    "lurah: in the area": ("lurah", "dbm"),
    "lurah: elsewhere": ("lurah", "dlh"),
    "triage": ("triage", "dlh"),
    "admin": ("admin", "dlh"),
    "auditor": ("auditor", "dlh"),
    "nobody": (None, "dbm"),
}
# what everybody may ask for, logged in or not: the way in, which tells nothing
FOR_ALL = {
    *("GET /desk", "POST /desk/login", "POST /desk/login/code", "GET /desk/password"),
    *("GET /desk/login/oidc", "GET /desk/login/oidc/back", "GET /desk/logout/oidc"),
    *("GET /desk/invitation/{token}", "POST /desk/invitation/{token}"),
}
# these end the log-ins that the others need
ENDS = {"POST /desk/logout", "POST /desk/account/out"}
# pictures, styles and scripts, which hold nobody's words
STATICS = {"/desk/static"}
# streams, which do not end: tests/wire/test_desk_live.py tries who hears what
STREAMS = {"GET /desk/live"}
PARTS = {"part": "original", "form": "csv", "what": "resume", "number": "1"}
FIELDS = {
    "POST /desk/export": {"form": "csv"},
    "POST /desk/r/{code}/note": {"colleague_note": "Sudah dilihat"},
    "POST /desk/r/{code}": {"status": "accepted"},
    "POST /desk/r/{code}/photos": {"photo": "1", "show": "yes"},
    "POST /desk/r/{code}/explanation": {"explanation": "Difoto dari sisi lain"},
    "POST /desk/rapor": {"agency": "dbm", "month": "2026-10", "text": "Kami kekurangan alat."},
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A report of one agency, its photo, and a surge that has one of its reports."""

    code: str
    other: str  # of the same agency, in the surge
    photo: int
    surge: int


@dataclass(frozen=True, kw_only=True)
class Rooms:
    house: House
    cases: dict[str, Case]
    people: dict[str | None, tuple[httpx.Client, str]]  # with the token of their forms


def addresses(house: House) -> list[str]:
    """`GET /desk/…` of all that is mounted, the streams and the way in excepted. What is no plain route would be a
    hole in the table: it is refused."""
    found = []
    for each in routes(house):
        if not isinstance(each, Route):
            assert isinstance(each, Mount), f"{each} is tried by nobody"
            assert each.path in STATICS, f"{each} is tried by nobody"
        elif each.path.startswith("/desk"):
            found += [f"{method} {each.path}" for method in sorted((each.methods or set()) - {"HEAD"})]
    return sorted(set(found) - FOR_ALL - STREAMS, key=lambda each: each.split(" ")[::-1])


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    house = open_rooms(tmp_path_factory.mktemp("rooms"))
    places = {"dbm": MANGGARAI_SELATAN, "kelurahan": MANGGARAI_SELATAN, "dlh": ELSEWHERE}
    add_way(house, "dbm", "queue")
    cases = {agency: add_case(house, agency, area) for agency, area in places.items()}
    with serving(house) as address:
        people: dict[str | None, tuple[httpx.Client, str]] = {None: (browser(address), "")}
        for name, (role, agency, area) in ROLES.items():
            add_officer(house, name, role, agency, area)
            cookie, csrf = log_in(house, name)
            people[name] = browser(address), csrf
            people[name][0].cookies.set(COOKIE, cookie)
        yield Rooms(house=house, cases=cases, people=people)
        for client, _ in people.values():
            client.close()


def add_case(house: House, agency: str, area: str) -> Case:
    with house.store.write() as session:
        surge = Surge(
            service_code="banjir",
            area_code=f"{area[:5]}.{len(agency):02}",
            began_at=house.now() - timedelta(hours=1),
        )
        session.add(surge)
        session.flush()
        number = surge.id
    other = add_report(house, agency_id=agency, area_code=area, service_code="banjir", surge_id=number)
    code = add_report(house, agency_id=agency, area_code=area)
    copy = house.store.media.put(JPEG)
    photo = add_photo(house, code, JPEG, copy_key=copy, public_key=copy)
    return Case(code=code, other=other, photo=photo, surge=number)


def log_in(house: House, name: str) -> tuple[str, str]:
    with house.store.write() as session:
        officer = accounts.find_officer(session, name)
        assert officer is not None
        cookie = accounts.open_session(session, officer, now=house.now())
    with house.store.read() as session:
        found = accounts.find_session(session, cookie, now=house.now())
        assert found is not None
        return cookie, found.csrf_token


def tried(rooms: Rooms, what: str, who: str | None, case: Case) -> str:
    """`yes` when it is done, or refused for another reason than whose it is; `no`; `not there`; `log in`.

    Each form says that it saw a report that has changed since, so that nothing is changed for those behind.
    """
    method, path = what.split(" ")
    _into_the_surge(rooms.house, case)
    values = {**PARTS, "code": case.code, "id": str(case.surge if "/surge/" in path else case.photo)}
    if "/pack/" in path:
        values["code"] = "jalan_rusak"
    path = re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
    client, csrf = rooms.people[who]
    words = {"csrf": csrf, "seen": "0", "other": case.other, "code": case.other, **FIELDS.get(what, {})}
    data = words if method == "POST" else None
    return said(client.request(method, path, data=data, follow_redirects=False), who)


def _into_the_surge(house: House, case: Case) -> None:
    """Again: the one before may have taken it out."""
    with house.store.write() as session:
        session.query(Report).filter_by(code=case.other).update({"surge_id": case.surge})


def said(answer: httpx.Response, who: str | None) -> str:
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
    to = answer.headers.get("location", "")
    if who is None and answer.status_code == 303 and (to == "/desk" or to.startswith("/desk?next=")):
        return "log in"
    return {403: "no", 404: "not there"}.get(answer.status_code, "yes")


def written(table: dict[str, dict[str, str]]) -> str:
    head = ["address", *COLUMNS]
    rows = [[f"`{what}`", *(cells[column] for column in COLUMNS)] for what, cells in table.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def test_every_cell_of_the_table_is_as_the_page_says(rooms: Rooms) -> None:
    """KEEP_RIGHTS=1 writes what is so; the difference is read before it is kept."""
    table = {
        what: {column: tried(rooms, what, who, rooms.cases[whose]) for column, (who, whose) in COLUMNS.items()}
        for what in addresses(rooms.house)
        if what not in ENDS
    }
    intro, _, _ = PAGE.read_text(encoding="utf-8").partition("| address |")
    if os.environ.get("KEEP_RIGHTS"):
        PAGE.write_text(f"{intro}{written(table)}\n", encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == f"{intro}{written(table)}\n"


def test_nobody_gets_in_anywhere_and_a_form_without_its_token_does_nothing(rooms: Rooms) -> None:
    for what in addresses(rooms.house):
        if what not in ENDS:
            assert tried(rooms, what, None, rooms.cases["dbm"]) in {"log in", "not there"}, what
    admin, _ = rooms.people["admin"]
    for what in addresses(rooms.house):
        if what.startswith("POST") and "{" not in what:
            assert admin.post(what.split(" ")[1], data={"csrf": "x"}).status_code == 403, what
