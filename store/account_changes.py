"""What an admin or an operator does with an account, each act written down; the last admin stays."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.accounts import (
    CONSOLE,
    AccountError,
    check_role,
    end_sessions,
    hash_of,
    known_as,
    one_time_password,
)
from store.desk import Deed, DeskView
from store.models import Report
from store.officials import Officer
from store.seal import Sealer
from store.second_step import take_off


def reset_password(session: Session, name: str, *, now: datetime, by: str = CONSOLE) -> str:
    """Give a new one-time password; every other way in ends: log-ins, API key, second step, invitation, and the
    link to the city's provider. Lock-outs end, too. Raises AccountError.
    """
    officer = existing(session, name)
    password = one_time_password()
    officer.password_hash, officer.must_change_password = hash_of(password), True
    officer.api_key_hash = officer.oidc_issuer = officer.oidc_subject = None
    officer.invitation = officer.invited_until = None
    officer.failed_logins, officer.locked_until = 0, None
    take_off(session, officer)
    end_sessions(session, officer)
    written(session, by, "account_reset", officer.name, now)
    return password


def remove_officer(session: Session, name: str, *, now: datetime, by: str = CONSOLE) -> None:
    """Delete the account with its log-ins, API key and views; nobody has what it took. Raises AccountError."""
    officer, others = _held_with_admins(session, name)
    _keep_an_admin(officer, others)
    delete_officer(session, officer)
    written(session, by, "account_removed", officer.name, now)


def delete_officer(session: Session, officer: Officer) -> None:
    end_sessions(session, officer)
    take_off(session, officer)
    _give_back(session, officer)
    session.execute(delete(DeskView).where(DeskView.officer_id == officer.id))
    session.delete(officer)


def change_officer(
    session: Session, name: str, role: str, agency_id: str | None, area_code: str | None, *, now: datetime, by: str
) -> None:
    """Give an account another role, agency or area; its log-ins end. What it took at another agency nobody has.

    Raises AccountError.
    """
    officer, others = _held_with_admins(session, name)
    check_role(role, agency_id, area_code)
    if (officer.role, officer.agency_id, officer.area_code) == (role, agency_id, area_code):
        return
    if role != "admin":
        _keep_an_admin(officer, others)
    if agency_id != officer.agency_id:
        _give_back(session, officer)
    officer.role, officer.agency_id, officer.area_code = role, agency_id, area_code
    end_sessions(session, officer)
    about = ", ".join(filter(None, (f"{officer.name}: {role}", agency_id, area_code)))
    written(session, by, "account_changed", about, now)


def set_mail(session: Session, officer: Officer, mail: str, sealer: Sealer, *, now: datetime, by: str) -> None:
    """Where invitations go, and by which the city's provider knows them; "" for none. Raises AccountError."""
    if (sealer.open(officer.mail_sealed) if officer.mail_sealed else "") == mail:
        return
    if mail and (other := officer_of_mail(session, mail, sealer)) and other.id != officer.id:
        raise AccountError("account_mail_taken", "another account has this address")
    officer.mail_sealed = sealer.seal(mail) if mail else None
    officer.mail_lookup = sealer.lookups("email", mail)[0] if mail else None
    written(session, by, "mail_changed", officer.name, now)
    try:
        session.flush()
    except IntegrityError:  # somebody was quicker by a moment
        raise AccountError("account_mail_taken", "another account has this address") from None


def officer_of_mail(session: Session, mail: str, sealer: Sealer) -> Officer | None:
    return session.scalar(select(Officer).where(Officer.mail_lookup.in_(sealer.lookups("email", mail))))


def officer_of_subject(session: Session, issuer: str, subject: str) -> Officer | None:
    query = select(Officer).where(Officer.oidc_issuer == issuer, Officer.oidc_subject == subject)
    return session.scalar(query)


def link_provider(
    session: Session, mail: str, issuer: str, subject: str, sealer: Sealer, *, now: datetime
) -> Officer | None:
    """Link the account that has this verified address to the provider's; None: there is none, or it is linked.

    An invitation is taken by it, and a one-time password that was never used ends.
    """
    found = officer_of_mail(session, mail, sealer)
    officer = existing(session, found.name) if found else None
    if officer is None or officer.oidc_subject is not None or officer.locked_at is not None:
        return None
    officer.oidc_issuer, officer.oidc_subject = issuer, subject
    officer.invitation = officer.invited_until = None
    if officer.must_change_password:
        officer.password_hash, officer.must_change_password = None, False
    written(session, f"officer:{officer.name}", "account_linked", officer.name, now)
    return officer


def lock(session: Session, name: str, *, now: datetime, by: str) -> None:
    """Nobody gets in with this account until it is unlocked, by key neither. Raises AccountError."""
    officer, others = _held_with_admins(session, name)
    _keep_an_admin(officer, others)
    officer.locked_at = now
    end_sessions(session, officer)
    written(session, by, "account_locked", officer.name, now)


def unlock(session: Session, name: str, *, now: datetime, by: str) -> None:
    """End an admin's lock and the door's own. Raises AccountError."""
    officer = existing(session, name)
    officer.locked_at = officer.locked_until = None
    officer.failed_logins = officer.failed_codes = 0
    written(session, by, "account_unlocked", officer.name, now)


def reset_second_step(session: Session, name: str, *, now: datetime, by: str) -> None:
    """Take the second step off, and end all log-ins. Raises AccountError."""
    officer = existing(session, name)
    take_off(session, officer)
    end_sessions(session, officer)
    written(session, by, "step_reset", officer.name, now)


def existing(session: Session, name: str) -> Officer:
    """The account, its row held. Raises AccountError."""
    query = select(Officer).where(Officer.name == known_as(name)).with_for_update()
    officer = session.scalar(query)
    if officer is None:
        raise AccountError("account_none", f"there is no account {name!r}")
    return officer


def _give_back(session: Session, officer: Officer) -> None:
    """Nobody has what they took."""
    session.execute(update(Report).where(Report.officer_id == officer.id).values(officer_id=None))


def _held_with_admins(session: Session, name: str) -> tuple[Officer, list[Officer]]:
    """The account, and all other admins who could log in. Every admin's row is held before it, in one order: two
    who end each other's at once come one after the other. Raises AccountError."""
    query = select(Officer).where(Officer.role == "admin").order_by(Officer.id).with_for_update()
    admins = [each for each in session.scalars(query) if each.locked_at is None]
    officer = existing(session, name)
    others = [each for each in admins if each is not officer and (each.password_hash or each.oidc_subject)]
    return officer, others


def _keep_an_admin(officer: Officer, others: list[Officer]) -> None:
    if officer.role == "admin" and not others:
        raise AccountError("account_last_admin", "this is the last admin: make another one first")


def written(session: Session, by: str, what: str, about: str, now: datetime) -> None:
    """The audit log's line, in the transaction of what it is about."""
    session.add(Deed(by=by, what=what, about=about[:300], at=now))
