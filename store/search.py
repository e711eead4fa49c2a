"""The index that reports are found by: words owed to it, written, found again, and taken out for good.

SQLite keeps an FTS5 table, PostgreSQL a tsvector with a GIN index (migration 0012). Triggers note in `words_owed`
whose words changed; router/search.py brings them. The words are ours already (normalizer/search_words.py): no
tokenizer of a database's takes them apart again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    any_,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Store
from store.models import Base, Id, Report

THE_INDEX = 0  # in place of a report's id: keys of words that nobody has any more are still to be taken out
ONE_AT_A_TIME = 0x6C61706F73  # PostgreSQL's advisory lock of whoever writes the index
LATELY = 20_000  # reports that are looked through before PostgreSQL's index is asked: two or three milliseconds
FEW = 5_000  # reports: so many are sorted; the newest of what more have are soon met

WORDS = table("report_words", column("report_id", BigInteger), column("words", TSVECTOR))  # PostgreSQL's

Forms = Sequence[Sequence[str]]  # of each word of a question the beginnings of which one must be there


class WordsOwed(Base):
    """The words of this report changed since the index was written; any number of rows for one report."""

    __tablename__ = "words_owed"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    report_id: Mapped[int] = mapped_column(Id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """Reports whose words are owed to the index, by the ids of the rows that say so; the newest row of all."""

    reports: Mapping[int, int]
    newest: int


def owed(session: Session, limit: int) -> Owed:
    """The first ones. What their words are may be read now: take() says whose are the same still."""
    newest = session.scalar(select(func.max(WordsOwed.id))) or 0
    query = select(WordsOwed.id, WordsOwed.report_id).where(WordsOwed.id <= newest)
    rows = session.execute(query.order_by(WordsOwed.id).limit(limit))
    return Owed(reports={number: report_id for number, report_id in rows}, newest=newest)  # noqa: C416


def take(session: Session, owed: Owed) -> set[int]:
    """The reports whose words as they were read are to be written in this transaction: no other server has them,
    and none changed since. Those that did stay owed."""
    if not _is_sqlite(session):
        lock = text("SELECT pg_try_advisory_xact_lock(:key)")
        if not session.scalar(lock, {"key": ONE_AT_A_TIME}):
            return set()
    mine = delete(WordsOwed).where(WordsOwed.id.in_(list(owed.reports)))
    taken = set(session.scalars(mine.returning(WordsOwed.report_id)))
    since = or_(WordsOwed.id > owed.newest, WordsOwed.id < max(owed.reports))  # the second: committed late
    return taken - set(session.scalars(select(WordsOwed.report_id).where(since)))


def write_words(session: Session, words: Mapping[int, str]) -> None:
    """Set what these reports are found by: words with one space between; one statement for all."""
    if not words:
        return
    statement = (
        "INSERT OR REPLACE INTO report_words (rowid, words) VALUES (:report, :words)"
        if _is_sqlite(session)
        else "INSERT INTO report_words (report_id, words)"
        " VALUES (:report, array_to_tsvector(string_to_array(:words, ' ')))"
        " ON CONFLICT (report_id) DO UPDATE SET words = excluded.words"
    )
    session.execute(text(statement), [{"report": report, "words": said} for report, said in words.items()])


def take_out(session: Session, report_ids: Sequence[int]) -> None:
    """Take reports out of the index; traces of their words stay in its file until rebuild()."""
    if report_ids:
        session.execute(
            text(f"DELETE FROM report_words WHERE {_key(session)} = :report"),  # noqa: S608
            [{"report": report} for report in report_ids],
        )


def rebuild(session: Session) -> None:
    """Leave nothing in the index's file of words that nobody has any more.

    FTS5 keeps what was replaced or deleted until it merges (its own secure-delete loses rows of others:
    docs/decisions/0026): the index is made anew from the words that others have (a quarter of a second for 100,000
    reports). On PostgreSQL renew() does that, later.
    """
    if _is_sqlite(session):
        session.execute(text("INSERT INTO report_words (report_words) VALUES ('rebuild')"))
    else:
        session.execute(insert(WordsOwed).values(report_id=THE_INDEX))


def renew(store: Store) -> None:
    """PostgreSQL: build the index anew beside its use; GIN never gives up the key of a word that nobody has."""
    if store.engine.dialect.name != "postgresql":
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM report_words"))
        connection.execute(text("REINDEX INDEX CONCURRENTLY ix_report_words"))


def newest(
    session: Session, query: Select[Report], asked: Forms, exactly: str | None = None, *, start: int, count: int
) -> list[int]:
    """Ids of the query's reports that have all of these words (and this one `exactly`), the newest first: `count`
    of them behind the first `start`; none for a question without words."""
    if not asked:
        return []
    ids: Select[Any] = query.with_only_columns(Report.id).offset(start).limit(count)
    if not _is_sqlite(session):
        return _newest_of_postgres(session, ids, _tsquery(asked, exactly), count)
    words = table("report_words", column("rowid"))
    matches = text("report_words MATCH :asked").bindparams(asked=_fts5(asked, exactly))
    return _ids(session, _joined(ids, words.c.rowid).where(matches))


def _newest_of_postgres(session: Session, ids: Select[Any], asked: str, count: int) -> list[int]:
    """FTS5 gives rows in the order of their ids. GIN does not, and PostgreSQL cannot know which beginnings are
    rare: so it is told how to look. What many reports have is met among the newest, what few have is in the index.
    """
    lately = select(WORDS).order_by(WORDS.c.report_id.desc()).limit(LATELY).subquery()
    page = _ids(session, _joined(ids, lately.c.report_id).where(_has(lately, asked)))
    if len(page) == count:
        return page
    with _without(session, "seqscan", "indexscan"):
        few = _ids(session, select(WORDS.c.report_id).where(_has(WORDS, asked)).limit(FEW))
    if len(few) < FEW:
        is_one = Report.id == any_(literal(few, ARRAY(BigInteger)))
        return _ids(session, ids.where(is_one).order_by(Report.id.desc()))
    with _without(session, "bitmapscan"):
        return _ids(session, _joined(ids, WORDS.c.report_id).where(_has(WORDS, asked)))


def _joined(ids: Select[Any], number: ColumnElement[Any]) -> Select[Any]:
    return ids.join(number.table, number == Report.id).order_by(number.desc())


def _has(words: FromClause, asked: str) -> ColumnElement[bool]:
    return words.c.words.bool_op("@@")(cast(asked, TSQUERY))


def _ids(session: Session, query: Select[Any]) -> list[int]:
    return list(session.scalars(query))


@contextmanager
def _without(session: Session, *ways: str) -> Iterator[None]:
    """PostgreSQL reads in none of these ways meanwhile."""
    for way in ways:
        session.execute(text(f"SET LOCAL enable_{way} = off"))
    yield
    for way in ways:
        session.execute(text(f"SET LOCAL enable_{way} TO DEFAULT"))


def _fts5(asked: Forms, exactly: str | None) -> str:
    """https://sqlite.org/fts5.html#full_text_query_syntax; all words are letters and digits."""
    words = [" OR ".join(f'"{each}"' + _star(each) for each in forms) for forms in asked]
    return " AND ".join(f"({word})" for word in (*words, *([f'"{exactly}"'] if exactly else [])))


def _tsquery(asked: Forms, exactly: str | None) -> str:
    words = [" | ".join(f"'{each}'" + (_star(each) and ":*") for each in forms) for forms in asked]
    return " & ".join(f"({word})" for word in (*words, *([f"'{exactly}'"] if exactly else [])))


def _star(word: str) -> str:
    return "*" if len(word) > 1 else ""


def _key(session: Session) -> str:
    return "rowid" if _is_sqlite(session) else "report_id"


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
