"""/desk/admin/accuracy: how often officials agree with the service that was guessed, by service and over time."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from desk.admin import draw
from desk.pages import language_of, service_names
from router.guesses import guess_of
from router.house import House
from store.models import Report
from store.officials import DeskSession

WEEKS, LOOKED_AT, SHOWN, EXAMPLES = 12, 5000, 30, 5


def page(house: House, request: Request, login: DeskSession) -> Response:
    """The last twelve weeks; with `service` only where that one was guessed, or was right."""
    now, asked = house.now(), request.query_params.get("service", "")
    asked = asked if asked in house.pack.services else ""
    since = now - timedelta(weeks=WEEKS)
    with house.store.read() as session:
        weeks = [
            (
                _week(session, now - timedelta(weeks=back + 1), now - timedelta(weeks=back), asked),
                now - timedelta(weeks=back + 1),
            )
            for back in reversed(range(WEEKS))
        ]
        agreed = _agreed(session, since)
        changed = _changed(session, since)
    pairs: Counter[tuple[str, str]] = Counter()
    codes: dict[tuple[str, str], list[str]] = {}
    for report in changed:
        pair = (guess_of(report) or "", report.service_code or "")
        pairs[pair] += 1
        codes.setdefault(pair, []).append(report.code)
    wrong: Counter[str] = Counter()
    for (guess, _), count in pairs.items():
        wrong[guess] += count
    rows = [
        (code, agreed.get(code, 0), wrong[code]) for code in house.pack.services if agreed.get(code) or wrong[code]
    ]
    shown = [
        (pair, count, codes[pair][:EXAMPLES]) for pair, count in pairs.most_common() if not asked or asked in pair
    ]
    return draw(
        house,
        request,
        login,
        "admin_accuracy.html",
        weeks=weeks,
        rows=sorted(rows, key=lambda row: row[1] / (row[1] + row[2])),
        pairs=shown,
        names=service_names(house.pack, language_of(request)),
        asked=asked,
        is_cut=len(changed) == LOOKED_AT,
    )


def _week(session: Session, first: datetime, last: datetime, service: str) -> dict[str, int]:
    query = select(Report.service_guess, func.count()).where(Report.service_guess.in_(("agreed", "changed")))
    query = query.where(Report.requested_at >= first, Report.requested_at < last).group_by(Report.service_guess)
    query = query.where(Report.service_code == service) if service else query
    found = {str(outcome): count for outcome, count in session.execute(query)}
    return {"agreed": 0, "changed": 0, **found}


def _agreed(session: Session, since: datetime) -> dict[str, int]:
    query = select(Report.service_code, func.count()).where(Report.service_guess == "agreed")
    query = query.where(Report.requested_at >= since).group_by(Report.service_code)
    return {str(code): count for code, count in session.execute(query)}


def _changed(session: Session, since: datetime) -> list[Report]:
    """The newest reports whose guess an official changed."""
    query = select(Report).where(Report.service_guess == "changed", Report.requested_at >= since)
    return list(session.scalars(query.order_by(Report.id.desc()).limit(LOOKED_AT)))
