"""Short names with a wrong letter, read only where their kecamatan stands beside them: "Gaulr, Johar Baru"."""

from collections.abc import Iterator, Sequence

from config.pack import Area
from normalizer.gazetteer import Gazetteer
from normalizer.mentions import SHORT_MISTAKE, Mention
from normalizer.misspelt import SHORTEST, is_one_off


def misspelt_beside(
    found: Sequence[Mention], folded: Sequence[str], strange: Sequence[bool], names: Gazetteer
) -> Iterator[Mention]:
    """Give the kelurahan whose short name a strange word right beside its kecamatan misses by a letter."""
    taken = {spot for mention in found for spot in range(mention.first, mention.last)}
    for mention in found:
        for spot in (mention.first - 1 - (mention.level is not None), mention.last):
            if (
                spot not in taken
                and 0 <= spot < len(folded)
                and strange[spot]
                and len(folded[spot]) <= SHORTEST + 1
            ):
                meant = _meant(folded[spot], mention.areas, names)
                if len(meant) == 1:
                    yield Mention(areas=meant, first=spot, last=spot + 1, weight=SHORT_MISTAKE, exact=False)


def _meant(word: str, kecamatan: Sequence[Area], names: Gazetteer) -> tuple[Area, ...]:
    inside = tuple(f"{area.code}." for area in kecamatan if area.level == "kecamatan")
    near = [area for name in names.short if is_one_off(name, word) for area in names.areas[name]]
    return tuple(area for area in near if area.code.startswith(inside)) if inside else ()
