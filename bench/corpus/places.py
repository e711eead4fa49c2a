"""Words to place: addresses, flood reports, known points, and every spelling of RT and RW."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from bench.corpus.rows import Figure, is_read, pack, rows_of, share, understood
from normalizer.cells import area_at

SURE = 0.8
# As people write RT 6 of RW 4; we write it "RT 6/RW 4".
RT_RW = (
    "RT 06/04",
    "RT06/RW04",
    "rt.006 rw.004",
    "RT 6 RW 4",
    "rt 06 rw 04",
    "RT/RW 06/04",
    "Rt.06/Rw.04",
    "RT:06 RW:04",
    "rt006/004",
    "RT 06, RW 04",
    "rw 04 rt 06",
    "RW.04/RT.06",
    "RT. 6 / RW. 4",
    "rt/rw 006/004",
    "RT6/RW4",
    "R.T. 06 R.W. 04",
    "rt 06-rw 04",
)


def places(shared: Path) -> list[Figure]:
    """Give the figures of words to place."""
    return _addresses(shared) + _floods(shared) + _points(shared) + _rt_rw(shared)


def names_it(text: str, kelurahan: str) -> bool:
    """Whether a text writes a kelurahan's name out, in any case, with or without the space: not where it stands
    as a kecamatan's only ("Kec. Tambora"), nor where another one is written behind "Kel."."""
    name = _squeezed(kelurahan)
    without = re.sub(r"\bkec(?:amatan|\.)?\s*" + re.escape(kelurahan), " ", text, flags=re.IGNORECASE)
    return bool(kelurahan) and name in _squeezed(without) and not _writes_another(text, kelurahan)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _writes_another(text: str, kelurahan: str) -> bool:
    """Whether "Kel. …" stands there with another name; "Kel. kdw" and the like are no names that we know."""
    written = re.search(r"\bkel(?:urahan\b|\.|\b)\s*([A-Za-z ]{4,30})", text, re.IGNORECASE)
    if written is None or _squeezed(written[1]).startswith(_squeezed(kelurahan)):
        return False
    return any(
        area.level == "kelurahan" and _squeezed(written[1]).startswith(_squeezed(area.name))
        for area in pack().areas.values()
    )


def with_typo(text: str, kelurahan: str) -> str | None:
    """Make one letter of the kelurahan's name wrong, missing, doubled or swapped; None if it is not there."""
    found = re.search(re.escape(kelurahan), text, re.IGNORECASE)
    if not found or len(kelurahan) < 6:
        return None
    chance = random.Random(text)
    spot = found.start() + chance.randrange(1, len(kelurahan) - 1)
    changed = (
        text[:spot] + text[spot + 1 :],
        text[:spot] + text[spot] * 2 + text[spot + 1 :],
        text[:spot] + chance.choice("aeiounrst") + text[spot + 1 :],
        text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :],
    )
    return chance.choice(changed)


def _right(text: str, kode: str) -> bool:
    place = understood(text).place
    return place is not None and place.area_code == kode


def _surely_wrong(text: str, kode: str) -> bool:
    place = understood(text).place
    if place is None or place.area_code is None or place.confidence < SURE:
        return False
    return not kode.startswith(place.area_code)


def _sure(text: str) -> bool:
    place = understood(text).place
    return place is not None and place.area_code is not None and place.confidence >= SURE


def _names_another(row: dict[str, str]) -> bool:
    """A row whose written kelurahan is not the one of its point: a sixth of the heritage ones, by old names."""
    return _writes_another(row["text"], row["kelurahan"])


def _addresses(shared: Path) -> list[Figure]:
    rows = rows_of(shared, "eval_only/complaints/addresses_jakarta.csv")
    rows = [row for row in rows if row["kode"] and not _names_another(row)]
    unread = [row for row in rows if not is_read(row["text"])]
    return [*_of_addresses(rows, "addresses"), *_of_addresses(unread, "addresses, half not read")]


def _of_addresses(rows: Sequence[dict[str, str]], which: str) -> list[Figure]:
    named = [(row["text"], row["kode"]) for row in rows if names_it(row["text"], row["kelurahan"])]
    typos = [
        (typo, row["kode"])
        for row in rows
        if names_it(row["text"], row["kelurahan"]) and (typo := with_typo(row["text"], row["kelurahan"]))
    ]
    silent = [(row["text"], row["kode"]) for row in rows if not names_it(row["text"], row["kelurahan"])]
    with_place = [
        (f"{row['text']} {row['place']}", row["kode"])
        for row in rows
        if not names_it(row["text"], row["kelurahan"])
    ]
    return [
        (f"{which} that name their kelurahan: found", _found(named), "0.98"),
        ("the same with one letter wrong", _found(typos), "0.98"),
        (f"{which} that name none: right kelurahan", _found(silent), "0.35"),
        (f"{which} that name none: sure and wrong, of the sure", _wrong(silent), "at most 0.03"),
        ("the same with the place's own name: right kelurahan", _found(with_place), ""),
        ("the same with the place's own name: sure and wrong, of the sure", _wrong(with_place), "at most 0.03"),
    ]


def _found(pairs: Sequence[tuple[str, str]]) -> str:
    return share(sum(_right(text, kode) for text, kode in pairs), len(pairs))


def _wrong(pairs: Sequence[tuple[str, str]]) -> str:
    sure = [(text, kode) for text, kode in pairs if _sure(text)]
    return share(sum(_surely_wrong(text, kode) for text, kode in sure), len(sure))


def _floods(shared: Path) -> list[Figure]:
    rows = rows_of(shared, "eval_only/complaints/petabencana_jakarta_2017.csv")
    inside = [row for row in rows if row["kode"] and row["text"]]
    unread = [row for row in inside if not is_read(row["text"])]
    return [*_of_floods(inside, "flood reports"), *_of_floods(unread, "flood reports, half not read")]


def _of_floods(inside: Sequence[dict[str, str]], which: str) -> list[Figure]:
    named = [(row["text"], row["kode"]) for row in inside if names_it(row["text"], row["kelurahan"])]
    typos = [
        (typo, row["kode"])
        for row in inside
        if names_it(row["text"], row["kelurahan"]) and (typo := with_typo(row["text"], row["kelurahan"]))
    ]
    every = [(row["text"], row["kode"]) for row in inside]
    wrong = sum(_surely_wrong(text, kode) for text, kode in every)
    return [
        (f"{which} that name their kelurahan: found", _found(named), "0.98"),
        ("the same with one letter wrong", _found(typos), "0.98"),
        (f"{which}: right kelurahan, of all", _found(every), ""),
        (
            f"{which}: sure of a kelurahan, kecamatan or city that is not the point's",
            share(wrong, len(every)),
            "0",
        ),
    ]


def _points(shared: Path) -> list[Figure]:
    rows = rows_of(shared, "admin/point_checks.csv")
    right = 0
    for row in rows:
        areas = area_at(pack(), float(row["lat"]), float(row["lon"]))
        right += (areas[0].code if areas else "") == row["expected_kode"]
    return [("known points", share(right, len(rows)), "all")]


def _rt_rw(shared: Path) -> list[Figure]:
    own = [understood(f"Lampu mati di Jl Kenanga {spelling} Cipete Utara").place for spelling in RT_RW]
    right = sum(place is not None and "RT 6/RW 4" in (place.address_string or "") for place in own)
    rows = [row for row in rows_of(shared, "categories/routing_cases.csv") if row["rt"] or row["rw"]]
    return [
        ("spellings of RT and RW", share(right, len(RT_RW)), "all"),
        ("RT and RW of the routing cases", share(sum(map(_has_rt_rw, rows)), len(rows)), "all"),
    ]


def _has_rt_rw(row: dict[str, str]) -> bool:
    place = understood(row["text"]).place
    found = re.search(r"RT (\d+)", (place and place.address_string) or "")
    rw = re.search(r"RW (\d+)", (place and place.address_string) or "")
    same_rt = not row["rt"] or (found is not None and int(found[1]) == int(row["rt"]))
    return same_rt and (not row["rw"] or (rw is not None and int(rw[1]) == int(row["rw"])))
