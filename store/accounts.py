"""The officials' accounts: passwords, log-ins and API keys, none of which is kept as it was typed."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from threading import Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from config.roles import ROLES, ROLES_OF_ONE_AGENCY
from store.database import Store
from store.desk import Deed
from store.officials import DeskSession, Officer
from store.passwords import LONGEST, PasswordError, check_new

TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
SESSION_LASTS = timedelta(hours=12)
CONSOLE = "console"  # who did it, where nobody logged in: the operators' commands, the first start

_NAME = re.compile(r"[\w.@-][\w.@ -]{0,63}")
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_hasher = PasswordHasher()  # RFC 9106's second choice: argon2id, 64 MiB
_at_once = Semaphore(2)  # a flood of log-ins must not take 64 MiB each


class AccountError(ValueError):
    """This account cannot be made or changed; `str()` is one line that says why, `key` names its sentence."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(words)
        self.key = key


def add_officer(
    session: Session,
    name: str,
    role: str,
    agency_id: str | None,
    *,
    now: datetime,
    area_code: str | None = None,
    by: str = CONSOLE,
) -> str:
    """Make an account and return its one-time password. Raises AccountError.

    The name is kept in lower case. officer and head need an agency, the other roles have none; an area goes with
    an agency only.
    """
    name = check_officer(session, name, role, agency_id, area_code)
    password = one_time_password()
    officer = Officer(name=name, role=role, agency_id=agency_id, area_code=area_code, created_at=now)
    officer.password_hash = hash_of(password)
    session.add_all([officer, Deed(by=by, what="account_added", about=name, at=now)])
    session.flush()
    return password


def check_officer(session: Session, name: str, role: str, agency_id: str | None, area_code: str | None) -> str:
    """Whether an account could be made now: its name as it is kept. Raises AccountError."""
    name = known_as(name)
    if not _NAME.fullmatch(name):
        raise AccountError("account_bad_name", "a name has 1 to 64 letters, digits, spaces or . @ _ -")
    check_role(role, agency_id, area_code)
    if find_officer(session, name):
        raise AccountError("account_there", f"there is an account {name!r} already")
    return name


def check_role(role: str, agency_id: str | None, area_code: str | None) -> None:
    """Raises AccountError when role, agency and area do not go together."""
    if role not in ROLES:
        raise AccountError("account_bad_role", f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    if (role in ROLES_OF_ONE_AGENCY) != (agency_id is not None):
        needs = "needs an agency" if role in ROLES_OF_ONE_AGENCY else "is for all agencies and takes none"
        raise AccountError("account_role_agency", f"the role {role} {needs}")
    if area_code is not None and agency_id is None:
        raise AccountError("account_role_agency", "an area goes with an agency that has an office for each")


def known_as(name: str) -> str:
    """How a name is kept and looked up: phones write the first letter large."""
    return " ".join(name.split()).lower()


def one_time_password() -> str:
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))


def hash_of(password: str) -> str:
    with _at_once:
        return _hasher.hash(password)


def first_admin(session: Session, now: datetime) -> str | None:
    """Make `admin` when there is no account at all and return its one-time password; None otherwise."""
    if session.scalar(select(Officer.id).limit(1)) is not None:
        return None
    return add_officer(session, "admin", "admin", None, now=now)


def find_officer(session: Session, name: str) -> Officer | None:
    return session.scalar(select(Officer).where(Officer.name == known_as(name)))


def list_officers(session: Session) -> list[Officer]:
    """All accounts by name."""
    return list(session.scalars(select(Officer).order_by(Officer.name)))


def end_sessions(session: Session, officer: Officer) -> None:
    session.execute(delete(DeskSession).where(DeskSession.officer_id == officer.id))


def check_password(store: Store, name: str, password: str, *, now: datetime) -> Officer | None:
    """The officer whose password this is; None when it is wrong, the account is locked or not there.

    All three take the same time. Every try counts before it is looked at, so that tries side by side do not
    get past the limit of 5; a right one sets the count back. No transaction is open while argon2 works.
    """
    with store.write() as session:
        kept = _count_try(session, name, now)
    if not _fits(kept or _nobody(), password) or kept is None:
        return None
    with store.write() as session:
        officer = find_officer(session, name)
        if officer is None or officer.password_hash != kept:
            return None
        officer.failed_logins, officer.locked_until = 0, None
        return officer


def is_locked(officer: Officer, now: datetime) -> bool:
    """Whether an admin, or the door after wrong tries, keeps them out."""
    return officer.locked_at is not None or (officer.locked_until is not None and officer.locked_until > now)


def _count_try(session: Session, name: str, now: datetime) -> str | None:
    query = select(Officer).where(Officer.name == known_as(name)).with_for_update()
    officer = session.scalar(query)
    if officer is None or is_locked(officer, now):
        return None
    officer.failed_logins += 1
    if officer.failed_logins >= TRIES:
        officer.failed_logins, officer.locked_until = 0, now + LOCKED_FOR
    return officer.password_hash


def _fits(password_hash: str, password: str) -> bool:
    try:
        with _at_once:
            return _hasher.verify(password_hash, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """A hash that no password fits, as dear to check as a real one."""
    return hash_of(secrets.token_urlsafe(32))


def change_password(store: Store, officer_id: int, old: str, new: str, *, now: datetime) -> bool:
    """Set a new password and end all log-ins; False when the old one is wrong.

    Raises PasswordError, also for the same again.
    """
    with store.read() as session:
        officer = session.get(Officer, officer_id)
    if officer is None:
        return False
    check_new(new, officer.name)
    if new == old:
        raise PasswordError("password_too_short")
    if check_password(store, officer.name, old, now=now) is None:
        return False
    new_hash = hash_of(new)
    with store.write() as session:
        kept = session.get_one(Officer, officer_id)
        kept.password_hash, kept.must_change_password = new_hash, False
        end_sessions(session, kept)
    return True


def open_session(session: Session, officer: Officer, *, now: datetime, by_provider: bool = False) -> str:
    """Log an officer in and return the cookie's value; old log-ins that ran out are swept away."""
    session.execute(delete(DeskSession).where(DeskSession.expires_at < now))
    session.execute(update(Officer).where(Officer.id == officer.id).values(last_login_at=now))
    token = secrets.token_urlsafe(32)
    session.add(
        DeskSession(
            id=sha256(token),
            officer_id=officer.id,
            csrf_token=secrets.token_urlsafe(32),
            expires_at=now + SESSION_LASTS,
            by_provider=by_provider,
        )
    )
    return token


def find_session(session: Session, token: str, *, now: datetime) -> DeskSession | None:
    """The log-in that this cookie stands for, with its officer loaded."""
    found = session.get(DeskSession, sha256(token), options=[joinedload(DeskSession.officer)]) if token else None
    if found is None or found.expires_at <= now or found.officer.locked_at is not None:
        return None
    return found


def find_sessions(session: Session, ids: Collection[str], *, now: datetime) -> list[DeskSession]:
    """Those of these log-ins that are still good, each with its officer as they are now."""
    query = select(DeskSession).where(DeskSession.id.in_(ids), DeskSession.expires_at > now)
    found = session.scalars(query.options(joinedload(DeskSession.officer)))
    return [each for each in found if each.officer.locked_at is None]


def sessions_of(session: Session, officer: Officer, *, now: datetime) -> list[DeskSession]:
    """Where an officer is logged in, the newest first."""
    query = select(DeskSession).where(DeskSession.officer_id == officer.id, DeskSession.expires_at > now)
    return list(session.scalars(query.order_by(DeskSession.expires_at.desc())))


def close_session(session: Session, token: str) -> None:
    session.execute(delete(DeskSession).where(DeskSession.id == sha256(token)))


def make_api_key(session: Session, officer: Officer) -> str:
    """Give the officer an API key (and end the one before); only its hash is kept."""
    key = secrets.token_urlsafe(32)
    officer.api_key_hash = sha256(key)
    session.flush()
    return key


def officer_of_key(session: Session, key: str) -> Officer | None:
    query = select(Officer).where(Officer.api_key_hash == sha256(key), Officer.locked_at.is_(None))
    return session.scalar(query)


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
