"""Names with one wrong letter: left out, put in, exchanged or swapped with its neighbour."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

SHORT = 6  # letters: of these two at each end are enough
SHORTEST = 5  # letters: shorter names have too many ordinary words for neighbours


def spellings(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Index long names by what one wrong letter leaves whole: their first or their last three letters, or, of
    short ones, two at each end."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if len(name) >= SHORTEST and name.isalpha():
            for whole in _wholes(name):
                found[whole].append(name)
    return {whole: tuple(meant) for whole, meant in found.items()}


def _wholes(name: str) -> tuple[str, ...]:
    ends = (f"^{name[:3]}", f"{name[-3:]}$")
    return ends if len(name) > SHORT else (*ends, f"{name[:2]}^{name[-2:]}")


def right_spellings(index: Mapping[str, tuple[str, ...]], key: str) -> set[str]:
    """Give the names that a key misses by one letter: none where it is too short."""
    if len(key) < SHORTEST:
        return set()
    near = index.get(f"^{key[:3]}", ()) + index.get(f"{key[-3:]}$", ())
    size = len(key)
    if size <= SHORT:
        near += index.get(f"{key[:2]}^{key[-2:]}", ())
    return {name for name in near if -2 < len(name) - size < 2 and is_one_off(name, key)} if near else set()


def is_one_off(name: str, other: str) -> bool:
    """Whether two different words differ by one letter or by two neighbours that changed places."""
    if abs(len(name) - len(other)) > 1 or name == other:
        return False
    start, shorter = 0, min(len(name), len(other))
    while start < shorter and name[start] == other[start]:
        start += 1
    rest, others = name[start:], other[start:]
    if len(rest) == len(others):
        swapped = len(rest) > 1 and rest[0] == others[1] and rest[1] == others[0] and rest[2:] == others[2:]
        return rest[1:] == others[1:] or swapped
    return rest[1:] == others if len(rest) > len(others) else rest == others[1:]
