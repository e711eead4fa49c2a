"""Whether this server can do all of its work now, and if not, why: what /readyz answers."""

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from normalizer.schema import TemporaryFailure
from router.house import House
from router.in_time import InTime
from store.journal import Journal
from store.media import key_of
from store.migrate import is_current
from store.room import TAKEN_AWAY, is_full, lack_of_room, there_already

WAITS_TOO_LONG = timedelta(minutes=5)
ITS_DISK_IS_FULL = "its disk is full (df, df -i): what comes in waits in the journal"
READY = "rq:lapor-ready"

Reason = str | None


def not_ready(house: House, journal: Journal, in_time: InTime) -> list[str]:
    """Why this server cannot do all of its work, a line each; intake goes on without most of it."""
    questions: dict[str, Callable[[], Reason]] = {
        "database": partial(_schema, house),
        "media": partial(_media, house),
        "disk": partial(lack_of_room, house.settings.data_dir / "journal"),
        "journal": partial(_refusing, journal),
        "backlog": partial(_backlog, house, journal),
    }
    if house.settings.redis_url is not None:
        questions["redis"] = partial(_takes, house.settings.redis_url)
    answers = in_time.ask(questions)
    return [f"{name}: {_said(answer, in_time.seconds)}" for name, answer in answers.items() if answer is not None]


def _said(answer: object, seconds: float) -> str:
    """A reason as it is; of an exception its type, which holds no password of a URL."""
    if isinstance(answer, TimeoutError):
        return f"no answer in {seconds:.0f} s"
    return type(answer).__name__ if isinstance(answer, Exception) else str(answer)


def _schema(house: House) -> Reason:
    if house.settings.is_sqlite and is_full(Path(house.store.engine.url.database or "")):
        return ITS_DISK_IS_FULL
    with house.store.turn or nullcontext():  # a command that somebody halted may hold it: then no answer comes
        pass
    return None if is_current(house.store.engine) else "the schema is not this version's: run_bots.py migrate"


def _media(house: House) -> Reason:
    with suppress(KeyError):  # nothing is there, and that was told
        house.store.media.get(key_of(b"ready"))
    place = house.settings.media
    if "://" in place:
        return None
    if not os.access(there_already(Path(place)), os.W_OK):
        return "the folder cannot be written"
    return ITS_DISK_IS_FULL if is_full(Path(place)) else None


def _refusing(journal: Journal) -> Reason:
    if journal.is_taken_away():
        return TAKEN_AWAY
    try:
        journal.probe().result()
    except TemporaryFailure:
        return "the disk refuses, messages are not kept"
    if broken := journal.broken():
        return f"{', '.join(broken)} cannot be read or written: what waits there is not worked off"
    return None


def _backlog(house: House, journal: Journal) -> Reason:
    oldest = journal.oldest_waiting()
    if oldest is None or house.now() - oldest <= WAITS_TOO_LONG:
        return None
    return f"the oldest message waits for {(house.now() - oldest) // timedelta(minutes=1)} minutes"


def _takes(url: str) -> Reason:
    from redis import Redis

    with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as redis:
        redis.set(READY, "", ex=60)  # a full one, and one that only reads, answer a ping all the same
    return None
