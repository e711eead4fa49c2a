"""What a command says at its end, on whatever terminal, pipe or closed stream there is."""

import argparse
import os
import sys

REPLACED = "backslashreplace"


def carried_out(options: argparse.Namespace) -> int:
    status = int(options.command(options) or 0)
    sys.stdout.flush()  # a disk that is full is said by us
    return status


def let_go() -> None:
    """Drop what cannot be written: Python's own flush at the end must not say so once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def speak_plainly() -> None:
    """Pipes speak UTF-8 in every locale, a terminal shows what it lacks as a number, closed is nowhere."""
    for name, mode, errors in (("stdin", "r", "replace"), ("stdout", "w", REPLACED), ("stderr", "w", REPLACED)):
        stream = getattr(sys, name)
        if stream is None:  # before a database is opened in its place
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (as long as we live)
        else:
            stream.reconfigure(encoding=stream.encoding if stream.isatty() else "utf-8", errors=errors)


def of_database(error: Exception) -> str | None:
    """What a database says that cannot be reached, or that refused a change; no statement, no row, no password."""
    from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, OperationalError

    if not isinstance(error, DatabaseError):
        return None
    if type(error.orig).__name__.startswith("Undefined") or "no such " in str(error.orig):
        return "the database has not this version's tables: run `run_bots.py migrate` (DATA_DIR, DATABASE_URL)"
    if isinstance(error, IntegrityError | DataError):
        return f"the database refused it ({type(error.orig).__name__}): nothing was changed, please try again"
    tells_no_row = isinstance(error, OperationalError) or type(error) is DatabaseError  # such as: no database
    words = str(error.orig).splitlines() if tells_no_row else []
    return f"the database (DATABASE_URL) cannot be used: {words[0] if words else type(error.orig).__name__}"
