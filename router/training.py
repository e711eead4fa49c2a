"""Trains a linear model on what officials judged, and measures whether it helps (scikit-learn, extra `learn`)."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from config.pack import Pack
from normalizer.learned import Model, blend, features_of, folder, model_of, predict
from normalizer.schema import Guess
from normalizer.tokens import plain
from router.examples import Example, groups_of

ENOUGH = 200  # judged reports, below which nothing is learned
ENOUGH_OF_ONE = 10  # of a service, below which it is left to the lexicon
MOST_WORDS = 20_000  # and pairs of words in a model: with 48 services 4 MB
SEEN_IN, SEEN_OF = 5, 3  # reports, different reporters: what a word must be seen in before the model may hold it
FOLDS = 5
STRENGTH = 100.0  # scikit-learn's C: how freely weights may grow
RARE = 0.5  # an example counts as its service's number of examples to the power of minus this
SHARES = (0.3, 0.5, 0.7, 0.85)  # of the model in the blend
HALF_AT = 20  # examples of a service, at which the model has half of that share
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0)  # scores are divided by it: above 1 the model is less sure of itself
ROUNDS = 2000  # of the bootstrap
LEXICON, MODEL, BLEND = "lexicon alone", "model alone", "both together"

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What cross-validation says.

    `ways` has for each way of guessing how many it got right, got wrong, and asked about; `services` the examples
    of each service, and how many of them the lexicon and the blend got right. `gain` is the mean of right minus
    wrong, the blend's less the lexicon's, `low` and `high` its 95 % interval.
    """

    examples: int
    ways: dict[str, tuple[int, int, int]]
    services: dict[str, tuple[int, int, int]]
    gain: float
    low: float
    high: float

    @property
    def is_better(self) -> bool:
        """Whether the blend beats the lexicon by more than chance."""
        return self.low > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What scikit-learn gave, as plain arrays: a score is bias + the features' weights / sqrt(their number)."""

    services: list[str]
    counts: list[int]
    features: list[str]
    bias: Any
    weights: Any

    def shares(self, share: float) -> tuple[float, ...]:
        """A service's part of the blend: the more examples it has, the nearer to `share`."""
        return tuple(share * count / (count + HALF_AT) for count in self.counts)

    def model(self, version: str, share: float, temperature: float) -> Model:
        """The model whose scores are divided by `temperature`, with up to `share` of the blend."""
        bias, weights = (np.asarray(each / temperature, np.float32) for each in (self.bias, self.weights))
        shares = self.shares(share)
        return model_of(version, self.services, shares, self.features, bias.tolist(), weights.ravel().tolist())


def too_few(found: Sequence[Example]) -> str | None:
    """Why nothing can be learned yet; None when there is enough."""
    if len(found) < ENOUGH:
        return f"{len(found)} judged reports are too few, {ENOUGH} are needed"
    services = _learnable(found)
    if len(services) < 2:
        return f"fewer than two services have the {ENOUGH_OF_ONE} judged reports that one needs to be learned"
    if not vocabulary([each for each in found if each.service_code in services]):
        return f"no word was said in {SEEN_IN} reports of {SEEN_OF} different people"
    return None


def _learnable(found: Sequence[Example]) -> set[str]:
    counts = Counter(each.service_code for each in found)
    return {code for code, count in counts.items() if count >= ENOUGH_OF_ONE}


# --- words ------------------------------------------------------------------------------------------------


def vocabulary(found: Sequence[Example]) -> list[str]:
    """The words and pairs of words that a model may hold, without digits, said by enough different people."""
    words = set(_common([[plain(token) for token in each.tokens] for each in found], found))
    fold = folder(words)
    return _common([[fold(token) for token in each.tokens] for each in found], found)


def _common(words: Sequence[Sequence[str]], found: Sequence[Example]) -> list[str]:
    said: dict[str, int] = Counter()
    people: dict[str, set[int]] = defaultdict(set)
    for each, example in zip(words, found, strict=True):
        for feature in features_of(each):
            if feature.replace(" ", "").isalpha() and len(feature) <= 50:
                said[feature] += 1
                people[feature].add(example.reporter)
    common = [one for one, count in said.items() if count >= SEEN_IN and len(people[one]) >= SEEN_OF]
    return sorted(sorted(common, key=lambda one: -said[one])[:MOST_WORDS])


def _matrix(found: Sequence[Example], features: Sequence[str]) -> Any:
    """A row an example: 1 / sqrt(how many) at each of its features."""
    places, fold = {feature: place for place, feature in enumerate(features)}, folder(frozenset(features))
    rows, columns, values = [], [], []
    for row, each in enumerate(found):
        words = features_of([fold(token) for token in each.tokens])
        known = [places[feature] for feature in words if feature in places]
        rows += [row] * len(known)
        columns += known
        values += [1 / sqrt(len(known) or 1)] * len(known)
    return csr_matrix((values, (rows, columns)), shape=(len(found), len(features)))


# --- training ---------------------------------------------------------------------------------------------


def fit(found: Sequence[Example], services: Collection[str]) -> Fit | None:
    """Multinomial logistic regression over these services; None where there is only one, or no words."""
    taught = [each for each in found if each.service_code in services]
    features, counts = vocabulary(taught), Counter(each.service_code for each in taught)
    if len(counts) < 2 or not features:
        return None
    trained = LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3)
    # many threads for small arrays wait for each other, above all beside a server
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: what it is worth is measured
        trained.fit(
            _matrix(taught, features),
            [each.service_code for each in taught],
            sample_weight=[counts[each.service_code] ** -RARE for each in taught],
        )
    bias, weights = trained.intercept_, trained.coef_.T
    if len(trained.classes_) == 2:  # one column stands for both
        bias, weights = np.array([0.0, bias[0]]), np.hstack([np.zeros_like(weights), weights])
    codes = [str(code) for code in trained.classes_]
    each_count = [counts[code] for code in codes]
    return Fit(services=codes, counts=each_count, features=features, bias=bias, weights=weights)


# --- cross-validation -------------------------------------------------------------------------------------

Choice = tuple[float, float]  # share and temperature
CHOICES = [(share, temperature) for share in SHARES for temperature in TEMPERATURES]  # the careful ones first


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fold:
    """What examples that a model had not seen were worth, in their order, by choice: guessed by the model alone,
    and by the blend."""

    held_out: Any
    alone: dict[Choice, Any]
    together: dict[Choice, Any]


def learn(found: Sequence[Example], version: str, pack: Pack, say: Say) -> tuple[Model, Verdict]:
    """The model trained on all examples, and what cross-validation says of its kind.

    Near-identical texts are never on both sides of a fold. Share and temperature are chosen on the other folds
    for each fold's measure, and on all of them for the model. Raises ValueError where too_few() has a reason.
    """
    if reason := too_few(found):
        raise ValueError(reason)
    services, groups, folds = _learnable(found), groups_of(found), []
    for number, (taught, held_out) in enumerate(_splits(found, groups), start=1):
        say(f"training and measuring: {number} of {FOLDS}")
        fitted = fit([found[place] for place in taught], services)
        folds.append(_measured(fitted, [found[place] for place in held_out], held_out, pack))
    alone, together = np.zeros(len(found), int), np.zeros(len(found), int)
    for fold in folds:
        choice = _best([other for other in folds if other is not fold])
        alone[fold.held_out], together[fold.held_out] = fold.alone[choice], fold.together[choice]
    lexicon = np.array([_worth(each.service, each) for each in found])
    say("training on all")
    fitted = fit(found, services)
    if fitted is None:
        raise ValueError("there is nothing to learn")
    model = fitted.model(version, *_best(folds))
    return model, _verdict(found, {LEXICON: lexicon, MODEL: alone, BLEND: together}, groups)


def _splits(found: Sequence[Example], groups: Sequence[int]) -> Any:
    splits = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of services with fewer examples than folds
        return list(splits.split(np.zeros(len(found)), [each.service_code for each in found], groups))


def _measured(fitted: Fit | None, asked: Sequence[Example], held_out: Any, pack: Pack) -> _Fold:
    """A fold's worth; where nothing could be learned the lexicon's."""
    if fitted is None:
        nothing, lexicon = np.zeros(len(asked), int), _worths(asked, [each.service for each in asked])
        return _Fold(
            held_out=held_out, alone=dict.fromkeys(CHOICES, nothing), together=dict.fromkeys(CHOICES, lexicon)
        )
    alone, together = {}, {}
    for temperature in TEMPERATURES:
        model = fitted.model("measured", SHARES[0], temperature)
        said = [predict(model, each.tokens) for each in asked]
        of_model = _worths(asked, [_alone(each, pack) for each in said])
        for share in SHARES:
            mixer = replace(model, shares=fitted.shares(share))
            blended = [_together(mixer, one, each, pack) for one, each in zip(said, asked, strict=True)]
            alone[share, temperature], together[share, temperature] = of_model, _worths(asked, blended)
    return _Fold(held_out=held_out, alone=alone, together=together)


def _alone(said: Mapping[str, float], pack: Pack) -> Guess | None:
    code = max(said, key=lambda code: said[code], default=None)
    is_sure = code is not None and said[code] >= float(pack.settings["service_threshold"])
    return Guess(service_code=code, confidence=said[code]) if code is not None and is_sure else None


def _together(model: Model, said: Mapping[str, float], each: Example, pack: Pack) -> Guess | None:
    """As normalize() does it."""
    if not said:
        return each.service
    threshold = float(pack.settings["service_threshold"])
    return blend(model, said, each.service, each.alternatives, codes=pack.services, threshold=threshold)[0]


def _best(folds: Sequence[_Fold]) -> Choice:
    """What did best on examples that these folds' models had not seen; at a tie the model's smaller share."""
    return max(CHOICES, key=lambda choice: sum(int(fold.together[choice].sum()) for fold in folds))


# --- measuring --------------------------------------------------------------------------------------------


def _worth(guess: Guess | None, example: Example) -> int:
    """A wrong guess sends people the wrong way: it counts as much against as a right one for it. A question: 0."""
    if guess is None:
        return 0
    return 1 if guess.service_code == example.service_code else -1


def _worths(found: Sequence[Example], guesses: Sequence[Guess | None]) -> Any:
    return np.array([_worth(guess, each) for guess, each in zip(guesses, found, strict=True)], int)


def _verdict(found: Sequence[Example], worth: dict[str, Any], groups: Sequence[int]) -> Verdict:
    gains = worth[BLEND] - worth[LEXICON]
    low, high = _interval(gains, groups)
    services = {}
    for code, count in sorted(Counter(each.service_code for each in found).items()):
        mine = np.array([each.service_code == code for each in found])
        services[code] = (count, int((worth[LEXICON][mine] == 1).sum()), int((worth[BLEND][mine] == 1).sum()))
    return Verdict(
        examples=len(found),
        ways={way: _counts(each) for way, each in worth.items()},
        services=services,
        gain=float(gains.mean()),
        low=low,
        high=high,
    )


def _counts(worth: Any) -> tuple[int, int, int]:
    return int((worth == 1).sum()), int((worth == -1).sum()), int((worth == 0).sum())


def _interval(gains: Any, groups: Collection[int]) -> tuple[float, float]:
    """The 95 % interval of the mean gain, by a bootstrap over the groups of near-identical texts."""
    _, number = np.unique(np.array(list(groups)), return_inverse=True)
    sums, sizes = np.bincount(number, weights=gains), np.bincount(number)
    draw = np.random.default_rng(1)
    means = []
    for _ in range(ROUNDS):
        drawn = draw.integers(0, len(sums), len(sums))
        means.append(sums[drawn].sum() / sizes[drawn].sum())
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
