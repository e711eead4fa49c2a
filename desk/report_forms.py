"""The forms of a report's page: each does its work, or draws the page again with a sentence that says why not."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk import places
from desk.changes import Refused, to_change, visible
from desk.corrections import try_correct
from desk.dates import with_date
from desk.doors import Fields, Posted
from desk.not_ours import try_not_ours
from desk.pages import language_of, status_word, texts
from desk.report import draw
from desk.rights import may_change, may_see, official_of
from desk.wire import typed_code
from normalizer.schema import Attachment
from router.after_photos import Brought, NotAPhoto, drop_brought, read_after_photos, take_after_photos
from router.agency_moves import LONGEST_NOTE
from router.holding import current as current_holding
from router.house import PHOTOS, House
from router.right_address import reachable, with_right_address
from router.status import NEEDS_REASON, Actor, NotAllowed, change_status
from router.undo import undoable
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

Work = Callable[..., Response]  # (house, request, login, fields, page), where `page` draws it with what is wrong
Answer: TypeAlias = tuple[int, str | None, dict[str, Any]]  # HTTP status, sentence that says why not, its words


def pressed(work: Work) -> Posted:
    """A form that another module answers."""

    def posted(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
        def page(*, status: int, problem: str | None, **words: Any) -> Response:
            return _with_problem(house, request, login, (status, problem, {}), **words)

        return work(house, request, login, fields, page)

    return posted


def _with_problem(house: House, request: Request, login: DeskSession, tried: Answer, **words: Any) -> Response:
    status, problem, said = tried
    sentence = texts(language_of(request))[problem].format(**said) if problem else None
    return draw(house, request, login, status=status, problem=sentence, **words)


def _note(fields: Fields) -> str:
    return fields.get("note", "").replace("\r\n", "\n").strip()


def _gone_on(request: Request, answer: Answer, said: str) -> Response:
    """To the report with what was done, or to the queue where it is not theirs any more."""
    code = quote(typed_code(request.path_params["code"]))
    where = f"/desk/r/{code}?{said}" if answer[2]["still_mine"] else f"/desk?passed={code}"
    return RedirectResponse(where, status_code=303)


def move(
    house: House, request: Request, login: DeskSession, fields: Fields, files: Sequence[Attachment] = ()
) -> Response:
    """Change the status, when the report still is what the form was shown with; `files` are after-photos."""
    note = _note(fields)
    answer = _try_move(house, request, login, fields, note, files)
    if answer[1]:
        return _with_problem(house, request, login, answer, note=note)
    house.wake()
    if files:
        house.wake(PHOTOS)  # their public copies are owed
    return _gone_on(request, answer, f"done={quote(fields['status'])}")


def correct(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Put the service right, when the report still is what the form was shown with."""
    said = f"service={quote(fields.get('service_code', ''))}"
    return _corrected(house, request, login, try_correct(house, request, login, fields), said)


def put_in_place(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Put the place right, in the same way."""
    return _corrected(house, request, login, places.try_place(house, request, login, fields), "place=1")


def give_away(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """ "Not ours": the next likely agency gets it, in the same way."""
    note = _note(fields)
    too_long: Answer = (400, "note_too_long", {})
    answer = too_long if len(note) > LONGEST_NOTE else try_not_ours(house, request, login, fields, note)
    return _corrected(house, request, login, answer, "done=assigned", note=note)


def _corrected(
    house: House, request: Request, login: DeskSession, answer: Answer, said: str, **words: Any
) -> Response:
    if answer[1]:
        return _with_problem(house, request, login, answer, **words)
    house.wake()
    return _gone_on(request, answer, said)


def _try_move(
    house: House, request: Request, login: DeskSession, fields: Fields, note: str, files: Sequence[Attachment]
) -> Answer:
    """Read the photos first, outside of the transaction; they go again when nothing comes of the move."""
    agency_id = (fields.get("agency_id") or None) if fields.get("status") == "assigned" else None
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
