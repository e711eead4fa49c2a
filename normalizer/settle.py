"""Which area a text means: names of areas first, then landmarks, then streets, each narrowed by the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.pack import Area, Landmark, Pack
from normalizer.address import Street
from normalizer.cells import metres_to
from normalizer.gazetteer import Gazetteer
from normalizer.landmarks import Known
from normalizer.mentions import ENOUGH, EXPLICIT, GOES_ON, GUESSED, IN_STREET, LONG_NAME, Mention, siblings_of
from normalizer.misspelt import right_spellings
from normalizer.schema import Candidate
from normalizer.street_names import keys_of_street, street_key
from normalizer.wordlists import words as word_list

# How sure a place is, by where it comes from. `place_threshold` (0.5) lies between "must ask" and "is enough":
# a kelurahan or a landmark is enough, a kecamatan only together with a street or a landmark, a city never.
SURE_EXPLICIT, SURE_IN_KECAMATAN, SURE_NAME, SURE_LANDMARK, SURE_STREET = 0.9, 0.85, 0.75, 0.65, 0.6
SURE_GUESS, NEXT_DOOR, SAME_NAME_GUESS = 0.45, 0.45, 0.4
STREETS_IN_KECAMATAN, FAMILY = 0.5, 0.3
STREET_IN_KECAMATAN, ONLY_KECAMATAN, LONE_STREET, ONLY_KOTA = 0.55, 0.4, 0.35, 0.2
WELL_KNOWN = 3  # so often listed, a street's span is known better than by its name
NEAR_M = 1500  # metres: a landmark this near a named kelurahan is meant, and may lie next door

_ENDINGS, _COMMON = word_list("street_endings"), word_list("common_streets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The area that the words mean, how sure, the landmark that says so, and the other answers."""

    area: Area | None = None
    confidence: float = 0.0
    landmark: Landmark | None = None
    candidates: tuple[Candidate, ...] = ()
    named: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Everything that a text says about a place; `scores` are the areas' by code."""

    pack: Pack
    names: Gazetteer
    scores: Mapping[str, float]
    mentions: Sequence[Mention]
    streets: Sequence[Street]
    landmarks: Sequence[Known]


def settle(said: Said) -> Settled:
    """Choose the area; the other answers become candidates, the likeliest first."""
    area, weak = _best(said), None
    if area and area.level == "kecamatan" and said.scores[area.code] < ENOUGH * 0.6:
        area, weak = None, area  # it stands in a street's name only: "Jl. Cempaka Putih Raya"
    if area and area.level == "kelurahan" and said.scores[area.code] > GUESSED:
        return _at_sibling(said, area) or _at_kelurahan(said, area)
    named = area is not None and said.scores[area.code] >= ENOUGH
    inside = f"{area.code}." if area else ""
    found = _by_landmark(said, inside) or _by_street(said, area, inside) or _by_name_in_street(said, area, inside)
    if found:
        return found if not named else _named(found, area)
    if found := _by_family(said, f"{weak.code}." if weak else "") if not named else None:
        return found
    if weak is not None:
        return Settled(area=weak, confidence=LONE_STREET)
    return _alone(said, area, named=named)


def _named(found: Settled, area: Area | None) -> Settled:
    return Settled(
        area=found.area,
        confidence=found.confidence,
        landmark=found.landmark,
        candidates=found.candidates,
        named=area is not None,
    )


def _best(said: Said) -> Area | None:
    best: dict[str, tuple[float, Area]] = {}
    for code, score in said.scores.items():
        area = said.pack.areas[code]
        if score > best.get(area.level, (0.0, area))[0]:
            best[area.level] = (score, area)
    kelurahan, kecamatan, kota = (best.get(level) for level in ("kelurahan", "kecamatan", "kota"))
    if kelurahan and kelurahan[0] >= ENOUGH:
        is_larger = kecamatan is not None and kecamatan[0] > kelurahan[0] + 0.2
        if kecamatan is None or not is_larger or _is_named_in(said, *kelurahan, *kecamatan):
            return kelurahan[1]
    if kecamatan and kecamatan[0] >= 0.3:
        return kecamatan[1]
    if kelurahan and kelurahan[0] > GUESSED:
        return kelurahan[1]
    return kota[1] if kota and kota[0] >= ENOUGH else None


def _is_named_in(said: Said, score: float, area: Area, of_other: float, other: Area) -> bool:
    """Whether a kelurahan is named outside of a street's name, beside the kecamatan that it lies in; where both
    bear one name, as a name of its own: "Gambir, kec. Gambir", not "Kec. Kemayoran, Menara Kemayoran"."""
    own = [mention for mention in said.mentions if area in mention.areas and mention.level != other.level]
    return (
        score <= of_other
        and not apart(area.code, other.code)
        and any(_is_own_name(mention, other) for mention in own)
    )


def _is_own_name(mention: Mention, kecamatan: Area) -> bool:
    is_clear = kecamatan not in mention.areas or mention.weight > GOES_ON or not mention.exact
    return mention.weight > IN_STREET and is_clear


# --- a kelurahan is named -----------------------------------------------------------------------------------


def _at_kelurahan(said: Said, area: Area) -> Settled:
    """The named kelurahan; a landmark of it gives the point, one next door makes it a question."""
    confidence = _sureness(said, area)
    landmark = next((mark for each in said.landmarks for mark in each.marks if mark.area_code == area.code), None)
    others = list(dict.fromkeys([*_rivals(said, area), *(each.code for each in _siblings(said, area))]))
    door = None if landmark else _next_door(said, area)
    if door and confidence < SURE_EXPLICIT:
        confidence, others = min(confidence, NEXT_DOOR), [door.area_code, *others]
    return Settled(
        area=area,
        confidence=confidence,
        landmark=landmark,
        candidates=_candidates(said, dict.fromkeys(others, round(confidence - 0.05, 2))),
        named=said.scores[area.code] >= ENOUGH,
    )


def _siblings(said: Said, area: Area) -> list[Area]:
    """The other kelurahan that the name may mean: of "Gunung Sahari" Utara and Selatan."""
    families = [siblings_of(mention.areas) for mention in said.mentions if area in mention.areas]
    return [each for family in families for each in family if each is not area]


def _at_sibling(said: Said, area: Area) -> Settled | None:
    """Of a name's several kelurahan the one that a landmark or a street lies in."""
    family = {area.code, *(each.code for each in _siblings(said, area))}
    if len(family) == 1 or said.scores[area.code] >= ENOUGH:
        return None
    for found in (_by_landmark(said, ""), _by_street(said, None, "")):
        if found and found.area and found.area.code in family:
            return found
    return None


def _sureness(said: Said, area: Area) -> float:
    score = said.scores[area.code]
    if score < ENOUGH or any(said.scores[each.code] >= score for each in _siblings(said, area)):
        return SURE_GUESS
    own = [mention for mention in said.mentions if area in mention.areas]
    sure = SURE_NAME
    if any(mention.weight >= EXPLICIT for mention in own):
        sure = SURE_EXPLICIT
    elif said.scores.get(area.code[:8], 0.0) >= ENOUGH:
        sure = SURE_IN_KECAMATAN
    if all(mention.weight <= IN_STREET for mention in own):
        sure = min(sure, SURE_STREET)  # "Jl. Cikini Raya, Menteng": a street is never sure alone
    exact = any(mention.exact for mention in own)
    return round(sure - 0.15 * bool(_rivals(said, area)) - 0.1 * (not exact), 2)


def _rivals(said: Said, area: Area) -> list[str]:
    ranked = sorted(said.scores.items(), key=lambda item: -item[1])
    return [code for code, score in ranked if score >= ENOUGH and apart(code, area.code)]


def apart(code: str, other: str) -> bool:
    """Whether neither of two areas lies in the other."""
    return not code.startswith(other) and not other.startswith(code)


def _next_door(said: Said, area: Area) -> Landmark | None:
    """A landmark of one kelurahan that lies near the named one, not in it: "depan pasar Rumput, Manggarai"."""
    for known in said.landmarks:
        if len(known.codes) == 1 and known.last - known.first > 1:
            mark = known.marks[0]
            lat, long = _point(said.pack, mark)
            if metres_to(said.pack, area.code, lat, long) <= NEAR_M:
                return mark
    return None


def _point(pack: Pack, mark: Landmark) -> tuple[float, float]:
    area = pack.areas[mark.area_code]
    if mark.lat is None or mark.long is None:
        return area.lat, area.long
    return mark.lat, mark.long


def _candidates(said: Said, codes: Mapping[str, float]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(source="text", confidence=max(sure, 0.0), area_code=code) for code, sure in codes.items()
    )[:5]


# --- none is ------------------------------------------------------------------------------------------------


def _by_landmark(said: Said, inside: str) -> Settled | None:
    """The kelurahan of a landmark; of several with one name the street's, else a guess."""
    streets = _street_codes(said, inside)
    for known in sorted(said.landmarks, key=lambda each: (len(each.codes), each.first - each.last)):
        marks = [mark for mark in known.marks if mark.area_code.startswith(inside)]
        if narrowed := [mark for mark in marks if mark.area_code in streets]:
            marks = narrowed
        codes = list(dict.fromkeys(mark.area_code for mark in marks))
        if not codes:
            continue
        sure = SURE_LANDMARK if len(codes) == 1 else SURE_GUESS - 0.05
        return Settled(
            area=said.pack.areas[codes[0]],
            confidence=sure,
            landmark=marks[0],
            candidates=_candidates(said, {code: round(sure / len(codes), 2) for code in codes[1:]}),
        )
    return None


def _street_codes(said: Said, inside: str) -> Counter[str]:
    """The kelurahan that the streets run through, the likeliest first; where two meet, only there."""
    found: Counter[str] = Counter()
    for street in said.streets:
        codes = _codes_of(said, street, inside)
        meeting = {code: found[code] + codes[code] for code in found if code in codes}
        found = Counter(meeting) if meeting else found + codes
    return found


def _codes_of(said: Said, street: Street, inside: str) -> Counter[str]:
    for key, near in keys_of_street(street.tokens, _ENDINGS):
        if not near:
            break
        known = said.names.streets.get(key) or _misspelt_street(said.names, key)
        codes = {code: count for code, count in known.items() if code.startswith(inside)}
        if codes:
            well_known = max(codes.values()) >= WELL_KNOWN
            counts = Counter({code: 2 * count for code, count in codes.items()})
            for code in _in_name(said, street, inside):
                counts[code] += (2 if well_known else 4) if code in codes else 1
            return counts
    return Counter()


def _misspelt_street(names: Gazetteer, key: str) -> Mapping[str, int]:
    """The long street whose name is one letter off."""
    is_long = len(key) >= LONG_NAME and key.isalpha()
    found = right_spellings(names.misspelt_streets, key) if is_long else ()
    return names.streets[min(found)] if found else {}


def _in_name(said: Said, street: Street, inside: str) -> list[str]:
    """The kelurahan whose name stands in a street's name."""
    return [
        area.code
        for mention in said.mentions
        if street.first < mention.first < street.last
        for area in mention.areas
        if area.level == "kelurahan" and area.code.startswith(inside)
    ]


def _by_street(said: Said, area: Area | None, inside: str) -> Settled | None:
    codes = [code for code, _ in _street_codes(said, inside).most_common()]
    if not codes:
        return None
    first = said.pack.areas[codes[0]]
    if len(codes) == 1:
        return Settled(area=first, confidence=_lone_street(said, area))
    sure = round(LONE_STREET if len(codes) > 2 else LONE_STREET + 0.05, 2)
    others = _candidates(said, {code: round(sure * 0.8, 2) for code in codes[1:]})
    if area and area.level == "kecamatan":
        if len(codes) <= 3:
            return Settled(area=first, confidence=STREETS_IN_KECAMATAN, candidates=others)
        mine = Candidate(source="text", confidence=sure, area_code=first.code)
        return Settled(area=area, confidence=STREET_IN_KECAMATAN, candidates=(mine, *others)[:5])
    return Settled(area=first, confidence=sure, candidates=others)


def _lone_street(said: Said, area: Area | None) -> float:
    """A street that we know once: sure in its kecamatan; else perhaps one of many that bear the name."""
    if area and area.level == "kecamatan":
        return SURE_STREET
    common = all(token in _COMMON or len(token) < 4 for token in said.streets[0].tokens[:2])
    return SURE_GUESS if not common else LONE_STREET


def _by_name_in_street(said: Said, area: Area | None, inside: str) -> Settled | None:
    """Kelurahan that give a street its name: "Jl Tanah Tinggi II, Johar Baru" lies in Tanah Tinggi, mostly."""
    codes = sorted(
        (code for code, score in said.scores.items() if score > 0 and len(code) > 8 and code.startswith(inside)),
        key=lambda code: -said.scores[code],
    )
    if not codes or not said.streets:
        return None
    if area and area.level == "kecamatan":
        return Settled(area=said.pack.areas[codes[0]], confidence=SURE_STREET) if len(codes) == 1 else None
    others = dict.fromkeys(codes[1:], SAME_NAME_GUESS - 0.1)
    return Settled(
        area=said.pack.areas[codes[0]], confidence=SAME_NAME_GUESS, candidates=_candidates(said, others)
    )


def _by_family(said: Said, inside: str) -> Settled | None:
    """A guess for a street that nobody lists: where most streets are that begin with the same words."""
    for street in said.streets:
        for words in range(min(len(street.tokens), 4), 0, -1):
            key = street_key(street.tokens[:words])
            codes = Counter(
                {code: n for code, n in said.names.families.get(key, {}).items() if code.startswith(inside)}
            )
            if codes and len(key) >= 5 and not all(token in _COMMON for token in street.tokens[:words]):
                (code, most), *_ = codes.most_common(1)
                if most >= 0.4 * codes.total():
                    return Settled(area=said.pack.areas[code], confidence=FAMILY)
    return None


def _alone(said: Said, area: Area | None, *, named: bool) -> Settled:
    """Only a kecamatan or a city is known; with a street of it that is enough for the agencies' offices there."""
    if area is None:
        return Settled(confidence=LONE_STREET if said.streets else 0.0)
    if area.level != "kecamatan":
        return Settled(area=area, confidence=LONE_STREET if said.streets else ONLY_KOTA, named=named)
    if said.streets:
        return Settled(area=area, confidence=STREET_IN_KECAMATAN, named=named)
    explicit = any(mention.level == "kecamatan" and area in mention.areas for mention in said.mentions)
    inner = [] if explicit else [code for code in said.scores if code.startswith(f"{area.code}.")]
    if not inner:
        return Settled(area=area, confidence=ONLY_KECAMATAN, named=named)
    inner.sort(key=lambda code: -said.scores[code])
    others = dict.fromkeys([*inner[1:], area.code], ONLY_KECAMATAN)
    return Settled(
        area=said.pack.areas[inner[0]],
        confidence=SAME_NAME_GUESS,
        candidates=_candidates(said, others),
        named=named,
    )
