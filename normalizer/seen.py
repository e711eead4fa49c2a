"""What may be shown of anybody's words on a screen, a terminal and in a spreadsheet, whatever they are made of."""

import re

# Letters that draw nothing but hide words or turn what stands beside them around, and control letters that XML,
# PostgreSQL and terminals do not take. The joiners of emoji and Persian (U+200C, U+200D) stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
# How begins what a spreadsheet would run, full-width letters too (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def seen(text: str) -> str:
    """The text without control, zero-width and text-turning characters (Unicode TR 36, section 3.5)."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)  # most words need no search


def one_line(text: str) -> str:
    """The same as one line, for a terminal or a table."""
    return " ".join(seen(text).split())


def harmless(text: str) -> str:
    """A text that a spreadsheet shows and does not run, also where blanks stand before the formula."""
    text = seen(text)
    begins = text.lstrip()
    return f"'{text}" if begins.startswith(_FORMULA) or text[:1] in {"\t", "\r", "\n"} else text
