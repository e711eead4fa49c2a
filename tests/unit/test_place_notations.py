"""Coordinates in every notation, and links that hold a point: read as one, and taken out of public words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.cells import metres_between
from normalizer.coordinates import point_in
from normalizer.public_words import without_address
from normalizer.text import clean

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
MONAS = (-6.175392, 106.827153)
NOTATIONS = [
    "-6,175392 106,827153",
    "-6,175392,106,827153",
    "6,175392 LS 106,827153 BT",
    "S 6.175392 E 106.827153",
    "S06.175392 E106.827153",
    "\u22126.175392, 106.827153",
    "\u20136.175392; 106.827153",
    "6.175392, 106.827153",
    "106.827153 6.175392",
    "-6.175392\u00b0, 106.827153\u00b0",
    "+106.827153-6.175392/",
    "lat -6.175392 long 106.827153",
    "lat: -6.175392, lng: 106.827153",
    "Latitude : -6.175392\nLongitude : 106.827153",
    "lintang -6.175392 bujur 106.827153",
    "X: 106.827153 Y: -6.175392",
    "S6\u00b010'31.4\" E106\u00b049'37.8\"",
    "6\u00b0 10' 31.4\" LS dan 106\u00b0 49' 37.8\" BT",
    "6\u00b0 10' 31.4\" LS - 106\u00b0 49' 37.8\" BT",
    "-6\u00b0 10' 31.4\", 106\u00b0 49' 37.8\"",
    "6\u00b010.523'S 106\u00b049.629'E",
    "S 6\u00b0 10.523' E 106\u00b0 49.629'",
    "6\u00b010\u00b431.4\u00b4\u00b4S 106\u00b049\u00b437.8\u00b4\u00b4E",
    "6d10m31.4s S 106d49m37.8s E",
    "6 derajat 10 menit 31,4 detik LS, 106 derajat 49 menit 37,8 detik BT",
    "\uff0d\uff16\uff0e\uff11\uff17\uff15\uff13\uff19\uff12\uff0c\uff11\uff10\uff16\uff0e\uff18\uff12\uff17\uff11\uff15\uff13",
    "geo:0,0?q=-6.175392,106.827153(Monas)",
    "https://www.google.com/maps/search/-6.175392,+106.827153",
    "https://www.google.com/maps/place/6%C2%B010'31.4%22S+106%C2%B049'37.8%22E/@-6.19,106.82,17z",
    "https://www.waze.com/live-map/directions?to=ll.-6.175392%2C106.827153",
    "https://waze.com/ul?ll=-6.175392,106.827153&navigate=yes",
    "https://waze.com/ul/hqqguygv1tp",
    "https://osm.org/go/tZ_vP2HNT--?m=",
    "https://www.openstreetmap.org/node/1?lat=-6.175392&lon=106.827153",
    "https://www.bing.com/maps?cp=-6.175392~106.827153&lvl=17",
    "https://yandex.com/maps/?ll=106.827153%2C-6.175392&z=17",
]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_point_is_read_in_every_notation(notation: str) -> None:
    point = point_in(clean(f"Lampu mati di {notation} tolong"), PACK)
    assert point
    assert metres_between(point.lat, point.long, *MONAS) < 20


@pytest.mark.parametrize("notation", NOTATIONS)
def test_what_is_read_as_a_point_is_no_public_word(notation: str) -> None:
    public = without_address(clean(f"Lampu mati di {notation} tolong"))
    assert "[titik]" in public
    assert not any(part in public for part in ("175392", "827153", "31.4", "31,4", "10.523", "qqguy", "tZ_v"))
    assert (public.startswith("Lampu mati di "), public.endswith("tolong")) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "harga naik dari 15.000 menjadi 20.000",
        "denda Rp 6.175 atau 106.827 per hari",
        "15.000 s/d 20.000",
        "kerugian 1.000.000 sampai 106.827.153",
        "jam 06.30 sampai 10.45, suhu 31.5 derajat",
        "https://osm.org/go/0EEQjEEb London",
        "https://waze.com/ul/hu4pruydqq",
        "No. 1.000.000 RT 06/04 telp 0812-3456-7890",
        "2333+ orang",
    ],
)
def test_prices_numbers_and_other_cities_are_no_point(text: str) -> None:
    assert point_in(text, PACK) is None


@pytest.mark.parametrize(
    "text",
    ["harga naik dari 15.000 menjadi 20.000", "denda 6.175 dan 106.827", "15.000 s/d 20.000", "15.000, 2.500"],
)
def test_prices_stay_public(text: str) -> None:
    assert without_address(text) == text


def test_three_points_in_a_row_are_taken_out_whole() -> None:
    assert without_address("a -6.1754, 106.8272; -6.2000, 106.9000 dan") == "a [titik] dan"


@given(
    st.floats(min_value=-6.38, max_value=-5.2).map(lambda lat: f"{lat:.5f}"),
    st.floats(min_value=106.4, max_value=106.99).map(lambda long: f"{long:.5f}"),
    st.sampled_from([", ", " ", ";", " / ", "\n", " dan ", "~", ", long "]),
    st.booleans(),
    st.booleans(),
)
def test_comma_or_point_either_way_round_is_one_place(
    lat: str, long: str, between: str, turned: bool, commas: bool
) -> None:
    written = f"{long}{between}{lat}" if turned else f"{lat}{between}{long}"
    point = point_in(written.replace(".", ",") if commas else written, PACK)
    assert point
    assert (point.lat, point.long) == (float(lat), float(long))


@given(st.text(alphabet="0123456789.,-+\u00b0'\" SELSBTUdms/%2C~\nwaze.com/ulh", max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    point_in(text, PACK)
    without_address(text)
