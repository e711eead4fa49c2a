"""X's API v2 played: mentions, posts, search and photos, with the fields, limits and errors of the real one."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.memory import Kept, keep_message, message, messages, person_by_key, photo
from sandbox.stage import Stage
from sandbox.x import HANDLE, LONGEST_POST, bot, bot_number, next_id, post_facts, user, weighted_length
from sandbox.x_posts import includes_of, list_shown, post_shown

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
    return list_shown(stage, request, found[:size], has_more=len(found) > size)


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    if not re.fullmatch(r"[0-9]{1,18}|[1-8][0-9]{18}", asked.get(name, "0")):
        raise _invalid(name, asked[name], f"The `{name}` query parameter value is not valid")
    return int(asked.get(name, default))


def _token(token: str | None) -> str | None:
    if token and not re.fullmatch(r"7140[0-9]+", token):
        raise _invalid("pagination_token", token, "The `pagination_token` query parameter value is not valid")
    return token[4:] if token else None


def _moment(name: str, value: str) -> str:
    try:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    except ValueError:
        raise _invalid(name, value, f"The `{name}` query parameter value is not a time") from None


def _one(stage: Stage, request: Request) -> object:
    post = request.path_params["post"]
    found = message(stage.db, "x", post)
    if found is None:
        kind = "https://api.twitter.com/2/problems/resource-not-found"
        words = f"Could not find tweet with id: [{post}]."
        return {"errors": [{"title": "Not Found Error", "detail": words, "type": kind, "resource_id": post}]}
    includes = includes_of(stage, request, [found])
    return {"data": post_shown(stage, request, found)} | ({"includes": includes} if includes else {})


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
