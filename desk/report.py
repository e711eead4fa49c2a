"""One report on one page: what, where, photos, the thread, the history, and what may be done with it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response

from desk import answers, people, places
from desk.changes import visible
from desk.corrections import choices
from desk.explanations import doubted_photos, doubts_here, explanation_of, may_explain
from desk.handovers import handed_over
from desk.joins import shown
from desk.live import mark_of
from desk.not_ours import receiver
from desk.pages import language_of, render
from desk.photos import is_picture, is_public, same_pictures
from desk.rights import Official, may_change, may_know, may_release, may_see_original, official_of
from desk.thread import not_reached, thread_of
from desk.undo import undo_of
from router.answers import done_words_for
from router.house import House
from router.right_address import likely_address, reachable
from router.status import allowed_moves
from store.models import Report
from store.officials import DeskSession

LIKELY = {  # the button that stands out
    "assigned": "accepted",
    "accepted": "in_progress",
    "scheduled": "in_progress",
    "reopened": "in_progress",
    "in_progress": "resolved",
}
# `assigned` has its own choice of agencies, `duplicate` its own press beside the report that it joins
NOT_BUTTONS = ("assigned", "duplicate")


def report_page(house: House, request: Request, login: DeskSession) -> Response:
    page = draw(house, request, login)
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    if report is not None and report.unread and may_change(official, report):
        with house.store.write() as session:
            session.execute(update(Report).where(Report.id == report.id).values(unread=False))
    return page


def draw(house: House, request: Request, login: DeskSession, *, status: int = 200, **words: Any) -> Response:
    """The page with a sentence on top where something was not done; another agency's report is not there."""
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    if report is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    shows = {
        **_of_what_and_where(house, request, report),
        **_of_the_work(house, request, login, official, report),
        **_of_its_people(house, official, report),
        **_of_others_like_it(house, request, official, report),
        **answers.answering(house, official, report, request),
        "problem": None,
        "contacts": None,
    }
    return render(house, request, "report.html", status=status, nav=login, report=report, **{**shows, **words})


def _of_what_and_where(house: House, request: Request, report: Report) -> dict[str, Any]:
    """The problem and the place, what else they may be, and how sure we are."""
    likely_services, other_services = choices(house.pack, report, language_of(request))
    is_corrected = request.query_params.get("service") == report.service_code
    return {
        "area": house.pack.areas.get(report.area_code or ""),
        "other_places": places.others(house.pack, report),
        "may_be_moved": places.may_be_moved(report),
        "placed": "place" in request.query_params and bool(report.sources.get("place", {}).get("by")),
        "likely_services": likely_services,
        "other_services": other_services,
        "corrected": is_corrected and report.sources.get("service", {}).get("source") == "desk",
        "doubts": doubts_here(house, report, language_of(request)),
        "doubted": doubted_photos(report),
        "explanation": explanation_of(report),
    }


def _of_the_work(
    house: House, request: Request, login: DeskSession, official: Official, report: Report
) -> dict[str, Any]:
    """What may be done with it now, what was, and by whom."""
    moves = allowed_moves(report)
    may_resolve = "resolved" in moves and may_change(official, report)
    done_words = done_words_for(report, house) if may_resolve else []
    return {
        "moves": [move for move in moves if move not in NOT_BUTTONS and report.parent_id is None],
        "likely": LIKELY.get(report.status),
        "bar": _bar(report, moves),
        "agencies": _others(house, report) if "assigned" in moves else {},
        "receiver": receiver(house, official, report),
        "addresses": reachable(house.pack),
        "likely_address": _likely_address(house, report),
        "done_words": done_words,
        "note": _chosen(request, done_words),
        "done": request.query_params.get("done") == report.status,
        "has_after": any(photo.is_after for photo in report.photos),
        "asks_photo": _asks_photo(house, report),
        "seen_line": report.history[-1].seq if report.history else 0,
        "live": mark_of(house.now()),
        "updated": mark_of(report.updated_at),
        "undo": undo_of(house, login, report.code),
        "undone": request.query_params.get("undone"),
        **people.taken(house, official, report, login.officer_id),
    }


def _of_its_people(house: House, official: Official, report: Report) -> dict[str, Any]:
    """What was said and handed over, and what the official may know and do."""
    thread = thread_of(report)
    return {
        "thread": thread,
        "not_reached": not_reached(thread),
        "handovers": handed_over(house, report),
        "may_change": may_change(official, report),
        "may_release": may_release(official, report),
        "may_know": may_know(official, report),
        "may_explain": may_explain(official, report),
        "may_see_original": may_see_original(official, report),
    }


def _of_others_like_it(house: House, request: Request, official: Official, report: Report) -> dict[str, Any]:
    """Its photos and the reports that it was joined with, or may be."""
    said = request.query_params.get("joins")
    return {
        "is_picture": is_picture,
        "is_public": is_public,
        "same": same_pictures(house, report),
        "joins_said": said if said in {"together", "apart"} else None,
        **shown(house, official, report),
    }


def _chosen(request: Request, sentences: Sequence[str]) -> str:
    """The sentence that a press without scripts asks for (`?did=N`)."""
    said = request.query_params.get("did", "")
    return sentences[int(said)] if said.isdecimal() and len(said) < 3 and int(said) < len(sentences) else ""


def _likely_address(house: House, report: Report) -> str | None:
    with house.store.read() as session:
        return likely_address(session, report, house)


def _bar(report: Report, moves: Sequence[str]) -> list[str]:
    """What is under the thumb on a phone: the likely move, and the end of the work."""
    wished = dict.fromkeys((LIKELY.get(report.status, ""), "resolved"))
    return [move for move in wished if move in moves and report.parent_id is None]


def _asks_photo(house: House, report: Report) -> bool:
    service = house.pack.services.get(report.service_code or "")
    return service is not None and service.after_photo


def _others(house: House, report: Report) -> dict[str, str]:
    """The agencies a report may be passed on to, by name; the one that has it already is not among them."""
    names = {agency.id: agency.name for agency in house.pack.agencies.values()}
    if report.status != "received":
        names.pop(report.agency_id or "", None)
    return dict(sorted(names.items(), key=lambda item: item[1]))
