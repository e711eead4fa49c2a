"""The service of a report, put right at the desk: what there is to choose from, and the choice."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from config.pack import Pack
from desk.changes import Refused, corrected
from desk.doors import Fields
from router.corrections import correct_service
from router.guesses import guess_of
from router.house import House
from router.replies import service_name
from router.status import OPEN, Actor
from store.models import Report
from store.officials import DeskSession


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
    """As corrected(): the service that `service_code` names."""
    wanted = fields.get("service_code", "")

    def correct(session: Session, report: Report, by: Actor) -> None:
        if wanted not in house.pack.services or wanted == report.service_code:
            raise Refused(400, "needs_service")
        correct_service(session, report, wanted, by=by, house=house)

    return corrected(house, request, login, fields, f"service {wanted}", correct)
