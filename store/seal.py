"""Contacts sealed with AES-256-GCM and found by a keyed hash: a stolen database names nobody."""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.keys import derive


class Sealer:
    """Seals with the newest CONTACT_KEY, opens and finds with all of them."""

    def __init__(self, contact_keys: tuple[bytes, ...]) -> None:
        self._aead = [AESGCM(derive(key, "seal")) for key in contact_keys]
        self._lookup = [derive(key, "lookup") for key in contact_keys]

    def seal(self, address: str) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._aead[0].encrypt(nonce, address.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Raises InvalidTag when no key fits."""
        for aead in self._aead:
            try:
                return aead.decrypt(sealed[:12], sealed[12:], None).decode()
            except InvalidTag:
                continue
        raise InvalidTag

    def lookups(self, channel: str, address: str) -> list[str]:
        """The hashes under which this address may stand, the one to write first."""
        said = f"{channel}\0{normal(channel, address)}".encode()
        # not hmac.digest(): it lets go of the interpreter, and busy threads keep it
        return [hmac.new(key, said, "sha256").hexdigest() for key in self._lookup]


def normal(channel: str, address: str) -> str:
    """One spelling for one address: mail without regard to case, numbers as they are."""
    return address.strip().lower() if channel == "email" else address.strip()
