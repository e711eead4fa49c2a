"""Which area somebody means who names one: by its name in any words, told apart by what it lies in."""

from collections.abc import Sequence

from config.pack import Area, Pack
from normalizer.gazetteer import fold, gazetteer
from normalizer.mentions import Mention, mentions_in
from normalizer.misspelt import strange_in
from normalizer.tokens import words_of
from router.agencies import lies_in

LONGEST = 100  # letters that are read


def areas_named(pack: Pack, said: str) -> list[Area]:
    """The areas that these words, or a code, may mean, the largest first; several where no word tells them apart.

    "Menteng" means a kecamatan and a kelurahan, "kelurahan Menteng" and "Kebayoran Baru, Jakarta Selatan" one
    area. A name with one wrong letter counts where no name is right.
    """
    if (area := pack.areas.get(said.strip())) is not None:
        return [area]
    words = words_of(said[:LONGEST])
    folded = [fold(token) for token in words.tokens]
    found = mentions_in(words, folded, gazetteer(pack), (), strange_in(words, frozenset()))
    found = [each for each in found if each.exact] or found
    meant = {
        area.code: (area, _agreeing(area, mention, found)) for mention in found for area in _at_level(mention)
    }
    most = max((agreeing for _, agreeing in meant.values()), default=0)
    areas = [area for area, agreeing in meant.values() if agreeing == most]
    return sorted(areas, key=lambda area: (len(area.code), area.code))


def _at_level(mention: Mention) -> Sequence[Area]:
    """Those of the level that stands before the name, where one does."""
    return [area for area in mention.areas if mention.level in {None, area.level}]


def _agreeing(area: Area, own: Mention, found: Sequence[Mention]) -> int:
    """How many of the other names are of what this area lies in."""
    others = (each for each in found if each is not own)
    return sum(any(lies_in(area.code, wider.code) for wider in _at_level(other)) for other in others)


def full_name(area: Area) -> str:
    """`Kelurahan Menteng, Kecamatan Menteng`: the name alone may be that of two."""
    if area.level == "kota":
        return area.name
    name = f"{area.level.capitalize()} {area.name}"
    return f"{name}, Kecamatan {area.kecamatan}" if area.kecamatan else name
