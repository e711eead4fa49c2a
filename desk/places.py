"""The place of a report, put right at the desk: what else it may be, and what an official names instead."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from config.pack import Pack
from desk.changes import Refused, to_change
from desk.doors import Fields
from desk.rights import may_see, official_of
from normalizer.normalize import normalize
from normalizer.schema import Place
from router.corrections import correct_place
from router.house import House
from router.status import OPEN, Actor, NotAllowed
from router.undo import undoable
from store.models import Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

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
    """(HTTP status, key of the sentence that says why not, words of the answer); no sentence when it is done.

    `area_code` names one of the other answers; `where` is an address, an area, a point or a map's link.
    """
    official, words = official_of(login.officer), fields.get("where", "").strip()
    read = _read(words, house.pack)
    with house.store.write() as session:
        try:
            report = to_change(session, request, official, fields)
        except Refused as refused:
            return refused.status, refused.problem, {}
        # typed words go first: Enter in their field presses the form's first button
        place = read if words else _candidates(report).get(fields.get("area_code", ""))
        if place is None:
            return 400, "place_not_found", {}
        try:
            by = Actor(name=official.name, agency_id=official.agency_id)
            with undoable(session, report, officer_id=login.officer_id, house=house):
                correct_place(session, report, place, by=by, house=house)
        except NotAllowed:
            return 400, "no_moves", {}
        log.info("report %s: place by officer %s", report.code, login.officer_id)
        return 200, None, {"still_mine": may_see(official, report)}


def _read(words: str, pack: Pack) -> Place | None:
    """Where the words are; None for nowhere, for outside of the city, and for two places at once."""
    if not words or len(words) > LONGEST:
        return None
    place = normalize(words, pack=pack).place
    return place if place and place.area_code and not place.conflict else None
