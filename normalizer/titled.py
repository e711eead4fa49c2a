"""Names of persons behind a title or beside how to reach them: "Bu Sulastri", "saya Budi dari RT 5"."""

import re
from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase

from normalizer.wordlists import SLANG, words

_ANY_CASE = re.IGNORECASE
_WHOLE_TITLES = frozenset(
    """bapak bpk pak ibu bu saudara saudari sdr sdri mbak mba mas bang kang haji hajah hajjah hj kh ust ustad
    ustadz ustadzah mr mrs ms""".split()  # noqa: SIM905
)
_SHORT_TITLES = (r"k\.h", r"h(?=\.)", r"ny(?=\.)", r"nn(?=\.)")
_ALL_TITLES = (*sorted(_WHOLE_TITLES), *_SHORT_TITLES)
_BEGINS = r"(?<![\w./@-].)"  # behind the first letter: so that one is found quickly
_FIRST_TITLES = "|".join(f"{title[0]}{_BEGINS}{title[1:]}" for title in _ALL_TITLES)
_TITLE_ENDS = r"(?![\w'\u2019])\.?[ \t]{0,2}"
# these four are looked for in a text made small: any case would cost each letter more
_TITLED = re.compile(rf"(?:{_FIRST_TITLES}){_TITLE_ENDS}(?:(?:{'|'.join(_ALL_TITLES)}){_TITLE_ENDS}){{0,2}}")
_TITLE_WORDS = _WHOLE_TITLES | {"h", "ny", "nn"}  # one of these stands in each title, between other signs
_LETTERS = re.compile(r"[a-z]+")
_OFFICES = words("offices") | words("offices_of_a_place")
_OFFICE = re.compile(r"[ \t]{0,2}([A-Za-z]{2,12})(?:[ \t]{1,2}|(?=\d))(?:0?\d{1,2}(?:[ \t/]{1,2}|\Z))?")
_WORD = re.compile(r"[ \t]{0,2}([^\W\d_][^\W\d_.]{0,24}(?:['\u2019-][^\W\d_]{1,24})?)(?![\w@/])\.?")
_INITIAL = re.compile(r"[ \t]{0,2}[A-Z]\.(?=[ \t]?[A-Z])")
_REACH = re.compile(
    r"[\s,:;(/=-]{0,4}(?:(?:di|no|nomor|wa|hp|telp|tlp|at)\b[\s.:]{0,3}){0,3}\[(?:telepon|email|akun)\]", _ANY_CASE
)

# What stands before "Haji Nawi" or "Mas Mansyur" when it is a street, a school, a shop.
_BEFORE = re.compile(r"\b([A-Za-z]+|[A-Za-z]{1,3}\.)[ \t]{0,2}\Z")  # "Jl." is cut short, "kali." ends a sentence
_STREET_TITLES = words("street_titles") | words("street_first_names") | {"hj", "kiai", "utara", "selatan"}
_BEFORE_A_PLACE = words("landmarks") | words("named_after") | words("before_a_place") - {"dari", "warga", "at"}
_BEHIND_A_PLACE = re.compile(
    r"[ \t]{1,2}(?:street|st|road|rd|avenue|lane|mosque|school|hospital|station|market)\b", _ANY_CASE
)

_OF_A_PLACE = words("offices_of_a_place")  # what is large behind them is their place: "Bu Lurah Kutisari"

_GIVEN = words("given_names")
_KNOWN = (
    frozenset().union(*map(words, ("indonesian", "english", "no_name", "courtesy", "ordinary", "no_person")))
    | _OFFICES
    | SLANG.keys()
    | frozenset(SLANG.values())
) - _GIVEN

_OPENS = (
    r"(?:\A|[.!?\n]|\b(?:halo|hallo|hai|hi|min|kak|perkenalkan|dengan|pagi|siang|sore|malam|assalamu\W?alaikum|wb))"
    r"[\s,.!]{0,4}"
)
_I_AM = re.compile(rf"{_OPENS}(?:saya|aku|i am|i'm|this is)[ \t]{{1,2}}(?=[a-z])")
_FROM = re.compile(r"^[ \t>*]{0,6}(?:from|dari|sender|pengirim|oleh)[ \t]?:[ \t]{0,3}\"?", re.MULTILINE)
_THANKS = re.compile(
    r"\b(?:terima ?kasih|makasih|trims|thanks|thank you|salam(?: hormat)?|wassalam)[ \t]{0,2}[,.!\n-][\s,.-]{0,6}"
    r"(?=\S.{0,60}\Z)"
)
_NAMED = re.compile(r"\bnamanya[ \t]{1,2}(?=[a-z])")
_OPENINGS = (
    (_I_AM, ("saya", "aku", "i am", "i'm", "this is")),
    (_FROM, (":",)),
    (_THANKS, ("kasih", "trims", "thank", "salam")),
)
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_VERB = re.compile(r"(?:ber|mem|men|meng|di|ter|ke|se)\w{4}")
MOST_WORDS, SHORT = 4, 2  # of a name; letters of what is rather an abbreviation


def without_titled(text: str) -> str:
    """Take names out behind titles ("Pak Bambang"; "Pak RT Bambang" keeps its office), behind "saya" and "From:"
    where these open a sentence or a line, and behind thanks at the end. A word is a name where it is none that
    people use otherwise: written large, or known as one. What is named after somebody (streets, schools) stays."""
    if not _TITLE_WORDS.isdisjoint(_LETTERS.findall(text.lower())):
        text = _without(text, _TITLED, is_title=True)
    small = text.lower()
    for pattern, signs in _OPENINGS:
        if any(sign in small for sign in signs):
            text = _without(text, pattern, is_title=False)
    if "namanya" in small:
        text = _without(text, _NAMED, is_title=False, may_be=_given)  # what else has a name is a street, a shop
    return text


def _without(
    text: str, pattern: re.Pattern[str], *, is_title: bool, may_be: Callable[[str], bool] | None = None
) -> str:
    kept, done = [], 0
    for match in pattern.finditer(_small(text)):
        if match.start() < done or (is_title and _is_a_place(text, match.start())):
            continue
        begin, end = (
            _name_behind_title(text, match.end()) if is_title else _name(text, match.end(), may_be or _opens)
        )
        if end > begin and not _BEHIND_A_PLACE.match(text, end):
            before = text[done:begin]
            kept += [before, "[nama]" if before[-1:].isspace() or not is_title else " [nama]"]
            done = end
    return "".join([*kept, text[done:]])


def _small(text: str) -> str:
    """In small letters, each in its place: a few foreign ones would become two."""
    small = text.lower()
    return small if len(small) == len(text) else text.translate(_SMALL)


def _is_a_place(text: str, begin: int) -> bool:
    """Whether a street or a house goes before: "Jl. KH Mas Mansyur", "Jalan Raya Haji Nawi", "warung Bu Tiwi"."""
    for _ in range(3):
        before = _BEFORE.search(text, max(0, begin - 24), begin)
        word = before[1].lower().rstrip(".") if before else ""
        if word in _BEFORE_A_PLACE:
            return True
        if before is None or word not in _STREET_TITLES:
            return False
        begin = before.start()
    return False


def _name_behind_title(text: str, begin: int) -> tuple[int, int]:
    """Where the name begins and ends that stands behind a title, or behind a title with an office."""
    office = _OFFICE.match(text, begin)
    behind = office[1].lower() if office else ""
    if office and behind in _OFFICES:
        begin = office.end()
    begin, end = _name(text, begin, _given if behind in _OF_A_PLACE else _titled)
    return begin, end if end > begin else _end_before_a_number(text, begin)


def _name(text: str, begin: int, may_be: Callable[[str], bool]) -> tuple[int, int]:
    """Where the name begins and ends; the same place twice where none begins. `may_be` asks of its first word."""
    end, is_shouted = begin, text[max(0, begin - 40) : begin + 40].isupper()
    for number in range(MOST_WORDS):
        initial = _INITIAL.match(text, end)
        word = _WORD.match(text, initial.end() if initial else end)
        is_name = _given if is_shouted else may_be if number == 0 else _large
        if word is None or not is_name(word[1]):
            break
        end = word.end() if text[word.end() - 1] != "." else word.end() - 1
    return begin, end


def _given(word: str) -> bool:
    return word.lower() in _GIVEN


def _large(word: str) -> bool:
    """Whether a word is a given name, or is written large and is in no list and no form of one that is."""
    small = word.lower()
    is_known = small in _KNOWN or small.partition("-")[0] in _KNOWN or small.endswith("nya")
    return _given(word) or (word[0].isupper() and not is_known)


def _titled(word: str) -> bool:
    return _large(word) and len(word) > SHORT


def _opens(word: str) -> bool:
    """Without a title before it, what looks like a verb or like an office's letters is no name."""
    return _given(word) or (_titled(word) and not word.isupper() and not _VERB.match(word.lower()))


def _end_before_a_number(text: str, begin: int) -> int:
    """Up to three words that nobody says otherwise, and then how to reach them."""
    end = begin
    for _ in range(3):
        word = _WORD.match(text, end)
        if word is None or word[1].lower() in _KNOWN:
            break
        end = word.end()
    return end if end > begin and _REACH.match(text, end) else begin
