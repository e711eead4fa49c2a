"""Joins reports of one problem and takes them apart again; nobody's report is lost by it."""

from datetime import timedelta

from sqlalchemy.orm import Session

from router.duplicates import surest
from router.held import lock
from router.house import House
from router.owing import owe, reply_channel
from router.reach import NOBODY
from router.replies import fields_of, say, status_name
from router.status import OPEN, ROUTER, Actor, NotAllowed, add_line, change_status
from store.models import Report, StatusUpdate
from store.near import joined_to, lead_of

ASKED = "asked_before_join"  # in sources: what its reporter was asked for
NOT_WORKED_ON = frozenset({"received", "assigned"})  # only then a join is made without a press
LOOK_AFTER = timedelta(seconds=30)  # behind a picture: what makes a difference can still be said
VIA = "joined_via"  # in sources: the codes of the reports that it came with, the first one first


def join(
    session: Session, report: Report, other: Report, *, by: Actor, house: House, silent: bool = False
) -> StatusUpdate:
    """Join `report` to `other` (or to what that one was joined to), and tell its reporter, unless `silent`.

    What was joined to `report` comes along: there is never a chain. Raises NotAllowed where both are one already,
    where `other` was rejected or its person forgotten, and from a status that no join begins at.
    """
    lead = _held(session, report, other)
    _check(report, lead)
    notes = say(house.pack, house.pack.languages[0], "joined_line", "desk", parent=lead.code)
    line = change_status(session, report, "duplicate", by=by, house=house, notes=notes, silent=True)
    report.parent_id, lead.has_joined = lead.id, True
    _stop_asking(report)
    report.quiet_until, report.acknowledged_at = None, report.acknowledged_at or house.now()
    for each in _held_children(session, report.id):
        _come_along(session, each, report, lead, by=by, house=house)
    if report.unread:
        lead.unread = True
    session.flush()
    if not silent:
        _tell(session, report, "to_joined", house, parent=lead.code)
    return line


def _stop_asking(report: Report) -> None:
    """What was asked is known from the other report, or not needed any more."""
    if report.asked_for is not None:
        report.sources = {**report.sources, ASKED: report.asked_for}
    report.asked_for = report.asked_at = report.reminded_at = None


def _ask_again(report: Report, house: House) -> None:
    """The question that was open before the join is open again; the clock reminds of it."""
    report.asked_for = report.sources.get(ASKED)
    report.asked_at = house.now() if report.asked_for else None
    report.sources = {name: value for name, value in report.sources.items() if name not in {VIA, ASKED}}


def _held(session: Session, report: Report, other: Report) -> Report:
    """The report to join to; both rows are held, in one order everywhere."""
    while True:
        lead = lead_of(other)
        for each in sorted({report, lead}, key=lambda one: one.id):
            lock(session, each)
        if lead.parent_id is None:
            return lead
        other = lead  # somebody joined it while we waited


def _held_children(session: Session, lead_id: int) -> list[Report]:
    """What is joined to a report whose row is held; their rows are held too: always behind their lead's."""
    rows = joined_to(session, lead_id)
    for each in rows:
        lock(session, each)
    return [each for each in rows if each.parent_id == lead_id]


def _check(report: Report, lead: Report) -> None:
    if report is lead:
        raise NotAllowed("a report cannot be joined to itself, or to one that is joined to it")
    if lead.status == "rejected":
        raise NotAllowed("a report that is rejected takes no others")
    if lead.address.channel == NOBODY[0]:
        raise NotAllowed("a report whose person was forgotten takes no others")


def _come_along(session: Session, each: Report, report: Report, lead: Report, *, by: Actor, house: House) -> None:
    """Their reporters hear the same steps as before, so they are told nothing now."""
    each.parent_id = lead.id
    each.sources = {**each.sources, VIA: [*each.sources.get(VIA, ()), report.code]}
    notes = say(house.pack, house.pack.languages[0], "joined_line", "desk", parent=lead.code)
    add_line(session, each, each.status, by=by, house=house, now=house.now(), notes=notes)


def take_apart(session: Session, report: Report, *, by: Actor, house: House, silent: bool = False) -> StatusUpdate:
    """Undo a join: the report is where it was before, with what had come along with it.

    Raises NotAllowed for a report that is not joined.
    """
    lock(session, lead_of(report))
    lock(session, report)
    if report.status != "duplicate" or report.parent_id is None or report.status_before is None:
        raise NotAllowed("the report is not joined to another")
    joined = _held_children(session, report.parent_id)
    others = [each for each in joined if report.code in each.sources.get(VIA, ())]
    _ask_again(report, house)
    line = change_status(session, report, report.status_before, by=by, house=house, silent=True)
    for each in others:
        came = list(each.sources[VIA])
        each.parent_id, report.has_joined = report.id, True
        each.sources = {**each.sources, VIA: came[: came.index(report.code)]}
        notes = say(house.pack, house.pack.languages[0], "joined_line", "desk", parent=report.code)
        add_line(session, each, each.status, by=by, house=house, now=house.now(), notes=notes)
    session.flush()
    if not silent:
        _tell(session, report, "to_apart", house)
    return line


def release(session: Session, report: Report, *, by: Actor, house: House) -> None:
    """Let everything go that is joined to a report which nobody will work on: each is where it was before."""
    for each in joined_to(session, report.id):
        if each.parent_id == report.id and each.status == "duplicate":
            take_apart(session, each, by=by, house=house)


def _tell(session: Session, report: Report, key: str, house: House, **more: str) -> None:
    fields = fields_of(report, house, report.language)
    status = status_name(house.pack, report, report.language)
    text = say(house.pack, report.language, key, reply_channel(session, report), **fields, status=status, **more)
    owe(session, report, text, house, house.now())


def in_order(one: Report, other: Report) -> tuple[Report, Report]:
    """(what is joined, what it is joined to) of two: the open one stays, then the one that leads already by its
    age."""
    first, second = sorted((one, other), key=lambda each: (each.status not in OPEN, each.requested_at, each.id))
    return second, first


def look_for_joins(report: Report, house: House) -> None:
    """A picture came: in a moment the clock looks whether the same one was sent before, of the same spot."""
    if report.status in NOT_WORKED_ON:
        report.join_at = house.now() + LOOK_AFTER


def join_if_sure(session: Session, report: Report, house: House) -> bool:
    """Join a report with the one that has the same picture of the same spot; whether it was.

    Nothing else is sure enough, and nobody must have begun to work on either. Nobody is told: their reporters hear
    each step as before.
    """
    if report.acknowledged_at is None or report.status not in NOT_WORKED_ON:
        return False
    other = surest(session, report, house)
    if other is None:
        return False
    joined, lead = in_order(report, other)
    if {joined.status, lead.status} - NOT_WORKED_ON:
        return False
    join(session, joined, lead, by=Actor(name=ROUTER), house=house, silent=True)
    return True
