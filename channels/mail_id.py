"""What makes a mail unique for ever, found by a bounded scan, not by parsing."""

import hashlib
import re
from collections.abc import Sequence

HEADER_LIMIT = 262_144
BOUNDARY_LIMIT = 20

_BOUNDARY = re.compile(rb'boundary[ \t]*=[ \t]*"?([^"\r\n;]{1,70})')
_FIELD = re.compile(rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")


def mail_id(raw: bytes, recipients: Sequence[str]) -> str:
    """What makes a mail unique for ever: mailbox, From, Message-ID and the bytes behind the headers.

    A mail without a Message-ID counts its Date instead. Neither the headers that a relay adds on a second way in
    nor new MIME boundaries (many clients make them anew for each try) change anything. Journals and databases hold
    these ids: what is returned for a mail must never change.
    """
    head, body = _split(raw)
    text = head + b"\n" + body[:HEADER_LIMIT]
    lower = text.lower()  # several times as fast as a pattern that ignores case
    for boundary in _boundaries(text, lower):
        body = body.replace(b"--" + boundary, b"--").replace(boundary, b"")
    names = b"\n" + lower[: len(head)]
    named = _header(head, names, b"message-id") or _header(head, names, b"date")
    digest = hashlib.sha256()
    for part in (" ".join(recipients).encode(), _header(head, names, b"from"), named, body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Headers and body, at the first empty line: CRLF, LF or one of each."""
    end = 3
    at = raw.find(b"\n\r\n", 0, HEADER_LIMIT)
    before = raw.find(b"\n\n", 0, HEADER_LIMIT if at < 0 else at + 1)
    if before >= 0:
        at, end = before, 2
    if at < 0:
        return raw[:HEADER_LIMIT], raw
    return raw[: at - 1 if raw[at - 1 : at] == b"\r" else at], raw[at + end :]


def _boundaries(text: bytes, lower: bytes) -> list[bytes]:
    found = (text[slice(*named.span(1))] for named in _BOUNDARY.finditer(lower))
    return list(dict.fromkeys(found))[:BOUNDARY_LIMIT]


def _header(head: bytes, names: bytes, name: bytes) -> bytes:
    """The first header of a name, white space evened out; `names`: `head` behind a line end, in lower case."""
    at = names.find(b"\n" + name)
    while at >= 0:
        if field := _FIELD.match(head, at + len(name)):
            return b" ".join(field.group(1).split())
        at = names.find(b"\n" + name, at + 1)
    return b""
