"""servicerequestupdates, as FixMyStreet's Open311 extension has it: how officials' systems change a status."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from desk.open311 import caller, find_agency, wanted_of
from desk.open311_words import TO_EXTENSION, Item, Refused, answer, date, error, our_status, read_date
from desk.rights import Official, may_change, may_see
from desk.wire import BadBody, read_fields, typed_code
from router import shown
from router.agency_moves import LONGEST_NOTE
from router.held import lock
from router.house import House
from router.status import Actor, NotAllowed, allowed_moves, change_status
from store import queries
from store.models import Report, StatusUpdate
from store.near import lead_of
from store.officials import ApiUpdate

log = logging.getLogger("lapor.open311")


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """What an official's system asks for. `status` is ours; `word` is what it said."""

    code: str
    status: str
    word: str
    notes: str
    agency_id: str | None
    update_id: str


def updates(house: House, request: Request) -> Response:
    """GET: history lines, the oldest first; start_date and end_date speak of the update's own time."""
    official = caller(house, request)
    asked = wanted_of(house, request, official)
    wanted = queries.Wanted(
        codes=asked.codes,
        updated_from=asked.requested_from,
        updated_to=asked.requested_to,
        start=asked.start,
        limit=asked.limit,
        visible=asked.visible,
    )
    with house.store.read() as session:
        lines = queries.wanted_lines(session, wanted)
    items = [_item(house, line, official is not None and may_see(official, line.report)) for line in lines]
    return answer(request.path_params["format"], "service_request_updates", "request_update", items)


def _item(house: House, line: StatusUpdate, knows_all: bool) -> Item:
    agency = house.pack.agencies.get(line.agency_id or "")
    return {
        "update_id": f"{line.report.code}-{line.seq}",
        "service_request_id": line.report.code,
        "status": TO_EXTENSION.get(line.status, "OPEN"),
        "extended_status": line.status,
        "description": shown.notes(house.pack, line.report, line, knows_all=knows_all),
        "updated_datetime": date(line.at, ZoneInfo(house.pack.timezone)),
        "agency_responsible": agency.name if agency else None,
        "agency_id": line.agency_id,
    }


def writer(house: House) -> Callable[[Request], Awaitable[Response]]:
    """POST: change a report's status, once for each update_id of a key."""

    async def endpoint(request: Request) -> Response:
        format_ = request.path_params["format"]
        if format_ not in {"json", "xml"}:
            return error("json", 404, "the formats are json and xml")
        try:
            fields = await read_fields(request, takes_json=True)
            item = await run_in_threadpool(_take, house, request, fields)
        except (Refused, BadBody) as refused:
            return error(format_, refused.status, str(refused))
        return answer(format_, "service_request_updates", "request_update", [item])

    return endpoint


def _take(house: House, request: Request, fields: Mapping[str, str]) -> Item:
    official = caller(house, request, fields.get("api_key"))
    if official is None:
        raise Refused(403, "an api_key is needed: in the body or as `Authorization: Bearer …`")
    update = _read(house, fields)
    try:
        item = _carry_out(house, official, update)
    except IntegrityError:  # the same update_id at the same time, for another report: the first one counts
        item = _carry_out(house, official, update)
    house.wake()
    return item


def _read(house: House, fields: Mapping[str, str]) -> Update:
    """Raises Refused (400) for a field that is missing or cannot be read."""
    code, word = fields.get("service_request_id", ""), fields.get("status", "").strip()
    named = fields.get("agency_responsible", "").strip()
    if not code.strip():
        raise Refused(400, "service_request_id is missing")
    if fields.get("updated_datetime"):
        read_date("updated_datetime", fields["updated_datetime"], ZoneInfo(house.pack.timezone))
    agency_id = find_agency(house, named) if named else None
    if named and agency_id is None:
        raise Refused(400, f"there is no agency {named[:80]!r}")
    status = our_status(word) if word else ("assigned" if agency_id else None)
    if status is None:
        raise Refused(400, f"there is no status {word[:40]!r}" if word else "status is missing")
    notes, update_id = fields.get("description", "").strip(), fields.get("update_id", "").strip()
    if len(notes) > LONGEST_NOTE or len(update_id) > 200:
        raise Refused(400, f"description has {LONGEST_NOTE} characters at most, update_id 200")
    return Update(
        code=code, status=status, word=word.lower(), notes=notes, agency_id=agency_id, update_id=update_id
    )


def _carry_out(house: House, official: Official, update: Update) -> Item:
    """Change the status, or find that this update_id did so before: the answer is the same."""
    with house.store.write() as session:
        report = queries.report_by_code(session, typed_code(update.code))
        if report is None:
            raise Refused(404, "there is no request with this service_request_id")
        lead = lead_of(report)
        for each in sorted({report, lead}, key=lambda one: one.id):
            lock(session, each)  # copies of one update wait here for the first
        line = queries.line_of_update(session, official.name, update.update_id) if update.update_id else None
        if line is None:
            line = _change(house, session, official, report, update)
        return _item(house, line, True)  # the same answer to a repeat, whoever has the report by then


def _change(house: House, session: Session, official: Official, named: Report, update: Update) -> StatusUpdate:
    """Change the report, or the one that it was joined to, unless the move leads back out of the join."""
    report = named if update.status in allowed_moves(named) else lead_of(named)
    if not may_change(official, report):
        raise Refused(403, "this api_key may not change a report of another agency")
    if report is not named and report.status == update.status:
        return report.history[-1]  # it is there already: whoever named a joined report need not know
    status, agency_id = _move_of(report, update)
    by = Actor(name=official.name, agency_id=official.agency_id)
    try:
        line = change_status(session, report, status, by=by, house=house, notes=update.notes, agency_id=agency_id)
    except NotAllowed as reason:
        raise Refused(400, str(reason)) from None
    session.flush()  # the line has its number
    if update.update_id:
        session.add(ApiUpdate(key_name=official.name, update_id=update.update_id, status_update_id=line.id))
        session.flush()
    log.info("report %s: %s by %s", report.code, status, official.name)
    return line


def _move_of(report: Report, update: Update) -> tuple[str, str | None]:
    """The status to go to, and the agency with it: an agency goes with `assigned` only."""
    is_other = update.agency_id is not None and update.agency_id != report.agency_id
    if update.status == "assigned" or (update.word == "not_councils_responsibility" and is_other):
        return "assigned", update.agency_id
    if is_other:
        raise Refused(400, "agency_responsible names another agency: that goes with the status assigned")
    if update.word == "open" and "reopened" in allowed_moves(report):
        return "reopened", None
    return update.status, None
