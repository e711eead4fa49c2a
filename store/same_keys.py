"""Whether SECRET_KEY and CONTACT_KEY are those that the database was written with."""

from cryptography.exceptions import InvalidTag
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import SettingsError
from store.chain import FIRST, mac_of
from store.database import Store
from store.models import Address, Report, StatusUpdate
from store.seal import Sealer

NEWEST = 5  # rows that are tried: one of them may have been edited, not all
FEWEST = 3  # histories that say anything: fewer may all have been edited, which `verify` tells
REMEDY = (
    "set that of the other servers, or new,old (with SQLite it is in DATA_DIR/keys.json); "
    "where it is lost for good: `serve --new-keys`, until the first report is there"
)


def check_same_keys(store: Store) -> None:
    """Raise SettingsError where no key of ours opens the newest contacts, or made the newest histories: what this
    server wrote nobody could read, and what it sent on would look edited for ever."""
    with store.read() as session:
        if not _opens_any(session, store.sealer):
            raise SettingsError(f"CONTACT_KEY is not the one that the contacts in this database have: {REMEDY}")
        if not _made_any(session, store.keys.derive_all("history")):
            raise SettingsError(f"SECRET_KEY is not the one that the history in this database has: {REMEDY}")


def _opens_any(session: Session, sealer: Sealer) -> bool:
    """True also where there are none."""
    known = select(Address.sealed).where(Address.sealed != b"")  # of who was forgotten nothing is left to open
    newest = list(session.scalars(known.order_by(Address.id.desc()).limit(NEWEST)))
    return not newest or any(_opens(sealer, sealed) for sealed in newest)


def _opens(sealer: Sealer, sealed: bytes) -> bool:
    try:
        sealer.open(sealed)
    except InvalidTag:
        return False
    return True


def _made_any(session: Session, keys: tuple[bytes, ...]) -> bool:
    """The same, by the first lines of the newest reports' histories."""
    reports = dict(session.execute(select(Report.id, Report.code).order_by(Report.id.desc()).limit(NEWEST)).all())
    first = select(StatusUpdate).where(StatusUpdate.report_id.in_(reports), StatusUpdate.seq == 1)
    lines = list(session.scalars(first))
    macs = [{mac_of(key, reports[line.report_id], FIRST, line) for key in keys} for line in lines]
    return len(lines) < FEWEST or any(line.mac in fitting for line, fitting in zip(lines, macs, strict=True))
