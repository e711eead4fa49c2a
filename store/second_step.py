"""The second step at the desk's door: codes of 30 seconds (RFC 6238), each good once, and recovery codes."""

import hashlib
import secrets
from datetime import datetime, timedelta

import pyotp
from cryptography.exceptions import InvalidTag
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from store.officials import Officer, RecoveryCode
from store.seal import Sealer

TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
STEP = 30  # seconds
STEPS_BESIDE = (-1, 0, 1)  # RFC 6238, 5.2: one step for clocks that differ
RECOVERY_CODES = 8
LONGEST_CODE = 32
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def set_up(officer: Officer, sealer: Sealer) -> str:
    """The secret that waits to be confirmed, in base32; made when there is none. Not for one that is in force."""
    assert officer.totp_since is None  # noqa: S101  (a secret in force is never shown again)
    if officer.totp_sealed is not None:
        try:
            return sealer.open(officer.totp_sealed)
        except InvalidTag:  # CONTACT_KEY is another one now: make a new one
            pass
    secret = pyotp.random_base32()
    officer.totp_sealed = sealer.seal(secret)
    return secret


def address_of(secret: str, name: str, issuer: str) -> str:
    """What the QR code says to an authenticator app: `otpauth://totp/…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def turn_on(session: Session, officer_id: int, code: str, sealer: Sealer, *, now: datetime) -> list[str] | None:
    """Put the second step in force when the code fits: its recovery codes, said this once; else None."""
    officer = _held(session, officer_id)
    if officer.totp_since is not None or not _fits(officer, code, sealer, now):
        return None
    officer.totp_since, officer.failed_codes = now, 0
    return new_codes(session, officer)


def new_codes(session: Session, officer: Officer) -> list[str]:
    """Recovery codes in place of all that there were, said this once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.officer_id == officer.id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(officer_id=officer.id, hash=_hash(code)) for code in codes)
    return codes


def take_off(session: Session, officer: Officer) -> None:
    officer.totp_sealed, officer.totp_since, officer.failed_codes = None, None, 0
    session.execute(delete(RecoveryCode).where(RecoveryCode.officer_id == officer.id))


def codes_left(session: Session, officer: Officer) -> int:
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.officer_id == officer.id)
    return session.scalar(query) or 0


def check_code(session: Session, officer_id: int, code: str, sealer: Sealer, *, now: datetime) -> bool:
    """Whether this is a code of now, or a recovery code; it is used up by that.

    Wrong ones are counted with the officer's row held: the fifth in a row closes the account for 15 minutes.
    """
    officer = _held(session, officer_id)
    is_locked = officer.locked_at is not None or (officer.locked_until is not None and officer.locked_until > now)
    if officer.totp_since is None or is_locked:
        return False
    if _fits(officer, code, sealer, now) or _recovers(session, officer, code):
        officer.failed_codes = 0
        return True
    officer.failed_codes += 1
    if officer.failed_codes >= TRIES:
        officer.failed_codes, officer.locked_until = 0, now + LOCKED_FOR
    return False


def _held(session: Session, officer_id: int) -> Officer:
    query = select(Officer).where(Officer.id == officer_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _fits(officer: Officer, code: str, sealer: Sealer, now: datetime) -> bool:
    """Whether the code is of a step after the last one used; that step is then the last one."""
    if officer.totp_sealed is None:
        return False
    try:
        totp = pyotp.TOTP(sealer.open(officer.totp_sealed))
    except InvalidTag:
        return False
    said, current = "".join(code.split()), int(now.timestamp()) // STEP
    for step in (current + beside for beside in STEPS_BESIDE):
        if step > officer.totp_step and pyotp.utils.strings_equal(said[:LONGEST_CODE], totp.generate_otp(step)):
            officer.totp_step = step
            return True
    return False


def _recovers(session: Session, officer: Officer, code: str) -> bool:
    query = select(RecoveryCode).where(RecoveryCode.officer_id == officer.id, RecoveryCode.hash == _hash(code))
    found = session.scalar(query)
    if found is not None:
        session.delete(found)
    return found is not None


def _recovery_code() -> str:
    """Some 59 bits, beyond guessing at five tries in 15 minutes."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(3))


def _hash(code: str) -> str:
    plain = "".join(code[:LONGEST_CODE].lower().split()).replace("-", "")
    return hashlib.sha256(plain.encode()).hexdigest()
