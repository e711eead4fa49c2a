"""Places in the words of a message, and how they meet a pin and a photo."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.coordinates import point_in
from normalizer.place import place_of, told_by
from normalizer.public_words import without_address
from normalizer.rt_rw import rt_rw_in
from normalizer.schema import Place, Position
from normalizer.tokens import words_of

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
MONAS = Position(lat=-6.1754, long=106.8272)


def place(text: str, *, pin: Position | None = None, photo: Position | None = None) -> Place | None:
    return place_of(told_by(words_of(text), PACK), PACK, pin=pin, photo=photo)


def area(text: str) -> tuple[str | None, str | None]:
    found = place(text)
    return (found.kelurahan, found.kecamatan) if found else (None, None)


@pytest.mark.parametrize("form", ["Jl. Melati Raya, {}, {}", "jl melati raya no 5 kelurahan {} kecamatan {}"])
def test_an_address_as_people_write_it_is_no_question_in_any_kelurahan(form: str) -> None:
    asked = []
    for each in PACK.areas.values():
        if each.level == "kelurahan":
            found = place("Lampu mati di " + form.format(each.name, each.kecamatan))
            if found is None or found.area_code != each.code or found.confidence < 0.6:
                asked.append(each.name)
    assert asked == []


@pytest.mark.parametrize(
    ("text", "kelurahan", "kecamatan"),
    [
        ("banjir di kelurahan Manggarai", "Manggarai", "Tebet"),
        ("got mampet manggarai, tebet", "Manggarai", "Tebet"),
        ("sampah di rawabadak utara", "Rawa Badak Utara", "Koja"),
        ("sampah di Rawa Badak Utr.", "Rawa Badak Utara", "Koja"),
        ("lampu mati di kp melayu", "Kampung Melayu", "Jatinegara"),
        ("jalan rusak di tj barat", "Tanjung Barat", "Jagakarsa"),
        ("lubang buaya banjir lagi", "Lubang Buaya", "Cipayung"),
        ("jl h naman pondok kelapa bolong", "Pondok Kelapa", "Duren Sawit"),
        ("Jl. Kemang Utara, kel. Bangka", "Bangka", "Mampang Prapatan"),
        ("got di setu, cipayung mampet", "Setu", "Cipayung"),
        ("kel menteng kec menteng", "Menteng", "Menteng"),
        ("benhil gelap", "Bendungan Hilir", "Tanah Abang"),
        ("jatinegara cakung banjir", "Jatinegara", "Cakung"),
    ],
)
def test_a_kelurahan_is_found_in_any_spelling(text: str, kelurahan: str, kecamatan: str) -> None:
    assert area(text) == (kelurahan, kecamatan)


def test_a_kelurahan_is_no_stop_that_is_called_after_it() -> None:
    found = place("lampu mati di Kelurahan Semper Barat")

    assert found
    assert found.address_string == "Semper Barat, Cilincing, Jakarta Utara"


@pytest.mark.parametrize(
    "text", ["jalan rusak di Menteng", "banjir di Tebet", "macet di Pasar Minggu", "sampah jatinegara"]
)
def test_a_name_shared_with_a_kecamatan_is_no_sure_kelurahan(text: str) -> None:
    found = place(text)
    assert found
    assert found.kecamatan
    assert found.confidence < PACK.settings["place_threshold"]
    if found.kelurahan:
        assert [PACK.areas[other.area_code].level for other in found.candidates] == ["kecamatan"]


@pytest.mark.parametrize(
    "text",
    [
        "ada jalan baru yang rusak",
        "pohon karet tumbang",
        "buah rambutan busuk dibuang",
        "di tengah jalan ada lubang",
        "setu kotor banyak sampah",
        "jembatan besi berkarat",
        "gunung sampah",
        "jual beras 5 kg",
        "Lampu Mati Di Tengah Jalan",
        "di gunung ada kabut",
        "ketua rw 5 baru",
    ],
)
def test_an_ordinary_word_is_no_sure_place(text: str) -> None:
    found = place(text)
    assert found is None or found.confidence < PACK.settings["place_threshold"]


@pytest.mark.parametrize("text", ["banjir di mangarai", "sampah di kemangisan", "lampu mati rawamanggun"])
def test_one_wrong_letter_in_a_long_name_is_forgiven(text: str) -> None:
    kelurahan, _ = area(text)
    assert kelurahan in {"Manggarai", "Kemanggisan", "Rawamangun"}


@pytest.mark.parametrize(
    ("text", "kota"),
    [
        ("jaksel banjir", "Kota Administrasi Jakarta Selatan"),
        ("di jakbar gelap", "Kota Administrasi Jakarta Barat"),
        ("West Jakarta, dark", "Kota Administrasi Jakarta Barat"),
    ],
)
def test_a_city_alone_is_known_and_not_enough(text: str, kota: str) -> None:
    found = place(text)
    assert found
    assert found.kota == kota
    assert found.confidence < PACK.settings["place_threshold"]


def test_a_neighbouring_city_is_not_ours() -> None:
    assert area("banjir di pekayon bekasi") == (None, None)
    assert area("macet di cawang arah bekasi")[0] == "Cawang"


@pytest.mark.parametrize(
    ("text", "rt", "rw"),
    [
        ("RT 003/RW 09", 3, 9),
        ("rt.3 rw.9", 3, 9),
        ("RT/RW 03/09", 3, 9),
        ("rt 01/11", 1, 11),
        ("RT03RW09", 3, 9),
        ("rw 5 rt 2", 2, 5),
        ("RT 4, RW IV", 4, 4),
        ("rt 012 / rw 012", 12, 12),
        ("RW 07", None, 7),
        ("rt 16", 16, None),
        ("tidak ada", None, None),
        ("smart rwanda", None, None),
        ("RT VI/RW IV", 6, 4),
        ("RT VI/IV", 6, 4),
        ("RT no 6 RW no 4", 6, 4),
        ("RT#06/RW#04", 6, 4),
        ("R.T. 06 / R.W. 04", 6, 4),
        ("r t 06 r w 04", 6, 4),
        ("Rukun Tetangga 06 Rukun Warga 04", 6, 4),
        ("erte 6 erwe 4", 6, 4),
        ("rt enam rw dua belas", 6, 12),
        ("rt dua puluh satu rw tiga", 21, 3),
        ("RT_06_RW_04", 6, 4),
        ("RT O6 RW O4", 6, 4),
        ("RT 06.04", 6, 4),
        ("RT 06 04", 6, 4),
        ("RW/RT 04/06", 6, 4),
        ("RT 06 di RW 04", 6, 4),
        ("RT\n06\nRW\n04", 6, 4),
        ("RT 01-05 RW 04", 1, 4),
        ("RT 01, 02 dan 03 RW 04", 1, 4),
        ("RT 6/4/2026", 6, None),
        ("RT 021-5551234", None, None),
        ("RT 10.000 warga", None, None),
        ("RW XVII", None, 17),
        ("RT xix rw iii", 19, 3),
        ("RT VIII/XII", 8, 12),
        ("RT xx RW xx", None, None),
        ("RW iix", None, None),
        ("rw vvv", None, None),
        ("RT @warga: RW 5 banjir", None, 5),
        ("RT i love Jakarta", None, None),
        ("rtnya 5 rw nya 12", 5, 12),
        ("RT/RW 003.004", 3, 4),
        ("RT & RW 03 & 04", 3, 4),
        ("rt enambelas, rw duabelas", 16, 12),
        ("RT sebelas", 11, None),
        ("di rw dua belas gelap", None, 12),
        # what is counted is no unit
        ("pak RT 2 kali dilapori", None, None),
        ("pak rt dua kali dilapori", None, None),
        ("RT satu-satunya yang peduli", None, None),
        ("lapor ke RT 2 minggu lalu", None, None),
        ("ke RW 3 bulan lalu", None, None),
        ("RT 02 minggu lalu banjir", 2, None),
        ("RT 3 hari ini banjir", 3, None),
        ("iuran RT 500 ribu", None, None),
        ("rt 150 rw 4", None, 4),
    ],
)
def test_rt_and_rw_are_read_in_any_spelling(text: str, rt: int | None, rw: int | None) -> None:
    found = rt_rw_in(text)
    assert (found.rt, found.rw) == (rt, rw)


@pytest.mark.parametrize(
    "units",
    ["RT 5/RW 3", "RT06/RW04", "rt enam rw empat", "RT VI/IV", "Rukun Tetangga 6", "R.T. 06", "erte 6", "RT.6"],
)
def test_neighbours_are_not_told_by_their_rt_in_any_spelling(units: str) -> None:
    assert without_address(f"bising di {units} malam", at_homes=True) == "bising di [RT] malam"
    assert without_address("pak RT bilang RW kami bising", at_homes=True) == "pak RT bilang RW kami bising"


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("got mampet di Jl. Anggrek Neli Murni No. 12, Kemanggisan", "Jl. Anggrek Neli Murni No. 12"),
        ("jl sukajaya 2 jelambar baru", "jl sukajaya 2"),
        ("Jalan Haji Dogol Pondok Bambu ketimbun", "Jalan Haji Dogol"),
        ("gang E1 RT 03/09", "gang E1"),
        ("lampu di jl anggrek mati", "jl anggrek"),
        ("Jl. Mawar Kav. 12 Blok B3 No 5, Tomang", "Jl. Mawar Kav. 12 Blok B3 No. 5"),
        ("Jl. H. R. Rasuna Said Kav. C-22", "Jl. H. R. Rasuna Said Kav. C-22"),
        ("jl mawar blok c no 5", "jl mawar Blok c No. 5"),
        ("street light out, Sudirman Street", "Sudirman Street"),
        # neither sums nor telephones are houses
        ("Jl. Mawar No. 1.000.000", "Jl. Mawar"),
        ("Jl. Mawar No. 0812-3456-7890", "Jl. Mawar"),
        ("Jl Mawar no 081234567890, Tomang", "Jl Mawar"),
        ("Jl Mawar no 12-345-678", "Jl Mawar"),
    ],
)
def test_a_street_goes_as_far_as_its_name(text: str, street: str) -> None:
    assert told_by(words_of(text), PACK).street == street


@pytest.mark.parametrize(
    "text", ["jalan rusak parah", "jalan cuma 3 meter", "orang jalan kaki", "masih jalan terus",
             "mobil parkir di jalan sehingga macet", "tolong jalan tersebut diaspal", "lubang di jalan membahayakan",
             "genangan di jalanan beraspal", "jalan semakin gelap"]
)  # fmt: skip
def test_jalan_alone_is_no_street(text: str) -> None:
    assert told_by(words_of(text), PACK).street == ""


def test_a_kelurahan_in_a_streets_name_is_not_sure_beside_its_kecamatan() -> None:
    found = place("got mampet Jalan Cikini Raya, Menteng")
    assert found
    assert (found.kelurahan, found.confidence) == ("Cikini", 0.6)


def test_a_landmark_is_known_by_its_english_name() -> None:
    found = place("broken lamp near Tebet station")
    assert found
    assert found.address_string == "Stasiun Tebet, Tebet Timur, Tebet, Jakarta Selatan"


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("pothole near Fatmawati MRT station", "Cilandak Barat"),
        ("broken roof at Buaran bus stop", "Klender"),
        ("Sunter lake is full of garbage", "Sunter Agung"),
    ],
)
def test_what_a_landmark_is_stands_behind_its_name_in_english(text: str, kelurahan: str) -> None:
    found = place(text)
    assert found
    assert found.kelurahan == kelurahan


def test_a_cry_is_a_name_all_the_same() -> None:
    assert area("banjirrrr di manggaraiiiii") == ("Manggarai", "Tebet")


def test_the_address_is_one_line_as_people_write_it() -> None:
    found = place("banjir di Jl. Warakas IV No. 5 RT 03/09 Warakas")
    assert found
    assert found.address_string == "Jl. Warakas IV No. 5, RT 3/RW 9, Warakas, Tanjung Priok, Jakarta Utara"


@pytest.mark.parametrize(
    "text",
    [
        "-6.1754, 106.8272",
        "posisi -6.1754 106.8272 ya",
        "106.8272, -6.1754",
        "6.1754 S, 106.8272 E",
        "6.1754° LS 106.8272° BT",
        "6°10'31.4\"S 106°49'37.9\"E",
        "https://maps.google.com/?q=-6.1754,106.8272",
        "https://www.google.com/maps/place/Monas/@-6.2,106.9,15z/data=!3m1!4b1!4m5!3d-6.1754!4d106.8272",
        "https://www.google.com/maps/@-6.1754,106.8272,17z",
        "https://maps.apple.com/?ll=-6.1754,106.8272&q=Monas",
        "https://www.openstreetmap.org/?mlat=-6.1754&mlon=106.8272#map=15/-6.2/106.9",
        "https://www.openstreetmap.org/#map=17/-6.1754/106.8272",
        "https://www.google.com/maps/search/?api=1&query=-6.1754%2C106.8272",
        "geo:-6.1754,106.8272",
    ],
)
def test_a_point_is_read_out_of_text_and_links(text: str) -> None:
    point = point_in(text, PACK)
    assert point
    assert (round(point.lat, 3), round(point.long, 3)) == (-6.175, 106.827)
    found = place(text)
    assert found
    assert (found.source, found.kelurahan) == ("pin", "Gambir")
    assert found.confidence > 0.9


@pytest.mark.parametrize(
    "text", ["https://maps.app.goo.gl/AbC123", "51.507, -0.127", "harga 1.500,000", "0.000, 0.000"]
)
def test_a_point_elsewhere_is_none(text: str) -> None:
    assert point_in(text, PACK) is None


def test_a_pin_goes_before_photo_and_words() -> None:
    photo = Position(lat=-6.1577, long=106.9087)
    found = place("banjir di Manggarai", pin=MONAS, photo=photo)
    assert found
    assert (found.source, found.kelurahan, found.lat, found.long) == ("pin", "Gambir", MONAS.lat, MONAS.long)
    assert "31.74.01.1007" in [other.area_code for other in found.candidates]


def test_a_photo_goes_before_words() -> None:
    found = place("banjir di Manggarai", photo=MONAS)
    assert found
    assert (found.source, found.kelurahan) == ("photo", "Gambir")


def test_words_refine_a_pin() -> None:
    found = place("di Jl. Merdeka Utara RT 01/02", pin=MONAS)
    assert found
    assert found.address_string
    assert found.address_string.startswith("Jl. Merdeka Utara, RT 1/RW 2, Gambir")


def test_words_choose_among_the_candidates_of_a_border() -> None:
    border = Position(lat=-6.2443, long=106.7981)
    names = {area(f"kelurahan {name}")[0] for name in ("Melawai", "Kramat Pela")}
    for step in range(-30, 31):
        point = Position(lat=border.lat, long=border.long + step / 20_000)
        found = place("di kelurahan Melawai", pin=point)
        other = place("di kelurahan Kramat Pela", pin=point)
        assert found
        assert other
        if found.kelurahan != other.kelurahan:
            assert {found.kelurahan, other.kelurahan} == names
            return
    pytest.fail("no border cell between Melawai and Kramat Pela was met")


def test_a_pin_outside_keeps_its_point_and_has_no_area() -> None:
    found = place("banjir", pin=Position(lat=-6.365, long=106.827))
    assert found
    assert (found.area_code, found.lat) == (None, -6.365)
    assert found.confidence < PACK.settings["place_threshold"]


def test_a_pin_outside_leaves_the_word_to_the_text() -> None:
    found = place("banjir di kelurahan Manggarai", pin=Position(lat=-6.365, long=106.827))
    assert found
    assert (found.source, found.kelurahan) == ("text", "Manggarai")


@pytest.mark.parametrize("pin", [Position(lat=0, long=0), Position(lat=float("nan"), long=1), None])
def test_a_pin_that_is_none_is_no_place(pin: Position | None) -> None:
    found = place("banjir", pin=pin)
    assert found is None or found.area_code is None


def test_a_photo_from_the_wrong_hemisphere_is_no_place() -> None:
    assert place("banjir", photo=Position(lat=6.1754, long=106.8272)) is None


def test_a_landmark_of_one_place_is_enough_with_its_kecamatan() -> None:
    landmark = next(mark for mark in PACK.landmarks if mark.name == "SMA Negeri 45 Jakarta")
    found = place("got depan SMA Negeri 45 Jakarta mampet")
    assert found
    assert (found.area_code, found.lat) == (landmark.area_code, landmark.lat)
    assert found.confidence >= PACK.settings["place_threshold"]


def test_a_street_with_its_kecamatan_is_enough_and_a_street_alone_is_not() -> None:
    both, alone = place("jl xyzzy plugh, tebet"), place("jl xyzzy plugh")
    assert both
    assert alone
    assert both.confidence >= PACK.settings["place_threshold"] > alone.confidence


@given(st.text(max_size=300))
def test_any_text_has_a_place_or_none(text: str) -> None:
    found = place(text)
    assert found is None or found.area_code is None or found.area_code in PACK.areas


WORDS = st.sampled_from(["jl", "jalan", "gang", "rt", "rw", "03", "/", "kel.", "kec", "tebet", "menteng", "lubang",
                         "buaya", "baru", "kg", "no", "5", "-6.2", "106.8", ",", "\n"])  # fmt: skip


@given(st.lists(WORDS, max_size=30))
def test_any_heap_of_place_words_has_a_place_or_none(heap: list[str]) -> None:
    found = place(" ".join(heap))
    assert found is None or 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("gatot subroto macet parah", "gatot subroto"),
        ("lampu mati di fatmawati raya, gelap", "fatmawati raya"),
        ("Letjen Suprapto lampu merah mati", "Letjen Suprapto"),
        ("banjir bendungan jago 3 no 12", "bendungan jago 3 No. 12"),
        ("setu indah V kembali banjir", "setu indah V"),
        ("BASUKI RAHMAT BANJIR", "BASUKI RAHMAT"),
    ],
)
def test_a_known_street_is_read_without_jalan_and_is_a_question(text: str, street: str) -> None:
    found = place(text)
    assert found is not None
    assert (found.address_string or "").startswith(street)
    assert found.area_code is not None
    assert found.confidence < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "nama saya gatot subroto, lampu di depan rumah mati",
        "pak ahmad yani melapor sampah menumpuk",
        "warga gotong royong membersihkan got",
        "minta lapangan olah raga untuk anak anak",
        "gatot, subroto dan budi melapor lampu mati",  # a comma between
        "mangga busuk menumpuk",  # "Mangga" alone is a street of some list
        "air kotor raya",
    ],
)
def test_people_and_ordinary_words_are_no_streets(text: str) -> None:
    found = place(text)
    assert found is None or found.area_code is None


def test_a_street_without_jalan_says_nothing_beside_a_name_or_a_landmark() -> None:
    named = place("gatot subroto macet, kelurahan Kuningan Timur")
    assert named is not None
    assert (named.kelurahan, named.address_string) == (
        "Kuningan Timur",
        "Kuningan Timur, Setiabudi, Jakarta Selatan",
    )


def test_where_a_mistake_may_be_of_the_streets_name_or_the_kelurahans_the_kelurahan_is_asked_for_first() -> None:
    """A letter too many in Rotan, or one too few in Rorotan."""
    found = place("Jl. Rootan IV No 4")
    assert found is not None
    assert found.kelurahan == "Rorotan"
    assert [PACK.areas[each.area_code or ""].name for each in found.candidates] == ["Tengah"]
    right = place("Jl. Rotan No 4")
    assert right is not None
    assert right.kelurahan == "Tengah"
