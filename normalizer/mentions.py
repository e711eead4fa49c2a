"""Areas that a message names, and what each name counts: "setu cipayung" is a place, "setu" a lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import or_
from typing import Literal

from config.pack import Area
from normalizer.address import Street
from normalizer.gazetteer import Gazetteer, joined, keys_from, siblings_of
from normalizer.misspelt import DIGITS, NO_MISTAKES, SHORTEST, is_one_off, right_spellings
from normalizer.tokens import Words
from normalizer.wordlists import words as word_list

Level = Literal["kelurahan", "kecamatan", "kota"]

LEVEL_WORDS: Mapping[str, Level] = {
    **dict.fromkeys(("kel", "kelurahan", "klurahan", "kelurhan", "klrhn", "lurah", "desa", "ds"), "kelurahan"),
    **dict.fromkeys(("kec", "kecamatan", "kcmtn", "camat"), "kecamatan"),
    **dict.fromkeys(("kota", "kotamadya", "kab", "kabupaten", "walikota"), "kota"),
}
_BEFORE_A_PLACE = word_list("before_a_place")
_BEFORE_AN_AREA = word_list("before_an_area")
_IN = frozenset(["di", "dari", "in", "at"])
_AMONG = _IN | word_list("before_an_ordinary_name")
_TOWARDS = frozenset(["arah", "menuju", "jurusan", "tujuan", "towards", "kiriman"])
_SMALL, _KINDS = word_list("small"), word_list("landmarks")
_PARTING = frozenset(",;()!?\n")
_UNITS = frozenset(["rt", "rw"])
_LED_BY, _LED_TO = word_list("name_begins"), word_list("street_endings") | word_list("name_goes_on")

# What a name counts, alone: at ENOUGH it stands for the place.
EXPLICIT, PLAIN, READ_AS_WORDS, GOES_ON, IN_STREET, ORDINARY_WORD = 2.0, 1.0, 0.6, 0.6, 0.35, 0.25
ENOUGH = 0.75
LONG_MISTAKE, SHORT_MISTAKE, LONG_NAME = 0.85, 0.6, 8  # with a wrong letter; LONG_NAME in letters
MOST_TRIES = 48  # words looked up for wrong letters, so that a long text costs no more
MOST_NAMES = 60  # each is weighed against all others
GUESSED = 0.5  # above it a lone name is a guess worth asking about


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A name in a text (its words from `first` up to `last`), the areas it may mean, and what it counts."""

    areas: tuple[Area, ...]
    first: int
    last: int
    weight: float
    level: Level | None = None
    exact: bool = True


def mentions_in(
    words: Words,
    folded: Sequence[str],
    names: Gazetteer,
    streets: Sequence[Street],
    strange: Sequence[bool],
) -> list[Mention]:
    """Find the names of areas, the longest first at each word, and those with one wrong letter where no name is
    right. `strange` says of each word whether it may be a mistake (strange_in)."""
    found: list[Mention] = []
    begins, may_be_wrong = list(map(names.may_begin, folded)), _may_be_wrong(folded, names, strange)
    last = tries = 0
    for place in compress(range(len(folded)), map(or_, begins, may_be_wrong)):
        if place < last or len(found) == MOST_NAMES:
            continue
        mention = _mention_at(words, folded, names, place, streets) if begins[place] else None
        if tries < MOST_TRIES and may_be_wrong[place]:
            longer, tried = _misspelt_at(words, folded, names, place, streets, strange, mention)
            mention, tries = longer or mention, tries + tried
        if mention:
            found.append(mention)
            last = mention.last
    return found


def _may_be_wrong(folded: Sequence[str], names: Gazetteer, strange: Sequence[bool]) -> list[bool]:
    """At which words a name may begin that has a wrong letter, or two words of which one is right."""
    odd = [*map(or_, strange, map(names.last_words.__contains__, folded)), False, False]
    led = map(names.first_words.__contains__, folded)
    return [
        first or one or two or three for first, one, two, three in zip(led, odd, odd[1:], odd[2:], strict=False)
    ]


def _mention_at(
    words: Words, folded: Sequence[str], names: Gazetteer, place: int, streets: Sequence[Street]
) -> Mention | None:
    for last, key in keys_from(folded, place):
        areas = names.areas.get(key)
        if areas and not _gives_way(folded, names, place, last):
            level = LEVEL_WORDS.get(words.tokens[place - 1]) if place else None
            if level and not any(area.level == level for area in areas):
                level = None
            if level and len(areas) > 1:
                areas = tuple(area for area in areas if joined(area.name) == key) or areas
            weight = EXPLICIT if level else _weight(words, names, key, place, last, streets)
            if level and key in names.ordinary_after_level and _is_adverb(words, place):
                weight = READ_AS_WORDS if last == len(words.tokens) else ORDINARY_WORD
            if not level and siblings_of(areas) == areas:
                weight = READ_AS_WORDS if weight >= PLAIN else min(weight, IN_STREET)
            return Mention(areas=areas, first=place, last=last, weight=weight, level=level)
    return None


def _gives_way(folded: Sequence[str], names: Gazetteer, place: int, last: int) -> bool:
    """Whether a longer name begins within this one and takes its end, what stands before being one of its own or
    a village: "kel. Jati, Pulo Gadung" is not Jatipulo, "Kp. Pulo Gebang" not Kampung Pulo."""
    for spot in range(place + 1, last):
        before = "".join(folded[place:spot])
        if before == "kampung" or before in names.areas:
            return any(end > last and key in names.areas for end, key in keys_from(folded, spot))
    return False


def _weight(words: Words, names: Gazetteer, key: str, place: int, last: int, streets: Sequence[Street]) -> float:
    if any(street.first < place < street.last for street in streets):
        return IN_STREET
    if key in names.ordinary:
        return _ordinary_weight(words, names, key, place, last)
    if key in names.readable and not _stands_as_place(words, place, last):
        return READ_AS_WORDS
    if _goes_on(words, place, last) or towards(words, place):
        return GOES_ON
    return PLAIN


def towards(words: Words, place: int) -> bool:
    """Whether a name says where a road leads or water comes from, not where something is: "arah Slipi", "menuju ke
    Kampung Melayu", "banjir kiriman dari Manggarai"."""
    place -= place > 1 and words.tokens[place - 1] in _KINDS  # "arah terminal Kampung Melayu"
    before = words.tokens[max(0, place - 2) : place]
    return bool(before) and (before[-1] in _TOWARDS or (before[0] in _TOWARDS and before[-1] in {"ke", "dari"}))


def _ordinary_weight(words: Words, names: Gazetteer, key: str, place: int, last: int) -> float:
    """What "Guntur" or "Tengah" counts: a guess behind "daerah", "di", "warga" or RT and RW and where it alone is
    written as a name ("dekat Kartini"), or nothing else is said; an everyday word only where it is both."""
    if last - place == len(words.tokens):
        return READ_AS_WORDS
    if _goes_on(words, place, last):
        return ORDINARY_WORD
    if not place or _parted(words, place):
        is_led = key not in names.ordinary_after_in and _beside_units(words, place, last)
        return READ_AS_WORDS if is_led else ORDINARY_WORD
    before = words.tokens[place - 1]
    if before in _BEFORE_AN_AREA:
        return READ_AS_WORDS
    alone = not _is_upper(words, place - 1) and (last == len(words.tokens) or not _is_upper(words, last))
    is_written, may_be = alone and _is_upper(words, place), key not in names.ordinary_after_in
    if before in _AMONG or _beside_units(words, place, last):
        return READ_AS_WORDS if may_be or is_written else ORDINARY_WORD
    return READ_AS_WORDS if may_be and is_written else ORDINARY_WORD


def _beside_units(words: Words, place: int, last: int) -> bool:
    """Whether RT and RW stand right before a name or behind it: "RT 03/01 Galur", "galur rt05 rw02"."""
    before = words.tokens[max(0, place - 3) : place]
    while before and before[-1].isdigit():
        before = before[:-1]
    beside = (*before[-1:], *words.tokens[last : last + 1])
    return any(token[:2] in _UNITS and (len(token) == 2 or token[2:].isdigit()) for token in beside)


def _is_adverb(words: Words, place: int) -> bool:
    """Whether "baru" is meant as a word behind "kelurahan" or "lurah", which are not shortened: "lurah baru"."""
    is_name = _is_upper(words, place) and not words.text.isupper()
    return not is_name and len(words.tokens[place - 1]) > SHORTEST - 1


def _is_upper(words: Words, place: int) -> bool:
    return words.text[words.starts[place]].isupper()


def _goes_on(words: Words, place: int, last: int) -> bool:
    """Whether a name is part of a longer one: "Taman Pegangsaan Indah", "Kali Sunter", "Tomang II"."""
    if place and words.tokens[place - 1] in _LED_BY and not _parted(words, place):
        return True
    return last < len(words.tokens) and words.tokens[last] in _LED_TO and not _parted(words, last)


def _parted(words: Words, place: int) -> bool:
    return bool(words.text[words.ends[place - 1] : words.starts[place]].strip())


def _stands_as_place(words: Words, place: int, last: int) -> bool:
    if place and words.tokens[place - 1] in _BEFORE_A_PLACE:
        return True
    if (place and _parted(words, place)) or _beside_units(words, place, last):
        return True
    return all(_is_upper(words, spot) for spot in range(place, last))


def _misspelt_at(
    words: Words,
    folded: Sequence[str],
    names: Gazetteer,
    place: int,
    streets: Sequence[Street],
    strange: Sequence[bool],
    right: Mention | None,
) -> tuple[Mention | None, int]:
    """Read the longest name with one wrong letter that begins at a word and is longer than the right one there;
    also how many words were tried."""
    if not folded[place][0].isalpha():
        return None, 0
    tries, leads, new = 0, names.may_lead_misspelt(folded[place]), right.last if right else place
    for last in range(min(place + 3, len(folded)), right.last if right else place, -1):
        is_number = right and (len(folded[last - 1]) < 3 or folded[last - 1].isdigit())
        if is_number or (last - place > 1 and len(folded[place]) < 3):
            continue  # "kampung bali I", "Menteng 10310", "gang V Rorotan"
        is_alone = last == place + 1
        if not (is_alone or leads or names.may_end_misspelt(folded[last - 1])):
            continue
        is_strange = strange[new] or (last > new + 1 and True in strange[new + 1 : last])
        if not is_strange and (right or not _half_right(folded, names, place, last)):
            continue  # "SDN Menteng atap roboh" is not Menteng Atas
        key = "".join(folded[place:last]).rstrip(DIGITS)
        meant = _short_meant(words, names, key, place) if is_alone and len(key) <= SHORTEST else None
        if not meant:
            if not SHORTEST <= len(key) <= 24 or key in NO_MISTAKES:
                continue
            if not is_alone and _has_gap(words, place, last):
                continue
            tries += 1
            found = right_spellings(names.misspelt, key)
            meant = _meant(names, key, found) if found else None
        if meant and (strange[place] or not _names_follow(folded, names, place, last)):
            return _misspelt(words, names, meant, place, last, streets), tries
    return None, tries


def _names_follow(folded: Sequence[str], names: Gazetteer, place: int, last: int) -> bool:
    """Whether an area's right name begins behind an ordinary word: "lampu mati Pulo Gadung" is not "Jatipulo"."""
    return any(
        end >= last and key in names.areas
        for spot in range(place + 1, last)
        for end, key in keys_from(folded, spot)
    )


def _half_right(folded: Sequence[str], names: Gazetteer, place: int, last: int) -> bool:
    """Whether ordinary words may be a name of two words with a wrong letter: "raw bunga", "kebayoran laam"."""
    if last - place == 1 or not (folded[place] in names.first_words or folded[last - 1] in names.last_words):
        return False
    if any(word in _SMALL or len(word) < 3 for word in folded[place:last]):
        return False  # "taman dari"
    return sum(map(len, folded[place:last])) >= LONG_NAME


def _short_meant(words: Words, names: Gazetteer, key: str, place: int) -> str | None:
    """The one short name that a word misses by a letter, behind "kelurahan" or, of five letters, behind "di"."""
    before = words.tokens[place - 1] if place else ""
    led = before in LEVEL_WORDS
    if not (led or before in _IN) or len(key) > SHORTEST or key in NO_MISTAKES or _gap_between(words, place):
        return None
    found = [
        name
        for name in names.short
        if is_one_off(name, key) and (led or (len(name) == SHORTEST and len(key) == SHORTEST - 1))
    ]
    return found[0] if len(found) == 1 else None


def _meant(names: Gazetteer, key: str, found: set[str]) -> str | None:
    """Of the names that a word misses by a letter the only one, or the one with the same first letter, or any
    where all are names of one area, as "Makasar" and "Makassar" are."""
    if len(found) > 1 and len(key) > SHORTEST:
        widest = max(sorted(found), key=lambda name: len(names.areas[name]))
        if all(set(names.areas[name]) <= set(names.areas[widest]) for name in found):
            return widest
    if len(found) > 1:
        found = {name for name in found if name[0] == key[0] and name[-1] == key[-1]}
    return found.pop() if len(found) == 1 else None


def _misspelt(
    words: Words, names: Gazetteer, meant: str, place: int, last: int, streets: Sequence[Street]
) -> Mention:
    level = LEVEL_WORDS.get(words.tokens[place - 1]) if place else None
    if level and not any(area.level == level for area in names.areas[meant]):
        level = None
    weight = EXPLICIT if level else _weight(words, names, meant, place, last, streets)
    if level and meant in names.ordinary:
        weight = PLAIN  # "desa penari"
    elif weight == PLAIN:
        weight = LONG_MISTAKE if len(meant) >= LONG_NAME else SHORT_MISTAKE
    return Mention(areas=names.areas[meant], first=place, last=last, weight=weight, level=level, exact=False)


def _has_gap(words: Words, first: int, last: int) -> bool:
    """The words between, which are letters and digits, cannot be what is looked for."""
    return not _PARTING.isdisjoint(words.text[words.ends[first] : words.starts[last - 1]])


def _gap_between(words: Words, place: int) -> bool:
    return not _PARTING.isdisjoint(words.text[words.ends[place - 1] : words.starts[place]])
