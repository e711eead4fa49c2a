"""Danger to life in the words of a message: live wires, gas, fire, people trapped, something falling down."""

from collections.abc import Sequence

from normalizer.tokens import plain
from normalizer.wordlists import phrases

_DANGER = phrases("danger")
_NO_DANGER = phrases("no_danger")


def is_urgent(tokens: Sequence[str]) -> bool:
    """Whether the words speak of danger to life now. It flags a report for a person's eyes; it is no alarm."""
    text = " ".join(plain(token) for token in tokens)
    return bool(_DANGER.search(_NO_DANGER.sub(" ", text)))
