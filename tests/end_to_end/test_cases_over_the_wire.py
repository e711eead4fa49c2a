"""The table's first messages over the real channels: what arrives there is taken for what the table says."""

import pytest
from cases import Case, cases
from sqlalchemy import text
from town import Town, eventually, jpeg, new_citizen

from tests.faults.crowd import looking_into

# Those that need nothing before them: a stranger's report ({A}) or an earlier question cannot be made here.
FIRST = [
    case
    for case in cases()
    if not (case.given or case.asked or case.on or case.edits or case.unproven or case.auto or "{" in case.says)
    and not (case.edit_came_first or case.subject or case.channel == "x")
]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_a_first_message_is_taken_for_what_the_table_says(town: Town, channel: str) -> None:
    said = [case for case in FIRST if case.channel in {channel, "whatsapp"} and _can(channel, case)]
    before = len(_kinds(town))
    for case in said:
        pin = {"lat": case.pin[0], "long": case.pin[1]} if case.pin else {}
        town.say(channel, new_citizen(channel), case.text, photos=(jpeg(),) if case.photo else (), **pin)
    eventually(lambda: len(_kinds(town)) == before + len(said), within=60, what="all are taken")

    assert sorted(_kinds(town)[before:]) == sorted((case.text, case.then.split()[0]) for case in said)
    assert len(said) > 30


def _can(channel: str, case: Case) -> bool:
    """No channel brings an empty message, an SMS no pin, and none a pin with words or a photo in one message."""
    if case.pin:
        return channel != "sms" and not case.photo and not case.text
    return bool(case.text or case.photo)


def _kinds(town: Town) -> list[tuple[str, str]]:
    """What was said so far, and what each was taken for."""
    with looking_into(town) as ours:
        return [(said, kind) for said, kind in ours.execute(text("SELECT text, kind FROM messages ORDER BY id"))]
