"""Which area a text means: names of areas first, then landmarks, then streets, each narrowed by the others."""

from config.pack import Area, Landmark, Pack
from normalizer.called_after import LENT
from normalizer.cells import metres_to
from normalizer.gazetteer import siblings_of
from normalizer.mentions import ENOUGH, EXPLICIT, GOES_ON, GUESSED, IN_STREET, Mention
from normalizer.said import (
    LONE_STREET,
    NEXT_DOOR,
    SURE_EXPLICIT,
    SURE_GUESS,
    SURE_IN_KECAMATAN,
    SURE_NAME,
    SURE_STREET,
    Said,
    Settled,
    apart,
    candidates_of,
)
from normalizer.unnamed import alone, by_family, by_landmark, by_name_in_street, by_postal_code, by_street

NEAR_M = 1500  # metres: a landmark this near a named kelurahan is meant, and may lie next door


def settle(said: Said) -> Settled:
    """Choose the area; the other answers become candidates, the likeliest first."""
    area, weak = _best(said), None
    if area and area.level == "kecamatan" and said.scores[area.code] < ENOUGH * 0.6:
        area, weak = None, area  # it stands in a street's name only: "Jl. Cempaka Putih Raya"
    if area and area.level == "kelurahan" and said.scores[area.code] > GUESSED:
        return _at_sibling(said, area) or _at_kelurahan(said, area)
    named = area is not None and said.scores[area.code] >= ENOUGH
    inside = f"{area.code}." if area else ""
    found = by_landmark(said, inside) or by_street(said, area, inside) or by_name_in_street(said, area, inside)
    if found:
        return found if not named else _named(found, area)
    if found := by_postal_code(said, area, inside):
        return found
    if found := by_family(said, f"{weak.code}." if weak else "") if not named else None:
        return found
    if weak is not None:
        return Settled(area=weak, confidence=LONE_STREET)
    return alone(said, area, named=named)


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
    return mention.weight != IN_STREET and is_clear


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
        candidates=candidates_of(said, dict.fromkeys(others, round(confidence - 0.05, 2))),
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
    for found in (by_landmark(said, ""), by_street(said, None, "")):
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
    if all(mention.weight in {IN_STREET, LENT} for mention in own):
        sure = min(sure, SURE_STREET)  # "Jl. Cikini Raya, Menteng", "pasar Klender, Duren Sawit": never sure alone
    exact = any(mention.exact for mention in own)
    return round(sure - 0.15 * bool(_rivals(said, area)) - 0.1 * (not exact), 2)


def _rivals(said: Said, area: Area) -> list[str]:
    ranked = sorted(said.scores.items(), key=lambda item: -item[1])
    least = min(ENOUGH, said.scores[area.code])
    return [code for code, score in ranked if score >= least and apart(code, area.code)]


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
