"""What the router's tests share: a house on a database of its own, a clock to turn, and a citizen's words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select
from town import with_tables

from config.settings import ROOT, Settings
from normalizer.schema import InboundMessage
from router.clock import tick
from router.house import House, open_house
from router.intake import take_message
from router.status import Actor, change_status
from store.migrate import migrate
from store.models import Base, Delivery, Report, StatusUpdate

WHOLE = "lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai"

NO_PLACE = "lampu jalan mati sudah seminggu"
OFFICER, ROUTER, CITIZEN = Actor(name="officer:sri"), Actor(name="router"), Actor(name="citizen")
_number = count(1)


def another(number: int) -> str:
    """A whole report of a spot of its own: the same problem at the same spot would be the same report."""
    return f"lampu jalan mati total di Jl. Manggarai Utara {number + 3} No {number + 1}, Kelurahan Manggarai"


@dataclass
class Clock:
    """The time of day, which only a test moves."""

    at: datetime = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def on(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Town:
    """A house with citizens who speak to it directly, without a channel in between."""

    house: House
    clock: Clock

    def tell(self, text: str = "", **said: Any) -> InboundMessage:
        """Let a citizen say something (by SMS, as +6281234, unless it is said otherwise)."""
        values = {"channel": "sms", "account": "+6290", "sender": "+6281234", "text": text}
        message = InboundMessage(**{"external_id": f"m{next(_number)}", **values, **said})
        take_message(self.house, message, "raw", self.house.now())
        return message

    def wait_quietly(self) -> None:
        """Let the quiet time go by."""
        self.clock.on(seconds=self.house.settings.quiet_seconds + 1)
        tick(self.house)

    def rows(self, model: type[Base], **where: Any) -> list[Any]:
        with self.house.store.read() as session:
            return list(session.scalars(select(model).filter_by(**where).order_by(model.id)))  # type: ignore[attr-defined]

    def reports(self) -> list[Report]:
        return self.rows(Report)

    def report(self) -> Report:
        (only,) = self.reports()
        return only

    def answers(self, **where: Any) -> list[str]:
        """What citizens are told, in its order."""
        return [row.text for row in self.rows(Delivery, **where) if row.address_id is not None]

    def history(self) -> list[str]:
        return [line.status for line in self.rows(StatusUpdate)]

    def move(self, status: str, *, by: Actor = OFFICER, number: int = -1, **words: Any) -> None:
        """An official's move of the newest (or the named) report."""
        chosen = self.reports()[number].id
        with self.house.store.write() as session:
            change_status(session, session.get_one(Report, chosen), status, by=by, house=self.house, **words)

    def again(self) -> "Town":
        """The same installation after a restart."""
        self.house.store.engine.dispose()
        return replace(self, house=replace(open_house(self.house.settings), now=self.clock))


def new_town(folder: Path, now: Callable[[], datetime] | None = None, **settings: Any) -> Town:
    """A migrated house in `folder`, whose clock stands still."""
    clock = Clock()
    given = {"data_dir": folder / "data", "public_url": "https://lapor.jakarta.go.id", "sandbox": "off"}
    read = Settings(_env_file=None, city=ROOT / "config" / "jakarta", **{**given, **settings})
    house = replace(open_house(read), now=now or clock)
    migrate_once(house, read)
    return Town(house=house, clock=clock)


def migrate_once(house: House, settings: Settings) -> None:
    """Today's schema in an empty database."""
    if settings.is_sqlite and not settings.database_url:
        with_tables(settings.data_dir)
    else:
        migrate(house.store.engine)
