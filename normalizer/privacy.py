"""A report as the public may read it: numbers, addresses, plates and names of persons taken out."""

import re
from collections.abc import Callable
from typing import TypeAlias

from normalizer.persons import without_names
from normalizer.titled import without_titled
from normalizer.wordlists import words

_Rules: TypeAlias = tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]

_ANY_CASE = re.IGNORECASE
_SEP = r"(?: ?[-.\u2010-\u2015] ?| )?"  # what people write between the digits of a number
_LABEL = r"(?:\s*(?:no(?:mor)?\b|number|saya|kami|adalah|is|nya|:|=|\.|#|-)){0,4}\s*"

# A NIK or a family card's number has 16 digits; how people group them. Never "6.175392 106.827153".
_NIK_GROUPS = "4-4-4-4 6-6-4 2-2-2-6-4 2-2-2-2-2-2-4 6-2-2-2-4 8-8 6-10 12-4 2-2-2-10 5-5-6 4-4-8 8-4-4 4-8-4"


def _grouped(groups: str) -> str:
    """A pattern for each way of grouping, with one separator throughout."""
    shapes = []
    for number, shape in enumerate(groups.split()):
        first, second, *rest = shape.split("-")
        again = "".join(rf"(?P=s{number})\d{{{length}}}" for length in rest)
        shapes.append(rf"\d{{{first}}}(?P<s{number}>[ .-])\d{{{second}}}{again}")
    return "|".join(shapes)


_NIK = rf"(?=\d\d)(?<![\d.,])(?:\d{{16}}|{_grouped(_NIK_GROUPS)})(?!\d)"
_CARD = r"\b(?:n\.?i\.?k|no\.?\s?kk|kk|ktp|e-?ktp|npwp|nisn|nip|bpjs|kis|sim|paspor|passport)\b"
_LABELLED_CARD = rf"({_CARD}{_LABEL})(?:[A-Z]{{1,2}} ?\d{{6,8}}|\d(?:{_SEP}\d){{9,19}})(?!\d)"
_BANK_NAMES = ("bca", "bri", "bni", "mandiri", "bsi", "btn", "cimb", "danamon")
_BANKS = rf"(?:{'|'.join(_BANK_NAMES)})"
_ACCOUNT = rf"\b(?:no\.?\s?rek(?:ening)?|rek(?:ening)?|bank account|account number|{_BANKS})\b"
_BANK = rf"({_ACCOUNT}(?:\s+(?:bank|dki|{_BANKS}))?{_LABEL})\d(?:{_SEP}\d){{7,17}}(?!\d)"

_COUNTRY = rf"(?:(?:\+|00)?62\)?{_SEP}(?:\(0\))?|[0oO]{_SEP})"
_MOBILE = rf"(?<![\w.,])\(?{_COUNTRY}{_SEP}8\d(?:{_SEP}\d){{6,11}}(?!\d)"
_IN_PAIRS = r"(?<![\w.,])0(?:8(?: \d\d){4,6}|(?:[ .-]\d){9,12})(?!\w)"
_CALL = (
    r"\b(?:wa|whats?app?|telp?|tlpn?|telepon|telpon|hp|hub(?:ungi)?|kontak|contact|call|sms|phone|ponsel|"
    r"handphone)\b"
)
_CALLED = rf"({_CALL}{_LABEL})8\d(?:{_SEP}\d){{6,10}}(?!\d)"
_LOCAL = (
    rf"(\b(?:telp?|tlpn?|telepon|telpon)\b{_LABEL}(?:(?:rumah|kantor)\s?:?\s?)?)[2-9]\d{{2,3}}[ -]?\d{{4}}(?!\d)"
)
_LANDLINE = (
    r"(?<![\w.,/-])\(?(?:\+62[ -]?|0)(?:21|2[2-9]\d|[3-79]\d{1,2})\)?[ -]?\d{3,4}[ -]?\d{3,5}(?!\d)"
    r"|\(0\d{2,3}\) ?\d{2,4}(?:[ -]?\d{2,4}){1,2}(?!\d)"
)
_ABROAD = r"(?<![\w.,/=])\+\d(?:[ .-]?\d){8,14}(?!\d)"

# Indonesian registration areas (Polri); a plate is an area, up to four digits, up to three letters.
_AREA = r"A[ABDEG]?|B[ABDEGHKLMNP]?|CC|CD|D[ABCDEGHKLMNPRSTW]?|E[ABD]?|F|G|H|K[BHTU]?|L|M|N|P[ABG]?|R|S|T|U|W|Z"
_DASH = r"[ .-]?"
_STANDS_ALONE = r"(?<![\w./-].)"  # behind the first letter: so that one is found quickly
_LONE_AREA = f"(?:{'|'.join(f'{area[0]}{_STANDS_ALONE}{area[1:]}' for area in _AREA.split('|'))})"
_PLATE = rf"{_LONE_AREA}{_DASH}(?:\d{{1,4}}{_DASH}([A-Z]{{2,3}})|\d{{3,4}}{_DASH}([A-Z]))(?!\w)"
_YEAR = r"(?:19\d\d|20[0-3]\d)"
_SMALL_PLATE = rf"{_LONE_AREA.lower()}{_DASH}(?!{_YEAR})\d{{4}}{_DASH}([a-z]{{2,3}})(?!\w)"
_SHORT_PLATE = rf"b{_STANDS_ALONE}{_DASH}\d{{3}}{_DASH}([a-z]{{2,3}})(?!\w)"
_PLATED = r"\b(?:ber)?(?:plat(?:e|nya)?|nopol(?:nya)?|no\.?\s?pol(?:isi)?|nomor polisi|licen[sc]e plate)\b"
_LABELLED_PLATE = rf"({_PLATED}{_LABEL})(?:{_AREA}){_DASH}\d{{1,4}}(?:{_DASH}[A-Z]{{1,3}})?(?!\w)"
_NO_PLATE = words("no_plate")
_BEFORE_A_NUMBER = words("before_a_number")

_MAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"
_SPELLED_MAIL = (
    r"[\w.+-]{2,64} ?[\[(] ?at ?[\])] ?[\w-]{2,40}(?: ?(?:\.|[\[(] ?dot ?[\])]) ?[a-z]{2,6}){1,3}"
    r"|[\w.+-]{2,64} at (?:gmail|yahoo|outlook|hotmail|ymail) ?(?:\.|dot) ?com"
)
_MAY_SPELL = ("(at", "( at", "[at", "[ at", " at gmail", " at yahoo", " at outlook", " at hotmail", " at ymail")
# "@" before a place says where, not who.
_PLACES = r"(?:jl|jln|jalan|gg|gang|rt|rw|blok|halte|stasiun|pasar|kel|kec|dekat|depan)\b"
_HANDLE = rf"(?<![\w@/.])@(?!{_PLACES})[A-Za-z_]\w{{1,29}}"
_HOSTS = (
    r"wa\.me|api\.whatsapp\.com|wa\.link|chat\.whatsapp\.com|t\.me|telegram\.me|instagram\.com|facebook\.com|"
    r"fb\.com|fb\.me|tiktok\.com|twitter\.com|x\.com|threads\.net|line\.me|linkedin\.com|linktr\.ee"
)
_PROFILE = rf"(?<![\w.])(?:https?://)?(?:(?:www|m|web|id-id)\.)?(?:{_HOSTS})/[^\s<>\"]{{1,200}}"
_MAY_LINK = tuple(_HOSTS.replace("\\", "").split("|"))
_NETWORKS = r"(?:ig|insta|instagram|fb|facebook|telegram|tele|tiktok|twitter|id line|line id)"
_SOCIAL = rf"(\b{_NETWORKS}\b\s?[:=]\s?)@?[\w.]{{3,40}}"

_MONTH = r"(?:jan|feb|mar|apr|mei|may|jun|jul|agu|aug|sep|okt|oct|nov|des|dec)[a-z]{0,7}"
_BORN = (
    r"\b(?:t\.?t\.?l|tempat[ /,]*(?:dan )?tanggal lahir|tanggal lahir|tgl\.? lahir|lahir|born|date of birth|dob)\b"
    r"[\s:,.-]{0,4}(?:(?:di|in|on|pada|tanggal|tgl)\s+)?(?:[A-Za-z]{3,20}(?: [A-Za-z]{3,20})?[\s,]{1,3})??"
    r"(?:tanggal |tgl )?"
)
_DATE = (
    rf"(?:\d{{1,2}} ?[-/. ] ?(?:\d{{1,2}}|{_MONTH}) ?[-/. ,] ?\d{{2,4}}|\d{{4}}-\d\d-\d\d"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}})"
)


def _plate(match: re.Match[str]) -> str:
    """A plate, unless the letters behind are a word ("B 12 RT") or a word before says what is numbered."""
    before = match.string[max(0, match.start() - 14) : match.start()].lower().rstrip(" .:-").split()
    is_word = " " in match.group() and match.group(match.lastindex or 0).lower() in _NO_PLATE
    if is_word or (before and before[-1] in _BEFORE_A_NUMBER):
        return match.group()
    return "[plat nomor]"


def _long_number(match: re.Match[str]) -> str:
    """A customer's, an order's, an account's number; not a sum of money."""
    before = match.string[max(0, match.start() - 4) : match.start()].lower().rstrip(" .")
    behind = match.string[match.end() : match.end() + 8].lower().lstrip()
    return match.group() if before.endswith(("rp", "idr")) or behind.startswith("rupiah") else "[nomor]"


_LINKS: _Rules = ((re.compile(_PROFILE, _ANY_CASE), "[akun]"),)
_MAILS: _Rules = ((re.compile(_MAIL), "[email]"),)
_HANDLES: _Rules = ((re.compile(_HANDLE, _ANY_CASE), "[akun]"),)
_MAY_MAIL = re.compile(r"@[\w-]{1,63}\.[\w-]")
_SPELLED: _Rules = ((re.compile(_SPELLED_MAIL, _ANY_CASE), "[email]"),)
_NETWORK: _Rules = ((re.compile(_SOCIAL, _ANY_CASE), r"\1[akun]"),)
_MAY_NETWORK = re.compile(rf"{_NETWORKS}\s?[:=]")
_ACCOUNTS: _Rules = ((re.compile(_BANK, _ANY_CASE), r"\1[rekening]"),)
_MAY_ACCOUNT = ("rek", "account", *_BANK_NAMES)
_NIKS: _Rules = ((re.compile(_NIK), "[NIK]"),)
_CARDS: _Rules = ((re.compile(_LABELLED_CARD, _ANY_CASE), r"\1[nomor]"),)
_MAY_CARD = re.compile(r"n\.?i\.?k|kk|ktp|npwp|nisn|nip|bpjs|kis|sim|pas+port?")
_LONG: _Rules = (
    (re.compile(_MOBILE), "[telepon]"),
    (re.compile(_IN_PAIRS), "[telepon]"),
    (re.compile(_CALLED, _ANY_CASE), r"\1[telepon]"),
    (re.compile(_LOCAL, _ANY_CASE), r"\1[telepon]"),
    (re.compile(_LANDLINE), "[telepon]"),
    (re.compile(_ABROAD), "[telepon]"),
    (re.compile(r"(?<![\w.,/=-])\d{9,}(?!\w)"), _long_number),
)
_LONG_RUN = re.compile(r"\d(?:[ ().-]{0,3}\d|\s?[\u2010-\u2015]\s?\d){5}")
_BIRTHS: _Rules = ((re.compile(rf"({_BORN}){_DATE}", _ANY_CASE), r"\1[tanggal lahir]"),)
_LABELLED_PLATES: _Rules = ((re.compile(_LABELLED_PLATE, _ANY_CASE), r"\1[plat nomor]"),)
_DIGIT = re.compile(r"[0-9]")
# a digit behind a letter, then letters
_MAY_PLATE = re.compile(r"\d(?:(?<=[A-Za-z]\d)|(?<=[A-Za-z][ .-]\d))\d{0,3}[ .-]?[A-Za-z]{1,3}(?!\w)")
_MAY_SMALL_PLATE = re.compile(r"\d\d\d[ .-]?[a-z]{2,3}(?!\w)")
_PLATES: _Rules = ((re.compile(_PLATE), _plate),)
_SMALL_PLATES: _Rules = (
    (re.compile(_SMALL_PLATE), _plate),
    (re.compile(_SHORT_PLATE), _plate),
)


def public_description(text: str) -> str:
    """Take personal data out: numbers of cards, telephones and accounts, mail, profiles, plates, births, names.

    Coordinates, house numbers, RT/RW, prices, dates and lines stay: they say what and where. It finds what has
    a form or is announced ("a.n."); a name in the middle of a sentence stays, so officials can hide a whole
    description at the desk.
    """
    for pattern, instead in _rules_for(text):
        text = pattern.sub(instead, text)
    return without_titled(without_names(text))


def _rules_for(text: str) -> _Rules:
    """The rules that can apply at all: most messages hold no long number, no "@" and no link."""
    small = text.lower()
    rules: _Rules = ()
    if "/" in text and any(host in small for host in _MAY_LINK):
        rules = _LINKS
    if (":" in text or "=" in text) and _MAY_NETWORK.search(small):
        rules += _NETWORK
    if "@" in text:
        rules += _MAILS + _HANDLES if _MAY_MAIL.search(text) else _HANDLES
    if any(sign in small for sign in _MAY_SPELL):
        rules += _SPELLED
    return rules + _number_rules(text, small) if _DIGIT.search(text) else rules


def _number_rules(text: str, small: str) -> _Rules:
    rules: _Rules = (
        _BIRTHS if any(word in small for word in ("lahir", "ttl", "t.t.l", "born", "birth", "dob")) else ()
    )
    if _LONG_RUN.search(text):
        rules += _ACCOUNTS if any(word in small for word in _MAY_ACCOUNT) else ()
        rules += _NIKS + (_CARDS if _MAY_CARD.search(small) else ()) + _LONG
    if any(word in small for word in ("plat", "pol", "licen")):
        rules += _LABELLED_PLATES
    if _MAY_PLATE.search(text):
        rules += _PLATES + (_SMALL_PLATES if _MAY_SMALL_PLATE.search(text) else ())
    return rules
