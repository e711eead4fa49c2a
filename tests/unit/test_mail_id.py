"""A mail's identity never changes: neither between versions of this program nor by the way it came."""

import hashlib
import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from channels.mail_id import mail_id

US = ["lapor@jakarta.example"]
HEAD = b"From: Siti <siti@example.org>\r\nMessage-ID: <1@example.org>\r\nDate: Mon, 3 Nov 2025 08:00:00 +0700\r\n"
TWO_PARTS = HEAD + (
    b'Content-Type: multipart/mixed; boundary="=_b1"\r\n\r\n--=_b1\r\nContent-Type: multipart/alternative;\r\n'
    b"\tBoundary = b2; charset=x\r\n\r\n--b2\r\n\r\nLampu mati\r\n--b2--\r\n--=_b1--\r\n"
)


@pytest.mark.parametrize(
    ("raw", "recipients", "expected"),
    [
        (b"", US, "8f199f399e67cc4b7688298a04479cc3816349bb51d7a71d8c65082a58a04e7e"),
        (HEAD + b"\r\nLampu mati\r\n", US, "4d304c7c8393e9e6159c2b71751565533c9b489798345d374134418ac53882d1"),
        (
            HEAD + b"\r\nLampu mati\r\n",
            [*US, "lapor+k7m4qx@jakarta.example"],
            "720bece0ede096b4356339ad2aa38b68bcee32e8bef42bbc83e32cb0cb5a1bbf",
        ),
        (
            HEAD.replace(b"\r\n", b"\n") + b"\nLampu mati\n",
            US,
            "be9ed64f31ea7ab86a50c7607cff68846b1a4aac73c7e7829f10def24dc8fb14",
        ),
        (
            HEAD.replace(b"Message-ID", b"X-Other") + b"\r\nLampu mati\r\n",
            US,
            "b8f49ff03ba0b344d0c32ba947502099551c6d64db2ce2f167204441b925e07e",
        ),
        (TWO_PARTS, US, "c71a027cb0f5ccda4929200dd3817806f95bb19b4b6724e6a6772faefd99c2ca"),
    ],
)
def test_ids_that_journals_hold_already_stay_as_they_are(raw: bytes, recipients: list[str], expected: str) -> None:
    assert mail_id(raw, recipients) == expected


def _as_first_written(raw: bytes, recipients: Sequence[str]) -> str:
    """The definition, in the words of the first version: slow, and therefore only here."""
    end = re.compile(rb"\r?\n\r?\n").search(raw, 0, 262_144)
    head, body = (raw[: end.start()], raw[end.end() :]) if end else (raw[:262_144], raw)
    pattern = rb'(?i)boundary[ \t]*=[ \t]*"?([^"\r\n;]{1,70})'
    for boundary in list(dict.fromkeys(re.findall(pattern, head + b"\n" + body[:262_144])))[:20]:
        body = body.replace(b"--" + boundary, b"--").replace(boundary, b"")
    named = _header(head, b"message-id") or _header(head, b"date")
    digest = hashlib.sha256()
    for part in (" ".join(recipients).encode(), _header(head, b"from"), named, body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"(?im)^" + name + rb"[ \t]*:((?:[^\n]|\n[ \t])*)", head)
    return b" ".join(found.group(1).split()) if found else b""


PIECES = [
    *(b"From", b"FROM: a@b\r\n", b"from :", b"Message-ID", b"message-id: <1>\r\n", b"Date: x\n", b"date", b":"),
    *(b"boundary", b"BOUNDARY=", b"Boundary \t= \t", b'boundary="ab"', b"boundary=b;", b"boundary=", b"boundar"),
    *(
        b"--",
        b"--ab",
        b"ab",
        b"a",
        b"b",
        b'"',
        b";",
        b"=",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
    ),
    *(b"\xff", b"\xc4\xb0", b"\xe2\x84\xaa", b"\x00", b"\x0b", b"\x0c", b"x" * 69),
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join), st.lists(st.sampled_from([*US, "x"]), max_size=2)
)
@example(TWO_PARTS, US)
@example(HEAD, US)
@example(b"boundary=" + b"".join(b"boundary=%d;" % n for n in range(40)), US)
@example(b"x" * 262_140 + b"\r\n\r\nboundary=b\r\nb" * 3, US)
@example(b"\n\n" + b"y" * 262_134 + b"boundary=bcd\r\nbcd", US)
@example(b"From: a\n" * 3 + b"Date:" + b" 1\n" * 50 + b"\nbody", US)
@hypothesis_settings(max_examples=500)
def test_a_mails_id_is_the_one_of_the_first_version(raw: bytes, recipients: list[str]) -> None:
    assert mail_id(raw, recipients) == _as_first_written(raw, recipients)
