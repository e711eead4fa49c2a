"""Phrases found in a message's words by one walk over them, however many phrases there are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from normalizer.tokens import plain

GAP = 3  # words that "~" may stand for


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A phrase in a message: in which list, as written there, and the words it covers."""

    name: str
    phrase: str
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class _Phrase:
    name: str
    text: str
    rest: tuple[str, ...]


Finder = Callable[[Sequence[str]], Iterator[Found]]


def finder(lists: Mapping[str, str]) -> Finder:
    """Give a function that finds the phrases of several lists among a message's folded words.

    Phrases stand between slashes or on lines of their own. "~" stands for up to three words, "*" for the rest
    of a word.
    """
    whole: dict[str, list[_Phrase]] = defaultdict(list)
    begun: dict[str, list[_Phrase]] = defaultdict(list)
    for name, line in _lines(lists):
        first, *rest = (word if word.endswith("*") else plain(word) for word in line.split())
        (begun if first.endswith("*") else whole)[first.rstrip("*")].append(_Phrase(name, line, tuple(rest)))

    @lru_cache(maxsize=20_000)
    def starting(word: str) -> tuple[_Phrase, ...]:
        longer = [phrase for start, phrases in begun.items() if word.startswith(start) for phrase in phrases]
        return (*whole.get(word, ()), *longer)

    def find(words: Sequence[str]) -> Iterator[Found]:
        for place, word in enumerate(words):
            for phrase in starting(word):
                if ends := _end(phrase.rest, words, place + 1):
                    yield Found(name=phrase.name, phrase=phrase.text, begins=place, ends=ends)

    return find


def _lines(lists: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, text in lists.items():
        for line in text.splitlines():
            yield from ((name, phrase.strip()) for phrase in line.split("/") if phrase.strip())


def _end(rest: Sequence[str], words: Sequence[str], place: int) -> int:
    """Where the phrase ends that goes on with `rest` at `place`; 0 where it does not."""
    for number, wanted in enumerate(rest):
        if wanted == "~":
            tail = rest[number + 1 :]
            return next((end for skip in range(GAP + 1) if (end := _end(tail, words, place + skip))), 0)
        if place >= len(words) or not _is(wanted, words[place]):
            return 0
        place += 1
    return place


def _is(wanted: str, word: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
