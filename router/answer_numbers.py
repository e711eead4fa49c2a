"""Numbers in an answer: of an option, of stars."""

import re
from collections.abc import Sequence

_STARS = re.compile(r"[\u2b50\U0001f31f\u2605]")
_COUNTED = {
    "satu": 1,
    "dua": 2,
    "tiga": 3,
    "empat": 4,
    "lima": 5,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
}
ONE_TO_FIVE = rf"[1-5]|{'|'.join(_COUNTED)}"
_RATING = re.compile(rf"^(?:bintang|nilai|rating|skor|stars?)?\s*({ONE_TO_FIVE})\s*(?:/\s*5|bintang|stars?)?$")
_NUMBER = re.compile(
    rf"^(?:nomor|nomer|no|yang|yg|number|pilih|opsi)?\s*(?:no\s*)?([1-9]|{'|'.join(_COUNTED)})(?: aja| saja)?$"
)
_NUMBER_FIRST = re.compile(
    r"^\s*(?:no(?:mor|mer|\.)?\s*)?([1-9])\s*(?:[,.;:)\n-]|di\b|dan\b|at\b|and\b)", re.IGNORECASE
)
_NUMBER_LAST = re.compile(r"[,;\n]\s*(?:no(?:mor|mer|\.)?\s*)?([1-9])\s*\.?\s*$", re.IGNORECASE)
_ORDER = {"pertama": 1, "kesatu": 1, "kedua": 2, "ketiga": 3, "keempat": 4, "first": 1, "second": 2, "third": 3}


def counted(figure: str) -> int:
    return _COUNTED.get(figure) or int(figure)


def number_in(core: Sequence[str]) -> int | None:
    if len(core) == 1 and core[0] in _ORDER:
        return _ORDER[core[0]]
    if len(core) == 2 and core[0] in {"yang", "yg", "the"} and core[1] in _ORDER:
        return _ORDER[core[1]]
    found = _NUMBER.match(" ".join(core))
    return counted(found[1]) if found else None


def number_beside_in(text: str) -> int | None:
    found = _NUMBER_FIRST.match(text) or _NUMBER_LAST.search(text)
    return int(found[1]) if found else None


def stars_in(text: str, core: Sequence[str]) -> int | None:
    """A rating of one to five: stars as signs, "bintang 4", "5/5", or the bare figure."""
    if count := len(_STARS.findall(text)):
        return min(count, 5)
    found = _RATING.match(" ".join(core))
    return counted(found[1]) if found else None
