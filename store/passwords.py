"""Which passwords are refused: short, common, or telling whose they are (NIST SP 800-63B, 3.1.1.2)."""

import re

SHORTEST, LONGEST = 12, 200
LEAST_OF_ONES_OWN = 6  # letters beside what everybody tries

# What lists of leaked passwords are made of, Indonesia's included, and what this house is called.
_COMMON = (
    *("password", "passwort", "katasandi", "sandi", "rahasia", "secret", "passw", "letmein", "welcome", "selamat"),
    *("qwertyuiop", "qwerty", "qwert", "asdfghjkl", "asdfgh", "asdf", "zxcvbnm", "zxcvbn", "zxcv", "qazwsxedc"),
    *("qazwsx", "wsxedc", "1q2w3e4r5t6y", "1q2w3e4r5t", "1q2w3e4r", "1q2w3e", "q1w2e3r4", "q1w2e3", "abcdefghij"),
    *(
        "abcdef",
        "abcd",
        "abc",
        "iloveyou",
        "sayangku",
        "sayang",
        "cinta",
        "aku",
        "kamu",
        "bismillah",
        "alhamdulillah",
    ),
    *("anjing", "bangsat", "monyet", "doraemon", "sunshine", "princess", "football", "baseball", "superman"),
    *("batman", "pokemon", "dragon", "monkey", "master", "shadow", "michael", "charlie", "garuda", "merdeka"),
    *(
        "pancasila",
        "indonesia",
        "jakarta",
        "dkijakarta",
        "persija",
        "pemprov",
        "dinas",
        "lapor",
        "petugas",
        "desk",
    ),
    *("administrator", "admin", "root", "user", "login", "masuk", "ganti", "test", "coba", "default", "changeme"),
    *("trustno", "computer", "internet", "samsung", "google", "facebook", "whatsapp"),
)
_SPELT = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})
_RUN = re.compile(r"(.)\1{2,}")
_WORDS = re.compile("|".join(sorted(map(re.escape, _COMMON), key=len, reverse=True)))
_NUMBER = re.compile(r"\d{4,}|[\W_]")  # years, dates, phone numbers


class PasswordError(ValueError):
    """This password is refused; the message is the key of the sentence that says why."""


def check_new(password: str, name: str) -> None:
    """Raises PasswordError; `name` is the account's."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError("password_too_short")
    if _holds(password, name) or min(map(_of_ones_own, _spellings(password))) < LEAST_OF_ONES_OWN:
        raise PasswordError("password_too_common")


def _holds(password: str, name: str) -> bool:
    """Whether it says the account's name, or a part of it of four letters and more."""
    parts = [part for part in re.split(r"[\W_]+", name.lower()) if len(part) >= 4]
    return any(part in spelt for part in parts for spelt in _spellings(password))


def _spellings(password: str) -> tuple[str, str]:
    """As it is, and with letters for the digits that stand for them: `p4$$w0rd`."""
    plain = password.lower()
    return plain, plain.translate(_SPELT)


def _of_ones_own(spelt: str) -> int:
    """How many different letters are left beside common words, long numbers and runs of one letter."""
    left = _NUMBER.sub("", _RUN.sub("", _WORDS.sub(" ", spelt)))
    return len(set(left))
