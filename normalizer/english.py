"""English words as the lexicon knows them: common misspellings put right, plurals and verbs' endings folded."""

from collections.abc import Sequence

from normalizer.wordlists import ENGLISH_SPELLINGS, words

_VOWELS = frozenset("aeiou")


def base_forms(word: str) -> list[str]:
    """Give the words that an English word may come from, the likeliest first; the lexicon says which it knows.

    "kerbs" -> "curb", "puddles" -> "puddle", "overflowing" -> "overflow", "clogged" -> "clog".
    """
    spelled = ENGLISH_SPELLINGS.get(word, word)
    forms = [] if spelled == word else [spelled]
    if spelled.endswith("s"):
        forms += _without_s(spelled)
    elif spelled.endswith("ing") and len(spelled) > 5:
        forms += _verbs(spelled[:-3])
    elif spelled.endswith("ed") and len(spelled) > 4:
        forms += _verbs(spelled[:-2])
    return [form for form in forms if len(form) > 2]


def _without_s(word: str) -> list[str]:
    """Give the singular: "cats", "buses", "branches", "flies"; "glass" and "status" have none."""
    if word.endswith(("ss", "us", "is")):
        return []
    if word.endswith("ies"):
        return [f"{word[:-3]}y", word[:-1]]
    one = [word[:-1]]
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        one.append(word[:-2])
    return [form for singular in one for form in (singular, ENGLISH_SPELLINGS.get(singular, singular))]


def _verbs(stem: str) -> list[str]:
    """Give the verbs that "stem" + "ing" or "ed" come from: leak-, dangl(e)-, clog(g)-, carri-."""
    forms = [stem, f"{stem}e"]
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS:
        forms.insert(1, stem[:-1])
    if stem.endswith("i"):
        forms.append(f"{stem[:-1]}y")
    return forms


# "got" is a drain in Indonesian; in an English sentence only where a noun can stand.
_GOT = "got"
_BEFORE_A_NOUN = words("before_a_noun")


def without_false_friends(tokens: Sequence[str]) -> list[str]:
    """Give an English text's words with a gap for the verb "got", which Indonesian has as a noun."""
    return [
        "" if token == _GOT and place and tokens[place - 1] not in _BEFORE_A_NOUN else token
        for place, token in enumerate(tokens)
    ]
