"""What open desk pages are told over HTTP: whose report changed, to whom, for how long; and the board and the map."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from desk.live import MOST_OF_ONE, mark_of
from desk.server import start_servers, stop_servers
from router.house import House
from router.status import Actor, change_status
from store.journal import Journal
from store.models import Report
from tests.town import free_port
from tests.unit.houses import WHOLE, new_town
from tests.unit.test_linking import SMS
from tests.wire.desk_rooms import (
    add_officer,
    add_report,
    browser,
    hidden,
    log_in,
    move,
    open_rooms,
    serving,
    status_of,
)

OFFICERS = {
    "officer": ("officer", "dbm"),
    "dlh-officer": ("officer", "dlh"),
    "triage": ("triage", None),
    "auditor": ("auditor", None),
    "lurah": ("officer", "kelurahan", "31.74.01.1003"),
}


class Ear:
    """One open stream: the next event's words, or None when the server ended it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.iter_lines()
        assert next(self.lines) == "retry: 3000"

    def next(self) -> dict[str, Any] | None:
        found = next((line for line in self.lines if line.startswith("data: ")), None)
        return json.loads(found.removeprefix("data: ")) if found else None


@contextmanager
def listening(client: httpx.Client, query: str = "", **headers: str) -> Iterator[Ear]:
    with client.stream("GET", f"/desk/live{query}", headers=headers) as answer:
        assert answer.status_code == 200
        yield Ear(answer)


def heard(ear: Ear) -> set[str]:
    said = ear.next()
    assert said is not None
    return set(said["changed"])


def test_each_official_hears_of_the_reports_that_they_may_see(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    with (
        listening(clients["officer"]) as officer,
        listening(clients["dlh-officer"]) as other,
        listening(clients["auditor"]) as auditor,
        listening(clients["lurah"]) as lurah,
    ):
        assert officer.answer.headers["content-type"].startswith("text/event-stream")
        assert officer.answer.headers["x-accel-buffering"] == "no"
        assert officer.answer.headers["cache-control"] == "no-store"
        mine = add_report(house)
        assert [heard(each) for each in (officer, auditor, lurah)] == [{mine}] * 3
        theirs = add_report(house, agency_id="dlh", area_code="31.71.06.1001")
        assert [heard(each) for each in (other, auditor)] == [{theirs}] * 2  # nothing of `mine` came before
        move(house, mine, "accepted")
        assert [heard(each) for each in (officer, lurah)] == [{mine}] * 2  # nothing of `theirs` came before


def test_who_loses_a_report_sees_it_go(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house)
    with listening(clients["officer"]) as officer, listening(clients["dlh-officer"]) as other:
        with house.store.write() as session:
            report = session.query(Report).filter_by(code=code).one()
            by = Actor(name="officer:officer", agency_id="dbm")
            change_status(session, report, "assigned", by=by, house=house, agency_id="dlh")
        assert heard(officer) == heard(other) == {code}
        move(house, code, "accepted")
        assert heard(other) == {code}
        mine = add_report(house)
        assert heard(officer) == {mine}


def test_a_page_that_comes_back_hears_what_it_missed(house: House, clients: dict[str, httpx.Client]) -> None:
    before = mark_of(house.now())
    code = add_report(house)
    with listening(clients["officer"], f"?since={before}&report={code}") as ear:
        said = ear.next()
        assert said is not None
        assert next(iter(said["changed"])) == code  # the page's own first
        with house.store.read() as session:
            assert said["changed"][code] == mark_of(session.query(Report).filter_by(code=code).one().updated_at)
    with listening(clients["officer"], "?since=nonsense", **{"Last-Event-ID": str(before)}) as ear:
        assert code in heard(ear)


def test_a_citizens_message_is_heard_of(tmp_path: Path) -> None:
    town = new_town(tmp_path, public_url="http://127.0.0.1")
    add_officer(town.house, "triage", "triage")
    town.tell(WHOLE, **SMS)
    town.clock.on(minutes=5)
    with serving(town.house) as address, browser(address) as client:
        log_in(client, "triage")
        with listening(client) as ear:
            town.tell("Sekarang malah dua tiang yang mati", **SMS)
            assert len(town.reports()) == 1
            assert heard(ear) == {town.report().code}
            page = client.get(f"/desk/r/{town.report().code}/thread")
            assert "dua tiang" in page.text


def test_nothing_personal_is_in_an_event(house: House, clients: dict[str, httpx.Client]) -> None:
    with listening(clients["officer"]) as ear:
        add_report(house, description="Nama saya Budi 0812-1111-2222")
        said = ear.next()
        assert said is not None
        assert set(said) == {"changed", "more"}
        assert all(code.isalnum() and type(mark) is int for code, mark in said["changed"].items())


def test_a_stranger_hears_nothing(address: str) -> None:
    with browser(address) as client:
        assert client.get("/desk/live").status_code == 401


def test_who_logged_out_hears_nothing_more(house: House, address: str) -> None:
    with browser(address) as client:
        log_in(client, "officer")
        with listening(client) as ear:
            client.post("/desk/logout", data={"csrf": hidden(client.get("/desk/password"), "csrf")})
            add_report(house)
            assert ear.next() is None


def test_one_log_in_has_a_few_streams_at_most(clients: dict[str, httpx.Client]) -> None:
    client = clients["triage"]
    streams = [client.stream("GET", "/desk/live") for _ in range(MOST_OF_ONE)]
    ears = [Ear(each.__enter__()) for each in streams]
    assert client.get("/desk/live").status_code == 429
    assert len(ears) == MOST_OF_ONE
    for each in streams:
        each.__exit__(None, None, None)


def test_the_server_ends_its_streams_and_stops(tmp_path: Path) -> None:
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("http_listen", "ops_listen", "smtp_listen")}
    house = open_rooms(tmp_path, **ports)
    add_officer(house, "officer", "officer", "dbm")
    journal = Journal(tmp_path / "journal")
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    run = lambda work: asyncio.run_coroutine_threadsafe(work, loop)  # noqa: E731
    servers = run(start_servers(house, journal, lambda: None, [])).result(30)
    with browser(f"http://{ports['http_listen']}") as client:
        log_in(client, "officer")
        with listening(client) as ear:
            stopped = run(stop_servers(servers))
            assert ear.next() is None  # a whole answer, not one that is cut off
            stopped.result(30)
    loop.call_soon_threadsafe(loop.stop)
    journal.close()


# --- the board and the map ----------------------------------------------------------------------------------


def column(page: httpx.Response, status: str) -> str:
    return page.text.split(f'id="column-{status}"')[1].split("</section>")[0]


def test_a_card_is_moved_by_one_press_and_stays_on_the_board(
    house: House, clients: dict[str, httpx.Client]
) -> None:
    code, client = add_report(house, service_code="pohon"), clients["officer"]
    board = client.get("/desk?look=board&service=pohon")
    card = column(board, "assigned")
    assert code in card
    assert 'value="accepted"' in card
    fields = {
        "csrf": hidden(board, "csrf"),
        "query": "?look=board&service=pohon",
        f"r-{code}": "assigned",
        "move": "accepted",
    }
    board = client.post("/desk/many", data=fields)
    assert status_of(house, code) == "accepted"
    assert "look=board" in str(board.url)
    assert "service=pohon" in str(board.url)
    assert code in column(board, "accepted")
    assert code not in column(board, "assigned")
    presses = re.findall(r'name="move" value="(.*?)"', column(board, "accepted"))
    assert presses == ["in_progress"]  # what the table of statuses allows
    client.post("/desk/many", data=fields)  # as it was seen before
    assert status_of(house, code) == "accepted"


def test_the_board_shows_no_press_to_who_only_reads(house: House, clients: dict[str, httpx.Client]) -> None:
    code = add_report(house, service_code="pohon")
    for name in ("auditor", "lurah"):
        board = clients[name].get("/desk?look=board&service=pohon")
        assert code in column(board, "assigned")
        assert 'name="move"' not in board.text
    assert code not in clients["dlh-officer"].get("/desk?look=board&service=pohon").text


def test_the_map_has_the_points_of_the_view_that_is_open(house: House, clients: dict[str, httpx.Client]) -> None:
    here = add_report(house, service_code="banjir", lat=-6.2012345, long=106.8345678, urgent=True)
    nowhere = add_report(house, service_code="banjir", lat=None, long=None)
    theirs = add_report(house, service_code="banjir", agency_id="dlh", area_code="31.71.06.1001")
    said = clients["officer"].get("/desk/map.json?look=map&service=banjir").json()
    assert [spot["code"] for spot in said["spots"]] == [here]
    assert (said["spots"][0]["lat"], said["spots"][0]["long"]) == (-6.2012345, 106.8345678)
    assert (said["without"], said["more"]) == (1, False)
    codes = {each["code"] for each in clients["triage"].get("/desk/map.json?service=banjir").json()["spots"]}
    assert {here, theirs} <= codes
    assert nowhere not in codes
    assert clients["officer"].get("/desk/map.json?service=banjir&group=work").json()["spots"] == []
    assert [each["code"] for each in clients["lurah"].get("/desk/map.json?service=banjir").json()["spots"]] == [
        here
    ]


def test_a_stranger_gets_no_points(address: str) -> None:
    with browser(address) as client:
        assert "spots" not in client.get("/desk/map.json").text
