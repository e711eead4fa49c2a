"""The rules that admins took, and what agencies passed on: how often, to whom, and who kept it."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session, aliased

from store.models import Holding, Report, StatusUpdate
from store.officials import RouteRule

PASSED_ON = "passed_on"  # (router/holding.py)
SENT_AWAY = (PASSED_ON, "rejected")
_TAKEN = "taken rules"  # in session.info


def taken_rules(session: Session) -> Mapping[tuple[str, str], str]:
    """(service, agency) -> the agency that gets its reports of the service instead; read once a transaction."""
    found: dict[tuple[str, str], str] | None = session.info.get(_TAKEN)
    if found is None:
        with session.no_autoflush:
            rows = session.execute(select(RouteRule.service_code, RouteRule.agency_id, RouteRule.to_agency_id))
        found = session.info[_TAKEN] = {(service, agency): to for service, agency, to in rows}
    return found


def list_rules(session: Session) -> list[RouteRule]:
    """All rules that admins took, the newest first."""
    return list(session.scalars(select(RouteRule).order_by(RouteRule.at.desc(), RouteRule.id.desc())))


def agencies_so_far(session: Session, report: Report) -> set[str]:
    """The agencies that had a report before or have it now, as its history says."""
    query = select(StatusUpdate.agency_id).where(StatusUpdate.report_id == report.id).distinct()
    is_written = report.newest_line is None or inspect(report.newest_line).persistent
    # what others' reports wait to write need not be written for it
    with session.no_autoflush if is_written else nullcontext():
        return {agency_id for agency_id in session.scalars(query) if agency_id is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """What an agency got of a service lately: `held` reports, of which it gave `passed` to one other agency, which
    `kept` so many of them and has acted on `acted`."""

    service_code: str
    agency_id: str
    to_agency_id: str
    held: int
    passed: int
    kept: int
    acted: int


def passed_lately(session: Session, since: datetime, *, times: int) -> list[Passed]:
    """What was passed on at least so many times in holdings begun since then, by service, agency and receiver.

    A report whose service was put right on the way does not count: it was understood wrongly, not sent wrongly.
    """
    first, then = aliased(Holding), aliased(Holding)
    is_kept = then.state.not_in(SENT_AWAY)
    query = (
        select(
            *(first.service_code, first.agency_id, first.passed_to),
            func.count(first.report_id.distinct()),
            func.count(then.report_id.distinct()).filter(is_kept),
            func.count(then.report_id.distinct()).filter(is_kept, then.acted_worked.is_not(None)),
        )
        .join(then, (then.report_id == first.report_id) & (then.since >= first.until))
        .where(first.since >= since, first.state == PASSED_ON, then.agency_id == first.passed_to)
        .where(then.service_code == first.service_code)
        .group_by(first.service_code, first.agency_id, first.passed_to)
        .having(func.count(first.report_id.distinct()) >= times)
        .order_by(func.count(first.report_id.distinct()).desc(), first.service_code, first.agency_id)
    )
    rows = session.execute(query).all()
    held = _held(session, since, {agency for _, agency, *_ in rows}) if rows else {}
    return [
        Passed(
            service_code=service,
            agency_id=agency,
            to_agency_id=to,
            held=held[service, agency],
            passed=passed,
            kept=kept,
            acted=acted,
        )
        for service, agency, to, passed, kept, acted in rows
        if service is not None and to is not None
    ]


def _held(session: Session, since: datetime, agencies: set[str]) -> dict[tuple[str, str], int]:
    """How many reports of each service these agencies got since then."""
    query = (
        select(Holding.service_code, Holding.agency_id, func.count(Holding.report_id.distinct()))
        .where(Holding.since >= since, Holding.agency_id.in_(agencies), Holding.service_code.is_not(None))
        .group_by(Holding.service_code, Holding.agency_id)
    )
    return {(service, agency): count for service, agency, count in session.execute(query) if service is not None}


def codes_passed(session: Session, passed: Passed, since: datetime, *, limit: int) -> list[str]:
    """The codes of the reports that were passed on so, the newest first."""
    query = (
        select(Report.code, func.max(Holding.until))
        .join(Report, Report.id == Holding.report_id)
        .where(Holding.since >= since, Holding.state == PASSED_ON, Holding.agency_id == passed.agency_id)
        .where(Holding.service_code == passed.service_code, Holding.passed_to == passed.to_agency_id)
        .group_by(Report.code)
        .order_by(func.max(Holding.until).desc(), Report.code)
        .limit(limit)
    )
    return [code for code, _ in session.execute(query)]
