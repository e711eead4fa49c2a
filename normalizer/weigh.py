"""What a whole message says for each area that it names: a name beside its kecamatan counts more."""

from collections.abc import Sequence

from config.pack import Area
from normalizer.mentions import IN_STREET, ORDINARY_WORD, Mention

NEAR_KECAMATAN, IN_KECAMATAN, IN_KOTA, ELSEWHERE = 0.8, 0.5, 0.25, -0.5
SAME_NAME = 0.45  # of the weight: a name that a kelurahan shares with a kecamatan means the kecamatan


def _is_in(area: Area, other: Area) -> bool:
    return area.code.startswith(f"{other.code}.")


def weigh(mentions: Sequence[Mention]) -> dict[str, float]:
    """Give each area that is named, by its code, what the whole message says for it."""
    scores: dict[str, float] = {}
    for mention in mentions:
        for area in mention.areas:
            score = _own(mention, area) + _support(mention, area, mentions)
            scores[area.code] = max(score, scores.get(area.code, score))
    return scores


def _own(mention: Mention, area: Area) -> float:
    if mention.level:
        return mention.weight if area.level == mention.level else 0.0
    if area.level == "kelurahan" and any(other.level == "kecamatan" for other in mention.areas):
        return mention.weight * SAME_NAME
    return mention.weight


def _says_it_again(mention: Mention, other: Mention) -> bool:
    """Whether a name is said twice, not first for the kelurahan and right behind it for the kecamatan: "Koja
    banjir, tolong Koja" is no surer than Koja."""
    is_same = mention.areas == other.areas and not mention.level and not other.level
    return is_same and other.first != mention.last


def _support(mention: Mention, area: Area, mentions: Sequence[Mention]) -> float:
    """What the other names add: its kecamatan or city beside it or elsewhere, or another city altogether."""
    support = 0.0
    if not mention.weight:
        return support  # "bukan di Cikini, Menteng"
    for other in mentions:
        if other is mention or other.weight < IN_STREET or _says_it_again(mention, other):
            continue
        parents = [parent for parent in other.areas if _is_in(area, parent)]
        if any(parent.level == "kecamatan" for parent in parents):
            near = 0 <= other.first - mention.last <= 1
            strong = near or mention.weight > ORDINARY_WORD
            support = max(support, (NEAR_KECAMATAN if near else IN_KECAMATAN) if strong else 0.2)
        elif parents:
            support = max(support, IN_KOTA)
        elif all(far.level == "kota" for far in other.areas):
            support += ELSEWHERE
    return support
