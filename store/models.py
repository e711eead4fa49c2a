"""The tables of reports: who told what, its history, photos, who held it how long, and what is owed."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Id = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database (SQLite keeps naive ones). Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return _utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """For SQLite the same letters as SQLAlchemy's own, in a fifth of the time."""
        return _letters if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a datetime without a time zone")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


@lru_cache(maxsize=64)
def _letters(value: datetime | None) -> str | None:
    """Kept for a while: most of a batch's times are one moment."""
    utc = _utc(value)
    return None if utc is None else utc.replace(tzinfo=None).isoformat(" ", "microseconds")


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(),
    }


class Reporter(Base):
    """One person, on one or more channels.

    `question` is the numbered question that waits for their answer (router/questions.py), `question_until` when
    the clock decides it. `link_code` is a keyed hash of the one-time code that links another channel, or confirms
    that everything is to be deleted; it is good until `link_until`. `copy_token` is a keyed hash of the link by
    which they fetch all that is held about them, `copies_left` times until `copy_until` (router/copies.py).
    """

    __tablename__ = "reporters"
    __table_args__ = (
        Index("ix_reporters_question_until", "question_until"),
        Index("ix_reporters_link_code", "link_code"),
        Index("ix_reporters_copy_token", "copy_token"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    language: Mapped[str] = mapped_column(String(8))
    opted_out: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    question: Mapped[dict[str, Any] | None]
    question_until: Mapped[datetime | None]
    link_code: Mapped[str | None] = mapped_column(String(64))
    link_until: Mapped[datetime | None]
    copy_token: Mapped[str | None] = mapped_column(String(64))
    copy_until: Mapped[datetime | None]
    copies_left: Mapped[int | None]

    addresses: Mapped[list["Address"]] = relationship(back_populates="reporter")


class Address(Base):
    """Where a reporter is reached on one channel: sealed; found by a keyed hash of channel and address.

    `account` is our own number, mailbox or bot that they wrote to last: answers leave from there. `stopped_at` is
    when they asked us to write no more; `unreachable` says why nothing arrives there, until they write again.
    `forget_at` is set on an address that goes when the last message to it has: all else is deleted already.
    `owed_this_hour`, no column, counts the answers of the last hour where a batch has looked them up.
    """

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("channel", "lookup"),
        Index(
            "ix_addresses_forget_at",
            "forget_at",
            sqlite_where=text("forget_at IS NOT NULL"),
            postgresql_where=text("forget_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    reporter_id: Mapped[int] = mapped_column(ForeignKey("reporters.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    account: Mapped[str] = mapped_column(String(320))
    unreachable: Mapped[str | None] = mapped_column(String(200))
    stopped_at: Mapped[datetime | None]
    forget_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    reporter: Mapped[Reporter] = relationship(back_populates="addresses")
    owed_this_hour = None  # type: int | None


IS_JUDGED = "service_guess IS NOT NULL"
IS_DONE = "status IN ('closed', 'rejected', 'duplicate')"  # router/status.py: DONE
QUEUE_ORDER = ("requested_at", "late_at", "raised", "urgent", "surge_id", "id")


def _where_set(column: str) -> Index:
    """An index of a column of reports that is mostly empty."""
    where = text(f"{column} IS NOT NULL")
    return Index(f"ix_reports_{column}", column, sqlite_where=where, postgresql_where=where)


class Report(Base):
    """The thing with a life. Field names are Open311's where it has one.

    `quiet_until` is set while a report that lacks service or place waits for more before it is acknowledged.
    `asked_for` names what the citizen was asked, `asked_at` when, `reminded_at` when once more; `said_at` is when
    its reporter last spoke on it. `status_before` is where an answered question or a taken-apart join returns to.
    `sources` says where each field came from and how sure it is. `stars` is the reporter's rating, `linked_to` the
    code of an older report that this one goes on with. `unread` means that the reporter said something that no
    official has looked at.
    `service_guess` is what officials made of the guessed service: agreed, changed, or named where nothing was
    guessed; None before that.
    `closes_at` is when silence closes a resolved one, `join_at` when its new picture is compared with others'.
    `parent_id` is the report that it is joined to, `surge_id` the flood of reports that it is one of, `cell` the
    H3 cell that its point lies in (normalizer/cells.py). `officer_id` is the official of its agency who took it.
    """

    __tablename__ = "reports"
    __table_args__ = (
        # what the queue counts and orders by at the end: it reads the index, and rows only of the page it shows
        Index("ix_reports_agency_status", "agency_id", "status", *QUEUE_ORDER),
        Index("ix_reports_area_code", "area_code", "status"),
        Index("ix_reports_requested_at", "requested_at"),
        Index("ix_reports_updated_at", "updated_at"),
        Index("ix_reports_quiet_until", "quiet_until"),
        Index("ix_reports_late_at", "late_at"),
        # status and cell at the end: the public's counts and clusters read the index and no row
        Index("ix_reports_area", "area_code", "service_code", "requested_at", "status", "cell"),
        Index("ix_reports_cell", "cell", "requested_at", "service_code", "status"),
        Index("ix_reports_service", "service_code", "status", "requested_at"),
        Index("ix_reports_status", "status", *QUEUE_ORDER, "agency_id"),
        Index(
            "ix_reports_done",
            *("agency_id", "updated_at", "id"),
            sqlite_where=text(IS_DONE),
            postgresql_where=text(IS_DONE),
        ),
        *(_where_set(name) for name in ("parent_id", "surge_id", "closes_at", "join_at", "officer_id")),
        Index(
            "ix_reports_service_guess",
            *("service_guess", "requested_at"),
            sqlite_where=text(IS_JUDGED),
            postgresql_where=text(IS_JUDGED),
        ),
        Index(
            "ix_reports_asked_at",
            "asked_at",
            sqlite_where=text("asked_for IS NOT NULL"),
            postgresql_where=text("asked_for IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    status: Mapped[str] = mapped_column(String(16))
    status_before: Mapped[str | None] = mapped_column(String(16))
    service_code: Mapped[str | None] = mapped_column(String(40))
    description: Mapped[str]
    public_description: Mapped[str]
    lat: Mapped[float | None]
    long: Mapped[float | None]
    address_string: Mapped[str | None] = mapped_column(String(500))
    area_code: Mapped[str | None] = mapped_column(String(16))
    sources: Mapped[dict[str, Any]]
    agency_id: Mapped[str | None] = mapped_column(String(40))
    service_guess: Mapped[str | None] = mapped_column(String(8))
    urgent: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(16))
    reporter_id: Mapped[int] = mapped_column(ForeignKey("reporters.id"), index=True)
    address_id: Mapped[int] = mapped_column(ForeignKey("addresses.id"))
    asked_for: Mapped[str | None] = mapped_column(String(16))
    asked_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    said_at: Mapped[datetime | None]
    stars: Mapped[int | None]
    unread: Mapped[bool] = mapped_column(default=False)
    linked_to: Mapped[str | None] = mapped_column(String(16))
    quiet_until: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    requested_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    expected_at: Mapped[datetime | None]
    late_at: Mapped[datetime | None]
    time_left: Mapped[int | None]
    raised: Mapped[int] = mapped_column(default=0)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id"))
    surge_id: Mapped[int | None] = mapped_column(ForeignKey("surges.id"))
    cell: Mapped[int | None] = mapped_column(BigInteger)
    closes_at: Mapped[datetime | None]
    join_at: Mapped[datetime | None]
    officer_id: Mapped[int | None] = mapped_column(Id)

    reporter: Mapped[Reporter] = relationship()
    address: Mapped[Address] = relationship()
    history: Mapped[list["StatusUpdate"]] = relationship(order_by="StatusUpdate.seq", back_populates="report")
    photos: Mapped[list["Photo"]] = relationship(order_by="Photo.id", back_populates="report")
    messages: Mapped[list["Message"]] = relationship(order_by="Message.id", back_populates="report")
    deliveries: Mapped[list["Delivery"]] = relationship(order_by="Delivery.id", back_populates="report")
    holdings: Mapped[list["Holding"]] = relationship(order_by="Holding.id", back_populates="report")
    # not columns: what a transaction that holds the row knows (router/held.py)
    newest_line = None  # type: StatusUpdate | None
    newest_holding = None  # type: Holding | None
    newest_ref = None  # type: str | None
    has_joined = False


class Message(Base):
    """One thing said to us, on a report's thread or (kept, without effect) on none.

    `kind` says what it was taken for; `raw_key` finds the raw bytes in media; `reply_ref` is the provider's id
    that an answer points to; `edit_of` the external_id of the message that it replaces.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        Index(
            "ix_messages_edit_of",
            "edit_of",
            sqlite_where=text("edit_of IS NOT NULL"),
            postgresql_where=text("edit_of IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(320))
    external_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    report_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id"), index=True)
    address_id: Mapped[int | None] = mapped_column(ForeignKey("addresses.id"), index=True)
    text: Mapped[str]
    subject: Mapped[str]
    note: Mapped[str | None] = mapped_column(String(300))
    reply_ref: Mapped[str | None] = mapped_column(String(1000))
    edit_of: Mapped[str | None] = mapped_column(String(200))
    raw_key: Mapped[str | None] = mapped_column(String(200))
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime]

    report: Mapped[Report | None] = relationship(back_populates="messages")
    address: Mapped[Address | None] = relationship()


class StatusUpdate(Base):
    """One line of a report's history. `mac` chains it to the line before (store/chain.py)."""

    __tablename__ = "status_updates"
    __table_args__ = (UniqueConstraint("report_id", "seq"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"))
    seq: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    notes: Mapped[str | None]
    agency_id: Mapped[str | None] = mapped_column(String(40))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    text_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))

    report: Mapped[Report] = relationship(back_populates="history")


class Head(Base):
    """One signed line over the ends of all histories, each hour (store/heads.py says what is signed).

    `reports` and `rows` count everything up to `last_row`, the newest line's id that it covers; `ends` are the
    ends of the histories that grew since the head before, whose hash is `previous`.
    """

    __tablename__ = "heads"

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    reports: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    last_row: Mapped[int] = mapped_column(BigInteger)
    ends: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(88))
    public_key: Mapped[str] = mapped_column(String(44))


OWES_PUBLIC = "public_state = 'owed'"
PHASH_BANDS = tuple(f"substr(phash, {start}, 4)" for start in (1, 5, 9, 13))  # see photo_hash.bands_near


class Photo(Base):
    """A photo or file of a message: owed (still to be fetched), kept, unreadable (kept, not shown) or lost.

    `media_key` is the original as it came, `copy_key` and `thumb_key` are what officials see, `public_key` is
    the only thing that the public may. `public_state`: owed (its public copy is still to be made), hidden until
    an official shows it, or shown. `phash` finds the same picture again (normalizer/photo_hash.py).
    `is_after`: an official sent it to show that the problem is gone; `software`: what the file says it was
    edited or made with. A map's short link that must be followed is owed in the
    same way, as channel `link`, until it is followed.
    """

    __tablename__ = "photos"
    __table_args__ = (
        Index("ix_photos_owed", "state", "next_attempt_at"),
        Index("ix_photos_public", "id", sqlite_where=text(OWES_PUBLIC), postgresql_where=text(OWES_PUBLIC)),
        Index("ix_photos_media_key", "media_key"),
        *(Index(f"ix_photos_phash_{number}", text(band)) for number, band in enumerate(PHASH_BANDS, start=1)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    report_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    ref: Mapped[str | None] = mapped_column(String(1000))
    name: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(String(300))
    media_key: Mapped[str | None] = mapped_column(String(200))
    copy_key: Mapped[str | None] = mapped_column(String(200))
    thumb_key: Mapped[str | None] = mapped_column(String(200))
    public_key: Mapped[str | None] = mapped_column(String(200))
    public_state: Mapped[str] = mapped_column(String(16), default="hidden")
    phash: Mapped[str | None] = mapped_column(String(16))
    direction: Mapped[float | None]
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    lat: Mapped[float | None]
    long: Mapped[float | None]
    taken_at: Mapped[datetime | None]
    software: Mapped[str | None] = mapped_column(String(100))
    is_after: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]

    report: Mapped[Report | None] = relationship(back_populates="photos")
    message: Mapped[Message | None] = relationship()


HOLDS = "until IS NULL"
RUNS_ON = "ended_at IS NULL"


class Holding(Base):
    """One agency's time with one report, from its assignment to the next agency's: what the report card counts.

    All times are working seconds on the holder's own clock (router/holding.py): `worked` were over when the
    clock last stood still, `runs_since` is when it last went on (None: it stands), `acted_worked` and
    `resolved_worked` what they were at the first action and at `resolved`; `term` is what was promised,
    `due_at` the end of the day on which that is over if the clock runs on, `was_late` that such a day ended
    before the clock stood. `state` is the report's status when this holding last had a part in it, or
    `passed_on`. `flags` are the doubts about its after-photo, `explanation` what the agency says to them.
    """

    __tablename__ = "holdings"
    __table_args__ = (
        Index("ix_holdings_report", "report_id", "since"),
        Index("ix_holdings_since", "since"),
        Index(
            "ix_holdings_agency",
            *("agency_id", "due_at"),
            sqlite_where=text(HOLDS),
            postgresql_where=text(HOLDS),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"))
    agency_id: Mapped[str] = mapped_column(String(40))
    service_code: Mapped[str | None] = mapped_column(String(40))
    area_code: Mapped[str | None] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    passed_to: Mapped[str | None] = mapped_column(String(40))
    term: Mapped[int]
    runs_since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    was_late: Mapped[bool] = mapped_column(default=False)
    worked: Mapped[int] = mapped_column(default=0)
    acted_worked: Mapped[int | None]
    resolved_worked: Mapped[int | None]
    reopened: Mapped[int] = mapped_column(default=0)
    stars: Mapped[int | None]
    flags: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    explanation: Mapped[str | None]

    report: Mapped[Report] = relationship(back_populates="holdings")


class Surge(Base):
    """Very many reports of one service in one area at once: to be told and handed over as one.

    `area_code` is the kecamatan's; `told_at` is when its reporters last got a digest, `through_at` when its queue
    will be through, as the last look at it found.
    """

    __tablename__ = "surges"
    __table_args__ = (
        Index(
            "ix_surges_open",
            *("service_code", "area_code"),
            unique=True,
            sqlite_where=text(RUNS_ON),
            postgresql_where=text(RUNS_ON),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    service_code: Mapped[str] = mapped_column(String(40))
    area_code: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    through_at: Mapped[datetime | None]


class AgencyWay(Base):
    """One way by which an agency gets its reports beside the desk; `kind` is queue, webhook or mail.

    `sealed` is an URL or a mailbox, `lookup` the mailbox's keyed hash, `secret` (sealed) what a webhook's calls
    are signed with. While `paused_at` is set nothing is owed to it; with `removed_at` address and secret are gone,
    and the row stays for what was sent. `last_error` and `failed_at` are of its last failure and go with the next
    success.
    """

    __tablename__ = "agency_ways"
    __table_args__ = (Index("ix_agency_ways_agency", "agency_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    agency_id: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    lookup: Mapped[str | None] = mapped_column(String(64))
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    failed_at: Mapped[datetime | None]


class Subscription(Base):
    """Somebody of the public who hears what is new and what is solved in an area, by mail, telegram or webhook.

    A mailbox or chat (`lookup` finds it; a hash of another kind than a reporter's, so that neither tells of the
    other) gets a digest a day; an API key's (`owner`) address gets a signed call for each change. `sealed` is
    mailbox, chat or URL, `secret` (sealed) what calls are signed with. Before `confirmed_at` nothing goes there
    but the question, `asked` times. All up to `told_until` was told. `next_at` is when the clock looks at it: for
    the next round, or to take away what nobody confirmed. `failing_since` ends with the next success; while
    `suspended_at` is set nothing is owed.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("lookup", "area_code"),
        Index("ix_subscriptions_next_at", "kind", "next_at"),
        Index("ix_subscriptions_owner", "owner"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(100))
    lookup: Mapped[str | None] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    area_code: Mapped[str | None] = mapped_column(String(16))
    service_code: Mapped[str | None] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    told_until: Mapped[datetime]
    next_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    failing_since: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]


IS_UNFINISHED = "state IN ('waiting', 'sending', 'unknown')"
HAS_WAY = "way_id IS NOT NULL"
IS_SUBSCRIBED = "subscription_id IS NOT NULL"


class Delivery(Base):
    """Something owed: an answer to a citizen (`address_id`), a hand-over to an agency (`agency_id`), or news to a
    subscriber (`subscription_id`).

    A hand-over without `way_id` is the desk's. One with it goes by that way, and its `subject` is what happened
    (router/ways.py): what is sent is how the report stands when it is sent. One with `officer_id` is an official's
    invitation, put together when it is sent, too.

    `state`: waiting, sending (leased), sent, delivered, unknown (the provider may have it), failed, withdrawn
    (they asked us to write no more before it went), held (for the next digest: router/digests.py).
    An unfinished one is to be looked at when `next_attempt_at` comes: its next try, its lease's end, or the time
    that its id may lie in Redis. `queue` is the rq queue that carries it. `provider_id` is what receipts and
    replies refer to. `uncertain` counts the tries that ended without an answer. `tries` are the last ones of a
    hand-over by a way (store/ways.py: note_try).
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "state", "next_attempt_at"),
        Index(
            "ix_deliveries_open",
            *("channel", "next_attempt_at", "id"),
            sqlite_where=text(IS_UNFINISHED),
            postgresql_where=text(IS_UNFINISHED),
        ),
        Index("ix_deliveries_provider", "channel", "provider_id"),
        Index("ix_deliveries_order", "report_id", "address_id", "id"),
        Index("ix_deliveries_address", "address_id", "created_at"),
        Index("ix_deliveries_way", "way_id", "id", sqlite_where=text(HAS_WAY), postgresql_where=text(HAS_WAY)),
        Index(
            "ix_deliveries_subscription",
            *("subscription_id", "created_at"),
            sqlite_where=text(IS_SUBSCRIBED),
            postgresql_where=text(IS_SUBSCRIBED),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id"))
    address_id: Mapped[int | None] = mapped_column(ForeignKey("addresses.id"))
    agency_id: Mapped[str | None] = mapped_column(String(40))
    way_id: Mapped[int | None] = mapped_column(ForeignKey("agency_ways.id"))
    officer_id: Mapped[int | None] = mapped_column(Id)
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscriptions.id"))
    channel: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(60))
    text: Mapped[str]
    subject: Mapped[str]
    in_reply_to: Mapped[str | None] = mapped_column(String(1000))
    buttons: Mapped[list[Any]]
    ask_position: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    uncertain: Mapped[int] = mapped_column(default=0)
    first_tried_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    provider_id: Mapped[str | None] = mapped_column(String(300))
    tries: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    report: Mapped[Report | None] = relationship(back_populates="deliveries")
    address: Mapped[Address | None] = relationship()


class EarlyReceipt(Base):
    """A receipt that came before the provider's id of its delivery was written down; swept after a day."""

    __tablename__ = "early_receipts"
    __table_args__ = (Index("ix_early_receipts_provider", "channel", "provider_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    provider_id: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime]


class Lease(Base):
    """Who may poll an account until when: one server of several. `name` is channel and account."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime]
