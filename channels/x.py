"""X: mentions in, by polling or a webhook, and replies out."""

import asyncio
import base64
import hmac
import json
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.fetch import Off, PhotoHosts, fetch_photo, read_body, tls
from channels.hook import hook_route
from channels.protocol import Accept, Connection, Cursor
from channels.x_posts import Json, as_id, as_list, as_object, author_of, fit, is_ours_or_repost, parse
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

if TYPE_CHECKING:
    from channels.x_api import Asker

__all__ = ["connect", "parse", "receive", "routes"]

log = logging.getLogger("lapor.x")

HOOK = "/hooks/x"
MEDIA_HOSTS = ("pbs.twimg.com", "video.twimg.com")
MAX_MEDIA = 25_000_000
PAGES = 8  # X hands out the last 800 mentions, 100 a page
FIRST_LOOK = timedelta(days=1)  # how far back a house that never polled before looks
CLOCKS_DIFFER = timedelta(seconds=10)
MENTION_FIELDS = {
    "expansions": ["attachments.media_keys", "geo.place_id"],
    "tweet_fields": [
        "attachments", "author_id", "created_at", "edit_history_tweet_ids", "entities", "geo", "lang",
        "note_tweet", "referenced_tweets",
    ],
    "media_fields": ["media_key", "type", "url", "preview_image_url", "alt_text"],
    "place_fields": ["full_name"],
}  # fmt: skip


def routes(settings: Settings, accept: Accept) -> Sequence[BaseRoute]:
    """Give X's webhook: the challenge it asks now and then, and posts as they are written (403 unsigned)."""
    secret = (settings.x_api_secret or "").encode()
    if not secret:
        return []

    async def challenge(request: Request) -> Response:
        token = request.query_params.get("crc_token", "")
        if not token or "{" in token:  # signed for anybody who asks: never what could be sent back as a post
            return Response(status_code=400)
        return JSONResponse({"response_token": _sign(secret, token.encode())})

    async def activity(request: Request) -> Response:
        raw = await read_body(request)
        given = request.headers.get("x-twitter-webhooks-signature", "")
        if not hmac.compare_digest(given.encode(), _sign(secret, raw).encode()):
            return Response(status_code=403)
        try:
            await _keep_activity(raw, accept)
        except TemporaryFailure:
            return Response(status_code=503)
        except (ValueError, RecursionError):
            return Response(status_code=400)
        return Response()

    return [Route(HOOK, challenge, methods=["GET"]), hook_route(HOOK, activity)]


def _sign(secret: bytes, words: bytes) -> str:
    return "sha256=" + base64.b64encode(hmac.digest(secret, words, sha256)).decode()


async def _keep_activity(raw: bytes, accept: Accept) -> None:
    found = as_object(json.loads(raw))
    user_id = found.get("for_user_id")
    for post in as_list(found.get("tweet_create_events")):
        await _keep(post, {}, user_id if isinstance(user_id, str) else "", accept)


async def _keep(post: Json, includes: Json, user_id: str, accept: Accept) -> None:
    """Keep one post with what belongs to it; our own and reposts are passed over."""
    if is_ours_or_repost(post, user_id) or not as_id(post):
        return
    raw = json.dumps({"tweet": post, "includes": includes}).encode()
    lane = author_of(post) or as_id(post)
    await accept(external_id=as_id(post), lane=lane, raw=raw, meta={"user_id": user_id})


async def receive(settings: Settings, accept: Accept, cursor: Cursor) -> None:
    """Ask for mentions every X_POLL_SECONDS, for ever; the cursor moves behind what is kept."""
    if not settings.has_x:
        return
    from channels.x_api import Asker, open_client  # tweepy: readers do without

    pool = ThreadPoolExecutor(2, thread_name_prefix="x-poll")
    try:
        await _poll(Asker(client=open_client(settings), pool=pool), settings, accept, cursor)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an answer under way holds nobody up


async def _poll(asker: "Asker", settings: Settings, accept: Accept, cursor: Cursor) -> None:
    user_id = ""
    failures = 0
    while True:
        try:
            user_id = user_id or await _own_id(asker)
            await _round(asker, settings, user_id, accept, cursor)
            failures = 0
            wait = settings.x_poll_seconds
        except Exception as error:
            failures += 1
            log.warning("mentions: %s, try %d", error, failures)
            named = error.retry_after if isinstance(error, TemporaryFailure) else None
            wait = min(named or 0.25 * 2 ** min(failures, 11), 900.0)
        await asyncio.sleep(wait)


async def _own_id(asker: "Asker") -> str:
    answer = await asker.ask(lambda client: client.get_me(user_auth=True))
    if not (found := as_id(as_object(as_object(answer).get("data")))):
        raise TemporaryFailure("X did not say who we are")
    return found


async def _round(asker: "Asker", settings: Settings, user_id: str, accept: Accept, cursor: Cursor) -> None:
    """Read every page since the newest kept post, then keep them oldest first, one by one."""
    owner, _, newest = (await cursor.get() or "").partition(":")
    since = newest if owner == user_id and newest.isdecimal() else None
    pages = await _pages(asker, settings, user_id, since)
    found = {as_id(post): (post, _belonging(post, page)) for page in pages for post in as_list(page.get("data"))}
    kept = since
    try:
        for number in sorted((one for one in found if one.isdecimal()), key=int):
            await _keep(*found[number], user_id, accept)
            kept = number if kept is None or int(number) > int(kept) else kept
    finally:
        if kept != since:
            await cursor.put(f"{user_id}:{kept}")


async def _pages(asker: "Asker", settings: Settings, user_id: str, since: str | None) -> list[Json]:
    pages: list[Json] = []
    asked: dict[str, object] = {"since_id": since} if since else {"start_time": datetime.now(UTC) - FIRST_LOOK}
    token: object = None
    for _ in range(PAGES):
        more = {"pagination_token": token} if token else {}
        answer = await asker.ask(
            lambda client, more=more: client.get_users_mentions(  # type: ignore[misc]
                user_id,
                max_results=100,
                user_auth=not settings.x_bearer_token,
                **MENTION_FIELDS,
                **asked,
                **more,
            )
        )
        pages.append(as_object(answer))
        token = as_object(pages[-1].get("meta")).get("next_token")
        if not token:
            break
    return pages


def _belonging(post: Json, page: Json) -> Json:
    """Of a page's includes, what this post names."""
    includes = as_object(page.get("includes"))
    keys = as_object(post.get("attachments")).get("media_keys")
    media = [
        one for one in as_list(includes.get("media")) if isinstance(keys, list) and one.get("media_key") in keys
    ]
    place = as_object(post.get("geo")).get("place_id")
    places = [one for one in as_list(includes.get("places")) if place and one.get("id") == place]
    return {name: rows for name, rows in (("media", media), ("places", places)) if rows}


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """Open one client for replies, with a few threads of its own, and one for photos."""
    if not settings.has_x:
        yield Off("X_API_KEY")
        return
    from channels.x_api import HTTP_SECONDS, Asker, open_client

    hosts = PhotoHosts(hosts=MEDIA_HOSTS, only=settings.x_api_url, max_bytes=MAX_MEDIA)
    pool = ThreadPoolExecutor(4, thread_name_prefix="x")
    try:
        async with httpx.AsyncClient(timeout=HTTP_SECONDS, verify=tls()) as http:
            yield _Connection(asker=Asker(client=open_client(settings), pool=pool), http=http, hosts=hosts)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Connection:
    asker: "Asker"
    http: httpx.AsyncClient
    hosts: PhotoHosts

    async def send(self, message: OutboundMessage) -> str:
        """Reply to the post `in_reply_to` and return the reply's id; without one there is nobody to tell."""
        target, text = message.in_reply_to, fit(message.text)
        if not target:
            raise PermanentFailure("X: there is no post to reply to")
        answer = await self.asker.ask(
            lambda client: client.create_tweet(text=text, in_reply_to_tweet_id=target, user_auth=True)
        )
        if not (found := as_id(as_object(as_object(answer).get("data")))):
            raise TemporaryFailure("X answered without an id", uncertain=True)
        return found

    async def fetch(self, attachment: Attachment) -> bytes:
        """Get a photo from X's own media hosts."""
        return await fetch_photo(self.http, attachment.ref or "", self.hosts)

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """Look among our last 100 posts since the first try for a reply to the same post; that X refuses to show
        them says nothing of the reply."""
        try:
            return _same_reply(await self._own_posts(message.first_tried_at or datetime.now(UTC)), message)
        except PermanentFailure as refusal:
            raise TemporaryFailure(str(refusal)) from None

    async def _own_posts(self, since: datetime) -> list[Json]:
        user_id = await _own_id(self.asker)
        answer = await self.asker.ask(
            lambda client: client.get_users_tweets(
                user_id,
                max_results=100,
                start_time=since - CLOCKS_DIFFER,
                tweet_fields=["created_at", "entities", "note_tweet", "referenced_tweets"],
                user_auth=True,
            )
        )
        return as_list(as_object(answer).get("data"))


def _same_reply(posts: list[Json], message: OutboundMessage) -> str | CannotTell | None:
    """Our reply to the same post with the same words. X rewrites links and mentions, so words in front decide."""
    for post in posts:
        heard = parse(json.dumps({"tweet": {**post, "author_id": "-"}}).encode(), {})
        said = next(iter(heard), None)
        is_to_same = getattr(said, "in_reply_to", ()) == (message.in_reply_to,)
        if is_to_same and _plain(getattr(said, "text", "")) == _plain(fit(message.text)):
            return as_id(post)
    return None


def _plain(text: str) -> str:
    return " ".join(text.split())
