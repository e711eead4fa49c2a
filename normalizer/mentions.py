"""Areas that a message names, weighed by the words around them: "setu cipayung" is a place, "setu" a lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from config.pack import Area
from normalizer.address import Street
from normalizer.gazetteer import Gazetteer, keys_from, right_spelling
from normalizer.tokens import Words
from normalizer.wordlists import words as word_list

Level = Literal["kelurahan", "kecamatan", "kota"]

_LEVEL_WORDS: Mapping[str, Level] = {
    **dict.fromkeys(("kel", "kelurahan", "klurahan", "lurah", "desa"), "kelurahan"),
    **dict.fromkeys(("kec", "kecamatan", "kcmtn", "camat"), "kecamatan"),
    **dict.fromkeys(("kota", "kotamadya", "kab", "kabupaten", "walikota"), "kota"),
}
_BEFORE_A_PLACE = word_list("before_a_place")
_LED_BY, _LED_TO = word_list("name_begins"), word_list("street_endings") | word_list("name_goes_on")

# What a name counts, alone: at ENOUGH it stands for the place.
EXPLICIT, PLAIN, READ_AS_WORDS, GOES_ON, IN_STREET, ORDINARY_WORD = 2.0, 1.0, 0.6, 0.6, 0.35, 0.25
ENOUGH = 0.75
GUESSED = 0.5  # above it a lone name is a guess worth asking about
NEAR_KECAMATAN, IN_KECAMATAN, IN_KOTA, ELSEWHERE = 0.8, 0.5, 0.25, -0.5
SAME_NAME = 0.45  # of the weight: a name that a kelurahan shares with a kecamatan means the kecamatan


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A name in a text (its words from `first` up to `last`), the areas it may mean, and what it counts."""

    areas: tuple[Area, ...]
    first: int
    last: int
    weight: float
    level: Level | None = None
    exact: bool = True


def mentions_in(words: Words, folded: Sequence[str], names: Gazetteer, streets: Sequence[Street]) -> list[Mention]:
    """Find the names of areas, the longest first at each word; with one wrong letter only where none is right."""
    found: list[Mention] = []
    place = 0
    while place < len(folded):
        mention = _mention_at(words, folded, names, place, streets)
        if mention:
            found.append(mention)
        place = mention.last if mention else place + 1
    if not found:
        found = list(_misspelt(words, folded, names))
    return found


def _mention_at(
    words: Words, folded: Sequence[str], names: Gazetteer, place: int, streets: Sequence[Street]
) -> Mention | None:
    if len(folded[place]) >= 3 and folded[place][:3] not in names.beginnings:
        return None
    for last, key in keys_from(folded, place):
        if areas := names.areas.get(key):
            level = _LEVEL_WORDS.get(words.tokens[place - 1]) if place else None
            if level and not any(area.level == level for area in areas):
                level = None
            weight = EXPLICIT if level else _weight(words, names, key, place, last, streets)
            return Mention(areas=areas, first=place, last=last, weight=weight, level=level)
    return None


def _weight(words: Words, names: Gazetteer, key: str, place: int, last: int, streets: Sequence[Street]) -> float:
    if any(street.first < place < street.last for street in streets):
        return IN_STREET
    if key in names.ordinary:
        return ORDINARY_WORD
    if key in names.readable and not _stands_as_place(words, place, last):
        return READ_AS_WORDS
    if _goes_on(words, place, last):
        return GOES_ON
    return PLAIN


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
    if place and _parted(words, place):
        return True
    return all(words.text[words.starts[spot]].isupper() for spot in range(place, last))


def _misspelt(words: Words, folded: Sequence[str], names: Gazetteer) -> list[Mention]:
    """Look for names with one wrong letter; at most some dozens of tries, so a long text costs no more."""
    found: list[Mention] = []
    tries = 0
    for place, token in enumerate(folded):
        if tries > 60 or len(token) < 4:
            continue
        for last in (place + 2, place + 1, place + 3):
            key = "".join(folded[place:last])
            if 7 <= len(key) <= 24 and last <= len(folded):
                tries += 1
                if name := right_spelling(names, key):
                    found.append(Mention(areas=names.areas[name], first=place, last=last, weight=0.8, exact=False))
                    break
    return found


def _is_in(area: Area, other: Area) -> bool:
    return area.code.startswith(f"{other.code}.")


def weigh(mentions: Sequence[Mention]) -> dict[str, float]:
    """Give each area that is named, by its code, what the whole message says for it."""
    scores: dict[str, float] = {}
    for mention in mentions:
        for area in mention.areas:
            score = _own(mention, area) + _support(mention, area, mentions)
            scores[area.code] = max(score, scores.get(area.code, score))
    return scores


def _own(mention: Mention, area: Area) -> float:
    if mention.level:
        return mention.weight if area.level == mention.level else 0.0
    if area.level == "kelurahan" and any(other.level == "kecamatan" for other in mention.areas):
        return mention.weight * SAME_NAME
    return mention.weight


def _support(mention: Mention, area: Area, mentions: Sequence[Mention]) -> float:
    """What the other names add: its kecamatan or city beside it or elsewhere, or another city altogether."""
    support = 0.0
    for other in mentions:
        if other is mention or other.weight < IN_STREET:
            continue
        parents = [parent for parent in other.areas if _is_in(area, parent)]
        if any(parent.level == "kecamatan" for parent in parents):
            near = 0 <= other.first - mention.last <= 1
            strong = near or mention.weight > ORDINARY_WORD
            support = max(support, (NEAR_KECAMATAN if near else IN_KECAMATAN) if strong else 0.2)
        elif parents:
            support = max(support, IN_KOTA)
        elif all(far.level == "kota" for far in other.areas):
            support += ELSEWHERE
    return support
