"""What everybody may ask for is computed once a minute, however many ask."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar

from router.house import House

KEPT_SECONDS = 60
MOST = 500  # answers

REST = 100  # times as long as computing took, what took longer stays as it is
LONGEST = 600  # seconds

Answer = TypeVar("Answer")
_kept: dict[Any, Any] = {}
_one_at_a_time: defaultdict[Any, Lock] = defaultdict(Lock)


def kept(house: House, key: tuple[Any, ...], compute: Callable[[], Answer]) -> Answer:
    """What `compute` gives, or gave in this minute; of each kind (the key's first part) one is computed at a
    time, so that the public takes no more than a few of the database's connections."""
    whole = (house.store.reading, int(house.now().timestamp()) // KEPT_SECONDS, *key)
    found: tuple[Answer] | None = _kept.get(whole)
    if found is None:
        with _one_at_a_time[key[0]]:
            found = _kept.get(whole) or _keep(whole, (compute(),))
    return found[0]


def _keep(key: Any, found: tuple[Answer]) -> tuple[Answer]:
    while len(_kept) >= MOST:
        _kept.pop(list(_kept)[0], None)  # noqa: RUF015 (the oldest; an iterator minds whoever adds meanwhile)
    _kept[key] = found
    return found


@dataclass(slots=True)
class Standing:
    """An answer that stands until a newer one is there; `took` is how long it was computed, in seconds."""

    answer: Any
    took: float
    at: float
    is_renewed: bool = False


_standing: dict[Any, Standing] = {}


def standing(
    house: House,
    key: tuple[Any, ...],
    compute: Callable[[], Answer],
    *,
    is_quick: Callable[[Answer], bool],
    before: Callable[[], Answer | None] = lambda: None,
) -> Answer:
    """What `compute` gives: now, where what it gave says that it is quick, and otherwise what it gave a while ago,
    while it is computed anew behind. `before` is what an earlier process had: with it not even the first waits.
    Computing takes a hundredth of a core at most."""
    whole = (house.store.reading, *key)
    if whole not in _standing:
        with _one_at_a_time[key[0]]:
            if whole not in _standing and (old := before()) is not None:
                _standing[whole] = Standing(answer=old, took=0, at=-LONGEST)
    found = _standing.get(whole)
    if found is None or is_quick(found.answer):
        with _one_at_a_time[key[0]]:
            found = _standing.get(whole)
            if found is None or is_quick(found.answer):
                found = _standing[whole] = _timed(compute)
    elif monotonic() - found.at > min(REST * found.took, LONGEST) and not found.is_renewed:
        found.is_renewed = True
        Thread(target=_renew, args=(whole, found, compute), daemon=True).start()
    answer: Answer = found.answer
    return answer


def _timed(compute: Callable[[], Any]) -> Standing:
    began = monotonic()
    return Standing(answer=compute(), took=monotonic() - began, at=monotonic())


def _renew(key: Any, old: Standing, compute: Callable[[], Any]) -> None:
    try:
        _standing[key] = _timed(compute)
    finally:
        old.is_renewed = False
