"""Names of areas that a place is only called by: "Plaza Senayan" lies in Gelora, "Stasiun Cawang" in Cikoko."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from normalizer.landmarks import Known
from normalizer.mentions import IN_STREET, Mention
from normalizer.tokens import Words
from normalizer.wordlists import words as word_list

LENT = 0.55  # what a name counts that a place is only called by: a guess
_LEND = word_list("lend_a_name")


def called_after(words: Words, mentions: Sequence[Mention], landmarks: Sequence[Known]) -> Iterator[Mention]:
    """Weigh the names again that stand in a place's own name: where we know the place, it says where it lies;
    where we do not, a station, a market or a crossing is as often next door."""
    for mention in mentions:
        most = _most(words, mention, landmarks)
        yield mention if mention.weight <= most else replace(mention, weight=most)


def _most(words: Words, mention: Mention, landmarks: Sequence[Known]) -> float:
    """What a name may count at most."""
    if mention.level is not None:
        return mention.weight
    for known in landmarks:
        if _stands_in(mention, known):
            is_in = all(any(code.startswith(area.code) for area in mention.areas) for code in known.codes)
            return mention.weight if is_in else IN_STREET
    spot = mention.first - 1
    spot -= spot > 0 and words.tokens[spot] == "jaya"  # "pasar jaya Cijantung"
    before = words.tokens[spot] if spot >= 0 else ""
    return LENT if before in _LEND else mention.weight


def _stands_in(mention: Mention, known: Known) -> bool:
    """Whether a name is a part of a place's, or the place's misread: "Pasar Waru" is not Pasar Baru."""
    is_longer = known.last - known.first > mention.last - mention.first
    return known.first <= mention.first and mention.last <= known.last and (is_longer or not mention.exact)
