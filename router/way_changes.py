"""What operators do with the ways to agencies: add one, remove one, take a paused one up again."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.agency_queue import queue_name
from channels.email import is_ours
from channels.webhook import check_address, new_secret
from config.settings import is_loopback
from router.chat_codes import give_code
from router.house import House
from router.owing import owe_by_way
from router.status import OPEN
from router.ways import HANDED_OVER, REMOVED, TEST
from store.models import AgencyWay, Report
from store.ways import BY_PEOPLE, Way, ways_there, withdraw_by

AT_ONCE = 500  # reports in one transaction
MAIL, CHAT = "mail", "telegram"


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A new way: its number, and what is said this once: a webhook's secret, the code for a group."""

    id: int
    secret: str | None = None


def add_way(house: House, agency_id: str, kind: str, address: str = "") -> Added:
    """Add a way to an agency of the pack. Raises LookupError or ValueError with one line that says why not."""
    secret = new_secret() if kind == "webhook" else None
    sealer = house.store.sealer
    with house.store.write() as session:
        address = check_way(house, session, agency_id, kind, address)
        way = AgencyWay(agency_id=agency_id, kind=kind, created_at=house.now())
        way.sealed = sealer.seal(address) if address else None
        if kind == CHAT:
            secret = give_code(way, house)
        else:
            way.secret = sealer.seal(secret) if secret else None
        way.lookup = sealer.lookups("email", address)[0] if kind == MAIL else None
        session.add(way)
        session.flush()
        number = way.id
    house.ways.forget()
    return Added(id=number, secret=secret)


def check_way(house: House, session: Session, agency_id: str, kind: str, address: str) -> str:
    """Whether a way could be added now: its address as it is kept. Raises LookupError or ValueError."""
    if agency_id not in house.pack.agencies:
        raise LookupError(f"there is no agency {agency_id!r} in the city pack")
    address = checked_address(house, kind, address)
    _refuse_second(house, session, agency_id, kind, address)
    return address


def checked_address(house: House, kind: str, address: str) -> str:
    """The address of a way of this kind as it is kept; "" for a queue, and for a group, which says it itself.
    Raises ValueError."""
    if kind == "webhook":
        return check_address(address, private=house.settings.webhook_private == "on")
    if kind == MAIL:
        return _mailbox(house, address)
    if kind not in {"queue", CHAT}:
        raise ValueError("a way is a webhook, mail, telegram or queue")
    return ""


def _mailbox(house: House, address: str) -> str:
    """A mailbox that is not our own: we would write to ourselves for ever."""
    address = address.strip()
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(char.isspace() or char in '<>",;' for char in address):
        raise ValueError("this is no mail address")
    if is_ours(address, house.settings.email_address):
        raise ValueError("this is our own address")
    return address


def _refuse_second(
    house: House, session: Session, agency_id: str, kind: str, address: str, but: int | None = None
) -> None:
    """One way once; and one mailbox is one agency's, or its answers could not be told apart."""
    for other in ways_there(session):
        if other.id == but:
            continue
        is_same = other.sealed is None or house.store.sealer.open(other.sealed).lower() == address.lower()
        if other.kind == kind and is_same and (other.agency_id == agency_id or kind == MAIL):
            raise ValueError(f"{other.agency_id} has this way already: number {other.id}")


def where_to(house: House, way: AgencyWay) -> str:
    """A way's address in plain words; "" for a group that is not linked yet."""
    if way.sealed is not None:
        return house.store.sealer.open(way.sealed)
    return queue_name(way.agency_id) if way.kind == "queue" else ""


def find_way(session: Session, number: int) -> AgencyWay:
    """Raises LookupError for a number that is none, or is removed."""
    way = session.get(AgencyWay, number)
    if way is None or way.removed_at is not None:
        raise LookupError(f"there is no way number {number}: `run_bots.py agency list` has them")
    return way


def change_way(house: House, number: int, address: str) -> None:
    """Give a way another address; number, secret and what it is owed stay. Raises LookupError, ValueError."""
    sealer = house.store.sealer
    with house.store.write() as session:
        way = find_way(session, number)
        address = checked_address(house, way.kind, address)
        if not address:
            raise ValueError("a queue has no address, and a group says its own")
        _refuse_second(house, session, way.agency_id, way.kind, address, but=way.id)
        way.sealed = sealer.seal(address)
        way.lookup = sealer.lookups("email", address)[0] if way.kind == MAIL else None
        way.last_error = way.failed_at = None
    house.ways.forget()


def new_code(house: House, number: int) -> str:
    """A new code for a way by group: who writes it in another group moves the way there. Raises LookupError,
    ValueError."""
    with house.store.write() as session:
        way = find_way(session, number)
        if way.kind != CHAT:
            raise ValueError("only a way by telegram has a code")
        return give_code(way, house)


def try_way(house: House, number: int) -> None:
    """Owe a way something that holds no report, to see how it goes. Raises LookupError, ValueError."""
    with house.store.write() as session:
        row = find_way(session, number)
        if row.paused_at is not None:
            raise ValueError("the way is paused: resume it first")
        if row.kind == CHAT and row.sealed is None:
            raise ValueError("no group is linked yet: write /dinas and the code in it")
        owe_by_way(session, None, Way(id=row.id, agency_id=row.agency_id, kind=row.kind), TEST, house.now())
    house.wake()


def remove_way(house: House, number: int) -> int:
    """Take a way away, with its address and secret; how many hand-overs it still owed and will not send."""
    with house.store.write() as session:
        way = find_way(session, number)
        withdrawn = withdraw_by(session, way, REMOVED, house.now())
        way.removed_at = house.now()
        way.sealed = way.secret = way.lookup = None
    house.ways.forget()
    return withdrawn


def resume_way(house: House, number: int) -> int:
    """Open a paused way again, and owe it every open report of its agency as it stands now; how many.

    Also for a way that lost some on its side. Mailboxes and groups get none anew: a thousand mails help nobody.
    """
    with house.store.write() as session:
        row = find_way(session, number)
        row.paused_at = row.last_error = row.failed_at = None
        way = Way(id=row.id, agency_id=row.agency_id, kind=row.kind)
    house.ways.forget()
    return 0 if way.kind in BY_PEOPLE else _owe_open(house, way)


def _owe_open(house: House, way: Way) -> int:
    owed, last = 0, 0
    while True:
        with house.store.write() as session:
            query = select(Report).where(Report.agency_id == way.agency_id, Report.status.in_(OPEN))
            query = query.where(Report.id > last).order_by(Report.id).limit(AT_ONCE)
            reports = session.scalars(query).all()
            for report in reports:
                owe_by_way(session, report, way, HANDED_OVER, house.now())
                last, owed = report.id, owed + 1
        if len(reports) < AT_ONCE:
            return owed


def needs_warning(house: House, kind: str) -> str | None:
    """What stands in the way of a new way, in one line."""
    if kind == "queue" and house.settings.redis_url is None:
        return "REDIS_URL is missing: until it is set every report waits, for three days at most"
    if kind == MAIL and is_loopback(house.settings.base_url.partition("://")[2].partition(":")[0]):
        return "PUBLIC_URL is this machine only: the links in the mails open nowhere else"
    if kind == CHAT and house.settings.telegram_token is None:
        return "TELEGRAM_TOKEN is missing: without a bot no group can be linked"
    return None
