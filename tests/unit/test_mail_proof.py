"""Who a mail is really from: only our border server's word counts."""

from email import message_from_string

import pytest

from channels.mail_proof import is_proven

OURS = "mx.jakarta.go.id"


def mail(*results: str, sender: str = "Siti <siti@example.org>") -> str:
    return "".join(f"Authentication-Results: {each}\n" for each in results) + f"From: {sender}\n\nhalo\n"


PASS = f"{OURS}; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"


@pytest.mark.parametrize(
    "results",
    [
        [PASS],
        [f"{OURS} 1; dmarc=pass (p=reject dis=none) header.from=example.org"],
        [f"{OURS.upper()}; DMARC=Pass header.from=EXAMPLE.ORG"],
        [PASS, f"{OURS}; dmarc=fail header.from=example.org"],
        ["other.example; dmarc=fail header.from=example.org", PASS],
        [f"{OURS};\n  dkim=pass header.d=example.org;\n  dmarc=pass header.from=example.org"],
    ],
)
def test_our_border_servers_pass_proves_the_sender(results: list[str]) -> None:
    assert is_proven(message_from_string(mail(*results)), OURS)


@pytest.mark.parametrize(
    "results",
    [
        [],
        ["evil.example; dmarc=pass header.from=example.org"],
        [f"{OURS}; dmarc=fail header.from=example.org"],
        [f"{OURS}; dmarc=none header.from=example.org"],
        [f"{OURS}; dmarc=pass header.from=evil.example"],
        [f"{OURS}; dmarc=pass"],
        [f"{OURS}; spf=pass smtp.mailfrom=example.org"],
        [f"{OURS}; dmarc=fail header.from=example.org", PASS],
        [f"evil.example ({OURS}); dmarc=pass header.from=example.org"],
        [f"{OURS}.evil.example; dmarc=pass header.from=example.org"],
        [f"{OURS}; x=(dmarc=pass header.from=example.org)"],
        [f"{OURS}; x=((a) dmarc=pass header.from=example.org)"],
    ],
)
def test_nothing_else_does(results: list[str]) -> None:
    assert not is_proven(message_from_string(mail(*results)), OURS)


def test_without_a_border_server_nobody_is_proven() -> None:
    assert not is_proven(message_from_string(mail(PASS)), "")
    assert not is_proven(message_from_string(mail("; dmarc=pass header.from=example.org")), "")


@pytest.mark.parametrize("sender", ["", "siti@example.org, budi@example.org", "nobody", "siti@"])
def test_a_mail_of_nobody_or_of_several_is_not(sender: str) -> None:
    assert not is_proven(message_from_string(mail(PASS, sender=sender)), OURS)
