"""The button "not ours": who would get the report, and the press."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from desk.changes import Refused, corrected
from desk.doors import Fields
from desk.rights import Official, may_change
from router.house import House
from router.not_ours import next_choice, not_ours
from router.status import Actor, NotAllowed
from store.models import Report
from store.officials import DeskSession


def receiver(house: House, official: Official, report: Report) -> str | None:
    """The agency that a press would give the report to; None where there is nothing to press."""
    if not may_change(official, report):
        return None
    with house.store.read() as session:
        return next_choice(session, report, house)


def try_not_ours(
    house: House, request: Request, login: DeskSession, fields: Fields, note: str
) -> tuple[int, str | None, dict[str, Any]]:
    """As corrected()."""

    def give(session: Session, report: Report, by: Actor) -> None:
        try:
            not_ours(session, report, by=by, house=house, notes=note)
        except NotAllowed:
            raise Refused(400, "nobody_left") from None

    return corrected(house, request, login, fields, "not ours", give)
