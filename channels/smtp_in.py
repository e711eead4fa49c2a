"""Our own SMTP and LMTP server: aiosmtpd's dialogue, a faster DATA, and limits on what one peer may hold."""

import asyncio
import ipaddress
import re
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, syntax

from channels.smtp_data import Letter

SIZE_LIMIT = 26_214_400  # 25 MiB on the wire: what the large mail providers let through
LINE_LIMIT = 65_536  # RFC 5321 says 1,000 octets; real senders pass it, and a refusal would lose their mail
CONNECTION_LIMIT = 200
PEER_LIMIT = 50  # of them, for one host out there: Postfix's own smtpd_client_connection_count_limit
HELD_LIMIT = 268_435_456  # 256 MiB of mail on its way in, over all connections
SMALL = 1_048_576  # a mail below 1 MiB is taken even then
IDLE_SECONDS = 300.0  # RFC 5321 section 4.5.3.2.7 asks for five minutes
CLOSE_SECONDS = 10.0
SLOWEST = 8_192  # bytes a second: five minutes for a mail, and a second more for each of these that came
ALL = 2**31  # StreamReader.read(): whatever is there

_PLAIN = re.compile(
    r"<([a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)*)>"
    r"(?: +([a-z0-9][a-z0-9= -]*))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(kw_only=True, slots=True)
class Room:
    """What the server holds at once, over all its connections: seats, and bytes of mail on their way in."""

    limit: int = CONNECTION_LIMIT
    peer_limit: int = PEER_LIMIT
    held_limit: int = HELD_LIMIT
    seats: Counter[str] = field(default_factory=Counter)
    held: int = 0

    def enter(self, host: str) -> str | None:
        """Take a seat for whoever connects from that address; the name to leave by, or None when it is full."""
        peer = peer_of(host)
        if self.seats.total() >= self.limit or (peer and self.seats[peer] >= self.peer_limit):
            return None
        self.seats[peer] += 1
        return peer

    def leave(self, peer: str) -> None:
        self.seats[peer] -= 1
        if not self.seats[peer]:
            del self.seats[peer]


def peer_of(host: str) -> str:
    """Whom a connection is counted for: the IPv4 address, or the IPv6 network of 64 bits (one household has one).

    '' for hosts of private networks: relays and load balancers of our own, which stand for many.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if not address.is_global:
        return ""
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


class Gate(asyncio.Protocol):
    """Meets who connects: hands them on to SMTP, or says 421 when there is no seat left."""

    def __init__(self, make: Callable[[], "Smtp"], room: Room) -> None:
        self._make = make
        self._room = room

    def connection_made(self, given: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, given)  # uvloop's is none by its class
        host = (transport.get_extra_info("peername") or ("",))[0]
        peer = self._room.enter(host)
        if peer is None:
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()
            return
        inside = self._make()
        inside.on_end = partial(self._room.leave, peer)
        transport.set_protocol(inside)
        inside.connection_made(transport)


def server_for(
    hooks: Callable[[], Any],
    *,
    mode: str,
    hostname: str,
    tls: ssl.SSLContext | None,
    room: Room | None = None,
    timeout: float = IDLE_SECONDS,
) -> Callable[[], Gate]:
    """What create_server() asks for; `hooks` makes aiosmtpd's `handle_…` for one connection."""
    room = room or Room()

    def make() -> Smtp:
        kind = Lmtp if mode == "lmtp" else Smtp
        made = kind(
            hooks(),
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="ESMTP",
            tls_context=tls,
            timeout=timeout,
        )
        made.room = room
        made._smtp_methods.pop("AUTH")  # nobody logs in here
        return made

    return partial(Gate, make, room)


class Smtp(SMTP):
    """One connection. What aiosmtpd calls its own (`_…`) is that of the locked version, 1.4.6."""

    line_length_limit = LINE_LIMIT
    answers_each = False
    on_end: Callable[[], None]
    room: Room
    _held = 0

    def connection_lost(self, error: Exception | None) -> None:
        self.on_end()
        super().connection_lost(error)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """As aiosmtpd has it, but for how the mail is read: by chunks, not by lines. Content is always bytes."""
        assert self.envelope is not None  # noqa: S101
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        answers = len(self.envelope.rcpt_tos) if self.answers_each else 1
        try:
            answer = await self._take_mail()
        finally:
            self._hold(0)
            self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("\r\n".join([answer] * answers))

    async def _take_mail(self) -> str:
        """Read the mail and hand it on; what to say of it. Our own mistakes are no reason to lose it: 451."""
        assert self.envelope is not None  # noqa: S101
        content, refusal = await self._read()
        if refusal:
            return refusal
        self.envelope.content = self.envelope.original_content = content
        try:
            return str(await self._call_handler_hook("DATA"))
        except Exception as error:
            return await self.handle_exception(error)

    async def _read(self) -> tuple[bytes, str | None]:
        """The mail, or why it is refused; what came behind its end mark stays in the reader."""
        letter = Letter(size_limit=self.data_size_limit or SIZE_LIMIT, line_limit=self.line_length_limit)
        began = looked = self.loop.time()
        heard = 0
        while chunk := await self._reader.read(ALL):
            rest = letter.take(chunk)
            self._hold(len(letter))
            if rest is not None:
                self._reader.feed_data(rest)
                self._reset_timeout()
                return b"" if letter.refusal else letter.content(), letter.refusal
            if self._held > SMALL and self.room.held > self.room.held_limit:
                letter.refuse("452 4.3.1 Too much mail at once, please try again later")
            heard += len(chunk)
            now = self.loop.time()
            if now - looked > self._timeout_duration / 300:
                looked = now
                self._reset_timeout(self._patience(now - began, heard))
        raise ConnectionResetError  # unseen so far: aiosmtpd cancels us first

    def _patience(self, seconds: float, heard: int) -> float:
        """How long the next chunk may take: a mail that drips must not hold a seat for ever."""
        left = self._timeout_duration + heard / SLOWEST - seconds
        return max(min(left, self._timeout_duration), 0.001)

    def _hold(self, size: int) -> None:
        self.room.held += size - self._held
        self._held = size

    def _timeout_cb(self) -> None:
        """Say why and hang up; whoever does not read that keeps no seat either (close() waits for readers)."""
        assert self.transport is not None  # noqa: S101
        self._writer.write(b"421 4.4.2 Too slow, please try again\r\n")
        self.loop.call_later(min(CLOSE_SECONDS, self._timeout_duration), self.transport.abort)  # type: ignore[attr-defined]
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The same as aiosmtpd's; plain addresses without its parser for all of RFC 5322 (100 us each)."""
        if plain := _PLAIN.fullmatch(arg):
            return plain[1], plain[2] or ""
        address, rest = super()._getaddr(arg)
        return address, rest


class Lmtp(Smtp, LMTP):
    answers_each = True  # RFC 2033 section 4.2: behind the end mark an answer for each recipient
