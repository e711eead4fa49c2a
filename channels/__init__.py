"""A channel is a module with four functions; CHANNELS is the only registry of them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.routing import BaseRoute

from channels import email, sms, telegram, web, x
from channels.protocol import Accept, Connection, Cursor
from config.settings import Settings
from normalizer.schema import Heard


class Channel(Protocol):
    """What run_bots and the router ask of a channel's module."""

    def routes(self, settings: Settings, accept: Accept) -> Sequence[BaseRoute]:
        """Give the webhooks' HTTP routes, signature checked first; empty where there are none."""

    async def receive(self, settings: Settings, accept: Accept, cursor: Cursor) -> None:
        """Listen or poll for ever; return at once where all comes by webhook or the channel is off."""

    def parse(self, raw: bytes, meta: Mapping[str, str]) -> list[Heard]:
        """Read what was kept. Pure, and never raises: what cannot be read becomes a message that says so."""

    def connect(self, settings: Settings) -> AbstractAsyncContextManager[Connection]:
        """Open what sending and fetching need; one per process and channel."""


CHANNELS: dict[str, Channel] = {
    "sms": sms,
    "whatsapp": sms,
    "email": email,
    "telegram": telegram,
    "x": x,
    "web": web,
}
