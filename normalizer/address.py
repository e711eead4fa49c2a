"""Streets and house numbers in the words of a message."""

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from normalizer.gazetteer import LONGEST_NAME, Gazetteer, keys_from
from normalizer.misspelt import right_spellings
from normalizer.roman import ROMAN
from normalizer.street_names import street_key
from normalizer.tokens import Words, places_of, plain
from normalizer.wordlists import words as word_list

_NO_MORE = r"(?!\w|[.,]\d{3}|\s?-\s?\d{3})"  # neither a telephone nor 1.000.000
_WHERE = tuple(
    (re.compile(rf"\s*,?\s*{pattern}{_NO_MORE}", re.IGNORECASE), label)
    for label, pattern in (
        ("Kav.", r"kav(?:e?ling)?\b\.?\s*((?:[a-z]\s?-?\s?)?\d{1,3}[a-z]?(?:\s?[-/]\s?\d{1,3})?)"),
        ("Blok", r"(?:blok|blk)\b\.?\s*([a-z]{1,2}(?:\s?[-/]?\s?\d{1,3}[a-z]?)?(?:\s?/\s?\d{1,3})?)"),
        ("No.", r"(?:(?:no|nomor|nomer|number)\b|#)\.?\s*((?!0\d{3})\d{1,4}\s?[a-z]?(?:\s?[-/]\s?\d{1,4})?)"),
    )
)
_KILOMETRE = re.compile(r"\s*,?\s*(km\.?\s?\d{1,3}(?:[.,]\d)?)\b", re.IGNORECASE)

_VERB = re.compile(r"(?:ber|ter|di|mem|men)[a-z]{4,}")
LONG_KEY = 8  # letters of a street's name that may have one wrong
_STREET_WORDS = frozenset(["jl", "jln", "jalan", "jalam", "jalanan", "gang", "gg", "lorong"])
_BREAKS, _ENDS = frozenset(",;()\n!?"), frozenset(',;:()\n!?"')
_STREET_WORDS_BEHIND = frozenset(["street", "road", "avenue"])
_SHORT_STREET_WORDS = frozenset(["jl", "jln", "gg"])
_TITLES = word_list("street_titles")
_ENDINGS = word_list("street_endings")
_STOP = word_list("no_street")
_LED_BY = word_list("street_led_by")
_BEGIN_NAMES = word_list("street_begins")
_INITIALS = frozenset(["di"])  # "jalan di panjaitan", not "jalan di tebet barat"
_MAY_LEAD = _LED_BY | _BEGIN_NAMES | {"kota", "anak"}  # "jalan kota bambu", "jalan anak agung"


@dataclass(frozen=True, kw_only=True, slots=True)
class Street:
    """A street that a text names: its words' places, the name as it was written, and its words folded."""

    first: int
    last: int
    text: str
    tokens: tuple[str, ...]


def streets_in(words: Words, folded: Sequence[str], names: Gazetteer, known: Container[str]) -> list[Street]:
    """Find "Jl. …", "jalan …", "gang …" with the name as far as it goes. `known` are words of the lexicon: in
    small letters they end a name ("jl anggrek mampet")."""
    shouting = words.text.isupper()
    found: list[Street] = []
    last = 0
    for place in places_of(words.tokens, _STREET_WORDS):
        if place < last:
            continue
        end = _street_end(words, folded, place, names, known, shouting=shouting)
        if end > place + 1:
            last = end
            text = words.text[words.starts[place] : words.ends[last - 1]]
            tokens = tuple(folded[place + 1 : last])
            found.append(Street(first=place, last=last, text=text + house_behind(words, last), tokens=tokens))
    return found or _english_streets(words, folded, names)


def _english_streets(words: Words, folded: Sequence[str], names: Gazetteer) -> list[Street]:
    """Known streets as English has them: "Sudirman Street", "12 Kemang Raya Road"."""
    found: list[Street] = []
    for last in places_of(words.tokens, _STREET_WORDS_BEHIND):
        for first in range(max(0, last - 4), last):
            if street_key(folded[first:last]) in names.streets:
                tokens = tuple(folded[first:last])
                text = words.text[words.starts[first] : words.ends[last]] + house_behind(words, last + 1)
                found.append(Street(first=first - 1, last=last + 1, text=text, tokens=tokens))
                break
    return found


def house_behind(words: Words, last: int) -> str:
    """Plot, block and number behind a street, as we write them: " Blok C5 No. 12"; else a kilometre."""
    rest = words.text[words.ends[last - 1] : words.ends[last - 1] + 60]
    found, place = "", 0
    for pattern, label in _WHERE:
        if match := pattern.match(rest, place):
            found, place = f"{found} {label} {' '.join(match[1].split())}", match.end()
    if not found and (match := _KILOMETRE.match(rest)):
        return f" {match[1]}"
    return found


def _street_end(
    words: Words, folded: Sequence[str], marker: int, names: Gazetteer, known: Container[str], *, shouting: bool
) -> int:
    """Give the place after a street name's last word; the marker's own next place where there is no name."""
    place = marker + 1
    if not _may_begin(words, folded, marker, names, known, shouting=shouting):
        return place
    is_end = _ender(words, folded, place, names, known, shouting=shouting)
    last = _known_end(words, folded, place, names)
    if last < place + 2:
        last = max(last, _misspelt_end(words, folded, place, names, known))
    is_known = last > place
    last = max(last, place + 1)
    while last < min(place + 5, len(words.tokens)) and not is_end(last):
        if is_known and (shouting or not (_is_name(words, last) or _belongs(words.tokens[last]))):
            break
        last += 1
        if is_number(words.tokens[last - 1]):
            break
    return last


def _may_begin(
    words: Words, folded: Sequence[str], marker: int, names: Gazetteer, known: Container[str], *, shouting: bool
) -> bool:
    place = marker + 1
    if place >= len(words.tokens) or _gap(words, place, strict=False):
        return False
    token = words.tokens[place]
    if token in _STOP:
        is_led = token in _MAY_LEAD and words.tokens[marker] != "jalanan"
        if token in _INITIALS:
            is_area = any(key in names.areas for _, key in keys_from(folded, place + 1))
            is_led = not is_area and plain("".join(words.tokens[place + 1 : place + 2])) not in known
        return (is_led or _is_name(words, place)) and _known_end(words, folded, place, names) > place + 1
    if (
        words.tokens[marker] in _SHORT_STREET_WORDS
        or token in _TITLES
        or (not shouting and _is_name(words, place))
    ):
        return True
    if (
        any(key in names.areas for _, key in keys_from(folded, place))
        or _known_end(words, folded, place, names) > place
    ):
        return True
    if _VERB.fullmatch(token) and street_key(folded[place : place + 1]) not in names.families:
        return False  # "jalan tersebut", "jalan membahayakan"
    return not token.isdigit() and token not in known and plain(token) not in known and len(token) > 2


def _ender(
    words: Words, folded: Sequence[str], first: int, names: Gazetteer, known: Container[str], *, shouting: bool
) -> Callable[[int], bool]:
    def is_end(place: int) -> bool:
        token = words.tokens[place]
        if token in _STOP or token in _STREET_WORDS or _gap(words, place, strict=True):
            return True
        if _belongs(token):
            return False
        begins = place == first + 1 and (words.tokens[first] in _TITLES or words.tokens[first] in _BEGIN_NAMES)
        if place > first and not begins and any(key in names.areas for _, key in keys_from(folded, place)):
            return True
        return token in known and (shouting or not _is_name(words, place))

    return is_end


def _gap(words: Words, place: int, *, strict: bool) -> bool:
    """Whether something between this word and the one before ends a name: a comma, a bracket, a line's end."""
    between = words.text[words.ends[place - 1] : words.starts[place]]
    if not strict:
        return not _BREAKS.isdisjoint(between)
    return not _ENDS.isdisjoint(between) or (
        ". " in between and words.ends[place - 1] - words.starts[place - 1] > 3
    )


def _known_end(words: Words, folded: Sequence[str], place: int, names: Gazetteer) -> int:
    """The place after the longest known street's name that begins here, else the place itself."""
    for last in range(min(place + LONGEST_NAME, len(folded)), place, -1):
        if no_gap_between(words, place, last) and street_key(folded[place:last]) in names.streets:
            return last
    return place


def _misspelt_end(words: Words, folded: Sequence[str], place: int, names: Gazetteer, known: Container[str]) -> int:
    """The place after a street's name of two or three words with one wrong letter, else the place itself: the
    last of them is no word that the lexicon knows."""
    for last in range(min(place + 3, len(folded)), place + 1, -1):
        strange = words.tokens[last - 1] not in known and words.tokens[last - 1] not in _STOP
        if strange and no_gap_between(words, place, last):
            key = street_key(folded[place:last])
            if len(key) >= LONG_KEY and key.isalpha() and right_spellings(names.misspelt_streets, key):
                return last
    return place


def _belongs(token: str) -> bool:
    return token in _ENDINGS or is_number(token)


def is_number(token: str) -> bool:
    return token in ROMAN or (token.isdigit() and len(token) <= 3) or (len(token) <= 3 and token[:-1].isdigit())


def no_gap_between(words: Words, first: int, last: int) -> bool:
    """Whether these words stand together, without a comma, a bracket or a sentence's end."""
    return not any(_gap(words, spot, strict=True) for spot in range(first + 1, last))


def _is_name(words: Words, place: int) -> bool:
    return words.text[words.starts[place]].isupper()
