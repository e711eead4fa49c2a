"""A text's words and their places, and what is remembered of a word."""

from hypothesis import given
from hypothesis import strategies as st

from normalizer import remembered as memory
from normalizer.remembered import remembered
from normalizer.tokens import places_of, tokens_of, words_of


@given(st.text())
def test_each_word_stands_where_it_is_said_to(text: str) -> None:
    words = words_of(text)
    stood = zip(words.starts, words.ends, strict=True)
    assert [text[start:end].lower() for start, end in stood] == list(words.tokens) == tokens_of(text)
    assert all(end <= start for end, start in zip(words.ends, words.starts[1:], strict=False))


def test_the_places_of_some_words() -> None:
    assert places_of(["jalan", "rusak", "di", "jalan"], {"jalan", "di"}) == [0, 2, 3]
    assert places_of([], {"jalan"}) == []


def test_a_word_is_worked_out_once() -> None:
    asked = []
    double = remembered(lambda word: asked.append(word) or word * 2)
    assert [double("a"), double("b"), double("a")] == ["aa", "bb", "aa"]
    assert asked == ["a", "b"]


def test_what_is_said_again_and_again_is_never_forgotten_and_memory_stays_small() -> None:
    asked = []
    same = remembered(lambda word: asked.append(word) or word)
    for number in range(5 * memory.MOST):
        same("jalan")
        same(str(number))
    assert asked.count("jalan") == 1
    assert len(same.__self__) + len(same.__self__._before) <= memory.MOST
