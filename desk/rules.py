"""/desk/rules, for admins: rules that are offered with their evidence, and those that were taken."""

import logging

from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import Fields
from desk.pages import language_of, render, texts
from desk.rights import may_rule, official_of
from router.house import House
from router.replies import service_name
from router.rules import give_back, offers, take_rule
from store.officials import DeskSession
from store.routes import list_rules

log = logging.getLogger("lapor.desk")


def rules_page(
    house: House, request: Request, login: DeskSession, *, status: int = 200, problem: str | None = None
) -> Response:
    if not may_rule(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    with house.store.read() as session:
        offered, taken = offers(session, house), list_rules(session)
    language = language_of(request)
    done = request.query_params.get("done")
    return render(
        house,
        request,
        "rules.html",
        status=status,
        nav=login,
        offers=offered,
        rules=taken,
        days=house.pack.routing["recurs_days"],
        name_of=lambda code: service_name(house.pack, code, language) or code,
        problem=texts(language)[problem] if problem else None,
        done=done if done in {"taken", "back"} else None,
    )


def take(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Take an offered rule; what is not offered any more is a sentence on the page."""
    official = official_of(login.officer)
    if not may_rule(official):
        return render(house, request, "not_found.html", status=404, nav=login)
    wanted = (fields.get("service_code", ""), fields.get("agency_id", ""), fields.get("to_agency_id", ""))
    try:
        with house.store.write() as session:
            rule = take_rule(session, house, wanted, official.name)
    except IntegrityError:  # another admin pressed in the same moment
        rule = None
    if rule is None:
        return rules_page(house, request, login, status=409, problem="not_offered")
    log.info("rule %s: %s of %s to %s taken by officer %s", rule.id, *wanted, login.officer_id)
    return RedirectResponse("/desk/rules?done=taken", status_code=303)


def back(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Take a rule back."""
    if not may_rule(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    said = fields.get("rule", "")
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0  # what fits into a bigint
    with house.store.write() as session:
        rule = give_back(session, number)
    if rule is None:
        return rules_page(house, request, login, status=409, problem="no_such_rule")
    log.info(
        "rule %s: %s of %s to %s taken back by officer %s",
        *(rule.id, rule.service_code, rule.agency_id, rule.to_agency_id, login.officer_id),
    )
    return RedirectResponse("/desk/rules?done=back", status_code=303)
