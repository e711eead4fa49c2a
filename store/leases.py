"""Which of several servers polls an account: a row that one of them holds for a minute and renews."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.models import Lease

LASTS = timedelta(seconds=60)


def database_now(session: Session, otherwise: datetime) -> datetime:
    """The time that all servers agree on: PostgreSQL's own clock. SQLite has one server, whose clock is given."""
    if session.get_bind().dialect.name != "postgresql":
        return otherwise
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def take(session: Session, name: str, holder: str, now: datetime, lasts: timedelta = LASTS) -> bool:
    """Take the lease or renew it; False when somebody else holds it, and then nothing is written.

    One that ends later than any can was written before the clock was set back: it counts for nothing.
    """
    values = {"holder": holder, "until": now + lasts}
    is_free = or_(Lease.holder == holder, Lease.until < now, Lease.until > now + 2 * lasts)
    renew = update(Lease).where(Lease.name == name, is_free).values(values).returning(Lease.name)
    if session.scalar(renew, execution_options={"synchronize_session": False}) is not None:
        return True
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = insert(Lease).values(name=name, **values).on_conflict_do_nothing().returning(Lease.name)
    return session.scalar(first) is not None


def give_back(session: Session, name: str, holder: str) -> None:
    """Let the next server take it at once; somebody else's is left alone."""
    session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))
