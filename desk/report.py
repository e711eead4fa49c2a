"""One report on one page: what, where, photos, the thread, the history, and the change of its status."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk import answers, deeds, people, places
from desk.changes import Refused, to_change, visible
from desk.corrections import choices, try_correct
from desk.dates import with_date
from desk.doors import Fields
from desk.explanations import doubted_photos, doubts_here, explanation_of, may_explain
from desk.handovers import handed_over
from desk.joins import posted_apart, posted_join, shown
from desk.live import mark_of
from desk.not_ours import receiver, try_not_ours
from desk.pages import language_of, render, status_word, texts
from desk.photos import is_picture, is_public, same_pictures
from desk.rights import may_change, may_know, may_release, may_see, may_see_original, official_of
from desk.thread import not_reached, thread_of
from desk.undo import undo_of
from desk.wire import typed_code
from normalizer.schema import Attachment
from router.after_photos import Brought, NotAPhoto, drop_brought, read_after_photos, take_after_photos
from router.answers import done_words_for
from router.holding import current as current_holding
from router.house import PHOTOS, House
from router.right_address import likely_address, reachable, with_right_address
from router.status import NEEDS_REASON, Actor, NotAllowed, allowed_moves, change_status
from router.undo import undoable
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

LIKELY = {  # the button that stands out
    "assigned": "accepted",
    "accepted": "in_progress",
    "scheduled": "in_progress",
    "reopened": "in_progress",
    "in_progress": "resolved",
}
LONGEST_NOTE = 2000

Answer: TypeAlias = tuple[int, str | None, dict[str, Any]]  # HTTP status, sentence that says why not, its words


def report_page(house: House, request: Request, login: DeskSession) -> Response:
    page = _page(house, request, login)
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    if report is not None and report.unread and may_change(official, report):
        with house.store.write() as session:
            session.execute(update(Report).where(Report.id == report.id).values(unread=False))
    return page


# `assigned` has its own choice of agencies, `duplicate` its own press beside the report that it joins
NOT_BUTTONS = ("assigned", "duplicate")


def _page(house: House, request: Request, login: DeskSession, *, status: int = 200, **words: Any) -> Response:
    """The page with a sentence on top where something was not done; another agency's report is not there."""
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    if report is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    moves, thread = allowed_moves(report), thread_of(report)
    likely_services, other_services = choices(house.pack, report, language_of(request))
    done = request.query_params.get("done") == report.status
    own = answers.answering(house, official, report, request)
    done_words = done_words_for(report, house) if "resolved" in moves and may_change(official, report) else []
    words = {**own, "problem": None, "note": _chosen(request, done_words), "done": done, "contacts": None, **words}
    is_corrected = request.query_params.get("service") == report.service_code
    return render(
        house,
        request,
        "report.html",
        status=status,
        nav=login,
        report=report,
        area=house.pack.areas.get(report.area_code or ""),
        other_places=places.others(house.pack, report),
        may_be_moved=places.may_be_moved(report),
        thread=thread,
        handovers=handed_over(house, report),
        not_reached=not_reached(thread),
        may_change=may_change(official, report),
        done_words=done_words,
        moves=[move for move in moves if move not in NOT_BUTTONS and report.parent_id is None],
        agencies=_others(house, report) if "assigned" in moves else {},
        receiver=receiver(house, official, report),
        addresses=reachable(house.pack),
        likely_address=_likely_address(house, report),
        likely=LIKELY.get(report.status),
        likely_services=likely_services,
        other_services=other_services,
        corrected=is_corrected and report.sources.get("service", {}).get("source") == "desk",
        placed="place" in request.query_params and bool(report.sources.get("place", {}).get("by")),
        seen_line=report.history[-1].seq if report.history else 0,
        is_picture=is_picture,
        is_public=is_public,
        same=same_pictures(house, report),
        may_see_original=may_see_original(official, report),
        **shown(house, official, report),
        joins_said=_said_of_joins(request),
        may_release=may_release(official, report),
        may_know=may_know(official, report),
        doubts=doubts_here(house, report, language_of(request)),
        doubted=doubted_photos(report),
        explanation=explanation_of(report),
        may_explain=may_explain(official, report),
        live=mark_of(house.now()),
        updated=mark_of(report.updated_at),
        undo=undo_of(house, login, report.code),
        undone=request.query_params.get("undone"),
        bar=_bar(report, moves),
        **people.taken(house, official, report, login.officer_id),
        has_after=any(photo.is_after for photo in report.photos),
        asks_photo=_asks_photo(house, report),
        **words,
    )


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


def _said_of_joins(request: Request) -> str | None:
    said = request.query_params.get("joins")
    return said if said in {"together", "apart"} else None


def join(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return posted_join(house, request, login, fields, partial(_with_problem, house, request, login))


def apart(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return posted_apart(house, request, login, fields, partial(_with_problem, house, request, login))


def _with_problem(
    house: House, request: Request, login: DeskSession, *, status: int, problem: str | None, **words: Any
) -> Response:
    said = texts(language_of(request))[problem] if problem else None
    return _page(house, request, login, status=status, problem=said, **words)


def answer(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return answers.answer(house, request, login, fields, partial(_with_problem, house, request, login))


def preview(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return answers.preview(house, request, login, fields, partial(_with_problem, house, request, login))


def note(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return answers.note(house, request, login, fields, partial(_with_problem, house, request, login))


def look(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return deeds.look(house, request, login, fields, partial(_with_problem, house, request, login))


def take(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    return people.take(house, request, login, fields, partial(_with_problem, house, request, login))


def _asks_photo(house: House, report: Report) -> bool:
    service = house.pack.services.get(report.service_code or "")
    return service is not None and service.after_photo


def _others(house: House, report: Report) -> dict[str, str]:
    """The agencies a report may be passed on to, by name; the one that has it already is not among them."""
    names = {agency.id: agency.name for agency in house.pack.agencies.values()}
    if report.status != "received":
        names.pop(report.agency_id or "", None)
    return dict(sorted(names.items(), key=lambda item: item[1]))


def move(
    house: House, request: Request, login: DeskSession, fields: Fields, files: Sequence[Attachment] = ()
) -> Response:
    """Change the status, when the report still is what the form was shown with; `files` are after-photos."""
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    status, problem, words = _try_move(house, request, login, fields, note, files)
    if problem:
        return _page(
            house,
            request,
            login,
            status=status,
            problem=texts(language_of(request))[problem].format(**words),
            note=note,
        )
    house.wake()
    if files:
        house.wake(PHOTOS)  # their public copies are owed
    code = typed_code(request.path_params["code"])
    if not words["still_mine"]:
        return RedirectResponse(f"/desk?passed={quote(code)}", status_code=303)
    return RedirectResponse(f"/desk/r/{quote(code)}?done={quote(fields['status'])}", status_code=303)


def correct(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Put the service right, when the report still is what the form was shown with."""
    return _corrected(house, request, login, try_correct(house, request, login, fields), "service", fields)


def put_in_place(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Put the place right, in the same way."""
    return _corrected(house, request, login, places.try_place(house, request, login, fields), "place", fields)


def _corrected(
    house: House, request: Request, login: DeskSession, answer: Answer, what: str, fields: Fields
) -> Response:
    status, problem, words = answer
    if problem:
        return _page(house, request, login, status=status, problem=texts(language_of(request))[problem])
    house.wake()
    code = quote(typed_code(request.path_params["code"]))
    if not words["still_mine"]:
        return RedirectResponse(f"/desk?passed={code}", status_code=303)
    said = quote(fields.get("service_code", "")) if what == "service" else "1"
    return RedirectResponse(f"/desk/r/{code}?{what}={said}", status_code=303)


def give_away(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """ "Not ours": the next likely agency gets it, when the report still is what the form was shown with."""
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    too_long = (400, "note_too_long", dict[str, Any]())
    is_long = len(note) > LONGEST_NOTE
    status, problem, words = too_long if is_long else try_not_ours(house, request, login, fields, note)
    if problem:
        said = texts(language_of(request))[problem]
        return _page(house, request, login, status=status, problem=said, note=note)
    house.wake()
    code = quote(typed_code(request.path_params["code"]))
    where = f"/desk/r/{code}?done=assigned" if words["still_mine"] else f"/desk?passed={code}"
    return RedirectResponse(where, status_code=303)


def _try_move(
    house: House, request: Request, login: DeskSession, fields: Fields, note: str, files: Sequence[Attachment]
) -> Answer:
    """Read the photos first, outside of the transaction; they go again when nothing comes of the move."""
    agency_id = fields.get("agency_id") or None if fields.get("status", "") == "assigned" else None
    if problem := _missing(fields.get("status", ""), note, agency_id):
        return 400, problem, {}
    try:
        brought = _read_photos(house, request, login, files) if files else []
    except NotAPhoto as error:
        return 400, "not_a_photo", {"name": str(error) or "-"}
    except OSError:
        return 503, "photos_away", {}
    answer = _write_move(house, request, login, fields, note, agency_id, brought)
    if answer[1] and brought:
        drop_brought(house, brought)
    return answer


def _read_photos(house: House, request: Request, login: DeskSession, files: Sequence[Attachment]) -> list[Brought]:
    """The photos compared with what there is; none of somebody who may not change the report."""
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    return read_after_photos(house, report, files) if report and may_change(official, report) else []


def _write_move(
    house: House,
    request: Request,
    login: DeskSession,
    fields: Fields,
    note: str,
    agency_id: str | None,
    brought: Sequence[Brought],
) -> Answer:
    official, wanted = official_of(login.officer), fields.get("status", "")
    with house.store.write() as session:
        try:
            report = to_change(session, request, official, fields)
        except Refused as refused:
            return refused.status, refused.problem, {}
        said, pack, old = texts(language_of(request)), house.pack, report.status
        holding = current_holding(session, report)
        address = fields.get("right_address", "")
        if wanted == "rejected" and address in reachable(pack):
            note = with_right_address(note, address, report, pack)
        dated = with_date(note, fields.get("on", ""), report, pack, house.now()) if wanted == "scheduled" else note
        if dated is None:
            return 400, "bad_date", {}
        try:
            by = Actor(name=official.name, agency_id=official.agency_id)
            with undoable(session, report, officer_id=login.officer_id, house=house):
                change_status(session, report, wanted, by=by, house=house, notes=dated, agency_id=agency_id)
                take_after_photos(session, report, holding, brought, house)
        except NotAllowed:
            names = [status_word(pack, said, each, report.agency_id) for each in (old, wanted)]
            return 400, "not_allowed", {"old": names[0], "new": names[1]}
        log.info("report %s: %s to %s by officer %s", report.code, old, wanted, login.officer_id)
        return 200, None, {"still_mine": may_see(official, report)}


def _missing(wanted: str, note: str, agency_id: str | None) -> str | None:
    if wanted in NEEDS_REASON and not note:
        return "needs_reason"
    if wanted == "needs_info" and not note:
        return "needs_question"
    if wanted == "assigned" and agency_id is None:
        return "needs_agency"
    return "note_too_long" if len(note) > LONGEST_NOTE else None
