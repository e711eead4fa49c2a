"""Commands in words: "status", "/ikuti Menteng", "batalkan laporan saya", and what looks like a code."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from normalizer.tokens import tokens_of, words_of
from router.talk import COURTESY, TALK, talk_words

DEEP_LINK = "ikuti_"
CommandName: TypeAlias = Literal[
    "status", "mine", "help", "stop", "start", "language", "link", "unlink", "forget", "copy", "withdraw", "too",
    "follow", "unfollow",
]  # fmt: skip
_OF_A_REPORT = {"laporan", "laporanku", "lapor", "report", "withdraw"}  # "ga jadi" alone is of anything
_LANGUAGES = {word: code for code, named in TALK["languages"].items() for word in named.split()}
_COMMANDS: dict[str, CommandName] = {
    line.strip(): name for name, lines in TALK["commands"].items() for line in lines.splitlines() if line.strip()
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
_FOLLOWS, _ENDS, _NO_AREA = talk_words("follow"), talk_words("end"), talk_words("no_area")
_FOLLOWED_WORDS = 8  # a longer sentence that begins so is no command
_LONGEST_NAME = 100
_LIKE_A_CODE = re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{6}")
_REASON = re.compile(r"[,.;!\n]|\b(?:karena|karna|krn|soalnya|because)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command in words; `argument` is a report's code, a language, a one-time code, or an area's name as said.

    `is_sure`: a slash says so, and no word of the sentence can mean anything else; of a withdrawal, that it names
    a report.
    """

    name: CommandName
    argument: str = ""
    is_sure: bool = True


def without_courtesy(tokens: Sequence[str]) -> list[str]:
    """The words without "pak", "tolong", "ya": at both ends only, and "laporan saya" keeps its "saya"."""
    polite = [token in COURTESY for token in tokens]
    head = next((place for place, is_polite in enumerate(polite) if not is_polite), len(tokens))
    tail = next((place for place, is_polite in enumerate(reversed(polite)) if not is_polite), 0)
    for first in range(head + 1):
        for last in range(len(tokens), max(len(tokens) - tail, first) - 1, -1):
            if " ".join(tokens[first:last]) in _COMMANDS:
                return list(tokens[first:last])
    return list(tokens[head : max(len(tokens) - tail, head)])


def command_in(text: str, core: Sequence[str], codes: Sequence[str]) -> Command | None:
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


def withdrawn_in(text: str, codes: Sequence[str]) -> Command | None:
    """ "batalkan laporan saya, sudah dibersihkan warga": this command often comes with its reason."""
    head = _REASON.split(text, maxsplit=1)[0]
    core = without_courtesy(tokens_of(head))
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
