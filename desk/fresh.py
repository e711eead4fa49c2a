"""Public pages as caches may keep them: a CDN, a browser that asks for changes, and here while many ask."""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from time import monotonic

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from desk.pages import LANGUAGE_COOKIE, LANGUAGES
from router.house import House

A_PAGE = "public, max-age=0, s-maxage=30, stale-while-revalidate=300"
MOST, LARGEST = 200, 256 * 1024  # pages; bytes of one
HOT = 10  # times within a second that a page is asked for: from there on it is kept
RENEWED_SECONDS, OLDEST_SECONDS = 2.0, 30.0  # a kept page is drawn anew behind; never shown older than that
OURS = {b"content-length", b"cache-control", b"etag", b"vary"}  # heads that are said here

Work = Callable[[House, Request], Response]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """An answer as it was drawn: whole and smaller, and the name that caches know it by."""

    answer: Response
    whole: bytes
    smaller: bytes | None
    tag: str
    at: float


@dataclass(slots=True)
class Page:
    """One address in one language: how often it was asked for lately, what was drawn, what is being drawn."""

    second: int = 0
    asked: int = 0
    before: int = 0
    drawn: Drawn | None = None
    drawing: "asyncio.Task[Drawn] | None" = None

    def ask(self, now: float) -> bool:
        """Count a request; whether so many ask that the page is shown as it was kept."""
        if int(now) != self.second:
            self.before = self.asked if int(now) == self.second + 1 else 0
            self.second, self.asked = int(now), 0
        self.asked += 1
        return max(self.asked, self.before) >= HOT


@dataclass(slots=True)
class Pages:
    """What one server keeps, the least lately asked for goes first."""

    _pages: OrderedDict[Key, Page] = field(default_factory=OrderedDict)

    def page(self, key: Key) -> Page:
        page = self._pages.setdefault(key, Page())
        self._pages.move_to_end(key)
        while len(self._pages) > MOST:
            self._pages.popitem(last=False)
        return page


def fresh(house: House, pages: Pages, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for what everybody may see. Few ask: each is shown it as it is now. Many ask at once: one draws,
    and for two seconds all are shown that; then one draws it anew, and meanwhile they are shown the old one."""

    async def endpoint(request: Request) -> Response:
        page, now = pages.page(_key(request)), monotonic()
        is_hot, drawn = page.ask(now), page.drawn
        age = now - drawn.at if drawn else OLDEST_SECONDS
        is_shown = is_hot and drawn is not None and age < OLDEST_SECONDS
        if not is_shown or age > RENEWED_SECONDS:
            drawing = _draw(house, work, request, page)
        return _answer(request, drawn if drawn and is_shown else await asyncio.shield(drawing))

    return endpoint


def _key(request: Request) -> Key:
    language = request.cookies.get(LANGUAGE_COOKIE, "")
    return (request.url.path, request.url.query, language if language in LANGUAGES else "")


def _draw(house: House, work: Work, request: Request, page: Page) -> "asyncio.Task[Drawn]":
    """Let it be drawn, unless somebody does so already."""
    if page.drawing is None or page.drawing.done():
        page.drawing = asyncio.create_task(run_in_threadpool(_drawn, house, work, request))
        page.drawing.add_done_callback(partial(_keep, page))
    return page.drawing


def _keep(page: Page, drawing: "asyncio.Task[Drawn]") -> None:
    if drawing.cancelled() or drawing.exception() is not None:
        return
    drawn = drawing.result()
    page.drawn = drawn if _is_for_all(drawn.answer) and len(drawn.whole) <= LARGEST else None


def _drawn(house: House, work: Work, request: Request) -> Drawn:
    answer = work(house, request)
    whole = bytes(answer.body)
    smaller = gzip.compress(whole, 6) if len(whole) >= 1000 else None
    tag = f'W/"{blake2b(whole, digest_size=12).hexdigest()}"'
    return Drawn(answer=answer, whole=whole, smaller=smaller, tag=tag, at=monotonic())


def _is_for_all(answer: Response) -> bool:
    return answer.status_code == 200 and "set-cookie" not in answer.headers


def _answer(request: Request, drawn: Drawn) -> Response:
    """The answer for one who asks: 304 where they have it. What sets a cookie, and what is none, nobody keeps."""
    answer = drawn.answer
    headers = {"Vary": answer.headers.get("vary", "Accept-Encoding, Cookie")}
    if _is_for_all(answer):
        said = answer.headers.get("cache-control", "no-store")
        is_by_cookie = "Cookie" in headers["Vary"] and request.query_params.get("lang") not in LANGUAGES
        kept = said if said.startswith("public") else A_PAGE
        headers |= {
            "ETag": drawn.tag,
            "Cache-Control": "private, no-cache" if is_by_cookie and LANGUAGE_COOKIE in request.cookies else kept,
        }
        if drawn.tag.removeprefix("W/") in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
    else:
        headers["Cache-Control"] = "no-store"
    is_small = drawn.smaller is not None and "gzip" in request.headers.get("accept-encoding", "")
    if is_small:
        headers["Content-Encoding"] = "gzip"
    found = Response(drawn.smaller if is_small else drawn.whole, answer.status_code, headers)
    found.raw_headers += [(name, value) for name, value in answer.raw_headers if name not in OURS]
    return found
