"""What everybody may ask for is computed once a minute, however many ask."""

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from router.house import House

KEPT_SECONDS = 60
MOST = 500  # answers

Answer = TypeVar("Answer")
_kept: dict[Any, Any] = {}
_one_at_a_time = Lock()


def kept(house: House, key: tuple[Any, ...], compute: Callable[[], Answer]) -> Answer:
    """What `compute` gives, or gave in this minute; one is computed at a time, so that the public takes no more
    than one of the database's connections."""
    whole = (house.store.reading, int(house.now().timestamp()) // KEPT_SECONDS, *key)
    found: tuple[Answer] | None = _kept.get(whole)
    if found is None:
        with _one_at_a_time:
            found = _kept.get(whole) or _keep(whole, (compute(),))
    return found[0]


def _keep(key: Any, found: tuple[Answer]) -> tuple[Answer]:
    while len(_kept) >= MOST:
        del _kept[next(iter(_kept))]  # the oldest
    _kept[key] = found
    return found
