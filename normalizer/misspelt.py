"""Names with one wrong letter: left out, put in, exchanged or swapped with its neighbour."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import not_
from typing import NamedTuple

from normalizer.tokens import Words
from normalizer.wordlists import SLANG
from normalizer.wordlists import words as word_list

SHORT = 6  # letters: of these two at each end are enough
SHORTEST = 5  # letters: shorter names have too many ordinary words for neighbours
LONG = 11  # letters: of these five at one end are whole, of fewer three
# One letter off them are names of areas ("pasir", "kamar"): never read as a name with a wrong letter.
NO_MISTAKES = (
    word_list("no_misspelt_names") | word_list("no_street") | word_list("indonesian") | word_list("english")
    | word_list("landmarks") | word_list("courtesy") | word_list("beside")
    | frozenset(SLANG) | frozenset(SLANG.values())
)  # fmt: skip

DIGITS = "0123456789"

_Names = Mapping[str, tuple[str, ...]]


class Spellings(NamedTuple):
    """Long names by what one wrong letter leaves whole: how they begin or how they end, and short ones by both."""

    beginnings: _Names
    endings: _Names
    both: _Names


def spellings(names: Iterable[str]) -> Spellings:
    """Index names for right_spellings."""
    known = [name for name in names if len(name) >= SHORTEST and name.isalpha()]
    return Spellings(
        beginnings=_by(known, lambda name: name[: _whole(name)]),
        endings=_by(known, lambda name: name[-_whole(name) :]),
        both=_by((name for name in known if len(name) <= SHORT), lambda name: name[:2] + name[-2:]),
    )


def _whole(name: str) -> int:
    return 3 if len(name) < LONG else 5


def _by(names: Iterable[str], part: Callable[[str], str]) -> _Names:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[part(name)].append(name)
    return {whole: tuple(meant) for whole, meant in found.items()}


def may_lead(index: Spellings) -> Callable[[str], bool]:
    """Whether a name begins like this word. Where none does, and none ends like the last of several words, more
    than one letter is wrong: most words need not be put together at all."""
    begun = frozenset(part[:few] for part in index.beginnings for few in range(1, 4))
    return lambda word: word[:3] in begun


def may_end(index: Spellings) -> Callable[[str], bool]:
    """Whether a name ends like this word, but for a number behind it."""
    ended = frozenset(part[-few:] for part in index.endings for few in range(1, 4)) | {""}
    return lambda word: word.rstrip(DIGITS)[-3:] in ended


def right_spellings(index: Spellings, key: str) -> set[str]:
    """Give the names that a key misses by one letter: none where it is too short."""
    size = len(key)
    if size < SHORTEST:
        return set()
    near: tuple[str, ...] = ()
    if size <= LONG:
        near = index.beginnings.get(key[:3], ()) + index.endings.get(key[-3:], ())
    if size >= LONG - 1:
        near += index.beginnings.get(key[:5], ()) + index.endings.get(key[-5:], ())
    if size <= SHORT:
        near += index.both.get(key[:2] + key[-2:], ())
    return {name for name in near if -2 < len(name) - size < 2 and is_one_off(name, key)} if near else set()


def is_one_off(name: str, other: str) -> bool:
    """Whether two different words differ by one letter or by two neighbours that changed places."""
    if abs(len(name) - len(other)) > 1 or name == other:
        return False
    start, shorter = 0, min(len(name), len(other))
    while start < shorter and name[start] == other[start]:
        start += 1
    rest, others = name[start:], other[start:]
    if len(rest) == len(others):
        swapped = len(rest) > 1 and rest[0] == others[1] and rest[1] == others[0] and rest[2:] == others[2:]
        return rest[1:] == others[1:] or swapped
    return rest[1:] == others if len(rest) > len(others) else rest == others[1:]


def strange_in(words: Words, known: frozenset[str]) -> list[bool]:
    """Which words are none that we know, so that they may be a name with a wrong letter."""
    return list(map(not_, map(_familiar(known).__contains__, words.tokens)))


@lru_cache(maxsize=4)
def _familiar(known: frozenset[str]) -> frozenset[str]:
    return NO_MISTAKES | known
