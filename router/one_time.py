"""One-time codes that a person gets and sends back: kept as a keyed hash, for a quarter of an hour."""

import hmac
import secrets
from datetime import timedelta

from sqlalchemy import func, select, update

from router.house import House
from router.turn import Turn
from store.models import Message, Reporter

GOOD_FOR = timedelta(minutes=15)
MOST_WRONG = 5  # tries an hour from one address
WRONG = "wrong_code"  # the kind of a message that brought one


def new_digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"


def hash_of(house: House, purpose: str, code: str) -> str:
    """What is kept of a code: an HMAC (key outside the database) over what it is for and its digits."""
    return hmac.digest(house.keys.derive("one-time"), f"{purpose}\0{code}".encode(), "sha256").hex()


def give(reporter: Reporter, hashed: str, house: House) -> None:
    """The person's one code from now on; one that was given before is void."""
    reporter.link_code, reporter.link_until = hashed, house.now() + GOOD_FOR


def use_up(reporter: Reporter) -> None:
    reporter.link_code = reporter.link_until = None


def is_given(reporter: Reporter, hashed: str, house: House) -> bool:
    """Whether this is the code that the person was given, in time."""
    is_in_time = reporter.link_until is not None and reporter.link_until > house.now()
    return is_in_time and hmac.compare_digest(reporter.link_code or "", hashed)


def may_try(turn: Turn) -> bool:
    """Whether this address has tries left within the hour."""
    since = turn.house.now() - timedelta(hours=1)
    query = select(func.count()).where(
        Message.address_id == turn.address.id, Message.kind == WRONG, Message.received_at > since
    )
    return (turn.session.scalar(query) or 0) < MOST_WRONG


def note_wrong(turn: Turn) -> None:
    """Remember the try: the message's row, which is written already, says it."""
    assert turn.row is not None  # noqa: S101  (for mypy: its turn is under way)
    turn.session.execute(update(Message).where(Message.id == turn.row.id).values(kind=WRONG))
