"""The operators' commands: understand a text, what is stuck, work it off again, accounts, history, backup."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from config.pack import Pack, load_pack
from config.roles import ROLES
from config.settings import read_settings
from normalizer.seen import seen

if TYPE_CHECKING:
    from normalizer.learned import Model
    from normalizer.schema import Position
    from router.house import House
    from store.journal import Journal
    from store.officials import Officer


def add_commands(commands: Any) -> None:
    """Add this page's commands to run_bots.py's parser."""
    say = add(commands, "explain", explain, "say what a text, its photos and its place are understood as")
    say.add_argument("text", nargs="?", default="", metavar="TEXT")
    say.add_argument("--photo", action="append", default=[], metavar="FILE")
    say.add_argument("--lat", type=float)
    say.add_argument("--long", type=float)
    say.add_argument("--language", choices=["id", "en"])
    say.add_argument("--jsonl", action="store_true", help="one JSON object a line in, one a line out")
    add(commands, "stuck", stuck, "what waits, what failed and why, the oldest first")
    again = add(commands, "replay", replay, "work a kept raw message off again; never a second report")
    again.add_argument("ids", nargs="*", metavar="ID")
    again.add_argument("--failed", action="store_true")
    add(
        commands,
        "check",
        check,
        "settings, providers, disk, database: a line each, with the remedy",
    )
    add(commands, "migrate", migrate, "bring the database schema up to this version")
    whole = add(commands, "verify", verify, "the history's chain: 0 unbroken, 1 with the first edited row named")
    whole.add_argument(
        "--head", type=Path, metavar="FILE", help="a saved /history-head.json that must still be true"
    )
    _add_user(commands)
    kept = add(commands, "backup", backup, "all but the sandbox into one file, while the server runs")
    kept.add_argument("file", type=Path, metavar="FILE")
    back = add(commands, "restore", restore, "put a backup into an empty DATA_DIR; the server must be stopped")
    back.add_argument("file", type=Path, metavar="FILE")
    what = "people deleted since; by default the list `forgotten` beside FILE"
    back.add_argument("--forgotten", type=Path, metavar="LIST", help=what)


def add(
    commands: Any, name: str, command: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command, refuse=parser.error)
    return parser


def _add_user(commands: Any) -> None:
    users = commands.add_parser("user", help="officials' accounts").add_subparsers(metavar="ACTION", required=True)
    new = add(users, "add", user, "prints a one-time password, or with --key an API key, once")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--role", required=True, choices=ROLES)
    new.add_argument("--agency", metavar="ID")
    new.add_argument("--area", metavar="AREA", help="of a lurah, camat or wali kota: name or code")
    new.add_argument("--key", action="store_true")
    new.set_defaults(action="add")
    add(users, "list", user, "all officials").set_defaults(action="list")
    for action, text in (("reset", "a new one-time password"), ("remove", "take the account away")):
        one = add(users, action, user, text)
        one.add_argument("name", metavar="NAME")
        one.set_defaults(action=action)


def say_line(line: str) -> None:
    """Say one line; what strangers wrote in it moves no cursor and turns nothing around."""
    sys.stdout.write(f"{seen(line)}\n")
    sys.stdout.flush()


def explain(options: argparse.Namespace) -> int:
    from normalizer.learned import LEARNED, newest_in

    settings = read_settings()
    pack, model = load_pack(settings.city), newest_in(settings.data_dir / LEARNED)
    if options.jsonl:
        return _explain_lines(pack, model)
    if (options.lat is None) != (options.long is None):
        options.refuse("--lat and --long belong together")
    pin = None if options.lat is None else _pin(options.lat, options.long)
    said = _explained(options.text, options.photo, pin, options.language, pack, model)
    if sys.stdout.isatty():
        for name, value in said.items():
            say_line(f"{name:20} {value if value is not None else '-'}".replace("\n", " "))
    else:
        say_line(json.dumps(said, ensure_ascii=False))
    return 0


def _pin(lat: float, long: float) -> "Position":
    """A point in degrees, turned round or not. Raises ValueError for what is none."""
    from normalizer.schema import Position

    if not (abs(lat) <= 180 and abs(long) <= 180):  # no NaN either
        raise ValueError("lat and long must be a point in degrees")
    return Position(lat=lat, long=long)


def _explain_lines(pack: Pack, model: "Model | None") -> int:
    failed = 0
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            said = _explained(*_asked(json.loads(line)), pack, model)
        except (ValueError, TypeError, OSError) as error:
            failed, said = 1, {"error": f"{type(error).__name__}: {error}"}
        say_line(json.dumps(said, ensure_ascii=False))
    return failed


def _asked(asked: object) -> "tuple[str, list[str], Position | None, str | None]":
    """Text, photos, pin and language of a line. Raises TypeError and ValueError for what is none."""
    if not isinstance(asked, dict):
        raise TypeError("a line must be a JSON object")
    lat, long, photos = asked.get("lat"), asked.get("long"), asked.get("photos") or []
    if (lat is None) != (long is None):
        raise ValueError("lat and long belong together")
    pin = _pin(float(lat), float(long)) if lat is not None and long is not None else None
    if not isinstance(photos, list):
        raise TypeError("photos must be a list of paths")
    return str(asked.get("text") or ""), photos, pin, asked.get("language")


def _explained(
    text: str, photos: Sequence[str], pin: Any, language: str | None, pack: Pack, model: "Model | None"
) -> dict[str, object]:
    from router.tried import explained

    return explained(text, [Path(photo).read_bytes() for photo in photos], pin, language, pack, model)


def stuck(options: argparse.Namespace) -> int:
    from router import operate
    from router.house import open_house

    settings = read_settings()
    house = open_house(settings)
    operate.print_stuck(operate.with_journal(house, settings, lambda j: operate.stuck(house, j), "/stuck"))
    return 0


def replay(options: argparse.Namespace) -> int:
    from router import operate
    from router.house import open_house
    from router.learned import look_for_model

    if bool(options.ids) == options.failed:
        options.refuse("name the messages to replay (stuck lists them), or say --failed")
    settings = read_settings()
    house = open_house(settings)

    def here(journal: "Journal") -> dict[str, int]:
        look_for_model(house)
        return {"done": operate.replay_some(house, journal, options.ids, failed=options.failed)}

    asked = {"ids": options.ids, "failed": options.failed}
    say_line(f"worked off: {operate.with_journal(house, settings, here, '/replay', asked)['done']}")
    return 0


def check(options: argparse.Namespace) -> int:
    from router.check import check_all

    return check_all(read_settings())


def migrate(options: argparse.Namespace) -> int:
    from store.database import open_engine
    from store.migrate import migrate as migrate_engine

    migrate_engine(open_engine(read_settings()))
    say_line("the schema is current")
    return 0


def verify(options: argparse.Namespace) -> int:
    from router.house import open_house
    from router.operate import first_edited_row

    saved = _saved_head(options.head) if options.head else None
    broken = first_edited_row(open_house(read_settings()), saved)
    say_line(f"the history was edited: {broken}" if broken else "the history is unbroken")
    return 1 if broken else 0


def _saved_head(path: Path) -> dict[str, Any]:
    try:
        saved: Any = json.loads(path.read_bytes())
    except ValueError:
        saved = None
    number = saved.get("number") if isinstance(saved, dict) else None
    if not isinstance(number, int) or not 0 < number < 1 << 63 or "hash" not in saved:
        raise ValueError(f"{path} is no head: save what /history-head.json answers")
    return dict(saved)


def backup(options: argparse.Namespace) -> int:
    from router.backup import write_backup

    lines = write_backup(read_settings(), options.file, say_progress)
    say_progress("")
    for line in lines:
        say_line(line)
    return 0


def restore(options: argparse.Namespace) -> int:
    from router.forgotten import LIST
    from router.restore import restore_backup

    settings = read_settings()
    edited = restore_backup(settings, options.file, say_progress, options.forgotten)
    say_progress("")
    say_line(f"restored into {settings.data_dir}")
    if not settings.is_sqlite:
        say_line("the database is not in a backup: load your pg_dump, then run `run_bots.py verify`")
        say_line(f"and `run_bots.py forget --list {settings.data_dir / LIST}`, where there is such a list")
    if edited:
        raise ValueError(f"everything is restored, but its history was edited: {edited}")
    return 0


def say_progress(words: str) -> None:
    """Say on a terminal how far it is; one line that is written over."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


def user(options: argparse.Namespace) -> int:
    from router.house import open_house
    from store import account_changes, accounts

    house = open_house(read_settings())
    with house.store.write() as session:
        if options.action == "list":
            for officer in accounts.list_officers(session):
                area = house.pack.areas.get(officer.area_code or "")
                where = f" {area.name} ({area.code})" if area else ""
                whose = f"{officer.agency_id or 'all agencies'}{where}"
                say_line(f"{officer.name:32} {officer.role:8} {whose}{_standing(officer, house)}")
        elif options.action == "reset":
            say_line(account_changes.reset_password(session, options.name, now=house.now()))
        elif options.action == "remove":
            account_changes.remove_officer(session, options.name, now=house.now())
        else:
            _add_officer(session, options, house)
    return 0


def _standing(officer: "Officer", house: "House") -> str:
    """What keeps them out of the desk, or is not done yet: `; locked, invited until 2026-12-01 09.00`."""
    said = ["locked"] if officer.locked_at else []
    if officer.invitation and officer.invited_until:
        until = officer.invited_until.astimezone(ZoneInfo(house.pack.timezone))
        said.append(
            f"invited until {until:%Y-%m-%d %H.%M}" if until > house.now() else "the invitation has run out"
        )
    if officer.api_key_hash:
        said.append("API key")
    return f"; {', '.join(said)}" if said else ""


def _add_officer(session: Any, options: argparse.Namespace, house: "House") -> None:
    from desk.areas import area_named
    from store import accounts

    if options.agency is not None and options.agency not in house.pack.agencies:
        raise LookupError(f"there is no agency {options.agency!r} in the city pack")
    area_code = area_named(house.pack, options.agency, options.area) if options.area is not None else None
    password = accounts.add_officer(
        session, options.name, options.role, options.agency, now=house.now(), area_code=area_code
    )
    if not options.key:
        say_line(password)
        return
    officer = accounts.find_officer(session, options.name)
    assert officer is not None  # noqa: S101  (it was made a line above)
    say_line(accounts.make_api_key(session, officer))
