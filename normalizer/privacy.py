"""A report as the public may read it: numbers, addresses, plates and names of persons taken out."""

import re
from typing import TypeAlias

# Indonesian registration areas (Polri); a plate is an area, up to four digits, up to three letters.
_AREA = (
    r"(?:A[ABDEG]?|B[ABDEGHKLMNP]?|CC|CD|D[ABCDEGHKLMNPRSTW]?|E[ABD]?|F|G|H|K[BHTU]?|L|M|N|P[AB]?|R|RI|S|T|W|Z)"
)
_NOT = "RT|RW|NO|KM|CM|KG|DAN|DI|KE|YG|JT|RB"
_NIK = r"(?<![\d.,])(?:\d{16}|\d{4}([ .-])\d{4}\1\d{4}\1\d{4}|\d{6}([ .-])\d{6}\2\d{4})(?!\d)"
_MOBILE = r"(?<![\d.,])(?:\+|00)?(?:62|0)[ .-]{0,2}8\d(?:[ .-]?\d){6,11}(?!\d)"
_LANDLINE = r"(?<![\d.,])\(?(?:\+62[ -]?|0)(?:21|2[2-9]\d|[3-79]\d{1,2})\)?[ -]?\d{3,4}[ -]?\d{3,5}(?!\d)"
_ABROAD = r"(?<![\d.,/=])\+\d(?:[ .-]?\d){8,14}(?!\d)"
_PLATE = rf"(?<![\w.]){_AREA}[ -]?(?:\d{{1,4}}[ -]?(?!{_NOT})[A-Z]{{2,3}}|\d{{3,4}}[ -]?[A-Z])(?!\w)"
_SMALL_PLATE = rf"(?<![\w.])b[ -]?\d{{3,4}}[ -]?(?!{_NOT.lower()})[a-z]{{2,3}}(?!\w)"
_TITLE = r"(?:(?:bapak|ibu|bpk|pak|bu|sdri?|tn|ny|hj?|dr)\.?\s+)?"
_SAYS_NAME = r"\b(?:a\.\s?n\.?|a/n|atas nama|nama saya(?: adalah)?|my name is|pelapor\s*:|nama(?: lengkap)?\s*:)"
_CAPITALS = r"(?-i:[A-Z][\w'’.-]{1,24}(?:[ \t][A-Z][\w'’.-]{1,24}){0,3})"
_NAME = rf"({_SAYS_NAME}\s*|\bperkenalkan,? saya\s+){_TITLE}{_CAPITALS}"
_NOBODY = "saya|kami|warga|ibu|bapak|pak"
_SMALL_NAME = rf"(\b(?:a\.n\.?|atas nama|nama saya(?: adalah)?|my name is)\s+)(?!{_NOBODY})[a-z'’]{{3,24}}"

_Rules: TypeAlias = tuple[tuple[re.Pattern[str], str], ...]
_NUMBERS: _Rules = (
    (re.compile(_NIK), "[NIK]"),
    (re.compile(_MOBILE), "[telepon]"),
    (re.compile(_LANDLINE), "[telepon]"),
    (re.compile(_ABROAD), "[telepon]"),
    (re.compile(_PLATE), "[plat nomor]"),
    (re.compile(_SMALL_PLATE), "[plat nomor]"),
    (re.compile(r"(?<![\w.,/=-])\d{9,}(?!\w)"), "[nomor]"),
)
_ADDRESSES: _Rules = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"), "[email]"),
    (re.compile(r"(?<![\w@/.])@[A-Za-z_]\w{1,29}"), "[akun]"),
)
_NAMES: _Rules = (
    (re.compile(_NAME, re.IGNORECASE), r"\1[nama]"),
    (re.compile(_SMALL_NAME), r"\1[nama]"),
)
_MAY_NAME = re.compile(r"\ba\.\s?n|\ba/n|\bnama|\bname|\bperkenalkan|\bpelapor", re.IGNORECASE)


def public_description(text: str) -> str:
    """Take personal data out: NIK, telephone numbers, mail addresses, accounts, plates, names after "a.n.".

    Coordinates, house numbers and RT/RW stay: they say where the problem is. It finds what has a form; a name
    in the middle of a sentence stays, so officials can hide a whole description at the desk.
    """
    rules: _Rules = _ADDRESSES if "@" in text else ()
    if any(digit in text for digit in "0123456789"):
        rules += _NUMBERS
    if _MAY_NAME.search(text):
        rules += _NAMES
    for pattern, instead in rules:
        text = pattern.sub(instead, text)
    return text
