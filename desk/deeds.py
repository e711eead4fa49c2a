"""Who is behind a report: hidden until an official who may know looks, which is written down; and what was."""

import logging
from collections.abc import Callable
from urllib.parse import quote

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from desk.changes import Refused, visible
from desk.doors import Fields
from desk.pages import render
from desk.rights import may_audit, may_know, official_of
from desk.view import page_asked
from router.house import House
from store.desk import Deed
from store.models import Address, Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

LOOKED = "looked"
PAGE_SIZE = 50
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


def deeds_page(house: House, request: Request, login: DeskSession) -> Response:
    """Who looked at whom and who wrote to them, the newest first."""
    if not may_audit(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    page = page_asked(request.query_params.get("page", ""))
    query = select(Deed, Report.code).join(Report, Deed.report_id == Report.id).order_by(Deed.id.desc())
    with house.store.read() as session:
        rows = session.execute(query.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)).all()
    deeds = [(deed, quote(code)) for deed, code in rows[:PAGE_SIZE]]
    return render(house, request, "deeds.html", nav=login, deeds=deeds, page=page, has_more=len(rows) > PAGE_SIZE)
