"""An official's own account: the second step of the log-in, and where they are logged in."""

import segno
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk import doors
from desk.pages import render
from router.house import House
from store import accounts, second_step
from store.account_changes import written
from store.officials import DeskSession, Officer


def page(house: House, request: Request) -> Response:
    """Open to those whose role still lacks its second step; not before there is a password of their own."""
    login = doors.current(house, request)
    if login is None:
        return RedirectResponse("/desk?next=/desk/account", status_code=303)
    if login.officer.must_change_password:
        return RedirectResponse("/desk/password", status_code=303)
    return _drawn(house, request, login)


def _drawn(house: House, request: Request, login: DeskSession, wrong: str | None = None) -> Response:
    with house.store.write() as session:
        officer = session.get_one(Officer, login.officer_id)
        secret = None if officer.totp_since else second_step.set_up(officer, house.store.sealer)
        left = second_step.codes_left(session, officer)
        logins = accounts.sessions_of(session, officer, now=house.now())
    words: dict[str, object] = {
        "wrong": wrong,
        "since": officer.totp_since,
        "left": left,
        "csrf": login.csrf_token,
        "nav": login,
    }
    words |= {"logins": [(each.expires_at - accounts.SESSION_LASTS, each.id == login.id) for each in logins]}
    words |= {"secret": secret, "qr": _qr(house, officer.name, secret) if secret else None}
    words |= {"is_needed": doors.unready(house, login) is not None}
    return render(house, request, "account.html", status=400 if wrong else 200, **words)


def _qr(house: House, name: str, secret: str) -> str:
    """An `<svg>` of its own making, black on white whatever the page's colours are."""
    code = segno.make(second_step.address_of(secret, name, house.pack.name), error="m", micro=False)
    return code.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=False)


def confirm(house: House, request: Request, login: DeskSession, fields: doors.Fields) -> Response:
    """Put the second step in force; its recovery codes are on this one answer and nowhere else."""
    if login.officer.must_change_password:
        return RedirectResponse("/desk/password", status_code=303)
    with house.store.write() as session:
        sealer, code = house.store.sealer, fields.get("code", "")
        codes = second_step.turn_on(session, login.officer_id, code, sealer, now=house.now())
    if codes is None:
        return _drawn(house, request, login, "wrong_code")
    return _codes_page(house, request, login, codes)


def new_codes(house: House, request: Request, login: DeskSession, fields: doors.Fields) -> Response:
    """New recovery codes, for a code of the app or one of the old ones, which are all void then."""
    with house.store.write() as session:
        sealer, code = house.store.sealer, fields.get("code", "")
        codes = None
        if second_step.check_code(session, login.officer_id, code, sealer, now=house.now()):
            officer = session.get_one(Officer, login.officer_id)
            codes = second_step.new_codes(session, officer)
            written(session, f"officer:{officer.name}", "recovery_codes", officer.name, house.now())
    return (
        _drawn(house, request, login, "wrong_code") if codes is None else _codes_page(house, request, login, codes)
    )


def _codes_page(house: House, request: Request, login: DeskSession, codes: list[str]) -> Response:
    return render(house, request, "recovery_codes.html", codes=codes, nav=login)


def log_out_everywhere(house: House, request: Request, login: DeskSession, fields: doors.Fields) -> Response:
    with house.store.write() as session:
        accounts.end_sessions(session, login.officer)
    return doors.to_log_in("logged_out_everywhere")
