"""How a street's name is looked up: without titles, "raya" and old spellings, with its number in digits."""

import re
from collections.abc import Iterator, Sequence

from normalizer.remembered import remembered
from normalizer.roman import ROMAN
from normalizer.wordlists import words as word_list

_SKIPPED = word_list("street_titles") | word_list("street_first_names") | word_list("street_led_by")
_OLD = (("oe", "u"), ("dj", "j"), ("ch", "h"), ("dh", "d"), ("iy", "i"), ("kh", "h"))
_TWICE = re.compile(r"([a-z])\1")


@remembered
def _sound(name: str) -> str:
    for old, new in _OLD:
        name = name.replace(old, new)
    return _TWICE.sub(r"\1", name)


def street_key(tokens: Sequence[str]) -> str:
    """Give one key for "Prof. Dr. Soepomo", "Supomo" and "dr supomo raya"; tokens are folded, in lower case."""
    first = 0
    while first < len(tokens) - 1 and (tokens[first] in _SKIPPED or _is_letter(tokens[first])):
        first += 1
    last = len(tokens)
    while last - first > 1 and tokens[last - 1] == "raya":
        last -= 1
    kept = [tokens[first], *(_in_digits(token) for token in tokens[first + 1 : last])]
    return _sound("".join(kept))


def beginnings_of_street(tokens: Sequence[str]) -> set[str]:
    """What a street's name may be recognised by at its first word: that one, or the first that is no title."""
    kept = next((token for token in tokens if token not in _SKIPPED and not _is_letter(token)), tokens[-1])
    return {tokens[0], kept, _sound(tokens[0]), _sound(kept)}


def _is_letter(token: str) -> bool:
    return len(token) == 1 and token.isalpha()


def _in_digits(token: str) -> str:
    if token in ROMAN:
        return str(ROMAN[token])
    return token.lstrip("0") or token if token.isdigit() else token


def twice_in(token: str) -> bool:
    """Whether a letter stands twice: looked up, it is one."""
    return _TWICE.search(token) is not None


def is_number(token: str) -> bool:
    """Whether a word numbers a street: "7", "VII", "4e"."""
    return token in ROMAN or token.isdigit() or (1 < len(token) <= 4 and token[:-1].isdigit())


def keys_of_street(tokens: Sequence[str], endings: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Give the keys to try for a street's words, the fullest first; True where only a number, "dalam" or the
    like was left off, so that it is the same street or its neighbour."""
    near = True
    for last in range(len(tokens), 0, -1):
        if last < len(tokens):
            near = near and (is_number(tokens[last]) or tokens[last] in endings)
        yield street_key(tokens[:last]), near
