"""`run_bots.py learn`: a model of what officials corrected, kept only where it guesses better than the lexicon."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from config.settings import read_settings
from desk.console import add, say_line, say_progress

if TYPE_CHECKING:
    from router.examples import Example
    from router.house import House
    from router.training import Verdict

MISSING = (
    "learn needs scikit-learn: `uv sync --locked --no-dev --extra learn`, or `.venv/bin/pip install scikit-learn`"
)


def add_commands(commands: Any) -> None:
    """Add this page's command to run_bots.py's parser."""
    what = "learn kinds of problem from the desk's corrections; kept only where that guesses better"
    command = add(commands, "learn", learn, what)
    command.add_argument("--dry-run", action="store_true", help="measure and tell, keep nothing")
    command.add_argument("--forget", action="store_true", help="remove the learned model")


def learn(options: argparse.Namespace) -> int:
    """Train, measure, tell, and keep what is better. Raises ValueError without scikit-learn."""
    from router.house import open_house
    from router.learned import forget_model

    if options.forget:
        version = forget_model(open_house(read_settings()))
        say_line(f"Learned model {version} is removed." if version else "There was no learned model.")
        return 0
    try:
        import router.training  # noqa: F401  (numpy and scikit-learn come with it)
    except ImportError:
        raise ValueError(MISSING) from None
    return _learn(open_house(read_settings()), keeps=not options.dry_run)


def _learn(house: "House", *, keeps: bool) -> int:
    from router.examples import examples
    from router.learned import keep_model, new_version
    from router.training import learn, too_few

    found = examples(house, say_progress)
    say_progress("")
    say_line(_gathered(found))
    if reason := too_few(found):
        say_line(f"Not learned: {reason}. {_unchanged(house)}")
        return 0
    model, verdict = learn(found, new_version(house.now()), house.pack, say_progress)
    say_progress("")
    for line in _table(verdict):
        say_line(line)
    if not verdict.is_better:
        say_line(f"Not kept: the gain may be chance. {_unchanged(house)}")
    elif not keeps:
        say_line(f"It would be kept, but this was a dry run. {_unchanged(house)}")
    else:
        keep_model(house, model, {**asdict(verdict), "features": len(model.features)})
        say_line(f"Kept: model {model.version}, {len(model.features)} words and pairs of words.")
        say_line("Servers take it within a minute; `run_bots.py learn --forget` removes it.")
    return 0


def _unchanged(house: "House") -> str:
    """What goes on as before."""
    from router.learned import look_for_model

    look_for_model(house)
    model = house.learned.model
    return f"Model {model.version} stays in use." if model else "The lexicon goes on alone."


def _gathered(found: "Sequence[Example]") -> str:
    judged = Counter(each.judged for each in found)
    people = len({each.reporter for each in found})
    parts = f"{judged['agreed']} agreed with, {judged['changed']} changed, {judged['named']} named"
    return f"{len(found)} reports of {people} people were judged by officials: {parts}."


def _table(verdict: "Verdict") -> Iterator[str]:
    """Examples and right guesses of each service, then each way of guessing, then what it comes to."""
    yield ""
    yield f"{'service':20} {'examples':>8} {'lexicon right':>14} {'together right':>15}"
    for code, (count, lexicon, together) in sorted(verdict.services.items(), key=lambda each: -each[1][0]):
        yield f"{code:20} {count:8} {lexicon / count:14.1%} {together / count:15.1%}"
    yield ""
    yield f"{'':20} {'right':>8} {'wrong':>8} {'asked':>8}"
    for way, counts in verdict.ways.items():
        yield f"{way:20} " + " ".join(f"{count / verdict.examples:8.1%}" for count in counts)
    yield ""
    low, high = 100 * verdict.low, 100 * verdict.high
    yield (
        f"Right less wrong: {100 * verdict.gain:+.1f} points against the lexicon alone"
        f" (95 % interval {low:+.1f} to {high:+.1f}), on reports that the model had not seen."
    )
