"""Who asks for an area's news by mail: asked back once, told each morning, gone with one press (decision 0031).

By Telegram it is router/following.py."""

import hmac
import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from channels.email import is_ours
from router.forgotten import note_hashes
from router.house import House
from router.owing import owe_subscriber
from router.quiet import next_morning
from router.replies import say
from store.models import Address, Subscription
from store.subscriptions import drop, of_mailbox

log = logging.getLogger("lapor.subscriptions")

KIND_OF = {"email": "mail", "telegram": "telegram"}  # by channel

GOOD_FOR = timedelta(hours=48)  # the link that confirms; what nobody confirmed by then is deleted
MOST_ASKED = 3  # mails that ask, to one mailbox, in that time
AGAIN_AFTER = timedelta(minutes=10)
MOST_AREAS = 10  # of one mailbox or chat
LONGEST_MAILBOX = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets

_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", re.ASCII)
_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)
_OF_SUBSCRIBERS = "subscription"  # the kind of their hash: not the one by which a reporter's mailbox is found


def lookups_of(house: House, name: str, channel: str = "email") -> list[str]:
    """The hashes under which a mailbox, or a chat on Telegram, may stand, the one to write first."""
    name = name.strip().lower() if channel == "email" else f"{channel}:{name}"  # no mailbox begins like that
    return house.store.sealer.lookups(_OF_SUBSCRIBERS, name)


def lookups_of_address(house: House, address: Address) -> list[str]:
    """The same for where a citizen writes from; none where no news is sent to."""
    if address.channel not in KIND_OF:
        return []
    return lookups_of(house, house.store.sealer.open(address.sealed), address.channel)


def read_mailbox(house: House, said: str) -> str | None:
    """A mailbox that a mail can be written to, as somebody typed it; None for anything else, and for our own."""
    mailbox = said.strip()
    if len(mailbox) > LONGEST_MAILBOX or not _MAILBOX.fullmatch(mailbox):
        return None
    return None if is_ours(mailbox, house.settings.email_address) else mailbox


def ask(house: House, mailbox: str, area_code: str, language: str) -> None:
    """Owe a mailbox the question whether it wants an area's news, unless it has them or was asked enough."""
    now = house.now()
    with house.store.write() as session:
        theirs = of_mailbox(session, lookups_of(house, mailbox), held=True)
        row = next((each for each in theirs if each.area_code == area_code), None)
        if not _may_ask(theirs, row, now):
            return
        if row is None:
            row = _new(house, mailbox, area_code, language, now)
            session.add(row)
            session.flush()
        row.asked += 1
        row.language = language
        words = {"area": house.pack.areas[area_code].name, "link": link(house, row, now + GOOD_FOR)}
        text = say(house.pack, language, "follow_ask", "email", **words, hours=str(GOOD_FOR // timedelta(hours=1)))
        subject = say(house.pack, language, "follow_ask_subject", "email", area=words["area"])
        owe_subscriber(session, row, now, text=text, subject=subject)
    house.wake("email")


def _may_ask(theirs: Sequence[Subscription], row: Subscription | None, now: datetime) -> bool:
    if row is None and len(theirs) >= MOST_AREAS:
        return False
    waiting = [each for each in theirs if each.confirmed_at is None]
    if row is not None and (row.confirmed_at is not None or row.created_at + AGAIN_AFTER * row.asked > now):
        return False
    return sum(each.asked for each in waiting) < MOST_ASKED


def _new(house: House, mailbox: str, area_code: str, language: str, now: datetime) -> Subscription:
    return Subscription(
        kind="mail",
        lookup=lookups_of(house, mailbox)[0],
        sealed=house.store.sealer.seal(mailbox),
        area_code=area_code,
        language=language,
        created_at=now,
        asked=0,
        told_until=now,
        next_at=now + GOOD_FOR,
    )


# --- the links in the mails ---------------------------------------------------------------------------------


def link(house: House, row: Subscription, until: datetime | None = None) -> str:
    """The page that confirms a subscription until then, or (None) ends it at any time."""
    seconds = int(until.timestamp()) if until else 0
    signed = _signed(house.keys.derive(_OF_SUBSCRIBERS), row, seconds)
    language = "" if row.language == house.pack.languages[0] else f"?lang={row.language}"
    return f"{house.settings.base_url}/follow/{row.id}.{seconds}.{signed}{language}"


def is_end(token: str) -> bool:
    """Whether it looks like a link that ends a subscription: of one that ended already nothing more is known."""
    parts = _TOKEN.fullmatch(token)
    return parts is not None and int(parts[2]) == 0


def _signed(key: bytes, row: Subscription, seconds: int) -> str:
    return hmac.digest(key, f"{row.id}\0{row.lookup}\0{seconds}".encode(), "sha256").hex()


def by_token(session: Session, house: House, token: str) -> tuple[Subscription, bool] | None:
    """The subscription that a link of ours names, and whether the link ends it; None for a wrong or old one."""
    parts = _TOKEN.fullmatch(token)
    row = session.get(Subscription, int(parts[1])) if parts else None
    if parts is None or row is None or row.lookup is None:
        return None
    seconds = int(parts[2])
    keys = house.keys.derive_all(_OF_SUBSCRIBERS)
    if not any([hmac.compare_digest(parts[3], _signed(key, row, seconds)) for key in keys]):  # noqa: C419 (all)
        return None
    if seconds and seconds < house.now().timestamp():
        return None
    return row, seconds == 0


def confirm(session: Session, row: Subscription, house: House) -> None:
    """From now on it is told; a second press changes nothing."""
    if row.confirmed_at is None:
        row.confirmed_at = row.told_until = house.now()
        row.next_at = next_morning(house.pack, house.now())


def end(house: House, session: Session, lookups: Sequence[str]) -> int:
    """Delete all that a mailbox or chat follows, its address with it, for good: a restore heeds it. How many."""
    theirs = of_mailbox(session, lookups, held=True)
    if theirs:
        note_hashes(house, {each.lookup for each in theirs if each.lookup} | set(lookups))
        log.info("%d subscriptions of one subscriber end", len(theirs))
    return drop(session, [each.id for each in theirs])
