"""Small numbers in Roman figures, as RT, RW and streets have them: "RW IV", "Gang XII"."""

_ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
# up to nineteen: "RT XX" says that somebody would not say
ROMAN = {
    f"{ten * 'x'}{one}": 10 * ten + number for ten in (0, 1) for number, one in enumerate(_ONES) if ten or one
}
ANY_ROMAN = rf"(?:{'|'.join(sorted(ROMAN, key=len, reverse=True))})\b"  # a pattern, for small letters
