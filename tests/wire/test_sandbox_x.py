"""X's stand-in, spoken to with tweepy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import tweepy

import sandbox
from sandbox.x import weighted_length
from tests.wire.test_sandbox_stage import JAKARTA, Served, b64, picture, serve, settings_in

FIELDS: dict[str, Any] = {
    "tweet_fields": ["created_at", "geo", "note_tweet", "conversation_id", "referenced_tweets", "entities"],
    "expansions": ["author_id", "attachments.media_keys", "in_reply_to_user_id", "referenced_tweets.id"],
    "media_fields": ["url", "type"],
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(sandbox.prepare(settings_in(tmp_path))) as running:
        yield running


class LocalSession(requests.Session):
    """Sends what is meant for X to the stand-in."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.trust_env = base, False

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        local = str(url).replace("https://api.twitter.com", self.base)
        return super().request(method, local, *args, timeout=10, **more)


def client(served: Served, **keys: str) -> tweepy.Client:
    settings = served.settings
    login = {
        "bearer_token": settings.x_bearer_token,
        "consumer_key": settings.x_api_key,
        "consumer_secret": settings.x_api_secret,
        "access_token": settings.x_access_token,
        "access_token_secret": settings.x_access_secret,
    }
    found = tweepy.Client(**(login | keys))
    found.session = LocalSession(settings.x_api_url or "")
    return found


async def account(served: Served) -> str:
    me = await asyncio.to_thread(client(served).get_me)
    return str(me.data.id)


async def mentions(served: Served, **more: Any) -> Any:
    number = await account(served)
    return await asyncio.to_thread(client(served).get_users_mentions, number, **(FIELDS | more))


async def reply(served: Served, text: str, post: str | None = None) -> Any:
    return await asyncio.to_thread(client(served).create_tweet, text=text, in_reply_to_tweet_id=post)


async def test_a_citizens_post_is_among_the_mentions(served: Served) -> None:
    said = await served.say("x", who="@warga_jkt", text="Sampah menumpuk", photos=[b64(picture())], **JAKARTA)
    found = await mentions(served)
    (post,) = found.data
    assert str(post.id) == said["id"]
    assert post.text.startswith("@LaporJakarta Sampah menumpuk https://t.co/")
    assert post.created_at.tzinfo is not None
    assert post.geo["coordinates"]["coordinates"] == [JAKARTA["long"], JAKARTA["lat"]]
    assert found.includes["users"][0].username == "warga_jkt"
    (media,) = found.includes["media"]
    assert post.attachments["media_keys"] == [media.media_key]
    async with httpx.AsyncClient(trust_env=False) as http:
        photo = await http.get(media.url)
    assert (photo.content, photo.headers["content-type"]) == (picture(), "image/jpeg")


async def test_a_post_that_mentions_already_is_left_as_it_is(served: Served) -> None:
    await served.say("x", who="warga", text="Halo @laporjakarta, lampu mati")
    assert (await mentions(served)).data[0].text == "Halo @laporjakarta, lampu mati"


async def test_a_long_post_is_whole_in_its_note(served: Served) -> None:
    text = "@LaporJakarta " + "banjir " * 80
    await served.say("x", who="warga", text=text)
    (post,) = (await mentions(served)).data
    assert len(post.text) == 280
    assert post.data["note_tweet"]["text"] == text


async def test_only_posts_after_since_id_come_and_page_by_page(served: Served) -> None:
    ids = [(await served.say("x", who="warga", text=f"ke-{n}"))["id"] for n in range(8)]
    assert ids == sorted(ids, key=int)
    first = await mentions(served, since_id=ids[0], max_results=5)
    assert [str(post.id) for post in first.data] == ids[:2:-1]
    assert (first.meta["newest_id"], first.meta["result_count"]) == (ids[-1], 5)
    rest = await mentions(served, since_id=ids[0], max_results=5, pagination_token=first.meta["next_token"])
    assert [str(post.id) for post in rest.data] == [ids[2], ids[1]]
    assert "next_token" not in rest.meta
    none = await mentions(served, since_id=ids[-1])
    assert (none.data, none.meta["result_count"]) == (None, 0)


async def test_ids_go_on_after_a_restart(tmp_path: Path) -> None:
    settings = sandbox.prepare(settings_in(tmp_path))
    async with serve(settings) as first:
        before = (await first.say("x", who="warga", text="satu"))["id"]
    async with serve(settings) as second:
        after = (await second.say("x", who="warga", text="dua"))["id"]
        assert int(after) > int(before)
        assert [str(p.id) for p in (await mentions(second)).data] == [after, before]


async def test_a_reply_stands_in_the_citizens_thread_and_can_be_answered(served: Served) -> None:
    said = await served.say("x", who="warga", text="Lampu mati")
    sent = (await reply(served, "Di mana?", said["id"])).data["id"]
    out = (await served.thread("x", "@Warga"))[-1]
    assert (out["id"], out["direction"], out["text"]) == (sent, "out", "Di mana?")
    await served.say("x", who="warga", text="Di Tebet", reply_to=sent)
    found = await mentions(served)
    answer = found.data[0]
    assert answer.referenced_tweets[0].id == int(sent)
    assert str(answer.conversation_id) == said["id"]
    assert str(answer.in_reply_to_user_id) == await account(served)
    assert found.includes["tweets"][0].text == "Di mana?"


async def test_the_same_words_twice_are_refused(served: Served) -> None:
    said = await served.say("x", who="warga", text="Lampu mati")
    await reply(served, "Diterima", said["id"])
    with pytest.raises(tweepy.Forbidden, match="duplicate"):
        await reply(served, "Diterima", said["id"])


async def test_posts_that_x_would_not_take_are_refused(served: Served) -> None:
    with pytest.raises(tweepy.BadRequest, match="too long"):
        await reply(served, "x" * 281)
    with pytest.raises(tweepy.BadRequest):
        await reply(served, " ")
    with pytest.raises(tweepy.Forbidden, match="deleted or not visible"):
        await reply(served, "halo", "123")
    assert (await reply(served, "x" * 256 + " https://lapor.example/" + "r" * 100)).data["id"]


async def test_wrong_keys_are_refused(served: Served) -> None:
    with pytest.raises(tweepy.Unauthorized):
        await asyncio.to_thread(client(served, consumer_key="wrong").create_tweet, text="x")
    with pytest.raises(tweepy.Unauthorized):
        await asyncio.to_thread(client(served, bearer_token="wrong").get_users_mentions, 1)
    async with httpx.AsyncClient(trust_env=False) as http:
        bearer = {"Authorization": f"Bearer {served.settings.x_bearer_token}"}
        answer = await http.post(f"{served.settings.x_api_url}/2/tweets", json={"text": "x"}, headers=bearer)
        assert (answer.status_code, answer.json()["title"]) == (403, "Unsupported Authentication")
        assert int(answer.headers["x-rate-limit-remaining"]) < int(answer.headers["x-rate-limit-limit"])


async def test_a_bad_page_size_is_refused(served: Served) -> None:
    with pytest.raises(tweepy.BadRequest):
        await mentions(served, max_results=3)
    with pytest.raises(tweepy.BadRequest):
        await mentions(served, since_id="bukan")
    with pytest.raises(tweepy.BadRequest):
        await mentions(served, since_id="9" * 30)


async def test_search_and_single_posts_find_what_was_sent(served: Served) -> None:
    said = await served.say("x", who="warga", text="Lampu mati")
    sent = (await reply(served, "Diterima JKT-1", said["id"])).data["id"]
    x = client(served)
    query = f"from:LaporJakarta conversation_id:{said['id']}"
    found = await asyncio.to_thread(x.search_recent_tweets, query)
    assert [str(post.id) for post in found.data] == [sent]
    words = await asyncio.to_thread(x.search_recent_tweets, "@LaporJakarta lampu -from:LaporJakarta -is:retweet")
    assert [str(post.id) for post in words.data] == [said["id"]]
    assert (await asyncio.to_thread(x.get_tweet, sent)).data.text == "Diterima JKT-1"
    assert (await asyncio.to_thread(x.get_tweet, 123)).errors[0]["title"] == "Not Found Error"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("halo", 4),
        ("https://lapor.example/" + "r" * 50, 23),
        ("日本", 4),
        ("👍", 2),
        ("👩‍👧‍👦", 2),
        ("👍🏽 ok", 5),
    ],
)
def test_characters_count_as_x_counts_them(text: str, length: int) -> None:
    assert weighted_length(text) == length
