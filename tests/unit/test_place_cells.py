"""Points become kelurahan through the cell table."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.cells import area_at, cells_of, in_bounds, outline_of

ROOT = Path(__file__).resolve().parents[2]
PACK = load_pack(ROOT / "config" / "jakarta")
SHARED = ROOT.parent / "shared"


@pytest.mark.parametrize(
    ("lat", "long", "kelurahan"),
    [
        (-6.1754, 106.8272, "Gambir"),  # Monas
        (-6.1352, 106.8133, "Pinangsia"),  # Kota Tua
        (-6.1577, 106.9087, "Kelapa Gading Timur"),
        (-5.7453, 106.6136, "Pulau Panggang"),  # Pulau Pramuka
    ],
)
def test_a_well_known_point_lies_in_its_kelurahan(lat: float, long: float, kelurahan: str) -> None:
    assert area_at(PACK, lat, long)[0].name == kelurahan


def test_a_pier_near_a_coarse_island_belongs_to_it() -> None:
    assert [area.name for area in area_at(PACK, -5.7977, 106.502)] == ["Pulau Tidung"]


@pytest.mark.parametrize(
    ("lat", "long"),
    [
        (-6.365, 106.827),  # Depok
        (-6.2383, 106.9756),  # Bekasi
        (0.0, 0.0),
        (106.8272, -6.1754),  # lat and long exchanged: a pin is never turned round
        (6.1754, 106.8272),  # the wrong hemisphere
        (float("nan"), float("nan")),
        (float("inf"), 106.8),
    ],
)
def test_a_point_outside_lies_nowhere(lat: float, long: float) -> None:
    assert area_at(PACK, lat, long) == ()


def test_a_border_keeps_its_candidates() -> None:
    near_border = [
        area_at(PACK, -6.2443 + step / 10_000, 106.7981) for step in range(-20, 21)
    ]  # north to south through a road that divides two kelurahan
    assert any(len(areas) >= 2 for areas in near_border)
    assert all(areas for areas in near_border)


@given(st.floats(), st.floats())
def test_any_two_numbers_never_raise(lat: float, long: float) -> None:
    areas = area_at(PACK, lat, long)
    assert areas == () or in_bounds(PACK, lat, long)


@given(st.floats(-6.4, -6.05), st.floats(106.65, 107.0))
def test_areas_near_the_city_are_kelurahan(lat: float, long: float) -> None:
    assert all(area.level == "kelurahan" for area in area_at(PACK, lat, long))


def test_an_area_is_drawn_by_its_cells_around_its_middle() -> None:
    area = PACK.areas["31.74.01.1007"]
    boundaries = cells_of(PACK, area.code)
    points = [point for boundary in boundaries for point in boundary]
    assert len(boundaries) > 50
    assert min(lat for lat, _ in points) < area.lat < max(lat for lat, _ in points)
    assert min(long for _, long in points) < area.long < max(long for _, long in points)


def test_a_kecamatan_is_drawn_by_the_cells_of_its_kelurahan() -> None:
    parts = [code for code in PACK.areas if code.startswith("31.74.01.")]
    assert len(cells_of(PACK, "31.74.01")) == sum(len(cells_of(PACK, code)) for code in parts)


def test_every_area_has_an_outline() -> None:
    for code in PACK.areas:
        assert all(len(ring) > 3 for ring in outline_of(PACK, code))
        assert outline_of(PACK, code)


def test_an_unknown_code_has_no_cells() -> None:
    assert cells_of(PACK, "99.99") == []
    assert outline_of(PACK, "99.99") == []


def test_all_point_checks_come_out_right() -> None:
    path = SHARED / "data" / "admin" / "point_checks.csv"
    if not path.exists():
        pytest.skip(f"not here: {path}")
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            codes = [area.code for area in area_at(PACK, float(row["lat"]), float(row["lon"]))]
            expected = [row["expected_kode"]] if row["expected_kode"] else []
            assert codes[:1] == expected, row["place"]


def test_the_stops_on_border_roads_find_their_kelurahan() -> None:
    path = SHARED / "data" / "gazetteer" / "transit_stops.csv"
    if not path.exists():
        pytest.skip(f"not here: {path}")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [
        ([area.code for area in area_at(PACK, float(row["lat"]), float(row["lon"]))], row["kode"]) for row in rows
    ]
    assert sum(kode in codes for codes, kode in found) / len(found) >= 0.99
    assert sum(codes[:1] == [kode] for codes, kode in found) / len(found) >= 0.91
