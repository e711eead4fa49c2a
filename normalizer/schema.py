"""The common words that every room speaks: what a channel heard, what was understood, what is to be said."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal, TypeAlias

Channel: TypeAlias = Literal["sms", "whatsapp", "email", "telegram", "x", "web", "webhook", "queue", "desk"]


class TemporaryFailure(Exception):  # noqa: N818  (SMTP's word, for every channel)
    """Try again later: SMTP's 4xx for every channel. `retry_after` is in seconds where the provider names it.

    `uncertain` is True when the message may have arrived all the same (a timeout behind the last byte).
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, uncertain: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.uncertain = uncertain


class PermanentFailure(Exception):  # noqa: N818
    """Never try again: SMTP's 5xx for every channel.

    `of_address` is True when it is not this message that is refused but the address: nobody is reached there.
    """

    def __init__(self, reason: str, *, of_address: bool = False) -> None:
        super().__init__(reason)
        self.of_address = of_address


class CannotTell(Enum):
    """What `find` answers where the provider has no way to look a sent message up."""

    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """A point on WGS 84, in degrees; `accuracy` in metres where the sender's device stated it."""

    lat: float
    long: float
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A photo or file that came with a message: its bytes, or the channel's own reference to fetch them by.

    `ref` never holds a token or password. `note` says why it cannot be read, where that is known already.
    """

    content_type: str = "application/octet-stream"
    name: str = ""
    content: bytes | None = None
    ref: str | None = None
    note: str | None = None


AutoKind: TypeAlias = Literal["bounce", "auto_reply", "list", "own"]


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessage:
    """One thing that a citizen said, as a channel heard it.

    `account` is our own address on that channel (number, mailbox, bot id). `sender` is where an answer goes.
    `in_reply_to` holds the provider ids this message answers, nearest first; `thread` is the token of a report's
    thread where the channel carries one (the plus part of a mail address). `reply_ref` is the provider's id
    that our answer shall point to. `edit_of` names the external_id that this message replaces.
    `author` is who of a group wrote it, by the name that they show there.
    `service_code` is the service that the sender chose in their app (never guessed from words).
    `auto` is set for mail that a program sent: kept, never answered. `proven` is False where the wire does not
    prove who the sender is (a mail's From). `unreadable` says why the wire could
    not be read; the message counts all the same.
    """

    channel: Channel
    account: str
    external_id: str
    sender: str
    text: str = ""
    subject: str = ""
    attachments: tuple[Attachment, ...] = ()
    position: Position | None = None
    in_reply_to: tuple[str, ...] = ()
    thread: str | None = None
    reply_ref: str | None = None
    edit_of: str | None = None
    group_id: str | None = None
    sent_at: datetime | None = None
    language: str | None = None
    service_code: str | None = None
    auto: AutoKind | None = None
    proven: bool = True
    author: str = ""
    unreadable: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a provider tells about a message that we sent; `provider_id` is the id that `send` returned.

    `of_address` as PermanentFailure has it: the address takes nothing any more.
    """

    channel: Channel
    account: str
    external_id: str
    provider_id: str
    state: Literal["sent", "delivered", "failed", "bounced"]
    reason: str = ""
    of_address: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A button that somebody pressed under one of our messages; `author`, `proven`: as InboundMessage has them."""

    channel: Channel
    account: str
    external_id: str
    sender: str
    value: str
    in_reply_to: tuple[str, ...] = ()
    answer_ref: str | None = None
    author: str = ""
    proven: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatChanged:
    """A group in which we speak has another address (`moved_to`), or we were taken out of it (`is_gone`) or in."""

    channel: Channel
    account: str
    external_id: str
    chat: str
    moved_to: str | None = None
    is_gone: bool = False


Heard: TypeAlias = InboundMessage | Receipt | Press | ChatChanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """`text` is what people read and, where a channel has no buttons, type; `value` is what comes back."""

    text: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """What `send` gets. The same `delivery_id` is the same message, however often it is tried.

    `thread` is the token a mail's Reply-To carries; `in_reply_to` the provider id that this answers;
    `ask_position` asks for a location where the channel has a button for it. `photos` go along with a mail or
    into a group; with `plain_links` the channel shows no preview of them;
    `secret` signs a webhook's call, `unsubscribe` is the address that ends a subscription. `first_tried_at`: when
    the first try was made, for `find`. `template` is the language of the approved template that must carry the
    text, where WhatsApp takes no free words any more.
    """

    delivery_id: int
    channel: Channel
    account: str
    to: str
    text: str
    subject: str = ""
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    thread: str | None = None
    buttons: tuple[Button, ...] = ()
    ask_position: bool = False
    photos: tuple[Attachment, ...] = ()
    plain_links: bool = False
    secret: str = field(default="", repr=False)
    unsubscribe: str = field(default="", repr=False)
    first_tried_at: datetime | None = None
    template: str = ""


PlaceSource: TypeAlias = Literal["pin", "photo", "text", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One answer to "where": who says so, and how sure it is (0 to 1)."""

    source: PlaceSource
    confidence: float
    area_code: str
    lat: float | None = None
    long: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Two sources of one message that lie too far apart to be one place: the sender is asked which counts."""

    first: Candidate
    second: Candidate
    metres: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where: a point, an area, or both. `area_code` is Kemendagri's (`31.74.01.1001`, or its first parts).

    `candidates` are the other answers, the likeliest first.
    """

    source: PlaceSource
    confidence: float
    lat: float | None = None
    long: float | None = None
    area_code: str | None = None
    kelurahan: str | None = None
    kecamatan: str | None = None
    kota: str | None = None
    address_string: str | None = None
    candidates: tuple[Candidate, ...] = ()
    conflict: Conflict | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """A service that the words may mean; confidence from 0 to 1."""

    service_code: str
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFacts:
    """What a photo's bytes tell: readable at all, its size in pixels (upright), where and when it was taken.

    `direction` is where the camera looked, in degrees from north; `phash` is a perceptual hash of 64 bits in
    hexadecimal: few bits differ between copies of one picture. `software` is what the file says it was edited or
    made with (normalizer/edited.py).
    """

    readable: bool
    content_type: str = "application/octet-stream"
    width: int = 0
    height: int = 0
    position: Position | None = None
    taken_at: datetime | None = None
    direction: float | None = None
    phash: str | None = None
    software: str | None = None
    note: str | None = None


NotReport: TypeAlias = Literal["empty", "greeting", "thanks", "question", "news", "advertising", "abuse", "spam"]
Danger: TypeAlias = Literal["wire", "gas", "fire", "trapped", "collapse", "water", "injured"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What the normalizer understood. `service` is None where it abstains; `missing` is what to ask for.

    `also` are further problems that the same message reports; `not_report` says what it is instead of a report;
    `danger` what makes it urgent. `learned` is the version of the learned model that had a say in the service.
    `named` means that the sender chose the service, and nobody guessed.
    """

    is_report: bool
    service: Guess | None
    alternatives: tuple[Guess, ...]
    place: Place | None
    description: str
    public_description: str
    language: Literal["id", "en", "other"]
    urgent: bool
    missing: tuple[Literal["service", "place"], ...] = field(default=())
    also: tuple[Guess, ...] = ()
    not_report: NotReport | None = None
    danger: Danger | None = None
    learned: str | None = None
    named: bool = False
