"""Linking on a real PostgreSQL, where two servers really merge, and hear, the same two people at the same time."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text
from town import eventually

from router.forget import forget_all
from router.house import House
from router.linking import take_apart
from router.operate import first_edited_row
from store.models import Address, Message, Report, Reporter
from tests.unit.houses import Town, new_town

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Town]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("create database linking")
    url = postgres_url.rsplit("/", 1)[0] + "/linking"
    made = new_town(
        tmp_path_factory.mktemp("linking"), database_url=url, secret_key="s" * 32, contact_key="c" * 32
    )
    yield made
    made.house.store.engine.dispose()


def code_of(town: Town, who: dict[str, str]) -> str:
    town.tell("HUBUNGKAN", **who)
    found = re.search(r"HUBUNGKAN (\d{6})", town.answers(channel=who["channel"])[-1])
    assert found
    return found[1]


def pair(number: int) -> tuple[dict[str, str], dict[str, str]]:
    return {"channel": "sms", "sender": f"+628{number}"}, {"channel": "telegram", "sender": f"{number}"}


def words(number: int) -> str:
    return f"lampu jalan mati di Jl. Manggarai Utara {number}, Kelurahan Manggarai"


@pytest.mark.parametrize("number", range(1000, 1010))
def test_both_directions_at_the_same_moment_make_one_person(town: Town, number: int) -> None:
    phone, bot = pair(number)
    town.tell(words(number), **phone)
    town.tell(words(number + 1), **bot)
    of_phone, of_bot = code_of(town, phone), code_of(town, bot)
    with ThreadPoolExecutor(2) as pool:
        asked = [(f"hubungkan {of_bot}", phone), (f"hubungkan {of_phone}", bot)]
        list(pool.map(lambda each: town.tell(each[0], **each[1]), asked))

    with town.house.store.read() as session:
        lookups = [town.house.store.sealer.lookups(who["channel"], who["sender"])[0] for who in (phone, bot)]
        people = {row.reporter_id for row in session.query(Address).filter(Address.lookup.in_(lookups))}
        (person,) = people
        assert session.query(Report).filter(Report.reporter_id == person).count() == 2
        assert session.get(Reporter, person) is not None
    assert all(not row.kind.startswith("wrong") for row in town.rows(Message))


def test_reports_told_while_their_sender_is_linked_hang_on_the_joint_person(town: Town) -> None:
    phone, bot = pair(5000)
    town.tell(words(1), **bot)
    code = code_of(town, phone)
    with ThreadPoolExecutor(9) as pool:
        said = [words(number) for number in range(2, 10)]
        said.insert(4, f"hubungkan {code}")
        list(pool.map(lambda each: town.tell(each, **bot), said))

    with town.house.store.read() as session:
        sealer = town.house.store.sealer
        address = session.query(Address).filter_by(lookup=sealer.lookups("telegram", "5000")[0]).one()
        mine = {report.reporter_id for report in session.query(Report).filter_by(address_id=address.id)}
        assert mine == {address.reporter_id}
        assert (
            len({row.reporter_id for row in session.query(Address).filter_by(reporter_id=address.reporter_id)})
            == 1
        )


def test_a_message_that_waited_while_its_sender_was_unlinked_hangs_on_who_they_are_now(town: Town) -> None:
    phone, bot = pair(6000)
    town.tell(f"hubungkan {code_of(town, phone)}", **bot)
    house = town.house
    with ThreadPoolExecutor(1) as pool:
        with house.store.write() as session:
            lookup = house.store.sealer.lookups("telegram", "6000")[0]
            address = session.query(Address).filter_by(lookup=lookup).one()
            session.query(Reporter).filter_by(id=address.reporter_id).with_for_update().one()
            told = pool.submit(town.tell, words(6), **bot)
            eventually(lambda: _waits_for_a_lock(house), what="the message waits for its sender's row")
            take_apart(session, address, house)
        told.result()

    with house.store.read() as session:
        address = session.query(Address).filter_by(lookup=lookup).one()
        report = session.query(Report).filter_by(address_id=address.id).one()
        assert report.reporter_id == address.reporter_id


def _waits_for_a_lock(house: House) -> bool:
    with house.store.read() as session:
        return bool(session.scalar(text("select count(*) from pg_locks where not granted")))


def test_a_person_is_forgotten_there_too(town: Town) -> None:
    phone, bot = pair(7000)
    town.tell(words(3), **phone)
    town.tell(f"hubungkan {code_of(town, phone)}", **bot)
    gone = forget_all("telegram:7000", town.house)

    assert (gone.addresses, gone.reports) == (2, 1)
    assert first_edited_row(town.house) is None
    with pytest.raises(LookupError):
        forget_all("sms:+6287000", town.house)
