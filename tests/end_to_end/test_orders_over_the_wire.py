"""Text, photos and pin over the real channels, with a restart between any two messages: one report, one answer."""

from collections.abc import Callable
from typing import Any

import pytest
from town import PLACE, Town, code_in, eventually, jpeg, new_citizen, report

WORDS: dict[str, Any] = {"text": "pohon tumbang nutup jalan"}
FIRST, SECOND = ({"photos": (jpeg(colour),)} for colour in ("gray", "navy"))
BOTH: dict[str, Any] = {"photos": (jpeg("gray"), jpeg("navy"))}
ORDERS: dict[str, tuple[dict[str, Any], ...]] = {
    "photo, text with photo, pin": (FIRST, WORDS | SECOND, PLACE),
    "pin, photos, text": (PLACE, BOTH, WORDS),
    "text, pin, photos": (WORDS, PLACE, BOTH),
}


@pytest.mark.long
@pytest.mark.parametrize("channel", ["telegram", "whatsapp"])
@pytest.mark.parametrize("order", list(ORDERS))
def test_told_over_two_restarts_it_is_one_report_with_one_answer(
    new_town: Callable[..., Town], channel: str, order: str
) -> None:
    town = new_town(QUIET_SECONDS="120").start()
    citizen = new_citizen(channel)
    for number, piece in enumerate(ORDERS[order]):
        if number:
            town.kill() if number == 1 else town.stop()
            town.start()
        town.say(channel, citizen, **piece)

    code = code_in(town.answer(channel, citizen, within=40))
    kept = report(town, code)
    assert kept["service_code"] == "pohon"
    assert (round(kept["lat"], 3), round(kept["long"], 3)) == (-6.209, 106.846)
    eventually(lambda: len(town.requests()) == 1, what="one report")
    assert len(town.answers(channel, citizen)) == 1
