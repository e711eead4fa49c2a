"""Programs hear of public reports by webhook: an area's, a service's or both, a signed call for each change."""

import hmac
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.webhook import check_address, new_secret
from normalizer.schema import OutboundMessage, PermanentFailure
from router.agencies import lies_in
from router.area_news import AT_MOST, drop_unconfirmed
from router.handover import enveloped
from router.house import House
from router.owing import owe_subscriber
from router.public_item import public_item
from router.shown import is_listed
from router.subscriptions import GOOD_FOR, link
from store.models import Delivery, Report, Subscription
from store.officials import Officer
from store.subscriptions import (
    Happened,
    changed,
    drop,
    drop_old,
    due_hooks,
    hooks_of,
    next_look,
    of_mailbox,
    withdraw,
)

log = logging.getLogger("lapor.subscriptions")

VERIFY, CREATED, UPDATED = "subscription.verify", "report.created", "report.updated"
EACH = timedelta(minutes=1)  # between two rounds
IN_THE_MAKING = timedelta(seconds=20)  # what a transaction that began before is about to commit
SLICE = timedelta(hours=1)  # of what happened while the clock stood, at one time
SUSPENDED_AFTER = timedelta(days=2)  # of nothing but failures
MOST_HOOKS = 20  # of one key
NO_KEY = "its key is not known any more"

NEXT_CALLS = next_look("webhook")


def add_hook(
    house: House, owner: str, address: str, area_code: str | None, service_code: str | None
) -> tuple[Subscription, str]:
    """A new subscription, whose address is asked first, and its secret, which is said this once.

    Raises ValueError with the reason.
    """
    if area_code is not None and area_code not in house.pack.areas:
        raise ValueError("there is no area with this area_code")
    if service_code is not None and not _is_public(house, service_code):
        raise ValueError("there is no public service with this service_code")
    url, secret, now = (
        check_address(address, private=house.settings.webhook_private == "on"),
        new_secret(),
        house.now(),
    )
    with house.store.write() as session:
        if len(hooks_of(session, owner)) >= MOST_HOOKS:
            raise ValueError(f"a key has {MOST_HOOKS} subscriptions at most")
        row = Subscription(
            kind="webhook",
            owner=owner,
            sealed=house.store.sealer.seal(url),
            secret=house.store.sealer.seal(secret),
            area_code=area_code,
            service_code=service_code,
            language=house.pack.languages[0],
            created_at=now,
            asked=1,
            told_until=now,
            next_at=now + GOOD_FOR,
        )
        session.add(row)
        session.flush()
        owe_subscriber(session, row, now, text="", subject=VERIFY)
    house.wake("webhook")
    return row, secret


def _is_public(house: House, service_code: str) -> bool:
    return service_code in house.pack.services and house.pack.publicity(service_code).near != "hidden"


def hook_of(session: Session, owner: str, number: int) -> Subscription:
    """Raises LookupError for one that is not there or is somebody else's."""
    row = session.get(Subscription, number)
    if row is None or row.kind != "webhook" or row.owner != owner:
        raise LookupError("there is no subscription with this number")
    return row


def open_hook(house: House, owner: str, number: int, code: str) -> Subscription:
    """From now on calls go there: whoever has the code reads what arrives at the address. Also takes one up again
    that was suspended. Raises LookupError, ValueError."""
    now = house.now()
    with house.store.write() as session:
        row = hook_of(session, owner, number)
        if not hmac.compare_digest(code.strip().encode(), code_of(house, row).encode()):
            raise ValueError("this is not the code that was sent to the address")
        if row.confirmed_at is None or row.suspended_at is not None:
            row.confirmed_at, row.told_until, row.next_at = row.confirmed_at or now, now, now + EACH
            row.suspended_at = row.failing_since = row.last_error = None
    return row


def code_of(house: House, row: Subscription) -> str:
    """What is sent to an address and must be said to open the subscription; 128 bits."""
    said = f"{row.id}\0{house.store.sealer.open(row.sealed)}".encode()
    return hmac.digest(house.keys.derive("subscription code"), said, "sha256").hex()[:32]


def end_hook(house: House, owner: str, number: int) -> None:
    """Raises LookupError."""
    with house.store.write() as session:
        drop(session, [hook_of(session, owner, number).id])


# --- the clock's round --------------------------------------------------------------------------------------


def tell_hooks(house: House) -> int:
    """Owe each open subscription a call for each report that changed since; how many calls.

    A clock that stood goes on hour by hour. One whose key is gone is suspended.
    """
    now, owed = house.now(), drop_unconfirmed(house, "webhook")
    with house.store.read() as session:
        since = min((each.told_until for each in due_hooks(session, now)), default=None)
        if since is None:
            return owed
        since = max(since, now - AT_MOST)
        until = min(now - IN_THE_MAKING, since + SLICE)
        happened = changed(session, house.pack, since, until) if since < until else []
    with house.store.write() as session:
        hooks = _with_keys(session, due_hooks(session, now, held=True), house)
        for hook in hooks:
            theirs = [each for each in happened if _is_for(hook, each)]
            for each in theirs:
                owe_subscriber(session, hook, now, text=each.code, subject=CREATED if each.is_new else UPDATED)
            owed += len(theirs)
            hook.told_until = max(until, hook.told_until)
            hook.next_at = now + EACH if until + SLICE > now else now
        drop_old(session, [each.id for each in hooks], now)
    return owed


def _is_for(hook: Subscription, each: Happened) -> bool:
    is_there = hook.area_code is None or lies_in(each.area_code, hook.area_code)
    is_that = hook.service_code is None or hook.service_code == each.service_code
    return is_there and is_that and each.at > hook.told_until


def _with_keys(session: Session, hooks: Sequence[Subscription], house: House) -> list[Subscription]:
    if not hooks:
        return []
    query = select(Officer.name).where(Officer.api_key_hash.is_not(None))
    known = {f"officer:{name}" for name in session.scalars(query)}
    known |= {f"api:{key.name}"[:80] for key in house.settings.api_keys}
    for each in hooks:
        if each.owner not in known:
            suspend(session, each, NO_KEY, house)
    return [each for each in hooks if each.suspended_at is None]


# --- sent ---------------------------------------------------------------------------------------------------


def message_to_subscriber(house: House, session: Session, row: Delivery, to: Subscription) -> OutboundMessage:
    """What goes out of a delivery. Raises LookupError for a report that the public may not see (any more), and for
    a subscription that was suspended."""
    is_mail, is_text = to.kind == "mail", to.kind != "webhook"
    if to.suspended_at is not None and row.subject != VERIFY:
        raise LookupError("the subscription is suspended")
    return OutboundMessage(
        delivery_id=row.id,
        channel=row.channel,  # type: ignore[arg-type]
        account="",
        to=house.store.sealer.open(to.sealed),
        text=row.text if is_text else json.dumps(_body(house, session, row, to), ensure_ascii=False),
        subject=row.subject if is_mail else "",
        unsubscribe=link(house, to) if is_mail and to.confirmed_at is not None else "",
        secret=house.store.sealer.open(to.secret) if to.secret else "",
        first_tried_at=row.first_tried_at,
    )


def _body(house: House, session: Session, row: Delivery, to: Subscription) -> dict[str, Any]:
    if row.subject == VERIFY:
        asked = {"event": VERIFY, "subscription_id": to.id, "code": code_of(house, to)}
        return enveloped(asked, house.now())
    report = session.scalar(select(Report).where(Report.code == row.text))
    if report is None or not is_listed(house, report):
        raise LookupError("the report is not public")
    item = {"event": row.subject, "subscription_id": to.id, **public_item(house, report)}
    return enveloped(item, house.now())


def note_subscriber(session: Session, number: int, failure: Exception | None, house: House) -> None:
    """Write down how it went. An address that is gone, or that took nothing for days, is suspended; a mailbox that
    does not exist, and a chat that blocked us, is forgotten at the clock's next look."""
    to = session.get(Subscription, number)
    if to is None:
        return
    if to.kind != "webhook":
        if getattr(failure, "of_address", False):
            _forget_mailbox(session, to, house)
        return
    if failure is None:
        to.failing_since = to.last_error = None
        return
    to.last_error, to.failing_since = str(failure)[:300], to.failing_since or house.now()
    is_gone = isinstance(failure, PermanentFailure) and failure.of_address
    if is_gone or house.now() - to.failing_since > SUSPENDED_AFTER:
        suspend(session, to, to.last_error, house)


def _forget_mailbox(session: Session, to: Subscription, house: House) -> None:
    for each in of_mailbox(session, [to.lookup or ""], held=True):
        each.confirmed_at, each.next_at = None, house.now()


def suspend(session: Session, to: Subscription, reason: str, house: House) -> None:
    """Nothing more goes there until its owner opens it again."""
    if to.suspended_at is None:
        to.suspended_at, to.last_error = house.now(), reason
        to.next_at = None if to.confirmed_at is not None else to.next_at
        withdraw(session, to.id, house.now())
        log.warning("subscription %s is suspended", to.id)
