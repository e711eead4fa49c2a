"""The normalizer's lists of words, read once from words.toml."""

import re
import tomllib
from pathlib import Path

_LISTS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))

SLANG: dict[str, str] = _LISTS["slang"]
SHORT_NAMES: dict[str, str] = _LISTS["short_names"]
ENGLISH_SPELLINGS: dict[str, str] = _LISTS["english_spellings"]


def words(name: str) -> frozenset[str]:
    """Give a list of words.toml. Raises KeyError for a list that is not there."""
    return frozenset(_LISTS[name].split())


def pattern_of(phrases: str) -> re.Pattern[str]:
    """Give phrases, one a line, as one pattern for words joined by single spaces.

    "~" stands for up to three words, "*" for the rest of a word.
    """
    lines = [re.escape(line.strip()) for line in phrases.splitlines() if line.strip()]
    patterns = [line.replace(r"\ \~\ ", r" (?:\w+ ){0,3}").replace(r"\*", r"\w*") for line in lines]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")
