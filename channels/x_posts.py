"""Reads posts of X, of the API's version 2 and of its webhooks, and measures texts as X does."""

import html
import json
import math
import mimetypes
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from channels.fetch import clean
from normalizer.schema import Attachment, Heard, InboundMessage, Position

Json: TypeAlias = dict[str, Any]

MAX_WEIGHT = 280
URL_WEIGHT = 23
LINK = re.compile(r"(?<![\w-])(?:https?://)?(?:[\w-]{1,63}\.){1,9}[a-z]{2,63}(?::\d+)?(?:/\S*)?", re.IGNORECASE)
# https://docs.x.com/fundamentals/counting-characters
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
LEADING_MENTIONS = re.compile(r"^(?:\s*[@＠]\w{1,15}\b)+\s*")
LANGUAGES = {"in": "id"}  # X still writes Indonesian as ISO 639 did until 1989
NO_LANGUAGE = {"und", "qme", "qht", "qam", "qct", "qst", "art", "zxx"}


def parse(raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
    """Read one post, kept as {"tweet": …, "includes": …}; our own posts and reposts: nothing."""
    try:
        found = json.loads(raw.decode("utf-8-sig", "replace"))
        post, includes = as_object(found["tweet"]), as_object(as_object(found).get("includes"))
        if not as_id(post):
            return [_unreadable(raw, meta, "no id")]
        return [] if is_ours_or_repost(post, meta.get("user_id", "")) else [_message(post, includes, meta)]
    except Exception as error:
        return [_unreadable(raw, meta, type(error).__name__)]


def _unreadable(raw: bytes, meta: Mapping[str, str], why: str) -> InboundMessage:
    return InboundMessage(
        channel="x",
        account=meta.get("user_id", ""),
        external_id=f"sha256:{sha256(raw).hexdigest()}",
        sender="",
        text=clean(raw.decode("utf-8", "replace"))[:2000],
        unreadable=f"not a post that can be read: {why}",
    )


def as_object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_id(post: Json) -> str:
    """A post's or user's id as text; numbers of version 1.1 are too big for a float, so `id_str` first."""
    found = post.get("id_str") or post.get("id")
    return str(found) if isinstance(found, int) and 0 < found < 1 << 64 else clean(found)[:64]


def author_of(post: Json) -> str:
    return clean(post.get("author_id"))[:64] or as_id(as_object(post.get("user")))


def is_ours_or_repost(post: Json, user_id: str) -> bool:
    """Whether we wrote it, or somebody only passed it on."""
    is_repost = any(one.get("type") == "retweeted" for one in as_list(post.get("referenced_tweets")))
    return is_repost or bool(post.get("retweeted_status")) or bool(user_id and author_of(post) == user_id)


def _message(post: Json, includes: Json, meta: Mapping[str, str]) -> InboundMessage:
    sender, number = author_of(post), as_id(post)
    history = post.get("edit_history_tweet_ids")
    first = clean(history[0]) if isinstance(history, list) and history else number
    return InboundMessage(
        channel="x",
        account=meta.get("user_id", ""),
        external_id=number,
        edit_of=first if first and first != number else None,
        sender=sender,
        text=_text(post),
        attachments=tuple(_attachments(post, includes)),
        position=_position(post),
        in_reply_to=_answered(post),
        reply_ref=number,
        sent_at=_time(clean(post.get("created_at"))),
        language=_language(clean(post.get("lang"))),
        unreadable=None if sender else "no author",
    )


def _text(post: Json) -> str:
    """The whole text: the long form where there is one, links written out, the mentions in front taken off."""
    long = as_object(post.get("note_tweet")) or as_object(post.get("extended_tweet"))
    text = clean(long.get("text") or long.get("full_text") or post.get("full_text") or post.get("text"))
    for short, link in _links(as_object(long.get("entities")) or as_object(post.get("entities"))):
        text = text.replace(short, link)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return LEADING_MENTIONS.sub("", text).strip()


def _links(entities: Json) -> Iterator[tuple[str, str]]:
    """Each t.co link with what it stands for; a link to the post's own photo says nothing, the photo is there."""
    for url in as_list(entities.get("urls")):
        short, shown = clean(url.get("url")), clean(url.get("display_url"))
        full = clean(url.get("unwound_url") or as_object(url.get("unwound")).get("url") or url.get("expanded_url"))
        if short and full:
            is_media = shown.startswith(("pic.twitter.com/", "pic.x.com/")) or "media_key" in url
            yield short, "" if is_media else html.escape(full, quote=False)
    for media in as_list(entities.get("media")):
        if short := clean(media.get("url")):
            yield short, ""


def _attachments(post: Json, includes: Json) -> Iterator[Attachment]:
    """The photos, and of videos the still picture that X makes."""
    keys = as_object(post.get("attachments")).get("media_keys")
    wanted = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    media = [one for one in as_list(includes.get("media")) if one.get("media_key") in wanted]
    long = as_object(post.get("extended_tweet"))
    for source in (long.get("extended_entities"), post.get("extended_entities"), post.get("entities")):
        media = media or as_list(as_object(source).get("media"))
    for one in media:
        address = clean(one.get("media_url_https") or one.get("url") or one.get("preview_image_url"))
        guessed, _ = mimetypes.guess_type(_path(address))
        missing = None if address else "X did not say where it is"
        yield Attachment(content_type=guessed or "image/jpeg", ref=address or None, note=missing)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


def _position(post: Json) -> Position | None:
    """The exact point where the author shared one; both versions write longitude first."""
    point = as_object(as_object(post.get("geo")).get("coordinates")) or as_object(post.get("coordinates"))
    pair = point.get("coordinates")
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in pair):
        return None
    long, lat = pair
    if not (math.isfinite(lat) and math.isfinite(long)) or abs(lat) > 90 or abs(long) > 180:
        return None
    return Position(lat=float(lat), long=float(long))


def _answered(post: Json) -> tuple[str, ...]:
    for one in as_list(post.get("referenced_tweets")):
        if one.get("type") == "replied_to" and (found := as_id(one)):
            return (found,)
    found = as_id({"id_str": post.get("in_reply_to_status_id_str"), "id": post.get("in_reply_to_status_id")})
    return (found,) if found else ()


def _time(text: str) -> datetime | None:
    """ISO 8601 in version 2, "Sat Feb 01 17:48:54 +0000 2020" in 1.1."""
    for read in (datetime.fromisoformat, lambda one: datetime.strptime(one, "%a %b %d %H:%M:%S %z %Y")):
        try:
            found = read(text)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _language(code: str) -> str | None:
    return None if code in NO_LANGUAGE else LANGUAGES.get(code, code[:2].lower()) or None


def weight(text: str) -> int:
    """A text's length as X counts it: a link is 23, letters beyond the common scripts and emoji are 2.

    A name such as "lapor.go.id" may become a link or not; it counts as the heavier of both.
    """
    text = unicodedata.normalize("NFC", text)
    total, at = 0, 0
    for link in LINK.finditer(text):
        plain = _plain_weight(link[0])
        total += _plain_weight(text[at : link.start()])
        total += URL_WEIGHT if "://" in link[0] else max(URL_WEIGHT, plain)
        at = link.end()
    return total + _plain_weight(text[at:])


def _plain_weight(text: str) -> int:
    return sum(1 if any(low <= ord(char) <= high for low, high in LIGHT) else 2 for char in text)


def fit(text: str, limit: int = MAX_WEIGHT) -> str:
    """The text, cut at a word's end with an ellipsis where it is too heavy; its last link stays."""
    if weight(text) <= limit:
        return text
    links = [link[0] for link in LINK.finditer(text) if "://" in link[0]]
    tail = f"… {links[-1]}" if links else "…"
    if weight(tail) > limit:
        tail = "…"
    head = text[: text.rfind(links[-1])] if links and tail != "…" else text
    words = re.findall(r"\s*\S+", head)
    while words and weight("".join(words) + tail) > limit:
        words.pop()
    return "".join(words) + tail if words else _cut(head, tail, limit)


def _cut(head: str, tail: str, limit: int) -> str:
    head = head[:limit]
    while head and weight(head + tail) > limit:
        head = head[:-1]
    return head + tail
