"""The service of a report, put right at the desk: what there is to choose from, and the choice."""

import logging
from typing import Any

from starlette.requests import Request

from config.pack import Pack
from desk.changes import Refused, to_change
from desk.doors import Fields
from desk.rights import may_see, official_of
from router.corrections import correct_service
from router.guesses import guess_of
from router.house import House
from router.replies import service_name
from router.status import OPEN, Actor, NotAllowed
from router.undo import undoable
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")


def choices(pack: Pack, report: Report, language: str) -> tuple[dict[str, str], dict[str, str]]:
    """The services that a report may get, with their names: what the normalizer had in mind, and all others.

    Both are empty for a finished report, which keeps its own.
    """
    if report.status not in OPEN:
        return {}, {}
    names = {code: service_name(pack, code, language) or code for code in pack.services}
    names.pop(report.service_code or "", None)
    others = [code for code, _ in report.sources.get("service", {}).get("alternatives", ())]
    likely = {code: names.pop(code) for code in dict.fromkeys([guess_of(report), *others]) if code in names}
    return likely, dict(sorted(names.items(), key=lambda item: item[1].lower()))


def try_correct(
    house: House, request: Request, login: DeskSession, fields: Fields
) -> tuple[int, str | None, dict[str, Any]]:
    """(HTTP status, key of the sentence that says why not, words of the answer); no sentence when it is done."""
    official, wanted = official_of(login.officer), fields.get("service_code", "")
    with house.store.write() as session:
        try:
            report = to_change(session, request, official, fields)
        except Refused as refused:
            return refused.status, refused.problem, {}
        if wanted not in house.pack.services or wanted == report.service_code:
            return 400, "needs_service", {}
        try:
            by = Actor(name=official.name, agency_id=official.agency_id)
            with undoable(session, report, officer_id=login.officer_id, house=house):
                correct_service(session, report, wanted, by=by, house=house)
        except NotAllowed:
            return 400, "no_moves", {}
        log.info("report %s: service %s by officer %s", report.code, wanted, login.officer_id)
        return 200, None, {"still_mine": may_see(official, report)}
