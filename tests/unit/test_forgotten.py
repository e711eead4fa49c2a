"""Where a forgotten person may still stand: the journal's entries, and a backup that was made before."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from town import free_port

from config.settings import Listen, read_settings
from router.backup import write_backup
from router.forget import forget_all, forget_listed
from router.forgotten import LIST, Traces, blank_journal, is_by, read_list
from router.house import open_house
from router.operate import first_edited_row
from router.restore import restore_backup
from store.journal import IN_ROW_LIMIT, Journal
from store.models import Address, Report
from tests.unit.houses import WHOLE, Town, new_town
from tests.unit.test_linking import BOT, MAIL, SMS

NUMBER = "+6281277776666"
PHONE = {"channel": "sms", "sender": NUMBER}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    ports = {name: Listen("127.0.0.1", free_port()) for name in ("http_listen", "ops_listen")}
    town = new_town(tmp_path, **ports)
    yield town
    town.house.store.engine.dispose()


def keep(journal: Journal, number: int, lane: str, raw: bytes, channel: str = "sms") -> None:
    journal.put(channel=channel, external_id=f"id{number}", lane=lane, raw=raw, meta={"who": lane}).result()


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# --- the journal --------------------------------------------------------------------------------------------


def test_the_journal_keeps_no_byte_of_theirs_and_all_of_others(tmp_path: Path, town: Town) -> None:
    with closing(Journal(tmp_path / "journal")) as journal:
        keep(journal, 1, NUMBER, b"From=%2B6281277776666&Body=rahasiaku")
        keep(journal, 2, "twilio", b"To=%2B6281277776666&MessageStatus=delivered")
        keep(journal, 3, NUMBER, b"rahasiaku" * IN_ROW_LIMIT)
        keep(journal, 4, "+62999", b"From=%2B62999&Body=punyaorang")
        keep(journal, 5, "+62999", b"punyaorang" * IN_ROW_LIMIT)
        keep(journal, 6, "+6281277776666123", b"From=%2B6281277776666123&Body=punyaorang")
        journal.done([entry.key for entry in journal.waiting(10)])
        traces = Traces(names=frozenset({("sms", NUMBER)}), ids=frozenset())
        assert blank_journal(journal, traces, town.house) == 3
        assert blank_journal(journal, traces, town.house) == 0

        left = bytes_of(tmp_path / "journal")
        assert b"rahasiaku" not in left
        assert b"6281277776666&" not in left
        assert left.count(b"punyaorang") >= IN_ROW_LIMIT
        assert [entry.external_id for entry in journal.find("done")][3:] == ["id4", "id5", "id6"]
        assert [journal.has(entry.key) for entry in journal.find("done")] == [
            False,
            False,
            False,
            True,
            True,
            True,
        ]
        assert journal.counts() == {"done": 6}


def test_what_waits_stays_and_what_was_set_aside_goes(tmp_path: Path, town: Town) -> None:
    with closing(Journal(tmp_path / "journal")) as journal:
        keep(journal, 1, NUMBER, b"set aside")
        keep(journal, 2, NUMBER, b"waits")
        journal.fail(journal.waiting(1)[0].key, "KeyError")
        assert blank_journal(journal, Traces(names=frozenset({("sms", NUMBER)}), ids=frozenset()), town.house) == 1
        assert journal.counts() == {"waiting": 1, "done": 1}
        assert [entry.raw for entry in journal.waiting(10)] == [b"waits"]


@pytest.mark.parametrize(
    ("channel", "lane", "raw", "is_theirs"),
    [
        ("sms", "whatsapp:+6281277776666", b"", True),
        ("sms", "x", b"To=whatsapp%3A%2B6281277776666", True),
        ("sms", "x", b"16281277776666", False),
        ("email", "SITI@example.org", b"", True),
        ("email", "<>", b"Final-Recipient: rfc822; Siti@Example.org", True),
        ("email", "<>", b"not-siti@example.org", False),
        ("email", "<>", b"siti@example.organ", False),
        ("telegram", "77", b"", True),
        ("telegram", "78", b'{"id": 77}', False),
        ("x", "77", b"", False),
        ("web", "x", b"", False),
    ],
)
def test_whose_an_entry_is(channel: str, lane: str, raw: bytes, is_theirs: bool) -> None:
    names = {("whatsapp", NUMBER), ("email", "siti@example.org"), ("telegram", "77")}
    found = is_by(Traces(names=frozenset(names), ids=frozenset()))

    assert found(channel, "id", lane, raw) is is_theirs


# --- a backup -----------------------------------------------------------------------------------------------


def restored(town: Town, folder: Path, backup: Path, forgotten: Path | None = None) -> Town:
    given = {
        name: getattr(town.house.settings, name) for name in ("http_listen", "ops_listen", "city", "public_url")
    }
    settings = read_settings(data_dir=folder / "new", database_url="", media_url="", sandbox="off", **given)
    assert restore_backup(settings, backup, lambda words: None, forgotten) is None
    return Town(house=open_house(settings), clock=town.clock)


def with_journal(town: Town) -> Journal:
    return Journal(town.house.settings.data_dir / "journal")


def test_who_was_forgotten_does_not_come_back_with_a_backup(town: Town, tmp_path: Path) -> None:
    with closing(with_journal(town)) as journal:
        keep(journal, 1, NUMBER, b"From=%2B6281277776666&Body=rahasiaku")
        journal.done([entry.key for entry in journal.waiting(10)])
    town.tell(f"{WHOLE}, rumah Rahasiawati", **PHONE)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka", **BOT)
    (tmp_path / "kept").mkdir()
    write_backup(town.house.settings, tmp_path / "kept" / "city", lambda words: None)
    town.clock.on(hours=1)
    forget_all(f"sms:{NUMBER}", town.house)
    (tmp_path / "kept" / LIST).write_bytes((town.house.settings.data_dir / LIST).read_bytes())
    back = restored(town, tmp_path, tmp_path / "kept" / "city")

    assert sorted(row.channel for row in back.rows(Address)) == ["none", "telegram"]
    assert sorted(bool(report.description) for report in back.reports()) == [False, True]
    back.house.store.engine.dispose()
    left = bytes_of(back.house.settings.data_dir)
    for trace in (b"Rahasiawati", b"rahasiaku", NUMBER[1:].encode()):
        assert trace not in left
    assert read_list(back.house.settings.data_dir / LIST).keys() == read_list(tmp_path / "kept" / LIST).keys()
    assert first_edited_row(back.house) is None
    back.house.store.engine.dispose()


def test_who_wrote_anew_after_being_forgotten_is_kept(town: Town, tmp_path: Path) -> None:
    with_journal(town).close()
    town.tell(WHOLE, **PHONE)
    forget_all(f"sms:{NUMBER}", town.house)
    town.clock.on(hours=1)
    town.tell(WHOLE.replace("2", "9"), **PHONE)
    write_backup(town.house.settings, tmp_path / "city", lambda words: None)
    assert (tmp_path / LIST).exists()  # the backup brought the list along
    back = restored(town, tmp_path, tmp_path / "city")

    assert [row.channel for row in back.rows(Address) if row.channel != "none"] == ["sms"]
    back.house.store.engine.dispose()


def test_the_list_names_nobody_and_knows_all_channels_of_a_person(town: Town) -> None:
    for who in (SMS, MAIL):
        town.tell(WHOLE, **who)
        (address,) = town.rows(Address, channel=who["channel"])
        forget_all(f"{who['channel']}:{who['sender']}", town.house)
        listed = (town.house.settings.data_dir / LIST).read_text()
        assert address.lookup in listed
        assert who["sender"].strip("+") not in listed
    assert (town.house.settings.data_dir / LIST).stat().st_mode & 0o777 == 0o600


def test_a_list_is_worked_off_on_a_running_database_twice_as_once(town: Town) -> None:
    town.tell(WHOLE, **PHONE)
    (address,) = town.rows(Address)
    path = town.house.settings.data_dir / "given"
    path.write_text(f"{town.house.now().isoformat()} {address.lookup}\n")
    gone = [forget_listed(path, town.house)[0].reports for _ in range(2)]

    assert gone == [1, 0]
    assert town.rows(Report)[0].description == ""


@pytest.mark.parametrize("content", ["siti@example.org\n", "2026-01-01 abc\n", "x " + "a" * 64 + "\n"])
def test_a_file_that_is_no_list_is_refused_before_anything_is_touched(
    town: Town, tmp_path: Path, content: Any
) -> None:
    with_journal(town).close()
    write_backup(town.house.settings, tmp_path / "city", lambda words: None)
    (tmp_path / "list").write_text(content)
    with pytest.raises(ValueError):  # noqa: PT011
        restored(town, tmp_path, tmp_path / "city", tmp_path / "list")
    assert not (tmp_path / "new").exists()
