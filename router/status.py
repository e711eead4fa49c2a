"""The statuses, the allowed moves, and the one place where a status changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from router.digests import hold_for_digest
from router.guesses import agree
from router.held import is_ours, lock
from router.holding import keep_holding
from router.house import House
from router.joined import tell_joined
from router.owing import owe_handover, owe_status_reply
from router.promise import keep_clock
from router.ways import HANDED_OVER, PASSED_ON, tell_agency
from store.bulk import keep, made
from store.chain import FIRST, hash_text, mac_of, new_salt
from store.models import Report, StatusUpdate

BEFORE = "the status before"  # needs_info and duplicate return to where they came from

MOVES: dict[str, tuple[str, ...]] = {
    "received": ("needs_info", "assigned", "duplicate", "rejected", "closed"),
    "needs_info": (BEFORE, "received", "assigned", "rejected", "closed"),
    "assigned": (
        "accepted", "in_progress", "scheduled", "resolved", "needs_info", "assigned", "duplicate",
        "rejected", "closed",
    ),
    "accepted": (
        "in_progress", "scheduled", "resolved", "needs_info", "assigned", "duplicate", "rejected", "closed",
    ),
    "in_progress": ("scheduled", "resolved", "needs_info", "assigned", "duplicate", "rejected", "closed"),
    "scheduled": ("in_progress", "resolved", "needs_info", "assigned", "duplicate", "rejected", "closed"),
    "resolved": ("closed", "reopened"),
    "reopened": (
        "accepted", "in_progress", "scheduled", "resolved", "assigned", "needs_info", "duplicate",
        "rejected", "closed",
    ),
    "closed": ("reopened",),
    "rejected": ("reopened",),
    "duplicate": (BEFORE,),
}  # fmt: skip

OPEN = frozenset(MOVES) - {"closed", "rejected", "duplicate"}
NEEDS_REASON = frozenset({"resolved", "rejected"})
ONLY_REPORTER_CLOSES = frozenset(MOVES) - {"needs_info", "resolved"}

MOVED_ON = frozenset({"accepted", "in_progress", "scheduled", "resolved"})  # somebody took it as it was

REOPENS_WITHIN = timedelta(days=30)
CLOSES_AFTER = timedelta(days=14)  # of silence behind `resolved`

OFFICIALS = ("officer:", "api:", "agency:")  # how the names of those begin who act for an agency

CITIZEN = "citizen"
ROUTER = "router"
CLOCK = "clock"


class NotAllowed(Exception):  # noqa: N818
    """This move is not allowed; the message says why, in plain English, for an API's answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who changes a status: `citizen`, `router`, `clock`, `officer:NAME`, `api:NAME`, or `agency:ID`, who answered
    a mail or pressed on the page that its link opens."""

    name: str
    agency_id: str | None = None

    @property
    def is_reporter(self) -> bool:
        return self.name == CITIZEN

    @property
    def is_official(self) -> bool:
        return self.name.startswith(OFFICIALS)


def allowed_moves(report: Report, *, by_reporter: bool = False) -> tuple[str, ...]:
    """The statuses this report may go to now, in the table's order."""
    moves = []
    for status in MOVES[report.status]:
        target = report.status_before if status == BEFORE else status
        if target is None or target in moves:
            continue
        if target == "closed" and report.status in ONLY_REPORTER_CLOSES and not by_reporter:
            continue
        moves.append(target)
    return tuple(moves)


def is_open(status: str) -> bool:
    """Open311's word for our status: `resolved` stays open until the reporter says yes or is silent."""
    return status in OPEN


def change_status(
    session: Session,
    report: Report,
    status: str,
    *,
    by: Actor,
    house: House,
    notes: str | None = None,
    agency_id: str | None = None,
    silent: bool = False,
    knows: int | None = None,
) -> StatusUpdate:
    """Move a report: history line, hand-over and the citizen's message, all in the caller's transaction.

    `agency_id` names the new agency with `assigned`. `silent` owes the citizen no message of its own (the
    acknowledgement says it all). Those whose reports were joined to this one are told all the same; `knows` is the
    reporter who made the move through a joined report, and is answered. Raises NotAllowed for a move that the
    table does not have, for `resolved` or `rejected` without a reason, and for an agency that the pack does not
    know.
    """
    lock(session, report)
    notes = (notes or "").strip() or None
    now = house.now()
    _check(report, status, by=by, notes=notes, agency_id=agency_id, house=house)
    before, had = report.status, report.agency_id
    if status in {"needs_info", "duplicate"}:
        report.status_before = before
    if before == "duplicate":
        report.parent_id = None
    report.status = status
    report.updated_at = now
    if agency_id is not None and agency_id != report.agency_id:
        report.agency_id, report.officer_id = agency_id, None
    keep_clock(report, house.pack, now)
    keep_holding(session, report, house.pack, now, acted=by.is_official)
    report.closes_at = now + CLOSES_AFTER if status == "resolved" else None
    if status in MOVED_ON and by.is_official:
        agree(report)
    line = add_line(session, report, status, by=by, house=house, now=now, notes=notes)
    if report.agency_id != had:
        tell_agency(session, report, by, house, HANDED_OVER)
        tell_agency(session, report, by, house, PASSED_ON, agency_id=had)
    if status == "assigned" and not (report.surge_id and by.name == ROUTER):  # its surge is handed over as one
        owe_handover(session, report, now)
    if not silent and not hold_for_digest(session, report, notes, house):
        owe_status_reply(session, report, notes, house, now)
    if before != "needs_info":
        tell_joined(session, report, notes if by.is_official else None, house, now, knows=knows)
    return line


def undo_change(
    session: Session, report: Report, before: Mapping[str, Any], *, by: Actor, house: House
) -> StatusUpdate:
    """Set a report back to how it stood before its newest move, outside of the table of moves, with a line of
    history that says so. router/undo.py says who may, and takes back what the move owed."""
    lock(session, report)
    for name, value in before.items():
        setattr(report, name, value)
    report.updated_at = now = house.now()
    notes = house.pack.texts[house.pack.languages[0]]["undone"]
    return add_line(session, report, report.status, by=by, house=house, now=now, notes=notes)


def _check(
    report: Report, status: str, *, by: Actor, notes: str | None, agency_id: str | None, house: House
) -> None:
    if status not in MOVES:
        raise NotAllowed(f"there is no status {status!r}")
    moves = allowed_moves(report, by_reporter=by.is_reporter)
    if status not in moves:
        raise NotAllowed(f"a report that is {report.status} cannot become {status}; allowed: {', '.join(moves)}")
    if status in NEEDS_REASON and notes is None:
        raise NotAllowed(f"{status} needs a reason in plain words")
    if status == "needs_info" and notes is None and by.name != ROUTER:
        raise NotAllowed("needs_info needs the question to ask")
    if report.status == "closed" and house.now() - report.updated_at > REOPENS_WITHIN:
        raise NotAllowed(f"a report that was closed over {REOPENS_WITHIN.days} days ago stays closed")
    if status == report.status == "assigned" and agency_id in {None, report.agency_id}:
        raise NotAllowed(f"{report.agency_id} has this report already")
    if agency_id is not None:
        _check_agency(report, status, agency_id, house.pack)
    if status == "assigned" and agency_id is None and report.agency_id is None:
        raise NotAllowed("assigned needs an agency")


def _check_agency(report: Report, status: str, agency_id: str, pack: Pack) -> None:
    if agency_id not in pack.agencies:
        raise NotAllowed(f"there is no agency {agency_id!r}")
    if status != "assigned":
        raise NotAllowed(f"an agency is named with assigned, not with {status}")


def add_line(
    session: Session,
    report: Report,
    status: str,
    *,
    by: Actor,
    house: House,
    now: datetime,
    notes: str | None = None,
) -> StatusUpdate:
    """Write one line of the history, chained to the line before; an agency with a way of its own hears of it."""
    previous = _last_line(session, report)
    salt = new_salt()
    line = made(
        StatusUpdate,
        report=report,
        seq=previous.seq + 1 if previous else 1,
        status=status,
        notes=notes,
        agency_id=report.agency_id,
        by=by.name,
        at=now,
        salt=salt,
        text_hash=hash_text(salt, notes),
    )
    line.mac = mac_of(house.keys.derive("history"), report.code, previous.mac if previous else FIRST, line)
    report.newest_line = line
    keep(session, line)
    tell_agency(session, report, by, house)
    return line


def _last_line(session: Session, report: Report) -> StatusUpdate | None:
    if is_ours(session, report):
        return report.newest_line
    query = select(StatusUpdate).where(StatusUpdate.report_id == report.id)
    return session.scalars(query.order_by(StatusUpdate.seq.desc()).limit(1)).first()
