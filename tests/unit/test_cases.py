"""The table of cases: each row is what `decide` makes of a message, and the page shows the same table."""

import pytest
from cases import HEADING, NAMES, PAGE, Case, cases, outcome, page_of_cases, part_of_page

from router.codes import is_code

ROWS = cases()


@pytest.mark.parametrize("case", ROWS, ids=[case.name for case in ROWS])
def test_a_message_is_taken_for_what_the_table_says(case: Case) -> None:
    assert outcome(case) == case.then


def test_the_table_holds_more_than_eighty_cases_and_none_twice() -> None:
    asked = [
        (c.says, c.photo, c.pin, c.on, c.edits, c.given, c.asked, c.unproven, c.channel, c.auto) for c in ROWS
    ]

    assert len(ROWS) > 80
    assert len(set(asked)) > len(ROWS) - 3
    assert all(is_code(code) for code in NAMES)


def test_the_page_shows_the_table_as_it_is() -> None:
    """After a change: .venv/bin/python -m tests.cases"""
    assert [line for line in part_of_page(PAGE, HEADING) if line] == [line for line in page_of_cases() if line]
