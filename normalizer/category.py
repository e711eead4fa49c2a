"""Words become a service: weighted phrases out of the city pack, and silence where they are not enough."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from typing import NamedTuple

from config.pack import Pack
from normalizer.lexicon import Lexicon, Phrase, lexicon
from normalizer.schema import Guess
from normalizer.standing import counts
from normalizer.tokens import places_of

NEAR = 8  # words: how far "a ~ b" may lie apart
CAUSE = 0.35  # of the consequence's weight: from here on what brings it is the problem
TAKEN, LEFT = 0.5, 0.3  # of the consequence's weight: what goes over to the problem, what stays
# The chance that the best service is right: a logistic regression on its share of all weights, of which UNSAID is
# always for something else, so that a weak hint alone is not sure. Fitted to the half of Surabaya's complaints
# that was read (docs/understanding.md).
UNSAID, BY_SHARE, BASE = 2.0, 6.08, -2.46
ALSO, SHARE, ALSO_MOST = 2.5, 0.25, 2  # a further problem: a phrase on words of its own, not far behind the first


class Hit(NamedTuple):
    """A phrase of a service found in a message: its weight there, and the places of its words."""

    service: int
    weight: float
    at: tuple[int, ...]
    phrase: Phrase


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a message's words say for each service's number."""

    scores: dict[int, float]
    hits: tuple[Hit, ...]


def guess_service(pack: Pack, tokens: Sequence[str]) -> tuple[Guess | None, tuple[Guess, ...]]:
    """Give the service that the words mean and up to three others, by falling confidence (0 to 1).

    A confidence is calibrated: 0.8 is right in about 80 of 100. The first is None below the pack's
    `service_threshold`; then the best one leads the others. An empty string among the tokens is a gap: a place's
    name, say, that no phrase may run through.
    """
    reading = _read(pack, tuple(tokens))
    guesses = _ranked(lexicon(pack), reading)
    if not guesses or guesses[0].confidence < pack.settings["service_threshold"]:
        return None, guesses[:3]
    return guesses[0], guesses[1:]


def also_said(pack: Pack, tokens: Sequence[str], service: Guess | None) -> tuple[Guess, ...]:
    """Give the further problems of a message beside `service`: said on words of their own, and with enough weight.

    What the first problem brings with it (the pack's `brings`), or what brings it, is no further problem.
    """
    lex = lexicon(pack)
    if service is None or service.service_code not in lex.codes:
        return ()
    reading = _read(pack, tuple(tokens))
    first = lex.codes.index(service.service_code)
    taken = _stretches(reading, first)
    found: list[int] = []
    for number in sorted(reading.scores, key=lambda number: -reading.scores[number]):
        own = [hit for hit in reading.hits if hit.service == number and taken.isdisjoint(hit.at)]
        weight = max((hit.weight for hit in own if len(hit.at) > 1), default=0.0)
        enough = (
            weight >= ALSO and number in lex.further and reading.scores[number] >= SHARE * reading.scores[first]
        )
        if enough and number != first and not any(_belong(lex, number, other) for other in (first, *found)):
            found.append(number)
            taken |= _stretches(reading, number)
    return tuple(_guess(lex, reading, number) for number in found[:ALSO_MOST])


def _stretches(reading: _Reading, number: int) -> set[int]:
    """The places of a service's words that stand together."""
    hits = [hit.at for hit in reading.hits if hit.service == number]
    return {spot for at in hits if at[-1] - at[0] == len(at) - 1 for spot in at}


def _belong(lex: Lexicon, one: int, other: int) -> bool:
    return other in lex.brings.get(one, ()) or one in lex.brings.get(other, ())


@lru_cache(maxsize=64)
def _read(pack: Pack, tokens: tuple[str, ...]) -> _Reading:
    lex = lexicon(pack)
    words = tuple(map(lex.fold, tokens))
    hits = _hits(lex, words, counts(words))
    scores = _scores(hits)
    _causes(lex, scores)
    return _Reading(scores, hits)


def _ranked(lex: Lexicon, reading: _Reading) -> tuple[Guess, ...]:
    ranked = sorted(reading.scores, key=lambda number: -reading.scores[number])[:4]
    return tuple(_guess(lex, reading, number) for number in ranked)


def _guess(lex: Lexicon, reading: _Reading, number: int) -> Guess:
    score, total = reading.scores[number], sum(reading.scores.values())
    return Guess(service_code=lex.codes[number], confidence=_confidence(score / (total + UNSAID)))


def _confidence(part: float) -> float:
    """Give the chance that a service with this share of all weights is right."""
    return round(1 / (1 + exp(-(BASE + BY_SHARE * part))), 3)


def _hits(lex: Lexicon, words: Phrase, weighs: Sequence[float]) -> tuple[Hit, ...]:
    hits = _together(lex, words, weighs) + _apart(lex, words, weighs)
    barred = _barred(lex, words)
    return tuple(
        hit
        for hit in hits
        if hit.weight and not (barred and any((spot, hit.service) in barred for spot in hit.at))
    )


def _together(lex: Lexicon, words: Phrase, weighs: Sequence[float]) -> list[Hit]:
    """Phrases whose words stand side by side."""
    hits: list[Hit] = []
    ends = (*words[1:], "")
    for place in places_of(words, lex.starts):
        is_alone, longest = lex.starts[words[place]]
        most = min(longest.get(ends[place], 1), len(words) - place)
        for length in range(most, 0 if is_alone else 1, -1):
            phrase = words[place : place + length]
            if found := lex.phrases.get(phrase):
                at = tuple(range(place, place + length))
                count = max(weighs[place : place + length])
                hits += [Hit(service, weight * count, at, phrase) for service, weight in found]
    return hits


def _apart(lex: Lexicon, words: Phrase, weighs: Sequence[float]) -> list[Hit]:
    """Phrases whose two sides stand near each other."""
    hits = []
    places = places_of(words, lex.pairs)
    for index, place in enumerate(places):
        others = lex.pairs[words[place]]
        for near in places[index + 1 : index + 1 + NEAR]:
            if near > place + NEAR:
                break
            for one, other, service, weight in others.get(words[near], ()):
                if at := _pair(words, place, near, one, other):
                    count = (weighs[place] * weighs[near]) ** 0.5
                    hits.append(Hit(service, weight * count, at, (*one, *other)))
    return hits


def _pair(words: Phrase, place: int, near: int, one: Phrase, other: Phrase) -> tuple[int, ...]:
    """The places of two phrases that stand apart, () where only their first words do."""
    if len(one) == len(other) == 1:
        return place, near
    fits = near >= place + len(one) and all(
        words[start : start + len(phrase)] == phrase for start, phrase in ((place, one), (near, other))
    )
    return (*range(place, place + len(one)), *range(near, near + len(other))) if fits else ()


def _barred(lex: Lexicon, words: Phrase) -> set[tuple[int, int]]:
    """The places whose words do not count for a service, for one of its excludes runs over them."""
    barred: set[tuple[int, int]] = set()
    for place in places_of(words, lex.longest_exclude):
        for length in range(2, lex.longest_exclude[words[place]] + 1):
            for service in lex.excludes.get(words[place : place + length], ()):
                barred.update((spot, service) for spot in range(place, place + length))
    return barred


def _scores(hits: Sequence[Hit]) -> dict[int, float]:
    """Add the weights up per service; a word that counted once in a phrase does not count again in a shorter."""
    scores: dict[int, float] = defaultdict(float)
    used: set[tuple[int, int]] = set()
    said: set[tuple[int, Phrase]] = set()
    for hit in sorted(hits, key=lambda hit: (-hit.weight, hit.at)):
        fresh = sum((spot, hit.service) not in used for spot in hit.at)
        if fresh and (hit.service, hit.phrase) not in said:
            scores[hit.service] += hit.weight * fresh / len(hit.at)
        said.add((hit.service, hit.phrase))
        used.update((spot, hit.service) for spot in hit.at)
    return scores


def _causes(lex: Lexicon, scores: dict[int, float]) -> None:
    """Where a problem and what it brings with it are both said, the problem takes over."""
    for cause, brought in lex.brings.items():
        for number in brought:
            if cause in scores and number in scores and scores[cause] >= CAUSE * scores[number]:
                scores[cause] += TAKEN * scores[number]
                scores[number] *= LEFT
