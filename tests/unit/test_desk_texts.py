"""The desk's words: in each language all of them, with the same fields, and those that the templates name."""

import re
from pathlib import Path
from string import Formatter

import pytest

from desk.pages import texts

TEMPLATES = Path(__file__).resolve().parents[2] / "desk" / "templates"
ID, EN = texts("id"), texts("en")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts() -> None:
    assert set(ID) == set(EN)


@pytest.mark.parametrize("key", sorted(ID))
def test_a_text_has_the_same_fields_in_both_languages(key: str) -> None:
    assert fields(ID[key]) == fields(EN[key])


def test_what_the_templates_name_is_there() -> None:
    named = {
        key
        for each in TEMPLATES.glob("*.html")
        for key in re.findall(r"\bt\.(?!get\()([a-z_0-9]+)", each.read_text())
    }
    assert len(named) > 300
    assert named - set(ID) == set()
