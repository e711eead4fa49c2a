"""What words do besides telling a problem: a command, a yes or no, thanks, a number, "still not fixed"."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from normalizer.standing import is_demanded
from normalizer.tokens import tokens_of, words_of
from normalizer.wordlists import pattern_of
from router.codes import codes_in

DEEP_LINK = "ikuti_"

CommandName: TypeAlias = Literal[
    "status", "mine", "help", "stop", "start", "language", "link", "unlink", "forget", "copy", "withdraw", "too",
    "follow", "unfollow",
]  # fmt: skip

_TALK = tomllib.loads(Path(__file__).with_name("talk.toml").read_text(encoding="utf-8"))


def _words(name: str) -> frozenset[str]:
    return frozenset(_TALK["words"][name].split())


COMMON = _words("common")  # words that say nothing of where or what
_RUDE = _words("rude")
_BUTS = frozenset({"tapi", "tpi", "tp", "namun", "but"})
_COURTESY, _NEW, _SLIP = _words("courtesy"), _words("new"), _words("slip")
_WAITS = _words("waits")
_YES, _YES_FILLER, _NO = _words("yes"), _words("yes_filler"), _words("no")
_THANKS, _THANKS_FILLER = _words("thanks"), _words("thanks_filler")
_UNSURE, _ALREADY = _words("unsure"), _words("already")
_ASK, _WITH_ASK = _words("ask"), _words("ask") | _words("ask_filler") | _COURTESY | _RUDE | _NO
_WITH_YES, _WITH_THANKS = _YES | _YES_FILLER | _THANKS | _THANKS_FILLER, _THANKS | _THANKS_FILLER
_STILL, _CHASE, _DONE, _BUT, _AGAIN, _CORRECTS, _ALSO, _REOPENS = (
    pattern_of(_TALK["phrases"][name])
    for name in ("still", "chase", "done", "but", "again", "corrects", "also", "reopens")
)
_FIRST_WORDS = {
    name: frozenset(line.split()[0] for line in _TALK["phrases"][name].splitlines() if line.strip())
    for name in ("again", "corrects", "also", "reopens")
}
_OF_A_REPORT = {"laporan", "laporanku", "lapor", "report", "withdraw"}  # "ga jadi" alone is of anything
_NOT_YET, _ALL = _words("not_yet"), _words("all")
_NOT_ONLY = {"cuma", "hanya", "sekedar", "sekadar", "saja", "aja", "main", "only"}
_LANGUAGES = {word: code for code, named in _TALK["languages"].items() for word in named.split()}
_COMMANDS: dict[str, CommandName] = {
    line.strip(): name for name, lines in _TALK["commands"].items() for line in lines.splitlines() if line.strip()
}
_SLASHES: dict[str, CommandName] = {
    "start": "start",
    "mulai": "start",
    "help": "help",
    "bantuan": "help",
    "status": "status",
    "laporan": "mine",
    "stop": "stop",
    "berhenti": "stop",
    "bahasa": "language",
    "language": "language",
    "hubungkan": "link",
    "link": "link",
    "putuskan": "unlink",
    "hapus": "forget",
    "data": "copy",
    "batalkan": "withdraw",
    "ikuti": "follow",
    "follow": "follow",
    "kabari": "follow",
    "berhenti_ikuti": "unfollow",
    "unfollow": "unfollow",
}
_SLASH = re.compile(r"\s*/([a-z_]+)(?:@\w+)?\b(.*)", re.IGNORECASE | re.DOTALL)
_OF_A_LANGUAGE = {"bahasa", "language", "ganti", "ubah", "switch", "change", "speak", "pakai", "pake", "reply"}
_CONFIRMS_FORGET = {"hapus", "delete"}  # with the one-time word of digits behind it
# "/start ikuti_31_71_06_1001": what a link to the bot on an area's page brings
_DEEP_LINK = re.compile(rf"\s*{DEEP_LINK}([0-9_]{{5,20}})\s*")
_FOLLOWS, _ENDS, _NO_AREA = _words("follow"), _words("end"), _words("no_area")
_FOLLOWED_WORDS = 8  # a longer sentence that begins so is no command
_LONGEST_NAME = 100
_STARS = re.compile(r"[\u2b50\U0001f31f\u2605]")
_COUNTED = {
    "satu": 1,
    "dua": 2,
    "tiga": 3,
    "empat": 4,
    "lima": 5,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
}
_ONE_TO_FIVE = rf"[1-5]|{'|'.join(_COUNTED)}"
_RATING = re.compile(rf"^(?:bintang|nilai|rating|skor|stars?)?\s*({_ONE_TO_FIVE})\s*(?:/\s*5|bintang|stars?)?$")
_RATED = re.compile(
    rf"\b(?:bintang|nilai|rating|skor|stars?) ({_ONE_TO_FIVE})\b|\b({_ONE_TO_FIVE}) (?:bintang|stars?)\b"
)
_GIVING = frozenset({"kasih", "beri", "ngasih", "give"})
_NO_LONGER = re.compile(
    r"\b(?:(?:sudah|udah|udh|sdh|dah)\s+)?(?:tidak|tdk|tak|ga|gak|gk|nggak|ngga|enggak)\s+(?:ada\s+)?"
    rf"(?:{'|'.join(_TALK['words']['troubles'].split())})\w*\s+lagi\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"^(?:nomor|nomer|no|yang|yg|number|pilih|opsi)?\s*(?:no\s*)?([1-9]|{'|'.join(_COUNTED)})(?: aja| saja)?$"
)
_NUMBER_FIRST = re.compile(
    r"^\s*(?:no(?:mor|mer|\.)?\s*)?([1-9])\s*(?:[,.;:)\n-]|di\b|dan\b|at\b|and\b)", re.IGNORECASE
)
_NUMBER_LAST = re.compile(r"[,;\n]\s*(?:no(?:mor|mer|\.)?\s*)?([1-9])\s*\.?\s*$", re.IGNORECASE)
_LIKE_A_CODE = re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{6}")
_REASON = re.compile(r"[,.;!\n]|\b(?:karena|karna|krn|soalnya|because)\b", re.IGNORECASE)
_ORDER = {"pertama": 1, "kesatu": 1, "kedua": 2, "ketiga": 3, "keempat": 4, "first": 1, "second": 2, "third": 3}
_LATER = {"nanti", "ntar", "ntr", "entar", "later"}
_MOST_OF_A_PROMISE = 6  # words
_ONLY_ASKED = re.compile(r"\s*[?!][?!.\s]*")  # "???"
_CLAUSE = re.compile(r"[,.;:!?\n]+")
_MOST_OF_AN_ANSWER, _MOST_OF_A_QUESTION = 14, 12  # words
_THUMBS_UP, _THUMBS_DOWN = (
    re.compile("[\U0001f44d\U0001f64f\u2705\U0001f44c\u2764]"),
    re.compile("[\U0001f44e\u274c]"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command in words; `argument` is a report's code, a language, a one-time code, or an area's name as said.

    `is_sure`: a slash says so, and no word of the sentence can mean anything else; of a withdrawal, that it names
    a report.
    """

    name: CommandName
    argument: str = ""
    is_sure: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The signs in one message's own words.

    `number_beside` is a number at the head or the end of more words; `greets`: politeness and nothing else;
    `asks`: how it stands, and nothing else; `begins_yes`: more words behind a "sudah" of their own; `waits`: they
    do not know, or not yet; `later`: they will say it; `corrects`: what they said before was wrong; `also`: at the
    same place, or of the same problem; `all`: of several both or all; `not_yet`: a "belum" of their own;
    `reopens`: it should not have been closed; `slips`: it was sent by mistake.
    """

    command: Command | None = None
    yes: bool = False
    begins_yes: bool = False
    no: bool = False
    not_yet: bool = False
    all: bool = False
    thanks: bool = False
    still: bool = False
    chases: bool = False
    asks: bool = False
    waits: bool = False
    later: bool = False
    done: bool = False
    again: bool = False
    reopens: bool = False
    corrects: bool = False
    also: bool = False
    greets: bool = False
    slips: bool = False
    number: int | None = None
    number_beside: int | None = None
    stars: int | None = None
    new: bool = False
    only_code: bool = False


def read_signs(text: str) -> Said:
    """Read the signs in a message's own words (quoted mail and report codes taken out where they stand alone).

    Several may be set at once; `yes` and `no` are only set for short answers, `still`, `chases` and `done` for
    phrases anywhere in the first 400 characters.
    """
    text = text[:400]
    codes = codes_in(text)
    bare = text
    for code in codes:
        bare = re.sub(rf"(?i)\b{code}\b", " ", bare)
    tokens, rating = _without_rating(tokens_of(_without_the_past(bare)))
    said = " ".join(tokens)
    core = _without_courtesy(tokens)
    asks = _asks(text, tokens)
    return Said(
        command=_command(text, core, codes) or _withdrawn(bare, codes),
        yes=_is_yes(text, tokens),
        begins_yes=_begins_with_yes(bare, said, tokens),
        no=_is_no(text, tokens, core),
        not_yet=bool(core) and core[0] in _NOT_YET and _says_no(core),
        all=bool(core) and _ALL.issuperset(core),
        thanks=_all_of(tokens, _THANKS, _WITH_THANKS),
        still=bool(_STILL.search(said)),
        chases=asks or bool(_CHASE.search(said)),
        asks=asks,
        later=_is_for_later(core),
        waits=len(tokens) <= _MOST_OF_A_QUESTION and not _WAITS.isdisjoint(tokens),
        done=_is_done(said, tokens),
        again=_says("again", _AGAIN, said, tokens) or _says("reopens", _REOPENS, said, tokens),
        reopens=_says("reopens", _REOPENS, said, tokens),
        corrects=_is_correction(said, tokens, core),
        also=_says("also", _ALSO, said, tokens),
        greets=bool(tokens) and not core,
        slips=bool(core) and _SLIP.issuperset(core),
        number=_number(core),
        number_beside=_number_beside(bare),
        stars=_stars(text, core) or rating,
        new=bool(core) and set(core) <= _NEW | {"laporan", "report"} and bool(set(core) & _NEW),
        only_code=bool(codes)
        and not [
            word for word in core if word not in {"status", "cek", "kode", "code", "laporan", "report", "check"}
        ],
    )


def _without_the_past(text: str) -> str:
    """ "sudah tidak banjir lagi" says that it is done, and "sudah tidak diangkut lagi" that it is not."""
    return _NO_LONGER.sub(" sudah beres ", text)


def _without_rating(tokens: Sequence[str]) -> tuple[Sequence[str], int | None]:
    """ "sudah beres, bintang 4": the words without the rating, and the rating, where nothing but a yes or thanks
    stands beside it ("lampu mati di hotel bintang 5" is none)."""
    said = " ".join(tokens)
    found = _RATED.search(said)
    if found is None:
        return tokens, None
    rest = f"{said[: found.start()]} {said[found.end() :]}".split()
    is_given = rest and not set(rest) - _GIVING - _COURTESY
    is_beside = (
        is_given or _is_yes("", rest) or _is_done(" ".join(rest), rest) or _all_of(rest, _THANKS, _WITH_THANKS)
    )
    return (rest, _counted(found[1] or found[2])) if rest and len(rest) <= 14 and is_beside else (tokens, None)


def _counted(figure: str) -> int:
    return _COUNTED.get(figure) or int(figure)


def _is_done(said: str, tokens: Sequence[str]) -> bool:
    """ "sudah diperbaiki", without a "but" and without a no: "udah 3 hari ga diangkut" is none, and "sudah
    waktunya diperbaiki" is none either."""
    found = list(_DONE.finditer(said))
    if not found or _BUT.search(said) or _STILL.search(said) or not _NO.isdisjoint(tokens):
        return False
    spans = ([len(said[:at].split()) for at in each.span()] for each in found)
    return any(not is_demanded(tokens, first, last) for first, last in spans)


def is_rude(text: str) -> bool:
    """Whether there is an insult in it: kept word for word, and not shown to the public."""
    return not _RUDE.isdisjoint(tokens_of(text[:20_000]))


def _without_courtesy(tokens: Sequence[str]) -> list[str]:
    """The words without "pak", "tolong", "ya": at both ends only, and "laporan saya" keeps its "saya"."""
    polite = [token in _COURTESY for token in tokens]
    head = next((place for place, is_polite in enumerate(polite) if not is_polite), len(tokens))
    tail = next((place for place, is_polite in enumerate(reversed(polite)) if not is_polite), 0)
    for first in range(head + 1):
        for last in range(len(tokens), max(len(tokens) - tail, first) - 1, -1):
            if " ".join(tokens[first:last]) in _COMMANDS:
                return list(tokens[first:last])
    return list(tokens[head : max(len(tokens) - tail, head)])


def _command(text: str, core: Sequence[str], codes: Sequence[str]) -> Command | None:
    slash = _SLASH.match(text)
    if slash and (name := _SLASHES.get(slash[1].lower())):
        return _of_area(name, slash[2], codes) or _with_argument(name, words_of(slash[2]).tokens, codes, text)
    if following := _following(core, codes):
        return following
    if not core or len(core) > 6:
        return None
    if not _OF_A_LANGUAGE.isdisjoint(core) or len(core) == 1:
        if (language := _LANGUAGES.get(core[-1])) and (len(core) > 1 or len(core[-1]) > 3):
            return Command(name="language", argument=language)
        if core[-1] in {"bahasa", "language"}:
            return Command(name="language")
    phrase = " ".join(word for word in core if not word.isdigit())
    found = _COMMANDS.get(phrase)
    if phrase in _CONFIRMS_FORGET and len(core) == 2:
        found = "forget"
    if found == "too" and not codes:
        return None  # "saya juga" alone says nothing
    if found:
        return _with_argument(found, core, codes, text)
    return _mistyped(core)


def _of_area(name: CommandName, rest: str, codes: Sequence[str]) -> Command | None:
    """A slash that speaks of an area's news: "/ikuti Menteng", "/berhenti ikuti Menteng", "/start ikuti_…"."""
    rest = rest.strip()
    if name == "start" and (linked := _DEEP_LINK.fullmatch(rest)):
        return Command(name="follow", argument=linked[1].replace("_", "."))
    if name == "stop" and (words := words_of(rest).tokens) and words[0] in _FOLLOWS:
        return Command(name="unfollow", argument=_behind(rest, 1))
    if name not in {"follow", "unfollow"}:
        return None
    if name == "follow" and codes:  # of a report: they have the same problem
        return Command(name="too", argument=codes[0])
    return Command(name=name, argument=rest[:_LONGEST_NAME])


def _following(core: Sequence[str], codes: Sequence[str]) -> Command | None:
    """ "tolong ikuti kelurahan Menteng", "stop follow Menteng", "berhenti ikuti": with nothing else around."""
    if codes or not core or len(core) > _FOLLOWED_WORDS or core[:2] == ["follow", "up"]:
        return None
    ends = len(core) > 1 and core[0] in _ENDS and core[1] in _FOLLOWS
    if not ends and core[0] not in _FOLLOWS | {"unfollow"}:
        return None
    first = 1 + ends
    said = " ".join(core[first:]) if set(core[first:]) - _NO_AREA else ""
    name: CommandName = "unfollow" if ends or core[0] == "unfollow" else "follow"
    return Command(name=name, argument=said[:_LONGEST_NAME], is_sure=False)


def _behind(text: str, words: int) -> str:
    """What stands behind the first words of a text."""
    found = words_of(text)
    return text[found.ends[words - 1] :].strip()[:_LONGEST_NAME]


def _withdrawn(text: str, codes: Sequence[str]) -> Command | None:
    """ "batalkan laporan saya, sudah dibersihkan warga": this command often comes with its reason."""
    head = _REASON.split(text, maxsplit=1)[0]
    core = _without_courtesy(tokens_of(head))
    return _with_argument("withdraw", core, codes, text) if _COMMANDS.get(" ".join(core)) == "withdraw" else None


def _mistyped(core: Sequence[str]) -> Command | None:
    """Something like a code, alone or with the words that go with one, that no code can be."""
    like = [word for word in core if _LIKE_A_CODE.fullmatch(word)]
    rest = " ".join(word for word in core if word not in like)
    goes_with = rest in _WITH_A_CODE or _COMMANDS.get(rest) in {"status", "withdraw", "too"}
    if len(like) != 1 or (rest and not goes_with):
        return None
    return Command(name="status", argument=like[0].upper())


_WITH_A_CODE = frozenset({"kode", "code", "laporan", "report", "kode laporan", "laporan kode", "status kode"})


def _with_argument(name: CommandName, rest: Iterable[str], codes: Sequence[str], text: str) -> Command:
    if name == "language":
        return Command(name=name, argument=next((_LANGUAGES[word] for word in rest if word in _LANGUAGES), ""))
    if name in {"link", "forget"}:
        return Command(name=name, argument=_digits(text))
    rest = list(rest)
    is_sure = name != "withdraw" or bool(codes) or not _OF_A_REPORT.isdisjoint(rest)
    return Command(name=name, argument=codes[0] if codes else "", is_sure=is_sure)


def _digits(text: str) -> str:
    """A one-time code as people write it: "123456", "123 456"."""
    runs = re.findall(r"\d+", text)
    return str(runs[0] if runs and len(runs[0]) > 3 else "".join(runs))[:12]


def _all_of(tokens: Sequence[str], core: frozenset[str], allowed: frozenset[str]) -> bool:
    """Whether there is nothing but allowed words, and one of the core's among them."""
    return allowed.issuperset(tokens) and not core.isdisjoint(tokens)


def _is_yes(text: str, tokens: Sequence[str]) -> bool:
    if not tokens:
        return bool(_THUMBS_UP.search(text)) and not _THUMBS_DOWN.search(text)
    return len(tokens) <= _MOST_OF_AN_ANSWER and _all_of(tokens, _YES, _WITH_YES)


def _begins_with_yes(text: str, said: str, tokens: Sequence[str]) -> bool:
    """ "Selamat siang, sudah. Semoga sukses": a clause of its own says so, and nothing behind it takes it back."""
    if _ALREADY.isdisjoint(tokens) or not _NO.isdisjoint(tokens) or _BUT.search(said) or _STILL.search(said):
        return False
    clauses = (tokens_of(clause) for clause in _CLAUSE.split(text))
    first = next((clause for clause in clauses if _without_courtesy(clause)), ())
    return not _ALREADY.isdisjoint(first) and _is_yes("", first)


def _is_no(text: str, tokens: Sequence[str], core: Sequence[str]) -> bool:
    """A short answer that begins with a no, or ends with one: "belum pak", "masih mati", "makasih, tapi belum"."""
    if not tokens:
        return bool(_THUMBS_DOWN.search(text))
    but = next((place for place, token in enumerate(tokens) if token in _BUTS), len(tokens))
    behind = _without_courtesy(tokens[but + 1 :]) if len(tokens) <= _MOST_OF_AN_ANSWER else []
    return _says_no(core) or (_says_no(behind) and behind[0] not in {"tetap", "tetep"})


def _is_for_later(core: Sequence[str]) -> bool:
    """ "Nanti saya kirim fotonya": no figure and no place in it, which would be an answer already."""
    is_short = 0 < len(core) <= _MOST_OF_A_PROMISE
    return is_short and core[0] in _LATER and "di" not in core and all(map(str.isalpha, core))


def _asks(text: str, tokens: Sequence[str]) -> bool:
    """How it stands, and nothing else: "udah sampe mana?", "laporan saya gimana ya udah 3 hari", "???"."""
    words = [token for token in tokens if not token.isdigit()]
    is_asked = len(tokens) <= _MOST_OF_A_QUESTION and _all_of(words, _ASK, _WITH_ASK)
    return is_asked or bool(_ONLY_ASKED.fullmatch(text))


def _says(name: str, phrases: re.Pattern[str], said: str, tokens: Sequence[str]) -> bool:
    """Whether one of these phrases is said; most messages have not even the first word of any."""
    return not _FIRST_WORDS[name].isdisjoint(tokens) and phrases.search(said) is not None


def _is_correction(said: str, tokens: Sequence[str], core: Sequence[str]) -> bool:
    """ "Eh salah, …", "maksud saya …", "bukan …": "bukan cuma" adds."""
    if not _NOT_ONLY.isdisjoint(core[1:2]):
        return False
    return _says("corrects", _CORRECTS, said, tokens) or (len(core) > 1 and core[0] == "bukan")


def _says_no(core: Sequence[str]) -> bool:
    """ "gak tau" and "belum sempat cek" are none."""
    return bool(core) and core[0] in _NO and (len(core) == 1 or core[1] not in _UNSURE)


def _number(core: Sequence[str]) -> int | None:
    if len(core) == 1 and core[0] in _ORDER:
        return _ORDER[core[0]]
    if len(core) == 2 and core[0] in {"yang", "yg", "the"} and core[1] in _ORDER:
        return _ORDER[core[1]]
    found = _NUMBER.match(" ".join(core))
    return _counted(found[1]) if found else None


def _number_beside(text: str) -> int | None:
    found = _NUMBER_FIRST.match(text) or _NUMBER_LAST.search(text)
    return int(found[1]) if found else None


def _stars(text: str, core: Sequence[str]) -> int | None:
    """A rating of one to five: stars as signs, "bintang 4", "5/5", or the bare figure."""
    if count := len(_STARS.findall(text)):
        return min(count, 5)
    found = _RATING.match(" ".join(core))
    return _counted(found[1]) if found else None
