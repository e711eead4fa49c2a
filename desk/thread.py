"""The thread of a report: what was said on both sides, how it went, and why the last answer did not arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from desk.changes import visible
from desk.pages import render
from desk.reasons import reason_of
from desk.rights import official_of
from router.house import House
from store.models import Report
from store.officials import DeskSession
from store.traces import AGENCY_MAIL


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One entry of the thread: from the citizen (`state` None) or to them, with how it went, and why not."""

    at: datetime
    channel: str
    text: str
    subject: str
    state: str | None
    reason: str | None = None


def thread_of(report: Report) -> list[Said]:
    """What was said on both sides, oldest first; hand-overs to agencies are not part of it."""
    heard = [
        Said(at=m.received_at, channel=m.channel, text=m.text, subject=m.subject, state=None)
        for m in report.messages
        if m.kind != AGENCY_MAIL
    ]
    told = [
        Said(at=d.created_at, channel=d.channel, text=d.text, subject="", state=d.state, reason=reason_of(d))
        for d in report.deliveries
        if d.address_id is not None
    ]
    return sorted(heard + told, key=lambda said: said.at)


def thread_part(house: House, request: Request, login: DeskSession) -> Response:
    """Only the thread: htmx asks for it every few seconds, so that answers are seen to arrive."""
    report = visible(house, official_of(login.officer), request.path_params["code"])
    if report is None:
        return render(house, request, "not_found.html", status=404)
    return render(house, request, "thread_part.html", thread=thread_of(report))


def not_reached(thread: Sequence[Said]) -> str | None:
    """Why the last answer that was tried did not reach the citizen; None when it did, or is on its way."""
    answers = [said for said in thread if said.state is not None]
    return answers[-1].reason if answers and answers[-1].state == "failed" else None
