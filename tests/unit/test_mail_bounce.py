"""A bounce is a receipt of the mail that it names, and of no other."""

import pytest

from channels.email import compose, parse
from config.settings import ROOT, Settings
from normalizer.schema import InboundMessage, OutboundMessage, Receipt

META = {"account": "lapor@jakarta.example", "mail_from": "", "recipients": "bounces+k7m4qx.a@jakarta.example"}
REPORT = """From: MAILER-DAEMON@mx.example
To: bounces+k7m4qx.a@jakarta.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system. Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; siti@example.org
Action: {action}
Status: {status}

--b
Content-Type: message/rfc822

{ours}
--b--
"""


def ours() -> str:
    message = OutboundMessage(
        delivery_id=7,
        channel="email",
        account="lapor@jakarta.example",
        to="siti@example.org",
        text="Laporan K7M4QX dikerjakan",
        subject="Laporan K7M4QX",
        thread="k7m4qx.a",
    )
    settings = Settings(_env_file=None, city=ROOT / "config" / "jakarta", email_address="lapor@jakarta.example")
    return compose(message, settings).as_string()


def heard(action: str = "failed", status: str = "5.1.1", sent: str | None = None, **meta: str) -> list[object]:
    raw = REPORT.format(action=action, status=status, ours=sent or ours()).replace("\n", "\r\n").encode()
    return list(parse(raw, META | meta))


@pytest.mark.parametrize(
    ("status", "of_address"), [("5.1.1", True), ("5.2.1", True), ("5.2.2", False), ("5.7.1", False)]
)
def test_a_bounce_names_the_mail_and_says_whether_the_mailbox_is_gone(status: str, of_address: bool) -> None:
    mail, receipt = heard(status=status)
    assert isinstance(mail, InboundMessage)
    assert mail.auto == "bounce"
    assert isinstance(receipt, Receipt)
    assert f"Message-ID: {receipt.provider_id}" in ours()
    assert (receipt.state, receipt.reason, receipt.of_address) == ("bounced", f"bounced: {status}", of_address)


@pytest.mark.parametrize(
    "other",
    [
        {"action": "delayed", "status": "4.4.7"},
        {"action": "delivered", "status": "2.0.0"},
        {"sent": "Message-ID: <1@elsewhere.example>\n\nHalo"},
    ],
)
def test_a_delay_or_somebody_elses_mail_is_no_receipt(other: dict[str, str]) -> None:
    assert len(heard(**other)) == 1


def test_a_citizen_who_quotes_a_bounce_has_sent_a_message() -> None:
    raw = (
        "From: siti@example.org\r\nTo: lapor@jakarta.example\r\nSubject: Ini apa\r\n\r\nContent-Type: "
        f"message/delivery-status\r\nAction: failed\r\nStatus: 5.1.1\r\n{ours()}"
    )
    (mail,) = parse(raw.encode(), META | {"mail_from": "siti@example.org", "recipients": "lapor@jakarta.example"})
    assert isinstance(mail, InboundMessage)
    assert mail.auto is None


def test_the_report_on_a_mailbox_with_letters_beyond_ascii_counts_like_any() -> None:
    raw = REPORT.format(action="failed", status="5.1.1", ours=ours()).replace(
        "message/delivery-status", "message/global-delivery-status\nContent-Transfer-Encoding: 8bit"
    )  # RFC 6533, as Postfix writes it
    raw = raw.replace("rfc822; siti@example.org", "utf-8; sití@example.org").replace("\n", "\r\n")
    mail, receipt = parse(raw.encode(), META)
    assert isinstance(receipt, Receipt)
    assert receipt.of_address
    assert isinstance(mail, InboundMessage)
    assert [each.content_type for each in mail.attachments] == []
