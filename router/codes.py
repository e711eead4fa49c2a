"""A report's code: short enough to be typed, with a check character, and readable in any message."""

import hmac
import re
import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31, a prime: no 0, 1, I, L, O that eyes confuse
LENGTH = 6  # five random characters and the check character: 28.6 million codes
_DRAWN = 12  # bytes for a code: so many that no code is likelier than another by a millionth
_POSSIBLE = re.compile(rf"(?<![A-Za-z0-9])[{LETTERS}{LETTERS.lower()}]{{{LENGTH}}}(?![A-Za-z0-9])")


def new_code() -> str:
    """A random code. It holds a digit and a letter, so that no word of any language is one."""
    return new_codes(1).pop()


def new_codes(count: int) -> set[str]:
    """So many different ones."""
    codes: set[str] = set()
    while len(codes) < count:
        # all their randomness at once: each call for some lets go of the interpreter, and busy threads keep it
        drawn = secrets.token_bytes(_DRAWN * (count - len(codes)))
        codes |= set(filter(is_code, (_code(drawn[at : at + _DRAWN]) for at in range(0, len(drawn), _DRAWN))))
    return codes


def _code(drawn: bytes) -> str:
    number, body = int.from_bytes(drawn), ""
    for _ in range(LENGTH - 1):
        number, place = divmod(number, len(LETTERS))
        body += LETTERS[place]
    return body + _check(body)


def _check(body: str) -> str:
    """Weighted sum mod 31: every single wrong character and every swap of two is seen."""
    total = sum((place + 2) * LETTERS.index(letter) for place, letter in enumerate(body))
    return LETTERS[-total % len(LETTERS)]


def is_code(text: str) -> bool:
    if len(text) != LENGTH or text.isalpha() or text.isdigit():  # most words end here
        return False
    code = text.upper()
    return all(letter in LETTERS for letter in code) and _check(code[:-1]) == code[-1]


def codes_in(text: str) -> list[str]:
    """The valid codes that stand in a text, in upper case, in their order."""
    found = (match.group().upper() for match in _POSSIBLE.finditer(text))
    return list(dict.fromkeys(code for code in found if is_code(code)))


def without_codes(text: str) -> str:
    """The text without the codes that stand in it."""
    for code in codes_in(text):
        text = re.sub(rf"(?i)\b{code}\b", "", text)
    return text.strip(" ,.:;-\n")


def thread_token(key: bytes, code: str) -> str:
    """The unguessable part of a thread's address and of the reporter's own link: 80 bits, case does not count."""
    import base64

    return base64.b32encode(hmac.digest(key, code.encode(), "sha256")[:10]).decode().lower()


def thread_of(key: bytes, code: str) -> str:
    """What stands behind the plus: `CODE.TOKEN`, in lower case as mailers may make it."""
    return f"{code.lower()}.{thread_token(key, code)}"


def code_of_thread(key: bytes, thread: str) -> str | None:
    """The code a thread's token speaks for; None when it was not made by us."""
    code, _, token = thread.partition(".")
    code = code.upper()
    is_ours = is_code(code) and hmac.compare_digest(
        token.lower().encode(errors="replace"), thread_token(key, code).encode()
    )
    return code if is_ours else None


# --- threads with an agency's mailbox -------------------------------------------------------------------------


def agency_thread_of(key: bytes, code: str, way_id: int) -> str:
    """`CODE.WAY.TOKEN`: what stands behind the plus where an agency answers."""
    return f"{code.lower()}.{way_id}.{thread_token(key, f'{code}:{way_id}')}"


def agency_of_thread(key: bytes, thread: str) -> tuple[str, int] | None:
    """The code and the way that such a thread speaks for; None when it was not made by us."""
    code, _, rest = thread.partition(".")
    number, _, token = rest.partition(".")
    code = code.upper()
    if not is_code(code) or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    wanted = thread_token(key, f"{code}:{int(number)}")
    is_ours = hmac.compare_digest(token.lower().encode(errors="replace"), wanted.encode())
    return (code, int(number)) if is_ours else None
