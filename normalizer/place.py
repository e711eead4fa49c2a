"""Where: pin before photo before words for the point; the words say the street, the house, RT and RW."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from config.pack import Area, Landmark, Pack
from normalizer.address import RtRw, Street, rt_rw_in, streets_in
from normalizer.cells import area_at
from normalizer.coordinates import point_in
from normalizer.gazetteer import Gazetteer, fold, gazetteer, keys_from
from normalizer.lexicon import lexicon
from normalizer.mentions import ENOUGH, EXPLICIT, GUESSED, PLAIN, Mention, mentions_in, weigh
from normalizer.schema import Place, PlaceSource, Position
from normalizer.tokens import Words
from normalizer.wordlists import words as word_list

# How sure a place is, by where it comes from. `place_threshold` (0.5) lies between "must ask" and "is enough":
# a kelurahan or a point is enough, a kecamatan only together with a street or a landmark, a city never.
SURE_PIN, SURE_LINK, SURE_PHOTO, FAR_PIN = 0.95, 0.93, 0.85, 0.2
SURE_EXPLICIT, SURE_NAME, SURE_LANDMARK, SURE_STREET, SURE_GUESS = 0.9, 0.8, 0.65, 0.6, 0.45
STREET_IN_KECAMATAN, ONLY_KECAMATAN, LONE_STREET, ONLY_KOTA = 0.55, 0.4, 0.35, 0.2

_LANDMARK_WORDS, _TOWARDS = word_list("landmarks"), word_list("towards")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the words of a message say about the place."""

    area: Area | None = None
    confidence: float = 0.0
    street: str = ""
    rt_rw: RtRw = field(default_factory=RtRw)
    landmark: Landmark | None = None
    point: Position | None = None
    named: tuple[str, ...] = ()
    outside: bool = False
    covered: frozenset[int] = frozenset()


def told_by(words: Words, pack: Pack) -> Told:
    """Read a message's words for a place; `covered` are the words that only name it."""
    names = gazetteer(pack)
    folded = [fold(token) for token in words.tokens]
    streets = streets_in(words, folded, names, lexicon(pack).known)
    mentions = mentions_in(words, folded, names, streets)
    landmark = _landmark(words, folded, names, streets)
    scores = weigh(mentions)
    told = Told(
        street=streets[0].text if streets else "",
        rt_rw=rt_rw_in(words.text),
        point=point_in(words.text, pack),
        outside=_outside(words, names, streets),
        covered=_covered(streets, mentions, scores),
        named=tuple(code for code, score in sorted(scores.items(), key=lambda item: -item[1]) if score >= ENOUGH),
    )
    return _settle(told, pack, names, scores, mentions, streets, landmark)


def _outside(words: Words, names: Gazetteer, streets: Sequence[Street]) -> bool:
    """Whether a neighbouring city is where it is, not where a road leads to."""
    if "jakarta" in words.tokens:
        return False
    in_streets = {place for street in streets for place in range(street.first, street.last)}
    return any(
        token in names.outside
        and place not in in_streets
        and (not place or words.tokens[place - 1] not in _TOWARDS)
        for place, token in enumerate(words.tokens)
    )


def _covered(streets: Sequence[Street], mentions: Sequence[Mention], scores: dict[str, float]) -> frozenset[int]:
    places = {place for street in streets for place in range(street.first + 1, street.last)}
    for mention in mentions:
        if max(scores[area.code] for area in mention.areas) >= ENOUGH:
            places.update(range(mention.first - (mention.level is not None), mention.last))
    return frozenset(places)


def _landmark(words: Words, folded: Sequence[str], names: Gazetteer, streets: Sequence[Street]) -> Landmark | None:
    """Find a place that has one name and one kelurahan, written as a name or led by what it is."""
    for place, token in enumerate(folded):
        in_street = any(street.first < place < street.last for street in streets)
        if in_street or token not in names.landmark_beginnings:
            continue
        for last, key in keys_from(folded, place):
            if last - place > 1 and (found := names.landmarks.get(key)):
                capital = all(words.text[words.starts[spot]].isupper() for spot in range(place, last))
                if token in _LANDMARK_WORDS or (capital and not words.text.isupper()):
                    return found[0]
    return None


def _settle(
    told: Told,
    pack: Pack,
    names: Gazetteer,
    scores: dict[str, float],
    mentions: Sequence[Mention],
    streets: Sequence[Street],
    landmark: Landmark | None,
) -> Told:
    """Choose the area: the best kelurahan, or the best kecamatan narrowed by landmark or street, or the city."""
    area = _best(pack, scores)
    if told.outside and not any(mention.level or mention.weight > PLAIN for mention in mentions):
        return replace(told, named=(), confidence=0.0)
    if area and area.level == "kelurahan":
        explicit = any(mention.weight >= EXPLICIT and area in mention.areas for mention in mentions)
        told = replace(told, area=area, confidence=_sureness(area, scores, mentions, explicit=explicit))
        if landmark and landmark.area_code == area.code:
            told = replace(told, landmark=landmark)
        return told
    if landmark and (area is None or landmark.area_code.startswith(f"{area.code}.")):
        return replace(told, area=pack.areas[landmark.area_code], confidence=SURE_LANDMARK, landmark=landmark)
    return _by_street(told, pack, names, area, scores, streets)


def _best(pack: Pack, scores: dict[str, float]) -> Area | None:
    best: dict[str, tuple[float, Area]] = {}
    for code, score in scores.items():
        area = pack.areas[code]
        if score > best.get(area.level, (0.0, area))[0]:
            best[area.level] = (score, area)
    kelurahan, kecamatan, kota = (best.get(level) for level in ("kelurahan", "kecamatan", "kota"))
    if kelurahan and kelurahan[0] >= ENOUGH and not (kecamatan and kecamatan[0] > kelurahan[0] + 0.2):
        return kelurahan[1]
    if kecamatan and kecamatan[0] >= 0.3:
        return kecamatan[1]
    if kelurahan and kelurahan[0] > GUESSED:
        return kelurahan[1]
    return kota[1] if kota and kota[0] >= ENOUGH else None


def _sureness(area: Area, scores: dict[str, float], mentions: Sequence[Mention], *, explicit: bool) -> float:
    if scores[area.code] < ENOUGH:
        return SURE_GUESS
    sure = SURE_EXPLICIT if explicit else SURE_NAME
    rivals = [code for code, score in scores.items() if score >= ENOUGH and _apart(code, area.code)]
    exact = all(mention.exact for mention in mentions if area in mention.areas)
    return round(sure - 0.15 * bool(rivals) - 0.1 * (not exact), 2)


def _apart(code: str, other: str) -> bool:
    return not code.startswith(other) and not other.startswith(code)


def _by_street(
    told: Told,
    pack: Pack,
    names: Gazetteer,
    area: Area | None,
    scores: dict[str, float],
    streets: Sequence[Street],
) -> Told:
    """Narrow a kecamatan or city by the street: to the one kelurahan of it that knows the street's name."""
    if not streets:
        return replace(told, area=area, confidence=_alone(area, ONLY_KECAMATAN, ONLY_KOTA, 0.0))
    inside = f"{area.code}." if area else ""
    codes = _kelurahan_of_streets(names, streets, inside) or _kelurahan_hinted(pack, scores, inside)
    if len(codes) == 1 and area:
        return replace(told, area=pack.areas[codes.pop()], confidence=SURE_STREET)
    named = tuple(dict.fromkeys((*told.named, *sorted(codes))))[:5]
    sure = _alone(area, STREET_IN_KECAMATAN, LONE_STREET, LONE_STREET)
    return replace(told, area=area, named=named, confidence=sure)


def _alone(area: Area | None, kecamatan: float, kota: float, nothing: float) -> float:
    if area is None:
        return nothing
    return kecamatan if area.level == "kecamatan" else kota


def _kelurahan_of_streets(names: Gazetteer, streets: Sequence[Street], inside: str) -> set[str]:
    return {
        code
        for street in streets
        for known in names.streets.get(street.key, ())
        for code in known.area_codes
        if code.startswith(inside)
    }


def _kelurahan_hinted(pack: Pack, scores: dict[str, float], inside: str) -> set[str]:
    """Kelurahan that give a street its name: "Jl Tanah Tinggi II, Johar Baru" lies in Tanah Tinggi."""
    return {
        code
        for code, score in scores.items()
        if inside and score > 0 and code.startswith(inside) and pack.areas[code].level == "kelurahan"
    }


def place_of(
    told: Told, pack: Pack, *, pin: Position | None = None, photo: Position | None = None
) -> Place | None:
    """Put pin, photo and words together (degrees, WGS 84); None where nothing at all is said.

    The point is the pin's, else a shared link's, else the photo's, else the named kelurahan's middle (or its
    landmark). A point outside the city keeps its coordinates and has no area; the words then say the area.
    """
    points: list[tuple[PlaceSource, float, Position | None]] = [
        ("pin", SURE_PIN, pin if pin and (pin.lat or pin.long) else None),
        ("pin", SURE_LINK, told.point),
        ("photo", SURE_PHOTO, photo),
    ]
    for source, sure, point in points:
        if point and (areas := area_at(pack, point.lat, point.long)):
            return _at_point(told, pack, source, sure, point, areas)
    if told.area is None and pin and (pin.lat or pin.long):
        return Place(
            source="pin", confidence=FAR_PIN, lat=pin.lat, long=pin.long, address_string=_address(told, None)
        )
    return _by_words(told, pack)


def _at_point(
    told: Told, pack: Pack, source: PlaceSource, sure: float, point: Position, areas: tuple[Area, ...]
) -> Place:
    """Of a border cell's candidates the one that the words name wins; words that name another place are kept."""
    area = next((area for area in areas if told.area and area.code.startswith(told.area.code)), areas[0])
    rough = 0.1 if point.accuracy and point.accuracy > 200 else 0.0
    doubt = 0.1 if told.area and _apart(area.code, told.area.code) and told.confidence >= SURE_STREET else 0.0
    others = [other.code for other in areas if other is not area]
    others += [told.area.code] if doubt and told.area else []
    return _place(
        told, source, area, round(sure - rough - doubt, 2), (point.lat, point.long), tuple(dict.fromkeys(others))
    )


def _by_words(told: Told, pack: Pack) -> Place | None:
    area = told.area
    others = tuple(code for code in told.named if area is None or _apart(code, area.code))
    if area is None and not (told.street or told.rt_rw.rw or told.rt_rw.rt or told.landmark):
        return None
    point = None
    if told.landmark:
        point = (told.landmark.lat, told.landmark.long)
    elif area and area.level == "kelurahan":
        point = (area.lat, area.long)
    return _place(told, "text", area, told.confidence, point, others)


def _place(
    told: Told,
    source: PlaceSource,
    area: Area | None,
    confidence: float,
    point: tuple[float, float] | None,
    others: tuple[str, ...],
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
        address_string=_address(told, area),
        alternatives=others,
    )


def _address(told: Told, area: Area | None) -> str | None:
    """One line as people write it: street and number, RT/RW, landmark, kelurahan, kecamatan, city."""
    parts = [told.street, str(told.rt_rw), told.landmark.name if told.landmark else ""]
    if area:
        above = (
            area.kecamatan or "",
            (area.kota or "").replace("Kota Administrasi ", "").replace("Kabupaten Administrasi ", ""),
        )
        name = area.name.replace("Kota Administrasi ", "").replace("Kabupaten Administrasi ", "")
        parts += [name, *(part for part in above if part != name)]
    return ", ".join(filter(None, parts)) or None
