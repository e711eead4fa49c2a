"""What an admin or an operator does with an account, each act written down; the last admin stays."""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from store.accounts import CONSOLE, AccountError, end_sessions, find_officer, hash_of, one_time_password
from store.desk import Deed, DeskView
from store.models import Report
from store.officials import Officer
from store.second_step import take_off


def reset_password(session: Session, name: str, *, now: datetime, by: str = CONSOLE) -> str:
    """Give a new one-time password; all log-ins, the API key, every lock-out and the second step end.

    Raises AccountError.
    """
    officer = existing(session, name)
    password = one_time_password()
    officer.password_hash, officer.must_change_password = hash_of(password), True
    officer.api_key_hash = None
    officer.failed_logins, officer.locked_until = 0, None
    take_off(session, officer)
    end_sessions(session, officer)
    written(session, by, "account_reset", officer.name, now)
    return password


def remove_officer(session: Session, name: str, *, now: datetime, by: str = CONSOLE) -> None:
    """Delete the account with its log-ins, API key and views; nobody has what it took. Raises AccountError."""
    officer = existing(session, name)
    keep_an_admin(session, officer)
    end_sessions(session, officer)
    take_off(session, officer)
    give_back(session, officer)
    session.execute(delete(DeskView).where(DeskView.officer_id == officer.id))
    session.delete(officer)
    written(session, by, "account_removed", officer.name, now)


def give_back(session: Session, officer: Officer) -> None:
    """Nobody has what they took."""
    session.execute(update(Report).where(Report.officer_id == officer.id).values(officer_id=None))


def existing(session: Session, name: str) -> Officer:
    """The account, its row held. Raises AccountError."""
    officer = find_officer(session, name)
    if officer is None:
        raise AccountError(f"there is no account {name!r}")
    return officer


def keep_an_admin(session: Session, officer: Officer) -> None:
    """Raises AccountError when no other admin could still log in."""
    others = select(func.count()).select_from(Officer).where(Officer.role == "admin", Officer.id != officer.id)
    if officer.role == "admin" and not session.scalar(others):
        raise AccountError("this is the last admin: make another one first")


def written(session: Session, by: str, what: str, about: str, now: datetime) -> None:
    """The audit log's line, in the transaction of what it is about."""
    session.add(Deed(by=by, what=what, about=about[:300], at=now))
