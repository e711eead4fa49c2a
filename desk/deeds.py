"""Who is behind a report: hidden until an official who may know looks, which is written down; and what was."""

import csv
import io
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from starlette.requests import Request
from starlette.responses import Response

from desk.changes import Refused, visible
from desk.doors import Fields
from desk.pages import render
from desk.rights import Official, may_audit, may_know, official_of
from desk.view import page_asked
from desk.wire import typed_code
from normalizer.seen import harmless, seen
from router.house import House
from store.desk import Deed
from store.models import Address, Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

LOOKED = "looked"
PAGE_SIZE, IN_A_FILE = 50, 50_000
WHATS = (
    *(LOOKED, "answered", "chat_moved", "exported", "exported_people", "replayed"),
    *("way_added", "way_changed", "way_tried", "way_resumed", "way_removed", "way_coded", "imported"),
    *("account_added", "account_changed", "account_locked", "account_unlocked", "account_reset"),
    *("account_removed", "account_linked", "mail_changed", "step_reset", "recovery_codes"),
    *("invited", "invite_sent", "invite_withdrawn", "invite_taken"),
)
Page = Callable[..., Response]  # draws the report's page with a sentence on top


def look(house: House, request: Request, login: DeskSession, fields: Fields, page: Page) -> Response:
    """The addresses of the report's reporter, shown once; that they were shown is written down before."""
    official = official_of(login.officer)
    report = visible(house, official, request.path_params["code"])
    try:
        if report is None or not may_know(official, report):
            raise Refused(404 if report is None else 403, "no_right_to_know")
        with house.store.write() as session:
            session.add(Deed(report_id=report.id, by=official.name, what=LOOKED, at=house.now()))
    except Refused as refused:
        return page(status=refused.status, problem=refused.problem)
    log.info("report %s: officer %s looked at who is behind it", report.code, login.officer_id)
    return page(status=200, problem=None, contacts=_contacts(house, report))


def _contacts(house: House, report: Report) -> list[tuple[str, str]]:
    """Channel and address of everything that the person wrote from; empty for one who was forgotten."""
    with house.store.read() as session:
        query = select(Address).where(Address.reporter_id == report.reporter_id).order_by(Address.id)
        rows = [each for each in session.scalars(query) if each.sealed]
        return [(each.channel, house.store.sealer.open(each.sealed)) for each in rows]


def write_deed(house: House, by: Official, what: str, about: str) -> None:
    """Write down what somebody did that belongs to no single report."""
    with house.store.write() as session:
        session.add(Deed(by=by.name, what=what, about=about[:300], at=house.now()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which deeds are asked for; "" everywhere asks for all. Days are the city's, `2026-11-26`."""

    who: str = ""
    what: str = ""
    code: str = ""
    first: str = ""
    last: str = ""

    def query(self, zone: ZoneInfo) -> Select[Deed, str | None]:
        query = select(Deed, Report.code).outerjoin(Report, Deed.report_id == Report.id).order_by(Deed.id.desc())
        query = query.where(Deed.by.contains(self.who, autoescape=True)) if self.who else query
        query = query.where(Deed.what == self.what) if self.what else query
        query = query.where(Report.code == self.code) if self.code else query
        if first := _day(self.first, zone):
            query = query.where(Deed.at >= first)
        if last := _day(self.last, zone):
            query = query.where(Deed.at < last + timedelta(days=1))
        return query

    def link(self) -> str:
        return urlencode({name: value for name, value in asdict(self).items() if value})


def _day(said: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(said), time(), zone)
    except (ValueError, OverflowError):
        return None


def _filter(request: Request) -> Filter:
    asked = request.query_params
    return Filter(
        who=seen(asked.get("who", "")).strip()[:80],
        what=asked.get("what", "") if asked.get("what") in WHATS else "",
        code=typed_code(asked.get("code", "")),
        first=asked.get("first", "")[:10],
        last=asked.get("last", "")[:10],
    )


def deeds_page(house: House, request: Request, login: DeskSession) -> Response:
    """Who looked at whom, wrote to them, took lists along or changed the house, the newest first."""
    if not may_audit(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    page, asked = page_asked(request.query_params.get("page", "")), _filter(request)
    query = asked.query(ZoneInfo(house.pack.timezone))
    with house.store.read() as session:
        rows = session.execute(query.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)).all()
    deeds = [(deed, quote(code or "")) for deed, code in rows[:PAGE_SIZE]]
    more = len(rows) > PAGE_SIZE
    return render(
        house, request, "deeds.html", nav=login, deeds=deeds, page=page, has_more=more, asked=asked, whats=WHATS
    )


def deeds_table(house: House, request: Request, login: DeskSession) -> Response:
    """The same as CSV, the newest IN_A_FILE of them."""
    if not may_audit(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(("at", "by", "what", "code", "about"))
    with house.store.read() as session:
        for deed, code in session.execute(_filter(request).query(ZoneInfo(house.pack.timezone)).limit(IN_A_FILE)):
            row = (deed.at.isoformat(timespec="seconds"), deed.by, deed.what, code or "", deed.about or "")
            writer.writerow([harmless(each) for each in row])
    headers = {"Content-Disposition": 'attachment; filename="deeds.csv"', "Cache-Control": "no-store"}
    return Response(file.getvalue().encode("utf-8", "replace"), media_type="text/csv", headers=headers)
