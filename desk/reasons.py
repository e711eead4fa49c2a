"""Why an answer did not reach the citizen, in a few words that the desk explains: never a provider's own."""

import re

from router.undo import UNDONE
from store.models import Delivery
from store.work import GIVE_UP_AFTER

# Twilio's codes: https://www.twilio.com/docs/api/errors; SMTP's: RFC 5321 section 4.2.3, RFC 3463
REASONS = {
    "off": re.compile(r"is missing|is TWILIO_|not set|is off|no channel|\b(21408|30002|30034|63007)\b"),
    "unsure": re.compile(r"may have arrived"),
    "closed": re.compile(r"\b63016\b"),
    "blocked": re.compile(r"blocked|kicked|\b(21610|30004)\b"),
    "no_such": re.compile(
        r"deactivated|chat not found|cannot be written|no post to reply to|said 404"
        r"|\b(21211|21212|21214|21217|21614|30005|30006|63003|63024)\b|\b(550|551|553|556)\b|\b5\.1\.\d"
    ),
    "unreachable": re.compile(r"\b(30003|552)\b|\b5\.2\.2"),
}


def reason_of(row: Delivery) -> str | None:
    """One of REASONS, `stopped`, `gave_up` or `refused`; `asking` while nobody knows; None: on its way, there."""
    if row.state == "unknown":
        return "asking"
    if row.state == "withdrawn":
        return None if row.last_error == UNDONE else "stopped"
    if row.state != "failed":
        return None
    said = row.last_error or ""
    found = next((name for name, pattern in REASONS.items() if pattern.search(said)), None)
    was_tried_for_days = row.updated_at - row.created_at > GIVE_UP_AFTER
    return found or ("gave_up" if was_tried_for_days else "refused")
