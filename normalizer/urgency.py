"""Danger to life in the words of a message: live wires, gas, fire, people trapped, something falling down."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from normalizer.phrases import Found, finder
from normalizer.schema import Danger

FIRST = 60  # words: who is in danger says so first; what comes later belongs to a long story
# How many words may stand between a word and the danger that it takes back; a live wire is no matter of worry.
REACH = {"worry": 5, "before": 2, "thing": 2, "negated": 0, "after": 3}
WIRE_REACH = 2
OF_PERSONS = {"trapped", "water", "injured"}  # what a cat, a ball or a sandal may meet as well, and nobody is hurt

_ITS = ("nya", "nye")
_OTHERS = {"adanya", "kayaknya", "kayanya"}  # "maybe" is no "like"; "adanya tawuran" speaks of fights, not of one

_LISTS = tomllib.loads(Path(__file__).with_name("danger.toml").read_text(encoding="utf-8"))
_dangers, _what_undoes = finder(_LISTS["danger"]), finder(_LISTS["no_danger"])


def danger_in(words: Sequence[str]) -> Danger | None:
    """Give the danger to life that folded words speak of as here and now, or None.

    It flags a report for a person's eyes; it is no alarm. What may happen ("takut roboh"), did happen long ago
    ("pernah kebakaran") or only names a thing ("pemadam kebakaran") is none; something about to fall is. Of
    several kinds the first that is named counts.
    """
    said = [_bare(word) if word.endswith(_ITS) else word for word in words[:FIRST]]
    found = list(_dangers(said))
    if not found:  # as nearly always
        return None
    undoing = _without_cannot(list(_what_undoes(said)))
    real = (each for each in found if not any(_undoes(other, each) for other in undoing))
    first = min(real, key=lambda each: (each.begins, -each.ends), default=None)
    return cast(Danger, first.name) if first else None


def _bare(word: str) -> str:
    """Without "its": "apinya", "orangnya"."""
    return word[:-3] if len(word) > 5 and word not in _OTHERS else word


def _without_cannot(found: Sequence[Found]) -> list[Found]:
    """The phrases, without a "bisa" that stands in "tidak bisa"."""
    sure = {place for each in found if each.name == "cannot" for place in range(each.begins, each.ends)}
    return [each for each in found if not (each.name == "before" and each.begins in sure)]


def _undoes(each: Found, danger: Found) -> bool:
    if each.name == "other":
        says_more = danger.begins <= each.begins and danger.ends >= each.ends  # "pohon mau roboh"
        return each.begins < danger.ends and danger.begins < each.ends and not says_more
    if each.name not in REACH or (each.name == "thing" and danger.name not in OF_PERSONS):
        return False
    reach = REACH[each.name]
    if each.name == "after":
        return 0 <= each.begins - danger.ends <= reach
    reach = min(reach, WIRE_REACH) if danger.name == "wire" else reach
    return each.begins < danger.begins <= each.ends + reach
