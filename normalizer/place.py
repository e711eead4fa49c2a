"""Where, in the words of a message: area, street, house, RT and RW, landmark, and a point written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from config.pack import Area, Landmark, Pack
from normalizer.address import Street, streets_in
from normalizer.bare_streets import bare_streets
from normalizer.beside import misspelt_beside
from normalizer.called_after import called_after
from normalizer.coordinates import point_in
from normalizer.fuse import place_of
from normalizer.gazetteer import Gazetteer, fold, gazetteer, unglued
from normalizer.landmarks import landmarks_in
from normalizer.lexicon import lexicon
from normalizer.mentions import ENOUGH, ORDINARY_WORD, PLAIN, Mention, mentions_in
from normalizer.misspelt import strange_in
from normalizer.postal import postal_codes_in
from normalizer.relations import is_here, lives_there, meant, related
from normalizer.rt_rw import RtRw, rt_rw_in
from normalizer.said import Said, Settled
from normalizer.schema import Candidate, Position
from normalizer.settle import settle
from normalizer.tokens import Words, places_of
from normalizer.weigh import weigh
from normalizer.wordlists import words as word_list

__all__ = ["Told", "place_of", "tag_words", "told_by"]

_TOWARDS = word_list("towards")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the words of a message say about the place; `named`: an area's own name stands in them."""

    area: Area | None = None
    confidence: float = 0.0
    named: bool = False
    street: str = ""
    rt_rw: RtRw = field(default_factory=RtRw)
    landmark: Landmark | None = None
    point: Position | None = None
    candidates: tuple[Candidate, ...] = ()
    covered: frozenset[int] = frozenset()


def told_by(words: Words, pack: Pack) -> Told:
    """Read a message's words for a place; `covered` are the words that only name it."""
    names, known = gazetteer(pack), lexicon(pack).known
    folded = unglued(list(map(fold, words.tokens)), names)
    streets, strange = streets_in(words, folded, names, known), strange_in(words, known)
    mentions = mentions_in(words, folded, names, streets, strange)
    landmarks = landmarks_in(words, folded, names, streets, known)
    landmarks = meant(words, landmarks, has_street=bool(streets)) if landmarks else landmarks
    if not streets and not landmarks and not any(each.weight > ORDINARY_WORD for each in mentions):
        streets = bare_streets(words, folded, names, known)
    mentions += misspelt_beside(mentions, folded, strange, names)
    mentions = list(called_after(words, mentions, landmarks))
    mentions = related(words, mentions, names.weekdays, has_other=bool(streets or landmarks))
    scores = weigh(mentions)
    said = Said(
        pack=pack,
        names=names,
        scores=scores,
        mentions=mentions,
        streets=streets,
        landmarks=landmarks,
        postal=postal_codes_in(folded, names, mentions),
    )
    is_ours = any(each.level or each.weight > PLAIN for each in mentions) or not _outside(
        words, names, streets, mentions
    )
    settled = settle(said) if is_ours else Settled()
    return Told(
        area=settled.area,
        confidence=settled.confidence,
        named=settled.named,
        street=streets[0].text if streets else "",
        rt_rw=rt_rw_in(words.text),
        landmark=settled.landmark,
        point=point_in(words.text, pack),
        candidates=settled.candidates,
        covered=_covered(streets, mentions, scores),
    )


@lru_cache(maxsize=4)
def tag_words(pack: Pack) -> frozenset[str]:
    """The words that a hashtag may be made of: the lexicon's and the names of areas ("#pancoranbanjir")."""
    return lexicon(pack).known | frozenset(name for name in gazetteer(pack).areas if len(name) > 4)


def _outside(words: Words, names: Gazetteer, streets: Sequence[Street], mentions: Sequence[Mention]) -> bool:
    """Whether a neighbouring city is where it is, not where a road leads to or where who writes it lives."""
    if "jakarta" in words.tokens or names.outside.isdisjoint(words.tokens):
        return False
    in_streets = {place for street in streets for place in range(street.first, street.last)}
    here = max((each.first for each in mentions if is_here(words, each)), default=0)
    return any(
        place not in in_streets
        and (not place or words.tokens[place - 1] not in _TOWARDS)
        and not (place + 2 < here and lives_there(words, place))
        for place in places_of(words.tokens, names.outside)
    )


def _covered(streets: Sequence[Street], mentions: Sequence[Mention], scores: dict[str, float]) -> frozenset[int]:
    places = {place for street in streets for place in range(street.first + 1, street.last)}
    for mention in mentions:
        if max(scores[area.code] for area in mention.areas) >= ENOUGH:
            places.update(range(mention.first - (mention.level is not None), mention.last))
    return frozenset(places)
