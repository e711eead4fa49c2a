"""The fields of Open311's POST requests and of the form at /report: what is said, by whom, adding to what."""

import re
from collections.abc import Mapping

from starlette.requests import Request

from channels.web_said import LONGEST_PLACE, LONGEST_WORDS, Said, Wrong, read_position, read_words
from channels.web_token import sender_of
from config.keys import Keys
from config.pack import Pack

LONGEST_ID = 200
THREAD = re.compile(r"([a-z0-9]{6})\.([a-z2-7]{16})")  # of a reporter's own page (router/codes.py)
ME = re.compile(r"web:[0-9a-f]{32}")  # a sender (channels/web_token.py)


# --- an app ---------------------------------------------------------------------------------------------


def read_request(fields: Mapping[str, str], pack: Pack) -> Said:
    """A service request's fields (https://wiki.open311.org/GeoReport_v2/#post-service-request). Raises Wrong.

    first_name, last_name, email and phone are left where they are: nobody here would use them.
    """
    code = fields.get("service_code", "").strip()
    if not code:
        raise Wrong(400, "service_code was not provided")
    if code not in pack.services:
        raise Wrong(404, "service_code was not found: GET services has them")
    position = read_position(fields)
    place = [read_words(fields, "address_string", LONGEST_PLACE), _area_words(fields, pack)]
    if position is None and not any(place):
        raise Wrong(400, "a place was not provided: lat and long, address_string or address_id")
    locale = fields.get("locale", "").lower()[:2]
    return Said(
        words=read_words(fields, "description", LONGEST_WORDS),
        place=", ".join(filter(None, place)),
        position=position,
        service_code=code,
        language=locale if locale in pack.languages else None,
    )


def _area_words(fields: Mapping[str, str], pack: Pack) -> str:
    """An address_id is Kemendagri's code of an area, as our own requests have it."""
    code = fields.get("address_id", "").strip()
    if not code:
        return ""
    area = pack.areas.get(code)
    if area is None:
        raise Wrong(400, "address_id must be an area's code (Kemendagri), such as 31.74.01.1003")
    level = area.level.capitalize() if area.level != "kota" else ""
    return ", ".join(filter(None, (f"{level} {area.name}".strip(), area.kecamatan, area.kota)))


def sender_named(keys: Keys, key_name: str, fields: Mapping[str, str]) -> str | None:
    """Whoever the app says it is, hashed; None where it does not: then each report is somebody else's."""
    for name in ("account_id", "device_id"):
        if said := fields.get(name, "").strip():
            return sender_of(keys, key_name, name, said)
    return None


def own_id_of(request: Request, fields: Mapping[str, str]) -> str:
    said = request.headers.get("idempotency-key", "").strip() or fields.get("idempotency_key", "").strip()
    if len(said) > LONGEST_ID:
        raise Wrong(400, f"an Idempotency-Key has {LONGEST_ID} characters at most")
    return said


# --- a person -------------------------------------------------------------------------------------------


def read_form(fields: Mapping[str, str], pack: Pack) -> Said:
    language = fields.get("language", "")
    return Said(
        words=read_words(fields, "words", LONGEST_WORDS),
        place=read_words(fields, "place", LONGEST_PLACE),
        position=read_position(fields),
        language=language if language in pack.languages else None,
        thread=fields["thread"] if own_page_of(fields) else None,
        nonce=fields.get("nonce", "")[:64],
    )


def writer_of(keys: Keys, fields: Mapping[str, str], thread: str | None) -> str | None:
    """Who adds to a report: the sender that its own page names, whom nobody can guess; else who has its thread.

    None for a new report: its sender is new too.
    """
    if thread is None:
        return None
    return fields["me"] if ME.fullmatch(fields.get("me", "")) else sender_of(keys, "thread", thread)


def own_page_of(fields: Mapping[str, str]) -> str | None:
    """The page that a posted thread's token opens, if it has the form of one; whose it is is seen later."""
    found = THREAD.fullmatch(fields.get("thread", ""))
    return f"/r/{found[1].upper()}/o/{found[2]}" if found else None
