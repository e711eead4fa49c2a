"""How long each agency held a report, on its own clock: what its report card is made of."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from router.held import is_ours
from router.promise import keep_clock, runs, term
from router.working_time import working_time
from store.bulk import keep, made
from store.models import Holding, Report

PASSED_ON = "passed_on"
ACTS = frozenset({"accepted", "in_progress", "scheduled", "resolved", "needs_info", "rejected", "duplicate"})

NOT_YET = (
    *("until", "passed_to", "runs_since", "due_at", "acted_worked", "resolved_worked"),
    *("stars", "flags", "explanation", "service_code", "area_code"),
)


def keep_holding(session: Session, report: Report, pack: Pack, now: datetime, *, acted: bool) -> Holding | None:
    """Write down what a change of status means for whoever holds the report; `acted`: its agency made the change.

    Call it behind the change. None while no agency has the report.
    """
    holding = current(session, report)
    if holding is None or holding.agency_id != report.agency_id:
        if holding is not None:
            _end(holding, report, pack, now)
        holding = _begin(session, report, now)
    if holding is None:
        return None
    stand = clock_at(holding, pack, now)
    if acted and report.status in ACTS and holding.acted_worked is None:
        holding.acted_worked = stand
    if report.status == "resolved":
        holding.resolved_worked = stand
    elif report.status == "reopened":
        holding.resolved_worked, holding.reopened = None, holding.reopened + 1
    holding.state = report.status
    set_clock(holding, report, pack, now)
    return holding


def keep_clocks(session: Session, report: Report, pack: Pack, now: datetime) -> None:
    """Let the promise's clock and the holder's run or stand where no status changed: a question came or went."""
    keep_clock(report, pack, now)
    holding = current(session, report)
    if holding is not None:
        set_clock(holding, report, pack, now)


def current(session: Session, report: Report) -> Holding | None:
    """The holding that is not over."""
    if is_ours(session, report):
        newest: Holding | None = report.newest_holding
        return newest
    query = select(Holding).where(Holding.report_id == report.id, Holding.until.is_(None))
    return session.scalars(query.order_by(Holding.id.desc()).limit(1)).first()


def _begin(session: Session, report: Report, now: datetime) -> Holding | None:
    if report.agency_id is None:
        return None
    holding = made(
        Holding,
        report=report,
        agency_id=report.agency_id,
        state=report.status,
        since=now,
        was_late=False,
        worked=0,
        reopened=0,
        term=0,
        **dict.fromkeys(NOT_YET),
    )
    report.newest_holding = holding
    keep(session, holding)
    return holding


def _end(holding: Holding, report: Report, pack: Pack, now: datetime) -> None:
    _stop_clock(holding, pack, now)
    holding.until, holding.state, holding.passed_to = now, PASSED_ON, report.agency_id


def clock_at(holding: Holding, pack: Pack, now: datetime) -> int:
    """The working seconds that are over on the holder's clock."""
    if holding.runs_since is None:
        return holding.worked
    return holding.worked + int(working_time(pack).between(holding.runs_since, now).total_seconds())


def _stop_clock(holding: Holding, pack: Pack, now: datetime) -> None:
    holding.worked = clock_at(holding, pack, now)
    holding.was_late = holding.was_late or (holding.due_at is not None and holding.due_at < now)
    holding.runs_since = holding.due_at = None


def set_clock(holding: Holding, report: Report, pack: Pack, now: datetime) -> None:
    """Let the clock run or stand as the status says, with the term of the service that the report has now."""
    _stop_clock(holding, pack, now)
    holding.service_code, holding.area_code = report.service_code, report.area_code
    holding.term = int(term(report, pack).total_seconds())
    if runs(report):
        hours, left = working_time(pack), timedelta(seconds=max(holding.term - holding.worked, 0))
        holding.runs_since = now
        holding.due_at = hours.end_of(hours.after(now, left)).astimezone(UTC)
