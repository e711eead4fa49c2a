"""Deliveries through rq: ids are put into Redis, any number of `work` processes claim and send them."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from channels.agency_queue import queue_name
from channels.names import Loop
from channels.protocol import Connection
from config.pack import Pack
from config.settings import Settings
from router.house import House
from router.limits import Limits, in_a_second
from router.outbox import deliver_due, open_connections
from router.owing import REPLIES
from router.running import leave_after
from store.steps import reached
from store.work import carry_deliveries, drop_carried, is_any_due

log = logging.getLogger("lapor.worker")

FEWEST, MOST = 10, 150  # ids in one job
CARRY = 600  # ids put into Redis at once
JOB_SECONDS = 300
AGENCIES = queue_name("")
STOP_SECONDS = 110.0  # for the job in hand; systemd kills after 120
IDLE_STOP_SECONDS = 15.0  # for a Redis that hangs
REDIS_SECONDS = 2.0  # before a Redis that went away is asked again


def queue_names(pack: Pack) -> list[str]:
    """Every queue that our workers serve; `agency-…` queues belong to the agencies' own programs."""
    return [REPLIES, *(f"deliver-{agency_id}" for agency_id in pack.agencies)]


def carry(house: House, redis: Redis, channel: str) -> int:
    """Put the ids of a channel's due deliveries into their queues; the number of ids.

    The ids are pushed after the commit that marks them: before it a quick worker would find the rows locked and
    leave them. When Redis fails the marks are taken back; a crash in between costs the seconds that a mark lasts.
    """
    with house.store.read() as session:  # mostly nothing is due: no reason to ask for the writer's place
        if not is_any_due(session, house.now(), channel):
            return 0
    with house.store.write() as session:
        by_queue = carry_deliveries(session, house.now(), CARRY, channel)
    carried = list(chain.from_iterable(by_queue.values()))
    try:
        for name, ids in by_queue.items():
            reached("carry, marked")
            _push(Queue(name, connection=redis, serializer="json"), ids, batch_of(channel))
            reached("carry, pushed")
    except RedisError:
        with house.store.write() as session:
            drop_carried(session, house.now(), carried)
        raise
    return len(carried)


def batch_of(channel: str) -> int:
    """Ids in one job: what may leave on this channel in a second. Few jobs cost little, but a worker does one at a
    time, and what other channels owe waits for so long."""
    return max(FEWEST, round(min(MOST, in_a_second(channel))))


def _push(queue: Queue, ids: Sequence[int], size: int) -> None:
    for start in range(0, len(ids), size):
        batch = list(ids[start : start + size])
        queue.enqueue_call("router.worker.deliver", (batch,), timeout=JOB_SECONDS, result_ttl=0)


@dataclass(frozen=True, slots=True)
class Running:
    """A worker process: its house, its open connections and the loop they live on."""

    house: House
    connections: Mapping[str, Connection]
    loop: asyncio.AbstractEventLoop
    limits: Limits = field(default_factory=Limits)


_running: list[Running] = []  # rq calls deliver() by name: what it needs must be found here


def deliver(ids: list[int]) -> int:
    """The rq job: claim and send these deliveries; the number of those that were tried."""
    running = _running[0]
    chosen = [int(each) for each in ids]
    work = deliver_due(running.house, running.connections, chosen, len(chosen), limits=running.limits)
    return asyncio.run_coroutine_threadsafe(work, running.loop).result()


def work_forever(house: House, settings: Settings, queues: list[str]) -> None:
    """Serve rq queues until SIGTERM; a job under way is finished first. Raises ValueError."""
    if settings.redis_url is None:
        raise ValueError("REDIS_URL is missing: a delivery worker needs the Redis that the server uses")
    if any(name.startswith(AGENCIES) for name in queues):
        raise ValueError(f"queues named {AGENCIES}… belong to the agencies' own programs: never serve them here")
    redis = Redis.from_url(settings.redis_url)
    try:
        redis.ping()
    except RedisError as error:
        raise OSError(f"Redis (REDIS_URL) cannot be used: {error}") from None
    started: Future[Running] = Future()
    threading.Thread(target=_run, args=(_hold(house, settings, started),), daemon=True).start()
    _running.append(started.result(timeout=60))
    names = queues or queue_names(house.pack)
    log.info("serving %d queues", len(names))
    with suppress(StopRequested):  # told while it waits for Redis
        while not _worked_until_told(_worker(names, redis)):
            time.sleep(REDIS_SECONDS)


def _run(holding: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(holding)


def _worker(names: list[str], redis: Redis) -> SimpleWorker:
    """rq's own, which asks for a Redis that went away up to a minute after the last time: answers would wait."""
    worker = SimpleWorker(names, connection=redis, serializer="json")
    worker.max_connection_wait_time = REDIS_SECONDS
    return worker


def _worked_until_told(worker: SimpleWorker) -> bool:
    """Work until SIGTERM: True. False where rq gives up, as it does when Redis goes away at a bad moment: what it
    forgot is carried again."""
    told: list[int] = []
    stop: Callable[[int, Any], None] = worker.request_stop

    def request_stop(number: int, frame: Any) -> None:
        told.append(number)
        leave_after(STOP_SECONDS if worker.get_state() == WorkerStatus.BUSY else IDLE_STOP_SECONDS, 0)
        stop(number, frame)

    worker.request_stop = request_stop  # type: ignore[method-assign]
    with suppress(RedisError):
        worker.work(logging_level="WARNING")
    if not told:
        log.warning("Redis went away, again in %.0f s", REDIS_SECONDS)
    return bool(told)


async def _hold(house: House, settings: Settings, started: "Future[Running]") -> None:
    """Open the connections and keep their loop alive as long as the process lives."""
    try:
        async with open_connections(settings) as connections:
            started.set_result(Running(house, connections, asyncio.get_running_loop()))
            await asyncio.Event().wait()
    except Exception as error:
        if not started.done():
            started.set_exception(error)
        raise
