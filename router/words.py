"""How our words fit a channel: SMS segments (GSM 03.38) and cuts at word ends."""

import re
import unicodedata
from dataclasses import dataclass

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENDED = frozenset("\f^{}\\[~]|€")
SEGMENT = 160

_EXTENDED = re.compile(f"[{re.escape(''.join(GSM7_EXTENDED))}]")
_FOREIGN = re.compile(f"[^{re.escape(''.join(GSM7 | GSM7_EXTENDED))}]")

_PLAIN = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u2013": "-", "\u2014": "-", "\u2026": "...", "\u2022": "-", "\u00a0": " ", "\u2192": "->",
        "\t": " ", "`": "'", "\u00b4": "'",
    }
)  # fmt: skip


def gsm7(text: str) -> str:
    """The text in GSM-7's letters: look-alikes are mapped, what has none becomes `?`."""
    return _FOREIGN.sub(lambda found: _without_marks(found.group()), text.translate(_PLAIN))


def _without_marks(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter).replace("\u2044", "/")  # a half is no twelve
    kept = "".join(c for c in base if c in GSM7 and not unicodedata.combining(c))
    return kept or ("?" if letter.isprintable() else "")


def gsm7_length(text: str) -> int:
    """Septets: letters of the extension table count twice."""
    return len(text) + len(_EXTENDED.findall(text))


@dataclass(frozen=True, kw_only=True, slots=True)
class Segments:
    """What a text costs as SMS: so many messages, `length` septets or 16-bit units in the alphabet."""

    count: int
    length: int
    alphabet: str


def sms_segments(text: str) -> Segments:
    """160 septets or 70 units alone, 153 or 67 each where there are several (3GPP TS 23.038, 23.040)."""
    if _FOREIGN.search(text) is None:
        alphabet, length, alone, joined = "GSM-7", gsm7_length(text), 160, 153
    else:
        alphabet, length, alone, joined = "UCS-2", len(text.encode("utf-16-le")) // 2, 70, 67
    return Segments(count=1 if length <= alone else -(-length // joined), length=length, alphabet=alphabet)


def sms_plain(text: str) -> str:
    """The text with plain quotes and dashes for typographic ones, which alone would halve what a segment holds."""
    return text.translate(_PLAIN)


def upper_first(text: str) -> str:
    """The text with a capital letter in front; the rest as it is."""
    return text[:1].upper() + text[1:]


def cut(text: str, length: int) -> str:
    """At most `length` characters, cut at a word's end with `...`."""
    if len(text) <= length:
        return text
    head = text[: max(length - 3, 0)]
    return (head.rsplit(" ", 1)[0] if " " in head[length // 2 :] else head).rstrip(" ,.;:") + "..."


def tidy(text: str) -> str:
    """No double spaces or lines where a template's field was empty, one full stop where two met; `...` stays."""
    tidied = "\n".join(map(_tidy_line, text.split("\n")))
    return (re.sub(r"\n{3,}", "\n\n", tidied) if "\n\n\n" in tidied else tidied).strip()


def _tidy_line(line: str) -> str:
    line = " ".join(line.split()).replace(" .", ".")
    if ".." not in line:
        return line
    return re.sub(r"\.{4,}", "...", re.sub(r"(?<!\.)\.\.(?!\.)", ".", line))
