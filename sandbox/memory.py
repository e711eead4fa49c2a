"""The stand-ins' memory: threads, photos, people and what still has to be handed over, in one SQLite file."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sandbox.photos import Photo

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

Database = sqlite3.Connection
Direction = Literal["in", "out"]

_SCHEMA = """
create table if not exists people (
    channel text, key text, name text, number integer,
    primary key (channel, key), unique (channel, number));
create table if not exists messages (
    row integer primary key autoincrement, channel text, person text, id text, direction text, text text,
    lat real, long real, buttons text, wire text, at text);
create index if not exists threads on messages (channel, person);
create index if not exists ids on messages (channel, id);
create table if not exists photos (
    token text primary key, message integer, position integer, content_type text, width integer, height integer,
    content blob);
create index if not exists photos_of on photos (message, position);
create table if not exists updates (id integer primary key autoincrement, body text);
create table if not exists errands (
    id integer primary key autoincrement, kind text, target text, sender text, headers text, body blob,
    tries integer default 0, due real);
create table if not exists kept (name text primary key, value text);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody with a phone: `key` is how the channel finds them, `number` the provider's own id of them."""

    channel: str
    key: str
    name: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One message of a thread; `id` is the provider's, `wire` what the provider itself remembers of it."""

    row: int
    channel: str
    person: str
    id: str
    direction: Direction
    text: str
    lat: float | None
    long: float | None
    buttons: tuple[str, ...]
    wire: Mapping[str, Any]
    at: datetime
    photos: int


def open_memory(data_dir: Path) -> Database:
    """Open `sandbox.db` in DATA_DIR; what was there before a restart is there again."""
    data_dir.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(data_dir / "sandbox.db", isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.executescript("pragma journal_mode=wal; pragma synchronous=normal; pragma busy_timeout=5000;" + _SCHEMA)
    return db


@contextmanager
def together(db: Database) -> Iterator[None]:
    """All of the block or nothing of it."""
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")


def person(db: Database, channel: str, key: str, name: str, number: int | None = None) -> Person:
    """Find the person, or make them; a number that is not given is made up and kept."""
    known = person_by_key(db, channel, key) or (number and person_by_number(db, channel, number))
    if known:
        return known
    number = number or 10**9 + secrets.randbelow(8 * 10**9)
    db.execute("insert into people values (?, ?, ?, ?)", (channel, key, name, number))
    return Person(channel=channel, key=key, name=name, number=number)


def person_by_key(db: Database, channel: str, key: str) -> Person | None:
    return _person(db.execute("select * from people where channel=? and key=?", (channel, key)).fetchone())


def person_by_number(db: Database, channel: str, number: int) -> Person | None:
    return _person(db.execute("select * from people where channel=? and number=?", (channel, number)).fetchone())


def _person(row: sqlite3.Row | None) -> Person | None:
    return Person(**dict(row)) if row else None


def keep_message(
    db: Database,
    *,
    channel: str,
    person: str,
    id: str,  # noqa: A002  (GET's word for it)
    direction: Direction,
    text: str = "",
    lat: float | None = None,
    long: float | None = None,
    buttons: Sequence[str] = (),
    wire: Mapping[str, Any] | None = None,
    photos: Sequence[Photo] = (),
) -> None:
    """Put a message with its photos at the end of a thread."""
    values = {
        "channel": channel,
        "person": person,
        "id": id,
        "direction": direction,
        "text": text,
        "lat": lat,
        "long": long,
        "buttons": json.dumps(list(buttons)),
        "wire": json.dumps(wire or {}),
        "at": datetime.now(UTC).isoformat(),
    }
    marks = ", ".join(f":{name}" for name in values)
    made = db.execute(f"insert into messages ({', '.join(values)}) values ({marks})", values)  # noqa: S608
    for position, photo in enumerate(photos):
        db.execute(
            "insert into photos values (?, ?, ?, ?, ?, ?, ?)",
            (photo.token, made.lastrowid, position, photo.content_type, photo.width, photo.height, photo.content),
        )


def change_message(db: Database, message: Kept, *, text: str, buttons: Sequence[str], wire: object) -> None:
    """Let a message read differently from now on, as an edit does."""
    db.execute(
        "update messages set text=?, buttons=?, wire=? where row=?",
        (text, json.dumps(list(buttons)), json.dumps(wire), message.row),
    )


def messages(db: Database, where: str, values: Sequence[object], order: str = "row") -> list[Kept]:
    """Every message that a condition on the columns picks out, oldest first unless `order` says otherwise."""
    counted = "(select count(*) from photos where message=messages.row) as photos"
    query = f"select *, {counted} from messages where {where} order by {order}"  # noqa: S608  (our own words only)
    return [_kept(row) for row in db.execute(query, tuple(values))]


def thread(db: Database, channel: str, person: str) -> list[Kept]:
    return messages(db, "channel=? and person=?", (channel, person))


def message(db: Database, channel: str, id: str) -> Kept | None:  # noqa: A002
    """The newest message with that provider id."""
    found = messages(db, "channel=? and id=?", (channel, id), "row desc limit 1")
    return found[0] if found else None


def _kept(row: sqlite3.Row) -> Kept:
    fields = dict(row)
    fields["buttons"] = tuple(json.loads(fields["buttons"]))
    fields["wire"] = json.loads(fields["wire"])
    fields["at"] = datetime.fromisoformat(fields["at"])
    return Kept(**fields)


def photo(db: Database, token: str) -> Photo | None:
    found = _photos(db, "token=?", (token,))
    return found[0] if found else None


def photos_of(db: Database, message: Kept) -> list[Photo]:
    return _photos(db, "message=? order by position", (message.row,))


def _photos(db: Database, where: str, values: Sequence[object]) -> list[Photo]:
    query = f"select token, content_type, width, height, content from photos where {where}"  # noqa: S608
    return [Photo(**dict(row)) for row in db.execute(query, tuple(values))]


def recall(db: Database, name: str) -> Any:
    """What was kept under a name, or None."""
    row = db.execute("select value from kept where name=?", (name,)).fetchone()
    return json.loads(row["value"]) if row else None


def remember(db: Database, name: str, value: object) -> None:
    db.execute("insert or replace into kept values (?, ?)", (name, json.dumps(value)))


def next_number(db: Database, name: str, at_least: int = 1) -> int:
    """A number above every one given before under this name, and not below `at_least`."""
    number = max(int(recall(db, name) or 0) + 1, at_least)
    remember(db, name, number)
    return number
