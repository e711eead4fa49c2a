"""The way to SMTP_RELAY: a few open connections, each used for many mails."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiosmtplib

from normalizer.schema import PermanentFailure, TemporaryFailure

LINES = 4  # side by side; Postfix lets one client have 50
MAILS_A_LINE = 100  # then a new connection: relays count the mails of one (Exim: 1,000, others far fewer)
IDLE_SECONDS = 10.0  # what a relay under stress waits for a command (Postfix: smtpd_timeout)
STALE_SECONDS = 1.0  # idle for longer: asked with RSET whether anybody still listens
CHECK_SECONDS = 5.0
WAIT_SECONDS = 25.0  # for a free connection; with SEND_SECONDS less than router/outbox.py's 90
SEND_SECONDS = 60.0  # from the connection to the answer behind the mail
AUTH_SECONDS = 300.0  # before a relay that refused the password is asked again
TOO_LARGE = 552
GONE = OSError  # aiosmtplib's SMTPServerDisconnected and SMTPTimeoutError are some, too

_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One mail with its envelope; `raw` is ASCII unless `utf8` (RFC 6531)."""

    sender: str
    to: str
    raw: bytes
    utf8: bool = False


class TooLargeError(PermanentFailure):
    """The mail is larger than the relay, or the mailbox, takes."""


class Line:
    """One connection to the relay."""

    def __init__(self, url: str) -> None:
        """`url`: smtp://[user:pass@]host[:port] (STARTTLS where it is offered) or smtps://."""
        relay = urlsplit(url)
        self.client = aiosmtplib.SMTP(
            hostname=relay.hostname,
            port=relay.port or (465 if relay.scheme == "smtps" else 25),
            username=unquote(relay.username) if relay.username else None,
            password=unquote(relay.password) if relay.password else None,
            use_tls=relay.scheme == "smtps",
            timeout=SEND_SECONDS,
        )
        self.is_open = False
        self.is_whole = True  # both ends agree on what was said last
        self.is_clean = True  # no envelope of a refused mail stands at the other end
        self.is_ended = False  # the mail in hand was written to its end
        self.mails = 0
        self.idle_since = 0.0
        self.leaves: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        # first by our loop: one that asks while it connects would hold up the other names, and our end (names.py)
        await asyncio.get_running_loop().getaddrinfo(self.client.hostname, self.client.port)
        await self.client.connect()
        if self.client.is_ehlo_or_helo_needed:
            await self.client.ehlo()
        self.is_open = True

    async def check(self) -> None:
        """Raise GONE, or SMTPException for a wrong answer, when the connection is of no use any more."""
        stale = asyncio.get_running_loop().time() - self.idle_since > STALE_SECONDS
        if stale or not self.is_clean:
            self.is_whole = False
            await self.client.rset(timeout=CHECK_SECONDS)
            self.is_whole = True

    async def send(self, letter: Letter) -> None:
        """Hand one mail over. Raises SMTPResponseException for a no, GONE, ValueError for an address."""
        if " " in letter.to or not letter.to.isprintable():  # aiosmtplib would pick an address out of it
            raise ValueError("more than an address")
        options = self._options(letter)
        encoding = "utf-8" if letter.utf8 else "ascii"
        self.is_whole = self.is_clean = False
        self.mails += 1
        try:
            await self.client.mail(letter.sender, options=options, encoding=encoding)
            await self.client.rcpt(letter.to, encoding=encoding)
            answer = await self.client.execute_command(b"DATA")
            if answer.code == 354:
                answer = await self._write(letter.raw)
            if answer.code != 250:
                raise aiosmtplib.SMTPDataError(answer.code, answer.message)
        except aiosmtplib.SMTPResponseException as error:
            self.is_whole = _is_no(error) and error.code != 421
            raise
        self.is_whole = self.is_clean = True

    def _options(self, letter: Letter) -> list[str]:
        if letter.utf8 and not self.client.supports_extension("smtputf8"):
            raise aiosmtplib.SMTPNotSupported("SMTPUTF8")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if letter.utf8 else []
        if self.client.supports_extension("size"):
            options.append(f"SIZE={len(letter.raw)}")
        return options

    async def _write(self, raw: bytes) -> aiosmtplib.SMTPResponse:
        """What aiosmtplib's data() does behind the 354, but so that we know whether the end was written."""
        protocol = self.client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        protocol.write(wire_of(raw))
        self.is_ended = True
        return await protocol.read_response(timeout=SEND_SECONDS)

    async def leave(self) -> None:
        """Say QUIT and close, whatever the other end makes of it."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self.client.quit(timeout=CHECK_SECONDS)
        self.client.close()


def wire_of(raw: bytes) -> bytes:
    """A mail as it goes behind DATA: lines end with CRLF, a dot that begins one is doubled, the end mark."""
    text = _LINE_END.sub(b"\r\n", raw)
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    return _DOT.sub(b"..", text) + b".\r\n"


class Lines:
    """The open connections of one process."""

    def __init__(
        self,
        url: str,
        *,
        idle_seconds: float = IDLE_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._url = url
        self._idle_seconds = idle_seconds
        self._wait_seconds = wait_seconds
        self._send_seconds = send_seconds
        self._places = asyncio.Semaphore(LINES)
        self._idle: list[Line] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def deliver(self, letter: Letter) -> None:
        """Hand a mail to the relay. Raises TemporaryFailure or PermanentFailure.

        `uncertain` only where the mail was written to its end and no answer came.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise TemporaryFailure("all connections to the relay are in use") from None
        line = None
        try:
            async with asyncio.timeout(self._send_seconds):
                line = self._idle_line()
                if line is None or not await self._took(line, letter):
                    line = Line(self._url)
                    await line.open()
                    await line.send(letter)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise failure_of(error, line) from None
        finally:
            self._places.release()
            if line is not None:
                self._put_back(line)

    async def _took(self, line: Line, letter: Letter) -> bool:
        """Send over a connection that was open already; False when it had gone before the mail was sent."""
        try:
            await line.check()
        except (aiosmtplib.SMTPException, GONE):
            line.client.close()
            return False
        try:
            await line.send(letter)
        except aiosmtplib.SMTPResponseException as error:
            if error.code != 421 or line.is_ended:  # 421: it has had enough of this connection
                raise
        except GONE:
            if line.is_ended:
                raise
        else:
            return True
        line.client.close()
        return False

    def _idle_line(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.leaves is not None:
                line.leaves.cancel()
            if line.client.is_connected:
                line.is_ended = False
                return line
        return None

    def _put_back(self, line: Line) -> None:
        if not (line.is_open and line.is_whole and line.client.is_connected):
            line.client.close()
        elif line.mails >= MAILS_A_LINE:
            self._let_leave(line)
        else:
            loop = asyncio.get_running_loop()
            line.idle_since = loop.time()
            line.leaves = loop.call_later(self._idle_seconds, self._let_leave, line)
            self._idle.append(line)

    def _let_leave(self, line: Line) -> None:
        if line in self._idle:
            self._idle.remove(line)
        task = asyncio.get_running_loop().create_task(line.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Leave politely; a relay that does not answer is left after a few seconds."""
        while (line := self._idle_line()) is not None:
            self._let_leave(line)
        await asyncio.gather(*self._leaving, return_exceptions=True)


def failure_of(error: Exception, line: Line | None) -> TemporaryFailure | PermanentFailure:
    """What an error means for the mail: a no while connecting says nothing about it."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        refused = error.code >= 500  # not thousands of times an hour: relays lock out who guesses
        return TemporaryFailure(
            "the relay refuses SMTP_RELAY's user and password", retry_after=AUTH_SECONDS if refused else None
        )
    if line is None or not line.is_open:
        code = f" ({error.code})" if isinstance(error, aiosmtplib.SMTPResponseException) else ""
        return TemporaryFailure(f"the relay cannot be reached: {type(error).__name__}{code}")
    if isinstance(error, aiosmtplib.SMTPResponseException) and _is_no(error):
        said = f"the relay answered {error.code}"
        if error.code < 500:
            return TemporaryFailure(said)
        kind = TooLargeError if error.code == TOO_LARGE else PermanentFailure
        return kind(said, of_address=_is_of_mailbox(error))
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return PermanentFailure("the relay takes no address with such letters", of_address=True)
    if isinstance(error, ValueError):
        return PermanentFailure("the address cannot be written in a mail", of_address=True)
    return TemporaryFailure(f"the relay does not answer: {type(error).__name__}", uncertain=line.is_ended)


def _is_of_mailbox(error: aiosmtplib.SMTPResponseException) -> bool:
    """Whether there is no such mailbox (RFC 3463: 5.1.x, disabled: 5.2.1); no policy of theirs, or ours."""
    if not isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return False
    enhanced = re.match(r"(5\.\d{1,3}\.\d{1,3})\b", error.message)
    if enhanced is None:
        return error.code in {550, 551, 553}
    return enhanced[1].startswith("5.1.") or enhanced[1] == "5.2.1"


def _is_no(error: aiosmtplib.SMTPResponseException) -> bool:
    return 400 <= error.code < 600
