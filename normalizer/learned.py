"""What the desk's corrections taught: a linear model over words and pairs of words, blended with the lexicon.

A model's file holds plain arrays and executes nothing; docs/learning.md describes it byte by byte.
"""

import hashlib
import json
import logging
import re
import struct
import sys
from array import array
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import exp, isfinite, sqrt
from pathlib import Path
from typing import Any

from normalizer.english import base_forms
from normalizer.remembered import remembered
from normalizer.schema import Guess
from normalizer.tokens import plain, stems

log = logging.getLogger("lapor.learned")

MAGIC = b"LAPORLM1"
LEARNED = "learned"  # the folder under DATA_DIR
LARGEST = 16_000_000  # bytes of a file
MOST_SERVICES, MOST_FEATURES = 500, 50_000
LEAST = 0.02  # a probability below this is silence
SHOWN = 0.05  # a blended guess below this is no alternative

VERSION = re.compile(r"[0-9A-Za-z-]{1,40}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Model:
    """One weight for each feature (word, or pair of words with a space) and service, a row a feature.

    `shares` is the model's part in a blend for each service, above 0 and below 1; the lexicon has the rest.
    """

    version: str
    services: tuple[str, ...]
    shares: tuple[float, ...]
    features: Mapping[str, int]
    bias: "array[float]"
    weights: "array[float]"
    fold: Callable[[str], str] = field(repr=False)


def model_of(
    version: str,
    services: Sequence[str],
    shares: Sequence[float],
    features: Sequence[str],
    bias: Iterable[float],
    weights: Iterable[float],
) -> Model:
    """A model of these arrays. Raises ValueError where they do not fit together."""
    model = Model(
        version=version,
        services=tuple(services),
        shares=tuple(shares),
        features={feature: place for place, feature in enumerate(features)},
        bias=array("f", bias),
        weights=array("f", weights),
        fold=folder(frozenset(features)),
    )
    _check(model, len(features))
    return model


def _check(model: Model, count: int) -> None:
    services = len(model.services)
    if not VERSION.fullmatch(model.version):
        raise ValueError("a version is letters, digits and dashes")
    if not 2 <= services <= MOST_SERVICES or len(set(model.services)) != services:
        raise ValueError("too few, too many or doubled services")
    if len(model.shares) != services or not all(0 < share < 1 for share in model.shares):
        raise ValueError("a service's share is missing or out of range")
    if not 1 <= count <= MOST_FEATURES or len(model.features) != count:
        raise ValueError("too few, too many or doubled features")
    if len(model.bias) != services or len(model.weights) != services * count:
        raise ValueError("the arrays have other sizes than the head says")
    if not all(map(isfinite, model.bias)) or not all(map(isfinite, model.weights)):
        raise ValueError("a weight is no number")


# --- the file ---------------------------------------------------------------------------------------------


def dump(model: Model) -> bytes:
    """The model's file."""
    head = {"version": model.version, "services": dict(zip(model.services, model.shares, strict=True))}
    parts = [json.dumps(head).encode(), "\n".join(model.features).encode()]
    body = b"".join(struct.pack("<I", len(part)) + part for part in parts)
    body += _bytes(model.bias) + _bytes(model.weights)
    return MAGIC + hashlib.sha256(body).digest() + body


def load(content: bytes) -> Model:
    """Read a model's file. Raises ValueError, and nothing else, for whatever is no such file."""
    if len(content) > LARGEST or content[:8] != MAGIC or hashlib.sha256(content[40:]).digest() != content[8:40]:
        raise ValueError("no model's file, or a broken one")
    head, at = _part(content, 40)
    words, at = _part(content, at)
    version, services = _head(head)
    features = words.decode("utf-8").split("\n")
    arrays = _floats(content[at:])
    bias, weights = arrays[: len(services)], arrays[len(services) :]
    return model_of(version, list(services), list(services.values()), features, bias, weights)


def _part(content: bytes, at: int) -> tuple[bytes, int]:
    if at + 4 > len(content):
        raise ValueError("the file ends too early")
    (length,) = struct.unpack_from("<I", content, at)
    if at + 4 + length > len(content):
        raise ValueError("the file ends too early")
    return content[at + 4 : at + 4 + length], at + 4 + length


def _head(content: bytes) -> tuple[str, dict[str, float]]:
    try:
        said: Any = json.loads(content)
    except RecursionError:
        raise ValueError("the head cannot be read") from None
    match said:
        case {"version": str(version), "services": dict(shares)} if all(
            isinstance(share, float) for share in shares.values()
        ):
            return version, shares
    raise ValueError("the head lacks something")


def _bytes(numbers: "array[float]") -> bytes:
    return _little(numbers).tobytes()


def _floats(content: bytes) -> "array[float]":
    if len(content) % 4:
        raise ValueError("the arrays end in the middle of a number")
    numbers = array("f")
    numbers.frombytes(content)
    return _little(numbers)


def _little(numbers: "array[float]") -> "array[float]":
    """The same numbers, turned where this machine's order is not the file's."""
    if sys.byteorder == "little":
        return numbers
    turned = array("f", numbers)
    turned.byteswap()
    return turned


@lru_cache(maxsize=2)
def model_at(path: Path) -> Model | None:
    """The model in this file, read once; None where it cannot be read: then the lexicon goes on alone."""
    try:
        return load(path.read_bytes())
    except (OSError, ValueError) as error:
        log.warning("the learned model %s is left out: %s", path.stem, type(error).__name__)
        return None


def newest_in(folder: Path) -> Model | None:
    """The model that a server or `learn` left on this machine; None where there is none."""
    path = max(folder.glob("*.bin"), default=None)
    return model_at(path) if path else None


# --- what it says -----------------------------------------------------------------------------------------


def folder(known: Container[str]) -> Callable[[str], str]:
    """Fold a token's spelling to a word that is known: slang spelled out, endings taken off."""

    @remembered
    def fold(token: str) -> str:
        word = plain(token)
        if word in known or len(word) < 4:
            return word
        forms = base_forms(word) + (stems(word) if len(word) > 4 else [])
        return next((form for form in forms if form in known), word)

    return fold


def features_of(words: Sequence[str]) -> dict[str, None]:
    """A message's words and pairs of neighbours, each once; an empty word is a gap that no pair runs over."""
    found = dict.fromkeys(word for word in words if word)
    found.update((f"{one} {other}", None) for one, other in pairwise(words) if one and other)
    return found


def predict(model: Model, tokens: Sequence[str]) -> dict[str, float]:
    """Give the services that the tokens speak for, each with its probability; nothing where no word is known."""
    fold, places, count = model.fold, model.features, len(model.services)
    known = [places[each] for each in features_of([fold(token) for token in tokens]) if each in places]
    if not known:
        return {}
    scale, weights = 1 / sqrt(len(known)), model.weights
    columns = zip(*[weights[place * count : place * count + count] for place in known], strict=True)
    scores = [bias + scale * sum(column) for bias, column in zip(model.bias, columns, strict=True)]
    highest = max(scores)
    powers = [exp(score - highest) for score in scores]
    least, total = LEAST * sum(powers), sum(powers)
    return {code: power / total for code, power in zip(model.services, powers, strict=True) if power >= least}


def blend(
    model: Model,
    said: Mapping[str, float],
    service: Guess | None,
    alternatives: Sequence[Guess],
    *,
    codes: Container[str],
    threshold: float,
) -> tuple[Guess | None, tuple[Guess, ...]]:
    """Mix what predict() said with the lexicon's guesses; the answer has the form of guess_service().

    A service that the model has never seen keeps the lexicon's confidence. `codes` are the services that there
    are: a model may be older than the city pack.
    """
    scores = {guess.service_code: guess.confidence for guess in (service, *alternatives) if guess is not None}
    for code, share in zip(model.services, model.shares, strict=True):
        if code in said or code in scores:
            scores[code] = (1 - share) * scores.get(code, 0.0) + share * said.get(code, 0.0)
    ranked = sorted(((code, score) for code, score in scores.items() if code in codes), key=lambda each: -each[1])
    guesses = tuple(
        Guess(service_code=code, confidence=round(score, 3)) for code, score in ranked[:4] if score >= SHOWN
    )
    if not guesses or guesses[0].confidence < threshold:
        return None, guesses[:3]
    return guesses[0], guesses[1:]
