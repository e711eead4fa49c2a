"""Starts everything, watches it, starts again what falls, stops on SIGTERM; and the commands beside it."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the rest is loaded Ctrl-C ends it without a word

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from config.pack import PackError
from config.settings import Settings, SettingsError, read_settings
from desk import console, learning, privacy_console, ways_console
from desk.terminal import carried_out, let_go, of_database, speak_plainly
from router.running import (
    HANGING_SECONDS,
    Bell,
    allow_many_files,
    end,
    every,
    keep_running,
    leave_after,
    leave_who_hangs,
    working,
)

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from router.clerk import Beside, Clerk
    from router.house import House
    from store.journal import Journal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 something is wrong (one line on stderr), 2 usage."""
    options = _parser().parse_args(arguments)
    if options.command not in {serve, work_queues}:
        gc.set_threshold(MANY_OBJECTS)
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # from here on it is an exception
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return carried_out(options)
    except BrokenPipeError:  # whoever read us has seen enough
        let_go()
        return 1
    except (SettingsError, PackError, OSError, ValueError, LookupError) as error:
        let_go()
        print(f"run_bots.py: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (said := of_database(error)) is None:
            raise
        print(f"run_bots.py: {said}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run_bots.py", description="A city's complaint intake.")
    parser.set_defaults(command=serve, new_keys=False)
    commands = parser.add_subparsers(metavar="COMMAND")
    server = console.add(commands, "serve", serve, "everything in one process (the default)")
    server.add_argument(
        "--new-keys", action="store_true", help="the keys of what is in the database are lost: go on with these"
    )
    work = console.add(commands, "work", work_queues, "a delivery worker on rq (needs REDIS_URL)")
    work.add_argument("--queue", action="append", default=[], metavar="NAME")
    console.add_commands(commands)
    learning.add_commands(commands)
    privacy_console.add_commands(commands)
    ways_console.add_commands(commands)
    return parser


def serve(options: argparse.Namespace) -> int:
    from channels.names import Loop
    from config.logs import start_log
    from router.fork_server import fork_here

    gc.disable()  # until it runs: a million things are loaded, and none of them is garbage
    sys.setswitchinterval(SWITCH_SECONDS)
    allow_many_files()
    settings = read_settings()
    start_log(settings)
    _load_everything(settings)
    fork_here()
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(serve_until_stopped(settings, has_new_keys=options.new_keys))
    return 0


def _load_everything(settings: Settings) -> None:
    """What the server and the processes beside it share: forked, they have it at once."""
    for module in SHARED:
        import_module(module)
    from router.reading import pack_at

    pack_at(settings.city)


def work_queues(options: argparse.Namespace) -> int:
    from sqlalchemy.exc import OperationalError

    from config.logs import start_log
    from router.house import open_house
    from router.worker import work_forever
    from store.same_keys import check_same_keys

    settings = with_stand_ins(read_settings())
    start_log(settings)
    house = open_house(settings)
    with contextlib.suppress(OperationalError):  # it is away, and waited for
        check_same_keys(house.store)
    work_forever(house, settings, options.queue)
    return 0


# --- serve ------------------------------------------------------------------------------------------------

log = logging.getLogger("lapor.serve")

MANY_OBJECTS = 100_000  # a command leaves little behind: looking for garbage took a quarter of its time
SWITCH_SECONDS = 0.001  # Python's 5 ms is what an answer waits for a thread that counts and writes
THREADS = 32
SHARED = ("desk.counted", "desk.server", "router.clerk", "router.clock", "router.outbox")
HOUR_SECONDS = 3600.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def with_stand_ins(settings: Settings) -> Settings:
    """The settings with the sandbox's addresses where it is in effect."""
    if not settings.sandbox_in_effect:
        return settings
    import sandbox

    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, [before, *LOOPBACK]))  # the stand-ins are behind no proxy
    return sandbox.prepare(settings)


def _stand_ins(settings: Settings) -> list["BaseRoute"]:
    """The sandbox's page and wire, where it is in effect."""
    if settings.sandbox != "on":
        return []
    import sandbox

    return sandbox.routes(settings)


async def serve_until_stopped(given: Settings, *, has_new_keys: bool = False) -> None:
    """Keep, understand, route and answer until a signal asks to stop. Raises OSError when disk or port refuse."""
    from desk.server import check_ports, start_servers, stop_servers
    from router import clerk, readers
    from router.house import open_house
    from router.outbox import open_connections
    from router.reading import pack_at
    from store.database import held_alone
    from store.journal import Journal

    settings = with_stand_ins(given)
    # Python's default (cores + 4) is soon full of loops that wait for the database
    threads = ThreadPoolExecutor(THREADS, "work")
    asyncio.get_running_loop().set_default_executor(threads)
    kept, owed, quiet = Bell(), Bell(), Bell()  # nobody rings the last one: the clock looks twice a second
    house = replace(
        open_house(settings, pack_at(settings.city)), wake=owed.ring, readers=readers.Beside(settings.city)
    )
    beside = clerk.Beside(settings)
    prepare = partial(asyncio.to_thread, _prepare_database, house, has_new_keys)
    async with contextlib.AsyncExitStack() as stack:
        stack.push(partial(leave_who_hangs, threads))
        stack.callback(house.readers.close)
        stack.callback(beside.close)
        was_here_before = any((settings.data_dir / "journal").glob("*.sqlite"))
        journal = Journal(settings.data_dir / "journal")
        stack.callback(journal.close)
        held = held_alone(settings)
        stack.callback(lambda: None if held is None else os.close(held))
        check_ports(settings)
        is_prepared, first_password = await _get_ready(
            house, beside, prepare, must=settings.is_sqlite or not was_here_before
        )
        if settings.sandbox == "on":
            import sandbox

            await stack.enter_async_context(sandbox.run(settings))
        connections = await stack.enter_async_context(open_connections(settings))
        stopping = _asked_to_stop()
        parts = _parts(house, journal, beside, connections, kept, owed, quiet)
        prepared = asyncio.Event()
        if not is_prepared:
            parts = _behind(prepared, parts, prepare)
        servers = await start_servers(house, journal, kept.ring, _stand_ins(settings))
        stack.push_async_callback(stop_servers, servers)
        tasks = [asyncio.create_task(keep_running(name, part), name=name) for name, part in parts.items()]
        stack.push_async_callback(end, tasks, kept, owed, quiet)
        stack.callback(prepared.set)  # before that: who still waits for the database ends with the others
        gc.collect()
        gc.freeze()
        gc.enable()
        _say_where(settings, first_password)
        await stopping.wait()
        log.info("stopping")


def _asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM, by SIGINT, and by SIGHUP unless nohup asked to live on without the terminal."""
    stopping = asyncio.Event()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _prepare_database(house: "House", has_new_keys: bool) -> str | None:
    """Bring the schema up and make the first admin; their one-time password, if one was made."""
    from normalizer.normalize import warm_up
    from router.learned import look_for_model
    from store.accounts import first_admin
    from store.migrate import is_current, migrate
    from store.same_keys import check_same_keys
    from store.work import release_leases

    if house.settings.migrates_itself:
        migrate(house.store.engine)
    elif not is_current(house.store.engine):
        raise SettingsError("the database schema is not this version's: run `run_bots.py migrate` first")
    if not has_new_keys:
        check_same_keys(house.store)
    warm_up(house.pack)
    look_for_model(house)
    if house.settings.is_sqlite:  # whoever held them is dead: this process holds the journal's lock
        with house.store.write() as session:
            release_leases(session, house.now())
    return house.store.write_until_free(lambda session: first_admin(session, house.now()))


async def _get_ready(
    house: "House", beside: "Beside", prepare: Callable[[], Awaitable[str | None]], *, must: bool
) -> tuple[bool, str | None]:
    """What takes a while, side by side: database, readers, clerk, the city's calendar. As _try_to()."""
    from router.working_time import working_time

    tried, *_ = await asyncio.gather(
        _try_to(prepare, must=must),
        asyncio.to_thread(house.readers.start),
        asyncio.to_thread(beside.start),
        asyncio.to_thread(working_time, house.pack),
    )
    return tried


async def _try_to(prepare: Callable[[], Awaitable[str | None]], *, must: bool) -> tuple[bool, str | None]:
    """Prepare the database; whether it is, and the first admin's password.

    One that is away is an error where nothing was ever kept: perhaps its address is wrong. Otherwise intake begins
    without it, as it goes on without it.
    """
    from sqlalchemy.exc import OperationalError

    try:
        return True, await prepare()
    except OperationalError as error:
        if must:
            raise
        log.warning("the database is away (%s): what comes in is kept until it is back", type(error).__name__)
        return False, None


def _behind(
    prepared: asyncio.Event,
    parts: Mapping[str, Callable[[], Awaitable[object]]],
    prepare: Callable[[], Awaitable[str | None]],
) -> dict[str, Callable[[], Awaitable[object]]]:
    """The same parts; all but the channels begin when the database was prepared, which is a part of its own."""
    from channels import CHANNELS

    async def database() -> None:
        await prepare()
        log.info("the database is back")
        prepared.set()

    async def later(part: Callable[[], Awaitable[object]]) -> None:
        await prepared.wait()
        await part()

    waiting = {name: part if name in CHANNELS else partial(later, part) for name, part in parts.items()}
    return {"database": database, **waiting}


def _parts(
    house: "House",
    journal: "Journal",
    clerk: "Clerk",
    connections: Mapping[str, Any],
    kept: Bell,
    owed: Bell,
    quiet: Bell,
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that runs side by side; each is started again when it falls."""
    from channels import CHANNELS
    from desk.bulk import make_files
    from desk.counted import counted
    from desk.kept import LONGEST
    from router.clock import Seen, tick
    from router.house import PHOTOS
    from router.journal import Ahead, accept_for, cursor_for, work_off
    from router.learned import LOOK_SECONDS, look_for_model
    from router.leases import by_one_server
    from router.limits import Limits
    from router.outbox import deliver_due
    from router.photos import fetch_owed, photo_channels
    from router.public_photos import make_public_copies
    from router.search import INDEX_SECONDS, index_words

    work = partial(asyncio.to_thread, work_off, house, journal, Ahead(), clerk=clerk)
    parts: dict[str, Callable[[], Awaitable[object]]] = {
        "journal": working(kept, "journal", work),
        "photos for the public": working(owed, PHOTOS, lambda: make_public_copies(house)),
        "clock": working(quiet, "clock", partial(asyncio.to_thread, tick, house, Seen())),
        "open data": partial(every, HOUR_SECONDS, partial(make_files, house)),
        "public counts": partial(every, LONGEST, partial(counted, house)),
        "search": partial(every, INDEX_SECONDS, partial(index_words, house)),
        "retention": partial(every, HOUR_SECONDS, partial(journal.forget, house.pack.journal_days)),
        "learned": partial(every, LOOK_SECONDS, partial(look_for_model, house)),
    }
    for names in photo_channels():  # a host that hangs holds up its own channel's photos only
        parts[f"photos {names[0]}"] = working(owed, PHOTOS, partial(fetch_owed, house, connections, names))
    if carrier := _carrier(house):
        for name in connections:
            parts[f"outbox {name}"] = working(owed, name, partial(carrier, name))
    else:  # one for each channel: a provider that hangs holds up its own answers only
        limits = Limits()
        for name in connections:
            deliver = partial(deliver_due, house, connections, channel=name, limits=limits)
            parts[f"outbox {name}"] = working(owed, name, deliver)
    for name, channel in {id(module): (name, module) for name, module in reversed(CHANNELS.items())}.values():
        accept, cursor = accept_for(journal, name, kept.ring), cursor_for(journal, name)
        parts[name] = by_one_server(house, name, partial(channel.receive, house.settings, accept, cursor))
    return parts


def _carrier(house: "House") -> Callable[[str], Awaitable[int]] | None:
    """With REDIS_URL deliveries are put into rq's queues instead of being sent here."""
    if house.settings.redis_url is None:
        return None
    from redis import Redis

    from router.worker import carry

    redis = Redis.from_url(house.settings.redis_url, socket_timeout=10)
    return lambda channel: asyncio.to_thread(carry, house, redis, channel)


def _say_where(settings: Settings, first_password: str | None) -> None:
    """Print where to look; the first password goes to a file when nobody watches."""
    base = settings.base_url
    lines = ["Lapor is running.", ""]
    if settings.sandbox == "on":
        lines.append(f"  Sandbox   {base}/sandbox   five phones to try it; no message leaves this machine")
    lines.append(f"  Desk      {base}/desk")
    if first_password is not None:
        lines.append(f"            first log-in: admin / {_first_login(settings, first_password)}")
    lines.append(f"  Public    {base}/")
    lines.append(f"  Mail in   smtp://{settings.smtp_listen}   for {settings.email_address}")
    print("\n".join(lines), flush=True)


def _first_login(settings: Settings, password: str) -> str:
    if sys.stdout.isatty():
        return password
    path = settings.data_dir / "first-login"
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"admin {password}\n")
    return f"see {path}"


if __name__ == "__main__":
    speak_plainly()
    os.umask(0o077)  # what people say is nobody else's on this machine
    ended = main()
    leave_after(HANGING_SECONDS, ended)
    sys.exit(ended)
