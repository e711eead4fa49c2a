"""Tells open desk pages, by server-sent events, that reports which their official may see have changed."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from desk import doors
from desk.rights import Official, may_see, official_of
from desk.wire import typed_code
from router.house import House
from store import accounts
from store.changed import Changed, changed_since
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

LOOKS_EVERY = 1.0  # seconds between two looks at the database, while somebody listens
SESSIONS_EVERY = 10  # looks between two at the log-ins, where nothing is to be told meanwhile
BEATS_EVERY = 15.0  # seconds without a word after which a proxy might hang up
LATE = timedelta(seconds=10)  # so long after its `updated_at` a change may still be committed
LONGEST_GAP = timedelta(hours=1)  # what a page that comes back is told of
MOST_CHANGES = 500  # reports at one look; with more, pages are told that there are more
MOST_CODES = 100  # in one event
MOST_STREAMS, MOST_OF_ONE = 1000, 4  # of this process, of one log-in
MOST_WAITING = 32  # events that a slow reader may lag behind
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx: hand each event on at once


@dataclass(eq=False, kw_only=True)
class Listener:
    """One open stream: whose it is, the report that its page shows, what is to be said (None: the end)."""

    session_id: str
    official: Official
    watched: str
    words: "asyncio.Queue[str | None]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def say(self, words: str | None) -> None:
        """Who does not read is hung up on, and comes back to be told what they missed."""
        if self.words.full():
            while not self.words.empty():
                self.words.get_nowait()
            words = None
        self.words.put_nowait(words)


@dataclass(eq=False)
class Live:
    """The open streams of one process, and the one task that looks for all of them; on one event loop."""

    house: House
    listeners: set[Listener] = field(default_factory=set)
    watching: "asyncio.Task[None] | None" = None
    is_closed: bool = False

    def close(self) -> None:
        """End every stream: the server stops."""
        self.is_closed = True
        if self.watching:
            self.watching.cancel()
        for each in self.listeners:
            each.say(None)


# --- the wire -----------------------------------------------------------------------------------------------


def stream(live: Live) -> Callable[[Request], Awaitable[Response]]:
    """GET /desk/live: `report` is the code of the report whose page listens, `since` the mark that the page was
    drawn at; a Last-Event-ID goes before it. What changed since comes first."""

    async def endpoint(request: Request) -> Response:
        login = await run_in_threadpool(doors.current, live.house, request)
        if login is None or doors.unready(live.house, login):
            return Response(status_code=401, headers=HEADERS)
        if live.is_closed or len(live.listeners) >= MOST_STREAMS:
            return Response(status_code=503, headers=HEADERS)
        mine = [each for each in live.listeners if each.session_id == login.id]
        if len(mine) >= MOST_OF_ONE:
            return Response(status_code=429, headers=HEADERS)
        watched = typed_code(request.query_params.get("report", ""))
        listener = Listener(session_id=login.id, official=official_of(login.officer), watched=watched)
        since = time_of(request.headers.get("last-event-id") or request.query_params.get("since", ""))
        return StreamingResponse(_said(live, listener, since), media_type="text/event-stream", headers=HEADERS)

    return endpoint


async def _said(live: Live, listener: Listener, since: datetime | None) -> AsyncIterator[str]:
    live.listeners.add(listener)
    try:
        if live.watching is None or live.watching.done():
            live.watching = asyncio.create_task(_watch(live))
        now = live.house.now()
        yield f"retry: 3000\nid: {mark_of(now)}\n\n"
        if since is not None:
            missed = await run_in_threadpool(_look, live.house, max(since, now - LONGEST_GAP) - LATE)
            if words := _words(listener, missed, now):
                yield words
        while True:
            try:
                said = await asyncio.wait_for(listener.words.get(), BEATS_EVERY)
            except TimeoutError:
                yield ":\n\n"
                continue
            if said is None:
                return
            yield said
    finally:
        live.listeners.discard(listener)


def mark_of(at: datetime) -> int:
    """A moment as pages and events write it: microseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def time_of(said: str) -> datetime | None:
    """The moment of a mark; None for what is none."""
    is_mark = said.isascii() and said.isdigit() and len(said) <= 16
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(said)) if is_mark else None


def _words(listener: Listener, changes: Sequence[Changed], now: datetime) -> str | None:
    """The event for one listener: codes of theirs, each with the mark of its change; None: nothing of theirs."""
    theirs = [each for each in changes if _is_theirs(listener.official, each)]
    theirs.sort(key=lambda each: each.code != listener.watched)
    has_more = len(changes) >= MOST_CHANGES or len(theirs) > MOST_CODES
    if not theirs and not has_more:
        return None
    marks = {each.code: mark_of(each.updated_at) for each in theirs[:MOST_CODES]}
    said = json.dumps({"changed": marks, "more": has_more}, separators=(",", ":"))
    return f"id: {mark_of(now)}\nevent: changed\ndata: {said}\n\n"


def _is_theirs(official: Official, changed: Changed) -> bool:
    """Theirs now, or until this very change: who loses a report sees it go."""
    return may_see(official, changed) or (changed.before is not None and may_see(official, changed.before))


# --- the one that looks -------------------------------------------------------------------------------------


async def _watch(live: Live) -> None:
    """One small query a look, for as long as somebody listens."""
    told: dict[int, datetime] = {}
    began = seen_at = live.house.now()
    looks = 0
    while live.listeners:
        now = live.house.now()
        try:
            changes = await run_in_threadpool(_look, live.house, min(seen_at, now) - LATE)
            new = [each for each in changes if each.updated_at >= began and told.get(each.id) != each.updated_at]
            told, seen_at, looks = {each.id: each.updated_at for each in changes}, now, looks + 1
            if new or looks % SESSIONS_EVERY == 0:
                await _check_log_ins(live)
        except SQLAlchemyError as error:
            log.warning("live: the database does not answer: %s", type(error).__name__)
            new = []
        _tell(live, new, now)
        await asyncio.sleep(LOOKS_EVERY)


def _look(house: House, since: datetime) -> list[Changed]:
    with house.store.read() as session:
        return changed_since(session, since, limit=MOST_CHANGES)


async def _check_log_ins(live: Live) -> None:
    """Who logged out or whose log-in ran out hears no more; who may see something else now hears of that."""
    ids = {each.session_id for each in live.listeners}
    valid: Mapping[str, DeskSession] = await run_in_threadpool(_log_ins, live.house, ids)
    for each in live.listeners:
        if login := valid.get(each.session_id):
            each.official = official_of(login.officer)
        else:
            each.say(None)


def _log_ins(house: House, ids: set[str]) -> dict[str, DeskSession]:
    with house.store.read() as session:
        return {each.id: each for each in accounts.find_sessions(session, ids, now=house.now())}


def _tell(live: Live, new: Sequence[Changed], now: datetime) -> None:
    for each in live.listeners if new else ():
        if words := _words(each, new, now):
            each.say(words)
