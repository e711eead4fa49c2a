"""Doubts about after-photos on a report's page, and what an agency says to them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import Fields
from desk.pages import render
from desk.rights import Official, may_change, official_of, sees_all
from desk.wire import typed_code
from router.doubts import Flag, flags_of, in_words
from router.held import lock
from router.house import House
from router.status import Actor, add_line
from store import queries
from store.models import Holding, Report
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

LONGEST = 1000  # characters of an explanation


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A doubt in plain words: about which photo (by number, None: there is none), and which one it equals."""

    words: str
    photo: int | None
    like: int | None
    code: str | None


def doubts_here(house: House, report: Report, language: str) -> list[Shown]:
    """All doubts about a report's after-photos, in the reader's language; `like` is a photo's id."""
    numbers = {photo.id: number for number, photo in enumerate(report.photos, start=1)}
    return [_shown(house, report, flag, numbers.get(flag.get("photo", 0)), language) for flag in flags_of(report)]


def _shown(house: House, report: Report, flag: Flag, number: int | None, language: str) -> Shown:
    words = in_words(flag, report.code, house.pack, language)
    code = flag.get("code")
    return Shown(
        words=words[:1].upper() + words[1:],
        photo=number,
        like=flag.get("like"),
        code=code if code != report.code else None,
    )


def doubted_photos(report: Report) -> frozenset[int]:
    """The ids of those photos that only triage shows to the public."""
    return frozenset(flag["photo"] for flag in flags_of(report) if "photo" in flag)


def explanation_of(report: Report) -> str | None:
    """The newest explanation of a report's doubts."""
    said = [holding.explanation for holding in report.holdings if holding.flags and holding.explanation]
    return said[-1] if said else None


def may_explain(official: Official, report: Report) -> bool:
    """Answer for doubts of one's own agency (triage and admin: of any)."""
    return may_change(official, report) and _flagged(official, report.holdings) is not None


def _flagged(official: Official, holdings: Sequence[Holding]) -> Holding | None:
    """The newest holding with doubts that this official answers for."""
    own = (
        holding for holding in reversed(holdings) if sees_all(official) or holding.agency_id == official.agency_id
    )
    return next((holding for holding in own if holding.flags), None)


def explain(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Put down what the agency says to the doubts: on the holding, and as a line of the history."""
    official, code = official_of(login.officer), typed_code(request.path_params["code"])
    words = fields.get("explanation", "").replace("\r\n", "\n").strip()
    with house.store.write() as session:
        report = queries.report_by_code(session, code)
        if report is None or not may_change(official, report):
            return render(house, request, "not_found.html", status=404, nav=login)
        lock(session, report)
        holding = _flagged(official, report.holdings)
        if holding is None or not may_change(official, report) or not 0 < len(words) <= LONGEST:
            return render(house, request, "bad_form.html", status=400, nav=login)
        if holding.explanation != words:
            holding.explanation, now = words, house.now()
            report.updated_at = now
            by = Actor(name=official.name, agency_id=official.agency_id)
            line = house.pack.texts[house.pack.languages[0]]["doubt_explained"].format(words=words)
            add_line(session, report, report.status, by=by, house=house, now=now, notes=line)
            log.info("report %s: doubts explained by officer %s", report.code, login.officer_id)
    return RedirectResponse(f"/desk/r/{quote(code)}#photos", status_code=303)
