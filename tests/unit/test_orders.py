"""Text, photos and a pin in every order and grouping, with a restart between any two: one report, one answer."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from normalizer.schema import Attachment, Position
from router.clock import tick
from store.models import Message, Photo
from tests.town import jpeg
from tests.unit.houses import Town, new_town

MANGGARAI = Position(lat=-6.2088, long=106.8456)
PIECES = ("text", "photo 1", "photo 2", "pin")
PHOTOS = {name: jpeg(colour) for name, colour in (("photo 1", "gray"), ("photo 2", "navy"))}

Pieces = tuple[str, ...]


def groupings(order: Pieces) -> Iterator[tuple[Pieces, ...]]:
    """The order cut into one to four messages, in every way; a message holds at most one pin or text with photos."""
    if not order:
        yield ()
    for size in range(1, len(order) + 1):
        for rest in groupings(order[size:]):
            yield (order[:size], *rest)


def orders() -> list[tuple[Pieces, ...]]:
    """Every way to tell it in one to four messages; what stands together in one message has no order."""
    told = {
        tuple(tuple(sorted(each)) for each in grouping)
        for order in permutations(PIECES)
        for grouping in groupings(order)
    }
    return sorted(told)


def say(town: Town, pieces: Pieces, channel: str) -> None:
    more: dict[str, Any] = {"position": MANGGARAI} if "pin" in pieces else {}
    photos = tuple(
        Attachment(content=PHOTOS[piece], content_type="image/jpeg") for piece in pieces if piece in PHOTOS
    )
    text = "pohon tumbang nutup jalan" if "text" in pieces else ""
    town.tell(text, channel=channel, sender="70001", attachments=photos, **more)


ORDERS = orders()


def test_all_ways_to_tell_it_are_tried() -> None:
    assert len(ORDERS) == 75  # the ordered partitions of four things
    assert sum(len(order) == 3 for order in ORDERS) == 36


@pytest.mark.parametrize("order", ORDERS, ids=[" | ".join(" + ".join(each) for each in order) for order in ORDERS])
def test_in_every_order_it_is_one_report_with_both_photos_and_the_place(tmp_path: Path, order: tuple) -> None:
    town = new_town(tmp_path)
    for number, pieces in enumerate(order):
        if number:
            town.clock.on(seconds=5)
            town = town.again()
            tick(town.house)
        say(town, pieces, "telegram")
    town.wait_quietly()
    town = town.again()
    town.clock.on(hours=1)
    town.wait_quietly()

    report = town.report()
    assert (report.service_code, report.lat, report.long) == ("pohon", MANGGARAI.lat, MANGGARAI.long)
    assert (report.status, report.asked_for) == ("assigned", None)
    assert [photo.report_id for photo in town.rows(Photo)] == [report.id] * 2
    assert {row.report_id for row in town.rows(Message)} == {report.id}
    assert len(town.answers()) == 1
    assert report.code in town.answers()[0]


@pytest.mark.parametrize("order", [order for order in ORDERS if len(order) == 3])
def test_somebody_who_has_an_open_report_may_tell_the_next_one_in_pieces(tmp_path: Path, order: tuple) -> None:
    town = new_town(tmp_path)
    town.tell("lampu jalan mati total di Jl. Kemang Raya, Kelurahan Bangka", channel="telegram", sender="70001")
    town.clock.on(hours=20)
    for pieces in order:
        say(town, pieces, "telegram")
        town.clock.on(seconds=5)
        town = town.again()
        tick(town.house)
    town.clock.on(minutes=3)
    town.wait_quietly()

    old, new = town.reports()
    assert (old.service_code, new.service_code) == ("lampu_jalan", "pohon")
    assert [photo.report_id for photo in town.rows(Photo)] == [new.id] * 2
    assert (new.lat, new.long) == (MANGGARAI.lat, MANGGARAI.long)
    assert len(town.answers()) == 2
