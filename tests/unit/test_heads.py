"""Nobody edits, cuts or deletes a history unnoticed: `verify`, and the signed head of each hour."""

import base64
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.settings import ROOT
from router.clock import next_tick, tick
from router.forget import forget_all
from router.heads import make_head, published
from router.operate import first_edited_row
from store.heads import MOST_ROWS
from store.models import Head, StatusUpdate
from tests.forked import ended
from tests.unit.houses import WHOLE, Town, new_town
from tests.wire.desk_rooms import browser, serving


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Two reports, of five lines and of three, each with its ends under a signed head."""
    town = new_town(tmp_path)
    town.tell(WHOLE)
    town.move("in_progress", notes="Tim menuju lokasi")
    town.clock.on(hours=1)
    tick(town.house)
    town.move("scheduled", notes="Besok pagi")
    town.move("resolved", notes="Tidak selesai hari ini")
    town.tell(WHOLE, sender="+6285555")
    town.move("rejected", notes="Bukan aset kami")
    town.clock.on(hours=1)
    tick(town.house)
    assert len(town.rows(StatusUpdate)) == 8
    return town


def change(town: Town, *statements: str) -> None:
    """Somebody opens the file itself, past the program."""
    town.house.store.engine.dispose()
    with sqlite3.connect(town.house.settings.data_dir / "reports.db") as file:
        for statement in statements:
            assert file.execute(statement).rowcount > 0
    file.close()


def run_verify(town: Town, *options: str) -> tuple[int, str]:
    """What `run_bots.py verify` answers as a process of its own."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = keep | {"DATA_DIR": str(town.house.settings.data_dir), "SANDBOX": "off"}
    ran = ended(["verify", *options], env)
    return ran.returncode, ran.stdout + ran.stderr


DELETED = (  # the second report with everything that hangs on it
    *(
        f"DELETE FROM {table} WHERE report_id = 2"
        for table in ("status_updates", "messages", "deliveries", "holdings")
    ),
    "DELETE FROM reports WHERE id = 2",
)


# --- the command ----------------------------------------------------------------------------------------------


def test_untouched_histories_are_unbroken(town: Town) -> None:
    assert run_verify(town) == (0, "the history is unbroken\n")


def test_an_edited_row_is_named(town: Town) -> None:
    code = town.reports()[0].code
    change(town, "UPDATE status_updates SET notes = 'Sudah selesai' WHERE id = 3")

    assert run_verify(town) == (1, f"the history was edited: status_updates row 3 (report {code}, line 3)\n")


def test_a_row_cut_off_the_end_is_named(town: Town) -> None:
    code = town.reports()[0].code
    change(
        town,
        "DELETE FROM status_updates WHERE id = 5",
        "UPDATE reports SET status = 'scheduled' WHERE id = 1",
    )

    ended, said = run_verify(town)
    assert (ended, f"status_updates row 5 (report {code}, line 5) is gone" in said) == (1, True)
    assert "cut off behind line 4" in said


def test_a_report_deleted_with_its_history_is_named(town: Town) -> None:
    code = town.reports()[1].code
    change(town, *DELETED)

    ended, said = run_verify(town)
    assert (ended, f"row 8 (report {code}, line 3) is gone, and the report with it" in said) == (1, True)


def test_who_was_forgotten_leaves_the_history_unbroken(town: Town) -> None:
    forget_all("sms:+6281234", town.house)
    town.clock.on(hours=1)
    tick(town.house)

    assert not [line for line in town.rows(StatusUpdate, report_id=1, by="citizen") if line.notes]
    assert run_verify(town) == (0, "the history is unbroken\n")


def test_a_head_saved_elsewhere_is_true_as_long_as_nobody_rolls_the_database_back(
    town: Town, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(published(town.house)))
    assert run_verify(town, "--head", str(saved))[0] == 0
    change(town, "DELETE FROM heads WHERE number = 2", *DELETED)

    assert run_verify(town)[0] == 0  # nothing in the database tells
    ended, said = run_verify(town, "--head", str(saved))
    assert (ended, "head 2, which was saved elsewhere, is gone" in said) == (1, True)


@pytest.mark.parametrize("said", ["[]", "{}", "{", '{"number": 99999999999999999999, "hash": "a"}'])
def test_a_file_that_is_no_head_is_refused(town: Town, tmp_path: Path, said: str) -> None:
    (tmp_path / "saved.json").write_text(said)

    ended, heard = run_verify(town, "--head", str(tmp_path / "saved.json"))
    assert ended == 1
    assert "unbroken" not in heard


# --- what else is noticed -----------------------------------------------------------------------------------


def test_two_lines_cut_off_are_missed_where_the_history_ends_now(town: Town) -> None:
    change(town, "DELETE FROM status_updates WHERE id in (4, 5)")

    assert "cut off behind line 3" in str(first_edited_row(town.house))


def test_a_report_deleted_before_any_head_signed_it_is_missed_by_what_hung_on_it(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE)
    change(town, "DELETE FROM status_updates", "DELETE FROM reports")

    assert str(first_edited_row(town.house)).startswith("reports row 1 is gone: messages row 1 ")


def test_lines_left_by_a_report_that_was_deleted_are_noticed(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE)
    change(town, "DELETE FROM reports")

    assert str(first_edited_row(town.house)).startswith("reports row 1 is gone: status_updates row 1 ")


HEADS: dict[str, str] = {
    "UPDATE heads SET rows = rows + 1 WHERE number = 1": "heads row 1 is not the one that was signed",
    "UPDATE heads SET ends = substr(ends, 1, 44) WHERE number = 2": "heads row 2 is not the one that was signed",
    "UPDATE heads SET at = '2026-03-02 05:30:00.000000' WHERE number = 1": "heads row 1 is not",
    "UPDATE heads SET signature = 'no' WHERE number = 1": "heads row 1 is not the one that was signed",
    "DELETE FROM heads WHERE number = 1": "heads row 1 is gone",
}


@pytest.mark.parametrize("statement", HEADS)
def test_a_head_that_was_touched_is_named(town: Town, statement: str) -> None:
    change(town, statement)

    assert str(first_edited_row(town.house)).startswith(HEADS[statement])


def test_a_head_signed_with_a_key_that_is_not_ours_is_found(town: Town, tmp_path: Path) -> None:
    stranger = new_town(tmp_path / "stranger")
    stranger.tell(WHOLE)
    stranger.clock.on(hours=1)
    make_head(stranger.house)
    (theirs,) = heads(stranger)
    with town.house.store.write() as session:
        session.query(Head).delete()
        session.flush()
        columns = {column.key: getattr(theirs, column.key) for column in Head.__table__.columns}
        session.add(Head(**columns))

    assert "heads row 1 is not the one that was signed" in str(first_edited_row(town.house))


def test_after_a_rotation_of_the_key_old_lines_and_heads_are_still_ours(tmp_path: Path) -> None:
    old, new = "a" * 32, "b" * 32
    town = new_town(tmp_path, secret_key=old, contact_key="c" * 32)
    town.tell(WHOLE)
    town.clock.on(hours=1)
    tick(town.house)
    for secrets, is_whole in ((f"{new},{old}", True), (new, False)):
        after = new_town(tmp_path, secret_key=secrets, contact_key="c" * 32)
        after.clock.at = town.clock.at
        if is_whole:
            after.move("in_progress")
            after.clock.on(hours=1)
            tick(after.house)
            assert len({head.public_key for head in heads(after)}) == 2
        assert (first_edited_row(after.house) is None) == is_whole


# --- by the clock -------------------------------------------------------------------------------------------


def heads(town: Town) -> list[Head]:
    with town.house.store.read() as session:
        return session.query(Head).order_by(Head.number).all()


def test_each_full_hour_has_one_head_that_goes_on_from_the_one_before(town: Town) -> None:
    for _ in range(3):
        tick(town.house)
    town.clock.on(minutes=59)
    tick(town.house)
    assert [(head.number, head.reports, head.rows, head.last_row) for head in heads(town)] == [
        (1, 1, 3, 3),
        (2, 2, 8, 8),
    ]
    town.clock.on(minutes=1)
    tick(town.house)

    first, second, third = heads(town)
    assert (second.previous, third.previous) == (first.hash, second.hash)
    assert (third.rows, third.ends) == (8, b"")  # nothing came: it says that nothing did
    assert first_edited_row(town.house) is None


def test_after_a_long_stop_one_head_takes_in_all_that_came(town: Town) -> None:
    town.clock.on(days=3)
    tick(town.house)
    tick(town.house)

    assert len(heads(town)) == 3


def test_without_a_line_there_is_no_head(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    assert next_tick(town.house) is None
    tick(town.house)

    assert heads(town) == []


def test_a_clock_that_was_set_back_by_days_stops_no_head(town: Town) -> None:
    town.clock.on(days=-2)
    tick(town.house)
    tick(town.house)

    assert len(heads(town)) == 3
    assert first_edited_row(town.house) is None


def test_a_history_older_than_heads_is_taken_in_by_one_full_head_behind_the_other(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE)
    with town.house.store.engine.begin() as connection:
        names = [column.name for column in StatusUpdate.__table__.columns]
        chosen = {"id": "id + n", "seq": "seq + n"}
        copied = ", ".join(chosen.get(name, f'"{name}"') for name in names)
        connection.exec_driver_sql(
            f"WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MOST_ROWS})"
            f" INSERT INTO status_updates SELECT {copied} FROM status_updates, numbers WHERE id = 1"
        )
    count = MOST_ROWS + 1
    town.clock.on(hours=1)
    for _ in range(3):
        tick(town.house)

    assert [(head.rows, head.last_row, head.reports) for head in heads(town)] == [
        (MOST_ROWS, MOST_ROWS, 1),
        (count, count, 1),
    ]


# --- for everybody ------------------------------------------------------------------------------------------


@pytest.fixture
def web(town: Town) -> Iterator[httpx.Client]:
    with serving(town.house) as address, browser(address) as client:
        yield client


def said(head: dict[str, object]) -> bytes:
    """The signed text, put together from what is published, as docs/operate.md says."""
    names = ("number", "time", "reports", "rows", "last_row", "ends", "previous")
    return "\n".join(["lapor history head 1", *(str(head[name]) for name in names)]).encode()


def test_an_outsider_checks_a_head_with_nothing_but_the_public_key(web: httpx.Client) -> None:
    head = web.get("/history-head.json").json()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(head["public_key"]))
    key.verify(base64.b64decode(head["signature"]), said(head))

    assert (head["number"], head["reports"], head["rows"]) == (2, 2, 8)
    assert hashlib.sha256(said(head)).hexdigest() == head["hash"]
    before = web.get("/history-head.json", params={"number": 1}).json()
    assert (before["hash"], before["public_key"]) == (head["previous"], head["public_key"])
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(head["signature"]), said({**head, "rows": 7}))


WRONG = {"3": 404, "0": 404, "x": 400, "9" * 16: 400}


@pytest.mark.parametrize("number", WRONG)
def test_a_head_that_is_not_there_is_not_shown(web: httpx.Client, number: str) -> None:
    assert web.get("/history-head.json", params={"number": number}).status_code == WRONG[number]


def test_before_the_first_head_there_is_none_to_see(tmp_path: Path) -> None:
    with serving(new_town(tmp_path).house) as address, browser(address) as client:
        assert client.get("/history-head.json").status_code == 404


def test_the_auditors_few_lines_in_the_docs_say_yes_and_no(web: httpx.Client) -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    script = page.partition("### For auditors")[2].partition("```python\n")[2].partition("```")[0]
    head = web.get("/history-head.json").text

    def ran(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script], input=text, text=True, capture_output=True, timeout=60
        )

    assert ran(head).stdout.startswith("2 2026-03-02T07:00:00Z 2 reports, 8 lines: signed by ")
    assert "InvalidSignature" in ran(head.replace('"rows":8', '"rows":7')).stderr
