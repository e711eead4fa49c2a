"""Areas by their names: each by its full one, homonyms by what stands around them, slips by what they are near."""

import pytest

from config.pack import load_pack
from config.settings import ROOT
from router.area_names import areas_named, full_name

PACK = load_pack(ROOT / "config" / "jakarta")


@pytest.mark.parametrize("area", PACK.areas.values(), ids=lambda area: area.code)
def test_each_area_is_found_by_its_code_and_by_its_full_name(area) -> None:  # type: ignore[no-untyped-def]
    assert areas_named(PACK, area.code) == [area]
    assert areas_named(PACK, full_name(area)) == [area]


@pytest.mark.parametrize("area", PACK.areas.values(), ids=lambda area: area.code)
def test_each_area_is_among_those_that_its_bare_name_means(area) -> None:  # type: ignore[no-untyped-def]
    assert area in areas_named(PACK, f"tolong {area.name} dong kak")


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("Menteng", ["31.71.06", "31.71.06.1001"]),
        ("menteng jakpus", ["31.71.06", "31.71.06.1001"]),
        ("kel. Menteng", ["31.71.06.1001"]),
        ("mentenk", ["31.71.06", "31.71.06.1001"]),
        ("Jatinegara, Cakung", ["31.75.06.1001"]),
        ("", []),
        ("Wakanda", []),
        ("x" * 10_000, []),
    ],
)
def test_a_name_means_what_its_words_allow(said: str, codes: list[str]) -> None:
    assert [area.code for area in areas_named(PACK, said)] == codes
