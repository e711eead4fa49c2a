"""Which language: Indonesian and English collections, Tagalog among English news, short texts, others."""

from collections.abc import Sequence
from pathlib import Path

from bench.corpus.rows import Figure, is_read, rows_of, share
from normalizer.text import clean, language_of

INDONESIAN = (
    "eval_only/complaints/surabaya_mediacenter.csv",
    "eval_only/complaints/petabencana_jakarta_2017.csv",
    "eval_only/complaints/purbalingga_category.csv",
    "complaints/infra_tweets_2025_unlabelled.csv",
)
ENGLISH = (
    "complaints/en_seeclickfix_hampton_roads_2015.csv",
    "eval_only/complaints/en_seeclickfix_us_2024.csv",
)
CRISES = "complaints/en_crisislex_floods_haze.csv"
# Only Tagalog has these; two of them among a news message's words make it Tagalog.
TAGALOG = frozenset("ang ng mga sa ako hindi po naman yung wala walang baha ulan lang nila daw kung ko".split())  # noqa: SIM905
OWN = {
    "id": (
        "banjir",
        "lampu mati",
        "got mampet",
        "jalan rusak min",
        "sampah numpuk",
        "pohon tumbang nutup jalan",
        "min ada pothole di depan kos, tolong di-fix ya",
        "macet bgt di tb simatupang gegara galian",
        "dalane bolong akeh pak",
    ),
    "en": (
        "pothole",
        "street light out",
        "flooded street",
        "blocked drain",
        "stray dogs",
        "garbage not collected",
        "No water since Monday",
        "the got in front of my kos is clogged",
        "illegal parking at Jalan Sabang",
    ),
    "other": (
        "路灯坏了,请派人来修理",
        "道路に大きな穴が空いています",
        "يوجد حفرة كبيرة في الشارع",
        "В нашем дворе не горит фонарь",
        "De straatlantaarn is al twee weken kapot en het is erg donker",
        "Il y a un grand trou dans la rue depuis deux semaines",
        "Die Laterne vor unserem Haus ist seit zwei Wochen kaputt",
        "Hay un bache muy grande en la calle desde hace dos semanas",
        "Baha na po dito sa amin, hanggang tuhod ang tubig",
        "가로등이 고장났습니다",
        "बड़ा गड्ढा है सड़क पर",
    ),
}


def language(shared: Path) -> list[Figure]:
    """Give the share of texts whose language is told right, per collection and for short texts of our own."""
    figures = [_figure(shared, name, "id", "0.99") for name in INDONESIAN]
    figures += [_figure(shared, name, "en", "0.97") for name in ENGLISH]
    tagalog, rest = _crises(shared)
    figures += [
        ("CrisisLex, mostly Tagalog: other", _told(tagalog, "other"), ""),
        ("CrisisLex, the rest: en", _told(rest, "en"), ""),
    ]
    return figures + [(f"short, mixed and foreign, ours: {code}", _told(OWN[code], code), "all") for code in OWN]


def _figure(shared: Path, name: str, wanted: str, goal: str) -> Figure:
    texts = [row["text"] for row in rows_of(shared, name) if row["text"]]
    unread = [text for text in texts if not is_read(text)]
    return f"{Path(name).stem}: {wanted}", f"{_told(texts, wanted)}, half not read {_told(unread, wanted)}", goal


def _told(texts: Sequence[str], wanted: str) -> str:
    return share(sum(language_of(clean(text)) == wanted for text in texts), len(texts))


def _crises(shared: Path) -> tuple[list[str], list[str]]:
    texts = [row["text"] for row in rows_of(shared, CRISES)]
    tagalog = [text for text in texts if sum(word in TAGALOG for word in text.lower().split()) >= 2]
    return tagalog, [text for text in texts if not TAGALOG.intersection(text.lower().split())]
