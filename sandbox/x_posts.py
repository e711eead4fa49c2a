"""How X's API shows posts: only the fields asked for, with users, photos and parents beside them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from sandbox.memory import Kept, message, person_by_number, photos_of
from sandbox.stage import Stage
from sandbox.x import LONGEST_POST, bot, bot_number, user


def list_shown(stage: Stage, request: Request, found: list[Kept], *, has_more: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {"result_count": len(found)}
    if not found:
        return {"meta": meta}
    meta |= {"newest_id": found[0].id, "oldest_id": found[-1].id}
    if has_more:
        meta["next_token"] = f"7140{found[-1].id}"
    body: dict[str, Any] = {"data": [post_shown(stage, request, kept) for kept in found]}
    if includes := includes_of(stage, request, found):
        body["includes"] = includes
    return body | {"meta": meta}


def _asked(request: Request, name: str) -> set[str]:
    return {part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()}


def post_shown(stage: Stage, request: Request, kept: Kept) -> dict[str, Any]:
    """A post with the fields asked for: https://docs.x.com/x-api/fundamentals/data-dictionary"""
    fields, expansions = _asked(request, "tweet.fields"), _asked(request, "expansions")
    wanted = fields | {expansion.partition(".")[0] for expansion in expansions}
    shown = _fields(stage, kept)
    always = {"id", "text", "edit_history_tweet_ids"}
    return {name: value for name, value in shown.items() if name in always | wanted and value is not None}


def _fields(stage: Stage, kept: Kept) -> dict[str, Any]:
    facts, text, links = kept.wire, kept.text, kept.wire["links"]
    if len(text) > LONGEST_POST:
        text = text[: LONGEST_POST - 1] + "…"
    text = " ".join([text, *links])
    return {
        "id": kept.id,
        "text": text,
        "edit_history_tweet_ids": [kept.id],
        "author_id": facts["author"],
        "conversation_id": facts["conversation"],
        "created_at": kept.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{kept.at.microsecond // 1000:03}Z",
        "in_reply_to_user_id": facts["reply_author"],
        "referenced_tweets": [{"type": "replied_to", "id": facts["reply_to"]}] if facts["reply_to"] else None,
        "attachments": {"media_keys": _keys(stage, kept)} if kept.photos else None,
        "geo": {"coordinates": {"type": "Point", "coordinates": [kept.long, kept.lat]}}
        if kept.lat is not None
        else None,
        "note_tweet": {"text": kept.text} if len(kept.text) > LONGEST_POST else None,
        "entities": _entities(kept, text),
        "lang": "in",
    }


def _entities(kept: Kept, text: str) -> dict[str, Any]:
    mentions = [
        {"start": found.start(), "end": found.end(), "username": found[1]}
        for found in re.finditer(r"@(\w{1,50})", text, re.ASCII)
    ]
    page = f"https://x.com/{kept.wire['handle']}/status/{kept.id}/photo/1"
    urls = [
        {"start": text.index(link), "end": text.index(link) + len(link), "url": link, "expanded_url": page}
        | {"display_url": f"pic.x.com/{link[-10:]}"}
        for link in kept.wire["links"]
    ]
    return {name: value for name, value in (("mentions", mentions), ("urls", urls)) if value}


def _keys(stage: Stage, kept: Kept) -> list[str]:
    return [f"3_{int(photo.token[:15], 16)}" for photo in photos_of(stage.db, kept)]


def includes_of(stage: Stage, request: Request, found: Sequence[Kept]) -> dict[str, Any]:
    expansions = _asked(request, "expansions")
    includes: dict[str, Any] = {}
    if "attachments.media_keys" in expansions:
        includes["media"] = [shown for kept in found for shown in _medialist_shown(stage, request, kept)]
    if expansions & {"author_id", "in_reply_to_user_id", "entities.mentions.username"}:
        includes["users"] = _users(stage, found, expansions)
    if "referenced_tweets.id" in expansions:
        parents = [message(stage.db, "x", kept.wire["reply_to"]) for kept in found if kept.wire["reply_to"]]
        includes["tweets"] = [post_shown(stage, request, parent) for parent in parents if parent]
    return {name: value for name, value in includes.items() if value}


def _users(stage: Stage, found: Sequence[Kept], expansions: set[str]) -> list[Mapping[str, Any]]:
    numbers = [kept.wire["author"] for kept in found] if "author_id" in expansions else []
    numbers += [kept.wire["reply_author"] for kept in found if "in_reply_to_user_id" in expansions]
    shown = {}
    for number in filter(None, numbers):
        who = bot(stage) if number == str(bot_number(stage)) else person_by_number(stage.db, "x", int(number))
        if who:
            shown[number] = user(number, who.name)
    return list(shown.values())


def _medialist_shown(stage: Stage, request: Request, kept: Kept) -> list[dict[str, Any]]:
    wanted = _asked(request, "media.fields") | {"media_key", "type"}
    shown = [
        {
            "media_key": key,
            "type": "photo",
            "url": f"{stage.settings.x_api_url}/media/{photo.token}.{photo.ending}",
            "width": photo.width,
            "height": photo.height,
        }
        for key, photo in zip(_keys(stage, kept), photos_of(stage.db, kept), strict=True)
    ]
    return [{name: value for name, value in one.items() if name in wanted} for one in shown]
