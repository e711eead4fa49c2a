"""Personal data: numbers planted in texts in many spellings, and whether places survive the masking."""

import random
import re
from collections.abc import Callable
from pathlib import Path

from bench.corpus.rows import Figure, is_read, pack, rows_of, share
from normalizer.normalize import normalize
from normalizer.privacy import public_description
from normalizer.text import clean

SEED = 20_26
TEXTS = (
    "eval_only/complaints/surabaya_mediacenter.csv",
    "eval_only/complaints/petabencana_jakarta_2017.csv",
    "eval_only/complaints/jakarta_transport_tweets.csv",
    "eval_only/complaints/purbalingga_category.csv",
    "eval_only/complaints/en_seeclickfix_us_2024.csv",
    "eval_only/complaints/addresses_jakarta.csv",
    "categories/routing_cases.csv",
)
CARRIERS = 200
AREAS = tuple(
    re.findall(r"\w+", "A B D F T Z AA AB AD AE AG BA BE BG BK DA DB DD DK DR EA H K KB KH KT L M N P PA R S W")
)
_HOUSE = re.compile(r"(?i)\b(?:rt|rw|no|blok|km)\b[ .:]{0,2}\d{1,4}|\b(?:jl|jln|jalan|gang|gg)\b\.? \w+")

_Spell = Callable[[random.Random], str]


def _digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choice("0123456789") for _ in range(count))


def _grouped(number: str, sizes: str, separator: str) -> str:
    groups, at = [], 0
    for size in map(int, sizes):
        groups.append(number[at : at + size])
        at += size
    return separator.join(groups)


def _nik(dice: random.Random) -> str:
    born = f"{dice.randint(1, 28):02}0{dice.randint(1, 9)}{_digits(dice, 2)}"
    number = f"31{dice.randint(71, 75)}0{dice.randint(1, 9)}{born}"
    number += _digits(dice, 16 - len(number))
    return _grouped(
        number, dice.choice(["4444", "664", "22264", "88", "2222224", "62224"]), dice.choice(["", " ", "-", "."])
    )


def _mobile(dice: random.Random) -> str:
    rest = f"8{dice.randint(11, 99)}{_digits(dice, dice.randint(7, 8))}"
    start = dice.choice(["0", "+62", "62", "+62 ", "0062", "(+62) "])
    separator = dice.choice(["", " ", "-", ".", " - "])
    return start + _grouped(rest, "3449", separator).rstrip(separator or "x")


def _landline(dice: random.Random) -> str:
    rest = f"{dice.randint(300, 899)}{dice.choice(['', ' ', '-'])}{_digits(dice, 4)}"
    return dice.choice(["(021) ", "021-", "021 ", "+62 21 ", "021"]) + rest


def _plate(dice: random.Random) -> str:
    area = dice.choice(AREAS)
    letters = "".join(dice.choice("BCEFGHJKQSUVXYZ") for _ in range(dice.randint(2, 3)))
    plate = dice.choice([" ", "", "-"]).join([area, str(dice.randint(2100, 9999)), letters])
    return plate if dice.random() < 0.7 else plate.lower()


def _mail(dice: random.Random) -> str:
    name = dice.choice(["siti.aminah", "budi_s", "warga77", "andi-w"])
    host = dice.choice(["gmail.com", "yahoo.co.id", "example.org"])
    return dice.choice([f"{name}@{host}", f"{name.upper()}@{host}", f"{name} [at] {host}", f"{name}(at){host}"])


def _profile(dice: random.Random) -> str:
    link = dice.choice(["wa.me/62812", "t.me/budi", "instagram.com/siti.", "facebook.com/warga."]) + _digits(
        dice, 6
    )
    return dice.choice(["", "https://", "https://www."]) + link


def _account(dice: random.Random) -> str:
    return dice.choice(["rekening ", "no rek ", "rek BCA ", "no. rekening: ", "Mandiri "]) + _digits(dice, 10)


def _name(dice: random.Random) -> str:
    name = f"{dice.choice(['Budi', 'Siti', 'Slamet', 'Dewi'])} {dice.choice(['Santoso', 'Wahyuni', 'Nugroho'])}"
    says = dice.choice(
        ["a.n. ", "a/n ", "atas nama ", "nama saya ", "Nama: ", "perkenalkan saya ", "atas nama Ibu "]
    )
    return says + dice.choice([name, name.upper()])


def _titled(dice: random.Random) -> str:
    """Half of them are in no list of ours; one in four is written small, beside a number."""
    title = dice.choice(["Pak", "Bu", "Ibu", "Bapak", "Bpk.", "Mas", "Mbak", "Haji", "H.", "Pak RT", "Mr.", "Mrs"])
    name = dice.choice(["Sulastri", "Bambang", "Dewi Lestari", "Waluyo", "Tarigan", "Ningrum Marpaung", "Zahira"])
    return f"{title} {name}" if dice.random() < 0.75 else f"hubungi {title} {name} {_mobile(dice)}".lower()


_PLANTED: dict[str, _Spell] = {
    "NIK": _nik,
    "mobile numbers": _mobile,
    "landlines": _landline,
    "plates": _plate,
    "mail addresses": _mail,
    "profiles": _profile,
    "bank accounts": _account,
    "names that are announced": _name,
    "names behind a title": _titled,
}
_LABEL_WORDS = re.compile(
    r"(?i)rek|bca|mandiri|nama|perkenalkan|saya|ibu|atas|https|www|no\b|a\.n|a/n|hubungi|bapak|bpk|pak|mas|mbak|haji|mrs"
)


def _is_gone(spelled: str, public: str) -> bool:
    """Whether no group of three letters or digits of it is left, its label aside."""
    parts = [part for part in re.findall(r"\w{3,}", spelled) if not _LABEL_WORDS.search(part)]
    return not any(part in public for part in parts)


def privacy(shared: Path) -> list[Figure]:
    """Give the share of planted data that is taken out, and of texts whose places are found after the masking."""
    dice = random.Random(SEED)
    texts = [clean(row["text"]) for name in TEXTS for row in rows_of(shared, name) if row["text"]]
    carriers = dice.sample([text for text in texts if public_description(text) == text], CARRIERS)
    figures = [_planted(kind, spell, carriers, dice) for kind, spell in _PLANTED.items()]
    changed = [text for text in texts if public_description(text) != text]
    unread = [text for text in changed if not is_read(text)]
    return [
        *figures,
        ("texts that the masking changes", share(len(changed), len(texts)), ""),
        ("of these: street, RT/RW, house numbers all stay", _kept(changed, _written), "1"),
        ("of these: the same area is understood", _kept(changed, _area), "1"),
        ("of these: the same area, half not read", _kept(unread, _area), "1"),
    ]


def _planted(kind: str, spell: _Spell, carriers: list[str], dice: random.Random) -> Figure:
    gone = 0
    for text in carriers:
        spelled = spell(dice)
        public = public_description(f"{text[:400]} {spelled}, terima kasih")
        gone += _is_gone(spelled, public.removeprefix(text[:400]))
    return (f"planted {kind} taken out", share(gone, len(carriers)), "1")


def _kept(texts: list[str], of: Callable[[str], object]) -> str:
    return share(sum(of(text) == of(public_description(text)) for text in texts), len(texts))


def _written(text: str) -> list[str]:
    return _HOUSE.findall(text)


def _area(text: str) -> str | None:
    place = normalize(text, pack=pack()).place
    return place.area_code if place else None
