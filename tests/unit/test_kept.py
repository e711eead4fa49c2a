"""What everybody may ask for is computed once a minute, by one at a time, and does not grow without end."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from desk import kept as kept_room
from desk.kept import MOST, kept
from tests.unit.houses import Town, new_town


def test_many_who_ask_at_once_are_one_computation(town: Town) -> None:
    numbers, together = count(1), Barrier(8)

    def ask(_: int) -> int:
        together.wait(10)
        return kept(town.house, ("card", "2026-03"), lambda: next(numbers))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [1] * 8
    assert next(numbers) == 2


def test_a_minute_later_it_is_computed_again(town: Town) -> None:
    numbers = count(1)
    asked = [kept(town.house, ("a",), lambda: next(numbers)) for _ in range(2)]
    town.clock.on(seconds=60)
    assert [*asked, kept(town.house, ("a",), lambda: next(numbers))] == [1, 1, 2]


def test_an_empty_answer_is_kept_too(town: Town) -> None:
    numbers = count(1)
    assert kept(town.house, ("none",), lambda: None) is None
    assert kept(town.house, ("none",), lambda: next(numbers)) is None


def test_another_house_has_answers_of_its_own(town: Town, tmp_path: Path) -> None:
    other = new_town(tmp_path / "other")
    assert [
        kept(each.house, ("a",), lambda name=name: name) for name, each in (("one", town), ("two", other))
    ] == [
        "one",
        "two",
    ]


def test_a_computation_that_fails_is_tried_again_by_the_next(town: Town) -> None:
    with pytest.raises(ZeroDivisionError):
        kept(town.house, ("broken",), lambda: 1 // 0)
    assert kept(town.house, ("broken",), lambda: "whole") == "whole"


def test_the_oldest_answers_go_when_there_are_too_many(town: Town) -> None:
    for number in range(MOST + 20):
        kept(town.house, ("many", number), lambda number=number: number)
    assert len(kept_room._kept) == MOST
    assert kept(town.house, ("many", 0), lambda: "computed again") == "computed again"
    assert kept(town.house, ("many", MOST + 19), lambda: "computed again") == MOST + 19
