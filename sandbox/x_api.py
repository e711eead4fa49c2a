"""X's API v2 played: mentions, posts, search and photos, with the fields, limits and errors of the real one."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.memory import Kept, keep_message, message, messages, person_by_key, person_by_number, photo, photos_of
from sandbox.stage import Stage
from sandbox.x import HANDLE, LONGEST_POST, bot, bot_number, next_id, post_facts, user, weighted_length

WINDOW_SECONDS = 15 * 60
# Calls per window. The real limits are lower; the stand-in is polled every second.
LIMITS = {"mentions": 3600, "me": 3600, "search": 3600, "post": 10_000, "read": 3600}
_DAY = timedelta(days=1)


class Refused(Exception):  # noqa: N818
    """X's problem answer: https://docs.x.com/x-api/fundamentals/response-codes-and-errors"""

    def __init__(self, status: int, title: str, detail: str, *, kind: str = "about:blank", **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = {"title": title, "detail": detail, "type": kind, "status": status, **more}


def _invalid(parameter: str, value: object, words: str) -> Refused:
    return Refused(
        400,
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        kind="https://api.twitter.com/2/problems/invalid-request",
        errors=[{"parameters": {parameter: [str(value)]}, "message": words}],
    )


def wire(stage: Stage) -> list[BaseRoute]:
    """The paths below X_API_URL."""

    def answers(name: str, act: Callable[[Stage, Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            limits = _count(stage, name)
            try:
                _check(stage, request, name, limits)
                if request.method == "POST":
                    return JSONResponse(await act(stage, request), status_code=201, headers=limits)
                return JSONResponse(act(stage, request), headers=limits)
            except Refused as error:
                return JSONResponse(error.problem, status_code=error.status, headers=limits)

        return answer

    return [
        Route("/2/users/me", answers("me", _me), methods=["GET"]),
        Route("/2/users/{user}/mentions", answers("mentions", _mentions), methods=["GET"]),
        Route("/2/users/{user}/tweets", answers("read", _posts_of), methods=["GET"]),
        Route("/2/tweets", answers("post", _create), methods=["POST"]),
        Route("/2/tweets/search/recent", answers("search", _search), methods=["GET"]),
        Route("/2/tweets/{post}", answers("read", _one), methods=["GET"]),
        Route("/2/dm_events", answers("read", _no_messages), methods=["GET"]),
        Route("/media/{name}", _media(stage), methods=["GET"]),
    ]


def _count(stage: Stage, name: str) -> dict[str, str]:
    """Count the call, and give the x-rate-limit headers."""
    reset, used = stage.calls.get(name, (0.0, 0))
    if reset <= time.time():
        reset, used = time.time() + WINDOW_SECONDS, 0
    stage.calls[name] = (reset, used + 1)
    left = max(LIMITS[name] - used - 1, -1 if used >= LIMITS[name] else 0)
    values = {"limit": LIMITS[name], "remaining": left, "reset": int(reset)}
    return {f"x-rate-limit-{what}": str(value) for what, value in values.items()}


def _check(stage: Stage, request: Request, name: str, limits: Mapping[str, str]) -> None:
    """Rate first, then who asks: a bearer may read, a user's OAuth 1.0a may do all."""
    if int(limits["x-rate-limit-remaining"]) < 0:
        raise Refused(429, "Too Many Requests", "Too Many Requests")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme == "OAuth" and _is_ours(stage, given):
        return
    if scheme != "Bearer" or given != stage.settings.x_bearer_token:
        raise Refused(401, "Unauthorized", "Unauthorized")
    if name in {"me", "post"}:
        words = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
        kind = "https://api.twitter.com/2/problems/unsupported-authentication"
        raise Refused(403, "Unsupported Authentication", words, kind=kind)


def _is_ours(stage: Stage, header: str) -> bool:
    given = dict(re.findall(r'(oauth_\w+)="([^"]*)"', header))
    settings = stage.settings
    known = given.get("oauth_consumer_key"), given.get("oauth_token")
    return known == (settings.x_api_key, settings.x_access_token) and bool(given.get("oauth_signature"))


def _me(stage: Stage, request: Request) -> object:
    return {"data": user(str(bot_number(stage)), HANDLE)}


def _no_messages(stage: Stage, request: Request) -> object:
    return {"meta": {"result_count": 0}}


def _mentions(stage: Stage, request: Request) -> object:
    if request.path_params["user"] != str(bot_number(stage)):
        return {"meta": {"result_count": 0}}
    return _page(stage, request, "direction='in'", (), least=5)


def _posts_of(stage: Stage, request: Request) -> object:
    where = "json_extract(wire, '$.author')=?"
    return _page(stage, request, where, (request.path_params["user"],), least=5)


def _search(stage: Stage, request: Request) -> object:
    """Recent search: from:, to:, conversation_id:, in_reply_to_tweet_id:, -word and words, of the last 7 days."""
    query = request.query_params.get("query", "")
    if not query.strip():
        raise _invalid("query", query, "query must be at least one character")
    where, values = "at>=?", [(datetime.now(UTC) - 7 * _DAY).isoformat()]
    for term in query.replace("(", " ").replace(")", " ").split():
        condition, value = _term(stage, term)
        where += f" and {condition}"
        values += [value] if "?" in condition else []
    return _page(stage, request, where, values, least=10)


def _term(stage: Stage, term: str) -> tuple[str, str]:
    name, _, value = term.partition(":")
    if name == "from":
        return "lower(json_extract(wire, '$.handle'))=?", value.removeprefix("@").lower()
    if name == "to":
        found = bot(stage) if value.lower() == HANDLE.lower() else person_by_key(stage.db, "x", value.lower())
        return "json_extract(wire, '$.reply_author')=?", str(found.number if found else 0)
    if name in {"conversation_id", "in_reply_to_tweet_id"}:
        field = "conversation" if name == "conversation_id" else "reply_to"
        return f"json_extract(wire, '$.{field}')=?", value
    if name in {"is", "-is", "has", "-has", "lang"}:
        return "1", ""
    if term.startswith("-"):
        return "instr(lower(text), ?)=0", term[1:].lower()
    return "instr(lower(text), ?)>0", term.strip('"').lower()


def _page(stage: Stage, request: Request, where: str, values: Sequence[object], *, least: int) -> object:
    """One page, newest first. The token is the id of the last post seen."""
    asked = request.query_params
    size = _whole(asked, "max_results", 10)
    if not least <= size <= 100:
        raise _invalid(
            "max_results", size, f"The `max_results` query parameter value is not between {least} and 100"
        )
    token = _token(asked.get("pagination_token") or asked.get("next_token"))
    where, values = f"channel='x' and {where}", list(values)
    for name, value in (("id>", asked.get("since_id")), ("id<", asked.get("until_id")), ("id<", token)):
        if value:
            where += f" and cast(id as integer){name[2:]}?"
            values.append(_whole({name: value}, name, 0))
    for sign, name in ((">=", "start_time"), ("<", "end_time")):
        if asked.get(name):
            where += f" and at{sign}?"
            values.append(_moment(name, asked[name]))
    found = messages(stage.db, where, values, f"cast(id as integer) desc limit {size + 1}")
    return _shown(stage, request, found[:size], has_more=len(found) > size)


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(asked.get(name, default))
    except ValueError:
        raise _invalid(name, asked[name], f"The `{name}` query parameter value is not valid") from None


def _token(token: str | None) -> str | None:
    if token and not re.fullmatch(r"7140[0-9]+", token):
        raise _invalid("pagination_token", token, "The `pagination_token` query parameter value is not valid")
    return token[4:] if token else None


def _moment(name: str, value: str) -> str:
    try:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    except ValueError:
        raise _invalid(name, value, f"The `{name}` query parameter value is not a time") from None


def _shown(stage: Stage, request: Request, found: list[Kept], *, has_more: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {"result_count": len(found)}
    if not found:
        return {"meta": meta}
    meta |= {"newest_id": found[0].id, "oldest_id": found[-1].id}
    if has_more:
        meta["next_token"] = f"7140{found[-1].id}"
    body: dict[str, Any] = {"data": [_public(stage, request, kept) for kept in found]}
    if includes := _includes(stage, request, found):
        body["includes"] = includes
    return body | {"meta": meta}


def _one(stage: Stage, request: Request) -> object:
    post = request.path_params["post"]
    found = message(stage.db, "x", post)
    if found is None:
        kind = "https://api.twitter.com/2/problems/resource-not-found"
        words = f"Could not find tweet with id: [{post}]."
        return {"errors": [{"title": "Not Found Error", "detail": words, "type": kind, "resource_id": post}]}
    includes = _includes(stage, request, [found])
    return {"data": _public(stage, request, found)} | ({"includes": includes} if includes else {})


def _asked(request: Request, name: str) -> set[str]:
    return {part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()}


def _public(stage: Stage, request: Request, kept: Kept) -> dict[str, Any]:
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


def _includes(stage: Stage, request: Request, found: Sequence[Kept]) -> dict[str, Any]:
    expansions = _asked(request, "expansions")
    includes: dict[str, Any] = {}
    if "attachments.media_keys" in expansions:
        includes["media"] = [shown for kept in found for shown in _media_shown(stage, request, kept)]
    if expansions & {"author_id", "in_reply_to_user_id", "entities.mentions.username"}:
        includes["users"] = _users(stage, found, expansions)
    if "referenced_tweets.id" in expansions:
        parents = [message(stage.db, "x", kept.wire["reply_to"]) for kept in found if kept.wire["reply_to"]]
        includes["tweets"] = [_public(stage, request, parent) for parent in parents if parent]
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


def _media_shown(stage: Stage, request: Request, kept: Kept) -> list[dict[str, Any]]:
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


def _media(stage: Stage) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        found = photo(stage.db, request.path_params["name"].partition(".")[0])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.content_type)

    return answer


async def _create(stage: Stage, request: Request) -> object:
    """Post as the account: https://docs.x.com/x-api/posts/create-post"""
    try:
        asked = await request.json()
        text, reply_to = asked.get("text") or "", (asked.get("reply") or {}).get("in_reply_to_tweet_id")
    except (ValueError, AttributeError):
        raise _invalid("body", "", "The body is not a JSON object") from None
    parent = message(stage.db, "x", str(reply_to)) if reply_to else None
    _check_post(stage, str(text), reply_to, parent)
    post_id = next_id(stage.db)
    keep_message(
        stage.db,
        channel="x",
        person=parent.person if parent else _mentioned(stage, text),
        id=post_id,
        direction="out",
        text=text,
        wire=post_facts(
            author=bot(stage),
            reply_to=parent.id if parent else None,
            reply_author=parent.wire["author"] if parent else None,
            conversation=parent.wire["conversation"] if parent else post_id,
            links=[],
        ),
    )
    return {"data": {"id": post_id, "text": text, "edit_history_tweet_ids": [post_id]}}


def _check_post(stage: Stage, text: str, reply_to: object, parent: Kept | None) -> None:
    if not text.strip():
        raise _invalid("text", text, "text must not be empty")
    if weighted_length(text) > LONGEST_POST:
        raise _invalid("text", text, f"Your Tweet text is too long: {LONGEST_POST} characters at most")
    if reply_to and parent is None:
        words = "You attempted to reply to a Tweet that is deleted or not visible to you."
        raise Refused(403, "Forbidden", words)
    where = "channel='x' and direction='out' and text=? and json_extract(wire, '$.reply_to') is ? and at>=?"
    since = (datetime.now(UTC) - _DAY).isoformat()
    if messages(stage.db, where, (text, parent.id if parent else None, since)):
        raise Refused(403, "Forbidden", "You are not allowed to create a Tweet with duplicate content.")


def _mentioned(stage: Stage, text: str) -> str:
    """The first known person that a post mentions: it is their thread where it shows."""
    handles = re.findall(r"@(\w{1,50})", text, re.ASCII)
    known = [person_by_key(stage.db, "x", handle.lower()) for handle in handles]
    return next((who.key for who in known if who), "")
