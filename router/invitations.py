"""Invitations: an official gets a link, good once and for three days, to set a password of their own."""

import base64
import hmac
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email import is_ours
from normalizer.schema import OutboundMessage
from router.house import House
from router.owing import owe_official
from router.replies import say
from store.account_changes import delete_officer, existing, set_mail, written
from store.accounts import AccountError, check_officer, hash_of, sha256
from store.models import Delivery
from store.officials import Officer
from store.passwords import check_new

GOOD_FOR = timedelta(hours=72)
INVITED = "invited"
LONGEST_MAIL = 254  # RFC 5321, 4.5.3.1.3


def invite(
    house: House, name: str, role: str, agency_id: str | None, area_code: str | None, mail: str, *, by: str
) -> str | None:
    """Make an account that waits for its password. The link when it is to be handed over, None when it is mailed.

    Raises AccountError.
    """
    now, mail = house.now(), mailbox(house, mail)
    with house.store.write() as session:
        name = check_officer(session, name, role, agency_id, area_code)
        officer = Officer(name=name, role=role, agency_id=agency_id, area_code=area_code, created_at=now)
        officer.must_change_password = False  # there is none yet
        session.add(officer)
        session.flush()
        set_mail(session, officer, mail, house.store.sealer, now=now, by=by)
        written(session, by, INVITED, name, now)
        return _send(house, session, officer)


def send_again(house: House, name: str, *, by: str) -> str | None:
    """A new link, good from now; the one before is void. As `invite`."""
    with house.store.write() as session:
        officer = _waiting(session, name)
        written(session, by, "invite_sent", officer.name, house.now())
        return _send(house, session, officer)


def withdraw(house: House, name: str, *, by: str) -> None:
    """The link is void, and the account that waited for it is gone. Raises AccountError."""
    with house.store.write() as session:
        officer = _waiting(session, name)
        written(session, by, "invite_withdrawn", officer.name, house.now())
        delete_officer(session, officer)


def is_waiting(officer: Officer) -> bool:
    """Whether nobody has come in with this account yet."""
    return officer.password_hash is None and officer.oidc_subject is None


def _waiting(session: Session, name: str) -> Officer:
    officer = existing(session, name)
    if not is_waiting(officer):
        raise AccountError("account_taken", "this invitation was taken already")
    return officer


def mailbox(house: House, said: str) -> str:
    """An address as it is kept, "" where none is said. Raises AccountError."""
    mail = said.strip()
    local, _, domain = mail.rpartition("@")
    is_odd = not local or not domain or any(char.isspace() or char in '<>",;' for char in mail)
    if mail and (is_odd or len(mail) > LONGEST_MAIL):
        raise AccountError("account_bad_mail", "this is no mail address")
    if mail and is_ours(mail, house.settings.email_address):
        raise AccountError("account_bad_mail", "this is our own address")
    return mail


def _send(house: House, session: Session, officer: Officer) -> str | None:
    officer.invited_until = house.now() + GOOD_FOR
    token = _token(house.keys.derive("invitation"), officer)
    officer.invitation = sha256(token)
    if officer.mail_sealed is None or not house.settings.smtp_relay:
        return _link(house, token)
    owe_official(session, officer.id, INVITED, house.now())
    house.wake()
    return None


def _token(key: bytes, officer: Officer) -> str:
    """An HMAC over whose it is and until when: what is kept of it, its hash, makes none."""
    assert officer.invited_until is not None  # noqa: S101  (set a line before)
    said = f"{officer.id}\0{officer.name}\0{officer.invited_until.timestamp():.6f}"
    return base64.urlsafe_b64encode(hmac.digest(key, said.encode(), "sha256")).decode().rstrip("=")


def _link(house: House, token: str) -> str:
    return f"{house.settings.base_url}/desk/invitation/{token}"


def invitation_letter(house: House, session: Session, row: Delivery) -> OutboundMessage | None:
    """The mail with the link; None when it was taken, withdrawn or has run out meanwhile."""
    officer = session.get(Officer, row.officer_id)
    if officer is None or officer.mail_sealed is None or not _is_good(house, officer):
        return None
    tokens = (_token(key, officer) for key in house.keys.derive_all("invitation"))
    token = next((each for each in tokens if sha256(each) == officer.invitation), None)
    if token is None:
        return None
    assert officer.invited_until is not None  # noqa: S101  (it is good)
    until = officer.invited_until.astimezone(ZoneInfo(house.pack.timezone))
    fields = {"city": house.pack.name, "name": officer.name, "link": _link(house, token)}
    fields |= {"until": f"{until:%d-%m-%Y %H.%M}", "desk": f"{house.settings.base_url}/desk"}
    return OutboundMessage(
        delivery_id=row.id,
        channel="email",
        account="",
        to=house.store.sealer.open(officer.mail_sealed),
        subject=_say(house, "official_invited_subject", fields),
        text=_say(house, "official_invited", fields),
        first_tried_at=row.first_tried_at,
    )


def _say(house: House, key: str, fields: dict[str, str]) -> str:
    return say(house.pack, house.pack.languages[0], key, "email", **fields)


def _is_good(house: House, officer: Officer) -> bool:
    is_in_time = officer.invited_until is not None and officer.invited_until > house.now()
    return officer.invitation is not None and is_in_time and officer.locked_at is None


def invited(house: House, token: str) -> Officer | None:
    """Whose invitation this is; None when there is none, or no longer."""
    with house.store.read() as session:
        officer = session.scalar(select(Officer).where(Officer.invitation == sha256(token)))
    return officer if officer is not None and _is_good(house, officer) else None


def take(house: House, token: str, password: str) -> Officer | None:
    """Set the password and use the invitation up; None when it is not good any more. Raises PasswordError."""
    officer = invited(house, token)
    if officer is None:
        return None
    check_new(password, officer.name)
    hashed = hash_of(password)
    with house.store.write() as session:
        held = session.scalar(select(Officer).where(Officer.invitation == sha256(token)).with_for_update())
        if held is None or not _is_good(house, held):
            return None
        held.password_hash, held.must_change_password = hashed, False
        held.invitation = held.invited_until = None
        written(session, f"officer:{held.name}", "invite_taken", held.name, house.now())
        return held
