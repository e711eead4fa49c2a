"""Pin, photo and words become one place; where they lie too far apart to be one, that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.pack import Area, Pack
from normalizer.cells import area_at, metres_between, metres_to
from normalizer.said import SURE_LANDMARK, apart
from normalizer.schema import Candidate, Conflict, Place, PlaceSource, Position

if TYPE_CHECKING:
    from normalizer.place import Told

SURE_PIN, SURE_LINK, SURE_PHOTO, FAR_PIN = 0.95, 0.93, 0.85, 0.2
CONFLICT_M = 500  # metres between two sources that cannot mean one place


@dataclass(frozen=True, kw_only=True, slots=True)
class _Point:
    source: PlaceSource
    sure: float
    lat: float
    long: float
    areas: tuple[Area, ...]

    def candidate(self, area: Area) -> Candidate:
        return Candidate(
            source=self.source, confidence=self.sure, area_code=area.code, lat=self.lat, long=self.long
        )


def place_of(
    told: Told, pack: Pack, *, pin: Position | None = None, photo: Position | None = None
) -> Place | None:
    """Put pin, photo and words together (degrees, WGS 84); None where nothing at all is said.

    The point is the pin's, else a shared link's, else the photo's, else the named kelurahan's middle (or its
    landmark). A point outside the city keeps its coordinates and has no area; the words then say the area.
    A point turned round (long, lat) is set right; 0, 0 is none. `conflict`: two of them lie over 500 m apart and
    the third does not side with one.
    """
    points = [
        point
        for source, sure, position in (
            ("pin", SURE_PIN, pin),
            ("pin", SURE_LINK, told.point),
            ("photo", SURE_PHOTO, photo),
        )
        if (point := _point(pack, source, sure, position))  # type: ignore[arg-type]
    ]
    if points:
        return _at_point(told, pack, points)
    if told.area is None and pin and (pin.lat or pin.long):
        return Place(
            source="pin", confidence=FAR_PIN, lat=pin.lat, long=pin.long, address_string=_address(told, None)
        )
    return _by_words(told, pack)


def _point(pack: Pack, source: PlaceSource, sure: float, position: Position | None) -> _Point | None:
    if position is None:
        return None
    rough = 0.1 if position.accuracy and position.accuracy > 200 else 0.0
    for lat, long in ((position.lat, position.long), (position.long, position.lat)):
        if areas := area_at(pack, lat, long):
            return _Point(source=source, sure=round(sure - rough, 2), lat=lat, long=long, areas=areas)
    return None


def _at_point(told: Told, pack: Pack, points: list[_Point]) -> Place:
    """Of a border cell's candidates the one that the words name wins; words that name another place are kept."""
    point = points[0]
    area = next(
        (area for area in point.areas if told.area and area.code.startswith(told.area.code)), point.areas[0]
    )
    words = _words_candidate(told)
    others = [point.candidate(other) for other in point.areas if other is not area]
    others += [other.candidate(other.areas[0]) for other in points[1:] if other.areas[0] is not area]
    others += [words, *told.candidates] if words and apart(words.area_code, area.code) else []
    conflict = _conflict(pack, points, point.candidate(area), words)
    doubt = 0.1 if conflict or (words and words.confidence >= 0.6 and apart(words.area_code, area.code)) else 0.0
    return _place(
        told,
        point.source,
        area,
        round(point.sure - doubt, 2),
        (point.lat, point.long),
        tuple(others),
        conflict=conflict,
    )


def _words_candidate(told: Told) -> Candidate | None:
    """What the words say, where that is an answer of its own: an area's name or a landmark, no street's guess."""
    if told.area is None or not (told.named or told.confidence >= SURE_LANDMARK):
        return None
    return Candidate(
        source="text",
        confidence=told.confidence,
        area_code=told.area.code,
        lat=told.landmark.lat if told.landmark else None,
        long=told.landmark.long if told.landmark else None,
    )


def _conflict(pack: Pack, points: list[_Point], first: Candidate, words: Candidate | None) -> Conflict | None:
    """The first two sources that lie too far apart; where pin and words agree, a photo from elsewhere does not
    count (people send pictures from their gallery), nor do words where pin and photo agree."""
    others = [other.candidate(other.areas[0]) for other in points[1:]]
    far = [(other, metres) for other in others if (metres := _apart_m(first, other)) > CONFLICT_M]
    said = _away_m(pack, first, words) if words else 0.0
    if words and said > CONFLICT_M and len(far) == len(others):
        return Conflict(first=first, second=words, metres=round(said))
    if far and not words:
        return Conflict(first=first, second=far[0][0], metres=round(far[0][1]))
    if words and said > CONFLICT_M:  # another point stands with the first
        return None
    return None


def _apart_m(one: Candidate, other: Candidate) -> float:
    if one.lat is None or one.long is None or other.lat is None or other.long is None:
        return 0.0
    return metres_between(one.lat, one.long, other.lat, other.long)


def _away_m(pack: Pack, point: Candidate, words: Candidate) -> float:
    """How far the point lies from the named area, in metres; a guessed kelurahan stands for its kecamatan."""
    code = words.area_code if words.confidence >= 0.5 else words.area_code[:8]
    if point.lat is None or point.long is None:
        return 0.0
    return metres_to(pack, code, point.lat, point.long)


def _by_words(told: Told, pack: Pack) -> Place | None:
    area = told.area
    if area is None and not (told.street or told.rt_rw.rw or told.rt_rw.rt or told.landmark):
        return None
    point = None
    if told.landmark and told.landmark.lat is not None and told.landmark.long is not None:
        point = (told.landmark.lat, told.landmark.long)
    elif area and area.level == "kelurahan":
        point = (area.lat, area.long)
    return _place(told, "text", area, told.confidence, point, told.candidates)


def _place(
    told: Told,
    source: PlaceSource,
    area: Area | None,
    confidence: float,
    point: tuple[float, float] | None,
    candidates: tuple[Candidate, ...],
    *,
    conflict: Conflict | None = None,
) -> Place:
    return Place(
        source=source,
        confidence=confidence,
        lat=point[0] if point else None,
        long=point[1] if point else None,
        area_code=area.code if area else None,
        kelurahan=area.name if area and area.level == "kelurahan" else None,
        kecamatan=(area.name if area.level == "kecamatan" else area.kecamatan) if area else None,
        kota=(area.name if area.level == "kota" else area.kota) if area else None,
        address_string=_address(told, area if source != "text" or told.named or confidence >= 0.5 else None),
        candidates=candidates[:5],
        conflict=conflict,
    )


def _address(told: Told, area: Area | None) -> str | None:
    """One line as people write it: street and number, RT/RW, landmark, kelurahan, kecamatan, city; never a guessed
    kelurahan."""
    parts = [told.street, str(told.rt_rw), told.landmark.name if told.landmark else ""]
    if area:
        above = (area.kecamatan or "", _short(area.kota or ""))
        parts += [_short(area.name), *(part for part in above if part != area.name)]
    return ", ".join(filter(None, parts)) or None


def _short(kota: str) -> str:
    return kota.replace("Kota Administrasi ", "").replace("Kabupaten Administrasi ", "")
