"""One question of "this or that": which of two places counts, asked once, settled by an answer that names one."""

import re
from collections.abc import Mapping
from typing import Any

from config.pack import Area, Pack
from normalizer.cells import spot_cell
from normalizer.normalize import normalize
from router.words import upper_first
from store.models import Report

CLOSE = 0.1  # two answers whose confidence is no further apart are a question
BY_SOURCE = {
    "photo": re.compile(r"\b(?:foto|photo|gambar|picture)", re.IGNORECASE),
    "pin": re.compile(r"\b(?:titik|pin|lokasi|location|map|peta)", re.IGNORECASE),
    "text": re.compile(r"\b(?:tulis|teks|ketik|wrote|written|text|pesan)", re.IGNORECASE),
}


def choices(report: Report, pack: Pack) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The two places that a question may name: what speaks against each other, or two that are equally near."""
    place = report.sources.get("place", {})
    if pair := place.get("conflict"):
        return pair[0], pair[1]
    others = [one for one in place.get("candidates", ()) if one["area_code"] != report.area_code]
    if place.get("enough") or not others or not report.area_code or place["confidence"] < 0.4:
        return None
    mine = {"source": place["source"], "area_code": report.area_code, "lat": report.lat, "long": report.long}
    gap = place["confidence"] - others[0]["confidence"]
    both = [pack.areas[one["area_code"]] for one in (mine, others[0])]
    if both[0].name == both[1].name or any(area.level != "kelurahan" for area in both):
        return None
    return (mine, others[0]) if gap <= CLOSE / 2 or (gap <= CLOSE and len(others) == 1) else None


def question_of(report: Report, pack: Pack, language: str) -> str | None:
    """`Fotonya dari Menteng, tetapi Anda menulis Koja. Yang benar yang mana?`; None where nothing is to choose."""
    pair = choices(report, pack)
    if pair is None:
        return None
    texts = pack.texts.get(language) or pack.texts[pack.languages[0]]
    names = names_of(pair, pack)
    if not report.sources["place"].get("conflict"):
        return texts["ask_next_door"].format(first=names[0], second=names[1])
    said = [texts[f"said_{one['source']}"].format(area=name) for one, name in zip(pair, names, strict=True)]
    return texts["ask_conflict"].format(first=upper_first(said[0]), second=said[1])


def buttons_of(report: Report, pack: Pack) -> list[list[str]]:
    """A button for each of the two; what it sends back is the place's name."""
    pair = choices(report, pack)
    return [[name, name] for name in names_of(pair, pack)] if pair else []


def names_of(pair: tuple[Mapping[str, Any], Mapping[str, Any]], pack: Pack) -> tuple[str, str]:
    """The places' short names; where both are called the same, the kecamatan stands with them."""
    one, other = (pack.areas[each["area_code"]] for each in pair)
    if one.name != other.name:
        return _short(one), _short(other)
    return f"{one.name} ({one.kecamatan or one.level})", f"{other.name} ({other.kecamatan or other.level})"


def _short(area: Area) -> str:
    return area.name.replace("Kota Administrasi ", "").replace("Kabupaten Administrasi ", "")


def choose(report: Report, answer: str, pack: Pack) -> bool:
    """Let an answer that names exactly one of the two settle the place; whether it did."""
    pair = choices(report, pack)
    if pair is None:
        return False
    names = names_of(pair, pack)
    meant = [one for one, name in zip(pair, names, strict=True) if _names(answer, name)]
    if len(meant) == 2 and names[0] in names[1]:  # "Cipinang Muara" names no "Cipinang"
        meant = [pair[1]]
    elif len(meant) == 2 and names[1] in names[0]:
        meant = [pair[0]]
    if not meant and pair[0]["source"] != pair[1]["source"]:
        meant = [one for one in pair if BY_SOURCE[one["source"]].search(answer)]
    if len(meant) != 1:
        return False
    take_candidate(report, meant[0], pack)
    return True


def _names(answer: str, name: str) -> bool:
    return re.sub(r"\W", "", name).lower() in re.sub(r"\W", "", answer).lower()


def take_candidate(report: Report, chosen: Mapping[str, Any], pack: Pack) -> None:
    """Let one of a report's possible places be its place; its address stays where it lies there."""
    area = pack.areas[chosen["area_code"]]
    if report.area_code != area.code:
        report.address_string = _address(report, area, pack)
    middle = (area.lat, area.long) if area.level == "kelurahan" else (None, None)
    has_point = chosen.get("lat") is not None
    report.lat, report.long = (chosen["lat"], chosen["long"]) if has_point else middle
    report.cell = spot_cell(report.lat, report.long)
    report.area_code = area.code
    settled = {"source": chosen["source"], "confidence": 0.9, "enough": True, "candidates": [], "conflict": []}
    report.sources = {**report.sources, "place": settled}


def _address(report: Report, area: Area, pack: Pack) -> str:
    """The words' own address where it says the chosen area, else the area's name alone."""
    place = normalize(report.description, language=report.language, pack=pack).place
    if place and place.address_string and place.area_code and place.area_code.startswith(area.code):
        return place.address_string[:500]
    return area.name
