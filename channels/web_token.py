"""The tokens of web reports: they name a message, cannot be guessed, and say themselves that they are ours."""

import hmac
import secrets
from base64 import b32encode
from collections import OrderedDict
from dataclasses import dataclass, field

from config.keys import Keys

REPEATS_SECONDS = 600.0  # so long a repeat, byte for byte, is the same message
MOST_RECENT = 10_000


def _letters(content: bytes) -> str:
    return b32encode(content).decode().lower()


def _check(key: bytes, name: str) -> str:
    return _letters(hmac.digest(key, name.encode(), "sha256")[:10])


def new_token(keys: Keys, *said: bytes) -> str:
    """The token of what was said, the same for the same: 120 bits, and 80 that only we can put behind them."""
    lengths = b"".join(len(each).to_bytes(8, "big") + each for each in said)
    name = _letters(hmac.digest(keys.derive("web token"), lengths, "sha256")[:15])
    return name + _check(keys.derive("web token check"), name)


def is_token(keys: Keys, token: str) -> bool:
    """Whether we made it, with this SECRET_KEY or one before it."""
    name, check = token[:24], token[24:].encode(errors="replace")
    return len(token) == 40 and any(
        hmac.compare_digest(check, _check(key, name).encode()) for key in keys.derive_all("web token check")
    )


def sender_of(keys: Keys, *who: str) -> str:
    """The name of a sender on this channel: nobody learns from it who they are elsewhere."""
    said = "\0".join(who).encode(errors="replace")
    return "web:" + hmac.digest(keys.derive("web sender"), said, "sha256")[:16].hex()


def random_bytes() -> bytes:
    return secrets.token_bytes(16)


@dataclass(slots=True)
class Recent:
    """The tokens of the last ten minutes, so that a repeat is known whichever way the clock's ten minutes fall.

    The ten minutes themselves are in the token: after a restart, or on another server, most are known too.
    """

    _seen: OrderedDict[bytes, tuple[float, str]] = field(default_factory=OrderedDict)
    _under: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    def is_another(self, token: str, digest: bytes) -> bool:
        """Whether something else was kept under this token before, as far as this server remembers."""
        return self._under.get(token, digest) != digest

    def keep(self, token: str, digest: bytes) -> None:
        self._under[token] = digest
        self._under.move_to_end(token)
        while len(self._under) > MOST_RECENT:
            self._under.popitem(last=False)

    def token(self, keys: Keys, who: str, kept: bytes, now: float) -> str:
        digest = hmac.digest(keys.derive("web repeat"), who.encode(errors="replace") + b"\0" + kept, "sha256")
        at, token = self._seen.get(digest, (-REPEATS_SECONDS, ""))
        if now - at < REPEATS_SECONDS:
            return token
        token = new_token(keys, b"repeat", digest, str(now // REPEATS_SECONDS).encode())
        self._seen[digest] = (now, token)
        self._seen.move_to_end(digest)
        while len(self._seen) > MOST_RECENT:
            self._seen.popitem(last=False)
        return token
