"""What a citizen says on Telegram arrives whole, and nothing that Telegram may send breaks the reader."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.telegram import parse
from normalizer.schema import ChatChanged, InboundMessage, Position, Press

RAW = Path(__file__).resolve().parents[1] / "data" / "telegram"
CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "telegram"
META = {"bot_id": "70012345", "username": "lapor_dki_bot"}


def one(name: str) -> InboundMessage:
    (heard,) = parse((RAW / f"{name}.json").read_bytes(), META)
    assert isinstance(heard, InboundMessage)
    return heard


def test_a_text_has_its_sender_its_time_and_its_words() -> None:
    heard = one("text")
    assert heard.channel == "telegram"
    assert heard.account == "70012345"
    assert heard.external_id == "70012345:511220034:31"
    assert heard.sender == "511220034"
    assert heard.text.startswith("Pagi min, lampu jalan")
    assert "😔" in heard.text
    assert heard.sent_at == datetime(2025, 11, 4, 1, 40, 11, tzinfo=UTC)
    assert heard.language == "id"
    assert heard.reply_ref == "511220034:31"
    assert heard.unreadable is None


def test_the_largest_photo_is_taken_wherever_it_stands() -> None:
    heard = one("photo_with_caption")
    assert [photo.ref for photo in heard.attachments] == ["AgACAgUAAxk-besar"]
    assert heard.attachments[0].content_type == "image/jpeg"
    assert heard.attachments[0].note is None
    assert heard.text == "Sampah numpuk depan Pasar Rumput, sudah 3 hari tidak diangkut"


def test_the_photos_of_an_album_share_their_group() -> None:
    updates = json.loads((RAW / "album.json").read_bytes())
    heard = [parse(json.dumps(update).encode(), META)[0] for update in updates]
    assert [message.group_id for message in heard if isinstance(message, InboundMessage)] == ["13877002915544"] * 2


def test_a_pin_answers_the_question_it_replies_to() -> None:
    heard = one("location")
    assert heard.position == Position(lat=-6.20991, long=106.84972, accuracy=18.5)
    assert heard.in_reply_to == ("511220034:30",)


def test_a_venue_gives_its_point_and_its_words() -> None:
    heard = one("venue")
    assert heard.position == Position(lat=-6.2116, long=106.8503)
    assert heard.text == "Stasiun Manggarai\nJl. Manggarai Utara 1, Jakarta Selatan"


def test_an_edit_replaces_what_was_said_first() -> None:
    heard = one("edited")
    assert heard.edit_of == one("text").external_id
    assert heard.external_id == f"{heard.edit_of}:1762220455"
    assert "RW 08" in heard.text


def test_a_pressed_button_says_what_and_under_which_message() -> None:
    (heard,) = parse((RAW / "press.json").read_bytes(), META)
    assert heard == Press(
        channel="telegram",
        account="70012345",
        external_id="70012345:press:2196045510034",
        sender="511220034",
        value="confirm:JKT-7F3K-9:yes",
        in_reply_to=("511220034:40",),
        answer_ref="2196045510034",
        author="Sari",
    )


def test_a_photo_sent_as_a_file_is_a_photo() -> None:
    assert one("heic_as_file").attachments[0].note is None


def test_what_is_no_photo_says_so() -> None:
    assert one("voice").attachments[0].note == "not a photo: voice"


def test_a_file_beyond_telegrams_limit_says_so() -> None:
    assert "20 MB" in (one("large_file").attachments[0].note or "")


@pytest.mark.parametrize("name", ["group_chatter", "group_mention"])
def test_a_group_is_no_citizen_also_where_it_names_us(name: str) -> None:
    assert parse((RAW / f"{name}.json").read_bytes(), META) == []


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        ("/dinas ABC", True),
        ("/dinas@Lapor_Dki_Bot ABC", True),
        ("/dinas@cuaca_bot ABC", False),
        ("/dinasti", False),
        ("/lapor got mampet", False),
        ("/ikuti Menteng", False),
        ("/ dinas", False),
    ],
)
def test_of_a_groups_commands_only_the_one_that_links_it_is_ours(text: str, is_ours: bool) -> None:
    update = json.loads((RAW / "group_chatter.json").read_bytes())
    update["message"]["text"] = text
    assert bool(parse(json.dumps(update).encode(), META)) is is_ours


def test_an_answer_to_us_in_a_group_is_heard() -> None:
    update = json.loads((RAW / "group_chatter.json").read_bytes())
    update["message"]["reply_to_message"] = {"message_id": 900, "from": {"id": 70012345, "is_bot": True}}
    (heard,) = parse(json.dumps(update).encode(), META)
    assert isinstance(heard, InboundMessage)
    assert heard.in_reply_to == ("-1001887766554:900",)
    assert (heard.author, heard.proven) == ("Budi", True)


def changed_chat(**change: object) -> InboundMessage | None:
    """An answer to us in a group, with another word about its chat or sender."""
    update = json.loads((RAW / "group_chatter.json").read_bytes())
    update["message"]["reply_to_message"] = {"message_id": 900, "from": {"id": 70012345, "is_bot": True}}
    for name, fields in change.items():
        update["message"][name] = {**update["message"].get(name, {}), **fields}  # type: ignore[dict-item]
    heard = parse(json.dumps(update).encode(), META)
    assert all(isinstance(each, InboundMessage) for each in heard)
    return heard[0] if heard else None  # type: ignore[return-value]


def test_a_group_that_is_open_to_everybody_proves_nothing() -> None:
    heard = changed_chat(chat={"username": "warga_rw08"})
    assert heard is not None
    assert heard.proven is False


def test_an_admin_may_speak_as_the_group_and_a_bot_may_not() -> None:
    bot, title = {"id": 1087968824, "is_bot": True, "first_name": "Group"}, "Piket PJU"
    assert changed_chat(**{"from": bot}) is None
    as_group = changed_chat(**{"from": bot, "sender_chat": {"id": -1001887766554, "title": title}})
    assert as_group is not None
    assert as_group.author == title
    assert changed_chat(**{"from": bot, "sender_chat": {"id": -100999, "title": "Kanal"}}) is None


def test_a_group_that_moves_is_told_in_both_chats_and_our_coming_and_going_too() -> None:
    group = {"id": -55, "type": "group", "title": "Piket"}
    new = {"id": -10055, "type": "supergroup", "title": "Piket"}
    said = {"message_id": 1, "from": {"id": 3, "is_bot": False}}
    for message in (
        {**said, "chat": group, "migrate_to_chat_id": -10055},
        {**said, "chat": new, "migrate_from_chat_id": -55},
    ):
        (moved,) = parse(json.dumps({"update_id": 1, "message": message}).encode(), META)
        assert isinstance(moved, ChatChanged)
        assert (moved.chat, moved.moved_to, moved.is_gone) == ("-55", "-10055", False)
    for status, is_gone in (("kicked", True), ("left", True), ("member", False), ("administrator", False)):
        member = {"chat": group, "from": {"id": 3}, "new_chat_member": {"status": status}}
        (changed,) = parse(json.dumps({"update_id": 1, "my_chat_member": member}).encode(), META)
        assert isinstance(changed, ChatChanged)
        assert (changed.chat, changed.is_gone) == ("-55", is_gone)


@pytest.mark.parametrize("name", ["blocked", "channel_post"])
def test_what_no_citizen_said_is_no_message(name: str) -> None:
    assert parse((RAW / f"{name}.json").read_bytes(), META) == []


def test_nul_and_half_a_surrogate_pair_are_taken_out() -> None:
    update = rb'{"update_id":1,"message":{"message_id":2,"chat":{"id":3},"text":"got\u0000 mampet \ud83d!"}}'
    (heard,) = parse(update, META)
    assert isinstance(heard, InboundMessage)
    assert heard.text == "got mampet \ufffd!"


def test_an_update_cut_in_the_middle_is_kept_as_unreadable() -> None:
    (heard,) = parse((RAW / "text.json").read_bytes()[:180], META)
    assert isinstance(heard, InboundMessage)
    assert heard.unreadable
    assert "511220034" in heard.text


def cases() -> list[dict[str, Any]]:
    index = CASES / "index.jsonl"
    return [json.loads(line) for line in index.read_text("utf-8").splitlines()] if index.exists() else []


CORPUS = cases()
needs_corpus = pytest.mark.skipif(not CORPUS, reason=f"the corpus of other projects is missing: {CASES}")


@needs_corpus
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["file"])
def test_other_projects_updates_are_read_as_they_stand(case: dict[str, Any]) -> None:
    found = json.loads((CASES / case["file"]).read_bytes())
    facts = case.get("facts") or {}
    pairs = zip(found, facts, strict=True) if isinstance(found, list) else [(found, facts)]
    for update, stated in pairs:
        check(parse(json.dumps(update).encode(), {"bot_id": "1", "username": "us_bot"}), stated, case)


def check(heard: list[Any], stated: dict[str, Any], case: dict[str, Any]) -> None:
    assert not [one for one in heard if getattr(one, "unreadable", None)]
    if stated.get("from_bot") or "dropped" in (case.get("expected") or {}):
        assert heard == []
        return
    if stated.get("chat_type") not in {"private", None} or not stated.get("content"):
        return
    assert len(heard) == (0 if set(stated["content"]) & {"migrate_from_chat_id", "pinned_message"} else 1)
    for message in heard:
        assert message.text == (stated.get("text") or stated.get("caption") or message.text)
        if "largest_photo" in stated:
            assert [photo.ref for photo in message.attachments] == [stated["largest_photo"]]
        if "location" in stated:
            assert (message.position.lat, message.position.long) == tuple(stated["location"].values())[:2]
        if "media_group_id" in stated:
            assert message.group_id == stated["media_group_id"]
        assert bool(message.edit_of) is ("edit_date" in stated)
        if "document" in stated:
            assert stated["document"]["file_name"] in [one.name for one in message.attachments]


@needs_corpus
def test_what_other_projects_expect_comes_out() -> None:
    seen = set()
    for case in CORPUS:
        expected = case.get("expected") or {}
        if not {"text", "attachments", "in_reply_to"} & expected.keys() or not case["form"].startswith("one"):
            continue
        (heard,) = parse((CASES / case["file"]).read_bytes(), {"bot_id": "1"})
        assert isinstance(heard, InboundMessage)
        if "text" in expected and expected["text"] != "the caption":
            assert heard.text == expected["text"]
        if "attachments" in expected:
            assert len(heard.attachments) == expected["attachments"]
        if "in_reply_to" in expected:
            assert heard.in_reply_to == (f"{heard.sender}:{expected['in_reply_to']}",)
        seen.add(case["file"])
    assert len(seen) >= 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "from", "chat", "date", "text", "caption", "photo", "location", "venue", "document", "message_id", "edit_date",
    "reply_to_message", "media_group_id", "voice", "entities", "id", "type", "data", "message",
]  # fmt: skip
MESSAGE = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)


def assert_storable(heard: list[Any]) -> None:
    for one_heard in heard:
        text = f"{getattr(one_heard, 'text', '')}{getattr(one_heard, 'value', '')}{one_heard.external_id}"
        assert "\x00" not in text
        assert text.encode("utf-8")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    assert_storable(parse(raw, META))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["message", "edited_message", "callback_query"]), MESSAGE)
def test_any_json_in_an_update_is_read_without_an_error(kind: str, message: dict[str, Any]) -> None:
    assert_storable(parse(json.dumps({"update_id": 1, kind: message}).encode(), META))


def test_json_nested_beyond_any_depth_is_read_without_an_error() -> None:
    (heard,) = parse(b'{"update_id":1,"message":' + b"[" * 200_000, META)
    assert isinstance(heard, InboundMessage)
    assert heard.unreadable
