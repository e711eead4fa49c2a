"""When an address takes nothing more, or asks for silence, news goes to the next one that its person linked."""

import pytest

from normalizer.schema import PermanentFailure, Receipt, TemporaryFailure
from router.receipts import take_receipt
from store.models import Address, Delivery
from tests.unit.houses import NO_PLACE, WHOLE, Town
from tests.unit.test_linking import BOT, MAIL, SMS, code_for, said_to
from tests.unit.test_outbox import Provider, deliver

BLOCKED = PermanentFailure("Telegram said 403: blocked", of_address=True)


@pytest.fixture
def provider() -> Provider:
    return Provider()


async def linked(town: Town, provider: Provider, other: dict[str, str] = SMS) -> None:
    """A report by Telegram; its reporter has another channel, too; all is sent."""
    town.tell(WHOLE, **BOT)
    town.tell(f"hubungkan {code_for(town, **BOT)}", **other)
    while await deliver(town, provider):
        pass
    provider.sent.clear()


async def all_sent(town: Town, provider: Provider) -> list[tuple[str, str]]:
    """Where what went: channel and text."""
    while await deliver(town, provider):
        pass
    return [(message.channel, message.text) for message in provider.sent]


async def test_what_a_blocked_bot_could_not_say_goes_to_the_next_channel_once(
    town: Town, provider: Provider
) -> None:
    await linked(town, provider)
    town.move("in_progress", notes="Tim berangkat")
    provider.answers = [BLOCKED]

    ((channel, text),) = await all_sent(town, provider)
    assert channel == "sms"
    assert "Tim berangkat" in text
    assert [row.unreachable for row in town.rows(Address)] == ["Telegram said 403: blocked", None]
    *_, failed, anew = [row for row in town.rows(Delivery) if row.address_id]
    assert (failed.state, anew.state, failed.report_id) == ("failed", "sent", anew.report_id)


async def test_later_news_go_there_at_once_until_they_write_again(town: Town, provider: Provider) -> None:
    await linked(town, provider)
    town.move("in_progress")
    provider.answers = [BLOCKED]
    await all_sent(town, provider)
    town.move("scheduled")
    assert {channel for channel, _ in await all_sent(town, provider)} == {"sms"}

    town.tell("halo", **BOT)
    town.move("resolved", notes="Diganti")
    assert (await all_sent(town, provider))[-1][0] == "telegram"
    assert [row.unreachable for row in town.rows(Address)] == [None, None]


async def test_a_failure_of_one_message_says_nothing_about_the_address(town: Town, provider: Provider) -> None:
    await linked(town, provider)
    town.move("in_progress")
    provider.answers = [PermanentFailure("Telegram said 400: too big")]

    assert await all_sent(town, provider) == []
    assert [row.unreachable for row in town.rows(Address)] == [None, None]


async def test_a_bounce_sends_the_text_to_the_next_channel(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **MAIL)
    town.tell(f"hubungkan {code_for(town, **MAIL)}", **SMS)
    provider.answers = ["<lapor.1@x>"]
    await all_sent(town, provider)
    bounced = [row.id for row in town.rows(Delivery) if row.provider_id == "<lapor.1@x>"]
    provider.sent.clear()
    receipt = Receipt(
        channel="email",
        account="",
        external_id="r",
        provider_id="<lapor.1@x>",
        state="bounced",
        reason="bounced: 5.1.1",
        of_address=True,
    )
    for _ in range(2):
        take_receipt(town.house, receipt)

    ((channel, text),) = await all_sent(town, provider)
    assert channel == "sms"
    assert town.report().code in text
    assert "surel" not in text  # how to answer a mail is no use there
    assert town.rows(Delivery, id=bounced[0])[0].state == "failed"


async def test_a_receipt_that_came_first_does_the_same(town: Town, provider: Provider) -> None:
    await linked(town, provider, other={"channel": "whatsapp", "sender": "+6281234"})
    town.tell(WHOLE.replace("2", "9"), **SMS)
    town.tell(f"hubungkan {code_for(town, **BOT)}", **SMS)
    provider.answers = [f"SM{number}" for number in range(9)]
    early = Receipt(channel="sms", account="", external_id="r", provider_id="SM0", state="failed", reason="30005")
    take_receipt(town.house, Receipt(**{**_fields(early), "of_address": True}))
    await all_sent(town, provider)

    assert [row.unreachable for row in town.rows(Address, channel="sms")] == ["30005"]


def _fields(receipt: Receipt) -> dict[str, object]:
    return {name: getattr(receipt, name) for name in receipt.__dataclass_fields__}


async def test_nobody_else_is_told_what_nobody_was_linked_to(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)
    provider.answers = [BLOCKED]

    assert await all_sent(town, provider) == []
    town.move("in_progress")
    assert [channel for channel, _ in await all_sent(town, provider)] == ["telegram"]  # tried all the same


# --- BERHENTI -----------------------------------------------------------------------------------------------


async def test_who_said_stop_hears_that_and_nothing_more(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)
    town.tell("berhenti", **BOT)
    town.move("in_progress", notes="Tim berangkat")
    town.move("resolved", notes="Diganti")

    ((_, text),) = await all_sent(town, provider)
    assert text.startswith("Baik, kami tidak akan mengirim pesan lagi ke sini.")
    states = [(row.state, row.last_error) for row in town.rows(Delivery) if row.report_id and row.address_id]
    assert states == [("withdrawn", "withdrawn: they asked us to write no more")]


async def test_another_linked_channel_hears_instead(town: Town, provider: Provider) -> None:
    await linked(town, provider)
    town.move("in_progress", notes="Tim berangkat")
    town.tell("berhenti", **BOT)
    town.move("resolved", notes="Diganti")

    sent = await all_sent(town, provider)
    assert [channel for channel, _ in sent] == ["telegram", "sms", "sms"]
    assert "Tim berangkat" in sent[1][1]
    assert "Diganti" in sent[2][1]


async def test_what_was_on_its_way_is_not_tried_again(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)

    async def stop() -> None:
        provider.on_send = None
        town.clock.on(seconds=1)
        town.tell("berhenti", **BOT)

    provider.on_send = stop
    provider.answers = [TemporaryFailure("busy")]
    await deliver(town, provider)
    town.clock.on(hours=1)

    assert [text[:5] for _, text in await all_sent(town, provider)] == ["Baik,"]
    assert [row.state for row in town.rows(Delivery) if row.report_id and row.address_id] == ["withdrawn"]


async def test_a_new_report_is_acknowledged_and_stays_without_news(town: Town, provider: Provider) -> None:
    town.tell("berhenti", **SMS)
    await all_sent(town, provider)
    provider.sent.clear()
    town.clock.on(minutes=1)
    town.tell(NO_PLACE, **SMS)
    town.wait_quietly()
    town.tell("di Jl Kemang Raya, Kelurahan Bangka", **SMS)
    town.move("in_progress", notes="Tim berangkat")

    sent = await all_sent(town, provider)
    assert len(sent) == 2
    assert all(town.report().code in text for _, text in sent)
    assert "Tim berangkat" not in sent[-1][1]


async def test_start_brings_news_again(town: Town, provider: Provider) -> None:
    town.tell(WHOLE, **BOT)
    for words in ("berhenti", "mulai"):
        town.clock.on(seconds=1)
        town.tell(words, **BOT)
    town.move("in_progress", notes="Tim berangkat")

    assert "Tim berangkat" in (await all_sent(town, provider))[-1][1]


@pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "END", "START", "HELP", "info"])
def test_what_twilio_answers_by_sms_is_not_answered_again(town: Town, word: str) -> None:
    town.tell(word, **SMS)
    town.tell(word, channel="whatsapp", sender="+6281234")

    assert said_to(town, "sms") == []
    assert len(said_to(town, "whatsapp")) == 1


def test_stop_to_twilio_stops_us_too(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell("STOP", **SMS)
    town.move("in_progress")

    assert [row.state for row in town.rows(Delivery) if row.address_id] == ["withdrawn"]
