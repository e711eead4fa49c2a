"""The names of places that a city pack knows, found in a text however people space or shorten them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from config.pack import Area, Landmark, Pack, Street
from normalizer.tokens import words_of
from normalizer.wordlists import SHORT_NAMES

LONGEST_NAME = 5  # words
TYPO_LETTERS = 8  # names at least this long are also known with one letter wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Gazetteer:
    """Joined names ("rawabadakutara") -> what they may mean."""

    areas: Mapping[str, tuple[Area, ...]]
    streets: Mapping[str, tuple[Street, ...]]
    landmarks: Mapping[str, tuple[Landmark, ...]]
    misspelt: Mapping[str, str]
    beginnings: frozenset[str]
    landmark_beginnings: frozenset[str]
    ordinary: frozenset[str]
    readable: frozenset[str]
    outside: frozenset[str]


def fold(token: str) -> str:
    """Spell out the short forms that people use in names of places."""
    return SHORT_NAMES.get(token, token)


def joined(name: str) -> str:
    """A name as one word: "Rawa Badak Utara", "Rawabadak Utara" and "Rw. Badak Utr" should meet here."""
    return "".join(fold(token) for token in words_of(name).tokens)


@lru_cache(maxsize=4)
def gazetteer(pack: Pack) -> Gazetteer:
    """Compile a pack's names once."""
    areas = _areas(pack)
    streets: dict[str, list[Street]] = defaultdict(list)
    for street in pack.streets:
        streets[joined(street.name)].append(street)
    return Gazetteer(
        areas=areas,
        streets={key: tuple(found) for key, found in streets.items()},
        landmarks=_landmarks(pack, areas),
        misspelt=_misspelt(areas),
        beginnings=frozenset(key[:3] for key in areas),
        landmark_beginnings=frozenset(
            fold(tokens[0]) for mark in pack.landmarks if (tokens := words_of(mark.name).tokens)
        ),
        ordinary=frozenset(pack.settings["ordinary_names"].split()),
        readable=frozenset(pack.settings["readable_names"].split()),
        outside=frozenset(pack.settings["outside_names"].split()),
    )


def _areas(pack: Pack) -> dict[str, tuple[Area, ...]]:
    names: dict[str, dict[str, Area]] = defaultdict(dict)
    for area in pack.areas.values():
        for name in (area.name, *area.aliases):
            names[joined(name)][area.code] = area
    for name, code in pack.neighbourhoods.items():
        names[joined(name)].setdefault(code, pack.areas[code])
    return {key: tuple(found.values()) for key, found in names.items()}


def _landmarks(pack: Pack, areas: Mapping[str, object]) -> dict[str, tuple[Landmark, ...]]:
    """Names of at least two words that stand for one place: one kelurahan holds all points of that name."""
    names: dict[str, list[Landmark]] = defaultdict(list)
    for landmark in pack.landmarks:
        tokens = words_of(landmark.name).tokens
        key = "".join(fold(token) for token in tokens)
        if 2 <= len(tokens) <= LONGEST_NAME and len(key) >= TYPO_LETTERS and key not in areas:
            names[key].append(landmark)
    return {key: tuple(found) for key, found in names.items() if len({point.area_code for point in found}) == 1}


def _misspelt(names: Iterable[str]) -> dict[str, str]:
    """Each long name with one letter left out -> the name; two names that meet there are both left out."""
    short: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if len(name) >= TYPO_LETTERS:
            for spelling in without_one(name):
                short[spelling].add(name)
    return {spelling: found.pop() for spelling, found in short.items() if len(found) == 1}


def without_one(name: str) -> Iterator[str]:
    """Give the name with each one of its letters left out."""
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]


def keys_from(folded: Sequence[str], place: int) -> Iterator[tuple[int, str]]:
    """Give the joined keys that begin at a word, with the word after each, the longest first."""
    for last in range(min(place + LONGEST_NAME, len(folded)), place, -1):
        yield last, "".join(folded[place:last])


def right_spelling(names: Gazetteer, key: str) -> str | None:
    """Give the long name of an area that a key misses by one letter: left out, put in or exchanged."""
    if len(key) < TYPO_LETTERS - 1:
        return None
    if key in names.misspelt:
        return names.misspelt[key]
    if len(key) < TYPO_LETTERS:
        return None
    for spelling in without_one(key):
        if spelling in names.areas and len(spelling) >= TYPO_LETTERS:
            return spelling
        if spelling in names.misspelt and len(names.misspelt[spelling]) == len(key):
            return names.misspelt[spelling]
    return None
