"""The button "undo": how long it is there, and the press."""

import logging
import math
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import Fields
from desk.rights import CHANGES, official_of
from desk.view import kept_query
from desk.wire import typed_code
from router.house import House
from router.status import Actor, NotAllowed
from router.undo import newest, undo
from store import queries
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

MOST = 30  # reports at one press


@dataclass(frozen=True, kw_only=True, slots=True)
class Chance:
    """These reports' moves may be undone for so many seconds."""

    codes: tuple[str, ...]
    seconds: int


def undo_of(house: House, login: DeskSession, *codes: str) -> Chance | None:
    """What they may still undo of these reports."""
    now, found = house.now(), {}
    with house.store.read() as session:
        for code in filter(None, codes):
            report = queries.report_by_code(session, code)
            kept = report and newest(session, report, officer_id=login.officer_id, now=now)
            if kept:
                found[code] = (kept.until - now).total_seconds()
    return Chance(codes=tuple(found), seconds=math.ceil(min(found.values()))) if found else None


def codes_in(said: str) -> list[str]:
    """Codes between commas, each once."""
    return list(dict.fromkeys(filter(None, map(typed_code, said[:1000].split(",")))))[:MOST]


def press(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Undo their newest move of each of these reports; back to the report, or with several to the queue."""
    codes = codes_in(fields.get("codes", ""))
    undone = [code for code in codes if _undo(house, login, code)]
    house.wake()
    if len(codes) == 1 and fields.get("back") != "queue":
        return RedirectResponse(f"/desk/r/{quote(codes[0])}?undone={len(undone)}", status_code=303)
    query = kept_query(official_of(login.officer), fields.get("query", ""), house.pack, login.officer_id)
    where = f"/desk{query}{'&' if len(query) > 1 else ''}undone={len(undone)}&late={len(codes) - len(undone)}"
    return RedirectResponse(where, status_code=303)


def _undo(house: House, login: DeskSession, code: str) -> bool:
    """Whether it was undone; it was theirs, so it does not matter whose the report is now."""
    official = official_of(login.officer)
    try:
        with house.store.write() as session:
            report = queries.report_by_code(session, code)
            if report is None or official.role not in CHANGES:
                return False
            by = Actor(name=official.name, agency_id=official.agency_id)
            undo(session, report, officer_id=login.officer_id, by=by, house=house)
    except (NotAllowed, OSError) as reason:
        log.info("report %s: not undone: %s", code, type(reason).__name__)
        return False
    log.info("report %s: undone by officer %s", code, login.officer_id)
    return True
