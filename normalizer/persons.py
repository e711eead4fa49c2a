"""Names of persons where the words before them say that one comes: "a.n.", "nama saya", "hormat saya"."""

import re

from normalizer.wordlists import words

_ANY_CASE = re.IGNORECASE

# Before a name, and no part of it.
_TITLE = (
    r"(?:(?:bapak|ibu|bpk|pak|bu|sdr|sdri|sdra|saudara|saudari|tn|ny|nn|hj|dr|ir|mr|mrs|ms|alm|almh|anak|siswa|"
    r"siswi|pemilik|pemohon|pelanggan|penerima|korban|teman|adik|kakak|suami|istri|keponakan|saya)\b\.?\s*"
    r"|h\.\s*){0,3}"
)
_WHOSE = r"(?: lengkap| pelapor| pemohon| korban| anak| ibu| ayah| pemilik)?"
_MY_NAME = r"nama(?:ku| (?:saya|sy|aku|gue|gua|gw))(?: adalah)?"
_SAYS_NAME = (
    rf"\b(?:a\.\s?n\.?|an\.(?=\s)|a/n\b|atas nama|{_MY_NAME}|my name is"
    r"|(?:pelapor|pemohon|pengirim)\s*:"
    rf"|nama{_WHOSE}\s*[:=]|bernama|perkenalkan,? (?:nama )?saya|name\s*:)"
    r"|(?:^|[.,!\n])\W*(?:ttd\b\.?|hormat (?:saya|kami)\s*,?|sincerely,?|regards,?)"
)
# Behind these a name may be written small.
_SAYS_SMALL_NAME = (
    rf"\b(?:a\.\s?n\.?(?=\s)|a\.\s?n\.|a/n\b|atas nama|{_MY_NAME}|my name is|nama(?: lengkap)?\s*:|saya bernama)"
)
_NO_NAME_WORDS = words("no_name")
_NOT_A_NAME = rf"(?:{'|'.join(sorted(_NO_NAME_WORDS))})\b"
_WORD = rf"(?!(?i:{_NOT_A_NAME}))(?-i:[A-Z](?:[a-z]{{0,2}}\.(?= ?[A-Z])|[\w'\u2019-]{{0,24}}))"
_SMALL = r"[a-z'\u2019]{3,24}"
_NAME = re.compile(
    rf"((?:{_SAYS_NAME})[\s:]{{0,4}}{_TITLE})(?!\[){_WORD}(?:[ \t]{{1,2}}{_WORD}){{0,4}}", _ANY_CASE
)
_SMALL_NAME = re.compile(
    rf"((?:{_SAYS_SMALL_NAME})\s{{0,3}}:?\s{{0,3}}{_TITLE})((?!\[){_SMALL}(?: {_SMALL}){{0,2}})", _ANY_CASE
)
# without one of these there is no name: they are looked for first, which is quick
_MAY_NAME = (
    "a.n",
    "a. n",
    "a/n",
    "atas nama",
    "nama s",  # "nama saya", "nama sy"
    "namaku",
    "nama aku",
    "nama g",  # "nama gue"
    "bernama",
    "perkenalkan",
    "my name is",
    "ttd",
    "hormat saya",
    "hormat kami",
    "sincerely",
    "regards",
)
_MAY_BE_ASKED = re.compile(rf"(?:nama{_WHOSE}|name|pelapor|pemohon|pengirim)\s*[:=]")
_MAY_BE_FOR = re.compile(
    r"\.(?<=an\.)(?<!\wan\.)(?=\s)"
)  # "an. Budi", not "jalan. "; the dot first, to find it quickly
_COMMON = words("indonesian") | words("english") | _NO_NAME_WORDS


def without_names(text: str) -> str:
    """Take the names out that stand behind such words; what stands before them stays."""
    small = text.lower()
    may_name = any(word in small for word in _MAY_NAME) or _MAY_BE_ASKED.search(small) or _MAY_BE_FOR.search(small)
    if not may_name:
        return text
    return _SMALL_NAME.sub(_small_name, _NAME.sub(r"\1[nama]", text))


def _small_name(match: re.Match[str]) -> str:
    """The words behind "nama saya" up to the first common one."""
    found = match.group(2).split()
    end = next((number for number, word in enumerate(found) if word.lower() in _COMMON), len(found))
    return " ".join([f"{match.group(1)}[nama]", *found[end:]]) if end else match.group()
