"""Letters that only look like ours: full-width, bold and circled ones, Cyrillic among Latin, crossed out."""

import re
from unicodedata import normalize

# Full-width, mathematical, circled and squared letters, Roman figures, ligatures: Unicode's own equivalents.
_EQUIVALENT = re.compile(
    r"[\uff01-\uff5e\U0001d400-\U0001d7ff\u24b6-\u24e9\U0001f130-\U0001f149\u2160-\u217f\ufb00-\ufb06]+"
)
_DARK = re.compile(r"[\U0001f150-\U0001f169\U0001f170-\U0001f189]")  # white on black: Unicode has none for them
_SMALL = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
_CYRILLIC = dict(zip("АВЕЅІЈКМНОРСТУХаеіјкорсухѕԁһԛԝ", "ABESIJKMHOPCTYXaeijkopcyxsdhqw", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ", "ABEZHIKMNOPTYXovp", strict=True))
_LIKE_LATIN = str.maketrans(_CYRILLIC | _GREEK)
_THOSE = "".join(_CYRILLIC | _GREEK)
_MIXED = re.compile(rf"(?<![^\W_])(?=[^\W_]*[a-zA-Z])(?=[^\W_]*[{_THOSE}])[a-zA-Z0-9{_THOSE}]+(?![^\W_])")
_SMALL_CAPITALS = str.maketrans(_SMALL)
_CROSSED_OUT = re.compile(r"[\u0305\u0332-\u0338\u20d0-\u20ff]+|[\u0300-\u036f]{2,}")
# looked for first, which is quick: a typographic quote or an emoji is all that most texts have
_HAS_SMALL, _HAS_THOSE = re.compile(f"[{''.join(_SMALL)}]"), re.compile(f"[{_THOSE}]")
_HAS_MARKS = re.compile(r"[\u0300-\u036f\u20d0-\u20ff]")


def without_lookalikes(text: str) -> str:
    """Write such letters as the ones that they stand for, without lines through them and heaps of accents, so that
    words, numbers and telephones are found; composed (NFC). Words wholly in another script stay as they are."""
    text = _EQUIVALENT.sub(lambda match: normalize("NFKC", match.group()), text)
    if _HAS_SMALL.search(text):
        text = text.translate(_SMALL_CAPITALS)
    text = _DARK.sub(lambda match: chr(ord("A") + (ord(match.group()) - 0x1F150) % 32), text)
    text = normalize("NFC", text)
    if _HAS_MARKS.search(text):
        text = _CROSSED_OUT.sub("", text)
    if _HAS_THOSE.search(text):
        text = _MIXED.sub(lambda match: match.group().translate(_LIKE_LATIN), text)
    return normalize("NFC", text)
