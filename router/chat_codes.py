"""The one-time code by which a group on Telegram becomes an agency's: made by an admin, written in the group."""

import hmac
import secrets
from datetime import UTC, datetime, timedelta

from router.house import House
from store.models import AgencyWay

GOOD_FOR = timedelta(hours=24)
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that look alike
LENGTH = 10  # 49 bits


def give_code(way: AgencyWay, house: House) -> str:
    """The way's one code from now on; one that was given before is void."""
    code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    until = house.now() + GOOD_FOR
    way.secret = house.store.sealer.seal(f"{code} {int(until.timestamp())}")
    return code


def is_code_of(way: AgencyWay, said: str, house: House) -> bool:
    """Whether this is the code that the way was given, in time; written small or large, with blanks or hyphens."""
    if way.secret is None:
        return False
    code, _, until = house.store.sealer.open(way.secret).partition(" ")
    is_in_time = house.now() < datetime.fromtimestamp(int(until), UTC)
    written = "".join(said[:60].upper().replace("-", " ").split())
    return is_in_time and hmac.compare_digest(written.encode(), code.encode())
