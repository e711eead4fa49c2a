"""What is said beside the status: an answer to the citizen with its price as SMS, and a note for colleagues."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.changes import Refused, held, visible
from desk.doors import Fields
from desk.pages import render
from desk.rights import Official, may_change, may_note, official_of
from desk.wire import typed_code
from router.agency_moves import LONGEST_NOTE
from router.answers import LONGEST, CannotAnswer, answer_citizen, canned_for, reading
from router.house import House
from router.status import Actor
from store import queries
from store.desk import Note
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

Page = Callable[..., Response]  # draws the report's page with a sentence on top


def answering(house: House, official: Official, report: Report, request: Request) -> dict[str, Any]:
    """What the page needs to answer, and the notes; `?canned=N` has put a sentence into the field."""
    canned = canned_for(report, house) if may_change(official, report) else []
    said = request.query_params.get("canned", "")
    chosen = int(said) if said.isdecimal() and len(said) < 3 else len(canned)
    with house.store.read() as session:
        notes = list(session.scalars(select(Note).where(Note.report_id == report.id).order_by(Note.id.desc())))
    return {
        "canned": canned,
        "answer": canned[chosen] if chosen < len(canned) else "",
        "longest_answer": LONGEST,
        "reading": None,
        "notes": notes,
        "colleague_note": "",
        "may_note": may_note(official, report),
        "answer_said": request.query_params.get("said") if request.query_params.get("said") in SAID else None,
    }


SAID = frozenset({"answered", "noted"})


def _words(fields: Fields, name: str) -> str:
    return fields.get(name, "").replace("\r\n", "\n").strip()


def preview(house: House, request: Request, login: DeskSession, fields: Fields, page: Page) -> Response:
    """How the answer would arrive; only that part where htmx asks for it."""
    official, words = official_of(login.officer), _words(fields, "answer")
    report = visible(house, official, request.path_params["code"])
    is_part = bool(request.headers.get("HX-Request"))
    if report is None or not may_change(official, report):
        return page(status=404 if report is None else 403, problem="no_change_right")
    try:
        with house.store.read() as session:
            said, problem = reading(session, session.get_one(Report, report.id), words, house), None
    except CannotAnswer as error:
        said, problem = None, f"answer_{error}"
    if is_part:
        problem = None if problem == "answer_empty" else problem
        return render(house, request, "answer_preview.html", reading=said, answer_problem=problem)
    return page(status=400 if problem else 200, problem=problem, answer=words, reading=said)


def answer(house: House, request: Request, login: DeskSession, fields: Fields, page: Page) -> Response:
    """Owe the citizen the posted words."""
    official, words = official_of(login.officer), _words(fields, "answer")
    code = typed_code(request.path_params["code"])
    by = Actor(name=official.name, agency_id=official.agency_id)
    try:
        with house.store.write() as session:
            answer_citizen(session, held(session, official, code), words, by=by, house=house)
    except Refused as refused:
        return page(status=refused.status, problem=refused.problem, answer=words)
    except CannotAnswer as error:
        return page(status=409 if str(error) == "nobody" else 400, problem=f"answer_{error}", answer=words)
    log.info("report %s: answered by officer %s", code, login.officer_id)
    house.wake()
    return RedirectResponse(f"/desk/r/{quote(code)}?said=answered#thread-title", status_code=303)


def note(house: House, request: Request, login: DeskSession, fields: Fields, page: Page) -> Response:
    """Keep a note for colleagues."""
    official, words = official_of(login.officer), _words(fields, "colleague_note")
    code = typed_code(request.path_params["code"])
    if not words or len(words) > LONGEST_NOTE:
        return page(status=400, problem="note_too_long" if words else "note_empty", colleague_note=words)
    with house.store.write() as session:
        report = queries.report_by_code(session, code)
        if report is None or not may_note(official, report):
            return page(status=403, problem="no_change_right", colleague_note=words)
        session.add(Note(report_id=report.id, by=official.name, text=words, at=house.now()))
    log.info("report %s: a note by officer %s", code, login.officer_id)
    return RedirectResponse(f"/desk/r/{quote(code)}?said=noted#notes-title", status_code=303)
