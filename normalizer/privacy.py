"""A report as the public may read it: numbers, addresses, plates and names of persons taken out."""

import re

# Indonesian registration areas (Polri); a plate is area, up to four digits, up to three letters.
_PLATE_AREAS = (
    "A|AA|AB|AD|AE|AG|B|BA|BB|BD|BE|BG|BH|BK|BL|BM|BN|BP|CC|CD|D|DA|DB|DC|DD|DE|DG|DH|DK|DL|DM|DN|DP|DR|DS|DT|DW|E|EA|"
    "EB|ED|F|G|H|K|KB|KH|KT|KU|L|M|N|P|PA|PB|R|RI|S|T|W|Z"
)
_NAME = r"[A-Z][\w'’.-]{1,24}"
_TITLES = r"(?:(?:[Bb]apak|[Ii]bu|[Bb]pk|[Pp]ak|[Bb]u|[Ss]dr[ia]?|[Tt]n|[Nn]y|H|Hj|[Dd]r)\.?\s+)?"

_INTRODUCED = (
    r"\b(?:[Aa]\.\s?[Nn]\.?|[Aa]/[Nn]|[Aa]tas [Nn]ama|[Nn]ama [Ss]aya(?: adalah)?|[Nn]ama(?: lengkap)?\s*:|"
    r"[Pp]erkenalkan,? saya|[Mm]y name is|[Pp]elapor\s*:)"
)
_INTRODUCED_SMALL = r"\b(?:a\.n\.?|atas nama|nama saya(?: adalah)?|my name is)"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"), "[email]"),
    (re.compile(r"(?<![\d.,])\d(?:[ .-]?\d){15}(?![\d])"), "[NIK]"),
    (re.compile(r"(?<![\d.,])(?:\+|00)?(?:62|0)[ .-]{0,2}8\d(?:[ .-]?\d){6,11}(?!\d)"), "[telepon]"),
    (
        re.compile(r"(?<![\d.,])\(?(?:\+62[ -]?|0)(?:21|2[2-9]\d|[3-79]\d\d?)\)?[ -]?\d{3,4}[ -]?\d{3,5}(?!\d)"),
        "[telepon]",
    ),
    (re.compile(r"(?<![\d.,/=])\+\d(?:[ .-]?\d){8,14}(?!\d)"), "[telepon]"),
    (
        re.compile(
            rf"(?<![\w.])(?:{_PLATE_AREAS})[ -]?\d{{1,4}}[ -]?(?!RT|RW|NO|KM|CM|BLOK)[A-Z]{{2,3}}(?!\w)"
            rf"|(?<![\w.])(?:{_PLATE_AREAS})[ -]?\d{{3,4}}[ -]?[A-Z](?!\w)"
        ),
        "[plat nomor]",
    ),
    (
        re.compile(r"(?<![\w.])b[ -]?\d{3,4}[ -]?(?!rt|rw|no|km|cm|dan|di|ke|yg|jt|rb)[a-z]{2,3}(?!\w)"),
        "[plat nomor]",
    ),
    (re.compile(r"(?<![\w.,/=-])\d{9,}(?![\w])"), "[nomor]"),
    (re.compile(rf"({_INTRODUCED}\s*){_TITLES}{_NAME}(?:\s{_NAME}){{0,3}}"), r"\1[nama]"),
    (re.compile(rf"({_INTRODUCED_SMALL}\s+)(?!saya|kami|warga|ibu|bapak|pak)[a-z'’]{{3,24}}"), r"\1[nama]"),
    (re.compile(r"(?<![\w@/.])@\w{2,30}"), "[akun]"),
)


def public_description(text: str) -> str:
    """Take personal data out: NIK, telephone numbers, mail addresses, accounts, plates, names after "a.n.".

    Coordinates, house numbers and RT/RW stay: they say where the problem is. It finds what has a form; a name
    in the middle of a sentence stays, so officials can hide a whole description at the desk.
    """
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
