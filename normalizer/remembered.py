"""What a word was worked out to be, remembered: words come again and again."""

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

MOST = 20_000  # words: what a city says in a day; some megabytes


class _Remembered(dict[str, Value]):
    def __init__(self, work: Callable[[str], Value]) -> None:
        super().__init__()
        self._work = work

    def __missing__(self, word: str) -> Value:
        value = self._work(word)
        if len(self) >= MOST:
            self.clear()  # what is said often is soon there again
        self[word] = value
        return value


def remembered(work: Callable[[str], Value]) -> Callable[[str], Value]:
    """Decorate a pure function of one word: what it said of the last words is looked up.

    A dictionary's own look-up takes half as long as lru_cache, which notes each use; each word is asked for five
    times.
    """
    return _Remembered(work).__getitem__
