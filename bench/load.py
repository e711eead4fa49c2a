"""The load, a process of its own: `python -m bench.load WHAT PORT …` says what it saw."""

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Iterable
from itertools import cycle, islice
from typing import Any

import uvloop

from bench import wording
from bench.look import Look, look_into
from bench.wire import Http, Mail, Run

PATIENCE = 60.0  # seconds after the last message began
LOOK_SECONDS = 0.02  # how often a load that waits for reports looks for them
TICK_SECONDS = 0.005
WARM_SECONDS = 1.0


async def closed_loop(options: argparse.Namespace) -> dict[str, float]:
    """As much as the server takes: each connection says its next message when the last is answered."""
    run = Run(_messages(options), seconds=options.seconds, connections=options.connections)
    return await _through(run, options)


async def flood(options: argparse.Namespace) -> dict[str, float]:
    """So many SMS a second, whatever the server does, on kept-alive connections; `last` is time.monotonic."""
    run = Run(_messages(options), seconds=math.inf, connections=options.connections, rate=options.rate)
    run.allow(0)
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(_tick(run, options.rate))
        seen = await _through(run, options)
        ticking.cancel()
    return seen | {"last": time.monotonic() - (time.perf_counter() - run.last)}


async def _tick(run: Run, rate: float) -> None:
    await run.started
    while True:
        run.allow((time.perf_counter() - run.began) * rate)
        await asyncio.sleep(TICK_SECONDS)


async def whole_way(options: argparse.Namespace) -> dict[str, float]:
    """As many SMS as become reports: never more than `--within` are kept and no report yet.

    Behind a second to warm up, reports are counted for `--seconds`.
    """
    run = Run(_messages(options), seconds=WARM_SECONDS + options.seconds, connections=options.connections)
    run.allow(options.within)
    with look_into(options.database) as look:
        async with asyncio.TaskGroup() as group:
            counting = group.create_task(_reports(run, look, options))
            seen = await _through(run, options)
    return seen | counting.result()


async def _reports(run: Run, look: Look, options: argparse.Namespace) -> dict[str, float]:
    """Reports a second, from one commit to a later one: batches cut in two by the clock would falsify it."""
    first = newest = look.last("reports")
    commits: list[tuple[float, int]] = []
    await run.started
    while (now := time.perf_counter() - run.began) < WARM_SECONDS + options.seconds:
        seen, newest = newest, await asyncio.to_thread(look.last, "reports")
        if newest != seen and now >= WARM_SECONDS:
            commits.append((now, await asyncio.to_thread(look.reports, first)))
        run.allow(newest - first + options.within)
        await asyncio.sleep(LOOK_SECONDS)
    run.allow(math.inf)  # what is held back ends
    if len(commits) < 2:
        return {"rate": 0.0}
    (began, before), (ended, after) = commits[0], commits[-1]
    return {"rate": (after - before) / (ended - began)}


async def _through(run: Run, options: argparse.Namespace) -> dict[str, float]:
    make = Mail if options.what in {"mail", "photo"} else Http
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        run.clients.append(make(run))
        await loop.create_connection(lambda: run.clients[-1], "127.0.0.1", options.port)
    patience = PATIENCE + (options.limit / options.rate if options.what == "flood" else options.seconds)
    await asyncio.wait_for(run.ended, patience)
    return run.seen()


def _messages(options: argparse.Namespace) -> Iterable[Any]:
    numbers = range(options.first, options.first + options.limit)
    if options.what == "pages":
        return islice(cycle(wording.pages(options.port)), options.limit)
    if options.what not in {"mail", "photo"}:  # signed before the clock starts
        return [wording.request(options.port, number) for number in numbers]
    return wording.mails(numbers, photo=options.what == "photo")


async def paced(options: argparse.Namespace) -> dict[str, object]:
    """So many SMS a second, each on a connection of its own; when (time.monotonic) each number had its 200."""
    answered: dict[str, float] = {}
    began, cpu_began = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for place in range(options.limit):
            await asyncio.sleep(began + place / options.rate - time.monotonic())
            group.create_task(_say(options.port, options.first + place, answered))
    busy = (time.process_time() - cpu_began) / (time.monotonic() - began)
    return {"answered": answered, "wrong": options.limit - len(answered), "busy": busy}


async def _say(port: int, number: int, answered: dict[str, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wording.request(port, number, keep=False))
    if (await reader.readline()).startswith(b"HTTP/1.1 200"):
        answered[wording.citizen(number)] = time.monotonic()
    writer.close()


WHAT = {
    "sms": closed_loop,
    "mail": closed_loop,
    "photo": closed_loop,
    "pages": closed_loop,
    "paced": paced,
    "flood": flood,
    "whole-way": whole_way,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.load")
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first", type=int, default=0, help="number of the first message and its citizen")
    parser.add_argument("--limit", type=int, required=True, help="messages at most")
    parser.add_argument("--rate", type=float, default=1.0, help="paced, flood: messages a second")
    parser.add_argument("--within", type=int, default=1000, help="whole-way: messages that are no report yet")
    parser.add_argument("--database", help="whole-way: where the reports are")
    options = parser.parse_args()
    json.dump(uvloop.run(WHAT[options.what](options)), sys.stdout)


if __name__ == "__main__":
    main()
