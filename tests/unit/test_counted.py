"""The public's counts are kept over a start, so that nobody waits for them."""

from pathlib import Path

import pytest

from desk.counted import FILE, Counted, counted, of_group
from tests.wire.desk_rooms import add_report, open_rooms
from tests.wire.loopback import until


def number(found: Counted) -> int:
    return sum(of_group(found.everything, within=None, service=None, span=4).values())


@pytest.mark.asyncio
async def test_first_visitor_after_a_start_is_shown_the_last_counts_and_the_next_ones_the_new(
    tmp_path: Path,
) -> None:
    house = open_rooms(tmp_path)
    add_report(house)
    assert number(counted(house, few=1)) == 1
    add_report(house)
    again = open_rooms(tmp_path)
    assert number(counted(again, few=1)) == 1
    await until(lambda: number(counted(again, few=1)) == 2)


def test_few_reports_are_counted_for_everybody_and_not_kept(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    for count in (1, 2):
        add_report(house)
        assert number(counted(house)) == count
    assert not (tmp_path / FILE).exists()


def test_counts_of_another_rule_or_of_half_a_file_are_not_shown(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    add_report(house)
    counted(house, few=1)
    add_report(house)
    file = tmp_path / FILE
    whole = file.read_bytes()
    for content in (
        whole.replace(b'"rules": "', b'"rules": "x'),
        whole[:40],
        b"[]",
        b'{"rules": 1, "counts": [[1]]}',
    ):
        file.write_bytes(content)
        assert number(counted(open_rooms(tmp_path), few=1)) == 2
