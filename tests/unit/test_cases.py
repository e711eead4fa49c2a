"""The table of cases: each row is what `decide` makes of a message, and the page shows the same table."""

import pytest
from cases import NAMES, Case, cases, outcome, page_of_cases

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


def test_the_page_has_a_row_for_each_case() -> None:
    assert sum(line.startswith("| ") and "| Known" not in line for line in page_of_cases()) == len(ROWS)
