"""The tables that the desk works with: notes for colleagues, moves that may be undone, saved views, deeds."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.models import Base, Id


class Note(Base):
    """What officials tell each other about a report; never the citizen or the public. "" once forgotten."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"), index=True)
    by: Mapped[str] = mapped_column(String(80))
    text: Mapped[str]
    at: Mapped[datetime]


class Undo(Base):
    """A report's newest move at the desk, for as long as it may be undone (router/undo.py).

    `seq` is the last line of history that it wrote; `before` is how report and holding stood (column -> value),
    with `service` where it corrected that; `owed` the deliveries that wait for `until`, `photos` the after-photos
    that it brought.
    """

    __tablename__ = "undos"

    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"), primary_key=True, autoincrement=False)
    officer_id: Mapped[int] = mapped_column(Id)
    seq: Mapped[int]
    until: Mapped[datetime]
    before: Mapped[dict[str, Any]]
    owed: Mapped[list[Any]]
    photos: Mapped[list[Any]]


class DeskView(Base):
    """A view of the queue that an official keeps under a name; `query` is its address's query string."""

    __tablename__ = "desk_views"
    __table_args__ = (UniqueConstraint("officer_id", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officers.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(1000))


class Deed(Base):
    """Something that an official did to a person behind a report (looked at who they are, wrote to them), took out
    of the house (a list) or changed in it (a way, an account, a replay).

    Says who, what, when and of which report or `about` what else; nothing of what was seen or said.
    """

    __tablename__ = "deeds"
    __table_args__ = (Index("ix_deeds_at", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int | None] = mapped_column(ForeignKey("reports.id"), index=True)
    by: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(16))
    about: Mapped[str | None] = mapped_column(String(300))
    at: Mapped[datetime]
