"""What is owed is sent: claimed by one, in order, never blindly twice, and given up where everybody sees it."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError
from town import jpeg

from channels.protocol import Connection
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
)
from router import outbox
from router.claims import Owed, owed_by
from router.codes import code_of_thread
from router.house import House
from router.limits import Limits
from router.outbox import Desk, deliver_due, open_connections
from router.photos import AT_ONCE, TRIES, fetch_owed, photo_channels
from router.receipts import take_receipt
from store.media import Media
from store.models import Delivery, EarlyReceipt, Photo
from store.work import GIVE_UP_AFTER, LEASE, claim_deliveries, wait_after
from tests.unit.houses import WHOLE, Town, another, new_town


@dataclass
class Provider:
    """A provider at the end of the wire: takes what it is sent, or does what it was told to do next."""

    answers: list[Exception | str | None] = field(default_factory=list)
    found: list[Exception | str | CannotTell | None] = field(default_factory=list)
    photos: list[Exception | bytes] = field(default_factory=list)
    sent: list[OutboundMessage] = field(default_factory=list)
    looked_up: list[int] = field(default_factory=list)
    on_send: Callable[[], Awaitable[object]] | None = None

    async def send(self, message: OutboundMessage) -> str:
        if self.on_send:
            await self.on_send()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        self.sent.append(message)
        return answer or f"id{len(self.sent)}"

    async def fetch(self, attachment: Attachment) -> bytes:
        answer = self.photos.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        self.looked_up.append(message.delivery_id)
        answer = self.found.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def connections(self) -> dict[str, Connection]:
        return {"desk": Desk(), **dict.fromkeys(("sms", "whatsapp", "email", "telegram", "x"), self)}


@pytest.fixture
def provider() -> Provider:
    return Provider()


def to_citizen(town: Town) -> list[Delivery]:
    return [row for row in town.rows(Delivery) if row.address_id is not None]


async def deliver(town: Town, provider: Provider) -> int:
    return await deliver_due(town.house, provider.connections)


async def test_an_answer_goes_out_once_and_is_written_down(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, channel="email", sender="Siti@Example.org", reply_ref="<1@example.org>")
    assert await deliver(town, provider) == 1  # the hand-over to the desk is done with the commit
    assert await deliver(town, provider) == 0

    (message,) = provider.sent
    assert (message.to, message.account, message.in_reply_to) == ("Siti@Example.org", "+6290", "<1@example.org>")
    assert code_of_thread(town.house.keys.derive("thread"), str(message.thread)) == town.report().code
    states = {row.channel: (row.state, row.provider_id, row.attempts) for row in town.rows(Delivery)}
    assert states["email"] == ("sent", "id1", 1)
    assert states["desk"][0] == "delivered"


async def test_what_is_said_to_a_stranger_carries_no_thread(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    town.tell(town.report().code, channel="email", sender="orang@example.org")
    await deliver(town, provider)

    assert [message.thread for message in provider.sent if message.channel == "email"] == [None]


@pytest.mark.parametrize(
    ("language", "words"),
    [("id", WHOLE), ("en", "The street light at Jl. Manggarai Utara 2, Manggarai is broken")],
)
async def test_a_day_after_their_last_word_whatsapp_hears_a_template(
    tmp_path: Path, provider: Provider, language: str, words: str
) -> None:
    town = new_town(tmp_path, twilio_content_sids="HX1")
    town.tell(words, channel="whatsapp")
    town.tell(another(2), sender="+6281299")  # by SMS: nothing changes
    await deliver(town, provider)
    town.clock.on(hours=23, minutes=30)
    for number in (0, 1):
        town.move("in_progress", number=number)
    await deliver(town, provider)
    assert {message.template for message in provider.sent} == {""}

    provider.sent.clear()
    town.clock.on(minutes=21)
    for number in (0, 1):
        town.move("resolved", number=number, notes="Lampu diganti")
    await deliver(town, provider)
    assert {message.channel: message.template for message in provider.sent} == {"whatsapp": language, "sms": ""}

    provider.sent.clear()
    town.tell("sudah, terima kasih", channel="whatsapp")
    await deliver(town, provider)
    assert [message.template for message in provider.sent if message.channel == "whatsapp"] == [""]


async def test_without_a_template_whatsapp_is_asked_with_free_words(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, channel="whatsapp")
    town.clock.on(days=3)
    town.move("resolved", notes="Lampu diganti")
    await deliver(town, provider)
    assert {message.template for message in provider.sent} == {""}


async def test_messages_of_one_report_go_out_in_their_order(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    town.move("in_progress", notes="Tim berangkat")
    town.move("resolved", notes="Lampu diganti")
    provider.answers = [TemporaryFailure("busy", retry_after=30)]
    await deliver(town, provider)
    assert provider.sent == []
    town.clock.on(seconds=10)
    assert await deliver(town, provider) == 0
    town.clock.on(seconds=21)
    while await deliver(town, provider):
        pass

    assert [message.delivery_id for message in provider.sent] == [row.id for row in to_citizen(town)]
    assert "Lampu diganti" in provider.sent[-1].text


async def test_a_report_that_waits_holds_up_no_other(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, sender="+621")
    town.tell(WHOLE, sender="+622")
    provider.answers = [TemporaryFailure("busy")]
    await deliver(town, provider)

    assert len(provider.sent) == 1


@pytest.mark.parametrize("seconds", [0.0, 7.0, 3600.0])
async def test_the_providers_own_time_is_kept_to(town: Town, provider: Provider, seconds: float) -> None:
    town.tell(WHOLE)
    provider.answers = [TemporaryFailure("429", retry_after=seconds)]
    await deliver(town, provider)
    (row,) = to_citizen(town)

    wait = max(timedelta(seconds=seconds), timedelta(milliseconds=200))
    assert (row.state, row.last_error, row.next_attempt_at) == ("waiting", "429", town.clock.at + wait)
    town.clock.on(seconds=wait.total_seconds() - 0.1)
    assert await deliver(town, provider) == 0
    town.clock.on(seconds=0.1)
    assert await deliver(town, provider) == 1
    assert town.rows(Delivery, state="sent")[0].last_error is None


def test_without_the_providers_word_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    for attempts, seconds in ((1, 1), (2, 2), (5, 16), (11, 900), (50, 900), (10_000, 900)):
        waits = [wait_after(attempts).total_seconds() for _ in range(50)]
        assert 0.75 * seconds <= min(waits) <= max(waits) <= 1.25 * seconds
        assert len(set(waits)) > 1
    assert wait_after(1, 1e9) == timedelta(days=1)
    assert wait_after(1, -5) == timedelta(0)


async def test_after_three_days_it_is_given_up_and_shown(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    tries = 0
    while to_citizen(town)[0].state != "failed":
        provider.answers = [TemporaryFailure("the relay answered 421")]
        tries += await deliver(town, provider)
        town.clock.on(minutes=20)
        assert town.clock.at < to_citizen(town)[0].created_at + GIVE_UP_AFTER + timedelta(hours=1)
    (row,) = to_citizen(town)

    assert row.last_error == "the relay answered 421"
    assert row.updated_at - row.created_at > GIVE_UP_AFTER
    assert tries > 200
    town.clock.on(days=9)
    assert await deliver(town, provider) == 0


async def test_a_permanent_failure_is_shown_and_the_next_message_goes_out(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    town.move("in_progress", notes="Tim berangkat")
    provider.answers = [PermanentFailure("no such number")]
    await deliver(town, provider)
    await deliver(town, provider)
    failed, then = to_citizen(town)

    assert (failed.state, failed.last_error, failed.attempts) == ("failed", "no such number", 1)
    assert then.state == "sent"


async def test_what_waited_for_its_turn_heeds_a_pause_that_came_meanwhile(town: Town, provider: Provider) -> None:
    for number in range(5):  # one a second to a chat, three at once: the last two wait for their turn
        town.tell(another(number), channel="telegram", sender="7001", external_id=f"t{number}")
    provider.answers = [TemporaryFailure("429", retry_after=60)] * 5
    provider.on_send = lambda: asyncio.sleep(0)  # its answer comes when all five stand in line
    await deliver(town, provider)

    assert len(provider.answers) == 2
    assert {(row.state, row.uncertain) for row in to_citizen(town)} == {("waiting", 0)}


async def test_what_our_own_limits_hold_back_is_never_given_up(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, channel="telegram", sender="7001")
    town.clock.on(seconds=GIVE_UP_AFTER.total_seconds() + 60)
    limits = Limits()
    limits.pause("telegram", 3600)
    await deliver_due(town.house, provider.connections, limits=limits)

    assert [row.state for row in to_citizen(town)] == ["waiting"]


async def test_a_channel_that_is_gone_is_a_permanent_failure(town: Town) -> None:
    town.tell(WHOLE)
    await deliver_due(town.house, {"desk": Desk()})

    assert [(row.state, row.last_error) for row in to_citizen(town)] == [("failed", "there is no channel sms")]


# --- what may have arrived ----------------------------------------------------------------------------------

UNSURE = TemporaryFailure("no answer", uncertain=True)


async def test_what_the_provider_has_is_not_sent_again(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    provider.answers, provider.found = [UNSURE], ["id-of-the-first"]
    await deliver(town, provider)
    assert to_citizen(town)[0].state == "unknown"
    town.clock.on(minutes=1)
    await deliver(town, provider)
    (row,) = to_citizen(town)

    assert (row.state, row.provider_id, provider.sent) == ("sent", "id-of-the-first", [])
    assert provider.looked_up == [row.id]


@pytest.mark.parametrize("answer", [None, CannotTell.CANNOT_TELL])
async def test_what_the_provider_has_not_is_sent_once_more(
    town: Town, provider: Provider, answer: CannotTell | None
) -> None:
    town.tell(WHOLE)
    provider.answers, provider.found = [UNSURE], [answer]
    await deliver(town, provider)
    town.clock.on(minutes=1)
    await deliver(town, provider)

    assert (len(provider.looked_up), len(provider.sent)) == (1, 1)
    assert provider.sent[0].first_tried_at == town.clock.at - timedelta(minutes=1)


async def test_a_provider_that_cannot_be_asked_costs_no_try(town: Town, provider: Provider) -> None:
    """The last one is not spent on a provider that is away."""
    town.tell(WHOLE)
    away = TemporaryFailure("no answer")
    provider.answers, provider.found = [UNSURE], [away, away, away, CannotTell.CANNOT_TELL]
    for _ in range(5):
        await deliver(town, provider)
        town.clock.on(minutes=1)

    assert [(row.state, row.attempts) for row in to_citizen(town)] == [("sent", 5)]
    assert len(provider.sent) == 1


async def test_a_host_that_hangs_holds_up_its_own_channels_photos_only(town: Town) -> None:
    over = asyncio.Event()

    @dataclass
    class Hanging(Provider):
        async def fetch(self, attachment: Attachment) -> bytes:
            await over.wait()
            raise TemporaryFailure("the photo's host: TimeoutError")

    good = Provider(photos=[jpeg()])
    photo = Attachment(ref="1", content_type="image/jpeg", name="")
    for number in range(20):
        town.tell(WHOLE, channel="whatsapp", sender=f"+62811{number}", attachments=(photo,))
    town.tell(WHOLE, channel="telegram", sender="7001", attachments=(photo,))
    connections: dict[str, Connection] = {"sms": Hanging(), "whatsapp": Hanging(), "telegram": good}
    tries = {names: asyncio.create_task(fetch_owed(town.house, connections, names)) for names in photo_channels()}
    await asyncio.wait_for(tries["telegram",], 10)
    states = {row.channel: row.state for row in town.rows(Photo)}
    over.set()
    await asyncio.gather(*tries.values())

    assert states == {"whatsapp": "owed", "telegram": "kept"}


async def test_photos_whose_own_place_hangs_leave_the_others_their_threads(town: Town) -> None:
    over, hanging = threading.Event(), list[bytes]()

    def hang(content: bytes) -> str:
        hanging.append(content)
        over.wait(20)
        raise OSError("away")

    photo = Attachment(ref="1", content_type="image/jpeg", name="")
    channels = ("sms", "telegram", "x")
    for number, channel in product(range(9), channels):
        town.tell(WHOLE, channel=channel, sender=f"+62811{number}", attachments=(photo,))
    house = replace(town.house, store=replace(town.house.store, media=cast(Media, SimpleNamespace(put=hang))))
    good: dict[str, Connection] = dict.fromkeys(channels, Provider(photos=[jpeg()] * 27))
    with ThreadPoolExecutor(16) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        tries = [asyncio.create_task(fetch_owed(house, good, names)) for names in photo_channels()]
        async with asyncio.timeout(20):
            while len(hanging) < AT_ONCE:
                await asyncio.sleep(0.01)
        assert await asyncio.wait_for(asyncio.to_thread(len, hanging), 5) == AT_ONCE
        over.set()
        await asyncio.gather(*tries)

    assert {row.state for row in town.rows(Photo)} == {"owed"}


async def test_a_sure_failure_is_sent_again_without_looking(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    provider.answers = [TemporaryFailure("busy")]
    await deliver(town, provider)
    town.clock.on(minutes=1)
    await deliver(town, provider)

    assert (provider.looked_up, len(provider.sent)) == ([], 1)


async def test_a_worker_that_died_leaves_its_delivery_to_be_looked_up(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    with town.house.store.write() as session:
        assert len(claim_deliveries(session, town.clock.at, 10)) == 1
    assert await deliver(town, provider) == 0
    town.clock.on(seconds=LEASE.total_seconds() + 1)
    provider.found = ["arrived"]
    assert await deliver(town, provider) == 1

    assert [(row.state, row.provider_id, row.attempts) for row in to_citizen(town)] == [("sent", "arrived", 2)]
    assert provider.sent == []


async def test_a_database_that_goes_away_behind_the_claim_is_waited_for(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    refused: list[str] = []

    def refuse(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM addresses" in statement and len(refused) < 2:
            refused.append(statement)
            raise OperationalError(statement, None, sqlite3.OperationalError("unable to open database file"))

    event.listen(town.house.store.engine, "before_cursor_execute", refuse)
    assert await deliver(town, provider) == 1
    assert len(refused) == 2
    assert [(row.state, row.attempts, row.uncertain) for row in to_citizen(town)] == [("sent", 1, 0)]
    assert len(provider.sent) == 1


async def test_who_stood_still_until_somebody_else_took_over_sends_nothing(
    town: Town, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is stopped, or cut off from the database, behind its claim; when it goes on its claim is over."""
    town.tell(WHOLE)
    stands, goes_on, later = threading.Event(), threading.Event(), [0.0]

    def stand_still(house: House, claimed: Mapping[int, int]) -> list[Owed]:
        monkeypatch.setattr(outbox, "owed_by", owed_by)  # nobody else does
        stands.set()
        assert goes_on.wait(20)
        return owed_by(house, claimed)

    monkeypatch.setattr(outbox, "owed_by", stand_still)
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later[0]))
    standing = asyncio.create_task(deliver(town, provider))
    await asyncio.to_thread(stands.wait, 20)
    later[0] = LEASE.total_seconds() + 1
    town.clock.on(seconds=later[0])
    provider.found = [None]
    assert await deliver(town, provider) == 1
    goes_on.set()
    await standing

    assert len(provider.sent) == 1
    assert [(row.state, row.provider_id, row.attempts) for row in to_citizen(town)] == [("sent", "id1", 2)]


@pytest.mark.parametrize("answer", [TemporaryFailure("busy"), PermanentFailure("no"), UNSURE])
async def test_how_a_try_failed_is_not_said_of_somebody_elses(
    town: Town, provider: Provider, answer: Exception
) -> None:
    town.tell(WHOLE)

    async def another_claims() -> None:
        town.clock.on(seconds=LEASE.total_seconds() + 1)
        with town.house.store.write() as session:
            assert len(claim_deliveries(session, town.clock.at, 10)) == 1

    provider.on_send, provider.answers = another_claims, [answer]
    await deliver(town, provider)

    (row,) = to_citizen(town)
    assert (row.state, row.attempts, row.lease_until) == ("sending", 2, town.clock.at + LEASE)


async def test_what_was_claimed_too_long_ago_is_owed_as_before(
    town: Town, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.tell(WHOLE)
    monkeypatch.setattr(outbox, "GOOD_FOR_SECONDS", -1.0)
    await deliver(town, provider)
    assert [(row.state, row.uncertain) for row in to_citizen(town)] == [("waiting", 0)]
    assert provider.sent == []

    monkeypatch.undo()
    town.clock.on(seconds=1)
    await deliver(town, provider)
    assert (provider.looked_up, len(provider.sent)) == ([], 1)


async def test_a_worker_cancelled_in_mid_send_leaves_it_leased(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    provider.on_send = hang
    sending = asyncio.create_task(deliver(town, provider))
    await reached.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert to_citizen(town)[0].state == "sending"

    provider.on_send, provider.found = None, [None]
    town.clock.on(seconds=LEASE.total_seconds() + 1)
    await deliver(town, provider)
    assert (len(provider.looked_up), len(provider.sent)) == (1, 1)


async def test_a_mistake_of_ours_stops_no_other_delivery(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, sender="+621")
    town.tell(WHOLE, sender="+622")
    provider.answers = [RuntimeError("a mistake")]
    await deliver(town, provider)

    assert sorted(row.state for row in to_citizen(town))[0] == "sent"
    assert len(provider.sent) == 1
    town.clock.on(minutes=1)
    provider.found = [None]
    await deliver(town, provider)
    assert {row.state for row in to_citizen(town)} == {"sent"}


# --- who claims ---------------------------------------------------------------------------------------------


def test_with_ids_only_those_are_claimed(town: Town) -> None:
    for number in range(3):
        town.tell(WHOLE, sender=f"+62{number}")
    wanted = [row.id for row in to_citizen(town)][1:]
    with town.house.store.write() as session:
        assert list(claim_deliveries(session, town.clock.at, 10, wanted)) == wanted
        assert claim_deliveries(session, town.clock.at, 10, []) == {}
        assert claim_deliveries(session, town.clock.at, 10, wanted) == {}


def claim_side_by_side(town: Town, workers: int) -> list[int]:
    """Let workers claim in small bites until nothing is left; all ids that anybody got."""
    got: list[int] = []
    start = threading.Barrier(workers)

    def claim() -> None:
        start.wait()
        while True:
            with town.house.store.write() as session:
                ids = claim_deliveries(session, town.clock.at, 3)
            got.extend(ids)
            if not ids:
                return

    threads = [threading.Thread(target=claim) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_two_claimers_never_get_the_same_row(town: Town) -> None:
    for number in range(20):
        town.tell(WHOLE, sender=f"+62{number}")
    got = claim_side_by_side(town, 4)

    assert sorted(got) == [row.id for row in to_citizen(town)]
    assert {row.attempts for row in to_citizen(town)} == {1}


@pytest.fixture
def city(postgres_url: str, tmp_path: Path) -> Iterator[Town]:
    """The same house on PostgreSQL."""
    base, name = postgres_url.rsplit("/", 1)[0], f"outbox_{tmp_path.name[-30:].lower()}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    town = new_town(tmp_path, database_url=f"{base}/{name}", secret_key="s" * 20, contact_key="c" * 20)
    yield town
    town.house.store.engine.dispose()


@pytest.mark.servers
def test_on_postgresql_two_claimers_never_get_the_same_row(city: Town) -> None:
    for number in range(20):
        city.tell(WHOLE, sender=f"+62{number}")
    got = claim_side_by_side(city, 6)
    left = [row for row in to_citizen(city) if row.state == "waiting"]
    got += claim_side_by_side(city, 1) if left else []

    assert sorted(got) == [row.id for row in to_citizen(city)]
    assert {row.attempts for row in to_citizen(city)} == {1}


@pytest.mark.servers
def test_on_postgresql_a_claim_under_way_is_passed_by_not_waited_for(city: Town) -> None:
    for number in range(2):
        city.tell(WHOLE, sender=f"+62{number}")
    first = to_citizen(city)[0].id
    with city.house.store.write() as holder:
        assert list(claim_deliveries(holder, city.clock.at, 1)) == [first]
        with city.house.store.write() as other:
            others = claim_deliveries(other, city.clock.at, 10)
    assert list(others) == [row.id for row in to_citizen(city)][1:]


@pytest.mark.servers
async def test_on_postgresql_the_order_of_a_report_is_kept_by_two_workers(city: Town) -> None:
    provider = Provider()
    city.tell(WHOLE)
    for status in ("in_progress", "scheduled", "resolved"):
        city.move(status, notes=status)
    ids = [row.id for row in to_citizen(city)]
    while True:
        done = await asyncio.gather(*(deliver(city, provider) for _ in range(3)))
        if not sum(done):
            break

    assert [message.delivery_id for message in provider.sent] == ids


# --- receipts -----------------------------------------------------------------------------------------------


def receipt(state: str, provider_id: str = "id1", channel: str = "sms") -> Receipt:
    return Receipt(
        channel=channel, account="", external_id="r", provider_id=provider_id, state=state, reason="30003"
    )


@pytest.mark.parametrize(
    ("come", "stays"),
    [
        (["sent"], "sent"),
        (["sent", "delivered"], "delivered"),
        (["delivered", "sent"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["failed", "sent"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["bounced"], "failed"),
        (["delivered", "delivered"], "delivered"),
    ],
)
async def test_receipts_only_move_a_delivery_forward(
    town: Town, provider: Provider, come: list[str], stays: str
) -> None:
    town.tell(WHOLE)
    await deliver(town, provider)
    for state in come:
        take_receipt(town.house, receipt(state))
    (row,) = to_citizen(town)

    assert row.state == stays
    assert row.last_error == ("30003" if stays != "sent" else None)


async def test_a_receipt_for_nothing_of_ours_changes_nothing(town: Town, provider: Provider) -> None:
    town.tell(WHOLE)
    await deliver(town, provider)
    take_receipt(town.house, receipt("failed", "id99"))
    take_receipt(town.house, receipt("failed", channel="whatsapp"))

    assert to_citizen(town)[0].state == "sent"


# --- photos -------------------------------------------------------------------------------------------------


async def test_an_owed_photo_is_fetched_kept_and_shown(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, attachments=(Attachment(ref="p1", content_type="image/jpeg"),))
    provider.photos = [TemporaryFailure("not yet", retry_after=5), jpeg()]
    assert await fetch_owed(town.house, provider.connections) == 1
    assert await fetch_owed(town.house, provider.connections) == 0
    town.clock.on(seconds=6)
    assert await fetch_owed(town.house, provider.connections) == 1
    (photo,) = town.rows(Photo)

    assert (photo.state, photo.report_id, photo.attempts, photo.lease_until) == ("kept", 1, 2, None)
    assert town.house.store.media.get(photo.media_key) == jpeg()
    assert photo.copy_key is not None


async def test_a_photo_that_cannot_be_had_is_shown_as_lost(town: Town, provider: Provider) -> None:
    for number, ref in enumerate(("gone", "late")):
        town.tell(WHOLE, sender=f"+62{number}", attachments=(Attachment(ref=ref),))
    provider.photos = [PermanentFailure("404"), TemporaryFailure("late", retry_after=1)]
    await fetch_owed(town.house, provider.connections)
    for _ in range(TRIES):
        provider.photos = [TemporaryFailure("late", retry_after=1)]
        town.clock.on(seconds=2)
        await fetch_owed(town.house, provider.connections)

    assert [(photo.state, photo.note) for photo in town.rows(Photo)] == [("lost", "404"), ("lost", "late")]
    told = [row.text for row in to_citizen(town) if "tidak sampai" in row.text]
    assert len(told) == 2


async def test_who_sent_ten_photos_that_cannot_be_had_is_told_once(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, attachments=tuple(Attachment(ref=f"{number}") for number in range(10)))
    provider.photos = [PermanentFailure("file is too big")] * 10
    await fetch_owed(town.house, provider.connections)

    assert len([row for row in to_citizen(town) if "tidak sampai" in row.text]) == 1


async def test_the_acknowledgement_does_not_wait_for_a_photo(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, attachments=(Attachment(ref="p1"),))
    await deliver(town, provider)

    assert len(provider.sent) == 1


# --- logs, connections --------------------------------------------------------------------------------------


async def test_no_log_line_repeats_what_was_sent_or_to_whom(
    town: Town, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="lapor")
    for number in range(3):
        town.tell(f"{WHOLE} rahasia", channel="email", sender=f"rahasia{number}@example.org")
    provider.answers = [TemporaryFailure("rahasia"), PermanentFailure("rahasia"), UNSURE]
    await deliver(town, provider)
    code = town.reports()[0].code

    assert "failed for good" in caplog.text
    assert not [word for word in ("rahasia", "Manggarai", "example.org", code) if word in caplog.text]


async def test_every_channel_has_a_connection(town: Town) -> None:
    async with open_connections(town.house.settings) as connections:
        names = {"desk", "sms", "whatsapp", "email", "telegram", "x", "web", "webhook", "queue"}
        assert set(connections) == names


async def test_a_delivery_that_another_worker_finished_is_left_alone(town: Town, provider: Provider) -> None:
    """An id may lie in two batches: the claim decides."""
    town.tell(WHOLE)
    ids = [row.id for row in town.rows(Delivery)]
    assert await deliver_due(town.house, provider.connections, ids) == 1
    assert await deliver_due(town.house, provider.connections, ids) == 0
    with town.house.store.write() as session:
        session.execute(update(Delivery).values(next_attempt_at=town.clock.at - timedelta(days=1)))
        assert len(session.scalars(select(Delivery)).all()) == 2
    assert await deliver_due(town.house, provider.connections, ids) == 0
    assert len(provider.sent) == 1


async def test_where_the_provider_cannot_tell_a_second_silence_is_the_last_try(town: Town) -> None:
    class Silent(Desk):
        tries = 0

        async def send(self, message: OutboundMessage) -> str:
            Silent.tries += 1
            raise TemporaryFailure("no answer", uncertain=True)

        async def find(self, message: OutboundMessage) -> CannotTell:
            return CannotTell.CANNOT_TELL

    town.tell(WHOLE)
    for _ in range(6):
        await deliver_due(town.house, {"desk": Desk(), "sms": Silent()})
        town.clock.on(hours=1)

    (row,) = town.rows(Delivery, channel="sms")
    assert Silent.tries == 2
    assert row.state == "failed"
    assert "may have arrived" in row.last_error


async def test_a_receipt_that_is_quicker_than_our_own_writing_down_counts(town: Town) -> None:
    class Quick(Desk):
        async def send(self, message: OutboundMessage) -> str:
            receipt = Receipt(channel="sms", account="", external_id="r", provider_id="SM1", state="failed")
            await asyncio.to_thread(take_receipt, town.house, receipt)
            return "SM1"

    town.tell(WHOLE)
    await deliver_due(town.house, {"desk": Desk(), "sms": Quick()})

    assert [row.state for row in town.rows(Delivery, channel="sms")] == ["failed"]
    assert town.rows(EarlyReceipt) == []
