"""What most unit tests begin with: an empty house, its clock, its journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.journal import Journal
from tests.unit.houses import Clock, Town, new_town
from tests.unit.journals import opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with opened(tmp_path / "journal", clock) as made:
        yield made


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return new_town(tmp_path)
