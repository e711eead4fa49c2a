"""Words become a service: weighted phrases out of the city pack, and silence where they are not enough."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from config.pack import Pack
from normalizer.english import base_forms
from normalizer.schema import Guess
from normalizer.tokens import plain, stems, words_of
from normalizer.wordlists import words as word_list

NEAR = 6  # words: how far "a ~ b" may lie apart
BESIDE = 0.3  # of its weight: what a word still counts that only says where ("depan sekolah")
SAID_FIRST = 0.35  # weight on top for what a message begins with: people put the problem first

_BESIDE_WORDS = word_list("beside")
_BETWEEN_WORDS = word_list("between")

Phrase = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """A pack's phrases, ready for look-up: each phrase -> (service's number, weight)."""

    codes: tuple[str, ...]
    phrases: dict[Phrase, tuple[tuple[int, float], ...]]
    pairs: dict[str, dict[str, tuple[tuple[int, float], ...]]]
    excludes: dict[Phrase, frozenset[int]]
    longest: dict[str, int]
    known: frozenset[str]
    fold: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Hit:
    service: int
    weight: float
    at: tuple[int, ...]
    phrase: Phrase


@lru_cache(maxsize=4)
def lexicon(pack: Pack) -> Lexicon:
    """Compile a pack's words once."""
    phrases: dict[Phrase, list[tuple[int, float]]] = defaultdict(list)
    pairs: dict[str, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    excludes: dict[Phrase, set[int]] = defaultdict(set)
    for number, service in enumerate(pack.services.values()):
        for text, weight in service.words.items():
            first, wave, second = text.partition(" ~ ")
            if wave:
                one, other = plain(first), plain(second)
                pairs[one][other].append((number, weight))
                pairs[other][one].append((number, weight))
            else:
                phrases[_phrase(text)].append((number, weight))
        for text in service.excludes:
            excludes[_phrase(text)].add(number)
    known = frozenset(word for phrase in [*phrases, *excludes] for word in phrase) | pairs.keys()
    return Lexicon(
        codes=tuple(pack.services),
        phrases={phrase: tuple(found) for phrase, found in phrases.items()},
        pairs={one: {o: tuple(found) for o, found in others.items()} for one, others in pairs.items()},
        excludes={phrase: frozenset(numbers) for phrase, numbers in excludes.items()},
        longest=_longest([*phrases, *excludes]),
        known=known,
        fold=_folder(known),
    )


def _phrase(text: str) -> Phrase:
    return tuple(plain(token) for token in words_of(text).tokens)


def _longest(phrases: Sequence[Phrase]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for phrase in phrases:
        longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
    return longest


def _folder(known: frozenset[str]) -> Callable[[str], str]:
    @lru_cache(maxsize=20_000)
    def fold(token: str) -> str:
        word = plain(token)
        if word in known or len(word) < 4:
            return word
        forms = base_forms(word) + (stems(word) if len(word) > 4 else [])
        return next((form for form in forms if form in known), word)

    return fold


def guess_service(pack: Pack, tokens: Sequence[str]) -> tuple[Guess | None, tuple[Guess, ...]]:
    """Give the service that the words mean and up to three others, by falling confidence (0 to 1).

    The first is None below the pack's `service_threshold`; then the best one leads the others. An empty string
    among the tokens is a gap: a place's name, say, that no phrase may run through.
    """
    lex = lexicon(pack)
    words = [lex.fold(token) for token in tokens]
    scores = _scores(_hits(lex, words), _beside(words))
    if not scores:
        return None, ()
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:4]
    total = sum(scores.values())
    guesses = tuple(
        Guess(service_code=lex.codes[number], confidence=_confidence(score, total)) for number, score in ranked
    )
    if guesses[0].confidence < pack.settings["service_threshold"]:
        return None, guesses[:3]
    return guesses[0], guesses[1:]


def _confidence(score: float, total: float) -> float:
    """How much was said for it (half at weight 1), and how little for anything else."""
    others = total - score
    return round(score / (score + 1.0) * score / (score + 0.6 * others), 3)


def _hits(lex: Lexicon, words: Sequence[str]) -> list[_Hit]:
    barred = _barred(lex, words)
    hits = []
    for place, word in enumerate(words):
        for length in range(lex.longest.get(word, 0), 0, -1):
            phrase = tuple(words[place : place + length])
            at = tuple(range(place, place + len(phrase)))
            for service, weight in lex.phrases.get(phrase, ()) if len(phrase) == length else ():
                hits.append(_Hit(service, weight, at, phrase))
        if others := lex.pairs.get(word):
            for near in range(place + 1, min(place + 1 + NEAR, len(words))):
                for service, weight in others.get(words[near], ()):
                    hits.append(_Hit(service, weight, (place, near), (word, words[near])))
    return [hit for hit in hits if not barred or not any((spot, hit.service) in barred for spot in hit.at)]


def _barred(lex: Lexicon, words: Sequence[str]) -> set[tuple[int, int]]:
    """The places whose words do not count for a service, for one of its excludes runs over them."""
    barred: set[tuple[int, int]] = set()
    for place, word in enumerate(words):
        for length in range(2, lex.longest.get(word, 0) + 1):
            for service in lex.excludes.get(tuple(words[place : place + length]), ()):
                barred.update((spot, service) for spot in range(place, place + length))
    return barred


def _beside(words: Sequence[str]) -> set[int]:
    """The places right after "depan", "dekat", "near": what stands there says where, not what."""
    beside = set()
    for place, word in enumerate(words):
        if word in _BESIDE_WORDS:
            beside.add(place + 1)
            if place + 1 < len(words) and words[place + 1] in _BETWEEN_WORDS:
                beside.add(place + 2)
    return beside


def _scores(hits: Sequence[_Hit], beside: set[int]) -> dict[int, float]:
    """Add the weights up per service; a word that counted once in a phrase does not count again in a shorter."""
    scores: dict[int, float] = defaultdict(float)
    used: set[tuple[int, int]] = set()
    said: set[tuple[int, Phrase]] = set()
    for hit in sorted(hits, key=lambda hit: (-hit.weight, hit.at)):
        fresh = sum((spot, hit.service) not in used for spot in hit.at)
        if fresh and (hit.service, hit.phrase) not in said:
            share = BESIDE if hit.at[0] in beside else 1.0
            scores[hit.service] += hit.weight * share * fresh / len(hit.at) * (1 + SAID_FIRST / (1 + hit.at[0]))
        said.add((hit.service, hit.phrase))
        used.update((spot, hit.service) for spot in hit.at)
    return scores
