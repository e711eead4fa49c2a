"""/desk/invitation/TOKEN: an invited official sets a password of their own; looking uses nothing up."""

import logging

from starlette.requests import Request
from starlette.responses import Response

from desk import doors
from desk.pages import render
from router.house import House
from router.invitations import invited, take
from store.officials import Officer
from store.passwords import PasswordError

log = logging.getLogger("lapor.desk")

LONGEST_TOKEN = 100


def page(house: House, request: Request) -> Response:
    officer = invited(house, _token(request))
    return _form(house, request, officer) if officer else _gone(house, request)


def _token(request: Request) -> str:
    return str(request.path_params["token"])[:LONGEST_TOKEN]


def _form(house: House, request: Request, officer: Officer, wrong: str | None = None) -> Response:
    status = 400 if wrong else 200
    words = {"officer": officer, "wrong": wrong, "has_provider": house.settings.has_oidc and officer.mail_sealed}
    return _unsaid(doors.open_form(house, request, "invitation.html", status=status, **words))


def _gone(house: House, request: Request) -> Response:
    return _unsaid(render(house, request, "invitation_gone.html", status=404))


def _unsaid(answer: Response) -> Response:
    """The link is in the address: no other page is told where its reader came from."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def taken(house: House, request: Request, fields: doors.Fields) -> Response:
    """Set the password, use the link up, and log in."""
    token, password = _token(request), fields.get("new", "")
    officer = invited(house, token)
    if officer is None:
        return _gone(house, request)
    if not doors.is_of_form(house, request, fields):
        return _form(house, request, officer, "form_too_old")
    if password != fields.get("again", ""):
        return _form(house, request, officer, "passwords_differ")
    try:
        held = take(house, token, password)
    except PasswordError as refused:
        return _form(house, request, officer, str(refused))
    if held is None:
        return _gone(house, request)
    log.info("officer %s took the invitation", held.id)
    return _unsaid(doors.let_in(house, held, "/desk"))
