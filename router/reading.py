"""Reads kept messages: bytes to words, draft and photos; pure, so that it can run where it can be killed."""

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

from channels import CHANNELS
from config.pack import Pack, load_pack
from normalizer.learned import Model, model_at
from normalizer.normalize import missing, normalize, warm_up
from normalizer.picture import Copies, look
from normalizer.same_picture import Match, find_match
from normalizer.schema import Attachment, ChatChanged, Draft, InboundMessage, PhotoFacts, Press, Receipt
from normalizer.text import own_words
from router.codes import codes_in
from router.said import Said, read_signs


@dataclass(frozen=True, kw_only=True, slots=True)
class Raw:
    """A kept message as it is handed to a reader."""

    channel: str
    external_id: str
    meta: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a photo shows of itself, and its copies (None: it cannot be shown)."""

    facts: PhotoFacts
    copies: Copies | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """A message with its draft and signs; `looks` has one for each attachment, None where it is to be fetched."""

    message: InboundMessage
    draft: Draft
    said: Said
    looks: Sequence[Look | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A message that our own code cannot digest: it is tried again, then set aside with this reason."""

    reason: str


_ANSWERS = re.compile(r"\s*(?:re|bls|balas)\s*:", re.IGNORECASE)
_PASSED_ON = re.compile(r"^\s*(?:(?:fwd?|trs|terusan)\s*:\s*)+", re.IGNORECASE)

Reading: TypeAlias = list[Understood | Receipt | ChatChanged] | Unreadable


@cache
def pack_at(city: Path) -> Pack:
    """The city pack, its word and cell tables built; once a process."""
    pack = load_pack(city)
    warm_up(pack)
    return pack


def read_all(messages: Sequence[Raw], city: Path, learned: Path | None = None) -> list[Reading]:
    """Read messages; one that cannot be read does not hold up the others. `learned` is a learned model's file."""
    model = model_at(learned) if learned else None
    return [_read(each, pack_at(city), model) for each in messages]


def packed(readings: Sequence[Reading]) -> bytes:
    """Readings as they go from process to process: whoever only passes them on need not make objects of them."""
    return pickle.dumps(readings, pickle.HIGHEST_PROTOCOL)


def unpacked(blobs: Sequence[bytes]) -> list[Reading]:
    """The readings of several packs, in their order; only ever of our own processes' packs."""
    return [reading for blob in blobs for reading in pickle.loads(blob)]  # noqa: S301  (no byte of it is a citizen's own)


def read_packed(messages: Sequence[Raw], city: Path, learned: Path | None = None) -> bytes:
    """What read_all() says, packed."""
    return packed(read_all(messages, city, learned))


def _read(each: Raw, pack: Pack, model: Model | None) -> Reading:
    try:
        return [
            understand(said, pack, model) if isinstance(said, InboundMessage) else said for said in _said(each)
        ]
    except Exception as error:
        return Unreadable(reason=f"{type(error).__name__}: {where(error)}")


def where(error: Exception) -> str:
    """Where it happened, without what was said: an exception's text may quote a citizen."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""


def _said(each: Raw) -> Iterator[InboundMessage | Receipt | ChatChanged]:
    """What a kept message holds; a message without an id of its own has the journal's."""
    meta = {**each.meta, "external_id": each.external_id}
    for number, heard in enumerate(CHANNELS[each.channel].parse(each.raw, meta)):
        said = _as_message(heard) if isinstance(heard, Press) else heard
        if isinstance(said, InboundMessage) and not said.external_id:
            said = replace(said, external_id=f"{each.external_id}:{number}" if number else each.external_id)
        yield said


def _as_message(press: Press) -> InboundMessage:
    """A pressed button says what stands behind it."""
    return InboundMessage(
        channel=press.channel,
        account=press.account,
        external_id=press.external_id,
        sender=press.sender,
        text=press.value,
        in_reply_to=press.in_reply_to,
        author=press.author,
        proven=press.proven,
    )


def understand(message: InboundMessage, pack: Pack, model: Model | None = None) -> Understood:
    """Words and photos into a draft. Words that our own code stumbles over are a report all the same, asked about
    like those that say nothing; `unreadable` says where it stumbled."""
    message = replace(
        message,
        text=_writable(message.text if message.text.strip() else _said_in_subject(message.subject)),
        subject=_writable(message.subject),
        sender=_writable(message.sender),
    )
    looks = [_look_at_attachment(attachment) for attachment in message.attachments]
    try:
        draft = _draft(message, message.text, looks, pack, model)
        said = read_signs(own_words(draft.description))
    except Exception as error:
        why = f"the words could not be understood: {type(error).__name__}: {where(error)}"
        message, draft, said = replace(message, unreadable=why), _without_words(message, looks, pack), Said()
    return Understood(message=message, draft=draft, said=said, looks=looks)


def _draft(
    message: InboundMessage, words: str, looks: Sequence[Look | None], pack: Pack, model: Model | None
) -> Draft:
    return normalize(
        words,
        subject=_own_subject(message.subject) if words else "",
        pin=message.position,
        photos=[look.facts for look in looks if look is not None],
        language=message.language,
        pack=pack,
        learned=model,
        named=message.service_code,
    )


def _without_words(message: InboundMessage, looks: Sequence[Look | None], pack: Pack) -> Draft:
    """What is known of a message whose words are not understood; the public does not read them."""
    draft = replace(_draft(message, "", looks, pack, None), description=message.text)
    if draft.named:
        return draft
    return replace(draft, is_report=True, not_report=None, service=None, missing=missing(None, draft.place, pack))


def _said_in_subject(subject: str) -> str:
    """What a mail without a text says; "Re: …" is what somebody said before."""
    return "" if _ANSWERS.match(subject) else _PASSED_ON.sub("", subject)


def _own_subject(subject: str) -> str:
    """A subject, unless it is our own: "Re: Laporan K7M3Q9: Lampu jalan" tells no street light."""
    return "" if _ANSWERS.match(subject) and codes_in(subject) else subject


def _writable(text: str) -> str:
    """Without what no database takes: NUL, and surrogates that stand alone."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _look_at_attachment(attachment: Attachment) -> Look | None:
    if attachment.content is None:
        return None
    return look_at(attachment.content, attachment.content_type)


def look_at(content: bytes, content_type: str) -> Look:
    """Read a photo's facts and make its copies."""
    facts, copies = look(content, content_type)
    return Look(facts=facts, copies=copies)


def match(one: bytes, others: Sequence[bytes]) -> list[Match | None]:
    """How each of the others' working copies has the picture of this one; None where it is another picture."""
    return [find_match(one, other) for other in others]


def public_copy(photo: bytes) -> bytes:
    """A working copy with faces and writing hidden. Raises ValueError when that cannot be done here."""
    from normalizer.blur import blur  # half a second and 70 MB: only a reader that blurs takes them
    from normalizer.onnx import NotInstalled

    try:
        return blur(photo)
    except NotInstalled as missing:
        raise ValueError(f"blurring is not installed ({missing})") from None
