"""RT and RW, the neighbourhood units of a kelurahan, in every spelling."""

import re
from dataclasses import dataclass

from normalizer.roman import ANY_ROMAN, ROMAN

_SPOKEN = {"satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8,
           "sembilan": 9, "sepuluh": 10, "sebelas": 11, "belas": 0}  # fmt: skip
_WORDS = rf"(?:{'|'.join(_SPOKEN)})(?:\s?(?:belas|puluh))?(?:\s(?:{'|'.join(_SPOKEN)}))?\b"
# "RT 2 kali dilapori", "lapor RT 2 minggu lalu": something is counted; "RT 3 hari ini" is a unit
_COUNTED = (
    r"(?!\s?(?:(?:kali|x|orang|org|ribu|rb|juta|jt|meter|menit|jam|bulan|bln|tahun|thn|puluh|belas)\b"
    r"|(?:hari|minggu|mgg)\b(?!\s?ini)))"
)
_END = r"(?!\d|[.,]\d{3}|[/-]\d{4}|\s20\d\d)"  # no year, no thousands, no telephone
_FIGURES = rf"(?:0\d\d(?=\.0\d\d(?!\d))|[0oO]{{0,3}}\d{{1,3}}{_END})"
_ONE = (
    rf"([0oO]{{1,3}}\d{{1,3}}{_END}|\d{{1,3}}{_END}{_COUNTED}|{_WORDS}(?!-){_COUNTED})"  # without the other unit
)
_ANY = rf"({_FIGURES}|{ANY_ROMAN}|{_WORDS})"
_GAP = r"(?:[^\w@#]|_|#(?=\d)|\b(?:no|nomor|nomer|ke)\b){0,4}"  # between the letters and the number
_NYA = r"(?:\s?nya\b)?"  # "rtnya 6"
_RT, _RW = rf"rt{_NYA}{_GAP}", rf"rw{_NYA}{_GAP}"
# what may not stand before it, behind the first letter: so that one is found quickly
_FIRST_RT, _FIRST_RW = rf"r(?<![^\W_].)t{_NYA}{_GAP}", rf"r(?<![^\W\d_].)w{_NYA}{_GAP}"  # "RT06RW04"
_NEXT = r"(?:[\W_]{0,4}|\s(?:dan|di|and)\s)"
_UNTIL = rf"(?:\s?(?:[,&\-–]|dan|s/d|sd|sampai|s\.d\.)\s?{_FIGURES})*"  # "RT 01-05": several

_TOGETHER = re.compile(r"(?<!se)(belas|puluh)")  # "duabelas"
MOST = 99  # no kelurahan has nearly so many: "RT 500"

# these are looked for in small letters
_SPELLINGS = tuple(
    (re.compile(pattern), is_turned)
    for pattern, is_turned in (
        (rf"r(?<![^\W_].)t\W{{0,3}}{_RW}{_ANY}(?:\s*[/\\\-–., &]+\s*|\s?dan\s?){_ANY}", False),
        (rf"r(?<![^\W_].)w\W{{0,3}}{_RT}{_ANY}(?:\s*[/\\\-–., &]+\s*|\s?dan\s?){_ANY}", True),
        (rf"{_FIRST_RW}{_ANY}{_NEXT}{_RT}{_ANY}", True),
        (rf"{_FIRST_RT}{_ANY}{_UNTIL}{_NEXT}{_RW}{_ANY}", False),
    )
)
# No RW is written: "RT 06/04", "rt 6-4", "RT 06.04", "rt 06 04"; of the last two both with their nought.
_SHORT = re.compile(
    rf"{_FIRST_RT}(?:({_FIGURES})\s?[/\\\-–|]\s?({_FIGURES})(?!/\d)"
    rf"|([0oO]\d{{1,2}})\s?[., ]\s?([0oO]\d{{1,2}}){_END})"
    rf"|{_FIRST_RT}({ANY_ROMAN})\s?[/\\\-–]\s?({ANY_ROMAN})"
)
_LONE_RT = re.compile(rf"{_FIRST_RT}{_ONE}")
_LONE_RW = re.compile(rf"{_FIRST_RW}(?:{_ONE}|({ANY_ROMAN}))")
_IN_ANY_CASE = tuple(
    re.compile(each.pattern, re.IGNORECASE) for each in (*(pattern for pattern, _ in _SPELLINGS), _SHORT, _LONE_RT)
)
# "R.T. 06", "R/T 6", "r t 6", "erte 6", "rukun tetangga 6"
_LONG_RT = re.compile(r"\b(?:r\s?[./]\s?t\b|r\st(?=\s?\d)|erte\b|rukun tetangga\b)", re.IGNORECASE)
_LONG_RW = re.compile(r"\b(?:r\s?[./]\s?w\b|r\sw(?=\s?\d)|erwe\b|rukun warga\b)", re.IGNORECASE)

# of small letters; how it begins, before what may not stand before it: so it is found quickly
_MAYBE = re.compile(r"r(?<![^\W\d_].)(?:\s?[./]?\s?[tw]|ukun)|er(?<![^\W\d_]..)[tw]e")
_MAYBE_LONG = re.compile(r"r(?<![^\W\d_].)(?:\s?[./]\s?[tw]|\s[tw]|ukun)|er(?<![^\W\d_]..)[tw]e")


@dataclass(frozen=True, kw_only=True, slots=True)
class RtRw:
    """Neighbourhood units: RT within RW within a kelurahan."""

    rt: int | None = None
    rw: int | None = None

    def __str__(self) -> str:
        parts = [f"RT {self.rt}" if self.rt else "", f"RW {self.rw}" if self.rw else ""]
        return "/".join(filter(None, parts))


def rt_rw_in(text: str) -> RtRw:
    """Read RT and RW in any spelling: "RT 003/RW 09", "rt.3 rw.9", "RT/RW 03/09", "rt 01/11", "rw IV rt 2",
    "RT VI/IV", "rt enam rw empat"; of several RT the first."""
    small = text.lower()
    first = _MAYBE.search(small)
    if not first:
        return RtRw()
    begin = first.start()
    if _MAYBE_LONG.search(small, begin):
        small, begin = _LONG_RW.sub("rw", _LONG_RT.sub("rt", small)), 0
    for pattern, is_turned in _SPELLINGS:
        if match := pattern.search(small, begin):
            one, other = _number(match[1]), _number(match[2])
            return RtRw(rt=other, rw=one) if is_turned else RtRw(rt=one, rw=other)
    rt, rw = _LONE_RT.search(small, begin), _LONE_RW.search(small, begin)
    if not rw and (match := _SHORT.search(small, begin)):
        one, other = (_number(each) for each in match.groups() if each)
        return RtRw(rt=one, rw=other)
    return RtRw(rt=_number(rt[1]) if rt else None, rw=_number(rw[1] or rw[2]) if rw else None)


def without_rt(text: str) -> str:
    """Put "[RT]" for every RT and the RW that is written with it; a lone RW stays."""
    if not _MAYBE.search(text.lower()):
        return text
    spelled = _LONG_RW.sub("RW", _LONG_RT.sub("RT", text))
    public = spelled
    for pattern in _IN_ANY_CASE:
        public = pattern.sub("[RT]", public)
    return text if public == spelled else public


def _number(written: str) -> int | None:
    small = written.lower()
    if small in ROMAN:
        return ROMAN[small]
    if small[-1].isdigit():
        number = int(small.lstrip("o"))
        return number if 0 < number <= MOST else None
    return _spoken(_TOGETHER.sub(r" \1", small).split()) or None


def _spoken(words: list[str]) -> int:
    """A number below a hundred in words: "dua belas", "dua puluh satu"."""
    units = [_SPOKEN[word] for word in words if word not in {"puluh", "belas"}]
    if "belas" in words:
        return units[0] + 10 if units else 0
    if "puluh" in words:
        return units[0] * 10 + sum(units[1:2])
    return units[0] if units else 0
