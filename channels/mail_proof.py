"""Whether a mail's From is proven: DMARC passed, as our own border server wrote down (RFC 8601, RFC 7489)."""

import re
from email.message import Message
from email.utils import getaddresses

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\bdmarc\s*=\s*([a-z]+)\b([^;]*)", re.IGNORECASE)
_DOMAIN = re.compile(r"\bheader\.from\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
LONGEST = 4_000  # characters of one header


def is_proven(mail: Message, authserv_id: str) -> bool:
    """True when the topmost Authentication-Results header of `authserv_id` says dmarc=pass for the From's domain.

    Only the topmost one counts: our border server adds its own above all that came with the mail and takes away
    what bears its name (RFC 8601, 5). Without a name nothing is proven; nor is a mail with several From addresses.
    """
    senders = [address for _, address in getaddresses([str(each) for each in mail.get_all("From", [])])]
    if not authserv_id or len(senders) != 1:
        return False
    domain = senders[0].rpartition("@")[2].lower()
    for value in mail.get_all("Authentication-Results", []):
        words = _without_comments(str(value)[:LONGEST])
        name, _, results = words.partition(";")
        if name.split()[:1] and name.split()[0].lower() == authserv_id.lower():
            return bool(domain) and _passed(results, domain)
    return False


def _without_comments(value: str) -> str:
    while (shorter := _COMMENT.sub(" ", value)) != value:
        value = shorter
    return value


def _passed(results: str, domain: str) -> bool:
    found = _RESULT.search(results)
    if not found or found[1].lower() != "pass":
        return False
    named = _DOMAIN.search(found[2])
    return named is not None and named[1].rpartition("@")[2].lower() == domain
