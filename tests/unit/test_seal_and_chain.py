"""Addresses are sealed, the history is chained, and the keys for both are made once."""

import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from config.keys import Keys, derive, read_keys
from config.settings import Settings, SettingsError
from router.forget import forget_all
from router.operate import first_edited_row
from store.chain import SALT_BYTES, first_break, hash_text, new_salt
from store.models import Address, StatusUpdate
from store.same_keys import check_same_keys
from store.seal import Sealer
from tests.unit.houses import CITIZEN, WHOLE, Town, another, new_town

OLD, NEW = b"o" * 32, b"n" * 32

# --- sealed addresses ---------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
def test_what_is_sealed_opens_again_and_never_looks_the_same_twice(address: str) -> None:
    sealer = Sealer((NEW,))
    assert sealer.open(sealer.seal(address)) == address
    assert sealer.seal(address) != sealer.seal(address)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(InvalidTag):
        Sealer((OLD,)).open(Sealer((NEW,)).seal("+6281234567"))


@pytest.mark.parametrize("place", [0, 12, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(Sealer((NEW,)).seal("+6281234567"))
    sealed[place] ^= 1
    with pytest.raises(InvalidTag):
        Sealer((NEW,)).open(bytes(sealed))


def test_after_a_rotation_old_rows_open_and_are_found() -> None:
    before, after = Sealer((OLD,)), Sealer((NEW, OLD))
    assert after.open(before.seal("siti@example.org")) == "siti@example.org"
    assert before.lookups("email", "siti@example.org")[0] in after.lookups("email", "siti@example.org")
    with pytest.raises(InvalidTag):
        before.open(after.seal("siti@example.org"))


def test_a_mail_address_is_one_whatever_its_case_and_a_channel_of_its_own() -> None:
    sealer = Sealer((NEW,))
    assert sealer.lookups("email", " Siti@Example.ORG ") == sealer.lookups("email", "siti@example.org")
    assert sealer.lookups("telegram", "AbC") != sealer.lookups("telegram", "abc")
    assert sealer.lookups("sms", "+6281234") != sealer.lookups("whatsapp", "+6281234")


def test_a_stolen_database_names_nobody(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    for channel, sender in (("sms", "+6281234567890"), ("email", "siti.rahma@example.org"), ("x", "sitirahma77")):
        town.tell(WHOLE, channel=channel, sender=sender)
    with town.house.store.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    stolen = b"".join(path.read_bytes() for path in sorted((tmp_path / "data").glob("reports.db*")))

    assert b"Manggarai Utara" in stolen
    assert not [who for who in (b"81234567890", b"siti.rahma", b"sitirahma77") if who in stolen]


def test_one_person_written_in_two_ways_is_one_address(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    for sender in ("Siti@Example.org", "siti@example.org"):
        town.tell(WHOLE, channel="email", sender=sender)

    assert len(town.rows(Address)) == 1


# --- the history's chain ------------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A house with one report of five lines and another one of three."""
    town = new_town(tmp_path)
    town.tell(WHOLE)
    town.move("in_progress", notes="Tim menuju lokasi")
    town.move("scheduled", notes="Besok pagi")
    town.move("resolved", notes="Tidak selesai hari ini")
    town.tell(WHOLE, sender="+6285555")
    town.move("rejected", notes="Bukan aset kami")
    return town


def break_of(town: Town) -> str | None:
    return first_edited_row(town.house)


def edit(town: Town, number: int, **values: object) -> None:
    with town.house.store.write() as session:
        session.execute(update(StatusUpdate).where(StatusUpdate.id == number).values(**values))


def test_a_history_that_nobody_touched_is_whole(town: Town) -> None:
    assert len(town.rows(StatusUpdate)) == 8
    assert break_of(town) is None


EDITS: dict[str, Callable[[StatusUpdate], object]] = {
    "status": lambda line: "closed",
    "notes": lambda line: "Selesai",
    "agency_id": lambda line: "dlh",
    "by": lambda line: "officer:budi",
    "at": lambda line: line.at - timedelta(microseconds=1),
    "salt": lambda line: new_salt(),
    "text_hash": lambda line: hash_text(line.salt or b"", "Selesai"),
    "mac": lambda line: bytes(32),
}


@pytest.mark.parametrize("field", EDITS)
def test_a_line_that_was_edited_is_named(town: Town, field: str) -> None:
    line = town.rows(StatusUpdate)[3]
    edit(town, line.id, **{field: EDITS[field](line)})

    assert str(break_of(town)).startswith(f"status_updates row {line.id} ")


def test_notes_with_a_new_salt_and_hash_are_found_all_the_same(town: Town) -> None:
    salt = new_salt()
    edit(town, 3, notes="Sudah selesai", salt=salt, text_hash=hash_text(salt, "Sudah selesai"))

    assert "row 3 " in str(break_of(town))


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_line_that_was_cut_out_is_missed(town: Town, number: int) -> None:
    with town.house.store.write() as session:
        session.execute(delete(StatusUpdate).where(StatusUpdate.id == number))

    assert f"row {number + 1} " in str(break_of(town))


def test_a_line_that_was_cut_out_and_the_rest_renumbered_is_missed(town: Town) -> None:
    with town.house.store.write() as session:
        session.execute(delete(StatusUpdate).where(StatusUpdate.id == 3))
        for number, seq in ((4, 3), (5, 4)):
            session.execute(update(StatusUpdate).where(StatusUpdate.id == number).values(seq=seq))

    assert "row 4 " in str(break_of(town))


def test_two_lines_that_changed_places_are_found(town: Town) -> None:
    edit(town, 3, seq=90)
    edit(town, 4, seq=3)
    edit(town, 3, seq=4)

    assert "row 4 " in str(break_of(town))


def test_a_line_moved_to_another_report_is_found(town: Town) -> None:
    edit(town, 5, report_id=2, seq=4)

    assert "row 5 " in str(break_of(town))


def test_a_line_put_in_without_the_key_is_found(town: Town) -> None:
    last = town.rows(StatusUpdate, report_id=1)[-1]
    with town.house.store.write() as session:
        values = {column.name: getattr(last, column.name) for column in StatusUpdate.__table__.columns}
        session.add(StatusUpdate(**{**values, "id": 99, "seq": last.seq + 1, "status": "closed"}))

    assert "row 99 " in str(break_of(town))


def test_erased_text_leaves_the_chain_whole(town: Town) -> None:
    for line in town.rows(StatusUpdate):
        edit(town, line.id, notes=None, salt=None)

    assert break_of(town) is None


def test_after_an_erasure_the_other_fields_still_count(town: Town) -> None:
    edit(town, 4, notes=None, salt=None, status="closed")

    assert "row 4 " in str(break_of(town))


def test_a_history_is_whole_again_after_a_restart_and_grows_on(town: Town) -> None:
    after = town.again()
    after.move("reopened", number=0, by=CITIZEN, notes="belum")

    assert first_edited_row(after.house) is None
    assert after.rows(StatusUpdate, report_id=1)[-1].seq == 6


def test_another_key_breaks_every_chain(town: Town) -> None:
    with town.house.store.read() as session:
        lines = list(session.scalars(select(StatusUpdate).where(StatusUpdate.report_id == 1)))
        code = lines[0].report.code
    assert first_break(town.house.keys.derive_all("history"), code, lines) is None
    assert first_break(town.house.keys.derive_all("thread"), code, lines) is lines[0]


# --- keys ---------------------------------------------------------------------------------------------------


def settings(folder: Path, **given: str) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **given)


def _read(
    folder: str, start: "multiprocessing.synchronize.Barrier", found: "multiprocessing.Queue[object]"
) -> None:
    start.wait()
    found.put(read_keys(settings(Path(folder))).secret[0])


def test_eight_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    start, found = fork.Barrier(8), fork.Queue()
    folder = tmp_path / "new" / "data"
    servers = [fork.Process(target=_read, args=(str(folder), start, found)) for _ in range(8)]
    for server in servers:
        server.start()
    keys = {found.get(timeout=60) for _ in servers}
    for server in servers:
        server.join()

    assert keys == {read_keys(settings(folder)).secret[0]}
    assert [path.name for path in folder.iterdir()] == ["keys.json"]
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600


def test_keys_stay_over_a_restart_and_differ_between_installations(tmp_path: Path) -> None:
    first = read_keys(settings(tmp_path / "a"))
    assert read_keys(settings(tmp_path / "a")) == first
    assert read_keys(settings(tmp_path / "b")).contact != first.contact
    assert first.secret != first.contact


def test_a_given_key_wins_and_no_file_is_made(tmp_path: Path) -> None:
    given = {"secret_key": "a" * 20, "contact_key": "new-key-0123456789, old-key-0123456789"}
    keys = read_keys(settings(tmp_path / "a", **given))

    assert len(keys.contact) == 2
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("short", ["short", "a" * 20 + ",short", ",", "  ,  "])
def test_a_short_key_is_refused_by_its_name(tmp_path: Path, short: str) -> None:
    with pytest.raises(SettingsError, match=r"^CONTACT_KEY .*16 characters"):
        read_keys(settings(tmp_path, secret_key="a" * 20, contact_key=short))


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe"])
def test_a_broken_key_file_is_never_made_anew(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "keys.json").write_bytes(broken)
    with pytest.raises(SettingsError, match=r"keys\.json cannot be read.*restore it"):
        read_keys(settings(tmp_path))

    assert (tmp_path / "keys.json").read_bytes() == broken


def test_kept_keys_have_enough_chance_in_them(tmp_path: Path) -> None:
    read_keys(settings(tmp_path))
    kept = json.loads((tmp_path / "keys.json").read_text())
    assert all(len(kept[name]) >= 43 for name in ("secret", "contact"))  # 32 bytes


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = Keys(secret=(NEW, OLD), contact=(OLD,))
    purposes = ("history", "thread", "sessions", "seal", "lookup")
    assert len({keys.derive(purpose) for purpose in purposes}) == len(purposes)
    assert keys.derive("thread") == derive(NEW, "thread") != derive(OLD, "thread")
    assert replace(keys, secret=(OLD,)).derive("thread") == derive(OLD, "thread")


def test_no_salt_is_given_twice_and_a_forked_process_has_its_own() -> None:
    new_salt()  # some are drawn beforehand
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writes, b"".join(new_salt() for _ in range(200)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs, ours = os.read(reads, 200 * SALT_BYTES), [new_salt() for _ in range(200)]
    both = ours + [theirs[at : at + SALT_BYTES] for at in range(0, len(theirs), SALT_BYTES)]
    assert len(set(both)) == len(both) == 400


# --- keys of another installation ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SECRET_KEY", "CONTACT_KEY"])
def test_another_key_than_the_databases_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    """Also one that was made anew because keys.json is gone; the old one beside it is enough."""
    keys = {"secret_key": "s" * 32, "contact_key": "c" * 32}
    town = new_town(tmp_path, **keys)
    check_same_keys(town.house.store)  # nothing is in it yet
    for number in range(3):
        town.tell(another(number), sender=f"+6281{number}")
    check_same_keys(town.house.store)
    other = keys | {name.lower(): "another key of nobody"}
    with pytest.raises(SettingsError, match=f"^{name} is not the one"):
        check_same_keys(new_town(tmp_path, **other).house.store)
    check_same_keys(
        new_town(tmp_path, **keys | {name.lower(): f"new key of nobody,{keys[name.lower()]}"}).house.store
    )


def test_one_edited_line_is_no_other_key(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    for number in range(2):
        town.tell(another(number), sender=f"+6281{number}")
    with town.house.store.write() as session:
        session.execute(update(StatusUpdate).values(by="nobody"))
    check_same_keys(town.house.store)  # nor are two


def test_a_database_whose_people_were_all_forgotten_is_ours(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE, sender="+6281")
    forget_all("+6281", town.house)
    assert [row.sealed for row in town.rows(Address)] == [b""]
    check_same_keys(town.house.store)
