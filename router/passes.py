"""Signed, expiring passes in links: one report or one photo for one agency's way, without a log-in."""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from config.keys import Keys

PURPOSE = "agency pass"
_FORM = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,12})-([A-Za-z0-9_-]{22})")

What = Literal["report", "photo"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What a good pass opens: the report's or photo's id, for the way that it was given to."""

    number: int
    way_id: int


def make_pass(keys: Keys, what: What, number: int, way_id: int, until: datetime) -> str:
    """`ID-WAY-EXPIRES-MAC`; the MAC is the first 128 bits of HMAC-SHA256 with a key of SECRET_KEY's."""
    words = f"{number}-{way_id}-{int(until.timestamp())}"
    return f"{words}-{_mac(keys.derive(PURPOSE), what, words)}"


def read_pass(keys: Keys, what: What, given: str, now: datetime) -> Pass | None:
    """None for what was not made by us, was made for something else, or has run out."""
    found = _FORM.fullmatch(given)
    if found is None:
        return None
    mac = found[4]  # it may hold a dash itself
    words = given[: -len(mac) - 1]
    fits = [hmac.compare_digest(mac, _mac(key, what, words)) for key in keys.derive_all(PURPOSE)]
    if not any(fits) or datetime.fromtimestamp(int(found[3]), UTC) <= now:
        return None
    return Pass(number=int(found[1]), way_id=int(found[2]))


def _mac(key: bytes, what: What, words: str) -> str:
    digest = hmac.digest(key, f"{what}\0{words}".encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
