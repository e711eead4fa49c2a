"""Answers as mail programs write them: tests/data/email, with a mail of ours quoted in them."""

import html
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count

from town import ROOT

WRITTEN = ROOT / "tests" / "data" / "email"
PROGRAMS = ("gmail_phone", "outlook_html_only", "thunderbird_below", "apple_html_only", "outlook_phone")
_number = count(1)


def answer(
    program: str,
    words: str,
    *,
    sender: str,
    to: str,
    quoted: str = "",
    subject: str = "",
    mark: str = "Auto-Submitted: auto-replied",
    photos: tuple[bytes, ...] = (),
) -> bytes:
    """A mail as it goes over the wire; `mark` only stands in an automatic one."""
    lines = quoted.splitlines()
    fields = {
        "sender": sender,
        "to": to,
        "subject": subject,
        "words": words,
        "mark": mark,
        "id": f"answer{next(_number)}",
        "quoted": "\n".join(f"> {line}".rstrip() for line in lines),
        "quoted_html": "<br>\n".join(html.escape(line) for line in lines),
        "unmarked": quoted,
    }
    written = (WRITTEN / f"{program}.eml").read_text().format_map(fields).encode()
    if photos:
        mail = message_from_bytes(written, _class=EmailMessage, policy=policy.SMTP)
        for photo in photos:
            mail.add_attachment(photo, maintype="image", subtype="jpeg", filename="IMG_20261126_101355.jpg")
        written = mail.as_bytes(policy=policy.SMTP.clone(cte_type="8bit"))
    return b"\r\n".join(written.splitlines()) + b"\r\n"


def words_of(mail: EmailMessage) -> str:
    """What a person reads of a mail of ours."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
