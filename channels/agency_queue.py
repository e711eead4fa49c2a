"""Queue, out only: an agency's own program takes its reports from its own rq queue `agency-AGENCY`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from channels.protocol import Connection
from config.settings import Settings
from normalizer.schema import Attachment, CannotTell, OutboundMessage, PermanentFailure, TemporaryFailure

if TYPE_CHECKING:
    from redis import Redis

RECEIVE = "agency.receive"  # the function that the agency's program has, by name
JOB_SECONDS = 300
FAILED_SECONDS = 30 * 24 * 3600  # so long a job that their program could not take is kept for them


def queue_name(agency_id: str) -> str:
    """The queue that is the agency's own: our workers never serve it."""
    return f"agency-{agency_id}"


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """A connection to REDIS_URL; without one every report waits, and its row says why."""
    if settings.redis_url is None:
        yield Queues(None)
        return
    from redis import Redis  # with rq 7 MB that a house without a queue does without

    with Redis.from_url(settings.redis_url, socket_timeout=10) as redis:
        yield Queues(redis)


class Queues:
    """The agencies' queues in REDIS_URL."""

    def __init__(self, redis: "Redis | None") -> None:
        self._redis = redis

    async def send(self, message: OutboundMessage) -> str:
        """Put the report into the queue; the job's id names the delivery, so that a repeat is known by it."""
        redis = self._open()
        from redis import RedisError
        from rq import Queue

        report, job = json.loads(message.text), _job_id(message)

        def push() -> None:
            Queue(message.to, connection=redis, serializer="json").enqueue_call(
                RECEIVE,
                (report,),
                timeout=JOB_SECONDS,
                result_ttl=0,
                failure_ttl=FAILED_SECONDS,
                job_id=job,
                description=job,
            )

        try:
            await asyncio.to_thread(push)
        except RedisError as error:
            raise TemporaryFailure(f"Redis: {type(error).__name__}", uncertain=True) from None
        return job

    async def fetch(self, attachment: Attachment) -> bytes:
        """A queue brings nothing in."""
        raise PermanentFailure("a queue has no photos")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """Whether the job is there. One that was taken already is not: it comes once more, with the same id."""
        redis, job = self._open(), _job_id(message)
        from redis import RedisError
        from rq.job import Job

        try:
            return job if await asyncio.to_thread(Job.exists, job, redis) else None
        except RedisError as error:
            raise TemporaryFailure(f"Redis: {type(error).__name__}") from None

    def _open(self) -> "Redis":
        if self._redis is None:
            raise TemporaryFailure("REDIS_URL is missing: the queue cannot be reached")
        return self._redis


def _job_id(message: OutboundMessage) -> str:
    return f"delivery-{message.delivery_id}"
