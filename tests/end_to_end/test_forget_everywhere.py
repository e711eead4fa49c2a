"""Somebody who spoke on every channel is forgotten while the server runs: a scan of all bytes finds none of theirs."""

import base64
import io
import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from PIL import Image
from town import PLACE, TEXT, Town, code_in, eventually

NAME, SECRET = "Zulkifranata", "kodokpetakumpet"
NUMBER, WHATSAPP, CHAT = "+6281277788991", "+6281366655441", "700912345"
MAILBOX, HANDLE, FILE = "zulkifranata77@example.org", "zulkifran_77", "fotorumahzulki.jpg"
EXIF = "KameraMilikZulkifranata"
PEOPLE = (("sms", NUMBER), ("whatsapp", WHATSAPP), ("telegram", CHAT), ("email", MAILBOX), ("x", HANDLE))
PLANTED = (NAME, SECRET, NUMBER[1:], "0" + NUMBER[3:], WHATSAPP[1:], CHAT, MAILBOX, HANDLE, FILE, EXIF)
WORDS = f"{TEXT}. Saya {NAME}, rumah {SECRET}, telepon 0{NUMBER[3:]}"
OTHER = ("sms", "+6281299900001")


def photo(colour: str) -> bytes:
    """With the name of its owner in it, as cameras write it."""
    picture, out = Image.new("RGB", (320, 240), colour), io.BytesIO()
    exif = picture.getexif()
    exif[315] = EXIF
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def send_mail(town: Town) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"{NAME} <{MAILBOX}>", "lapor@localhost", f"Lampu mati, {NAME}"
    mail["Message-ID"] = f"<{NAME}@example.org>"
    mail.set_content(f"{WORDS} é", cte="quoted-printable")
    mail.add_alternative(f"<p>{WORDS}</p>", subtype="html", cte="base64")
    mail.add_attachment(photo("navy"), maintype="image", subtype="jpeg", filename=FILE)
    mail.add_attachment(
        NAME.encode("utf-16") * 20_000, maintype="application", subtype="x", filename=f"{NAME}.bin"
    )
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=20) as door:
        door.send_message(mail, MAILBOX, ["lapor@localhost"])


def speak_everywhere(town: Town) -> None:
    town.say(*OTHER, f"{TEXT} dekat warung bolehditinggal", **PLACE)
    for number, (channel, who) in enumerate(PEOPLE):
        if channel == "email":
            send_mail(town)
        else:
            town.say(
                channel, who, WORDS, photos=(photo(("red", "green", "blue", "black", "gold")[number]),), **PLACE
            )
    for channel, who in PEOPLE:
        town.answer(channel, who, within=60)
    for channel, who in PEOPLE[:3]:
        before = len(town.answers(channel, who))
        town.say(channel, who, f"tambahan dari {NAME}: tiangnya miring")
        town.say(channel, who, "LAPORAN SAYA")
        town.answer(channel, who, before + 1, within=60)
    eventually(lambda: _is_quiet(town), within=60, what="all is fetched, sent and written down")


def _is_quiet(town: Town) -> bool:
    """Twilio's receipts are there, too: they name a number, and one that comes later is theirs again."""
    lines = town.client.get(f"http://127.0.0.1:{town.ops}/metrics").text.splitlines()
    open_ = ('entries{state="waiting"}', 'photos{state="owed"}', 'state="waiting"', 'state="sending"')
    open_ += ('deliveries{channel="sms",state="sent"}', 'deliveries{channel="whatsapp",state="sent"}')
    return not [line for line in lines if any(each in line for each in open_) and not line.endswith(" 0.0")]


def forms_of(word: str) -> Iterator[bytes]:
    """As it may lie on a disk: plain, wide, in a form, in the middle of something that is base64."""
    plain = word.encode()
    yield plain
    yield word.encode("utf-16-le")
    yield quote(word, safe="").encode()
    yield plain.replace(b"=", b"=3D")
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + plain)
        yield coded[4 if before else 0 : len(coded) // 4 * 4 - 4]


def found_in(content: bytes, planted: tuple[str, ...] = PLANTED) -> list[str]:
    low = content.lower()
    plain = [word for word in planted if word.lower().encode() in low]
    return plain + [
        word for word in planted if word not in plain and any(each in content for each in forms_of(word))
    ]


def traces_in(folder: Path) -> list[tuple[str, list[str]]]:
    """Which planted words stand in which file. The stand-in providers' own memory is not ours."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("sandbox")]
    read = {str(path.relative_to(folder)): found_in(path.read_bytes()) for path in paths}
    return [(name, words) for name, words in read.items() if words]


def forget_all(town: Town) -> None:
    """X knows its people by a number that nobody else does: there the report's code says who is meant."""
    for channel, who in PEOPLE:
        person = code_in(town.answer(channel, who)) if channel == "x" else f"{channel}:{who}"
        done = town.run("forget", person, "--now")
        assert done.returncode == 0, done.stderr
        assert "reports stay" in done.stdout
        again = town.run("forget", person, "--now")
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)


@pytest.mark.long
def test_no_byte_of_who_is_forgotten_stays_in_the_data_folder_or_the_log(new_town: Callable[..., Town]) -> None:
    town = new_town(LOG_LEVEL="debug").start()
    speak_everywhere(town)
    data = town.folder / "data"
    before = {word for _, words in traces_in(data) for word in words}
    assert set(PLANTED) - before == set()  # the scan finds what is there

    forget_all(town)
    running = traces_in(data)
    town.stop()
    assert running == []
    assert traces_in(data) == []
    assert found_in(town.log().encode()) == []
    assert b"bolehditinggal" in b"".join(path.read_bytes() for path in data.rglob("*.db*"))
    assert len(list((data / "journal").glob("*.sqlite"))) > 0
    assert town.run("verify").returncode == 0


@pytest.mark.servers
@pytest.mark.long
def test_no_byte_of_who_is_forgotten_stays_in_postgresql(new_town: Callable[..., Town], postgres_url: str) -> None:
    admin = postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE forgetting")
    url = postgres_url.rsplit("/", 1)[0] + "/forgetting"
    keys = {"SECRET_KEY": "test-secret-key-0123456789", "CONTACT_KEY": "test-contact-key-0123456789"}
    town = new_town(DATABASE_URL=url, **keys)
    assert town.run("migrate").returncode == 0
    town.start()
    speak_everywhere(town)
    plain = url.replace("+psycopg", "")
    said = {NAME, SECRET, "0" + NUMBER[3:], FILE}  # numbers and mailboxes are sealed there
    assert said - set(found_in(dump(plain))) == set()

    forget_all(town)
    eventually(lambda: not _owes_words(plain), within=60, what="the index is made anew")
    town.stop()
    assert found_in(dump(plain)) == []
    assert traces_in(town.folder / "data") == []
    assert found_in(pages(plain)) == []


def _owes_words(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return bool(connection.execute("SELECT count(*) FROM words_owed").fetchone()[0])


def dump(url: str) -> bytes:
    """All rows of all tables, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        read = []
        for (table,) in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as rows:
                read += [bytes(row) for row in rows]
    return b"".join(read)


def pages(url: str) -> bytes:
    """All files of the database, indexes and TOAST included, once its dead rows are gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM FULL")
        connection.execute("CHECKPOINT")
        folder, oid = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    files = (Path(folder) / "base" / str(oid)).glob("*")
    return b"".join(path.read_bytes() for path in files if path.is_file())
