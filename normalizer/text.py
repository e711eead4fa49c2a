"""What a person wrote, cleaned for reading: without hidden letters, quoted mail and signatures."""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

from normalizer.lookalikes import without_lookalikes
from normalizer.wordlists import words

# Understanding looks at this much of a message; the whole of it is kept all the same.
READ_AT_MOST = 6_000

# Control, zero-width and direction characters hide words from readers (Unicode TR 36); tab and line end stay.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u3164\uffa0\u202a-\u202e"
    r"\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85\v\f]")
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_GAPS = re.compile(r"\n\s*\n\s*")


def clean(text: str) -> str:
    """Give the text without NUL, control, zero-width and direction characters, without letters that only look
    like ours (normalizer/lookalikes.py), composed (NFC), ends trimmed."""
    if not text.isascii() or not text.replace("\n", "").isprintable():  # else nothing hides in it
        text = _HIDDEN.sub("", _LINE_END.sub("\n", text))
    if not text.isascii():
        text = without_lookalikes(text)
    if not text.isascii() or "  " in text or "\t" in text:  # ASCII has no other spaces
        text = _SPACES.sub(" ", text)
    return (_GAPS.sub("\n\n", text) if "\n" in text else text).strip()


_LONE_LETTER = re.compile(r"[ .-][^\W\d_][ .-]")
_SPELLED_OUT = re.compile(r"(?<![^\W_])[^\W\d_](?:([ .-])[^\W\d_])(?:\1[^\W\d_]){2,}(?![^\W_])")


def without_gaps(text: str) -> str:
    """Join words that are spelled letter by letter, four and more: "B A N J I R", "b.a.n.j.i.r"."""
    if not _LONE_LETTER.search(text):
        return text
    return _SPELLED_OUT.sub(lambda match: match.group().replace(match[1], ""), text)


_RULE = r"[-_=*\u2013\u2014 ]{2,}"
_WROTE = r"(?:wrote|menulis|schrieb|a écrit)"
_REPLY_HEAD = re.compile(rf"^(?=.*\d)[\s>*-]*(?:\S.{{0,260}})?\b{_WROTE}\s*(?::|-+)?\s*$", re.IGNORECASE)
_REPLY_STARTS = ("on ", "pada ", "at ", "aktif ")  # "aktif": Zoho's own Indonesian for "on"
# Yahoo on Android writes what is answered behind the head, on its line.
_REPLY_HEAD_AND_MORE = re.compile(
    rf"^[\s>*]*(?:on|pada)\b(?=.*\d).{{6,260}}<[\w.+-]{{1,64}}@[\w.-]{{3,80}}>\s*{_WROTE}:\s+\S", re.IGNORECASE
)
# Whatever the language: a date and a mail address before a colon, or a title between dashes above a mail head.
_ANY_REPLY_HEAD = re.compile(r"^(?=.*\d).{6,260}[\w.+-]{1,64}@[\w.-]{3,80}.{0,40}:\s*$")
_NAMED_REPLY_HEAD = re.compile(rf"^.{{0,200}}<[\w.+-]{{1,64}}@[\w.-]{{3,80}}>\s*{_WROTE}:\s*$", re.IGNORECASE)
_ANY_ORIGINAL = re.compile(r"^\s*-{4,} ?\w.{3,40}\w ?-{4,}\s*$")
_ORIGINAL = re.compile(
    rf"^\s*(?:{_RULE}(?:(?:original|replied) message|pesan (?:asli|asal|sebelumnya)|original appointment){_RULE}"
    r"(?:(?:from|dari):.*)?|_{10,})\s*$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    rf"^\s*(?:{_RULE}(?:forwarded message|pesan (?:yang )?diteruskan|pesan terusan)"
    r"|begin forwarded message|(?:me)?mulai pesan (?:yang )?(?:di)?terus|awal pesan (?:yang )?diteruskan)",
    re.IGNORECASE,
)
_MAIL_HEAD = re.compile(
    r"^[\s>*]*(?:from|dari|sent|dikirim|terkirim|date|tanggal|to|kepada|ke|subject|perihal|subjek|cc)\s*\*?:",
    re.IGNORECASE,
)
# A letter to an office begins like a mail's head: "Kepada Yth:", "Dari:", "Perihal:", "Tanggal: 3.11.2026"; who
# tells of a way writes "Dari: Cawang", "Ke: Tebet", "Tanggal: 3/11 pukul 07.30".
_OF_A_MAIL = re.compile(r"@|^[\s>*]*(?:sent|dikirim|terkirim)\b", re.IGNORECASE | re.MULTILINE)
_SUBJECT_AND_TIME = re.compile(
    r"(?=.*^[\s>*]*(?:subject|perihal|subjek)\b).*(?<![.\d])\d{1,2}[.:]\d\d(?![.\d])",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_SENT_FROM = re.compile(
    r"^\W{0,3}(?:(?:sent (?:from|via|with|by)|dikirim (?:dari|melalui|lewat|menggunakan|via)|terkirim dari|"
    r"dikirim dengan (?:aman|surel|e-?mail)|powered by [\w ]{0,30}blackberry|get \W?outlook for|"
    r"(?:dapatkan|unduh) outlook untuk)\b.{0,80}"
    r"|from my (?:iphone|ipad|android|phone|samsung|galaxy|blackberry)\b.{0,25}"
    r"|(?:virus-free|bebas virus)\. ?www\.avast.{0,300}|<#[0-9a-f-]{36}>)$",
    re.IGNORECASE,
)
# What companies' servers put below (or above) each mail: first how such a line may begin, then that it speaks of
# itself, then what it must say. "Informasi", "penerima" and "hanya ditujukan" alone are words of complaints too.
_MAY_BE_NOTICE = re.compile(
    r"\W{0,4}(?:disclaimer|confidential|caution|external|\w{0,15} ?notice|this|the information|if you"
    r"|the contents?|please|p please|mohon|perhatian|peringatan|penyangkalan|pernyataan|penting"
    r"|e-?mail|surel|surat elektronik|pesan|informasi|isi|apabila|jika|dokumen)\b(\W*$)?",
    re.IGNORECASE,
)
_A_MAIL = re.compile(
    r"(?i)\b(?:e-?mail|surel|surat elektronik|(?:this|the) (?:message|communication|information)"
    r"|(?:pesan|informasi|dokumen) (?:ini|(?:yang \w+ )?(?:di )?dalam))\b"
)
_TO_WHOM = r"(?: \w+){0,4} (?:penerima|pihak|orang|individu|perorangan|alamat|nama|mereka|yang)\b"
_NOTICE = re.compile(
    r"\b(?:intended (?:only|solely|exclusively|recipient)|privileged|addressee|originated (?:from )?outside"
    r"|received .{0,30}in error|consider the environment before print|lingkungan (?:hidup )?sebelum mencetak"
    r"|penerima (?:yang )?(?:dituju|dimaksud|sah|seharusnya)|bukan (?:merupakan )?penerima (?:yang|surel|pesan)"
    r"|alamat yang dituju"
    rf"|(?:hanya ditujukan|ditujukan (?:hanya|khusus)|rahasia\b.{{0,60}}\bditujukan){_TO_WHOM})",
    re.IGNORECASE,
)
LONGEST_HEAD = 1_000  # characters: of a longer line the gaps are closed, a head's pattern is tried at each of them
NOTICE_LOOKED_AT = 600  # characters
NOTICE_LINES = 4
HEAD_LINES = 20
_SIGNATURE = frozenset(["--", "\u2014"])


def own_words(text: str) -> str:
    """Give what the writer wrote now: without quoted mail, reply headers, signature, "sent from my phone" and what
    companies put below each mail.

    A forwarded message stays: it is what the writer wants to show. Where nothing would be left, all is.
    """
    kept: list[str] = []
    lines = _with_forwarded(
        [_SPACES.sub(" ", line) if len(line) > LONGEST_HEAD else line for line in text.split("\n")]
    )
    skip = 0
    for number, line in enumerate(lines):
        if skip:
            skip -= 1
        elif length := _reply_head(lines, number):
            if kept and not _quote_follows(lines, number + length):
                break
            skip = length - 1
        elif kept and _ends_here(lines, number):
            break
        elif (is_notice := _is_notice(lines, number)) or line.rstrip() in _SIGNATURE:
            if kept:
                skip = _up_to_forwarded(lines, number) - 1
            elif is_notice:
                skip = _paragraph(lines, number) - 1
        elif not line.startswith(">") and not _SENT_FROM.match(line) and (kept or line.strip()):
            kept.append(line)
    return "\n".join(kept).strip() or text.strip()


def _with_forwarded(lines: list[str]) -> list[str]:
    """Without the ">" that Apple's programs put before all of a message that is forwarded; not of one that was
    forwarded to somebody who is answered: that is quoted."""
    for number, line in enumerate(lines):
        if line.startswith(">") and _FORWARDED.match(line.lstrip("> ")):
            if any(_reply_head(lines, above) for above in range(number)):
                return lines
            return lines[:number] + [each.lstrip(">").removeprefix(" ") for each in lines[number:]]
    return lines


def _reply_head(lines: Sequence[str], number: int) -> int:
    """How many lines a "Pada …, … menulis:" beginning here takes: mail programs break it into up to three."""
    start = lines[number].lstrip(" >*-").lower()
    if not start.startswith(_REPLY_STARTS):
        return _reply_head_of_any_language(lines, number)
    for length in (1, 2, 3):
        head = " ".join(lines[number : number + length])
        if len(head) <= LONGEST_HEAD and _REPLY_HEAD.match(head):
            return length
    return 1 if "@" in start and _REPLY_HEAD_AND_MORE.match(lines[number]) else 0


def _reply_head_of_any_language(lines: Sequence[str], number: int) -> int:
    if not lines[number].strip():
        return 0
    for length in (1, 2):
        head = " ".join(lines[number : number + length])
        if "@" in head and head.rstrip().endswith(":"):
            if length == 2 and _is_head(lines[number + 1]):  # the writer's last line, right above it
                return 0
            return length if _ANY_REPLY_HEAD.match(head) or _NAMED_REPLY_HEAD.match(head) else 0
    return 0


def _is_head(line: str) -> bool:
    return any(pattern.match(line) for pattern in (_REPLY_HEAD, _ANY_REPLY_HEAD, _NAMED_REPLY_HEAD))


def _is_notice(lines: Sequence[str], number: int) -> bool:
    """Whether a notice of confidentiality begins here, or one that this came from outside; not with a request that
    stands right above it."""
    begins = _MAY_BE_NOTICE.match(lines[number])
    if not begins:
        return False
    said = list(takewhile(str.strip, lines[number : number + NOTICE_LINES]))
    of_itself = " ".join(said[: 1 + (begins[1] is not None)])  # "DISCLAIMER:" on a line of its own
    return bool(_A_MAIL.search(of_itself[:NOTICE_LOOKED_AT]) and _NOTICE.search(" ".join(said)[:NOTICE_LOOKED_AT]))


def _up_to_forwarded(lines: Sequence[str], number: int) -> int:
    """How many lines of a signature or a notice there are: up to a message that is forwarded below it, or all."""
    for at in range(number + 1, len(lines)):
        if _FORWARDED.match(lines[at]):
            return at - number
        if _reply_head(lines, at) or _ends_here(lines, at):
            break
    return len(lines) - number


def _paragraph(lines: Sequence[str], number: int) -> int:
    """How many lines up to the next empty one."""
    return next((at for at, line in enumerate(lines[number:]) if not line.strip()), len(lines) - number)


def _quote_follows(lines: Sequence[str], number: int) -> bool:
    """Whether the quoted text is marked by ">", so that what stands after it is the writer's again."""
    following = [line for line in lines[number : number + 3] if line.strip()]
    return bool(following) and following[0].startswith(">")


def _ends_here(lines: Sequence[str], number: int) -> bool:
    line = lines[number]
    if _ORIGINAL.match(line):
        return True
    if _ANY_ORIGINAL.match(line) and not _FORWARDED.match(line):
        return any("@" in near for near in lines[number + 1 : number + 4])
    if not _MAIL_HEAD.match(line) or _is_forwarded(lines, number):
        return False
    head = [near for near in lines[number : number + 5] if _MAIL_HEAD.match(near)]
    return len(head) >= 3 and bool(_OF_A_MAIL.search(said := "\n".join(head)) or _SUBJECT_AND_TIME.match(said))


def _is_forwarded(lines: Sequence[str], number: int) -> bool:
    """Whether the line of a mail's head belongs to a message that is forwarded."""
    for line in reversed(lines[max(0, number - HEAD_LINES) : number]):
        if line.strip() and not _MAIL_HEAD.match(line):
            return _FORWARDED.match(line) is not None
    return False


_SPOKEN_IN = {
    word: language
    for language, name in (("id", "indonesian"), ("en", "english"), ("other", "other_languages"))
    for word in words(name)
}
_WORD = re.compile(r"[^\W\d_]+")
# links, names, hashtags, and reports' codes: "US9E4Y" is no English word, "jalan2" is an Indonesian one
_NOT_SPOKEN = re.compile(r"https?://\S+|(?:\bRT )?@\w+|#\w+")
_CODE = re.compile(r"\b(?=[A-Za-z]*\d+[A-Za-z])[A-Za-z0-9]{6}\b")
_MAY_CODE = re.compile(r"\d[A-Za-z]")
# How words end and begin that no list holds: -nya, me(ng)-, ber-, pe(ng)-…an against -ing, -tion, -ed.
_LIKE_INDONESIAN = re.compile(r"\w{3,}nya|(?:meng?|mem|meny|ber|ter|peng?|pem|per|ke|di|se)[a-z]{4,}(?:an|i)?")
_LIKE_ENGLISH = re.compile(
    r"\w{3,}(?:ing|tions?|ed|ment|ness|ally|ful|ous|able|ight|ck)|wh\w{2,}|\w*th(?:er|e|ough)\w*"
)

Language = Literal["id", "en", "other"]


def language_of(text: str, hint: str | None = None) -> Language:
    """Tell Indonesian (with its slang, Betawi and Javanese) from English and from anything else.

    `hint` is what the channel says of its user; it decides only where the words do not.
    """
    read = text[:1500]
    found = _WORD.findall(_without_marks(read).lower())
    if not text.isascii() and _in_another_script(found):
        return "other"
    spoken = list(map(_SPOKEN_IN.get, found))
    indonesian, english, other = spoken.count("id"), spoken.count("en"), spoken.count("other")
    if other > 1 and other > indonesian and other >= english:
        return "other"
    if indonesian == english:
        indonesian += sum(_LIKE_INDONESIAN.fullmatch(word) is not None for word in found)
        english += sum(_LIKE_ENGLISH.fullmatch(word) is not None for word in found)
    if indonesian or english:
        return "en" if english > indonesian else "id"
    return _without_evidence(found, hint)


def _without_marks(text: str) -> str:
    if "@" in text or "#" in text or "://" in text:
        text = _NOT_SPOKEN.sub(" ", text)
    return _CODE.sub(" ", text) if _MAY_CODE.search(text) else text


def _in_another_script(found: Sequence[str]) -> bool:
    """Whether most letters are not Latin: Chinese and Japanese run many words together."""
    letters = "".join(found)
    latin = sum(letter < "\u0250" or "\u1e00" <= letter <= "\u1eff" for letter in letters) if letters else 0
    return len(letters) > 2 * latin


def _without_evidence(found: Sequence[str], hint: str | None) -> Language:
    """Believe the channel; else a few words are a place's name, many are a language that we do not know."""
    if hint and hint[:2].lower() in {"id", "en", "in", "ms", "jv", "su"}:
        return "en" if hint[:2].lower() == "en" else "id"
    return "other" if len(found) > 5 else "id"
