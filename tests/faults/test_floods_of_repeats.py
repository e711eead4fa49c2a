"""However often and in whatever order a provider says the same thing at once, it is one message."""

import itertools
import json
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text
from town import TEXT, Town, code_in

from tests.faults.crowd import (
    a_citizen,
    a_mail,
    becomes_quiet,
    counted,
    looking_into,
    signed,
    sms_form,
)

COPIES = 200
SECRET = "hook-secret-0123456789"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Telegram comes by webhook, so that the test can be a hostile Telegram."""
    env = {"TELEGRAM_WEBHOOK_SECRET": SECRET}
    each = Town(folder=tmp_path_factory.mktemp("town"), env=env).start()
    yield each
    each.stop()
    each.client.close()


def at_once(connections: int, post: Callable[[httpx.Client, int], int], url: str) -> list[int]:
    """Every copy's status, sent over so many connections side by side."""

    def some(first: int) -> list[int]:
        with httpx.Client(base_url=url, timeout=30) as client:
            return [post(client, number) for number in range(first, COPIES, connections)]

    with ThreadPoolExecutor(connections) as pool:
        return [status for statuses in pool.map(some, range(connections)) for status in statuses]


def is_one_report(town: Town, before: int, channel: str, name: str, earlier_answers: int = 0) -> None:
    """One report more than before, one answer with its code."""
    assert code_in(town.answer(channel, name, earlier_answers + 1, within=30))
    becomes_quiet(town)
    assert len(town.answers(channel, name)) == earlier_answers + 1
    assert counted(town, "lapor_reports") == before + 1


def test_200_copies_of_one_webhook_at_once_are_one_report(town: Town) -> None:
    before, citizen = counted(town, "lapor_reports"), a_citizen("sms")
    body, headers = signed(town, "/hooks/twilio", sms_form(town, citizen))

    def post(client: httpx.Client, _: int) -> int:
        return client.post("/hooks/twilio", content=body, headers=headers).status_code

    assert at_once(20, post, town.url) == [200] * COPIES
    is_one_report(town, before, "sms", citizen.name)


def test_200_copies_of_one_mail_over_20_connections_are_one_report(town: Town) -> None:
    before, citizen = counted(town, "lapor_reports"), a_citizen("email")
    mail = a_mail(citizen)

    def some(_: int) -> int:
        with smtplib.SMTP("127.0.0.1", town.smtp, timeout=30) as server:
            return sum(server.send_message(mail) == {} for _ in range(COPIES // 20))

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(some, range(20))) == COPIES
    is_one_report(town, before, "email", citizen.name)


def update(number: int, chat: str) -> dict[str, object]:
    who = {"id": int(chat), "first_name": "Warga", "is_bot": False, "language_code": "id"}
    said = {"message_id": number, "from": who, "chat": who | {"type": "private"}, "date": 1_800_000_000}
    return {"update_id": number, "message": said | {"text": TEXT}}


def test_200_copies_of_one_telegram_update_at_once_are_one_report(town: Town) -> None:
    before, citizen = counted(town, "lapor_reports"), a_citizen("telegram")
    town.say("telegram", citizen.name, "/start")  # the stand-in must know whom it answers
    town.answer("telegram", citizen.name)
    body = json.dumps(update(900_000_001, citizen.name)).encode()
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}

    def post(client: httpx.Client, _: int) -> int:
        return client.post("/hooks/telegram", content=body, headers=headers).status_code

    assert at_once(20, post, town.url) == [200] * COPIES
    is_one_report(town, before, "telegram", citizen.name, earlier_answers=1)


ORDERS = list(itertools.permutations(["queued", "sent", "delivered"]))


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_receipts_in_any_order_leave_the_delivery_at_its_furthest_state(
    town: Town, order: tuple[str, ...]
) -> None:
    citizen = a_citizen("sms")
    body, headers = signed(town, "/hooks/twilio", sms_form(town, citizen))
    assert town.client.post("/hooks/twilio", content=body, headers=headers).status_code == 200
    town.answer("sms", citizen.name)
    sid = next(m["id"] for m in town.thread("sms", citizen.name) if m["direction"] == "out")
    for status in (*order, *order):
        assert tell(town, citizen.name, sid, status) == 200
    becomes_quiet(town)

    assert state_of(town, sid) == "delivered"


def test_200_receipts_at_once_leave_the_delivery_at_its_furthest_state(town: Town) -> None:
    citizen = a_citizen("sms")
    body, headers = signed(town, "/hooks/twilio", sms_form(town, citizen))
    town.client.post("/hooks/twilio", content=body, headers=headers)
    town.answer("sms", citizen.name)
    sid = next(m["id"] for m in town.thread("sms", citizen.name) if m["direction"] == "out")
    statuses = ["delivered", "sent", "queued", "sending", "failed"]

    def post(client: httpx.Client, number: int) -> int:
        return tell(town, citizen.name, sid, statuses[number % len(statuses)], client)

    assert at_once(20, post, town.url) == [200] * COPIES
    becomes_quiet(town)
    assert state_of(town, sid) == "delivered"


def tell(town: Town, to: str, sid: str, status: str, client: httpx.Client | None = None) -> int:
    """One status callback of Twilio's."""
    form = sms_form(town, a_citizen("sms")) | {"MessageSid": sid, "To": to, "MessageStatus": status}
    body, headers = signed(town, "/hooks/twilio/status", form)
    answer = (client or town.client).post("/hooks/twilio/status", content=body, headers=headers)
    return answer.status_code


def state_of(town: Town, sid: str) -> str:
    with looking_into(town) as ours:
        found = ours.scalar(text("SELECT state FROM deliveries WHERE provider_id = :sid"), {"sid": sid})
    return str(found)
