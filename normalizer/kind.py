"""Is it a report at all, or a greeting, thanks, news, advertising, chatter: signs for and against, weighed."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from normalizer.phrases import finder
from normalizer.public_words import MAPS
from normalizer.schema import Guess, NotReport, PhotoFacts, Place
from normalizer.standing import is_demanded
from normalizer.wordlists import words as word_list

# By how much noise must outweigh the report: more where nothing marks the text as passed on or as an answer.
MARGIN, MARGIN_UNMARKED = 0.5, 2.0
BARELY = 0.55  # less than this speaks for a report: hardly any sign
CLEAR_NOISE = 2.5  # what one phrase of a list cannot reach
SPEAKS_DIRECTLY = 0.6  # of its weight: what noise counts where somebody tells us their own problem
ABOUT = 0.4  # of its weight: what the guessed service counts in a text about apps, politics, other countries
LONGEST_HEADLINE = 300  # characters


class _Sign(TypedDict):
    weight: float
    phrases: str
    kind: NotReport


_LISTS = tomllib.loads(Path(__file__).with_name("kind.toml").read_text(encoding="utf-8"))
_REPORT: dict[str, _Sign] = _LISTS["report"]
_NOISE: dict[str, _Sign] = _LISTS["noise"]
_COURTESY = word_list("courtesy") | frozenset(_LISTS["small_talk"].split())
_ABUSE = frozenset(_LISTS["abuse"].split())
_BEASTS = frozenset(_LISTS["beasts"].split())  # swear words that the service "animals" knows as well
_BITTER = frozenset(each.strip() for each in _LISTS["bitter"].split("/"))
_TAG_WORDS = tuple(_LISTS["tags"].split())
_SAYS = ("thanked", "done", "still", "advertising", "asks_for_facts", "to_somebody")
_find = finder(
    {name: cast(str, _LISTS[name]) for name in _SAYS}
    | {name: sign["phrases"] for signs in (_REPORT, _NOISE) for name, sign in signs.items()}
)

# "[url]" and "@user" stand for links and accounts in texts that were made anonymous.
_LINK = re.compile(rf"https?://(?!(?:www\.)?(?:{MAPS}))|\bt\.co/|\[url\]", re.IGNORECASE)
_MAP_LINK = re.compile(rf"\b(?:{MAPS})", re.IGNORECASE)
_MAP_HOSTS = (
    "goo.gl",
    "maps.",
    "/maps",
    "waze.",
    "openstreetmap.",
    "osm.",
    "w3w.",
    "what3words.",
    "plus.codes",
    "omaps.",
)
_TAG = re.compile(r"#(\w{2,})")
_RETWEET = re.compile(r"^\W{0,3}RT\b[ :]*@|\bRT:? ?@|[“\"]@\w+:")
_VIA = re.compile(r"\b[Vv]ia @\w|^\W{0,4}@\w+:")
_WORD = re.compile(r"\b[^\W\d_]\w*")

_DIRECT = {"asks", "reports", "greets"}
_OWN = {"speaks", "grieves", "here"}
_ABOUT_OTHER = {"review", "service_talk", "politics", "abroad", "praise", "speaks_of_all", "answers", "charity"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What there is to judge by; `words` are folded (`plain`), `text` is as written, `place` as understood."""

    words: Sequence[str]
    text: str
    language: str
    service: Guess | None = None
    has_hint: bool = False
    place: Place | None = None
    photos: Sequence[PhotoFacts] = ()


def not_report(heard: Heard) -> NotReport | None:
    """Give what a message is instead of a report, or None for a report.

    In doubt it is one: a lost report is worse than a question too many. A photo or a pin speaks strongly for a
    report; thanks for something done and advertising are none even so.
    """
    found = _signs(heard.words)
    shown = any(photo.readable for photo in heard.photos) or _is_pointed_at(heard)
    if kind := _said_plainly(heard, found):
        return kind
    if not shown and all(word in _COURTESY or len(word) < 2 for word in heard.words):
        return "empty" if not heard.words else "thanks" if "thanked" in found else "greeting"
    if not shown and (kind := _is_short_of_a_report(heard, found)):
        return kind
    return _weighed(heard, found, shown=shown)


def _signs(words: Sequence[str]) -> Mapping[str, set[str]]:
    """The phrases that were found, by their lists. What should be done is not done, and trouble behind something
    done is still there: "galian sudah selesai, trotoar hancur"."""
    found: dict[str, set[str]] = defaultdict(set)
    done = len(words)
    for each in sorted(_find(words), key=lambda each: each.begins):
        if each.name == "done" and is_demanded(words, each.begins, each.ends):
            continue
        found[each.name].add(each.phrase)
        if each.name == "done":
            done = min(done, each.ends)
        elif each.name == "grieves" and each.begins >= done:
            found["still"].add(each.phrase)
    return found


def _is_pointed_at(heard: Heard) -> bool:
    """By a pin, a photo or a map's link, which may be a short one without coordinates."""
    is_point = heard.place is not None and heard.place.source in {"pin", "photo"}
    small = heard.text.lower()
    return is_point or (any(host in small for host in _MAP_HOSTS) and _MAP_LINK.search(heard.text) is not None)


def _said_plainly(heard: Heard, found: Mapping[str, set[str]]) -> NotReport | None:
    in_city = heard.place is not None and heard.place.area_code is not None
    tells = found.keys() & (_DIRECT | _OWN)
    if "advertising" in found and not heard.service and not in_city and len(tells) < 2:
        return "advertising"
    return "thanks" if "thanked" in found and "done" in found and "still" not in found else None


def _is_short_of_a_report(heard: Heard, found: Mapping[str, set[str]]) -> NotReport | None:
    """Mere abuse, or a question for a fact: no problem and no wish beside it."""
    wants = found.keys() & (_DIRECT | {"grieves"})
    if not wants - {"greets"} and "asks_for_facts" in found and len(heard.words) <= 15:
        return "question"
    swears = any(word in _ABUSE for word in heard.words)
    names_beasts = any(word in _BEASTS for word in heard.words)
    says_more = wants or "here" in found or heard.place or (heard.service and not names_beasts)
    return "abuse" if swears and not says_more and len(heard.words) <= 12 else None


def _weighed(heard: Heard, found: Mapping[str, set[str]], *, shown: bool) -> NotReport | None:
    noise = _sums(_NOISE, found)
    report = _sums(_REPORT, found) | _understood(heard, found, noise, shown=shown)
    direct = bool(report.keys() & _DIRECT)
    marks = _marks(heard.text, direct=direct)
    if "to_somebody" in found and heard.text.startswith("@"):
        marks["answer"] = 1.5
    if direct and report.keys() & _OWN and not marks and "answers" not in noise:
        noise = {name: weight * SPEAKS_DIRECTLY for name, weight in noise.items()}
    for_it, against = sum(report.values()), sum(noise.values()) + sum(marks.values())
    marked = "answers" in noise or bool(marks.keys() - {"headline"})
    if _outweighs(for_it, against, marked=marked):
        strongest = max(noise, key=lambda name: noise[name], default=None)
        return _NOISE[strongest]["kind"] if strongest else "news"
    if report.keys() <= {"speaks", "wonders"} and noise and "politics" not in noise:
        return _NOISE[max(noise, key=lambda name: noise[name])]["kind"]
    return "spam" if not for_it and not against and _says_nothing(heard) else None


def _outweighs(for_it: float, against: float, *, marked: bool) -> bool:
    if marked:
        return against - for_it > MARGIN
    return against >= CLEAR_NOISE if for_it < BARELY else against - for_it > MARGIN_UNMARKED


def _says_nothing(heard: Heard) -> bool:
    """A sentence without one sign of a report. Few words and numbers may still be an answer or a cry."""
    return heard.language == "id" and len(heard.words) > 7 and not any(c.isdigit() for c in heard.text)


def _sums(signs: Mapping[str, _Sign], found: Mapping[str, set[str]]) -> dict[str, float]:
    return {
        name: sign["weight"] * min(2.0, 1 + (len(found[name]) - 1) / 3)
        for name, sign in signs.items()
        if name in found
    }


def _understood(
    heard: Heard, found: Mapping[str, set[str]], noise: Mapping[str, float], *, shown: bool
) -> dict[str, float]:
    """What the service, the place, a photo and a pin say for a report."""
    others = noise.keys() & _ABOUT_OTHER
    if others == {"praise"} and found["praise"] <= _BITTER:
        others = set()
    share = ABOUT if others and not found.keys() & _DIRECT else 1.0
    weights: dict[str, float] = {"shown": 4.0} if shown else {}
    if heard.service:
        weights["service"] = 2 * heard.service.confidence * share
    elif heard.has_hint:
        weights["service"] = 0.5 * share
    if heard.place:
        weights["place"] = 2.0 if heard.place.area_code else 1.0
    return weights


def _marks(text: str, *, direct: bool) -> dict[str, float]:
    """What a text looks like that was passed on: retweets, links, campaigns' hashtags, headlines."""
    marks: dict[str, float] = {}
    if ("://" in text or "o/" in text or "O/" in text or "[" in text) and _LINK.search(text):  # "t.co/", "[url]"
        marks["link"] = 1.5
    if "#" in text and (tags := sum(not _is_of_reports(tag) for tag in _TAG.findall(text))):
        marks["tags"] = 2.5 + 0.5 * min(tags - 1, 3)
    if "@" in text:
        if _RETWEET.search(text):
            marks["retweet"] = 5.0
        elif _VIA.search(text):
            marks["via"] = 2.5
    if not direct and _is_headline(text):
        marks["headline"] = 1.5
    return marks


def _is_of_reports(tag: str) -> bool:
    small = tag.lower()
    return any(word in small if len(word) > 4 else small.startswith(word) for word in _TAG_WORDS)


def _is_headline(text: str) -> bool:
    """Whether Most Words Begin With Capitals, as Headlines Have It."""
    if len(text) > LONGEST_HEADLINE or text.isupper():
        return False
    words = _WORD.findall(text)
    return len(words) >= 7 and sum(word[0].isupper() for word in words) >= 0.7 * len(words)
