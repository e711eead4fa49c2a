"""What a citizen is promised: a date by which it is fixed, on a clock that stands while others hold the report."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from config.pack import Pack
from router.working_time import working_time
from store.models import Report

RUNS = frozenset({"assigned", "accepted", "in_progress", "scheduled", "reopened"})


def runs(report: Report) -> bool:
    """Whether the clock of whoever has the report runs: nobody else holds it up."""
    return report.status in RUNS and not waits_for_answer(report)


def waits_for_answer(report: Report) -> bool:
    """Whether the agency cannot begin: the reporter was asked where or what it is, and has time to say so.

    An official who takes the report on without the answer knows enough; and the question ends with `asked_at`.
    """
    return report.status == "assigned" and report.asked_for is not None and report.asked_at is not None


def keep_clock(report: Report, pack: Pack, now: datetime) -> None:
    """Promise a date once an agency of the city has the report; stop the clock while it waits for the reporter or
    lies with a body that is not the city's, and go on with what was left of it. Behind the last rung of the ladder
    nothing is promised any more."""
    is_running = runs(report) and _is_ours(pack, report.agency_id)
    if is_running and report.late_at is None and report.raised < len(rungs_of(report, pack)):
        first = timedelta(0) if report.expected_at else term(report, pack)
        left = timedelta(seconds=report.time_left or 0)
        promise(report, pack, now, max(first, left, working_time(pack).a_day))
    elif not is_running and report.late_at is not None:
        report.time_left = int(working_time(pack).between(now, report.late_at).total_seconds())
        report.late_at = None


def _is_ours(pack: Pack, agency_id: str | None) -> bool:
    agency = pack.agencies.get(agency_id or "")
    return agency is not None and agency.kind not in pack.promise["outside"]


def rungs_of(report: Report, pack: Pack) -> list[str]:
    """The agencies above the one that has the report, from the nearest on."""
    return [rung for rung in pack.promise["ladder"] if rung != report.agency_id]


def term(report: Report, pack: Pack) -> timedelta:
    """The working time that the pack gives for reports of this service."""
    return pack.promised_days(report.service_code) * working_time(pack).a_day


def promise(report: Report, pack: Pack, now: datetime, left: timedelta) -> None:
    """Promise the end of the day on which so much working time is over."""
    hours = working_time(pack)
    report.expected_at = report.late_at = hours.end_of(hours.after(now, left)).astimezone(UTC)
    report.time_left = None


def promise_words(report: Report, pack: Pack, texts: Mapping[str, str]) -> dict[str, str]:
    """The promise as a sentence, and as a brief one for an SMS; empty while none is running.

    While the reporter is asked something, the sentence says that the date comes with the answer.
    """
    if report.late_at is None:
        return {"promise": texts["promise_waits"] if waits_for_answer(report) else "", "promise_brief": ""}
    day, date = written(report.late_at, pack, texts)
    whole = texts["promise"].format(date=f"{day}, {date}")
    brief = " ".join([date.split()[0], date.split()[1][:3]])
    return {"promise": whole, "promise_brief": texts["promise_brief"].format(date=brief)}


def written(at: datetime, pack: Pack, texts: Mapping[str, str]) -> tuple[str, str]:
    """A weekday and a date as people of the language write them: "Rabu", "2 Desember 2026"."""
    local = at.astimezone(working_time(pack).zone)
    month = texts["months"].split()[local.month - 1]
    return texts["weekdays"].split()[local.weekday()], f"{local.day} {month} {local.year}"
