"""Reads what Telegram sends: an update of the Bot API becomes a message, a button's press, a change of a group, or
nothing."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

from channels.fetch import clean
from normalizer.schema import Attachment, ChatChanged, Heard, InboundMessage, Position, Press

Json: TypeAlias = dict[str, Any]

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
GROUPS = frozenset({"group", "supergroup"})
LONGEST_NAME = 60
MAX_FILE = 20_000_000  # https://core.telegram.org/bots/api#getfile

# what a chat does, not what a person says: https://core.telegram.org/bots/api#message
SERVICE = (
    "new_chat_members", "new_chat_member", "left_chat_member", "new_chat_title", "new_chat_photo",
    "delete_chat_photo", "group_chat_created", "supergroup_chat_created", "channel_chat_created",
    "message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
    "successful_payment", "refunded_payment", "users_shared", "chat_shared", "connected_website",
    "write_access_allowed", "passport_data", "proximity_alert_triggered", "boost_added",
    "chat_background_set", "forum_topic_created", "forum_topic_edited", "forum_topic_closed",
    "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden",
    "giveaway_created", "giveaway", "giveaway_winners", "giveaway_completed", "video_chat_scheduled",
    "video_chat_started", "video_chat_ended", "video_chat_participants_invited", "voice_chat_started",
    "voice_chat_ended", "voice_chat_scheduled", "voice_chat_participants_invited",
)  # fmt: skip

LINK_COMMAND = re.compile(r"/dinas(@\w+)?\b\s*(.*)", re.IGNORECASE | re.DOTALL)
OTHER_MEDIA = {
    "animation": "video/mp4",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
}


def decode(raw: bytes) -> object:
    """The JSON of an update, None where it is none; bytes that are no UTF-8 become U+FFFD."""
    try:
        return json.loads(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def chat_of(update: object) -> str:
    """The lane of an update: its chat's id, else the person's, else "unknown"."""
    for kind in UPDATES:
        found = _object(_object(update).get(kind))
        chats = (found.get("chat"), _object(found.get("message")).get("chat"), found.get("from"))
        for number in (_id(_object(chat).get("id")) for chat in chats):
            if number:
                return number
    return "unknown"


def parse(raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
    """Read one update. Channel posts, bots, service messages and groups' talk: nothing.

    A group is no citizen: of what is said there only answers to our own messages are read, and /dinas, which links
    it to an agency. `proven` is False where a group is open to everybody.
    A provider id of ours is "chat:message"; a message's external_id is "bot:chat:message", with ":edit date"
    behind it for an edit. `ref` of an attachment is Telegram's file_id.
    """
    try:
        return _heard(decode(raw), meta)
    except Exception as error:
        return [_unreadable(raw, meta, error)]


def _unreadable(raw: bytes, meta: Mapping[str, str], error: Exception) -> InboundMessage:
    chat = chat_of(decode(raw))
    return InboundMessage(
        channel="telegram",
        account=meta.get("bot_id", ""),
        external_id=f"{meta.get('bot_id', '')}:{sha256(raw).hexdigest()}",
        sender="" if chat == "unknown" else chat,
        text=clean(raw.decode("utf-8", "replace"))[:2000],
        unreadable=f"not an update that can be read: {type(error).__name__}",
    )


def _heard(update: object, meta: Mapping[str, str]) -> list[Heard]:
    known = _object(update)
    for kind in ("message", "edited_message"):
        if message := _object(known.get(kind)):
            return _message(message, meta)
    if press := _object(known.get("callback_query")):
        return [_press(press, meta)]
    if member := _object(known.get("my_chat_member")):
        return _membership(member, str(known.get("update_id")), meta)
    if "update_id" not in known:
        raise ValueError("no update")
    return []


def _message(message: Json, meta: Mapping[str, str]) -> list[Heard]:
    chat, sender = _object(message.get("chat")), _object(message.get("from"))
    if chat.get("type") == "channel":
        return []
    if moved := _moved(message, chat, meta):
        return [moved]
    if any(message.get(kind) not in (None, False, []) for kind in SERVICE):
        return []
    is_group = chat.get("type") in GROUPS
    if sender.get("is_bot") is True and not (is_group and _is_anonymous(message, chat)):
        return []
    if is_group and not _is_for_us(message, meta):
        return []
    return [_said(message, _needed(chat.get("id")), meta)]


def _is_anonymous(message: Json, chat: Json) -> bool:
    """Whether an admin speaks as the group (sender_chat): https://core.telegram.org/bots/api#message"""
    return _id(_object(message.get("sender_chat")).get("id")) == _id(chat.get("id"))


def _moved(message: Json, group: Json, meta: Mapping[str, str]) -> ChatChanged | None:
    """A group that became a supergroup and has another id: it is said in the old one and in the new one."""
    new, old = _id(message.get("migrate_to_chat_id")), _id(message.get("migrate_from_chat_id"))
    chat = _id(group.get("id"))
    if group.get("type") not in GROUPS or not (chat and (new or old)):
        return None
    before, now = (chat, new) if new else (old, chat)
    bot = meta.get("bot_id", "")
    return ChatChanged(
        channel="telegram", account=bot, external_id=f"{bot}:moved:{before}:{now}", chat=before, moved_to=now
    )


def _membership(member: Json, number: str, meta: Mapping[str, str]) -> list[Heard]:
    """What became of us in a group: https://core.telegram.org/bots/api#chatmember"""
    chat, bot = _object(member.get("chat")), meta.get("bot_id", "")
    if chat.get("type") not in GROUPS:
        return []
    status = _object(member.get("new_chat_member")).get("status")
    return [
        ChatChanged(
            channel="telegram",
            account=bot,
            external_id=f"{bot}:member:{number}",
            chat=_needed(chat.get("id")),
            is_gone=status in {"left", "kicked"},
        )
    ]


def _author(message: Json) -> str:
    """The name that somebody shows in a group; of an admin who speaks as the group, its title."""
    person, group = _object(message.get("from")), _object(message.get("sender_chat"))
    named = (group.get("title"),) if group else (person.get("first_name"), person.get("last_name"))
    return " ".join(" ".join(filter(None, map(clean, named))).split())[:LONGEST_NAME]


def _is_closed(chat: Json) -> bool:
    """Whether only members read and write there: a group with a name of its own is open to everybody."""
    return chat.get("type") not in GROUPS or not (chat.get("username") or chat.get("active_usernames"))


def _said(message: Json, chat: str, meta: Mapping[str, str]) -> InboundMessage:
    bot, number = meta.get("bot_id", ""), _needed(message.get("message_id"))
    edited = _id(message.get("edit_date"))
    first = f"{bot}:{chat}:{number}"
    answered = _id(_object(message.get("reply_to_message")).get("message_id"))
    return InboundMessage(
        channel="telegram",
        account=bot,
        external_id=f"{first}:{edited}" if edited else first,
        edit_of=first if edited else None,
        sender=chat,
        text=_text(message),
        attachments=tuple(_attachments(message)),
        position=_position(message),
        in_reply_to=(f"{chat}:{answered}",) if answered else (),
        reply_ref=f"{chat}:{number}",
        group_id=_id(message.get("media_group_id")) or None,
        sent_at=_time(message.get("edit_date") or message.get("date")),
        language=clean(_object(message.get("from")).get("language_code"))[:2].lower() or None,
        author=_author(message),
        proven=_is_closed(_object(message.get("chat"))),
    )


def _press(press: Json, meta: Mapping[str, str]) -> Press:
    message = _object(press.get("message"))
    chat = _id(_object(message.get("chat")).get("id"))
    number = _id(message.get("message_id"))
    ref = _needed(press.get("id"))
    return Press(
        channel="telegram",
        account=meta.get("bot_id", ""),
        external_id=f"{meta.get('bot_id', '')}:press:{ref}",
        sender=chat or _needed(_object(press.get("from")).get("id")),
        value=clean(press.get("data")),
        in_reply_to=(f"{chat}:{number}",) if chat and number else (),
        answer_ref=ref,
        author=_author({"from": press.get("from")}),
        proven=_is_closed(_object(message.get("chat"))),
    )


def _is_for_us(message: Json, meta: Mapping[str, str]) -> bool:
    """In a group: an answer to us, or the command that links it and is not another bot's."""
    if command := LINK_COMMAND.match(clean(message.get("text"))):
        name = re.escape(meta.get("username", "")) or r"\w*bot"  # bots' names end in "bot"
        return command[1] is None or re.fullmatch(f"@{name}", command[1], re.IGNORECASE) is not None
    answered = _object(_object(message.get("reply_to_message")).get("from"))
    return bool(meta.get("bot_id")) and _id(answered.get("id")) == meta.get("bot_id")


def _text(message: Json) -> str:
    """The text or caption; a venue's name and address count as words, they say where."""
    venue = _object(message.get("venue"))
    said = (message.get("text") or message.get("caption"), venue.get("title"), venue.get("address"))
    return "\n".join(filter(None, map(clean, said)))


def _attachments(message: Json) -> Iterator[Attachment]:
    sizes = [size for size in _list(message.get("photo")) if _object(size).get("file_id")]
    if sizes:
        yield _file(max(sizes, key=_size_of), "image/jpeg", "")
    for kind, content_type in OTHER_MEDIA.items():
        if found := _object(message.get(kind)):
            yield _file(found, content_type, f"not a photo: {kind.replace('_', ' ')}")
    document = _object(message.get("document"))
    if document and not message.get("animation"):  # Telegram names an animation twice
        is_image = clean(document.get("mime_type")).startswith("image/") or re.search(
            r"\.(jpe?g|png|heic|heif|webp|gif|bmp|tiff?)$", clean(document.get("file_name")), re.IGNORECASE
        )
        yield _file(document, "application/octet-stream", "" if is_image else "not a photo: document")


def _file(found: Json, content_type: str, note: str) -> Attachment:
    size = found.get("file_size")
    if isinstance(size, int) and size > MAX_FILE:
        note = "larger than the 20 MB that Telegram hands out"
    return Attachment(
        content_type=clean(found.get("mime_type")) or content_type,
        name=clean(found.get("file_name")),
        ref=clean(found.get("file_id")) or None,
        note=note or None,
    )


def _size_of(size: Json) -> tuple[float, float]:
    width, height = _number(size.get("width")) or 0, _number(size.get("height")) or 0
    return width * height, _number(size.get("file_size")) or 0


def _position(message: Json) -> Position | None:
    point = _object(message.get("location")) or _object(_object(message.get("venue")).get("location"))
    lat, long = _number(point.get("latitude")), _number(point.get("longitude"))
    if lat is None or long is None or abs(lat) > 90 or abs(long) > 180:
        return None
    return Position(lat=lat, long=long, accuracy=_number(point.get("horizontal_accuracy")))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        return None
    return float(value) if math.isfinite(value) else None


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return str(value)
    return clean(value)[:256]


def _needed(value: object) -> str:
    if not (found := _id(value)):
        raise ValueError("an id is missing")
    return found


def _time(value: object) -> datetime | None:
    seconds = _number(value)
    if seconds is None or not 0 < seconds < 1 << 33:
        return None
    return datetime.fromtimestamp(seconds, UTC)
