"""Reads the report of a mail server that one of our mails could not be delivered (RFC 3464, RFC 6533)."""

import re
from collections.abc import Mapping

from normalizer.schema import Receipt

LOOKED_AT = 200_000  # bytes: the report comes first, what we wrote behind it
_OURS = re.compile(rb"<lapor\.\d{1,19}\.[0-9a-f]{16}@[^<>\s]{1,255}>")  # channels/email.py: message_id
_IS_REPORT = re.compile(rb"(?im)^Content-Type:\s*message/(?:global-)?delivery-status\b")
_FAILED = re.compile(rb"(?im)^Action:\s*failed\b")
_STATUS = re.compile(rb"(?im)^Status:\s*(5\.\d{1,3}\.\d{1,3})\b")
_OF_MAILBOX = re.compile(r"5\.1\.\d|5\.2\.1$")  # RFC 3463: no such mailbox, or disabled


def bounce_of(raw: bytes, meta: Mapping[str, str]) -> Receipt | None:
    """What a delivery report says of one of our mails, found by its Message-ID, which nobody else can guess.

    None for what is no report of a final failure (a delay, say), or names none of our mails.
    """
    head = raw[:LOOKED_AT]
    ours, status = _OURS.search(head), _STATUS.search(head)
    if not (ours and status and _IS_REPORT.search(head) and _FAILED.search(head)):
        return None
    code = status[1].decode()
    return Receipt(
        channel="email",
        account=meta.get("account", ""),
        external_id=meta.get("external_id", ""),
        provider_id=ours[0].decode("ascii", "replace"),
        state="bounced",
        reason=f"bounced: {code}",
        of_address=_OF_MAILBOX.match(code) is not None,
    )
