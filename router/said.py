"""What words do besides telling a problem: a command, a yes or no, thanks, a number, "still not fixed"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from normalizer.standing import is_demanded
from normalizer.tokens import tokens_of
from normalizer.wordlists import pattern_of
from router.answer_numbers import ONE_TO_FIVE, counted, number_beside_in, number_in, stars_in
from router.codes import codes_in
from router.command_words import Command, command_in, withdrawn_in, without_courtesy
from router.talk import COURTESY, TALK, talk_words

_RUDE = talk_words("rude")
_BUTS = frozenset({"tapi", "tpi", "tp", "namun", "but"})
_NEW, _SLIP = talk_words("new"), talk_words("slip")
_WAITS = talk_words("waits")
_YES, _YES_FILLER, _NO = talk_words("yes"), talk_words("yes_filler"), talk_words("no")
_THANKS, _THANKS_FILLER = talk_words("thanks"), talk_words("thanks_filler")
_UNSURE, _ALREADY = talk_words("unsure"), talk_words("already")
_ASK, _WITH_ASK = talk_words("ask"), talk_words("ask") | talk_words("ask_filler") | COURTESY | _RUDE | _NO
_WITH_YES, _WITH_THANKS = _YES | _YES_FILLER | _THANKS | _THANKS_FILLER, _THANKS | _THANKS_FILLER
_STILL, _CHASE, _DONE, _BUT, _AGAIN, _CORRECTS, _ALSO, _REOPENS = (
    pattern_of(TALK["phrases"][name])
    for name in ("still", "chase", "done", "but", "again", "corrects", "also", "reopens")
)
_FIRST_WORDS = {
    name: frozenset(line.split()[0] for line in TALK["phrases"][name].splitlines() if line.strip())
    for name in ("again", "corrects", "also", "reopens")
}
_NOT_YET, _ALL = talk_words("not_yet"), talk_words("all")
_NOT_ONLY = {"cuma", "hanya", "sekedar", "sekadar", "saja", "aja", "main", "only"}
_RATED = re.compile(
    rf"\b(?:bintang|nilai|rating|skor|stars?) ({ONE_TO_FIVE})\b|\b({ONE_TO_FIVE}) (?:bintang|stars?)\b"
)
_GIVING = frozenset({"kasih", "beri", "ngasih", "give"})
_NO_LONGER = re.compile(
    r"\b(?:(?:sudah|udah|udh|sdh|dah)\s+)?(?:tidak|tdk|tak|ga|gak|gk|nggak|ngga|enggak)\s+(?:ada\s+)?"
    rf"(?:{'|'.join(TALK['words']['troubles'].split())})\w*\s+lagi\b",
    re.IGNORECASE,
)
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
    core = without_courtesy(tokens)
    asks = _asks(text, tokens)
    return Said(
        command=command_in(text, core, codes) or withdrawn_in(bare, codes),
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
        number=number_in(core),
        number_beside=number_beside_in(bare),
        stars=stars_in(text, core) or rating,
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
    is_given = rest and not set(rest) - _GIVING - COURTESY
    is_beside = (
        is_given or _is_yes("", rest) or _is_done(" ".join(rest), rest) or _all_of(rest, _THANKS, _WITH_THANKS)
    )
    return (rest, counted(found[1] or found[2])) if rest and len(rest) <= 14 and is_beside else (tokens, None)


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
    first = next((clause for clause in clauses if without_courtesy(clause)), ())
    return not _ALREADY.isdisjoint(first) and _is_yes("", first)


def _is_no(text: str, tokens: Sequence[str], core: Sequence[str]) -> bool:
    """A short answer that begins with a no, or ends with one: "belum pak", "masih mati", "makasih, tapi belum"."""
    if not tokens:
        return bool(_THUMBS_DOWN.search(text))
    but = next((place for place, token in enumerate(tokens) if token in _BUTS), len(tokens))
    behind = without_courtesy(tokens[but + 1 :]) if len(tokens) <= _MOST_OF_AN_ANSWER else []
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
