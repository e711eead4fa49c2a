"""Plus codes become points, short ones in this city."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.coordinates import point_in
from normalizer.plus_codes import middle_of, plus_codes_in

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")


@pytest.mark.parametrize(
    ("digits", "lat", "long"),
    [  # of the specification's own test data
        ("7FG49QCJ2V", 20.3700625, 2.7821875),
        ("7FG49QCJ2VX", 20.3701125, 2.782234375),
        ("7FG49QCJ2VXGJ", 20.3701135, 2.78223535156),
        ("8FVC2222222", 47.0000125, 8.000015625),
    ],
)
def test_a_code_is_the_middle_of_its_area(digits: str, lat: float, long: float) -> None:
    assert middle_of(digits) == pytest.approx((lat, long), abs=1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "6P58RRFG+R2",
        "lampu mati di 6p58rrfg+r2",
        "RRFG+R2 Jakarta",
        "posisi RRFG+R2, Gambir",
        "https://plus.codes/6P58RRFG%2BR2",
        "https://www.google.com/maps/place/RRFG%2BR2+Gambir",
    ],
)
def test_a_plus_code_is_read_out_of_text_and_links(text: str) -> None:
    point = point_in(text, PACK)
    assert point
    assert (round(point.lat, 3), round(point.long, 3)) == (-6.175, 106.825)


@pytest.mark.parametrize(
    "text", ["2345+67", "telepon +62812345678", "8FVC2222+22 Zürich", "C+H", "AAAA+AA", "RRFG+R"]
)
def test_what_is_no_code_of_this_city_is_no_point(text: str) -> None:
    assert point_in(text, PACK) is None


@given(st.text(alphabet="23456789CFGHJMPQRVWXaeiou+ %2B", max_size=40))
def test_any_text_is_read_without_an_error(text: str) -> None:
    list(plus_codes_in(text))
    point_in(text, PACK)
