"""Where a word stands in a message says how much it counts: what was asked, denied, done, or only says where."""

from collections.abc import Sequence
from itertools import accumulate
from operator import not_

from normalizer.tokens import places_of
from normalizer.wordlists import words as word_list

SAID_FIRST = 1.0  # weight on top for what a message begins with: people put the problem first
ASKED, ASKED_WORDS = 0.3, 4  # weight on top for the words after "mohon", "tolong"
BESIDE, BESIDE_WORDS = 0.3, 2  # of its weight: what a word still counts that only says where ("depan sekolah")
SPOKEN_TO, SPOKEN_TO_WORDS = 0.3, 5  # after "kepada yth", "selaku": whom one speaks to, who one is
EARLIER, EARLIER_WORDS = 0.5, 3  # after "setelah": what was before
DENIED_WORDS = 2  # after "bukan"
DONE, DONE_WORDS = 0.2, 4  # what is said before "sudah ... diperbaiki"

_BESIDE_WORDS, _BETWEEN_WORDS = word_list("beside"), word_list("between")
_COURTESY, _SMALL = word_list("courtesy"), word_list("small")
_ASKING, _SPEAKING, _EARLIER = word_list("requesting"), word_list("speaking"), word_list("earlier")
_DENYING, _NOT_ONLY, _STATES = word_list("denying"), word_list("not_only"), word_list("states")
_ALREADY, _FIXED, _AGAIN = word_list("already"), word_list("fixed"), word_list("again")
_TURNING, _DEMANDING, _HOPING = word_list("turning"), word_list("demanding"), word_list("hoping")
# How many words before "sudah" may take it back: "seharusnya sudah", "semoga got di gang kami sudah".
BEFORE_DONE, HOPED = 2, 8
_LEADING = _BESIDE_WORDS | _ASKING | _SPEAKING | _EARLIER
_NOT_SAID = _COURTESY | _SMALL | _ASKING
_TAKING_BACK = _DENYING | {"tidak", "not"}


def counts(words: Sequence[str]) -> list[float]:
    """Give for each word how much it counts: 1 as a rule, 0 where it is denied."""
    said = accumulate(map(not_, map(_NOT_SAID.__contains__, words[:-1])), initial=0)
    found = [1 + SAID_FIRST / (1 + before) for before in said][: len(words)]
    end = 0
    for place in places_of(words, _LEADING):
        if place >= end:
            end = _led(words, found, place)
    if not _TAKING_BACK.isdisjoint(words):
        _deny(words, found)
    if not _ALREADY.isdisjoint(words):
        _done(words, found)
    return found


def _led(words: Sequence[str], found: list[float], begin: int) -> int:
    """Weigh what stands behind a word that leads others; where the next stands that none leads."""
    beside = asked = spoken = earlier = 0
    for place in range(begin, len(words)):
        word, count = words[place], found[place]
        if not (beside or asked or spoken or earlier or word in _LEADING):
            return place
        if beside:
            count *= BESIDE
            beside -= word not in _BETWEEN_WORDS
        if asked:
            count *= 1 + ASKED
            asked -= 1
        if spoken:
            count *= SPOKEN_TO
            spoken -= 1
        if earlier:
            count *= EARLIER
            earlier -= 1
        found[place] = count
        if word in _BESIDE_WORDS:
            beside = BESIDE_WORDS
        elif word in _ASKING:
            asked = ASKED_WORDS
        elif word in _SPEAKING:
            spoken = SPOKEN_TO_WORDS
        elif word in _EARLIER:
            earlier = EARLIER_WORDS
    return len(words)


def _deny(words: Sequence[str], found: list[float]) -> None:
    """Nothing counts that "bukan" denies ("bukan soal sampah"), nor a state after "tidak" ("tidak banjir")."""
    for place, word in enumerate(words):
        if word in {"tidak", "not"}:
            near = place + 1 + (list(words[place + 1 : place + 2]) == ["ada"])
            if near < len(words) and words[near] in _STATES:
                found[near] = 0.0
        elif word in _DENYING and not (place + 1 < len(words) and words[place + 1] in _NOT_ONLY):
            left = DENIED_WORDS
            for near in range(place + 1, len(words)):
                if not left or words[near] in _TURNING:
                    break
                left -= words[near] not in _SMALL
                found[near] = 0.0


def is_demanded(words: Sequence[str], begins: int, ends: int) -> bool:
    """Whether a phrase that says that something was done says that it should be: "sudah waktunya diperbaiki"."""
    near = words[max(0, begins - BEFORE_DONE) : ends]
    return not (_DEMANDING.isdisjoint(near) and _HOPING.isdisjoint(words[max(0, begins - HOPED) : begins]))


def _done(words: Sequence[str], found: list[float]) -> None:
    """What stands before "sudah diperbaiki" is over, back to a "but" or a "now", unless it is back again."""
    begin = 0
    for place, word in enumerate(words):
        if word in _TURNING:
            begin = place + 1
        elif word in _ALREADY:
            end = min(place + 1 + DONE_WORDS, len(words))
            if _FIXED.isdisjoint(words[place + 1 : end]) or is_demanded(words, place, end):
                continue
            if _AGAIN.isdisjoint(words[place + 1 : end + DONE_WORDS]):
                for before in range(begin, end):
                    found[before] *= DONE
            begin = end
