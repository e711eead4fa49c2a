"""Finds the reports that are perhaps of the same problem as another, says why, and how sure it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.cells import spot_cell, spot_cells
from normalizer.photo_hash import NEAR, distance
from normalizer.tokens import words_of
from router.context import spot_of, spot_of_report
from router.house import House
from router.spots import Spot, metres_between, street_of
from router.status import OPEN
from router.talk import COMMON
from store.models import Photo, Report
from store.near import Near, NearRow, living, photos_of, pictures_around, pictures_of, reports_near, same_files
from store.queries import photos_like

AROUND_WORDS_M = 800  # a street in words lies so near to the middle of its kelurahan
CLOSER_LOOK = 20  # of what is near, so many are read whole
MOST_OFFERED = 5
LOGO = 3  # a picture on more reports than that is no picture of a problem: a logo, a signature
WEIGHTS = {
    "same_file": 0.6,
    "same_photo": 0.5,
    "same_service": 0.2,
    "akin_service": 0.1,
    "same_address": 0.35,
    "same_street": 0.2,
    "same_person": 0.05,
}
CLOSENESS, LIKENESS = 0.3, 0.15  # at no distance; where all rare words are shared
LEAST = 0.3  # from this score on a report is shown to the desk
LETTERS = 4  # shorter words say nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A report that may be of the same problem. `metres` is None where one of the two has no measured point;
    `score` is between 0 and about 1.5; `reasons` are words of WEIGHTS, `near` and `words`."""

    report: Report
    metres: int | None
    score: float
    reasons: tuple[str, ...]


@lru_cache(maxsize=512)
def akin(pack: Pack, service_code: str) -> tuple[str, ...]:
    """The service and those whose reports may be of the same problem: of its group, or one brings the other."""
    own = pack.services[service_code]
    others = (
        each.code
        for each in pack.services.values()
        if (own.group and each.group == own.group) or each.code in own.brings or own.code in each.brings
    )
    return tuple(dict.fromkeys([service_code, *(code for code in others if code not in pack.never_joined)]))


def find(session: Session, report: Report, house: House) -> list[Candidate]:
    """The reports that are perhaps of the same problem, the likeliest first, MOST_OFFERED at most.

    Open ones, and those finished lately. The middle of a kelurahan is no spot: a place that only words gave is
    compared by its street or landmark. Of a problem that concerns a person nothing is looked for.
    """
    pack = house.pack
    if report.service_code not in pack.services or report.service_code in pack.never_joined:
        return []
    near = to_ask(report, pack, house.now())
    pictures = _same_pictures(session, report, near.since)
    spots = _by_place(session, report, near, pack)
    found = living(session, near, {*pictures, *spots} - {report.id})
    judged = (_judge(report, each, pictures.get(each.id), pack) for each in found)
    likely = sorted(
        (each for each in judged if each.score >= LEAST), key=lambda each: (-each.score, each.report.id)
    )
    return likely[:MOST_OFFERED]


def surest(session: Session, report: Report, house: House) -> Report | None:
    """The report that is surely of the same problem: the same picture of the same service, nearby, and open."""
    if not _has_twin(session, report, house):
        return None
    for each in find(session, report, house):
        other = each.report
        is_same_picture = {"same_file", "same_photo"} & set(each.reasons)
        is_nearby = {"near", "same_address", "same_street"} & set(each.reasons) or _is_in_one_area(report, other)
        if is_same_picture and is_nearby and "same_service" in each.reasons and other.status in OPEN:
            return other
    return None


def _has_twin(session: Session, report: Report, house: House) -> bool:
    """A quick look: does any picture of the service around here look like one of this report's?"""
    mine = pictures_of(session, report)
    others = pictures_around(session, to_ask(report, house.pack, house.now()), report) if mine else ()
    return any(
        other.media_key == photo.media_key
        or (other.phash and photo.phash and distance(other.phash, photo.phash) <= NEAR)
        for other in others
        for photo in mine
    )


def _is_in_one_area(report: Report, other: Report) -> bool:
    """Whether both lie in one kelurahan, and at least one without a point that would say more."""
    is_measured = all(each.sources.get("place", {}).get("source") in {"pin", "photo"} for each in (report, other))
    return not is_measured and report.area_code is not None and report.area_code == other.area_code


def to_ask(report: Report, pack: Pack, now: datetime) -> Near:
    """What to ask for; the times count from the report on: an old report has old neighbours."""
    metres, days = pack.nearness(report.service_code)
    spot, area = spot_of_report(report, pack), pack.areas.get(report.area_code or "")
    cells: set[int] = set()
    if report.cell is not None and (spot.point or spot.words):
        cells.update(spot_cells(report.cell, metres if spot.point else AROUND_WORDS_M))
    if spot.words and area is not None:
        cells.update(filter(None, [spot_cell(area.lat, area.long)]))  # told in words, they lie in its middle
    return Near(
        cells=cells,
        address=None if spot.point else _street_as_written(report.address_string or ""),
        services=akin(pack, report.service_code or ""),
        since=report.requested_at - timedelta(days=days),
        until=report.requested_at + timedelta(days=days),
        open_ones=OPEN,
        finished=("closed",),
        finished_since=now - timedelta(days=int(pack.settings["joins"]["finished_days"])),
    )


def _street_as_written(address: str) -> str:
    """An address's beginning without house number and what it lies beside: "Jl. Kemang Raya No 3, Bangka"."""
    first = address.split(",", maxsplit=1)[0]
    street = street_of(" ".join(re.sub(r"[^a-z0-9]+", " ", word.lower()).strip() or "-" for word in first.split()))
    return " ".join(first.split()[: len(street.split())])


def _by_place(session: Session, report: Report, near: Near, pack: Pack) -> set[int]:
    """The reports at the same spot or on the same street: those that are worth a closer look."""
    if not near.cells:
        return set()
    own, (metres, _) = spot_of_report(report, pack), pack.nearness(report.service_code)
    found: list[tuple[float, int]] = []
    for row in reports_near(session, near, but=report.id):
        other = _spot_of_row(row, pack)
        away = _metres(own, other)
        if away is not None and away <= metres:
            found.append((away, row.id))
        elif away is None and _same_words(own, other) and _is_in(report.area_code, row.area_code):
            found.append((metres, row.id))
    return {number for _, number in sorted(found)[:CLOSER_LOOK]}


def _spot_of_row(row: NearRow, pack: Pack) -> Spot:
    return spot_of(row.lat, row.long, row.address_string, row.area_code, row.sources or {}, pack)


def _same_pictures(session: Session, report: Report, since: datetime) -> dict[int, str]:
    """Reports with the same picture, and how much the same: the very file, or one that looks like it."""
    found: dict[int, str] = {}
    for photo in photos_of(session, report.id):
        like = photos_like(session, photo.phash, since=since) if photo.phash else []
        same = same_files(session, photo.media_key, since=since) if photo.media_key else []
        files, alike = _reports_of(same, report), _reports_of(like, report)
        if len(files | alike) <= LOGO:
            found = dict.fromkeys(alike, "same_photo") | found | dict.fromkeys(files, "same_file")
    return found


def _reports_of(photos: Iterable[Photo], report: Report) -> set[int]:
    ids = {each.report_id for each in photos if each.report_id is not None and not each.is_after}
    return ids - {report.id}


# --- how likely ---------------------------------------------------------------------------------------------


def _judge(report: Report, other: Report, picture: str | None, pack: Pack) -> Candidate:
    """Score and reasons. Without a spot, a street or a picture in common there is no reason at all."""
    metres, _ = pack.nearness(report.service_code)
    own, its = spot_of_report(report, pack), spot_of_report(other, pack)
    away, words = _metres(own, its), _same_words(own, its)
    is_near = away is not None and away <= metres
    place = words if words and (away is None or is_near) and _is_in(report.area_code, other.area_code) else None
    if not (is_near or place or picture):
        return Candidate(report=other, metres=None, score=0.0, reasons=())
    service = "same_service" if report.service_code == other.service_code else "akin_service"
    person = "same_person" if report.reporter_id == other.reporter_id else None
    reasons = [reason for reason in (picture, service, place, person) if reason]
    score = sum(WEIGHTS[reason] for reason in reasons)
    if away is not None and is_near:
        reasons.insert(0, "near")
        score += CLOSENESS * (1 - away / (2 * metres))
    if (shared := _likeness(report, other, pack)) > 0:
        reasons.append("words")
        score += LIKENESS * shared
    metres_away = None if away is None else round(away)
    return Candidate(report=other, metres=metres_away, score=round(score, 3), reasons=tuple(reasons))


def _metres(one: Spot, other: Spot) -> float | None:
    return metres_between(one.point, other.point) if one.point and other.point else None


def _same_words(one: Spot, other: Spot) -> str | None:
    """Whether two addresses are one, or one street; two houses of one street are two addresses."""
    if not one.words or not other.words:
        return None
    if one.words == other.words:
        return "same_address"
    shorter = min(one.words, other.words, key=len)
    return "same_street" if street_of(one.words) == street_of(other.words) == shorter else None


def _is_in(area: str | None, other: str | None) -> bool:
    """Whether one area is the other, or lies in it: a street's name says little outside its kelurahan."""
    return bool(area and other) and (str(area).startswith(str(other)) or str(other).startswith(str(area)))


def _likeness(report: Report, other: Report, pack: Pack) -> float:
    """The share of the rare words that both say: 0 to 1."""
    one, two = _rare(report, pack), _rare(other, pack)
    return len(one & two) / min(len(one), len(two)) if one and two else 0.0


def _rare(report: Report, pack: Pack) -> set[str]:
    """Words that are neither everybody's nor the problem's own nor the area's."""
    area = pack.areas.get(report.area_code or "")
    names = words_of(f"{area.name} {area.kecamatan} {area.kota}").tokens if area else ()
    said = {word for word in words_of(report.description[:2000]).tokens if len(word) >= LETTERS}
    return said - COMMON - _problem_words(pack) - set(names)


@lru_cache(maxsize=4)
def _problem_words(pack: Pack) -> frozenset[str]:
    return frozenset(word for each in pack.services.values() for phrase in each.words for word in phrase.split())
