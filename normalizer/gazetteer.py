"""The names of places that a city pack knows, found in a text however people space or shorten them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from config.pack import Area, Landmark, Pack
from normalizer.misspelt import DIGITS, SHORTEST, Spellings, may_end, may_lead, spellings
from normalizer.other_names import other_names
from normalizer.remembered import remembered
from normalizer.street_names import beginnings_of_street, street_key
from normalizer.tokens import tokens_of
from normalizer.wordlists import SHORT_NAMES
from normalizer.wordlists import words as word_list

LONGEST_NAME = 5  # words
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_LAST_NUMBER = re.compile(r"\s+\d{1,2}$")
_STOP_AT = ("simpang ", "arah ", "sbr ", "seberang ", "jl ", "jln ", "jalan ", "jl. ", "gang ", "gg. ")
_SIDES, _LONG_SIBLINGS = frozenset(["Utara", "Selatan", "Barat", "Timur"]), 6  # letters
_LEFT_OFF, _NO_BARE_NAMES = word_list("landmark_left_off"), word_list("no_bare_names")
_STOPS_AT = {"bus": ("Halte",), "krl": ("Stasiun",), "mrt": ("Stasiun", "MRT"), "lrt": ("Stasiun", "LRT")}
_RAIL = frozenset(["krl", "mrt", "lrt"])
_SHORTEST_GLUED = 6  # letters: "ditebet"
KINDS = word_list("landmarks") | {"kampung", "situ", "waduk", "danau", "patung"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Gazetteer:
    """Joined names ("rawabadakutara") -> what they may mean; streets by their `street_key` -> kelurahan's codes
    with how many points or lists say so."""

    areas: Mapping[str, tuple[Area, ...]]
    streets: Mapping[str, Mapping[str, int]]
    families: Mapping[str, Mapping[str, int]]
    landmarks: Mapping[str, tuple[Landmark, ...]]
    misspelt: Spellings
    may_lead_misspelt: Callable[[str], bool]
    may_end_misspelt: Callable[[str], bool]
    short: tuple[str, ...]
    misspelt_streets: Spellings
    misspelt_landmarks: Spellings
    street_beginnings: frozenset[str]
    may_begin: Callable[[str], bool]
    first_words: frozenset[str]
    last_words: frozenset[str]
    landmark_beginnings: frozenset[str]
    ordinary: frozenset[str]
    ordinary_after_in: frozenset[str]
    ordinary_after_level: frozenset[str]
    readable: frozenset[str]
    outside: frozenset[str]
    weekdays: frozenset[str]
    postal_codes: Mapping[str, tuple[str, ...]]


@remembered
def fold(token: str) -> str:
    """Spell out the short forms that people use in names of places, and their cries: "tebeeeet"."""
    return SHORT_NAMES.get(token) or (_STRETCHED.sub(r"\1", token) if token.isalpha() else token)


def joined(name: str) -> str:
    """A name as one word: "Rawa Badak Utara", "Rawabadak Utara" and "Rw. Badak Utr" should meet here."""
    return "".join(fold(token) for token in tokens_of(name))


@lru_cache(maxsize=4)
def gazetteer(pack: Pack) -> Gazetteer:
    """Compile a pack's names once."""
    long_names = _long_names(pack)
    areas = _areas(pack)
    landmarks, streets = _landmarks(pack.landmarks, areas), _streets(pack)
    misspelt = spellings(areas)
    return Gazetteer(
        areas=areas,
        streets=streets,
        families=_families(pack),
        landmarks=landmarks,
        misspelt=misspelt,
        may_lead_misspelt=remembered(may_lead(misspelt)),
        may_end_misspelt=remembered(may_end(misspelt)),
        short=tuple(name for name in areas if 4 <= len(name) <= SHORTEST),
        misspelt_streets=spellings(streets),
        misspelt_landmarks=spellings(_behind_their_kind(landmarks)),
        street_beginnings=_street_beginnings(pack),
        may_begin=_may_begin(areas),
        first_words=frozenset(words[0] for words in long_names),
        last_words=frozenset(words[-1] for words in long_names),
        landmark_beginnings=_landmark_beginnings(pack),
        ordinary=frozenset(pack.settings["ordinary_names"].split()),
        ordinary_after_in=frozenset(pack.settings["ordinary_after_in"].split()),
        ordinary_after_level=frozenset(pack.settings.get("ordinary_after_level", "").split()),
        readable=frozenset(pack.settings["readable_names"].split()),
        outside=frozenset(pack.settings["outside_names"].split()),
        weekdays=frozenset(pack.settings.get("weekday_names", "").split()),
        postal_codes=_postal_codes(pack),
    )


def _areas(pack: Pack) -> dict[str, tuple[Area, ...]]:
    names: dict[str, dict[str, Area]] = defaultdict(dict)
    for area in pack.areas.values():
        for name in (area.name, *area.aliases):
            for key in _keys_of_area(name):
                names[key][area.code] = area
    for name, code in pack.neighbourhoods.items():
        names[joined(name)].setdefault(code, pack.areas[code])
    for name, found in _siblings(pack).items():
        if not any(joined(area.name) == name for area in names[name].values()):
            names[name].update({area.code: area for area in found})
    return {key: tuple(found.values()) for key, found in names.items()}


def _postal_codes(pack: Pack) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for area in pack.areas.values():
        if area.postal_code:
            found[area.postal_code] = (*found.get(area.postal_code, ()), area.code)
    return found


def _may_begin(areas: Iterable[str]) -> Callable[[str], bool]:
    """Whether an area's joined name may begin with a word, told by its first letters."""
    beginnings = frozenset(key[:size] for key in areas for size in (3, 4))
    return remembered(lambda word: len(word) < 3 or word[:4] in beginnings)


def _keys_of_area(name: str) -> tuple[str, ...]:
    """How an area's name is looked up; "Rw. Buaya" too, which alone would be an RW."""
    key = joined(name)
    return (key, key.replace("rawa", "rw", 1)) if name.startswith("Rawa ") else (key,)


def _siblings(pack: Pack) -> dict[str, list[Area]]:
    """What people call several kelurahan by, without the side: "Gunung Sahari" -> Utara and Selatan."""
    found: dict[str, list[Area]] = defaultdict(list)
    for area in pack.areas.values():
        name, _, side = area.name.rpartition(" ")
        if area.level == "kelurahan" and side in _SIDES and len(joined(name)) >= _LONG_SIBLINGS:
            found[joined(name)].append(area)
    return {name: areas for name, areas in found.items() if len(areas) > 1}


def siblings_of(areas: Sequence[Area]) -> tuple[Area, ...]:
    """The several kelurahan that a name without its side may mean: "Gunung Sahari"; none where it means one."""
    found = tuple(area for area in areas if area.level == "kelurahan")
    return found if len(found) > 1 else ()


def _long_names(pack: Pack) -> list[list[str]]:
    """The names of kelurahan that are written in two words or more, as words."""
    names = [area.name for area in pack.areas.values() if area.level == "kelurahan"]
    return [words for name in names if len(words := [fold(token) for token in tokens_of(name)]) > 1]


def _streets(pack: Pack) -> dict[str, Counter[str]]:
    """Streets of the lists, and those that a stop is named after: "Simpang Poltangan 2" lies at Poltangan."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for street in pack.streets:
        found[_street_key(street.name)].update(street.area_codes)
        if len(street.area_codes) > 1 and street.lat is None:
            found[_street_key(street.name)][street.area_codes[0]] += 1  # the likeliest stands first
    for landmark in pack.landmarks:
        if landmark.kind in {"bus", "station"}:
            name = _LAST_NUMBER.sub("", landmark.name.lower())
            for beginning in _STOP_AT:
                name = name.removeprefix(beginning)
            if key := _street_key(name):
                found[key][landmark.area_code] += 1
    return dict(found)


def _street_beginnings(pack: Pack) -> frozenset[str]:
    names = ([fold(token) for token in tokens_of(street.name)] for street in pack.streets)
    return frozenset(word for tokens in names if tokens for word in beginnings_of_street(tokens))


def _families(pack: Pack) -> dict[str, Counter[str]]:
    """The first words of streets -> where such streets are: an estate's streets are called alike."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for street in pack.streets:
        tokens = [fold(token) for token in tokens_of(street.name)]
        for words in range(1, min(len(tokens), 4)):
            found[street_key(tokens[:words])].update(street.area_codes)
    return dict(found)


def _street_key(name: str) -> str:
    tokens = [fold(token) for token in tokens_of(name)]
    return street_key(tokens) if tokens else ""


def _landmark_tokens(landmark: Landmark) -> list[str]:
    tokens = [fold(token) for token in tokens_of(landmark.name)]
    return tokens or [""]


def _landmarks(landmarks: Iterable[Landmark], areas: Container[str]) -> dict[str, tuple[Landmark, ...]]:
    """Names of two words, or of one that our own list knows; the one with a point before the one without."""
    names: dict[str, list[Landmark]] = defaultdict(list)
    for landmark in sorted(landmarks, key=lambda mark: mark.lat is None):
        tokens = _landmark_tokens(landmark)
        for kept in (tokens, tokens[:-1] if tokens[-1] in _LEFT_OFF or tokens[-1].isdigit() else ()):
            key = "".join(kept)
            is_name = len(kept) > 1 and len(key) >= 6
            is_known = landmark.kind == "known" and len(key) >= 3
            if kept is not tokens and key in _NO_BARE_NAMES:
                continue  # "Rumah Sakit Jakarta" is no rumah sakit
            if (is_name or is_known) and not _is_area(_numbered(landmark, key), areas):
                for name in (key, *other_names(kept)):
                    names[name].append(landmark)
            for led in _STOPS_AT.get(landmark.kind, ()):
                if led.lower() != tokens[0] and key and len(kept) < LONGEST_NAME:
                    names[f"{led.lower()}{key}"].append(replace(landmark, name=f"{led} {landmark.name}"))
    return {key: _stations_first(found) for key, found in names.items()}


def _stations_first(landmarks: Sequence[Landmark]) -> tuple[Landmark, ...]:
    """A station rather than the bus stops at it that are called so as well."""
    if any(mark.kind in _RAIL for mark in landmarks):
        return tuple(mark for mark in landmarks if mark.kind != "bus")
    return tuple(landmarks)


def _landmark_beginnings(pack: Pack) -> frozenset[str]:
    led = {word.lower() for words in _STOPS_AT.values() for word in words}
    return frozenset(_landmark_tokens(mark)[0] for mark in pack.landmarks if mark.name) | led


def _behind_their_kind(names: Iterable[str]) -> set[str]:
    """Names without the word that says what they are, which hundreds begin with: "masjid", "pasar"."""
    kinds = tuple(KINDS)
    led = [name for name in names if name.startswith(kinds)]
    return {name.removeprefix(kind) for name in led for kind in KINDS if name.startswith(kind)}


def _numbered(landmark: Landmark, key: str) -> str:
    """A bus stop's name without its number: "Tegal Parang 2" is called so after Tegal Parang."""
    return key.rstrip(DIGITS) if landmark.kind == "bus" else key


def _is_area(key: str, areas: Container[str]) -> bool:
    """Whether a landmark is called as an area is: "Kelurahan Cipete Utara" means the area, not the stop."""
    return key in areas or key.removeprefix("kelurahan").removeprefix("kecamatan") in areas


_GLUED = ("di", "kelurahan", "kel", "kecamatan", "kec")
_GLUED_BEGINNINGS = frozenset(["di", "ke"])


def unglued(folded: Sequence[str], names: Gazetteer) -> list[str]:
    """Part "di" and "kel" from the name of an area that they were written together with: "dirawamangun",
    "kelpluit", "digunung sahari utara"."""
    return [
        _unglued(folded, place, names) if token[:2] in _GLUED_BEGINNINGS else token
        for place, token in enumerate(folded)
    ]


def _unglued(folded: Sequence[str], place: int, names: Gazetteer) -> str:
    token = folded[place]
    if len(token) < _SHORTEST_GLUED or token in names.areas:
        return token
    for beginning in _GLUED:
        rest = token.removeprefix(beginning)
        if len(rest) >= 4 and rest != token and _is_name(rest, folded, place, names):
            return rest
    return token


def _is_name(rest: str, folded: Sequence[str], place: int, names: Gazetteer) -> bool:
    if rest in names.areas and rest not in names.ordinary and len(rest) >= 5:
        return True
    if rest not in names.first_words:
        return False
    return any(
        f"{rest}{''.join(folded[place + 1 : last])}" in names.areas
        for last in range(place + 2, min(place + LONGEST_NAME, len(folded)) + 1)
    )


def keys_from(folded: Sequence[str], place: int) -> Iterator[tuple[int, str]]:
    """Give the joined keys that begin at a word, with the word after each, the longest first."""
    for last in range(min(place + LONGEST_NAME, len(folded)), place, -1):
        yield last, "".join(folded[place:last])
