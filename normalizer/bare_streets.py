"""Known streets whose "Jl." was left out: "gatot subroto macet", "Setu Indah V banjir"."""

from collections.abc import Container, Sequence

from normalizer.address import Street, house_behind, is_number, no_gap_between
from normalizer.gazetteer import LONGEST_NAME, Gazetteer
from normalizer.street_names import street_key
from normalizer.tokens import Words, places_of
from normalizer.wordlists import words as word_list

SHORTEST_KEY = 7  # letters
_OF_PEOPLE = (
    word_list("no_person") | word_list("courtesy") | frozenset(["pak", "bapak", "ibu", "bu", "saya", "nama"])
)
_NO_BEGINNING, _NO_STREETS = word_list("street_led_by") | word_list("no_street"), word_list("no_bare_names")
_ORDINARY = word_list("indonesian") | word_list("english") | word_list("no_street") | word_list("landmarks")


def bare_streets(words: Words, folded: Sequence[str], names: Gazetteer, known: Container[str]) -> list[Street]:
    """Find the first street of two words and more that the lists know; for texts where "jalan" leads none.

    One word may be anything. Two that are no ordinary words are a street, and so are two that "raya" or a number
    follows where one of them is none.
    """
    for place in places_of(folded, names.street_beginnings):
        if not _may_begin(words, place):
            continue
        for last in range(min(place + LONGEST_NAME, len(folded)), place + 1, -1):
            if _is_street(words, folded, place, last, names, known):
                end = last + _goes_on(words, last)
                text = words.text[words.starts[place] : words.ends[end - 1]] + house_behind(words, end)
                return [Street(first=place - 1, last=end, text=text, tokens=tuple(folded[place:end]))]
    return []


def _may_begin(words: Words, place: int) -> bool:
    first, before = words.tokens[place], words.tokens[place - 1] if place else ""
    return len(first) > 1 and first not in _NO_BEGINNING and first not in _OF_PEOPLE and before not in _OF_PEOPLE


def _is_street(
    words: Words, folded: Sequence[str], place: int, last: int, names: Gazetteer, known: Container[str]
) -> bool:
    key = street_key(folded[place:last])
    if len(key) < SHORTEST_KEY or key not in names.streets or key in _NO_STREETS:
        return False
    if not no_gap_between(words, place, last):
        return False
    ordinary = [token in known or token in _ORDINARY for token in words.tokens[place:last]]
    if _goes_on(words, last) or words.tokens[last - 1] == "raya":
        return not all(ordinary)
    return not any(ordinary)


def _goes_on(words: Words, last: int) -> bool:
    """Whether a number follows: "Setu Indah V"."""
    return last < len(words.tokens) and is_number(words.tokens[last]) and no_gap_between(words, last - 1, last + 1)
