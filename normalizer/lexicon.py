"""A city pack's phrases, compiled once for look-up, with the folding that finds them behind endings and slang."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from config.pack import Pack, Service
from normalizer.english import base_forms
from normalizer.remembered import remembered
from normalizer.tokens import plain, stems, tokens_of
from normalizer.typos import corrector
from normalizer.wordlists import words as word_list

_WHOLE, _ORDINARY = word_list("whole"), word_list("ordinary")
_TWICE = re.compile(r"([a-z])\1")

Phrase = tuple[str, ...]
Weights = tuple[tuple[int, float], ...]  # (service's number, weight)
Start = tuple[bool, dict[str, int]]  # of a word: whether it is a phrase, and the longest with each second word
Pair = tuple[Phrase, Phrase, int, float]  # what stands first, what stands after it, service's number, weight


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """A pack's phrases, ready for look-up: each phrase -> (service's number, weight).

    `brings` says for a service's number which others are only what it brings with it; `further`
    holds those that may be a message's further problem.
    """

    codes: tuple[str, ...]
    phrases: dict[Phrase, Weights]
    pairs: dict[str, dict[str, tuple[Pair, ...]]]
    excludes: dict[Phrase, frozenset[int]]
    brings: dict[int, tuple[int, ...]]
    further: frozenset[int]
    starts: dict[str, Start]
    longest_exclude: dict[str, int]
    known: frozenset[str]
    fold: Callable[[str], str]


@lru_cache(maxsize=4)
def lexicon(pack: Pack) -> Lexicon:
    """Compile a pack's words once."""
    phrases: dict[Phrase, list[tuple[int, float]]] = defaultdict(list)
    pairs: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    excludes: dict[Phrase, set[int]] = defaultdict(set)
    for number, service in enumerate(pack.services.values()):
        for text, weight in service.words.items():
            first, wave, second = text.partition(" ~ ")
            if wave:
                one, other = _phrase(first), _phrase(second)
                pairs[one[0]][other[0]].append((one, other, number, weight))
                pairs[other[0]][one[0]].append((other, one, number, weight))
            else:
                phrases[_phrase(text)].append((number, weight))
        for text in service.excludes:
            excludes[_phrase(text)].add(number)
    known = frozenset(word for phrase in [*phrases, *excludes, *_sides(pairs)] for word in phrase)
    return Lexicon(
        codes=tuple(pack.services),
        phrases={phrase: _largest(found) for phrase, found in phrases.items()},
        pairs={one: {o: tuple(found) for o, found in others.items()} for one, others in pairs.items()},
        excludes={phrase: frozenset(numbers) for phrase, numbers in excludes.items()},
        brings=_brings(list(pack.services.values())),
        further=frozenset(number for number, one in enumerate(pack.services.values()) if one.further),
        starts=_starts(phrases),
        longest_exclude=_longest(excludes),
        known=known,
        fold=_folder(known, corrector(known, _ORDINARY | _names(pack))),
    )


def _largest(found: Sequence[tuple[int, float]]) -> Weights:
    """Keep one weight a service: several spellings may fold to one phrase."""
    weights: dict[int, float] = {}
    for service, weight in found:
        weights[service] = max(weight, weights.get(service, 0.0))
    return tuple(weights.items())


def _sides(pairs: Mapping[str, Mapping[str, Sequence[Pair]]]) -> list[Phrase]:
    return [pair[0] for others in pairs.values() for found in others.values() for pair in found]


def _brings(services: Sequence[Service]) -> dict[int, tuple[int, ...]]:
    number = {service.code: place for place, service in enumerate(services)}
    return {number[one.code]: tuple(number[code] for code in one.brings) for one in services if one.brings}


def _phrase(text: str) -> Phrase:
    return tuple(plain(token) for token in text.lower().split())


def _starts(phrases: Mapping[Phrase, object]) -> dict[str, Start]:
    longest: dict[str, dict[str, int]] = {phrase[0]: {} for phrase in phrases}
    for first, *rest in phrases:
        if rest:
            longest[first][rest[0]] = max(len(rest) + 1, longest[first].get(rest[0], 0))
    return {first: ((first,) in phrases, following) for first, following in longest.items()}


def _longest(phrases: Iterable[Phrase]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for phrase in phrases:
        longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
    return longest


def _names(pack: Pack) -> frozenset[str]:
    """The words of the city's places: never a typing error."""
    places = [name for area in pack.areas.values() for name in (area.name, *area.aliases)]
    places += [street.name for street in pack.streets] + [landmark.name for landmark in pack.landmarks]
    return frozenset(word for name in [*places, *pack.neighbourhoods] for word in tokens_of(name))


def _folder(known: frozenset[str], meant: Callable[[str], str | None]) -> Callable[[str], str]:
    @remembered
    def fold(token: str) -> str:
        word = plain(token)
        if word in known or len(word) < 4 or word in _WHOLE:
            return word
        forms = base_forms(word) + (stems(word) if len(word) > 4 else [])
        form = next((form for form in forms if form in known), None)
        return form or meant(word) or _undoubled(word, known) or word

    return fold


def _undoubled(word: str, known: frozenset[str]) -> str | None:
    """Give "lampu" for "lampuu"."""
    single = _TWICE.sub(r"\1", word)
    return single if single in known and single != word else None
