"""What is kept to find a report by, and what is asked for: a question finds every word that it begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.search_words import LONGEST_WORD, MOST_ASKED, asked_words, kept_words, words_of


def finds(asked: str, text: str) -> bool:
    kept = kept_words([text]).split()
    return all(any(fits(each, word) for each in forms for word in kept) for forms in asked_words(asked))


def fits(asked: str, word: str) -> bool:
    return word.startswith(asked) if len(asked) > 1 else word == asked


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("lampu", "Lampunya mati"),
        ("lampunya", "lampu jalan"),
        ("JALANAN rusak", "jalan rusak parah"),
        ("penerangan", "penerangan jalan umum"),
        ("peneran", "penerangan jalan umum"),
        ("lubang", "jalan berlubang"),
        ("berlubang", "banyak lubang"),
        ("bersihkan", "got sudah dibersihkan"),
        ("dibersihkan", "tolong membersihkan got"),
        ("kemang 12", "Jl. Kemang Raya No. 12"),
        ("cafe", "depan Café Batavia"),
        ("manggarai", "Kel. Manggarai, Tebet"),
        ("rt 3/5", "RT 03 RW 5, RT 3"),
        ("kv9h", "KV9HZA"),
    ],
)
def test_it_is_found(asked: str, text: str) -> None:
    assert finds(asked, text)


@pytest.mark.parametrize(("asked", "text"), [("lampu got", "lampu mati"), ("2", "nomor 23"), ("jalan", "jalur")])
def test_it_is_not_found(asked: str, text: str) -> None:
    assert not finds(asked, text)


@given(st.text(min_size=1, max_size=60), st.integers(min_value=1, max_value=30))
def test_every_half_typed_word_finds_the_whole_text(text: str, length: int) -> None:
    for word in words_of(text):
        assert finds(word[: max(length, 2)], text)


@given(st.text())
def test_nothing_but_letters_and_digits_of_a_bounded_length_comes_out(text: str) -> None:
    for word in [*(each for forms in asked_words(text) for each in forms), *kept_words([text]).split()]:
        assert word.isalnum()
        assert len(word) <= LONGEST_WORD
    assert len(asked_words(text)) <= MOST_ASKED
