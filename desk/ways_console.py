"""`run_bots.py agency`: the ways by which an agency gets its reports beside the desk, and how they went."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from config.settings import read_settings
from desk.console import add, say_line

if TYPE_CHECKING:
    from router.house import House
    from store.models import AgencyWay, Delivery

LOG_LINES = 20


def add_commands(commands: Any) -> None:
    """Add this page's commands to run_bots.py's parser."""
    about = "how agencies get their reports beside the desk: webhook, mail, a group on Telegram, queue"
    actions = commands.add_parser("agency", help=about).add_subparsers(metavar="ACTION", required=True)
    new = add(actions, "add", add_way, "add a way; a webhook's secret, a group's code is printed once")
    new.add_argument("agency", metavar="AGENCY")
    kinds = new.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--webhook", metavar="URL", help="signed JSON (Standard Webhooks)")
    kinds.add_argument("--mail", metavar="ADDRESS", help="mails that may be answered")
    kinds.add_argument("--telegram", action="store_true", help="a group on Telegram, linked by the code")
    kinds.add_argument("--queue", action="store_true", help="the rq queue agency-AGENCY (needs REDIS_URL)")
    add(actions, "list", list_ways, "all ways with their numbers, and which of them fail")
    for name, command, text in (
        ("remove", remove, "take a way away, with its address and secret"),
        ("resume", resume, "open a paused way again and send it every open report as it stands"),
        ("code", code, "a new code that links another group to a way by telegram"),
    ):
        one = add(actions, name, command, text)
        one.add_argument("number", type=int, metavar="NUMBER")
    said = add(actions, "log", show_log, "the last hand-overs by an agency's ways, and how they went")
    said.add_argument("agency", metavar="AGENCY")
    said.add_argument("--last", type=int, default=LOG_LINES, metavar="N")


def _house() -> "House":
    from router.house import open_house

    return open_house(read_settings())


def add_way(options: argparse.Namespace) -> int:
    from router import way_changes

    house = _house()
    kind = next(kind for kind in ("webhook", "mail", "telegram", "queue") if getattr(options, kind))
    added = way_changes.add_way(house, options.agency, kind, options.webhook or options.mail or "")
    say_line(f"way {added.id}: {options.agency} gets its reports by {kind}")
    if kind == "telegram":
        _say_code(added.secret or "")
    elif added.secret is not None:
        say_line(f"secret, said this once: {added.secret}")
    if warning := way_changes.needs_warning(house, kind):
        sys.stderr.write(f"{warning}\n")
    _wait_until_known()
    return 0


def _say_code(code: str) -> None:
    say_line(f"add the bot to the group and write there within 24 hours: /dinas {code}")


def code(options: argparse.Namespace) -> int:
    from router.way_changes import new_code

    _say_code(new_code(_house(), options.number))
    return 0


def _wait_until_known() -> None:
    """When the command ends, every process that runs has read the ways anew: what comes from then on uses them."""
    import time

    from store.ways import FRESH_SECONDS

    time.sleep(FRESH_SECONDS)


def list_ways(options: argparse.Namespace) -> int:
    from store.ways import count_owed, ways_there

    house = _house()
    with house.store.read() as session:
        owed = count_owed(session)
        for way in ways_there(session):
            say_line(_in_words(house, way, owed.get(way.id, 0)))
    return 0


def _in_words(house: "House", way: "AgencyWay", owed: int) -> str:
    from router.way_changes import where_to

    where = where_to(house, way) or "no group yet"
    state = f"paused since {way.paused_at:%Y-%m-%d %H:%M}" if way.paused_at else "open"
    words = f"{way.id:4} {way.agency_id:12} {way.kind:8} {where}  {state}, {owed} waiting"
    if way.last_error and way.failed_at:
        words += f"; failed {way.failed_at:%Y-%m-%d %H:%M}: {way.last_error}"
    return words


def remove(options: argparse.Namespace) -> int:
    from router.way_changes import remove_way

    withdrawn = remove_way(_house(), options.number)
    say_line(f"way {options.number} is removed; {withdrawn} hand-overs were withdrawn (the desk has them all)")
    _wait_until_known()
    return 0


def resume(options: argparse.Namespace) -> int:
    from router.way_changes import resume_way

    say_line(f"way {options.number} is open; {resume_way(_house(), options.number)} open reports are sent anew")
    return 0


def show_log(options: argparse.Namespace) -> int:
    """A line a hand-over, the newest first: its last try, by which way, what, how it stands, what was answered."""
    from sqlalchemy import select

    from store.models import AgencyWay
    from store.ways import last_by

    with _house().store.read() as session:
        query = select(AgencyWay).where(AgencyWay.agency_id == options.agency)
        ways = {way.id: way for way in session.scalars(query)}
        for row in last_by(session, list(ways), options.last):
            say_line(_log_line(row, ways[row.way_id or 0]))
    return 0


def _log_line(row: "Delivery", way: "AgencyWay") -> str:
    code = row.report.code if row.report else "-"
    what = row.last_error or row.provider_id or "-"
    return (
        f"{row.updated_at:%Y-%m-%d %H:%M:%S} {way.kind}#{way.id} delivery {row.id} {code} {row.subject}: "
        f"{row.state} after {row.attempts} tries: {what}"
    )
