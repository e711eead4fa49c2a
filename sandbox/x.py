"""X played from a citizen's side: a post that mentions the city's account, with photos and a place."""

import re
import secrets
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

from sandbox.memory import Database, Person, keep_message, next_number
from sandbox.stage import BadRequest, Outcome, Said, Stage

HANDLE = "LaporJakarta"
LONGEST_POST = 280
LONGEST_LONG_POST = 25_000
MOST_PHOTOS = 4
_EPOCH_MS = 1_288_834_974_657  # the first snowflake's moment
_URL = re.compile(r"https?://\S+|\b(?:[a-z0-9-]+\.)+(?:com|net|org|id|co|info|go\.id)\b(?:/\S*)?", re.IGNORECASE)
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_JOINER, _VARIATION = 0x200D, 0xFE0F


def handle_key(name: str) -> str:
    """A handle without its @, in lower case. Raises BadRequest where X would not allow it."""
    handle = name.removeprefix("@")
    if not re.fullmatch(r"\w{1,50}", handle, re.ASCII):
        raise BadRequest(f"from: not a handle such as @warga_jkt: {name!r}")
    return handle.lower()


def bot_number(stage: Stage) -> int:
    """The account's user id: the part of its access token before the dash."""
    return int((stage.settings.x_access_token or "0").partition("-")[0])


def weighted_length(text: str) -> int:
    """Characters as X counts them: URLs 23, most scripts 1, the rest 2, an emoji with all its parts 2.

    https://docs.x.com/fundamentals/counting-characters
    """
    text = unicodedata.normalize("NFC", text)
    urls = len(_URL.findall(text))
    rest = [ord(c) for c in _URL.sub("", text)]
    length, joined = 0, False
    for code in rest:
        if code in {_JOINER, _VARIATION} or 0x1F3FB <= code <= 0x1F3FF:
            joined = code == _JOINER
            continue
        if not joined:
            length += 1 if any(low <= code <= high for low, high in _LIGHT) else 2
        joined = False
    return 23 * urls + length


def next_id(db: Database) -> str:
    """An id made of the time, as X's are; always above the ones before."""
    now = (int(time.time() * 1000) - _EPOCH_MS) << 22
    return str(next_number(db, "x post", at_least=now))


async def say(stage: Stage, said: Said) -> Outcome:
    """Publish a post that begins with @LaporJakarta; the account finds it among its mentions."""
    if said.press is not None:
        raise BadRequest("press: a post has no buttons; write the words as text")
    if len(said.photos) > MOST_PHOTOS:
        raise BadRequest(f"photos: a post takes at most {MOST_PHOTOS}")
    if len(said.text) > LONGEST_LONG_POST:
        raise BadRequest(f"text: a post takes at most {LONGEST_LONG_POST} characters")
    mentioned = re.search(rf"@{HANDLE}\b", said.text, re.IGNORECASE)
    text = said.text if mentioned else f"@{HANDLE} {said.text}".strip()
    post_id = next_id(stage.db)
    keep_message(
        stage.db,
        channel="x",
        person=said.person.key,
        id=post_id,
        direction="in",
        text=text,
        lat=said.position.lat if said.position else None,
        long=said.position.long if said.position else None,
        wire=_facts(stage, said, post_id),
        photos=said.photos,
    )
    return Outcome(ids=(post_id,))


def _facts(stage: Stage, said: Said, post_id: str) -> dict[str, Any]:
    replied = said.reply_to
    return post_facts(
        author=said.person,
        reply_to=replied.id if replied else None,
        reply_author=replied.wire["author"] if replied else str(bot_number(stage)),
        conversation=replied.wire["conversation"] if replied else post_id,
        links=[short_link()] if said.photos else [],
    )


def post_facts(
    *, author: Person, reply_to: str | None, reply_author: str | None, conversation: str, links: list[str]
) -> dict[str, Any]:
    """What X remembers of a post beside its words. A post that begins with a mention answers that person."""
    return {
        "author": str(author.number),
        "handle": author.name.removeprefix("@"),
        "reply_to": reply_to,
        "reply_author": reply_author,
        "conversation": conversation,
        "links": links,
    }


def short_link() -> str:
    """The short link that X puts behind the words for a post's photos."""
    return f"https://t.co/{secrets.token_urlsafe(12).replace('-', 'a').replace('_', 'b')[:10]}"


def bot(stage: Stage) -> Person:
    return Person(channel="x", key=HANDLE.lower(), name=HANDLE, number=bot_number(stage))


def user(number: str, handle: str) -> Mapping[str, Any]:
    return {"id": number, "name": handle, "username": handle}
