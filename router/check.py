"""`run_bots.py check`: a line for each thing that must be right, with the remedy where it is not."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from config.pack import load_pack
from config.settings import Settings

LEAST_FREE = 1_000_000_000  # bytes
OLDEST_SAFE_SQLITE = (3, 51, 3)


def check_all(settings: Settings) -> int:
    """Print one line per thing: 0 when all is right, 1 when something is not."""
    worst = 0
    for name, is_right, words in _lines(settings):
        sys.stdout.write(f"{'ok  ' if is_right else 'WRONG'.ljust(4)}  {name:10} {words}\n")
        worst = max(worst, 0 if is_right else 1)
    return worst


def _lines(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    yield _tried("city pack", lambda: f"{load_pack(settings.city).name} ({settings.city})")
    yield _tried("keys", lambda: _keys(settings))
    yield _tried("data", lambda: _disk(settings.data_dir))
    yield _tried("journal", lambda: _room(settings.data_dir / "journal", settings.data_dir))
    yield _sqlite()
    yield _tried("database", lambda: _database(settings))
    yield _tried("media", lambda: _media(settings))
    yield _tried("redis", lambda: _redis(settings))
    yield from channel_lines(settings)
    yield _tried("agencies", lambda: _ways(settings))
    yield "desk", True, _second_step(settings)
    yield _tried("log-in", lambda: _log_in(settings))
    tiles = settings.map_tiles_url
    yield (
        "map",
        True,
        f"base map from {tiles}" if tiles else "no base map (MAP_TILES_URL): the kelurahan are drawn",
    )
    yield "address", True, f"{settings.base_url}{_remark(settings)}"


def _remark(settings: Settings) -> str:
    if settings.is_loopback:
        return " (this machine only; set PUBLIC_URL)"
    if urlsplit(settings.base_url).path:
        return " (our pages need a host name of their own: with a path before them their links lead elsewhere)"
    return ""


def _tried(name: str, look: Callable[[], str]) -> tuple[str, bool, str]:
    try:
        return name, True, look()
    except Exception as error:
        return name, False, str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _keys(settings: Settings) -> str:
    from config.keys import check_keys
    from router.house import check_agencies

    check_keys(settings)
    check_agencies(settings, load_pack(settings.city))
    is_given = settings.secret_key and settings.contact_key
    return "SECRET_KEY and CONTACT_KEY set" if is_given else f"made on the first run in {settings.data_dir}"


def _disk(folder: Path) -> str:
    from store.media import write_synced

    probe = folder / ".probe"
    write_synced(probe, b"ok")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise OSError(f"{folder} has only {free // 1_000_000} MB free")
    return f"{folder} can be written, {free // 1_000_000_000} GB free"


def _room(journal: Path, data: Path) -> str:
    from store.room import lack_of_room

    folder = journal if journal.is_dir() else data
    if lack := lack_of_room(folder):
        raise OSError(f"{folder}: {lack}")
    return f"{folder} has room for messages"


def _sqlite() -> tuple[str, bool, str]:
    from store.database import sqlite_module

    version = sqlite_module().sqlite_version
    is_safe = tuple(map(int, version.split("."))) >= OLDEST_SAFE_SQLITE
    remedy = "" if is_safe else ": older than 3.51.3, which can corrupt a WAL; install the pysqlite3 wheel"
    return "sqlite", is_safe, f"{version}{remedy}"


def _database(settings: Settings) -> str:
    from config.keys import read_keys
    from store.database import open_engine, open_store
    from store.migrate import is_current
    from store.same_keys import check_same_keys

    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    has_schema = is_current(open_engine(settings))
    if not has_schema and not settings.migrates_itself:
        raise LookupError(f"{kind} answers, but its schema is not current: run `run_bots.py migrate`")
    if has_schema and (
        (settings.secret_key and settings.contact_key) or (settings.data_dir / "keys.json").exists()
    ):
        check_same_keys(open_store(settings, read_keys(settings)))
    return f"{kind} answers"


def _media(settings: Settings) -> str:
    from store.media import open_media

    media = open_media(settings)
    probe = os.urandom(16)  # new each time: what is there already would not be written
    key = media.put(probe)
    if media.get(key) != probe:
        raise OSError(f"{settings.media} does not give back what it was given")
    media.delete(key)
    return f"{settings.media} keeps photos and gives them back"


def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return "not used: deliveries are worked off in-process (set REDIS_URL for `work` processes)"
    from redis import Redis

    Redis.from_url(settings.redis_url, socket_timeout=5).ping()
    return "answers"


def _ways(settings: Settings) -> str:
    from sqlalchemy.orm import Session

    from store.database import open_engine
    from store.migrate import is_current
    from store.ways import ways_there

    engine = open_engine(settings)
    if not is_current(engine):
        return "known once the schema is current"
    with Session(engine) as session:
        ways = ways_there(session)
    if settings.redis_url is None and any(way.kind == "queue" for way in ways):
        raise LookupError(
            "a queue of an agency waits: set REDIS_URL, or remove the way (`run_bots.py agency list`)"
        )
    if failing := [str(way.id) for way in ways if way.last_error or way.paused_at]:
        raise LookupError(f"ways that fail or are paused: {', '.join(failing)} (`run_bots.py agency list`)")
    return f"{len(ways)} ways beside the desk" if ways else "all work at the desk"


def _second_step(settings: Settings) -> str:
    roles = ", ".join(sorted(settings.totp_roles))
    return f"second step needed by: {roles}" if roles else "no role needs a second step (TOTP_REQUIRED)"


def _log_in(settings: Settings) -> str:
    from router.oidc import say_provider

    return say_provider(settings)


def channel_lines(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """Each channel: its name, whether it can do its work, and what is set or missing."""
    stand_in = "the sandbox's stand-in" if settings.sandbox_in_effect else None
    hooks = f"{settings.base_url}/hooks"
    fallback = "fallback: the same on a second server, or here with ?again (docs/operate.md)"
    webhook = f"number set; webhook: {hooks}/twilio#rc=5&rp=all; {fallback}{_whatsapp(settings)}"
    twilio = webhook if settings.has_twilio else stand_in
    telegram = "token set" if settings.telegram_token else stand_in
    x = "keys set" if settings.has_x else stand_in
    relay = "SMTP_RELAY set" if settings.smtp_relay else stand_in
    yield "sms", True, twilio or "off: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBER"
    yield "telegram", True, telegram or "off: set TELEGRAM_TOKEN (from @BotFather)"
    yield "x", True, x or "off: set X_API_KEY, X_API_SECRET, X_ACCESS_TOKEN, X_ACCESS_SECRET, X_BEARER_TOKEN"
    words = f"in at {settings.smtp_listen} for {settings.email_address}; out: "
    yield "email", relay is not None, words + (relay or "nowhere: set SMTP_RELAY")
    api = f"{len(settings.api_keys)} keys" if settings.api_keys else stand_in and "open to all: the sandbox"
    yield "web", True, f"form at {settings.base_url}/report; API: {api or 'off: set OPEN311_API_KEYS'}"


def _whatsapp(settings: Settings) -> str:
    if not settings.twilio_whatsapp_number or settings.content_sids:
        return ""
    return "; WhatsApp brings nothing later than 24 hours after somebody's last message: set TWILIO_CONTENT_SIDS"
