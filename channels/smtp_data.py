"""The mail behind DATA, read in chunks: where it ends, what it says, and whether it keeps the limits."""

MARK = b"\r\n.\r\n"
TOO_LONG = "500 Line too long (see RFC5321 4.5.3.1.6)"  # both as aiosmtpd 1.4.6 says them
TOO_MUCH = "552 Error: Too much mail data"


class Letter:
    """One mail while it comes in.

    Only CRLF.CRLF ends it (RFC 5321, section 4.1.1.4): a dot between bare LFs or CRs is text, or whoever writes it
    could smuggle a second mail past the relay before us (CVE-2024-27305). A mail over a limit is read on to its
    end mark without being kept: none of it may be taken for a command.
    """

    __slots__ = ("_dot", "_line", "_line_limit", "_mail", "_size_limit", "refusal")

    def __init__(self, *, size_limit: int, line_limit: int) -> None:
        """Limits in bytes as on the wire (dots doubled): of the whole mail, and of a line with its CRLF."""
        self._size_limit = size_limit
        self._line_limit = line_limit
        self._mail = bytearray(b"\r\n")  # DATA's own line end: a dot right behind it begins a line
        self._line = 2  # up to here all lines are short enough
        self._dot = -1  # the first dot that begins a line
        self.refusal: str | None = None

    def __len__(self) -> int:
        """Bytes that are held."""
        return len(self._mail)

    def take(self, chunk: bytes) -> bytes | None:
        """Read on. None: more is to come. Else the end mark was there, and these bytes stood behind it."""
        mail = self._mail
        looked = max(len(mail) - len(MARK) + 1, 0)
        mail += chunk
        if self._dot < 0:
            self._dot = mail.find(b"\r\n.", looked)
        end = mail.find(MARK, max(looked, self._dot)) if self._dot >= 0 else -1
        rest = None if end < 0 else bytes(mail[end + len(MARK) :])
        if rest is not None:
            del mail[end + 2 :]
        self._keep_limits(ended=rest is not None)
        return rest

    def content(self) -> bytes:
        """The mail as its sender wrote it: without the dots that SMTP doubled (RFC 5321, section 4.5.2)."""
        mail = self._mail
        if 0 <= self._dot < len(mail) - 2:  # not only the end mark's
            mail = mail.replace(b"\r\n.", b"\r\n")
        return bytes(memoryview(mail)[2:])

    def refuse(self, answer: str) -> None:
        """Keep no more of it than the end mark needs to be found; the first reason counts."""
        self.refusal = self.refusal or answer
        self._dot = 0
        del self._mail[: 1 - len(MARK)]

    def _keep_limits(self, *, ended: bool) -> None:
        if self.refusal:
            self.refuse(self.refusal)
            return
        size = len(self._mail) - 2 if ended else len(self._mail) - 4  # `.` and CR may belong to the end mark
        if self._is_line_too_long() and self._line - 2 <= self._size_limit:
            self.refuse(TOO_LONG)
        elif size > self._size_limit:
            self.refuse(TOO_MUCH)

    def _is_line_too_long(self) -> bool:
        """Hop from line end to line end, the farthest each time that a line may lie away.

        A bare LF ends a line here, though never the mail: some programs write no other, photos included.
        """
        while len(self._mail) - self._line > self._line_limit:
            end = self._mail.rfind(b"\n", self._line, self._line + self._line_limit)
            if end < 0:
                return True
            self._line = end + 1
        return False
