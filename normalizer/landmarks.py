"""Places that stand for an address: "depan Pasar Rumput", "seberang RSCM", "halte Senayan JCC"."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from config.pack import Landmark
from normalizer.address import Street, is_number, no_gap_between
from normalizer.gazetteer import KINDS, LONGEST_NAME, Gazetteer, keys_from
from normalizer.misspelt import right_spellings
from normalizer.tokens import Words, places_of
from normalizer.wordlists import words as word_list

_BESIDE, _BEFORE = word_list("beside"), word_list("before_a_place")
_KINDS_BEHIND = {
    "station": "stasiun", "market": "pasar", "hospital": "rs", "park": "taman", "mosque": "masjid",
    "stadium": "stadion", "museum": "museum", "terminal": "terminal", "flyover": "flyover", "stop": "halte",
    "lake": "danau", "reservoir": "waduk", "church": "gereja", "university": "universitas",
}  # fmt: skip
_BETWEEN = frozenset(["bus", "krl", "lrt", "mrt", "train"])  # "Fatmawati MRT station"
_NO_BARE_NAMES = word_list("no_bare_names")
_INSTITUTIONS = word_list("institutions")
_COUNTED = word_list("counted")
_ORDINARY = word_list("ordinary_places")
_SCHOOLS = frozenset(["sma", "sman", "smk", "smkn", "smp", "smpn"])
_LONG_KEY = 10  # letters of a place's name that may have one wrong
_LONG = 3  # words
_SHORTEST = 5  # letters: "mini market"
_STOPS = frozenset(["halte", "stasiun", "simpang", "bus", "stop", "kantor", "gedung", "perempatan", "pertigaan"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A landmark that a text names: its words from `first` up to `last`, and the places that bear the name;
    `is_unsure`: it may only be where a road leads, or spoken of."""

    first: int
    last: int
    marks: tuple[Landmark, ...]
    is_unsure: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """The kelurahan that it may lie in."""
        return tuple(dict.fromkeys(mark.area_code for mark in self.marks))


def landmarks_in(
    words: Words, folded: Sequence[str], names: Gazetteer, streets: Sequence[Street], known: Container[str]
) -> list[Known]:
    """Find places by name, the longest first at each word; `known` are ordinary words, no names by themselves."""
    return [*_found(words, folded, names, streets, known), *_in_english(words, folded, names)]


def _in_english(words: Words, folded: Sequence[str], names: Gazetteer) -> Iterator[Known]:
    """Landmarks with what they are behind their name: "Tebet station", "Rumput market"."""
    for last in places_of(words.tokens, _KINDS_BEHIND):
        kind, end = _KINDS_BEHIND[words.tokens[last]], last - (last > 1 and folded[last - 1] in _BETWEEN)
        for first in range(max(0, end - 3), end):
            name = "".join(folded[first:end])
            keys = (f"{kind}{name}", f"{kind}{''.join(folded[end:last])}{name}") if len(name) >= _SHORTEST else ()
            if marks := next(filter(None, map(names.landmarks.get, keys)), None):
                yield Known(first=first, last=last + 1, marks=marks)
                break


def _found(
    words: Words, folded: Sequence[str], names: Gazetteer, streets: Sequence[Street], known: Container[str]
) -> Iterator[Known]:
    in_streets = {spot for street in streets for spot in range(street.first + 1, street.last)}
    shouting = words.text.isupper()
    last = 0
    for place in places_of(folded, names.landmark_beginnings):
        if place < last or place in in_streets:
            continue
        found = None
        for end, key in keys_from(folded, place):
            marks = names.landmarks.get(key)
            if marks and _is_meant(words, folded, place, end, marks, known, shouting=shouting):
                found = Known(first=place, last=end, marks=marks, is_unsure=_is_spoken_of(words, place, end))
                break
        found = _misspelt(words, folded, names, place, found.last if found else place + 1, known) or found
        if found:
            yield found
            last = found.last


def _misspelt(
    words: Words, folded: Sequence[str], names: Gazetteer, place: int, right: int, known: Container[str]
) -> Known | None:
    """The one place that a word tells the kind of and whose name has a wrong letter: "pasar induk beras cpinang";
    a question. It is longer than the right name there, which ends before `right`."""
    kind = folded[place]
    if kind not in KINDS:
        return None
    for end in range(min(place + LONGEST_NAME, len(folded)), right, -1):
        last, name = words.tokens[end - 1], "".join(folded[place + 1 : end])
        is_name = name.isalpha() and last not in known and folded[end - 1] not in names.areas
        if not is_name or is_number(last) or len(kind + name) < _LONG_KEY or not no_gap_between(words, place, end):
            continue
        meant = [kind + near for near in right_spellings(names.misspelt_landmarks, name)]
        found = [names.landmarks[each] for each in meant if each in names.landmarks]
        if len(found) == 1:
            return Known(first=place, last=end, marks=found[0], is_unsure=True)
    return None


def _is_spoken_of(words: Words, place: int, end: int) -> bool:
    """Whether a school may only be spoken of, "anak saya ditolak SMA 13", not "di SMA 13", "depan SMA 13", or
    ordinary words are a name: "tiap hari ada pasar pagi"."""
    if "".join(words.tokens[place:end]) in _ORDINARY:
        return True
    if words.tokens[place] not in _SCHOOLS or not words.tokens[end - 1].isdigit():
        return False
    return place > 0 and words.tokens[place - 1] not in _STOPS | _BESIDE | _BEFORE


def _is_meant(
    words: Words,
    folded: Sequence[str],
    place: int,
    end: int,
    marks: Sequence[Landmark],
    known: Container[str],
    *,
    shouting: bool,
) -> bool:
    """Whether the words are the name: led by what it is, written as a name, or few of them ordinary words; of a
    name of our own list half may be, of three words all: "gandaria city macet", "jakarta garden city"."""
    tokens = words.tokens[place:end]
    if "".join(tokens) in _NO_BARE_NAMES and not (place and words.tokens[place - 1] in _STOPS):
        return False
    if tokens[-1].isdigit() and end < len(words.tokens) and words.tokens[end] in _COUNTED:
        return False
    before = words.tokens[place - 1] if place else ""
    led, is_upper = before in _STOPS or before in _BESIDE, words.text[words.starts[place]].isupper()
    if "".join(tokens) in _INSTITUTIONS:
        return led
    is_ours = any(mark.kind == "known" for mark in marks)
    if end - place == 1:
        return led or (
            (is_ours or tokens[0] not in known) and (len(tokens[0]) >= 4 or is_upper or before in _BEFORE)
        )
    if folded[place] in KINDS or led or before in _BEFORE:
        return True
    if all(words.text[words.starts[spot]].isupper() for spot in range(place, end)) and not shouting:
        return True
    if end < len(words.tokens) and is_number(words.tokens[end]):
        return False  # a street: "setu indah V"
    strange = sum(token not in known for token in tokens)
    return (is_ours and len(tokens) >= _LONG) or 2 * strange >= len(tokens) + (not is_ours)
