"""The normalizer's lists of words, read once from words.toml."""

import tomllib
from pathlib import Path

_LISTS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))

SLANG: dict[str, str] = _LISTS["slang"]
SHORT_NAMES: dict[str, str] = _LISTS["short_names"]
ENGLISH_SPELLINGS: dict[str, str] = _LISTS["english_spellings"]


def words(name: str) -> frozenset[str]:
    """Give a list of words.toml. Raises KeyError for a list that is not there."""
    return frozenset(_LISTS[name].split())
