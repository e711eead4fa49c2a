"""Writes the new rows of one transaction many at once: what makes a flood day's batches quick."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Dialect, delete, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import RelationshipProperty, Session, make_transient_to_detached

from store.models import Address, Base, Delivery, Holding, Message, Photo, Report, Reporter, StatusUpdate

# a row comes behind what it names
ORDER = (Reporter, Address, Report, Message, StatusUpdate, Holding, Photo, Delivery)

UNIQUE = {Address: ("channel", "lookup"), Message: ("channel", "account", "external_id")}
TOGETHER = 128  # rows in one statement, at most
# in session.info
_NEW, _ALL, _WATCHED, _OVERTAKEN = "new rows", "all rows wait", "watched rows", "overtaken reports"

Row = TypeVar("Row", bound=Base)
Value = TypeVar("Value")


def made(model: type[Row], **values: Any) -> Row:
    """A new row of these columns and related rows, without what the ORM notes down for each value that is set.

    The lists of related rows do not know of it. Hand it to keep() when it is complete.
    """
    row = cast(Row, inspect(model).class_manager.new_instance())
    row.__dict__.update(values)
    return row


def keep(session: Session, row: Base) -> None:
    """Have a new row written at the transaction's end, many at once; one that an older row lists by the flush,
    unless keep_all() was called."""
    if (watched := session.info.get(_WATCHED)) is not None:
        watched.append(row)
    if not session.info.get(_ALL) and _hangs_on_older(row):
        _show(row)
        session.add(row)
    else:
        session.info.setdefault(_NEW, []).append(row)


def waiting(session: Session, model: type[Row]) -> list[Row]:
    """The rows of a table that keep() was given and no statement has written yet, in their order."""
    return [row for row in session.info.get(_NEW, ()) if isinstance(row, model)]


def watch(session: Session) -> list[Base]:
    """A list of the rows that keep() is given from here on, in this transaction."""
    watched: list[Base] = session.info.setdefault(_WATCHED, [])
    watched.clear()
    return watched


def keep_all(session: Session) -> None:
    """From here on every row that keep() is given waits for the transaction's end: for many moves of older
    reports, where nothing asks for what was just written."""
    session.info[_ALL] = True


def drop_held(session: Session, report: Report) -> None:
    """Have what was held back for a report until now (state `held`) never be sent: at once, or behind keep_all()
    at the transaction's end, many at once. What is kept from here on stays."""
    session.info.setdefault(_OVERTAKEN, {})[report.id] = len(session.info.get(_NEW, ()))
    if not session.info.get(_ALL):
        session.flush()
        _drop_held(session)


def _drop_held(session: Session) -> None:
    overtaken: dict[int, int] = session.info.pop(_OVERTAKEN, {})
    for place, row in enumerate(session.info.get(_NEW, ()) if overtaken else ()):
        is_held = isinstance(row, Delivery) and row.state == "held" and row.report is not None
        if is_held and place < overtaken.get(row.report.id, 0):
            row.state = "withdrawn"
    if overtaken:
        held = delete(Delivery).where(Delivery.report_id.in_(overtaken), Delivery.state == "held")
        with session.no_autoflush:
            session.execute(held, execution_options={"synchronize_session": False})


def _show(row: Base) -> None:
    """Set a row's related rows once more, seen by the ORM this time; and theirs, where they are new too."""
    for name, _, _ in _parents(type(row)):
        target = row.__dict__.pop(name, None)
        if target is not None and "id" not in target.__dict__:
            _show(target)
        setattr(row, name, target)


def write_new(session: Session) -> None:
    """Insert what keep() was given with one statement a table; what hangs on older rows is left to the flush.

    The unit of work takes some 60 µs a row to find out in which order rows depend on each other: here it is known.
    """
    _drop_held(session)
    rows = [row for row in session.info.pop(_NEW, ()) if "id" not in row.__dict__]
    pending = [row for row in rows if row in session]  # a row of the flush's names them
    for row in pending:
        session.expunge(row)
    with session.no_autoflush:
        for model in ORDER:
            if same := [row for row in rows if type(row) is model]:
                _insert(session, model, same)
    for row in pending:
        make_transient_to_detached(row)
    session.add_all(pending)  # all at once: one that is added takes its related rows along


def write_now(session: Session) -> None:
    """Write what keep() was given in the middle of a transaction: queries find it, the session has it from now.

    For the few turns that must; most rows wait for the end.
    """
    rows = [row for row in session.info.get(_NEW, ()) if "id" not in row.__dict__]
    write_new(session)
    found = [row for row in rows if row not in session]
    for row in found:
        make_transient_to_detached(row)
    session.add_all(found)


def _hangs_on_older(row: Base) -> bool:
    """Whether a row stands in a list of a row that the database has already: the session keeps those lists."""
    for name in _listed(type(row)):
        target = row.__dict__.get(name)
        if target is not None and target.__dict__.get("id") is not None:
            return True
    return False


@cache
def _listed(model: type[Base]) -> list[str]:
    """The relationships whose other side lists rows of this table."""
    return [name for name, _, is_listed in _parents(model) if is_listed]


@cache
def _parents(model: type[Base]) -> list[tuple[str, str, bool]]:
    """Relationship, its foreign key's column, and whether the other side lists its rows."""
    return [
        (each.key, str(next(iter(each.local_columns)).key), bool(each.back_populates))
        for each in inspect(model).relationships
        if _is_many_to_one(each)
    ]


def _is_many_to_one(each: RelationshipProperty[Any]) -> bool:
    return each.direction.name == "MANYTOONE"


def _insert(session: Session, model: type[Base], rows: Sequence[Base]) -> None:
    for row, number in zip(rows, _free_ids(session, model, len(rows)), strict=True):
        row.__dict__["id"] = number
        for name, column, _ in _parents(model):
            if (target := row.__dict__.get(name)) is not None:
                row.__dict__[column] = target.id
    # in one order everywhere: two servers with the same rows never wait for each other
    if key := UNIQUE.get(model):
        rows = sorted(rows, key=lambda row: [row.__dict__.get(name, "") for name in key])
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, model, rows)
    else:
        for some in in_powers_of_two(rows, TOGETHER):
            _insert_together(connection, model, some)


def in_powers_of_two(rows: Sequence[Value], most: int) -> Iterator[Sequence[Value]]:
    """At most so many together, in few sizes: SQLite keeps a statement that it has seen."""
    start = 0
    while start < len(rows):
        size = min(1 << ((len(rows) - start).bit_length() - 1), most)
        yield rows[start : start + size]
        start += size


def _insert_together(connection: Connection, model: type[Base], rows: Sequence[Base]) -> None:
    """One statement, one step: SQLite lets go of the interpreter at each, and a busy event loop keeps it."""
    flat: list[Any] = []
    for row in rows:
        flat += _values(model, connection.dialect, row)
    connection.exec_driver_sql(_insertion(model, len(rows)), tuple(flat))


@cache
def _insertion(model: type[Base], count: int) -> str:
    names = [column.key for column in inspect(model).columns]
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {model.__tablename__} ({_quoted(names)}) VALUES {', '.join([row] * count)}"  # noqa: S608


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _copy(connection: Connection, model: type[Base], rows: Sequence[Base]) -> None:
    """PostgreSQL takes rows by COPY in a third of the time of one INSERT each. Raises SQLAlchemy's DBAPIError."""
    names = _quoted(column.key for column in inspect(model).columns)
    statement = f"COPY {model.__tablename__} ({names}) FROM STDIN"
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(_values(model, connection.dialect, row))
    except connection.dialect.loaded_dbapi.Error as error:
        base = connection.dialect.loaded_dbapi.Error
        dead = connection.dialect.is_disconnect(error, connection.connection, None)
        raise DBAPIError.instance(
            "COPY",
            None,
            error,
            base,
            hide_parameters=True,
            connection_invalidated=dead,
            dialect=connection.dialect,
        ) from error
    finally:
        cursor.close()


def _values(model: type[Base], dialect: Dialect, row: Base) -> list[Any]:
    """The row's columns as the driver takes them."""
    said, values = row.__dict__, []
    for name, default, write in _columns(model, dialect):
        value = said.get(name, default)
        values.append(value if write is None else write(value))
    return values


@cache
def _columns(model: type[Base], dialect: Dialect) -> list[tuple[str, Any, Callable[[Any], Any] | None]]:
    """Each column with its default, and with what makes its values the driver's."""
    return [
        (
            str(column.key),
            getattr(column.default, "arg", None),
            column.type.dialect_impl(dialect).bind_processor(dialect),
        )
        for column in inspect(model).columns
    ]


def _free_ids(session: Session, model: type[Base], count: int) -> Iterator[int]:
    """So many ids that no row has: from the sequence, or (SQLite's writer is alone) behind the largest."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        largest = connection.exec_driver_sql(f"SELECT max(id) FROM {model.__tablename__}").scalar() or 0  # noqa: S608
        return iter(range(largest + 1, largest + 1 + count))
    if model is StatusUpdate:  # whoever waits for all lines under way (store/heads.py) waits from here on
        connection.exec_driver_sql("LOCK TABLE status_updates IN ROW EXCLUSIVE MODE")
    query = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
    found = connection.scalars(query, {"name": model.__tablename__, "count": count})
    return iter([int(number) for number in found])
