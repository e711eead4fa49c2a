"""Names of areas by the words around them: homes, denials, routes, persons, days."""

from pathlib import Path

import pytest

from config.pack import load_pack
from normalizer.place import Told, told_by
from normalizer.tokens import words_of

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
ASK = PACK.settings["place_threshold"]


def told(text: str) -> Told:
    return told_by(words_of(text), PACK)


def name_of(text: str) -> str | None:
    found = told(text).area
    return found.name if found else None


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("saya warga Tebet Timur, di Senayan banyak sampah", "Senayan"),
        ("Kami warga RT 5 RW 3 Kelurahan Tebet Timur, Kec. Tebet, mau lapor lampu mati di Senayan", "Senayan"),
        ("rumah saya di Cibubur, kantor di Cawang, got depan kantor mampet", "Cawang"),
        ("KTP saya Cipinang Melayu, kejadian di Bidara Cina", "Bidara Cina"),
        ("tinggal di pondok kelapa, tiap hari lewat Klender jalannya rusak", "Klender"),
        ("rumah saya di Depok, mau lapor jalan rusak di Lenteng Agung", "Lenteng Agung"),
        ("saya orang Depok tiap hari lewat Lenteng Agung, jalannya bolong", "Lenteng Agung"),
        # nothing else says where it is
        ("saya tinggal di Manggarai, air PAM mati", "Manggarai"),
        ("warga Manggarai resah, banyak begal", "Manggarai"),
        ("rumah warga di Bukit Duri terendam, air dari Manggarai", "Bukit Duri"),
        ("Warga Tebet Timur, di Tebet banyak sampah", "Tebet Timur"),
        ("air kiriman dari Manggarai masuk ke Bukit Duri", "Bukit Duri"),
        ("rumah di Kampung Melayu kena banjir kiriman Bogor", "Kampung Melayu"),
    ],
)
def test_where_somebody_lives_gives_way_to_where_it_is(text: str, kelurahan: str) -> None:
    assert name_of(text) == kelurahan
    assert told(text).confidence >= ASK


@pytest.mark.parametrize("text", ["rumah saya di Pekayon Bekasi", "saya tinggal di Cempaka Putih, Ciputat"])
def test_a_home_in_a_neighbouring_city_is_none_of_ours(text: str) -> None:
    assert name_of(text) is None


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("bukan di Menteng tapi di Gondangdia", "Gondangdia"),
        ("bukan cikini melainkan gondangdia", "Gondangdia"),
        ("lokasinya bukan kel. Cikini, Menteng, tapi Gondangdia", "Gondangdia"),
        ("bukan di Manggarai saja", "Manggarai"),
        ("bukan pak, di Bukit Duri", "Bukit Duri"),
        ("bukan. Bukit Duri", "Bukit Duri"),
        ("bukan di stasiun Cikini tapi di stasiun Gondangdia", "Kebon Sirih"),
        ("bukan depan pasar Rumput tapi depan pasar Manggis", "Pasar Manggis"),
        ("bukan di pasar rumput", None),
        ("bukan di Manggarai", None),
    ],
)
def test_a_place_that_is_denied_is_none(text: str, kelurahan: str | None) -> None:
    assert name_of(text) == kelurahan


@pytest.mark.parametrize(
    "text",
    [
        "macet dari Cawang sampai Pancoran",
        "jalan rusak dari Pluit ke Kapuk",
        "koridor 5 Ancol-Kampung Melayu lama",
        "JAK 41 Kampung Melayu Pulo Gebang ngebut",
        "bus 6A Ragunan - Monas telat",
        "antara Menteng dan Cikini gelap",
        "dark street between Cawang and Cililitan",
        "perbatasan Tebet Timur dan Bukit Duri",
    ],
)
def test_how_far_something_goes_is_a_question(text: str) -> None:
    assert told(text).confidence < ASK


def test_a_route_asks_for_both_its_ends() -> None:
    found = told("jalan rusak dari Pluit ke Kapuk")
    assert found.area
    assert (found.area.name, [PACK.areas[each.area_code].name for each in found.candidates]) == (
        "Pluit",
        ["Kapuk"],
    )


@pytest.mark.parametrize(
    "text",
    ["Manggarai - Tebet banjir", "kel Manggarai-Tebet", "angkot ngetem di Manggarai", "halte busway Manggarai"],
)
def test_a_name_before_its_kecamatan_or_behind_a_line_is_no_route(text: str) -> None:
    assert (name_of(text), told(text).confidence >= ASK) == ("Manggarai", True)


def test_a_block_of_houses_is_no_place() -> None:
    for text in ("Jl Mawar Blok M No. 7", "perumahan indah blok S 12"):
        found = told(text).area
        assert found is None or found.name != "Kebayoran Baru"
    assert name_of("Blok M gelap") == "Kebayoran Baru"


@pytest.mark.parametrize(
    "text", ["ada pak Tomang jualan miras", "pak halim jual miras", "pohon bintaro tumbang", "nama saya Cikini"]
)
def test_a_person_or_a_tree_is_no_sure_place(text: str) -> None:
    assert told(text).confidence < ASK


@pytest.mark.parametrize(
    "text",
    ["tolong pak Manggarai banjir", "Pak Manggarai banjir pak", "lurah Manggarai", "pohon tumbang di Manggarai"],
)
def test_who_is_spoken_to_is_not_called_so(text: str) -> None:
    assert (name_of(text), told(text).confidence >= ASK) == ("Manggarai", True)


@pytest.mark.parametrize("text", ["hari senen kemarin", "tiap senen", "senen pagi", "sejak senen malam"])
def test_a_day_of_the_week_is_no_place(text: str) -> None:
    assert name_of(f"Manggarai gelap {text}") == "Manggarai"
    assert told(f"Manggarai gelap {text}").candidates == ()
    assert told(f"lampu mati {text}").confidence < 0.4
    assert name_of("di Senen pagi ini macet") == "Senen"


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("parkir liar di depan Plaza Senayan", "Gelora"),
        ("pasar induk beras cipinang becek", "Pisangan Timur"),
        ("stasiun palmerah banyak pkl", "Gelora"),
        ("lapas cipinang temboknya retak", "Cipinang Besar Utara"),
        ("rs marinir cilandak macet", "Cilandak Timur"),
        ("RS Gading Pluit parkirnya luber", "Pegangsaan Dua"),
        ("pasar waru doyong becek", "Pisangan Timur"),
    ],
)
def test_a_place_lies_where_we_know_it_not_where_its_name_says(text: str, kelurahan: str) -> None:
    found = told(text)
    assert found.area
    assert (found.area.name, found.confidence) == (kelurahan, 0.65)


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("pasar kali anyar becek", "Kali Anyar"),
        ("depan RS Pondok Kelapa banjir", "Pondok Kelapa"),
        ("mal Utan Panjang sampahnya numpuk", "Utan Panjang"),
    ],
)
def test_a_market_or_a_hospital_that_we_do_not_know_may_be_next_door(text: str, kelurahan: str) -> None:
    assert name_of(text) == kelurahan
    assert told(text).confidence < ASK


def test_what_is_called_after_a_kelurahan_is_not_sure_beside_its_kecamatan() -> None:
    found = told("pasar kali anyar, Tambora becek")
    assert found.area
    assert (found.area.name, found.confidence) == ("Kali Anyar", 0.6)


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("stasiun manggarai eskalatornya rusak", "Manggarai"),
        ("terminal pulo gebang gelap", "Pulo Gebang"),
        ("di Menteng Atas dekat pasar Rumput banyak sampah", "Menteng Atas"),
        ("puskesmas kelurahan Rawa Terate tutup", "Rawa Terate"),
        ("sampah di Pasar Minggu kel. Jati Padang", "Jati Padang"),
    ],
)
def test_where_a_place_lies_in_what_it_is_called_after_nothing_changes(text: str, kelurahan: str) -> None:
    assert name_of(text) == kelurahan


@pytest.mark.parametrize(
    "text",
    [
        "jl otista arah terminal kampung melayu macet",
        "bus tujuan terminal Kalideres sopirnya ugal-ugalan",
        "angkot jurusan pasar rumput ngetem",
        "macet sampai depan pasar rumput",
    ],
)
def test_a_place_where_something_leads_is_a_question(text: str) -> None:
    assert told(text).confidence < ASK


def test_who_is_called_to_a_place_is_called_there() -> None:
    assert name_of("tolong kirim damkar ke pasar rumput, kebakaran") == "Pasar Manggis"
    assert told("tolong kirim damkar ke pasar rumput, kebakaran").confidence >= ASK


def test_a_street_is_not_where_it_leads() -> None:
    found = told("Jl Cipinang Jaya arah stasiun palmerah rusak")
    assert found.area
    assert found.area.name != "Gelora"
    assert found.landmark is None


@pytest.mark.parametrize(
    "text",
    [
        "pak Tomang yang jaga pos ronda sering mabuk",
        "Pak Tomang tetangga saya bakar sampah tiap sore",
        "bang Manggarai ketua RT kami pungli",
        "Lapor, pak Klender tetangga kami bakar sampah",
    ],
)
def test_whom_something_personal_is_told_of_is_no_place_for_sure(text: str) -> None:
    assert told(text).confidence < ASK


@pytest.mark.parametrize(
    "text", ["pak Tomang banjir lagi nih", "bang manggarai macet", "pak cawang yg deket UKI macet"]
)
def test_who_is_spoken_to_of_a_place_is_not_called_so(text: str) -> None:
    assert name_of(text) in {"Tomang", "Manggarai", "Cawang"}


@pytest.mark.parametrize(
    "text", ["Pak Menteng Dalam dari kemarin gelap", "tolong pak Menteng Dalam dari jam 5 banjir"]
)
def test_since_when_something_is_so_tells_of_no_person(text: str) -> None:
    assert (name_of(text), told(text).confidence >= ASK) == ("Menteng Dalam", True)
    assert told("tolong pak Menteng Dalam dari RT 5 bakar sampah").confidence < ASK
