"""The operators' commands about people: forget one, hand out what is held, what time took away."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.settings import read_settings
from desk.console import add, say_line

if TYPE_CHECKING:
    from router.house import House

SHOWN = 30  # rounds


def add_commands(commands: Any) -> None:
    """Add this page's commands to run_bots.py's parser."""
    what = "delete a person: sms:+62812…, email:a@b, any address, or a report's code"
    gone = add(commands, "forget", forget, what)
    gone.add_argument("person", nargs="?", metavar="PERSON")
    gone.add_argument("--now", action="store_true", help="do not ask first")
    gone.add_argument(
        "--list", type=Path, metavar="FILE", help="everybody on a list of forgotten people, after a restore"
    )
    copy = add(commands, "export", export, "all that is held about a person, into a zip file")
    copy.add_argument("person", metavar="PERSON")
    copy.add_argument("file", type=Path, metavar="FILE")
    add(commands, "retention", retention, "what was taken away because its days were over: what, how many, when")


def forget(options: argparse.Namespace) -> int:
    from router import operate
    from router.forget import forget_all, forget_listed, traces
    from router.house import open_house

    if bool(options.person) == bool(options.list):
        options.refuse("name a person, or a list with --list")
    settings = read_settings()
    house = open_house(settings)
    known = None if options.list else traces(options.person, house)
    if not options.now:
        _ask_first()
    if known is None:
        gone, known = forget_listed(options.list, house)
    else:
        try:
            gone = forget_all(options.person, house)
        except LookupError:  # the database knows them no more: forgotten on another server
            gone = None
    if gone is not None:
        counts = (f"{gone.addresses} addresses", f"{gone.messages} messages", f"{gone.photos} photos")
        say_line(f"deleted: {', '.join(counts)}, {gone.answers} answers")
        if gone.subscriptions:
            say_line(f"ended: {gone.subscriptions} subscriptions to an area's news")
        say_line(f"{gone.reports} reports stay, without a trace of the person")
    blanked = operate.blank_here(house, settings, known)
    if gone is None and not blanked:
        raise LookupError("nobody is known by this address or code")
    say_line(f"{blanked} raw messages in this server's journal are empty; other servers: say it there, too")
    say_line(f"backups made before keep theirs; restore heeds {settings.data_dir / 'forgotten'} (docs/privacy.md)")
    return 0


def _ask_first() -> None:
    say_line("This person's words, photos and addresses will be deleted; reports stay as bare facts.")
    say_line("It cannot be undone. Type yes to go on:")
    if sys.stdin.readline().strip().lower() not in {"yes", "ya", "y"}:
        raise ValueError("nothing was deleted: it was not confirmed")


def retention(options: argparse.Namespace) -> int:
    from router.house import open_house
    from store.rounds import newest_rounds

    house = open_house(read_settings())
    with house.store.read() as session:
        for each in newest_rounds(session, SHOWN):
            counts = ", ".join(f"{number} {name}" for name, number in each.counts.items())
            state = "done" if each.ended_at else "going on"
            say_line(f"{each.began_at.isoformat(timespec='seconds')}  {state:8}  {counts or 'nothing yet'}")
    for line in _days(house):
        say_line(line)
    return 0


def _days(house: "House") -> list[str]:
    kept = ", ".join(f"{name} {days}" for name, days in house.pack.keep_days.items())
    return [f"kept for days: {kept}, journal {house.pack.journal_days}"]


def export(options: argparse.Namespace) -> int:
    from router.copies import write_copy
    from router.house import open_house

    house = open_house(read_settings())
    count = write_copy(options.person, options.file, house)
    say_line(f"{options.file}: all that is held about {count} {'person' if count == 1 else 'people'}")
    return 0
