"""One wrong letter finds the word that was meant; an ordinary word stays what it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.lexicon import lexicon
from normalizer.tokens import words_of
from normalizer.typos import corrector

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
FOLD = lexicon(PACK).fold
MEANT = corrector({"saluran", "berlubang", "mampet", "banjir"}, {"salurkan"})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("salurn", "saluran"),
        ("salurran", "saluran"),
        ("salruan", "saluran"),
        ("berlubqng", "berlubang"),
        ("berlubng", "berlubang"),
        ("bajir", "banjir"),
    ],
)
def test_a_missing_added_swapped_or_changed_letter(typed: str, meant: str) -> None:
    assert MEANT(typed) == meant


@pytest.mark.parametrize("typed", ["salurkan", "saluran2", "s", "", "xaluran", "mampus", "slrn", "baňjir"])
def test_no_typing_error(typed: str) -> None:
    assert MEANT(typed) is None


def test_two_words_that_lie_as_near_are_none() -> None:
    assert corrector({"ditambah", "ditambal"}, ())("ditamba") is None


@pytest.mark.parametrize("typed", ["lampuu", "smapah", "selokn", "troroar", "jembatn", "genangn"])
def test_typing_errors_of_the_citys_lexicon(typed: str) -> None:
    assert FOLD(typed) in lexicon(PACK).known


@pytest.mark.parametrize(
    "word",
    ["sekali", "posisi", "langkah", "semarang", "koran", "sekarang", "semakin", "disitu", "berikan", "menular"],
)
def test_ordinary_words_stay(word: str) -> None:
    assert FOLD(word) == word


def test_names_of_places_stay() -> None:
    names = [area.name for area in PACK.areas.values() if " " not in area.name]
    single = [token for name in names for token in words_of(name).tokens if len(token) > 5]
    changed = [name for name in single if FOLD(name) != name and FOLD(name) not in name]
    assert changed == []


@given(st.text(max_size=20))
def test_any_text_is_answered(text: str) -> None:
    assert MEANT(text) in {None, "saluran", "berlubang", "mampet", "banjir"}
