"""How the house is: each channel, what waits, what is owed, Redis, disk and backup; each part asked in time."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels import CHANNELS
from router.backup import LAST_BACKUP
from router.check import channel_lines
from router.house import House
from router.in_time import InTime
from router.metrics import repeated
from router.ready import not_ready
from store.counts import count_deliveries, count_photos
from store.journal import Journal
from store.models import Delivery, Message
from store.work import UNFINISHED

LOOKED_AT = 20_000  # newest rows in which the last one of a channel is looked for
ALSO_OUT = ("desk", "webhook", "queue")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelHealth:
    """One channel. `last_in` and `last_out` None: none among the newest. `next_try` is when the first one that its
    provider did not take is tried again; `repeated` counts this process alone."""

    name: str
    last_in: datetime | None
    last_out: datetime | None
    counts: Mapping[str, int]
    oldest: datetime | None
    next_try: datetime | None
    error: str | None
    repeated: int
    said: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Everything; a part that could not be asked in time is named in `silent`."""

    channels: Sequence[ChannelHealth] = ()
    journal: Mapping[str, int] | None = None
    oldest_kept: datetime | None = None
    photos: Mapping[str, int] | None = None
    reasons: Sequence[str] = ()
    queues: Mapping[str, int] | None = None
    workers: int | None = None
    free_bytes: int | None = None
    backup_at: datetime | None = None
    silent: Sequence[str] = ()


def health(house: House, journal: Journal | None, in_time: InTime, of_ready: InTime) -> Health:
    """Ask everything side by side; a database or a Redis that hangs leaves the rest as it is."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "database": lambda: _of_database(house),
        "disk": lambda: {"free_bytes": shutil.disk_usage(house.settings.data_dir).free},
        "backup": lambda: {"backup_at": _backup_at(house)},
    }
    if journal is not None:
        parts["journal"] = lambda: {"journal": journal.counts(), "oldest_kept": journal.oldest_waiting()}
        parts["ready"] = lambda: {"reasons": not_ready(house, journal, of_ready)}
    if house.settings.redis_url is not None:
        parts["redis"] = lambda: _of_redis(house.settings.redis_url or "")
    answers = in_time.ask(parts)
    told = {key: value for each in answers.values() if isinstance(each, dict) for key, value in each.items()}
    return Health(silent=[name for name, each in answers.items() if not isinstance(each, dict)], **told)


def _of_database(house: House) -> dict[str, Any]:
    said = {name: words for name, _, words in channel_lines(house.settings)}
    with house.store.read() as session:
        owed = count_deliveries(session)
        heard, sent = _last_in(session), _last_out(session)
        tries, errors = _next_tries(session), _last_errors(session)
        photos = count_photos(session)
    known = [*CHANNELS, *(name for name in ALSO_OUT if any(on == name for on, _ in owed.counts))]
    channels = [
        ChannelHealth(
            name=name,
            last_in=heard.get(name),
            last_out=sent.get(name),
            counts={state: count for (on, state), count in owed.counts.items() if on == name},
            oldest=owed.oldest.get(name),
            next_try=tries.get(name),
            error=errors.get(name),
            repeated=int(repeated.labels(name)._value.get()) if name in CHANNELS else 0,
            said=said.get("sms" if name == "whatsapp" else name),
        )
        for name in known
    ]
    return {"channels": channels, "photos": photos}


def _last_in(session: Session) -> dict[str, datetime]:
    newest = session.scalar(select(func.max(Message.id))) or 0
    query = select(Message.channel, func.max(Message.received_at)).where(Message.id > newest - LOOKED_AT)
    return dict(session.execute(query.group_by(Message.channel)).all())


def _last_out(session: Session) -> dict[str, datetime]:
    newest = session.scalar(select(func.max(Delivery.id))) or 0
    query = select(Delivery.channel, func.max(Delivery.updated_at)).where(Delivery.id > newest - LOOKED_AT)
    query = query.where(Delivery.state.in_(("sent", "delivered"))).group_by(Delivery.channel)
    return dict(session.execute(query).all())


def _next_tries(session: Session) -> dict[str, datetime]:
    """When the first of those that were tried and not taken is tried again."""
    query = select(Delivery.channel, func.min(Delivery.next_attempt_at)).where(Delivery.state.in_(UNFINISHED))
    return dict(session.execute(query.where(Delivery.attempts > 0).group_by(Delivery.channel)).all())


def _last_errors(session: Session) -> dict[str, str]:
    """What the newest delivery that failed, or waits for another try, was told."""
    told = Delivery.state.in_((*UNFINISHED, "failed")), Delivery.last_error.is_not(None)
    newest = select(func.max(Delivery.id)).where(*told).group_by(Delivery.channel)
    return dict(
        session.execute(
            select(Delivery.channel, func.coalesce(Delivery.last_error, "")).where(Delivery.id.in_(newest))
        ).all()
    )


def _of_redis(url: str) -> dict[str, Any]:
    """How many jobs lie in each of rq's queues, and how many processes take them."""
    from redis import Redis
    from rq import Queue, Worker

    with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as redis:
        queues = {queue.name: queue.count for queue in Queue.all(connection=redis)}
        return {"queues": dict(sorted(queues.items())), "workers": Worker.count(connection=redis)}


def _backup_at(house: House) -> datetime | None:
    """When `run_bots.py backup` was last done here; other backups are not known."""
    file = house.settings.data_dir / LAST_BACKUP
    return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None
