"""Phrases found in a message's words by one walk over them, however many phrases there are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import compress, product
from typing import NamedTuple

from normalizer.remembered import remembered
from normalizer.tokens import plain

GAP = 3  # words that "~" may stand for


class Found(NamedTuple):
    """A phrase in a message: in which list, as written there, and the words it covers."""

    name: str
    phrase: str
    begins: int
    ends: int


class _Phrase(NamedTuple):
    name: str
    text: str
    rest: tuple[str, ...]
    needs: str  # a word without which it cannot stand there, "" where there is none


@dataclass(slots=True)
class _Start:
    """The phrases that begin with a word: that word alone, by their second word, or with a gap behind it."""

    alone: list[_Phrase] = field(default_factory=list)
    by_next: dict[str, list[_Phrase]] = field(default_factory=lambda: defaultdict(list))
    open: list[_Phrase] = field(default_factory=list)

    def add(self, phrase: _Phrase) -> None:
        if not phrase.rest:
            self.alone.append(phrase)
        elif phrase.rest[0] == "~" or phrase.rest[0].endswith("*"):
            self.open.append(phrase)
        else:
            self.by_next[phrase.rest[0]].append(phrase)


Finder = Callable[[Sequence[str]], Iterator[Found]]


def finder(lists: Mapping[str, str]) -> Finder:
    """Give a function that finds the phrases of several lists among a message's folded words.

    Phrases stand between slashes or on lines of their own. "~" stands for up to three words, "*" for the rest
    of a word, "a|b" for one of them.
    """
    whole: dict[str, _Start] = defaultdict(_Start)
    begun: dict[str, _Start] = defaultdict(_Start)
    for name, text in _phrases(lists):
        first, *rest = (word if word.endswith("*") else plain(word) for word in text.split())
        needs = next((word for word in rest if word != "~" and not word.endswith("*")), "")
        (begun if first.endswith("*") else whole)[first.rstrip("*")].add(_Phrase(name, text, tuple(rest), needs))
    beginnings = tuple(begun)

    @remembered
    def starting(word: str) -> tuple[_Start, ...]:
        longer: tuple[_Start, ...] = ()
        if word.startswith(beginnings):
            longer = tuple(start for beginning, start in begun.items() if word.startswith(beginning))
        return (whole[word], *longer) if word in whole else longer

    def find(words: Sequence[str]) -> Iterator[Found]:
        said = {"", *words}
        for place in compress(range(len(words)), map(starting, words)):
            for start in starting(words[place]):
                if start.alone or start.open or (place + 1 < len(words) and words[place + 1] in start.by_next):
                    yield from _found(start, words, place, said)

    return find


def _phrases(lists: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, text in lists.items():
        for line in text.splitlines():
            for phrase in line.split("/"):
                choices = [word.split("|") for word in phrase.split()]
                yield from ((name, " ".join(words)) for words in product(*choices) if words)


def _found(start: _Start, words: Sequence[str], place: int, said: Set[str]) -> Iterator[Found]:
    for phrase in start.alone:
        yield Found(phrase.name, phrase.text, place, place + 1)
    after = place + 1
    following = start.by_next.get(words[after], ()) if start.by_next and after < len(words) else ()
    for phrase in (*following, *start.open):
        if phrase.needs in said and (ends := _end(phrase.rest, words, after)):
            yield Found(phrase.name, phrase.text, place, ends)


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
