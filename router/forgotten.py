"""Where a forgotten person may still stand: this server's journal, and copies made before (decision 0030)."""

import hmac
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels import CHANNELS
from router.house import House
from store.journal import Journal
from store.journal_sql import IsTheirs
from store.media import sync_folder
from store.models import Address, Message, Reporter

LIST = "forgotten"  # in DATA_DIR, and beside a backup
SHORTEST = 7  # digits of a number, or letters of a mailbox, that are looked for in what others' programs wrote


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """By what a person's entries in a journal are known: pairs of channel and address, and messages' ids."""

    names: frozenset[tuple[str, str]]
    ids: frozenset[tuple[str, str]]


def traces_of(session: Session, people: Sequence[Reporter], house: House) -> Traces:
    """To be asked before they are erased."""
    rows = list(session.scalars(select(Address).where(Address.reporter_id.in_([each.id for each in people]))))
    said = select(Message.channel, Message.external_id).where(Message.address_id.in_([row.id for row in rows]))
    return Traces(
        names=frozenset((row.channel, house.store.sealer.open(row.sealed)) for row in rows),
        ids=frozenset((channel, external_id) for channel, external_id in session.execute(said)),
    )


def traces_of_name(person: str) -> Traces:
    """Of somebody whom only a journal may still know: `sms:+62812…`. Nothing for anything else."""
    channel, _, name = person.partition(":")
    names = {(channel, name)} if channel in CHANNELS and name else set()
    return Traces(names=frozenset(names), ids=frozenset())


# --- in the journal -----------------------------------------------------------------------------------------


def blank_journal(journal: Journal, traces: Traces, house: House) -> int:
    """Empty the entries that they sent, or that name their number or mailbox (receipts, bounces); how many."""
    if not traces.names:
        return 0
    return journal.blank(is_by(traces), lambda external_id: forgotten_id(house, external_id))


def forgotten_id(house: House, external_id: str) -> str:
    """A message's key that names a chat, made one that does not; a repeat is known by it all the same."""
    return f"forgotten:{hmac.digest(house.keys.derive('forgotten'), external_id.encode(), 'sha256').hex()}"


def is_by(traces: Traces) -> IsTheirs:
    lanes = {(_door(channel), name.lower()) for channel, name in traces.names}
    ids = {(_door(channel), external_id) for channel, external_id in traces.ids}
    patterns = [pattern for channel, name in traces.names if (pattern := _pattern(channel, name))]
    named = re.compile(b"|".join(patterns), re.IGNORECASE) if patterns else None

    def is_theirs(channel: str, external_id: str, lane: str, raw: bytes) -> bool:
        door = _door(channel)
        sender = lane.lower().removeprefix("whatsapp:")
        return (door, sender) in lanes or (door, external_id) in ids or bool(named and named.search(raw))

    return is_theirs


def _door(channel: str) -> str:
    return "sms" if channel == "whatsapp" else channel  # one webhook for both


def _pattern(channel: str, name: str) -> bytes | None:
    """A number or mailbox as it stands in a form, a header or JSON; other addresses are no names to look for."""
    if len(name) < SHORTEST:
        return None
    if channel in {"sms", "whatsapp"}:
        return rb"(?<!\d)" + re.escape(name.lstrip("+").encode()) + rb"(?!\d)"
    if channel == "email":
        mailbox = re.escape(name.encode()).replace(b"@", b"(?:@|%40)")
        return rb"(?<![\w.+-])" + mailbox + rb"(?![\w-])"
    return None


# --- in copies made before ----------------------------------------------------------------------------------


def note_forgotten(house: House, addresses: Sequence[Address]) -> None:
    """Add them to the list. Raises OSError."""
    sealer = house.store.sealer
    note_hashes(
        house,
        {
            each
            for row in addresses
            for each in (row.lookup, *sealer.lookups(row.channel, sealer.open(row.sealed)))
        },
    )


def note_hashes(house: House, hashes: Collection[str]) -> None:
    """Add keyed hashes to the list, fsync'd: a time and a hash a line. Raises OSError."""
    at = house.now().astimezone(UTC).isoformat(timespec="microseconds")
    path = house.settings.data_dir / LIST
    path.parent.mkdir(parents=True, exist_ok=True)  # with PostgreSQL and a bucket nothing else may lie there
    with os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a") as file:
        file.write("".join(f"{at} {each}\n" for each in sorted(hashes)))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def read_list(path: Path) -> dict[str, datetime]:
    """The newest time of each hash. Raises OSError, ValueError."""
    found: dict[str, datetime] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        at, _, lookup = line.partition(" ")
        if len(lookup) != 64:
            raise ValueError(f"{path} is no list of forgotten people")
        found[lookup] = max(datetime.fromisoformat(at), found.get(lookup, datetime.min.replace(tzinfo=UTC)))
    return found


def merge_lists(*paths: Path, into: Path) -> None:
    """One list of all lines. Raises OSError, ValueError."""
    lines = {line for path in paths if path.exists() and read_list(path) for line in path.read_text().splitlines()}
    if not lines:
        return
    half = into.with_name(f".{into.name}.{os.getpid()}")
    half.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="ascii")
    half.chmod(0o600)
    half.replace(into)
    sync_folder(into.parent)


def listed(session: Session, forgotten: dict[str, datetime]) -> Iterator[Reporter]:
    """Who is on the list and did not write anew since; rows held."""
    ids = {
        reporter_id
        for some in _parts(sorted(forgotten), 500)
        for lookup, made, reporter_id in session.execute(
            select(Address.lookup, Address.created_at, Address.reporter_id).where(Address.lookup.in_(some))
        )
        if made <= forgotten[lookup]
    }
    yield from session.scalars(
        select(Reporter).where(Reporter.id.in_(ids)).order_by(Reporter.id).with_for_update()
    )


def _parts(all_of: Sequence[str], size: int) -> Iterator[Collection[str]]:
    for start in range(0, len(all_of), size):
        yield all_of[start : start + size]
