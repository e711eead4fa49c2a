"""Readers: processes that read messages and photos, killed when one takes too long, back at once."""

import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from town import eventually

from config.settings import read_settings
from normalizer.schema import InboundMessage
from router.beside import NobodyThere
from router.carry_out import DatabaseDown
from router.journal import NOBODY_READS, work_off
from router.readers import TOOK_TOO_LONG, Beside, Here, Readers
from router.reading import Raw, Reading, Understood, Unreadable, unpacked
from tests.unit.houses import Clock, new_town
from tests.unit.journals import mail as journal_mail
from tests.unit.journals import opened
from tests.unit.test_pictures import saved, scene

CITY = read_settings(_env_file=None).city  # what new readers have loaded already
WORDS = "lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai"


@pytest.fixture(scope="module")
def readers() -> Iterator[Beside]:
    each = Beside(CITY, seconds=4.0)
    each.start()
    yield each
    each.close()


def mail(number: int, photo: bytes = b"") -> Raw:
    head = f"From: warga{number}@example.org\r\nMessage-ID: <{number}@example.org>\r\n"
    body = WORDS.encode()
    if photo:
        head += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        body = b"--b\r\n\r\n" + body + b"\r\n--b\r\nContent-Type: image/png\r\n"
        body += b"Content-Transfer-Encoding: binary\r\n\r\n" + photo + b"\r\n--b--\r\n"
    meta = {"account": "lapor@localhost", "mail_from": f"warga{number}@example.org", "recipients": ""}
    return Raw(channel="email", external_id=f"mail{number}", meta=meta, raw=head.encode() + b"\r\n" + body)


def slow_photo() -> bytes:
    """A photo within every limit that takes a second to decode and shrink."""
    out = io.BytesIO()
    Image.new("RGBA", (7050, 7050), (90, 90, 90, 128)).save(out, "WEBP", lossless=True, method=0)
    return out.getvalue()


@pytest.fixture(scope="module")
def impatient() -> Iterator[Beside]:
    each = Beside(CITY, seconds=0.5)
    each.start()
    eventually(lambda: isinstance(read(each, [mail(0)])[0], list), what="it has loaded what it needs")
    yield each
    each.close()


def said(reading: Reading) -> InboundMessage:
    assert isinstance(reading, list)
    (understood,) = reading
    assert isinstance(understood, Understood)
    return understood.message


def read(readers: Readers, messages: list[Raw]) -> list[Reading]:
    return unpacked(readers.begin(messages).result())


def children() -> list[int]:
    """The processes of this one that the fork server made, and theirs."""
    found, servers = {}, set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid, parent = int(folder.name), int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            found[pid] = parent
            if parent == os.getpid() and b"forkserver" in folder.joinpath("cmdline").read_bytes():
                servers.add(pid)
        except (OSError, IndexError):
            continue
    return [pid for pid, parent in found.items() if parent in servers]


def test_readers_read_what_this_process_reads(readers: Beside) -> None:
    messages = [mail(number) for number in range(120)]

    assert read(readers, messages) == read(Here(CITY), messages)


def test_a_message_that_takes_too_long_is_told_apart_from_its_neighbours(impatient: Beside) -> None:
    readings = read(impatient, [mail(1), mail(2, slow_photo()), mail(3)])

    assert readings[1] == Unreadable(reason=TOOK_TOO_LONG)
    assert [said(readings[place]).sender for place in (0, 2)] == ["warga1@example.org", "warga3@example.org"]


def test_a_photo_that_takes_too_long_is_refused(impatient: Beside) -> None:
    with pytest.raises(ValueError, match="TimeoutError"):
        impatient.look_at(slow_photo(), "image/webp")


def test_pictures_are_compared_beside_us_and_never_longer_than_allowed(readers: Beside) -> None:
    one, other = (saved(scene(number, (400, 300))) for number in (1, 2))
    eventually(lambda: _compared(readers, one, [one, other]) == [True, False], what="both are compared in time")
    with pytest.raises(ValueError, match="cannot be compared"):
        readers.match(one, [one] * 5000)


def _compared(readers: Beside, one: bytes, others: list[bytes]) -> list[bool] | None:
    """None where the machine was too busy for the reader's seconds."""
    try:
        return [found is not None for found in readers.match(one, others)]
    except ValueError:
        return None


def test_a_message_that_cannot_be_parsed_does_not_hold_its_neighbours_up(readers: Beside) -> None:
    strange = Raw(channel="pigeon", external_id="1", meta={}, raw=b"")

    first, second = read(readers, [strange, mail(4)])

    assert isinstance(first, Unreadable)
    assert first.reason.startswith("KeyError")
    assert said(second).sender == "warga4@example.org"


def test_readers_that_are_killed_are_back_for_the_next_message(readers: Beside) -> None:
    read(readers, [mail(5)])
    before = eventually(children, what="readers")
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: isinstance(read(readers, [mail(6)])[0], list), what="somebody reads again")
    eventually(lambda: not set(children()) & set(before), what="the killed ones are gone")


def test_where_no_reader_can_be_made_messages_and_photos_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For want of memory, say: it is over some time, and no message and no photo is given up for it."""
    town, clock = new_town(tmp_path), Clock()
    monkeypatch.setattr(Beside, "_schedule", nobody)
    house = replace(town.house, readers=Beside(CITY))
    with opened(tmp_path / "journal", clock) as journal:
        journal_mail(journal, 1)
        for _ in range(7):
            with pytest.raises(DatabaseDown, match=NOBODY_READS):
                work_off(house, journal)
            clock.on(minutes=1)
        monkeypatch.undo()
        assert work_off(house, journal) == 1
    with pytest.raises(OSError, match="nobody"):  # which photos' fetching waits for
        Nobody(CITY).look_at(b"", "image/png")


class Nobody(Beside):
    def _schedule(self, *_: object) -> Any:
        return nobody()


def nobody(*_: object) -> Any:
    future: Future[Any] = Future()
    future.set_exception(NobodyThere("nobody"))
    return future
