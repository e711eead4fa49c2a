"""Many reports at one press from the queue: each moved in a transaction of its own, with what was not and why."""

import logging
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.changes import Refused, held
from desk.doors import Fields
from desk.people import take_for
from desk.rights import Official, official_of
from desk.undo import MOST, codes_in
from desk.view import kept_query
from desk.wire import typed_code
from router.house import House
from router.status import Actor, NotAllowed, change_status
from router.undo import undoable
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

TAKE, PASS_ON = "take", "assigned"
MANY_MOVES = (TAKE, "accepted", "in_progress", PASS_ON)
PICK = "r-"  # begins the name of a ticked report's field; its value is the status that it was seen in
WHYS = frozenset({"no_change_right", "moved_meanwhile", "many_not_allowed", "taken_by_other"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the press before did: the codes that were moved, and those that were not, each with the key of why."""

    done: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def move_many(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Carry the press out for each ticked report; back to the view that it came from."""
    official, wanted = official_of(login.officer), fields.get("move", "")
    ticked = {typed_code(name[len(PICK) :]): seen for name, seen in fields.items() if name.startswith(PICK)}
    ticked.pop("", None)
    said: dict[str, str] = {}
    if problem := _missing(house, wanted, fields, ticked):
        said["problem"] = problem
    else:
        outcomes = {code: _one(house, login, code, seen, fields) for code, seen in [*ticked.items()][:MOST]}
        said["moved"] = ",".join(code for code, why in outcomes.items() if why is None)
        said["failed"] = ",".join(f"{code}.{why}" for code, why in outcomes.items() if why)
        log.info("officer %s: %s for %s of %s", login.officer_id, wanted, len(said["moved"]), len(ticked))
        house.wake()
    return RedirectResponse(f"/desk{_query(house, official, login, fields)}{urlencode(said)}", status_code=303)


def _query(house: House, official: Official, login: DeskSession, fields: Fields) -> str:
    query = kept_query(official, fields.get("query", ""), house.pack, login.officer_id)
    return query + ("&" if len(query) > 1 else "")


def _missing(house: House, wanted: str, fields: Fields, ticked: dict[str, str]) -> str | None:
    if wanted not in MANY_MOVES or not ticked:
        return "surge_none_chosen"
    if wanted == PASS_ON and fields.get("agency_id") not in house.pack.agencies:
        return "needs_agency"
    return None


def _one(house: House, login: DeskSession, code: str, seen: str, fields: Fields) -> str | None:
    """Move one report; why not, or None."""
    official, wanted = official_of(login.officer), fields["move"]
    by = Actor(name=official.name, agency_id=official.agency_id)
    try:
        with house.store.write() as session:
            report = held(session, official, code)
            if wanted == TAKE:
                take_for(report, official, login.officer_id, login.officer_id)
                return None
            if report.status != seen:
                return "moved_meanwhile"
            agency_id = fields["agency_id"] if wanted == PASS_ON else None
            with undoable(session, report, officer_id=login.officer_id, house=house):
                change_status(session, report, wanted, by=by, house=house, agency_id=agency_id)
    except Refused as refused:
        return refused.problem
    except NotAllowed:
        return "many_not_allowed"
    return None


def said_of_many(request: Request) -> Said | None:
    """What the address says of the press before; only codes and keys that we know."""
    asked = request.query_params
    pairs = [each.partition(".") for each in asked.get("failed", "")[:3000].split(",")]
    failed = tuple((typed_code(code), why) for code, _, why in pairs if typed_code(code) and why in WHYS)
    done = tuple(codes_in(asked.get("moved", "")))
    return Said(done=done, failed=failed[:MOST]) if done or failed else None


def problem_of_many(request: Request) -> str | None:
    said = request.query_params.get("problem")
    return said if said in {"surge_none_chosen", "needs_agency"} else None
