"""Words to find a report by: how a text is taken apart, and how wide what somebody types is meant.

What is kept are the words as they stand, and each once more without `di-`, `ber-`, `ter-`, `me-` in front. What is
asked for loses the endings that change no meaning (`-nya`, `-kan`, `-an` and their kin) and is the beginning of a
word: `dibersihkan` finds "membersihkan", `lampu` finds "lampunya", and every half-typed word finds the whole one.
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST_WORD = 40  # letters; what is longer is no word
MOST_WORDS = 2000  # of one report
MOST_ASKED = 8  # words of one question
SHORTEST_ROOT = 4  # letters that must stay of a word

_WORD = re.compile(r"[^\W_]+")
_FRONT = re.compile(rf"(?:mem|men|meng|me|ber|ter|di)(?=[a-z]{{{SHORTEST_ROOT}}})")
_END = re.compile(r"(?:nya|kan|lah|kah|an)$")


def words_of(text: str) -> list[str]:
    """The text's words in small letters without accents, digits among them, as they follow each other."""
    small = text.lower() if text.isascii() else _without_accents(text)
    return [word for word in _WORD.findall(small) if len(word) <= LONGEST_WORD]


def _without_accents(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def kept_words(texts: Iterable[str]) -> str:
    """What is kept of a report's texts: each word once, with its other form, one space between."""
    found: dict[str, None] = {}
    for text in texts:
        for word in words_of(text):
            found[word] = None
            found[without_front(word)] = None
            if len(found) >= MOST_WORDS:
                return " ".join(found)
    return " ".join(found)


def agency_word(agency_id: str) -> str:
    """What an agency's reports have among their words, so that its question reads no others': `agencydbm`."""
    return "agency" + "".join(words_of(agency_id))


def asked_words(text: str) -> list[tuple[str, ...]]:
    """What a question is looked for by: for each word the beginnings of which one must be there.

    A single letter or digit is no beginning but a word.
    """
    forms = (dict.fromkeys((without_end(word), without_end(without_front(word)))) for word in words_of(text))
    return list(dict.fromkeys(tuple(each) for each in forms))[:MOST_ASKED]


def without_front(word: str) -> str:
    """`berlubang` -> `lubang`; short words, and those with digits, as they are."""
    front = _FRONT.match(word)
    return word[front.end() :] if front and word.isalpha() else word


def without_end(word: str) -> str:
    """`lampunya` -> `lampu`, `jalanan` -> `jalan`; `jalan` stays: too little would be left."""
    if not word.isalpha():
        return word
    root = _END.sub("", word)
    return root if len(root) >= SHORTEST_ROOT else word
