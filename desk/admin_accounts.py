"""/desk/accounts: the officials' accounts, for admins: add, invite, change, lock, reset, remove; all deeds."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from config.roles import ROLES
from desk.admin import draw
from desk.areas import area_named
from desk.doors import Fields
from desk.rights import official_of
from desk.view import page_asked
from normalizer.seen import seen
from router import invitations
from router.house import House
from store import account_changes
from store.accounts import AccountError, add_officer, is_locked, known_as
from store.officials import DeskSession, Officer

log = logging.getLogger("lapor.desk")

PAGE_SIZE = 50
LONGEST = 100
DONE = frozenset({"changed", "locked", "unlocked", "removed", "step", "withdrawn", "mailed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a form says of an account, as it is to be kept."""

    name: str
    role: str
    agency_id: str | None
    area_code: str | None
    mail: str


def accounts_page(house: House, request: Request, login: DeskSession, **words: Any) -> Response:
    """All accounts by name, or those with these letters in it. Holds no password and no key."""
    asked = request.query_params
    page, q = page_asked(asked.get("page", "")), seen(asked.get("q", "")).strip()[:LONGEST]
    query = select(Officer).order_by(Officer.name)
    query = query.where(Officer.name.contains(known_as(q), autoescape=True)) if q else query
    with house.store.read() as session:
        rows = list(session.scalars(query.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)))
    done = asked.get("done")
    return draw(
        house,
        request,
        login,
        "admin_accounts.html",
        officers=rows[:PAGE_SIZE],
        page=page,
        has_more=len(rows) > PAGE_SIZE,
        q=q,
        link=urlencode({"q": q}) if q else "",
        roles=ROLES,
        agencies=sorted(house.pack.agencies.values(), key=lambda each: each.name),
        is_waiting=invitations.is_waiting,
        is_locked=lambda officer: is_locked(officer, house.now()),
        is_late=lambda officer: officer.invited_until is None or officer.invited_until <= house.now(),
        mail_of=lambda officer: house.store.sealer.open(officer.mail_sealed) if officer.mail_sealed else "",
        has_mail=bool(house.settings.smtp_relay),
        **{"problem": None, "once": None, "done": done if done in DONE else None, "said": {}, **words},
    )


def add(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """An invitation, or an account with a one-time password; what is to be handed over is on this one answer."""
    by = official_of(login.officer).name
    try:
        asked = _asked(house, fields)
        if fields.get("way") == "password":
            return _once(house, request, login, asked.name, "account_once_password", _made(house, asked, by))
        link = invitations.invite(
            house, asked.name, asked.role, asked.agency_id, asked.area_code, asked.mail, by=by
        )
    except (AccountError, LookupError) as error:
        return _refused(house, request, login, error, said=dict(fields))
    log.info("account added by officer %s", login.officer_id)
    return _handed_over(house, request, login, asked.name, link)


def _made(house: House, asked: Asked, by: str) -> str:
    """A new account's one-time password. Raises AccountError."""
    now, name = house.now(), asked.name
    with house.store.write() as session:
        password = add_officer(
            session, name, asked.role, asked.agency_id, now=now, area_code=asked.area_code, by=by
        )
        officer = account_changes.existing(session, name)
        account_changes.set_mail(session, officer, asked.mail, house.store.sealer, now=now, by=by)
        return password


def _asked(house: House, fields: Fields) -> Asked:
    """Raises AccountError or LookupError (an area that is not one)."""
    agency_id = fields.get("agency", "") or None
    if agency_id is not None and agency_id not in house.pack.agencies:
        raise AccountError("account_role_agency", "there is no such agency")
    area = fields.get("area", "").strip()[:LONGEST]
    return Asked(
        name=fields.get("name", "")[:LONGEST],
        role=fields.get("role", ""),
        agency_id=agency_id,
        area_code=area_named(house.pack, agency_id, area) if area else None,
        mail=invitations.mailbox(house, fields.get("mail", "")[: invitations.LONGEST_MAIL + 1]),
    )


def _once(house: House, request: Request, login: DeskSession, name: str, word: str, secret: str) -> Response:
    return accounts_page(house, request, login, once={"name": known_as(name), "word": word, "secret": secret})


def _handed_over(house: House, request: Request, login: DeskSession, name: str, link: str | None) -> Response:
    if link is None:
        return RedirectResponse("/desk/accounts?done=mailed", status_code=303)
    return _once(house, request, login, name, "account_once_link", link)


def _refused(
    house: House, request: Request, login: DeskSession, error: AccountError | LookupError, **words: Any
) -> Response:
    key = error.key if isinstance(error, AccountError) else "account_bad_area"
    return accounts_page(house, request, login, status=400, problem=key, **words)


def move(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """One account changed, as the pressed button says."""
    what, name, by = request.path_params["what"], fields.get("name", "")[:LONGEST], official_of(login.officer).name
    try:
        if what == "sent":
            return _handed_over(house, request, login, name, invitations.send_again(house, name, by=by))
        if what == "reset":
            with house.store.write() as session:
                password = account_changes.reset_password(session, name, now=house.now(), by=by)
            return _once(house, request, login, name, "account_once_password", password)
        if what == "withdrawn":
            invitations.withdraw(house, name, by=by)
        elif what == "changed":
            _change(house, _asked(house, fields), by)
        elif what in PRESSES:
            with house.store.write() as session:
                PRESSES[what](session, name, now=house.now(), by=by)
        else:
            raise AccountError("account_none", "there is no such press")
    except (AccountError, LookupError) as error:
        return _refused(house, request, login, error)
    log.info("account %s by officer %s", what, login.officer_id)
    return RedirectResponse(f"/desk/accounts?done={what}", status_code=303)


PRESSES: dict[str, Callable[..., None]] = {
    "locked": account_changes.lock,
    "unlocked": account_changes.unlock,
    "removed": account_changes.remove_officer,
    "step": account_changes.reset_second_step,
}


def _change(house: House, asked: Asked, by: str) -> None:
    with house.store.write() as session:
        account_changes.change_officer(
            session, asked.name, asked.role, asked.agency_id, asked.area_code, now=house.now(), by=by
        )
        officer = account_changes.existing(session, asked.name)
        account_changes.set_mail(session, officer, asked.mail, house.store.sealer, now=house.now(), by=by)
