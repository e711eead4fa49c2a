"""Which area a text means that names none: its landmarks, then its streets, each narrowed by the others."""

from collections import Counter
from collections.abc import Mapping, Sequence

from config.pack import Area, Landmark
from normalizer.address import Street
from normalizer.gazetteer import Gazetteer
from normalizer.mentions import LONG_NAME, ORDINARY_WORD
from normalizer.misspelt import SHORT, right_spellings
from normalizer.said import (
    FAMILY,
    LONE_STREET,
    ONLY_KECAMATAN,
    ONLY_KOTA,
    SAME_NAME_GUESS,
    STREET_IN_KECAMATAN,
    STREETS_IN_KECAMATAN,
    SURE_GUESS,
    SURE_LANDMARK,
    SURE_STREET,
    Said,
    Settled,
    candidates_of,
)
from normalizer.schema import Candidate
from normalizer.street_names import keys_of_street, street_key, twice_in
from normalizer.wordlists import words as word_list

DOUBTFUL = 3  # what a kelurahan's name counts then: a little more than a street that is listed once
WELL_KNOWN = 3  # so often listed, a street's span is known better than by its name

_COMMON_LANDMARKS = word_list("common_landmarks")
_ENDINGS, _COMMON = word_list("street_endings"), word_list("common_streets")


def by_landmark(said: Said, inside: str) -> Settled | None:
    """The kelurahan of a landmark; of several with one name the street's, else a guess."""
    streets = _street_codes(said, inside)
    for known in sorted(said.landmarks, key=lambda each: (len(each.codes), each.first - each.last)):
        marks = [mark for mark in known.marks if mark.area_code.startswith(inside)]
        narrowed = [mark for mark in marks if mark.area_code in streets or mark.area_code in said.postal]
        if known.is_unsure and streets and not narrowed:
            continue
        marks = narrowed or marks
        codes = list(dict.fromkeys(mark.area_code for mark in marks))
        if not codes:
            continue
        is_sure = len(codes) == 1 and not known.is_unsure and (bool(inside) or not _is_common(marks[0]))
        sure = SURE_LANDMARK if is_sure else SURE_GUESS - 0.05
        return Settled(
            area=said.pack.areas[codes[0]],
            confidence=sure,
            landmark=marks[0],
            candidates=candidates_of(said, _others(said, codes, sure)),
        )
    return None


def _others(said: Said, codes: Sequence[str], sure: float) -> dict[str, float]:
    """The other kelurahan of a landmark, those that it is called after ("Plaza Senayan" lies in Gelora) and those
    of other landmarks."""
    named = (area for mention in said.mentions if mention.weight > ORDINARY_WORD for area in mention.areas)
    after = [area.code for area in named if area.level == "kelurahan" and area.code not in codes]
    beside = [known.codes[0] for known in said.landmarks if len(known.codes) == 1 and known.codes[0] not in codes]
    return dict.fromkeys([*codes[1:], *after, *beside], round(sure / len(codes), 2))


def _is_common(mark: Landmark) -> bool:
    """Whether there are surely more of that name than our lists hold: "Masjid At Taqwa", a bus stop."""
    return mark.kind == "bus" and mark.name.split()[0].lower() in _COMMON_LANDMARKS


def _street_codes(said: Said, inside: str) -> Counter[str]:
    """The kelurahan that the streets run through, the likeliest first; where two meet, only there; with a
    postal code only in its kecamatan."""
    found: Counter[str] = Counter()
    for street in said.streets:
        codes = _codes_of(said, street, inside)
        meeting = {code: found[code] + codes[code] for code in found if code in codes}
        found = Counter(meeting) if meeting else found + codes
    coded = {code[:8] for code in said.postal if code.startswith(inside)}
    return Counter({code: found[code] for code in found if code[:8] in coded}) if coded else found


def _codes_of(said: Said, street: Street, inside: str) -> Counter[str]:
    for key, near in keys_of_street(street.tokens, _ENDINGS):
        if not near:
            break
        known = said.names.streets.get(key) or _misspelt_street(said.names, key)
        codes = {code: count for code, count in known.items() if code.startswith(inside)}
        if codes:
            well_known = max(codes.values()) >= WELL_KNOWN
            counts = Counter({code: 2 * count for code, count in codes.items()})
            for code, is_doubtful in _in_name(said, street, inside):
                apart = DOUBTFUL if is_doubtful else 1
                counts[code] += (2 if well_known else 4) if code in codes else apart
            return counts
    return Counter()


def _misspelt_street(names: Gazetteer, key: str) -> Mapping[str, int]:
    """The long street whose name is one letter off; of shorter names those that run through several kelurahan
    only: there are more small streets that nobody lists than mistakes."""
    found = right_spellings(names.misspelt_streets, key) if len(key) >= SHORT and key.isalpha() else ()
    if len(key) < LONG_NAME:
        found = {name for name in found if len(names.streets[name]) >= WELL_KNOWN}
    return names.streets[min(found)] if found else {}


def _in_name(said: Said, street: Street, inside: str) -> list[tuple[str, bool]]:
    """The kelurahan whose name stands in a street's name; True where it is as likely a mistake of that name as of
    the street's: "Jl. Rootan" is Rotan with a letter too many, or Rorotan with one too few."""
    is_doubled = any(twice_in(token) for token in street.tokens)
    return [
        (area.code, is_doubled and not mention.exact)
        for mention in said.mentions
        if street.first < mention.first < street.last
        for area in mention.areas
        if area.level == "kelurahan" and area.code.startswith(inside)
    ]


def by_street(said: Said, area: Area | None, inside: str) -> Settled | None:
    codes = [code for code, _ in _street_codes(said, inside).most_common()]
    if not codes:
        return None
    first = said.pack.areas[codes[0]]
    if len(codes) == 1:
        return Settled(area=first, confidence=_lone_street(said, area))
    sure = round(LONE_STREET if len(codes) > 2 else LONE_STREET + 0.05, 2)
    others = candidates_of(said, {code: round(sure * 0.8, 2) for code in codes[1:]})
    if area and area.level == "kecamatan":
        if len(codes) <= 3:
            return Settled(area=first, confidence=STREETS_IN_KECAMATAN, candidates=others)
        mine = Candidate(source="text", confidence=sure, area_code=first.code)
        return Settled(area=area, confidence=STREET_IN_KECAMATAN, candidates=(mine, *others)[:5])
    return Settled(area=first, confidence=sure, candidates=others)


def _lone_street(said: Said, area: Area | None) -> float:
    """A street that we know once: sure in its kecamatan or with its postal code; else perhaps one of many that
    bear the name."""
    if (area and area.level == "kecamatan") or said.postal:
        return SURE_STREET
    common = all(token in _COMMON or len(token) < 4 for token in said.streets[0].tokens[:2])
    return SURE_GUESS if not common else LONE_STREET


def by_postal_code(said: Said, area: Area | None, inside: str) -> Settled | None:
    """The kelurahan of a postal code: of what was written with a kelurahan too it names that one in 5 of 6 cases,
    its kecamatan nearly always; enough with a street or its kecamatan beside it."""
    codes = [code for code in said.postal if code.startswith(inside)]
    if not codes:
        return None
    is_enough = len(codes) == 1 and (said.streets or (area and area.level == "kecamatan"))
    sure = STREET_IN_KECAMATAN if is_enough else SURE_GUESS
    others = candidates_of(said, dict.fromkeys(codes[1:], sure))
    return Settled(area=said.pack.areas[codes[0]], confidence=sure, candidates=others)


def by_name_in_street(said: Said, area: Area | None, inside: str) -> Settled | None:
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
        area=said.pack.areas[codes[0]], confidence=SAME_NAME_GUESS, candidates=candidates_of(said, others)
    )


def by_family(said: Said, inside: str) -> Settled | None:
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


def alone(said: Said, area: Area | None, *, named: bool) -> Settled:
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
        candidates=candidates_of(said, others),
        named=named,
    )
