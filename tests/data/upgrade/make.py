"""Makes 2026.11.0.tar.gz: the DATA_DIR of a city that was stopped in the middle of its work, by that version itself.

    git worktree add ../old 2310d83 && ln -s "$PWD/.venv" ../old/.venv
    .venv/bin/python tests/data/upgrade/make.py ../old tests/data/upgrade/2026.11.0.tar.gz

Everything in it was written by the old version's own code; the citizens are invented, the keys are nobody's. The
database is held while people write, so that messages stay in the journal; then the server is killed, some of them
are worked off, and their answers are sent to providers that refuse, hang up or die in the middle. What should
become of each is in `made.json`. The archive is taken with everything open, as a power cut would leave it.
(That version's sandbox may hang when it is told to end; then start this once more.)
"""

import asyncio
import io
import json
import os
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

OLD, ARCHIVE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
sys.path[:0] = [str(OLD), str(OLD / "tests")]
os.chdir(OLD)

import httpx  # noqa: E402
from PIL import Image  # noqa: E402
from sqlalchemy import select  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from town import Town, code_in, eventually, jpeg  # noqa: E402

import sandbox  # noqa: E402
from config.settings import Settings, read_settings  # noqa: E402
from desk.server import _listen, stop_servers  # noqa: E402
from normalizer.schema import PermanentFailure, TemporaryFailure  # noqa: E402
from router.house import House, open_house  # noqa: E402
from router.journal import work_off  # noqa: E402
from router.outbox import _claim, _send, deliver_due, open_connections  # noqa: E402
from store.journal import Journal  # noqa: E402
from store.models import Delivery, Report  # noqa: E402

HTTP = 18311  # below every system's ephemeral ports; signatures and photos' addresses hold it
AREAS = (
    "Bangka", "Kapuk", "Manggarai", "Pejaten Timur", "Cilandak Barat", "Tomang", "Menteng", "Sunter Jaya", "Rawamangun",
    "Cipinang", "Kebon Jeruk", "Duri Kepa", "Penjaringan", "Pluit", "Kalibata", "Ragunan", "Lebak Bulus", "Gandaria Utara",
    "Palmerah", "Slipi", "Grogol", "Kemanggisan", "Cengkareng Barat", "Kamal", "Pademangan Barat", "Koja", "Cilincing",
)  # fmt: skip
SENDERS = {
    "sms": "+62812{:07}",
    "whatsapp": "+62813{:07}",
    "email": "warga{}@example.org",
    "telegram": "7{:07}",
    "x": "warga{}",
}
MOVES = {  # the statuses after `assigned`, on which channel somebody reported it, and how it gets there
    "assigned": ("sms", ()),
    "accepted": ("whatsapp", ("accepted",)),
    "in_progress": ("email", ("in_progress",)),
    "scheduled": ("telegram", ("scheduled",)),
    "resolved": ("x", ("in_progress", "resolved")),
    "rejected": ("sms", ("rejected",)),
    "needs_info": ("telegram", ("needs_info",)),
    "duplicate": ("email", ("duplicate",)),
    "closed": ("telegram", ("resolved", "sudah beres, terima kasih")),
    "reopened": ("email", ("resolved", "belum, masih gelap")),
}
FATES = {  # what happens to the answer of a message that was worked off, and on which channel it came
    "waiting": "sms",
    "waiting, photo owed": "sms",
    "waiting, after a try": "x",
    "waiting, mail": "email",
    "sending, not arrived": "telegram",
    "sending, arrived": "sms",
    "unknown, not arrived": "sms",
    "unknown, arrived": "sms",
    "unknown, mail": "email",
    "failed": "sms",
    "quiet": "sms",
}
KEPT = ("sms", "sms, photo owed", "email", "telegram", "x", "email, beside")  # what stays in the journal


@dataclass(frozen=True, kw_only=True)
class Citizen:
    """Somebody who reported one lamp; `pole` is in their words and nobody else's."""

    number: int
    channel: str

    @property
    def name(self) -> str:
        return SENDERS[self.channel].format(self.number)

    @property
    def pole(self) -> str:
        return f"tiang {7000 + self.number}"

    @property
    def words(self) -> str:
        return f"Lampu jalan mati total, {self.pole}, Kelurahan {AREAS[self.number % len(AREAS)]}"

    def as_row(self, **more: str) -> dict[str, str]:
        return {"channel": self.channel, "from": self.name, "pole": self.pole, **more}


_made: list[Citizen] = []


def citizen(channel: str) -> Citizen:
    _made.append(Citizen(number=len(_made) + 1, channel=channel))
    return _made[-1]


def large_photo() -> bytes:
    """A photo that lies beside the journal, and packs well."""
    out = io.BytesIO()
    Image.new("RGB", (200, 160), "navy").save(out, "PNG", compress_level=0)
    return out.getvalue()


# --- the peaceful part ----------------------------------------------------------------------------------------


def reports_in_every_status(town: Town) -> list[dict[str, str]]:
    made = []
    for status, (channel, steps) in MOVES.items():
        who = citizen(channel)
        town.say(channel, who.name, who.words, photos=(jpeg(),) if channel == "whatsapp" else ())
        code = code_in(town.answer(channel, who.name))
        for number, step in enumerate(steps, 2):
            if " " in step:
                last = [m for m in town.thread(channel, who.name) if m["direction"] == "out"][-1]
                town.say(channel, who.name, step, reply_to=last["id"])
            else:
                answer = town.update(code, step, f"Petugas: {step}", f"{code}-{number}")
                assert answer.status_code == 200, answer.text
                town.answer(channel, who.name, number)
        eventually(lambda c=code, s=status: status_of(town, c) == s, what=f"{code} is {status}")
        made.append(who.as_row(code=code, status=status))
    lost = citizen("sms")
    town.say("sms", lost.name, f"tolong dong {lost.pole}")
    code = code_in(town.answer("sms", lost.name))
    made.append(lost.as_row(code=code, status=status_of(town, code)))
    return made


def status_of(town: Town, code: str) -> str:
    (found,) = town.requests(service_request_id=code)
    return str(found["extended_status"])


def is_quiet(town: Town) -> bool:
    lines = httpx.get(f"http://127.0.0.1:{town.ops}/metrics").text.splitlines()
    return not [line for line in lines if any(f'"{s}"' in line for s in ("waiting", "sending", "unknown"))]


# --- people write while nothing is worked off -----------------------------------------------------------------


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Nobody else may write: messages stay in the journal."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=20)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.close()


def in_journal(town: Town) -> int:
    newest = max((town.folder / "data" / "journal").glob("*.sqlite"))
    connection = sqlite3.connect(f"file:{newest}?mode=ro", uri=True)
    (count,) = connection.execute("SELECT count(*) FROM entries WHERE state = 'waiting'").fetchone()
    connection.close()
    return int(count)


def say_all(town: Town, people: list[tuple[Citizen, str, tuple[bytes, ...]]]) -> None:
    before = in_journal(town)
    for who, words, photos in people:
        town.say(who.channel, who.name, words, photos=photos)
    eventually(lambda: in_journal(town) == before + len(people), what="all of it is in the journal")


# --- what the killed server left is worked on ------------------------------------------------------------------


class Provider:
    """A provider that goes wrong: what was said to it `arrives` first, or not."""

    def __init__(self, failure: Exception, arrives: object = None) -> None:
        self.failure, self.arrives = failure, arrives

    async def send(self, message: object) -> str:
        if self.arrives is not None:
            await self.arrives.send(message)
        raise self.failure

    async def find(self, message: object) -> None:
        return None


def answers_owed(house: House) -> dict[str, Delivery]:
    """What is owed to citizens, by the words about the pole."""
    with house.store.read() as session:
        query = select(Delivery, Report.description).join(Report).where(Delivery.address_id.is_not(None))
        rows = [(row, words) for row, words in session.execute(query.order_by(Delivery.id))]
    return {who.pole: row for who in _made for row, words in rows if who.pole in words}


async def let_things_go_wrong(house: House, settings: Settings, people: dict[str, Citizen]) -> None:
    owed = answers_owed(house)
    row = {fate: owed[who.pole].id for fate, who in people.items() if fate != "quiet"}
    silent = TemporaryFailure("no answer in time", uncertain=True)
    server = await _listen(Starlette(routes=sandbox.routes(settings)), settings.http_listen)
    async with sandbox.run(settings), open_connections(settings) as real:
        for fate, channel, provider in (
            ("waiting, after a try", "x", Provider(TemporaryFailure("X said 503"))),
            ("unknown, not arrived", "sms", Provider(silent)),
            ("unknown, arrived", "sms", Provider(silent, real["sms"])),
            ("unknown, mail", "email", Provider(silent)),
            ("failed", "sms", Provider(PermanentFailure("Twilio said 21211"))),
        ):
            assert await deliver_due(house, {channel: provider}, [row[fate]]) == 1, fate
        (arrived,) = _claim(house, 1, [row["sending, arrived"]], None)
        await _send(real, arrived)
        assert len(_claim(house, 1, [row["sending, not arrived"]], None)) == 1
    await stop_servers([server])


def set_two_aside(house: House, folder: Path) -> None:
    """A message of a channel that is no more, after five tries; and one whose body somebody deleted."""
    at = datetime.now(UTC)
    clock = lambda: at  # noqa: E731
    journal, house = Journal(folder, clock), replace(house, now=clock)
    meta = {"account": "lapor@localhost", "mail_from": "hilang@example.org", "recipients": "lapor@localhost"}
    journal.put(channel="pigeon", external_id="p1", lane="roof", raw=b"coo", meta={}).result()
    journal.put(channel="email", external_id="m1", lane="hilang", raw=b"x" * 70_000, meta=meta).result()
    for file in folder.glob("*.d/*"):
        file.unlink()
    for _ in range(6):
        work_off(house, journal)
        at += timedelta(hours=1)
    assert journal.counts() == journal.counts() | {"failed": 2}
    journal.close()


def pack(data: Path, made: dict[str, object]) -> None:
    (data / "made.json").write_text(json.dumps(made, indent=1))
    with tarfile.open(ARCHIVE, "w:gz") as tar:
        for path in sorted(data.rglob("*")):
            if path.is_file() and path.name != "lock" and not path.name.endswith("-shm"):
                name = tar.gettarinfo(path, str(path.relative_to(data)))
                name.uid = name.gid = 0
                name.uname = name.gname = ""
                with path.open("rb") as file:
                    tar.addfile(name, file)
    sys.stdout.write(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size} bytes\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Town(folder=Path(folder), env={"HTTP_LISTEN": f"127.0.0.1:{HTTP}"})
        town.http, town.url = HTTP, f"http://127.0.0.1:{HTTP}"
        town.client = httpx.Client(base_url=town.url, timeout=20)
        data = town.folder / "data"
        town.start()
        before = reports_in_every_status(town)
        eventually(lambda: is_quiet(town), what="nothing is owed")
        town.stop()

        os.environ.update(town.environment)
        settings = sandbox.prepare(read_settings())
        set_two_aside(open_house(settings), data / "journal")

        town.start()
        people = {fate: citizen(channel) for fate, channel in FATES.items()}
        kept = {where: citizen(where.partition(",")[0]) for where in KEPT}
        photos = {
            "email, beside": (large_photo(),),
            **{f: (jpeg("red"),) for f in (*people, *kept) if "photo owed" in f},
        }
        words = {"quiet": f"lampu jalan mati, {people['quiet'].pole}"}
        with held(data / "reports.db"):
            for group in (people, kept):
                say_all(town, [(who, words.get(f, who.words), photos.get(f, ())) for f, who in group.items()])
            town.kill()

        house, journal = open_house(settings), Journal(data / "journal")
        assert work_off(house, journal, limit=len(people)) == len(people)
        asyncio.run(let_things_go_wrong(house, settings, people))
        fates = [who.as_row(fate=fate) for fate, who in people.items()]
        in_the_journal = [who.as_row(where=where) for where, who in kept.items()]
        pack(data, {"http": HTTP, "reports": before, "owed": fates, "journal": in_the_journal})
        journal.close()


if __name__ == "__main__":
    main()
