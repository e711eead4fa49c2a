"""A backup taken under load, put into a new place: every accepted message is a report once, nobody hears twice."""

import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import select
from town import API_KEY, PLACE, TEXT, Town, code_in, eventually, free_port, jpeg, new_citizen

import run_bots
from config.settings import Listen, read_settings
from router.backup import write_backup
from router.house import House, open_house
from router.journal import work_off
from router.restore import restore_backup
from store.database import sqlite_module
from store.journal import Journal
from store.migrate import migrate
from store.models import Message, Photo, Report

PHOTO_EVERY = 6  # SMS


class Crowd:
    """Citizens who say one thing each, one after the other, until they are told to stop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        self.taken: list[str] = []  # the citizens whose message was taken, with OK
        self.with_photo: set[str] = set()

    def _speak(self) -> None:
        while not self._stopping.is_set() and len(self.taken) < 400:
            citizen = new_citizen("sms")
            photos = () if len(self.taken) % PHOTO_EVERY else (jpeg("red"),)
            if photos:
                self.with_photo.add(citizen)
            said = self._town.say("sms", citizen, f"{TEXT}, tiang {citizen[1:]}", photos=photos, **PLACE)
            if said["delivered"]:
                self.taken.append(citizen)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()


def lose_and_restore(town: Town, backup: Path) -> None:
    """The disk is lost, the backup is put into a new one; the providers remember what they carried."""
    town.stop()
    data, lost = town.folder / "data", town.folder / "lost"
    data.rename(lost)
    restored = town.run("restore", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert not (data / "sandbox.db").exists()
    for memory in lost.glob("sandbox*"):  # the providers' side, which no backup of ours holds
        shutil.copy(memory, data)


def reports_of(town: Town, citizen: str) -> list[dict]:
    return [each for each in town.requests(page_size="1000") if f"tiang {citizen[1:]}" in each["description"]]


def photo_of(town: Town, citizen: str) -> bytes | None:
    (kept,) = reports_of(town, citizen)
    if not kept["media_url"]:
        return None
    answer = town.client.get(urlsplit(kept["media_url"]).path, headers={"Authorization": f"Bearer {API_KEY}"})
    return answer.content if answer.status_code == 200 else None


def is_worked_off(town: Town) -> bool:
    lines = town.client.get(f"http://127.0.0.1:{town.ops}/metrics").text.splitlines()
    return not [line for line in lines if 'entries{state="waiting"}' in line]


@pytest.mark.long
def test_a_backup_under_load_brings_every_accepted_message_back_once(new_town: Callable[..., Town]) -> None:
    town = new_town().start()
    backup = town.folder / "city.tar.gz"
    with Crowd(town) as crowd:
        eventually(lambda: len(crowd.taken) >= 40, within=60, what="a crowd speaks")
        answered = [citizen for citizen in crowd.taken[:20] if town.answer("sms", citizen)]
        before = list(crowd.taken)
        made = town.run("backup", str(backup))
        during = len(crowd.taken) - len(before)
    assert made.returncode == 0, made.stderr
    assert during > 0, "nobody spoke while the backup was made"
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in town.folder.iterdir() if path.name.startswith(".")] == []

    lose_and_restore(town, backup)
    town.start()
    eventually(lambda: is_worked_off(town), within=60, what="the journal is worked off")

    said = {citizen: len(reports_of(town, citizen)) for citizen in before}
    assert said == dict.fromkeys(before, 1)
    for citizen in [each for each in before if each in crowd.with_photo]:
        photo = eventually(lambda each=citizen: photo_of(town, each), what="the photo is there")
        assert photo.startswith(b"\xff\xd8\xff")
    for citizen in before:
        town.answer("sms", citizen)
    assert [len(town.answers("sms", citizen)) for citizen in answered] == [1] * len(answered)
    assert town.run("verify").returncode == 0


def mail(journal: Journal, number: int) -> None:
    """Keep a mail with a photo as the SMTP door does."""
    written, sender = EmailMessage(), f"warga{number}@example.org"
    written["From"], written["Subject"], written["Message-ID"] = sender, "Lampu", f"<{number}@example.org>"
    written.set_content(TEXT)
    written.add_attachment(jpeg(side=40 + number), maintype="image", subtype="jpeg", filename="lampu.jpg")
    meta = {"account": "lapor@localhost", "mail_from": sender, "recipients": "lapor@localhost"}
    journal.put(
        channel="email", external_id=f"mail{number}", lane=sender, raw=written.as_bytes(), meta=meta
    ).result()


def test_whatever_happens_between_the_steps_of_a_backup_its_parts_fit_together(tmp_path: Path) -> None:
    """At each step one message is worked off that was kept before it, and another one is kept."""
    ports = {name: Listen("127.0.0.1", free_port()) for name in ("http_listen", "ops_listen")}
    settings = read_settings(data_dir=tmp_path / "old", database_url="", media_url="", **ports)
    old, steps = open_house(settings), []
    migrate(old.store.engine)
    with closing(Journal(settings.data_dir / "journal")) as journal:
        mail(journal, 0)

        def meanwhile(step: str) -> None:
            steps.append(step)
            work_off(old, journal)
            mail(journal, len(steps))

        write_backup(settings, tmp_path / "backup", meanwhile)
    old.store.engine.dispose()
    settings = read_settings(data_dir=tmp_path / "new", database_url="", media_url="", **ports)
    restore_backup(settings, tmp_path / "backup", lambda words: None)

    new = open_house(settings)
    with closing(Journal(settings.data_dir / "journal")) as journal:
        states = {entry.external_id: entry.state for entry in journal.find("done") + journal.find("waiting")}
        assert states == {"mail0": "done", "mail1": "waiting"}
        assert senders(new) == ["mail0", "mail1"]  # the second since the journal was copied
        assert work_off(new, journal) == 1
        assert senders(new) == ["mail0", "mail1"]
    with new.store.read() as session:
        keys = [*session.scalars(select(Photo.media_key)), *session.scalars(select(Message.raw_key))]
    assert [len(new.store.media.get(key)) > 0 for key in keys] == [True] * 4
    new.store.engine.dispose()


def senders(house: House) -> list[str]:
    """The mails that are reports."""
    with house.store.read() as session:
        query = select(Message.external_id).join(Report).order_by(Message.external_id)
        return list(session.scalars(query))


@pytest.mark.servers
@pytest.mark.long
def test_with_postgresql_a_backup_says_what_is_not_in_it(new_town: Callable[..., Town], postgres_url: str) -> None:
    keys = {"SECRET_KEY": "test-secret-key-0123456789", "CONTACT_KEY": "test-contact-key-0123456789"}
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE backup")  # the one that is given stays empty for other tests
    address = f"{postgres_url.rpartition('/')[0]}/backup"
    town = new_town(DATABASE_URL=address, **keys)
    assert town.run("migrate").returncode == 0
    town.start()
    citizen, backup = new_citizen("sms"), town.folder / "city.tar.gz"
    town.say("sms", citizen, TEXT, photos=(jpeg("blue"),), **PLACE)
    town.answer("sms", citizen)
    made = town.run("backup", str(backup))
    town.stop()

    assert made.returncode == 0, made.stderr
    assert "pg_dump" in made.stdout
    assert "SECRET_KEY" in made.stdout
    assert not {"reports.db", "keys.json"} & set(names_in(backup))
    assert "set DATABASE_URL" in refused(new_town, backup, **keys)
    there = new_town(DATABASE_URL=address, **keys)
    restored = there.run("restore", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert "pg_dump" in restored.stdout
    assert list((there.folder / "data" / "journal").glob("*.sqlite"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, Path, str]]:
    """A stopped installation with one report that has a large mail and a photo, and its backup."""
    town = Town(folder=tmp_path_factory.mktemp("small")).start()
    citizen, backup = new_citizen("email"), town.folder / "small.tar.gz"
    town.say("email", citizen, TEXT, photos=(jpeg(side=64), noise()), **PLACE)
    code = code_in(town.answer("email", citizen))
    town.stop()
    made = town.run("backup", str(backup))
    assert made.returncode == 0, made.stderr
    yield town, backup, code
    town.client.close()


def noise() -> bytes:
    """A photo too large for a row of the journal."""
    import random

    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), random.Random(1).randbytes(270_000)).save(out, "PNG")
    return out.getvalue()


def names_in(backup: Path) -> list[str]:
    with tarfile.open(backup) as tar:
        return tar.getnames()


def rewritten(backup: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], list]) -> Path:
    """The same backup, with each member as `change` gives it back."""
    with tarfile.open(backup) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            for each, content in change(member, old.extractfile(member).read()):
                each.size = len(content)
                new.addfile(each, io.BytesIO(content))
    return target


def refused(new_town: Callable[..., Town], backup: Path, **env: str) -> str:
    """What the command (in this process: a dozen of its own take half a minute) says when it refuses; nothing may be
    left behind."""
    town, said = new_town(**env), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        for name, value in town.environment.items():
            patch.setenv(name, value)
        assert run_bots.main(["restore", str(backup)]) == 1
    assert said.getvalue().count("\n") == 1, said.getvalue()
    data = town.folder / "data"
    assert not data.exists() or list(data.iterdir()) == []
    return said.getvalue()


def test_a_backup_holds_all_but_the_sandbox_and_says_how_much(small: tuple[Town, Path, str]) -> None:
    names = names_in(small[1])
    with tarfile.open(small[1]) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())

    assert names[0] == "manifest.json"
    assert {"reports.db", "keys.json"} <= set(names)
    assert [name for name in names if name.startswith("journal/") and ".d/" in name]
    assert [name for name in names if name.startswith("media/")]
    assert not [name for name in names if "sandbox" in name or "lock" in name]
    assert manifest["counts"]["messages"] == manifest["counts"]["reports"] == 1
    assert manifest["counts"]["files"] == len(names) - 1
    secret = json.loads((small[0].folder / "data" / "keys.json").read_text())["secret"]
    assert secret not in json.dumps(manifest)


@pytest.mark.long
def test_a_restored_place_gives_the_same_report_and_can_be_backed_up_again(
    new_town: Callable[..., Town], small: tuple[Town, Path, str]
) -> None:
    town, (_, backup, code) = new_town(), small
    assert town.run("restore", str(backup)).returncode == 0
    again = town.folder / "again.tar.gz"
    assert town.run("backup", str(again)).returncode == 0
    town.start()

    assert [each["service_request_id"] for each in town.requests()] == [code]
    assert set(names_in(again)) == set(names_in(backup))


def test_a_restore_never_overwrites(small: tuple[Town, Path, str]) -> None:
    town, backup, _ = small
    refusal = town.run("restore", str(backup))

    assert refusal.returncode == 1
    assert "not empty" in refusal.stderr
    assert (town.folder / "data" / "reports.db").exists()


def test_a_restore_beside_a_running_server_is_refused(
    town: Town, new_town: Callable[..., Town], small: tuple[Town, Path, str]
) -> None:
    said = refused(new_town, small[1], OPS_LISTEN=f"127.0.0.1:{town.ops}")

    assert "stop the server first" in said


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/lapor-escaped", "media/../../escaped", "journal/x.sh", ".env"]
)
def test_a_file_that_wants_out_of_its_place_is_refused(
    new_town: Callable[..., Town], small: tuple[Town, Path, str], tmp_path: Path, name: str
) -> None:
    def renamed(member: tarfile.TarInfo, content: bytes) -> list:
        if member.name == "keys.json":
            member.name = name
        return [(member, content)]

    assert "does not belong" in refused(new_town, rewritten(small[1], tmp_path / "bad.tar.gz", renamed))
    assert not list(tmp_path.rglob("escaped"))


def test_a_link_is_refused(new_town: Callable[..., Town], small: tuple[Town, Path, str], tmp_path: Path) -> None:
    def linked(member: tarfile.TarInfo, content: bytes) -> list:
        if member.name == "keys.json":
            member.type, member.linkname, content = tarfile.SYMTYPE, "/etc/passwd", b""
        return [(member, content)]

    assert "does not belong" in refused(new_town, rewritten(small[1], tmp_path / "bad.tar.gz", linked))


def test_a_backup_that_is_cut_off_or_changed_is_refused(
    new_town: Callable[..., Town], small: tuple[Town, Path, str], tmp_path: Path
) -> None:
    whole = small[1].read_bytes()
    cut, other = tmp_path / "cut.tar.gz", tmp_path / "other.tar.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    other.write_bytes(b"no backup at all")

    def without_photos(member: tarfile.TarInfo, content: bytes) -> list:
        return [] if member.name.startswith("media/") else [(member, content)]

    def another_photo(member: tarfile.TarInfo, content: bytes) -> list:
        return [(member, bytes(len(content)) if member.name.startswith("media/") else content)]

    assert "damaged" in refused(new_town, cut)
    assert "no backup" in refused(new_town, other)
    assert "not whole" in refused(new_town, rewritten(small[1], tmp_path / "a.tar.gz", without_photos))
    assert "not what was kept" in refused(new_town, rewritten(small[1], tmp_path / "b.tar.gz", another_photo))


def test_other_keys_than_those_of_the_backup_are_refused(
    new_town: Callable[..., Town], small: tuple[Town, Path, str]
) -> None:
    said = refused(new_town, small[1], SECRET_KEY="another-secret-key", CONTACT_KEY="another-contact-key")

    assert "other keys" in said


def test_a_backup_of_nothing_makes_nothing(new_town: Callable[..., Town]) -> None:
    town = new_town()
    said = town.run("backup", str(town.folder / "empty.tar.gz"))

    assert said.returncode == 1
    assert "nothing to back up" in said.stderr
    assert list(town.folder.iterdir()) == []


def test_an_edited_history_is_restored_and_said(
    new_town: Callable[..., Town], small: tuple[Town, Path, str], tmp_path: Path
) -> None:
    def edited(member: tarfile.TarInfo, content: bytes) -> list:
        if member.name == "reports.db":
            content = with_another_name(content, tmp_path / "reports.db")
        return [(member, content)]

    town = new_town()
    said = town.run("restore", str(rewritten(small[1], tmp_path / "edited.tar.gz", edited)))
    assert said.returncode == 1
    assert "history was edited" in said.stderr
    assert (town.folder / "data" / "keys.json").exists()


def with_another_name(content: bytes, path: Path) -> bytes:
    """A database whose first history line somebody else signed; as many bytes as before."""
    path.write_bytes(content)
    with closing(sqlite_module().connect(str(path))) as connection:
        connection.execute("UPDATE status_updates SET \"by\" = 'nobody' WHERE id = 1")
        connection.commit()
    changed = path.read_bytes()
    assert len(changed) == len(content)
    assert changed != content
    return changed
