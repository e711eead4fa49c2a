""" "This concerns me too": who names somebody else's report hears each of its steps, under a code of their own."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from normalizer.normalize import normalize
from router.house import House
from router.joins import join
from router.reach import NOBODY
from router.replies import fields_of, say, status_name
from router.reports import BY_CITIZEN, open_report
from router.status import OPEN
from router.turn import Turn, answer, answer_with
from store.bulk import write_now
from store.models import Photo, Report
from store.near import joined_to, lead_of

MOST_A_DAY = 10  # reports that one person may say to concern them too


def concerns_too(turn: Turn) -> None:
    """A small report of their own, joined to the one they named; one for each person and report."""
    assert turn.report is not None  # noqa: S101  (for mypy: the decision named it)
    lead = lead_of(turn.report)
    if mine := _already(turn, lead):
        answer(turn, "too_already", parent=lead.code, code=mine.code)
    elif not _is_joinable(lead, turn.house):
        answer(turn, "too_late", code=lead.code)
    elif _today(turn) >= MOST_A_DAY:
        answer(turn, "too_often")
    else:
        _take_part(turn, lead)


def _already(turn: Turn, lead: Report) -> Report | None:
    """Their own report that is this one, or joined to it."""
    reporter = turn.address.reporter
    return next((each for each in [lead, *joined_to(turn.session, lead.id)] if each.reporter is reporter), None)


def _is_joinable(lead: Report, house: House) -> bool:
    """Open, of a problem that is no one person's, and of somebody who is still known."""
    is_a_persons = lead.service_code is None or lead.service_code in house.pack.never_joined
    return lead.status in OPEN and not is_a_persons and lead.address.channel != NOBODY[0]


def _today(turn: Turn) -> int:
    since = turn.house.now() - timedelta(days=1)
    return sum(each.requested_at > since for each in turn.sender.recent if each.sources.get("too"))


def _take_part(turn: Turn, lead: Report) -> None:
    session, house, language = turn.session, turn.house, turn.address.reporter.language
    report = _open(turn, lead)
    turn.sender.recent.append(report)
    assert turn.row is not None  # noqa: S101  (for mypy: written before its effect)
    turn.row.report = report
    write_now(session)
    session.execute(update(Photo).where(Photo.message_id == turn.row.id).values(report_id=report.id))
    join(session, report, lead, by=BY_CITIZEN, house=house, silent=True)
    status = status_name(house.pack, report, language)
    fields = {**fields_of(report, house, language), "parent": lead.code, "status": status}
    answer_with(turn, say(house.pack, language, "too_joined", turn.address.channel, **fields), report=report)


def _open(turn: Turn, lead: Report) -> Report:
    """A report with the other's problem, agency and kelurahan; its exact place and its words stay the other's."""
    house, language = turn.house, turn.address.reporter.language
    draft = replace(normalize("", pack=house.pack), description=turn.message.text, public_description="")
    report = open_report(
        turn.session,
        draft,
        turn.address,
        house,
        code=turn.codes.pop(),
        language=language,
        requested_at=house.now(),
    )
    report.service_code, report.agency_id, report.area_code = lead.service_code, lead.agency_id, lead.area_code
    place = {"source": "none", "confidence": 0.0, "enough": True, "candidates": [], "conflict": []}
    report.sources = {"place": place, "too": True}
    return report
