"""What the words around a name say of it: who lives there, where it is not, how far a line runs."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from normalizer.landmarks import Known
from normalizer.mentions import GOES_ON, LEVEL_WORDS, READ_AS_WORDS, Mention, towards
from normalizer.said import apart
from normalizer.tokens import Words
from normalizer.wordlists import words as word_list

NOT_HERE = 0.0  # what a name counts that says where something is not
_PARTING, _DASHES = frozenset(",;:()!?\n"), frozenset("-\u2013\u2014>\u2192~/")
_OWN = frozenset(["saya", "sy", "kami", "aku", "gue", "gw"])
_HERE, _LIVES = word_list("here"), word_list("lives_in")
_BETWEEN = frozenset(LEVEL_WORDS) | word_list("before_an_area") | {"di", "in", "yang", "yg", "dari", "from"}
_LANDMARKS = word_list("landmarks")
_BESIDE = word_list("beside") - {"arah", "menuju"}
_TO_DENIED = _BETWEEN | _LANDMARKS | _BESIDE
_TO_HOME = _BETWEEN | _OWN | {"rt", "rw", "ada", "asli", "sekitar", "perumahan", "komplek", "of"}
_THEN = word_list("requesting") | word_list("turning") | word_list("then")
_DENYING = frozenset(["bukan", "bkn", "not"])
_NOT_ALONE = frozenset(["saja", "aja", "doang", "only", "juga"])
_TITLES, _GIVEN = word_list("titles"), word_list("given_names")
_OF_A_PERSON = word_list("told_of_a_person")
_SINCE = word_list("since_when")
_VOCATIVE = word_list("courtesy") | word_list("requesting")
_PLANTS = frozenset(["pohon", "phon", "buah", "bibit", "daun", "kayu"])
_LINES, _TO = word_list("lines"), frozenset(["ke", "to", "sampai", "sampe", "hingga"])
_COME, _FROM = frozenset(["ke", "to"]), frozenset(["dari", "dr", "from"])
_AND, _BETWEEN_TWO = (
    frozenset(["dan", "dgn", "dengan", "sama", "and"]),
    frozenset(["antara", "between", "perbatasan"]),
)
_DAY_BEFORE, _DAY_BEHIND = word_list("day_before"), word_list("day_behind")


def related(
    words: Words, mentions: Sequence[Mention], weekdays: Container[str], *, has_other: bool
) -> list[Mention]:
    """Weigh the names again by the words around them; `has_other`: a street or a landmark stands there too."""
    if not mentions:
        return []
    found = [_by_itself(words, each, weekdays) for each in mentions]
    for spot, (one, other) in enumerate(pairwise(found)):
        if _is_route(words, one, other) or _is_between(words, one, other):
            found[spot : spot + 2] = _an_end(one), _an_end(other)
    homes = {each.last for each in _homes(words, found)}
    return [
        _less(each, NOT_HERE)
        if each.last in homes or _leads_away(words, each, found, has_other=has_other)
        else each
        for each in found
    ]


def meant(words: Words, landmarks: Sequence[Known], *, has_street: bool) -> list[Known]:
    """Leave the landmarks out that are denied, and those where something leads that is itself named: "bukan di
    pasar Rumput", "Jl. Otista arah terminal Kampung Melayu"; where nothing else is, they are a question."""
    here = [each for each in landmarks if not _is_denied(words, each.first, each.last)]
    far = [each for each in here if _is_an_aim(words, each.first)]
    if not far:
        return here
    near = [each for each in here if each not in far]
    return near if near or has_street else [replace(each, is_unsure=True) for each in far]


def _is_an_aim(words: Words, place: int) -> bool:
    """Whether something leads to what begins here: "arah stasiun Tebet", "sampai depan pasar Rumput", "dari … ke
    pasar Rumput"; not "tolong datang ke pasar Rumput"."""
    while place > 1 and words.tokens[place - 1] in _BESIDE:
        place -= 1
    before = words.tokens[max(0, place - 7) : place]
    is_end = before[-1:] and before[-1] in _TO and (before[-1] not in _COME or not _FROM.isdisjoint(before))
    return towards(words, place) or bool(is_end)


def lives_there(words: Words, place: int) -> bool:
    """Whether somebody lives in what begins here: "saya warga RT 5 kel. …", "rumah saya di …"."""
    spot = place - 1
    while spot > max(0, place - 9) and (words.tokens[spot] in _TO_HOME or words.tokens[spot].isdigit()):
        spot -= 1
    if spot < 0 or words.tokens[spot] not in _LIVES:
        return False
    return words.tokens[spot] not in {"rumah", "rmh"} or words.tokens[spot + 1] in _OWN


def is_here(words: Words, mention: Mention) -> bool:
    """Whether a name says where something is: "di Senayan", "lokasinya kel. Slipi"."""
    spot = _begin(mention) - 1
    spot -= spot > 0 and words.tokens[spot] in _LANDMARKS  # "di stasiun Tebet"
    return spot >= 0 and words.tokens[spot] in _HERE and mention.weight >= READ_AS_WORDS


def _begin(mention: Mention) -> int:
    return mention.first - (mention.level is not None)


def _less(mention: Mention, weight: float) -> Mention:
    return replace(mention, weight=min(mention.weight, weight))


def _by_itself(words: Words, mention: Mention, weekdays: Container[str]) -> Mention:
    is_denied = _is_denied(words, _begin(mention), mention.last)
    if is_denied or _is_a_day(words, mention, weekdays) or _is_a_block(words, mention):
        return _less(mention, NOT_HERE)
    if mention.level is None and mention.first and _is_called_so(words, mention.first, mention.last):
        return _less(mention, GOES_ON)
    return mention


def _is_denied(words: Words, spot: int, last: int) -> bool:
    """Whether it is just not there: "bukan di Menteng", but not "bukan di Menteng saja"."""
    while spot > 0 and words.tokens[spot - 1] in _TO_DENIED and not _parted(words, spot):
        spot -= 1
    if not spot or words.tokens[spot - 1] not in _DENYING or _parted(words, spot):
        return False
    return last == len(words.tokens) or words.tokens[last] not in _NOT_ALONE


def _is_a_day(words: Words, mention: Mention, weekdays: Container[str]) -> bool:
    """Whether a name is a day of the week: "hari senen", "senen pagi"."""
    if words.tokens[mention.first] not in weekdays or mention.last > mention.first + 1 or mention.level:
        return False
    before = words.tokens[mention.first - 1] if mention.first else ""
    behind = words.tokens[mention.last] if mention.last < len(words.tokens) else ""
    return before in _DAY_BEFORE or (behind in _DAY_BEHIND and before not in _HERE)


def _is_a_block(words: Words, mention: Mention) -> bool:
    """Whether a name is part of a house's number: "Blok M no 5", not "Blok M gelap"."""
    behind = words.tokens[mention.last] if mention.last < len(words.tokens) else ""
    return words.tokens[mention.first] == "blok" and (behind.isdigit() or behind in {"no", "nomor", "nomer"})


def _is_called_so(words: Words, place: int, last: int) -> bool:
    """Whether a person, a tree or a line may be called so: "ada pak Tomang", "pohon bintaro", "JAK 41 Pulo
    Gebang"; not where somebody is spoken to: "tolong pak Tomang banjir", unless what follows tells of a person."""
    before, earlier = words.tokens[place - 1], words.tokens[place - 2] if place > 1 else ""
    if _parted(words, place):
        return False
    if before in _TITLES:
        is_spoken_to = place == 1 or earlier in _VOCATIVE or _parted(words, place - 1)
        return (
            not is_spoken_to
            or words.tokens[place] in _GIVEN
            or _is_told_of_a_person(words.tokens[last : last + 2])
        )
    if (earlier, before) == ("nama", "saya") or before in _PLANTS:
        return True
    return before in {"rute", "trayek"} or (earlier in _LINES and any(map(str.isdigit, before)))


def _is_told_of_a_person(behind: Sequence[str]) -> bool:
    """Whether what stands behind a name tells of a person: "tetangga saya", "dari RT 5", not "dari semalam"."""
    first, second = (*behind, "", "")[:2]
    return first in _OF_A_PERSON and not (first == "dari" and second in _SINCE)


def _is_route(words: Words, one: Mention, other: Mention) -> bool:
    """Whether two names say how far something goes: "dari Cawang ke Tebet", "Ancol-Senen", "bus Senen Klender"."""
    gap = words.tokens[one.last : _begin(other)]
    if gap:
        return gap[0] in _TO and len(gap) < 3 and _BETWEEN.issuperset(gap[1:]) and _are_apart(one, other)
    between = words.text[words.ends[one.last - 1] : words.starts[_begin(other)]].strip()
    if between and not _DASHES.issuperset(between):
        return False
    is_line = not _LINES.isdisjoint(words.tokens[max(0, one.first - 4) : one.first])
    return (bool(between) or is_line) and _are_apart(one, other)


def _is_between(words: Words, one: Mention, other: Mention) -> bool:
    """Whether something is neither in the one nor surely in the other: "antara Menteng dan Cikini"."""
    gap, begin = words.tokens[one.last : _begin(other)], _begin(one)
    return len(gap) == 1 and gap[0] in _AND and begin > 0 and words.tokens[begin - 1] in _BETWEEN_TWO


def _an_end(mention: Mention) -> Mention:
    """A place that something reaches: a kelurahan rather than a kecamatan, which would speak for the other."""
    kelurahan = tuple(area for area in mention.areas if area.level == "kelurahan")
    return replace(_less(mention, GOES_ON), areas=kelurahan or mention.areas)


def _are_apart(one: Mention, other: Mention) -> bool:
    return all(apart(area.code, far.code) for area in one.areas for far in other.areas)


def _homes(words: Words, mentions: Sequence[Mention]) -> Iterator[Mention]:
    """Where somebody lives who tells of something that is elsewhere: "saya warga Tebet Timur, di Senayan …"."""
    ends: set[int] = set()
    for mention in mentions:
        begin = _begin(mention)
        if (lives_there(words, begin) and _ends_there(words, mention.last)) or begin in ends:
            ends.add(mention.last)
            if any(
                is_here(words, other)
                and other.first > mention.last
                and not lives_there(words, _begin(other))
                and _are_apart(mention, other)
                for other in mentions
            ):
                yield mention


def _ends_there(words: Words, last: int) -> bool:
    """Whether what is told of somebody's home ends behind its name, so that it says nothing of what happened."""
    return last == len(words.tokens) or _parted(words, last) or words.tokens[last] in _THEN


def _leads_away(words: Words, mention: Mention, mentions: Sequence[Mention], *, has_other: bool) -> bool:
    """Whether a name says where a road leads that is itself named: "Jl. Kalibata arah Pasar Minggu"."""
    if not towards(words, _begin(mention)):
        return False
    return has_other or any(other is not mention and other.weight > GOES_ON for other in mentions)


def _parted(words: Words, place: int) -> bool:
    """Whether a sign ends what is said before this word; a dot does behind a long word only: "kel. Jati"."""
    between = words.text[words.ends[place - 1] : words.starts[place]]
    return not _PARTING.isdisjoint(between) or ("." in between and len(words.tokens[place - 1]) > 3)
