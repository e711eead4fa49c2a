"""How our words fit a channel: SMS segments (GSM 03.38) and cuts at word ends."""

import re
import unicodedata

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
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_tidy_line(line) for line in text.split("\n"))).strip()


def _tidy_line(line: str) -> str:
    line = " ".join(line.split()).replace(" .", ".")
    return re.sub(r"\.{4,}", "...", re.sub(r"(?<!\.)\.\.(?!\.)", ".", line))
