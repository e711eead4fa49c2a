"""Words as the lexicon knows them: lower case, slang spelled out, endings and doublings folded."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress

from normalizer.remembered import remembered
from normalizer.wordlists import SLANG

PICTURES = "🔥🕳🌊🌳🌲🗑🚮🚬🚭🐍🐝🐕🐈🐀🐒🦟🚦🚌🚎💡⚡📶🏭"  # the ones that say what the matter is
_TOKEN = re.compile(rf"[^\W_]+|[{PICTURES}]")
_PARTED = re.compile(f"({_TOKEN.pattern})")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_DOUBLED = re.compile(r"^([a-z]{3,})[2²](?:nya|an)?$")


_ENDINGS = ("nya", "nye", "ny", "lah", "kah", "pun", "ne", "kan", "in", "an", "i")
_BY_LAST_LETTER = {last: [end for end in _ENDINGS if end[-1] == last] for last in {end[-1] for end in _ENDINGS}}
_BEGINNINGS = tuple("di ter ber be meng mem men meny me ke peng pem pen pe se nge ng ny".split())  # noqa: SIM905
_BY_TWO_LETTERS = {two: [each for each in _BEGINNINGS if each[:2] == two] for two in {b[:2] for b in _BEGINNINGS}}


@dataclass(frozen=True, slots=True)
class Words:
    """A text's words in lower case, with where each begins and ends in it."""

    text: str
    tokens: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def words_of(text: str) -> Words:
    """Split a text into words: runs of letters and digits, and the few pictures that mean something."""
    parts = _PARTED.split(text)  # what lies between, a word, what lies between, …
    bounds = tuple(accumulate(map(len, parts)))
    return Words(text, tuple(map(str.lower, parts[1::2])), bounds[:-1:2], bounds[1::2])


def places_of(words: Sequence[str], among: Container[str]) -> list[int]:
    """The places of those words that are among these, as quickly as that can be told: most are not."""
    return list(compress(range(len(words)), map(among.__contains__, words)))


def tokens_of(text: str) -> list[str]:
    """The words of `words_of` alone, for a third of the price: a pack has forty thousand names."""
    return [token.lower() for token in _TOKEN.findall(text)]


@remembered
def plain(token: str) -> str:
    """Fold one word's spelling: stretched letters, "lampu2", slang."""
    if token in SLANG:
        return SLANG[token]
    if token.isalpha() and token.isascii():
        short = _STRETCHED.sub(r"\1", token)
        return SLANG.get(short, short)
    doubled = _DOUBLED.match(token)
    return SLANG.get(doubled.group(1), doubled.group(1)) if doubled else token


_HASHTAG = re.compile(r"#([a-zA-Z]{6,40})\d{0,2}\b")
_LONG_BEGINNING = 5  # letters: a shorter word begins too many others ("air", "#airlangga")


def split_hashtags(text: str, known: Container[str]) -> str:
    """Part a hashtag into the lexicon's words that it begins with: "#jalanrusakjakbar" -> "jalan rusak jakbar"."""
    if "#" not in text:
        return text
    return _HASHTAG.sub(lambda match: _parts(match[1], known), text)


def _parts(tag: str, known: Container[str]) -> str:
    """The tag in words; as it is where neither all of it nor a long beginning nor a long end is known."""
    small = tag.lower()
    if small in known:
        return tag
    beginnings = [place for place in range(len(tag) - 3, 2, -1) if small[:place] in known]
    for place in beginnings:
        if small[place:] in known:
            return f"{tag[:place]} {tag[place:]}"
    if beginnings and beginnings[0] >= _LONG_BEGINNING:
        return f"{tag[: beginnings[0]]} {_parts(tag[beginnings[0] :], known)}"
    end = next((place for place in range(4, len(tag) - 4) if small[place:] in known), None)
    return f"{tag[:end]} {tag[end:]}" if end else tag


def stems(token: str) -> list[str]:
    """Give the shorter words that a word may come from, the likeliest first; the lexicon says which it knows."""
    endings = _BY_LAST_LETTER.get(token[-1:], ())
    without_ending = [token[: -len(end)] for end in endings if token.endswith(end) and len(token) - len(end) >= 3]
    without_beginning = [
        word[len(begin) :]
        for word in (token, *without_ending)
        for begin in _BY_TWO_LETTERS.get(word[:2], ())
        if word.startswith(begin) and len(word) - len(begin) >= 4
    ]
    return without_ending + without_beginning
