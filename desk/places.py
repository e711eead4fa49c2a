"""The place of a report, put right at the desk: what else it may be, and what an official names instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from config.pack import Pack
from desk.changes import Refused, corrected
from desk.doors import Fields
from normalizer.normalize import normalize
from normalizer.schema import Place
from router.corrections import correct_place
from router.house import House
from router.status import OPEN, Actor
from store.models import Report
from store.officials import DeskSession

LONGEST = 300  # characters of an address


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """Another answer to "where": an area, who says so, how sure (0 to 1)."""

    area_code: str
    name: str
    source: str
    confidence: float


def others(pack: Pack, report: Report) -> list[Other]:
    """The normalizer's other answers, the likeliest first."""
    return [
        Other(area_code=code, name=pack.areas[code].name, source=each["source"], confidence=each["confidence"])
        for code, each in _candidates(report).items()
        if code in pack.areas
    ]


def _candidates(report: Report) -> dict[str, Mapping[str, Any]]:
    place = report.sources.get("place", {})
    found = [*place.get("conflict", ()), *place.get("candidates", ())]
    codes = dict.fromkeys(each["area_code"] for each in found if each["area_code"] != report.area_code)
    return {code: next(each for each in found if each["area_code"] == code) for code in codes}


def may_be_moved(report: Report) -> bool:
    """A finished report keeps its place."""
    return report.status in OPEN


def try_place(
    house: House, request: Request, login: DeskSession, fields: Fields
) -> tuple[int, str | None, dict[str, Any]]:
    """As corrected(): `area_code` names one of the other answers; `where` is an address, an area, a point or a
    map's link."""
    words = fields.get("where", "").strip()
    read = _read(words, house.pack)

    def correct(session: Session, report: Report, by: Actor) -> None:
        # typed words go first: Enter in their field presses the form's first button
        place = read if words else _candidates(report).get(fields.get("area_code", ""))
        if place is None:
            raise Refused(400, "place_not_found")
        correct_place(session, report, place, by=by, house=house)

    return corrected(house, request, login, fields, "place", correct)


def _read(words: str, pack: Pack) -> Place | None:
    """Where the words are; None for nowhere, for outside of the city, and for two places at once."""
    if not words or len(words) > LONGEST:
        return None
    place = normalize(words, pack=pack).place
    return place if place and place.area_code and not place.conflict else None
