"""The simulated city: nobody is left without an answer, nothing is asked twice, no problem has two reports."""

from pathlib import Path

import pytest

from tests.city import Outcome, figures, play


def check(found: Outcome) -> None:
    print(figures(found))
    assert found.messages > 3 * found.citizens
    assert found.left == []
    assert found.asked_twice == []
    assert found.swallowed == []
    assert found.doubled == []
    assert found.share(0.5) <= 1
    assert found.share(0.99 if found.reports >= 100 else 0.98) <= 2  # of sixty reports the hundredth part is none


def test_twenty_citizens_are_served_well(tmp_path: Path) -> None:
    check(play(tmp_path, 20, seed=1))


@pytest.mark.long
def test_a_thousand_citizens_are_served_well(tmp_path: Path) -> None:
    check(play(tmp_path, 1000, seed=7))
