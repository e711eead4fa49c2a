"""One surge on one page: how many, where, the list, and the change of many reports with one press."""

import logging
import math
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from config.pack import Pack
from desk.doors import Fields
from desk.pages import language_of, render, status_word, texts
from desk.rights import CHANGES, Official, may_change, official_of, sees_all
from desk.surge_map import WIDTH, circles_of, frame_of
from desk.wire import typed_code
from router.agency_moves import LONGEST_NOTE
from router.house import House
from router.status import NEEDS_REASON, Actor
from router.surge import brief_name
from router.surge_moves import GROUP_MOVES, move_many, take_out, undo_press
from router.undo import moved_at
from store import queries, surges
from store.models import Surge
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

PAGE_SIZE = 50  # a form has at most wire.MOST_FIELDS fields
LAST_PAGE = 10_000
BEHIND = ("resolved", "closed", "rejected", "duplicate")
PICK = "r-"  # begins the name of a ticked report's field


def surge_name(pack: Pack, language: str, surge: Surge) -> str:
    """`Banjir · Kec. Jatinegara`."""
    service, area = brief_name(pack, surge, language), pack.areas[surge.area_code].name
    return texts(language)["surge_name"].format(service=service, area=area)


def _number(text: str) -> int:
    """A whole number that fits into a bigint; 0 for everything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _visible(house: House, official: Official, asked: str) -> Surge | None:
    """The surge with this number, when the official may see at least one report of it."""
    with house.store.read() as session:
        surge = session.get(Surge, _number(asked))
        if surge is None or (official.agency_id is None and not sees_all(official)):
            return None
        return surge if surges.count_by(session, surge, _mine(official), "status") else None


def _mine(official: Official) -> str | None:
    return None if sees_all(official) else official.agency_id


def surge_page(house: House, request: Request, login: DeskSession) -> Response:
    return _page(house, request, login)


def _page(house: House, request: Request, login: DeskSession, *, status: int = 200, **words: Any) -> Response:
    """The page, with `problem` and `note` where a form could not be carried out."""
    official = official_of(login.officer)
    surge = _visible(house, official, request.path_params["id"])
    if surge is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    page = min(max(_number(request.query_params.get("page", "")), 1), LAST_PAGE)
    mine, start = _mine(official), (page - 1) * PAGE_SIZE
    with house.store.read() as session:
        found = surges.page_of(session, surge, mine, last=BEHIND, start=start, limit=PAGE_SIZE + 1)
        by_area = surges.count_by(session, surge, mine, "area_code")
        by_status = surges.count_by(session, surge, mine, "status")
        up_to = surges.newest_id(session, surge)
        spots = surges.points(session, surge, mine)
    frame = frame_of(house.pack, surge.area_code)
    return render(
        house,
        request,
        "surge.html",
        status=status,
        nav=login,
        surge=surge,
        name=surge_name(house.pack, language_of(request), surge),
        area=house.pack.areas[surge.area_code],
        reports=found[:PAGE_SIZE],
        has_more=len(found) > PAGE_SIZE,
        page=page,
        total=sum(by_area.values()),
        by_area=[(_area_name(house.pack, code), count) for code, count in by_area.items()],
        by_status=by_status,
        up_to=up_to,
        frame=frame,
        width=WIDTH,
        circles=circles_of(frame, spots) if frame else [],
        moves=GROUP_MOVES if official.role in CHANGES else (),
        hours=house.pack.surge["digest_hours"],
        chance=_chance(house, request, login),
        late=_number(request.query_params.get("late", "")),
        **{"problem": None, "note": "", "scope": "chosen", "said": _said(house, request), **words},
    )


def _area_name(pack: Pack, code: str | None) -> str | None:
    area = pack.areas.get(code or "")
    return area.name if area is not None and area.level == "kelurahan" else None


def _said(house: House, request: Request) -> list[str]:
    """What the press before did, as sentences."""
    t, asked = texts(language_of(request)), request.query_params
    if code := typed_code(asked.get("out", "")):
        return [t["surge_taken_out"].format(code=code)]
    if undone := _number(asked.get("undone", "")):
        return [t["surge_undone"].format(count=undone)]
    if asked.get("status") not in GROUP_MOVES:
        return []
    done, left = _number(asked.get("done", "")), _number(asked.get("left", ""))
    said = [t["surge_moved"].format(done=done, status=t[f"short_{asked['status']}"])]
    return [*said, t["surge_left"].format(left=left)] if left else said


def move(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Change the status of the ticked reports, or of all that the page counted; newer ones are left alone."""
    official, wanted = official_of(login.officer), fields.get("status", "")
    note, scope = fields.get("note", "").replace("\r\n", "\n").strip(), fields.get("scope", "")
    codes = None if scope == "all" else [typed_code(name[len(PICK) :]) for name in fields if name.startswith(PICK)]
    surge = _visible(house, official, request.path_params["id"])
    if surge is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    again = partial(_page, house, request, login, note=note, scope="all" if codes is None else "chosen")
    t = texts(language_of(request))
    if official.role not in CHANGES:
        return again(status=403, problem=t["no_change_right"])
    if wanted not in GROUP_MOVES:
        names = ["-", status_word(house.pack, t, wanted) if f"status_{wanted}" in t else "-"]
        return again(status=400, problem=t["not_allowed"].format(old=names[0], new=names[1]))
    if problem := _missing(wanted, note, codes):
        return again(status=400, problem=t[problem])
    by = Actor(name=official.name, agency_id=_mine(official))
    up_to = _number(fields.get("up_to", ""))
    moved = move_many(
        house, surge.id, wanted, by=by, officer_id=login.officer_id, notes=note, up_to=up_to, codes=codes
    )
    log.info("surge %s: %s reports to %s by officer %s", surge.id, moved.done, wanted, login.officer_id)
    house.wake()
    where = f"/desk/surge/{surge.id}?status={wanted}&done={moved.done}&left={moved.left}&press={moved.press}"
    return RedirectResponse(where, status_code=303)


def undo(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Undo what one press of theirs moved, as far as that can still be."""
    official = official_of(login.officer)
    surge = _visible(house, official, request.path_params["id"])
    if surge is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    if official.role not in CHANGES:
        return _page(house, request, login, status=403, problem=texts(language_of(request))["no_change_right"])
    by = Actor(name=official.name, agency_id=_mine(official))
    undone = undo_press(house, fields.get("press", "")[:64], by=by, officer_id=login.officer_id)
    log.info("surge %s: %s moves undone by officer %s", surge.id, undone, login.officer_id)
    house.wake()
    late = max(_number(fields.get("moved", "")) - undone, 0)
    return RedirectResponse(f"/desk/surge/{surge.id}?undone={undone}&late={late}", status_code=303)


def _chance(house: House, request: Request, login: DeskSession) -> dict[str, Any] | None:
    """What they may still undo of the press that the address names; the seconds are those of its first report."""
    press, now = request.query_params.get("press", "")[:64], house.now()
    with house.store.read() as session:
        found = moved_at(session, press, login.officer_id, now) if press else []
        ends = [each.until for each in found]
    if not ends:
        return None
    return {"press": press, "count": len(ends), "seconds": math.ceil((min(ends) - now).total_seconds())}


def _missing(wanted: str, note: str, codes: list[str] | None) -> str | None:
    if wanted in NEEDS_REASON and not note:
        return "needs_reason"
    if codes is not None and not any(codes):
        return "surge_none_chosen"
    return "note_too_long" if len(note) > LONGEST_NOTE else None


def out(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Take one report out of the surge: it is an ordinary one from now on."""
    official, code = official_of(login.officer), typed_code(fields.get("code", ""))
    surge = _visible(house, official, request.path_params["id"])
    if surge is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    with house.store.write() as session:
        report = queries.report_by_code(session, code)
        is_ours = report is not None and report.surge_id == surge.id and surge.ended_at is None
        is_allowed = is_ours and report is not None and may_change(official, report)
        if is_allowed and report is not None:
            take_out(session, report, by=Actor(name=official.name, agency_id=official.agency_id), house=house)
            log.info("report %s was taken out of surge %s by officer %s", code, surge.id, login.officer_id)
    if not is_allowed:
        t = texts(language_of(request))
        return _page(house, request, login, status=403, problem=t["no_change_right"])
    house.wake()
    return RedirectResponse(f"/desk/surge/{surge.id}?out={code}", status_code=303)
