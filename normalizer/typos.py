"""One wrong letter in a word finds the word of the lexicon that was meant, by an index of deletions."""

from collections import defaultdict
from collections.abc import Callable, Iterable

SHORTEST = 6  # letters: shorter words of the lexicon have too many neighbours
CHANGED_SHORTEST = 8  # letters: below it a changed letter makes another word too often (posisi, polisi)
_ONE_LESS = SHORTEST - 1


def corrector(known: Iterable[str], ordinary: Iterable[str]) -> Callable[[str], str | None]:
    """Give a look-up of the one word of `known` that differs by one letter: missing, added, changed or swapped.

    It answers None for a word of `ordinary`, for a short one, and where two words lie as near. The first letter
    has to be right.
    """
    long = {word for word in known if len(word) >= SHORTEST and word.isascii() and word.isalpha()}
    shortened: dict[str, list[str]] = defaultdict(list)
    for word in long:
        for less in _shortened(word):
            shortened[less].append(word)
    untouched = frozenset(ordinary)

    def meant(token: str) -> str | None:
        if len(token) < _ONE_LESS or token in untouched or not token.isascii() or not token.isalpha():
            return None
        less = _shortened(token)
        found = long & less | set(shortened.get(token, ()))
        for same in shortened.keys() & less:
            found.update(word for word in shortened[same] if _changed_or_swapped(token, word))
        return found.pop() if len(found) == 1 else None

    return meant


def _shortened(word: str) -> set[str]:
    """The word without one of its letters, but for the first."""
    return {word[:place] + word[place + 1 :] for place in range(1, len(word))}


def _changed_or_swapped(token: str, word: str) -> bool:
    if len(token) != len(word):
        return False
    wrong = [place for place in range(len(word)) if token[place] != word[place]]
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        return token[first] == word[second] and token[second] == word[first]
    return len(wrong) == 1 and len(word) >= CHANGED_SHORTEST
