"""The three things that travel between a channel and the house: accept, a cursor, a connection."""

from collections.abc import Mapping
from typing import Protocol

from normalizer.schema import Attachment, CannotTell, OutboundMessage


class Accept(Protocol):
    """Keep a raw message. Once this returns it is on fsync'd disk.

    `external_id` is unique for ever on its channel; `lane` is the sender as the wire states it: messages of one
    lane are worked off in order. `meta` is what `parse` must know beside the bytes (never a secret). A repeat of
    an external_id is thanked and changes nothing. Raises TemporaryFailure when the message cannot be kept: the
    provider must then be told to try again.
    """

    async def __call__(self, *, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None: ...


class Cursor(Protocol):
    """Where a polling channel stands; kept in the journal, so put() returns after the fsync."""

    async def get(self) -> str | None: ...

    async def put(self, value: str) -> None: ...


class Connection(Protocol):
    """An open way out. All three raise TemporaryFailure or PermanentFailure, nothing else."""

    async def send(self, message: OutboundMessage) -> str:
        """Hand the message to the provider and return the provider's id of it."""

    async def fetch(self, attachment: Attachment) -> bytes:
        """Get a photo's bytes by its ref, from the provider's own hosts only."""

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """Say whether this message reached the provider already: its id, None, or CANNOT_TELL."""
