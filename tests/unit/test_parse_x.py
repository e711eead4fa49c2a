"""What a citizen posts arrives whole, answers fit a post, and nothing that X may send breaks the reader."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.x import parse
from channels.x_posts import fit, weight
from normalizer.schema import InboundMessage, Position

RAW = Path(__file__).resolve().parents[1] / "data" / "x"
CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "x"
META = {"user_id": "700800"}


def read(found: dict[str, Any]) -> InboundMessage:
    (heard,) = parse(json.dumps(found).encode(), META)
    assert isinstance(heard, InboundMessage)
    return heard


def one(name: str) -> InboundMessage:
    return read(json.loads((RAW / f"{name}.json").read_bytes()))


def test_a_mention_has_its_words_without_the_names_in_front() -> None:
    heard = one("mention")
    assert heard.text == (
        "jalan rusak parah di depan Halte Manggarai & banyak motor jatuh 😡 https://maps.app.goo.gl/Qx7Yd"
    )
    assert (heard.external_id, heard.sender, heard.account) == ("1985012345678901234", "340091122", "700800")
    assert heard.reply_ref == "1985012345678901234"
    assert heard.sent_at == datetime(2025, 11, 3, 22, 41, 9, tzinfo=UTC)
    assert heard.language == "id"
    assert heard.edit_of is None
    assert heard.unreadable is None


def test_every_photo_and_a_videos_still_are_there() -> None:
    photos = one("mention").attachments
    assert [(photo.ref, photo.content_type) for photo in photos] == [
        ("https://pbs.twimg.com/media/G4kLmNoXwAA1234.jpg", "image/jpeg"),
        ("https://pbs.twimg.com/ext_tw_video_thumb/1985/pu/img/thumb.png", "image/png"),
    ]


def test_the_point_is_read_longitude_first() -> None:
    assert one("mention").position == Position(lat=-6.2099, long=106.8501)


def test_a_long_post_is_read_to_its_end_and_an_edit_names_the_first() -> None:
    heard = one("long_post")
    assert heard.text.startswith("Selamat malam.")
    assert heard.text.endswith("lokasi https://maps.google.com/?q=-6.22,106.86")
    assert heard.edit_of == "1985012345678905551"


def test_a_reply_names_the_post_it_answers() -> None:
    heard = one("reply")
    assert heard.in_reply_to == ("1985098",)
    assert heard.language is None


def test_reposts_and_our_own_posts_are_nothing() -> None:
    assert parse((RAW / "repost.json").read_bytes(), META) == []
    ours = {"tweet": {"id": "1", "author_id": "700800", "text": "Terima kasih"}}
    assert parse(json.dumps(ours).encode(), META) == []


def test_the_webhooks_older_form_is_read_as_well() -> None:
    post = json.loads((RAW / "webhook.json").read_bytes())["tweet_create_events"][0]
    heard = read({"tweet": post, "includes": {}})
    assert heard.text.startswith("pohon tumbang di Jl. Casablanca")
    assert heard.text.endswith("Ada kabel listrik yang ikut putus <awas>")
    assert len(heard.attachments) == 2
    assert heard.position == Position(lat=-6.2245, long=106.8316)
    assert heard.sender == "340091177"
    assert heard.sent_at == datetime(2025, 11, 4, 2, 11, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"tweet": 3}', b'{"tweet": {"text": "halo"}}', b"\xff\x00", b"[" * 99999]
)
def test_what_is_no_post_is_kept_as_unreadable(raw: bytes) -> None:
    (heard,) = parse(raw, META)
    assert isinstance(heard, InboundMessage)
    assert heard.unreadable
    assert "\x00" not in heard.text


def test_a_name_counts_as_x_counts_it() -> None:
    assert weight("halo") == 4
    assert weight("日本") == 4
    assert weight("https://lapor.jakarta.go.id/r/JKT-7F3K-9-dan-seterusnya") == 23
    assert weight("lihat lapor.go.id ya") == len("lihat ") + 23 + len(" ya")


def test_a_text_that_fits_is_left_alone() -> None:
    text = "Laporan JKT-7F3K-9 diterima. " + "a" * 200
    assert fit(text) == text


def test_a_long_text_is_cut_at_a_word_and_keeps_its_last_link() -> None:
    link = "https://lapor.example/r/JKT-7F3K-9"
    cut = fit("kata " * 90 + link)
    assert cut.endswith(f"kata… {link}")
    assert 270 < weight(cut) <= 280


@given(st.text(max_size=600))
def test_any_text_fits_a_post(text: str) -> None:
    assert weight(fit(text)) <= 280


def test_a_word_longer_than_a_post_is_cut() -> None:
    assert weight(fit("a" * 900)) == 280
    assert weight(fit("日" * 900)) <= 280


def posts() -> Iterator[Any]:
    index = CASES / "index.jsonl"
    for line in index.read_text("utf-8").splitlines() if index.exists() else []:
        case = json.loads(line)
        found = json.loads((CASES / case["file"]).read_bytes())
        facts = {one["id"]: one for one in (case.get("facts") or {}).get("posts", []) if "event_type" not in one}
        rows = found.get("data") if isinstance(found, dict) else found
        for row in rows if isinstance(rows, list) else [rows or found]:
            if isinstance(row, dict) and "text" in row and "event_type" not in row:
                whole = {"tweet": row, "includes": found.get("includes", {})}
                yield pytest.param(whole, facts.get(str(row["id"]), {}), id=f"{case['file']}:{row['id']}")


CORPUS = list(posts())
needs_corpus = pytest.mark.skipif(not CORPUS, reason=f"the corpus of other projects is missing: {CASES}")


@needs_corpus
@pytest.mark.parametrize(("found", "stated"), CORPUS)
def test_other_projects_posts_are_read_as_they_stand(found: dict[str, Any], stated: dict[str, Any]) -> None:
    heard = parse(json.dumps(found).encode(), META)
    if "retweeted" in stated.get("references", []):
        assert heard == []
        return
    (message,) = heard
    assert isinstance(message, InboundMessage)
    assert message.external_id == str(found["tweet"]["id"])
    post = found["tweet"]
    assert message.sender == post.get("author_id", post.get("user", {}).get("id_str", ""))
    words = [word for word in post["text"].replace("&amp;", "&").split() if word[0] not in "@h"]
    assert [word for word in words if word not in message.text] == []
    if stated:
        assert bool(message.in_reply_to) is ("replied_to" in stated.get("references", []))
    if (stated.get("geo") or {}).get("coordinates"):
        assert message.position is not None
        assert [message.position.long, message.position.lat] == stated["geo"]["coordinates"]
    if stated.get("media") and "not included" not in stated["media"]:
        assert len(message.attachments) == len(stated["media"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "id", "id_str", "author_id", "user", "text", "note_tweet", "entities", "attachments", "geo", "coordinates",
    "referenced_tweets", "edit_history_tweet_ids", "created_at", "lang", "extended_tweet", "extended_entities",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8), JSON)
def test_any_json_in_a_post_is_read_without_an_error(post: dict[str, Any], includes: Any) -> None:
    raw = json.dumps({"tweet": {"id": "1", **post}, "includes": includes}).encode()
    for heard in parse(raw, META):
        assert "\x00" not in f"{getattr(heard, 'text', '')}{heard.external_id}"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    assert len(parse(raw, META)) == 1
