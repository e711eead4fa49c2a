"""The tables of officials: their accounts and log-ins, what they taught, the rules they took, what they answer."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from store.models import Base, Id


class Officer(Base):
    """An official's account. `agency_id` None: all agencies (triage, admin, auditor). `area_code`: where a lurah,
    camat or wali kota rules.

    `locked_until` is the door's own lock after wrong tries, `locked_at` an admin's. `mail_sealed` is an address
    that an admin put here, `mail_lookup` its keyed hash. `invitation` is the hash of a link that waits to be taken
    until `invited_until` (router/invitations.py); `oidc_issuer` and `oidc_subject` are their account at the city's
    provider.
    """

    __tablename__ = "officers"
    __table_args__ = (
        Index("ix_officers_mail_lookup", "mail_lookup", unique=True),
        Index("ix_officers_invitation", "invitation", unique=True),
        Index("ix_officers_oidc", "oidc_issuer", "oidc_subject", unique=True),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    agency_id: Mapped[str | None] = mapped_column(String(40))
    area_code: Mapped[str | None] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    api_key_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # set up; in force once totp_since is said
    totp_since: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # the last one used
    failed_codes: Mapped[int] = mapped_column(default=0, server_default="0")
    locked_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    mail_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    mail_lookup: Mapped[str | None] = mapped_column(String(64))
    invitation: Mapped[str | None] = mapped_column(String(64))
    invited_until: Mapped[datetime | None]
    oidc_issuer: Mapped[str | None] = mapped_column(String(300))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))


class RecoveryCode(Base):
    """Takes the place of one code of the second step, once; kept as a hash, deleted when used."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officers.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64))


class DeskSession(Base):
    """A log-in at the desk; `id` is the hash of the cookie's value. `by_provider`: through the city's own."""

    __tablename__ = "desk_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officers.id", ondelete="CASCADE"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    by_provider: Mapped[bool] = mapped_column(default=False, server_default=false())

    officer: Mapped[Officer] = relationship()


class ApiUpdate(Base):
    """An Open311 update that was carried out: the same key and update_id get the same answer again."""

    __tablename__ = "api_updates"
    __table_args__ = (UniqueConstraint("key_name", "update_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_name: Mapped[str] = mapped_column(String(80))
    update_id: Mapped[str] = mapped_column(String(200))
    status_update_id: Mapped[int] = mapped_column(ForeignKey("status_updates.id"))


class LearnedModel(Base):
    """What was learned from the desk's corrections: one row, replaced as a whole.

    `content` is a file of normalizer/learned.py's format, `figures` what it was measured at.
    """

    __tablename__ = "learned_models"

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    made_at: Mapped[datetime]
    figures: Mapped[dict[str, Any]]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class RouteRule(Base):
    """Reports of a service go to another agency than the pack says: taken over by an admin with one press."""

    __tablename__ = "route_rules"
    __table_args__ = (UniqueConstraint("service_code", "agency_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    service_code: Mapped[str] = mapped_column(String(40))
    agency_id: Mapped[str] = mapped_column(String(40))
    to_agency_id: Mapped[str] = mapped_column(String(40))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


class CardAnswer(Base):
    """What an agency says to its report card of one month (`2026-11`): the newest counts."""

    __tablename__ = "card_answers"
    __table_args__ = (Index("ix_card_answers", "month", "agency_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    agency_id: Mapped[str] = mapped_column(String(40))
    month: Mapped[str] = mapped_column(String(7))
    text: Mapped[str]
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


def names_of(session: Session, ids: Collection[int]) -> dict[int, str]:
    """The names of these officials, by id."""
    query = select(Officer.id, Officer.name).where(Officer.id.in_(ids))
    return dict(session.execute(query).all()) if ids else {}


def colleagues(session: Session, agency_id: str | None) -> dict[int, str]:
    """The officials of an agency who may change its reports, by id, sorted by name."""
    query = select(Officer.id, Officer.name).where(Officer.agency_id == agency_id, Officer.role != "auditor")
    return dict(session.execute(query.order_by(Officer.name)).all())
