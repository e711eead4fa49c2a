"""The card at the desk: what the public sees, with the desk's own links, and the answer of the agency's head."""

import logging
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk import card
from desk.doors import Fields
from desk.pages import language_of, render, texts
from desk.rights import Official, may_answer, official_of, sees_all
from router.card import month_of
from router.house import House
from store.card import Named
from store.officials import CardAnswer, DeskSession

log = logging.getLogger("lapor.desk")

LONGEST_ANSWER = 2000


def page(house: House, request: Request, login: DeskSession) -> Response:
    """GET /desk/rapor: all agencies for those who see all, else my agency's card; `?agency=` names another."""
    return _page(house, request, login)


def _page(house: House, request: Request, login: DeskSession, *, status: int = 200, **said: Any) -> Response:
    official, asked = official_of(login.officer), request.query_params
    month = said.pop("month", None) or card.asked_month(house, request)
    agency_id = said.pop("agency_id", None) or asked.get("agency") or official.agency_id
    if month is None or (agency_id is not None and agency_id not in house.pack.agencies):
        return render(house, request, "not_found.html", status=404, nav=login)
    if agency_id is None:
        ours, outside = card.by_agency(house, month)
        found: dict[str, Any] = {"agency_id": None, "ours": ours, "outside": outside}
    else:
        found = card.whole(house, request, month, agency_id)
    shown = {"problem": None, "typed": "", "done": asked.get("done") == "yes", **found, **said}
    return render(
        house,
        request,
        "card_desk.html",
        status=status,
        nav=login,
        may_answer=agency_id is not None and may_answer(official, agency_id),
        link_of=lambda report: _link(official, report),
        **shown,
        **card.words(house, request, month),
    )


def _link(official: Official, report: Named) -> str:
    """The report at the desk, where this official may see it; what another agency has now is public only."""
    is_mine = sees_all(official) or official.agency_id == report.agency_id
    return f"/desk/r/{report.code}" if is_mine else f"/r/{report.code}"


def answer(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """POST /desk/rapor: what the agency says to its month; a later answer takes an earlier one's place."""
    official, said = official_of(login.officer), texts(language_of(request))
    agency_id, month = fields.get("agency", ""), fields.get("month", "")
    if agency_id not in house.pack.agencies or month_of(month, house.pack, house.now()) is None:
        return render(house, request, "not_found.html", status=404, nav=login)
    if not may_answer(official, agency_id):
        return render(house, request, "bad_form.html", status=403, nav=login)
    text = fields.get("text", "").replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST_ANSWER:
        problem = said["card_answer_too_long" if text else "card_answer_empty"]
        return _page(
            house, request, login, status=400, problem=problem, typed=text, agency_id=agency_id, month=month
        )
    with house.store.write() as session:
        session.add(CardAnswer(agency_id=agency_id, month=month, text=text, by=official.name, at=house.now()))
    log.info("the card of %s, %s, was answered by officer %s", agency_id, month, login.officer_id)
    asked = urlencode({"month": month, "agency": agency_id, "done": "yes"})
    return RedirectResponse(f"/desk/rapor?{asked}", status_code=303)
