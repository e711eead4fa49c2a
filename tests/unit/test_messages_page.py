"""docs/messages.md: what one citizen hears of one report of each kind. KEEP_TRANSCRIPTS=1 writes the page anew."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.settings import ROOT
from router.clock import next_tick, tick
from router.joins import join
from router.not_ours import not_ours
from router.status import Actor
from store.models import Delivery, Message, Report
from tests.unit.houses import OFFICER, WHOLE, Town, new_town
from tests.unit.test_surge import flooded

PAGE = ROOT / "docs" / "messages.md"
CITIZEN = {"channel": "telegram", "account": "kota", "sender": "70001"}
HEAD = """# What a citizen hears of one report

Written by `tests/unit/test_messages_page.py` (`KEEP_TRANSCRIPTS=1` writes it anew): the real house on a fake clock, one
citizen on Telegram, one report of each kind. The other channels say the same in their own length; dialogues on all of
them are in [conversations.md](conversations.md). Times are Jakarta's; codes are made up.
"""


def say(town: Town, text: str, **more: object) -> None:
    town.tell(text, **{**CITIZEN, **more})


def later(town: Town, **by: float) -> None:
    """Let time pass, and the clock do all that becomes due, at its time."""
    end = town.clock.at
    town.clock.on(**by)
    end, town.clock.at = town.clock.at, end
    while (due := next_tick(town.house)) is not None and due <= end:
        town.clock.at = max(town.clock.at, due)
        tick(town.house)
    town.clock.at = end


def fixed(town: Town) -> None:
    say(town, WHOLE)
    later(town, hours=2)
    town.move("accepted")
    later(town, hours=20)
    town.move("in_progress", notes="Regu PJU berangkat.")
    later(town, hours=3)
    town.move("resolved", notes="Lampu dan kabel diganti.")
    later(town, hours=5)
    say(town, "sudah terang, terima kasih. bintang 5")


def asked(town: Town) -> None:
    say(town, "lampu jalan mati sudah seminggu")
    later(town, minutes=4)
    say(town, "di Jl. Manggarai Utara 2, Kelurahan Manggarai")


def forgotten_question(town: Town) -> None:
    say(town, "lampu jalan mati sudah seminggu")
    later(town, days=5)


def asked_by_official(town: Town) -> None:
    say(town, WHOLE)
    later(town, hours=3)
    town.move("needs_info", notes="Tiang nomor berapa?")
    later(town, hours=20)
    say(town, "tiang nomor 12 pak")


def passed_on(town: Town) -> None:
    say(town, "kabel menjuntai di Jl. Manggarai Utara 2, Kelurahan Manggarai")
    later(town, hours=3)
    with town.house.store.write() as session:
        not_ours(session, session.query(Report).one(), by=OFFICER, house=town.house)


def late(town: Town) -> None:
    say(town, WHOLE)
    later(town, days=12)


def not_fixed(town: Town) -> None:
    say(town, WHOLE)
    later(town, hours=4)
    town.move("resolved", notes="Lampu diganti.")
    later(town, hours=8)
    say(town, "belum, masih gelap")


def silence(town: Town) -> None:
    say(town, WHOLE)
    later(town, hours=4)
    town.move("resolved", notes="Lampu diganti.")
    later(town, days=15)


def rejected(town: Town) -> None:
    say(town, WHOLE)
    later(town, hours=4)
    town.move(
        "rejected", notes="Lampu ini milik pengelola apartemen. Hubungi kantornya di lobi, telepon 021-555-0100."
    )


def joined(town: Town) -> None:
    town.tell(WHOLE, sender="+628111")
    later(town, hours=1)
    say(town, "PJU padam, gelap sekali, di Jl. Manggarai Utara 2, Kelurahan Manggarai")
    later(town, hours=1)
    with town.house.store.write() as session:
        first, second = session.query(Report).order_by(Report.id)
        join(session, second, first, by=OFFICER, house=town.house)
    later(town, hours=1)
    town.move("in_progress", number=0, notes="Regu PJU berangkat.")
    later(town, hours=1)
    town.move("resolved", number=0, notes="Lampu diganti.")


def too(town: Town) -> None:
    town.tell(WHOLE, sender="+628111")
    later(town, minutes=30)
    say(town, f"saya juga {town.report().code}")
    later(town, hours=1)
    town.move("resolved", number=0, notes="Lampu diganti.")


def surge(town: Town) -> None:
    for number in range(24):
        town.clock.on(seconds=20)
        town.tell(flooded(number), sender=f"+62811{number:05}")
    say(town, flooded(99))
    later(town, minutes=20)
    town.move("accepted", by=Actor(name="officer:komandan"))
    town.move("in_progress", by=Actor(name="officer:komandan"), notes="Pompa sudah di lokasi.")
    later(town, hours=4)
    town.move("resolved", by=Actor(name="officer:komandan"), notes="Air sudah surut.")


def urgent(town: Town) -> None:
    say(town, "kebakaran rumah di Jl. Manggarai Utara 2, Kelurahan Manggarai, ada orang terjebak")


def at_night(town: Town) -> None:
    town.clock.on(hours=8)
    say(town, WHOLE)
    later(town, hours=4)
    town.move("accepted")
    later(town, hours=8)


def withdrawn(town: Town) -> None:
    say(town, WHOLE)
    later(town, minutes=30)
    say(town, "batalkan laporan saya")


KINDS: dict[str, Callable[[Town], None]] = {
    "Fixed, and the citizen says so": fixed,
    "Something is missing": asked,
    "Something is missing, and nobody answers": forgotten_question,
    "An official asks": asked_by_official,
    "Not the first agency's": passed_on,
    "Late: the ladder": late,
    "Not fixed after all": not_fixed,
    "Silence": silence,
    "Rejected": rejected,
    "Joined to another's report of the same problem": joined,
    "“This concerns me too”": too,
    "One of very many at once": surge,
    "Somebody is in danger": urgent,
    "At night: what can wait": at_night,
    "Withdrawn": withdrawn,
}


def transcript(town: Town) -> Iterator[str]:
    """What was said and heard, with times; a held message at the time when it goes out."""
    zone = ZoneInfo("Asia/Jakarta")
    said = [(row.received_at, 0, "Warga", row.text) for row in town.rows(Message, channel="telegram")]
    heard = [
        (max(row.created_at, row.next_attempt_at or row.created_at), 1, "Lapor", row.text)
        for row in town.rows(Delivery, channel="telegram")
        if row.address_id is not None and row.state != "held"
    ]
    first = min(at for at, *_ in said).astimezone(zone).date()
    for at, _, who, text in sorted(said + heard, key=lambda each: each[:2]):
        local = at.astimezone(zone)
        day = (local.date() - first).days
        yield (
            f"**{who}**, day {day + 1}, {local:%H.%M}\n"
            + "\n".join(f"> {line}" for line in text.splitlines())
            + "\n"
        )


def with_made_up_codes(page: str, codes: list[str]) -> str:
    for number, code in enumerate(codes):
        page = page.replace(code, f"K7M3Q{number + 2}")
    return page


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_what_is_said(kind: str, tmp_path: Path) -> None:
    town = new_town(tmp_path)
    KINDS[kind](town)
    mine = [each.code for each in town.reports() if each.channel == "telegram"]
    others = [each.code for each in town.reports() if each.channel != "telegram"]
    part = f"## {kind}\n\n" + with_made_up_codes("\n".join(transcript(town)), mine + others)
    if os.environ.get("KEEP_TRANSCRIPTS"):
        _put(kind, part)
    assert part in PAGE.read_text(encoding="utf-8")


def _put(kind: str, part: str) -> None:
    """Replace this kind's part of the page, or add it."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    parts[kind] = part.partition("\n")[2]
    body = "\n".join(
        f"## {name}\n{parts[name].strip(chr(10)).join(chr(10) * 2)}" for name in KINDS if name in parts
    )
    PAGE.write_text(f"{HEAD}\n{body}", encoding="utf-8")
