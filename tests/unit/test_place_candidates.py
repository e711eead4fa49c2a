"""What words say about a place comes with its source, its confidence and the other answers."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.gazetteer import gazetteer
from normalizer.lexicon import lexicon
from normalizer.mentions import MOST_NAMES, mentions_in
from normalizer.misspelt import SHORT, is_one_off, may_end, may_lead, right_spellings, spellings, strange_in
from normalizer.normalize import explain, is_enough, normalize
from normalizer.place import place_of, told_by
from normalizer.schema import PhotoFacts, Place, Position
from normalizer.street_names import street_key
from normalizer.tokens import words_of

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
ASK = PACK.settings["place_threshold"]
MENTENG = Position(lat=-6.1964, long=106.8318)
KOJA = Position(lat=-6.1107, long=106.9010)
NAMES = [area.name for area in PACK.areas.values() if area.level == "kelurahan" and len(area.name) > 7]
STREETS = [street.name for street in PACK.streets]
MARKS = [mark.name for mark in PACK.landmarks]


def place(text: str, *, pin: Position | None = None, photo: Position | None = None) -> Place:
    found = place_of(told_by(words_of(text), PACK), PACK, pin=pin, photo=photo)
    assert found
    return found


def name_of(code: str) -> str:
    return PACK.areas[code].name


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        # written together with what stands before it
        ("got mampet di kelmanggarai", "Manggarai"),
        ("got mampet kelurahanrawabadakutara", "Rawa Badak Utara"),
        ("jalan rusak digunung sahari utara", "Gunung Sahari Utara"),
        ("jalan rusak ditomang", "Tomang"),
        # shortened
        ("lampu mati rw buaya", "Rawa Buaya"),
        ("lampu mati petojo sel", "Petojo Selatan"),
        ("lampu mati cemp putih tmr", "Cempaka Putih Timur"),
        ("lampu mati di rawmang", "Rawamangun"),
        ("lampu mati cemput barat", "Cempaka Putih Barat"),
        ("lampu mati tandur utara", "Tanjung Duren Utara"),
        ("lampu mati ds. Galur", "Galur"),
        # nothing else is said, or a village, a health post is called so
        ("Galur.", "Galur"),
        ("karet", "Karet"),
        ("di kampung serdang gelap", "Serdang"),
        ("puskesmas kenari antri lama", "Kenari"),
        # RT and RW stand beside it
        ("galur rt 02/05 banjir", "Galur"),
        ("rt05/rw03 galur banjir", "Galur"),
        ("Jl. Mawar, Galur, RT 02/05", "Galur"),
        ("gelap jembatan besi rt 3/1", "Jembatan Besi"),
        # the kecamatan is called kecamatan, the kelurahan is not called anything
        ("lampu mati Kebon Sirih kec. Menteng", "Kebon Sirih"),
        ("lampu mati Gambir, kecamatan Gambir", "Gambir"),
        # an ordinary word before it makes no other name of it
        ("lampu mati Pulo Gebang, Cakung", "Pulo Gebang"),
        # nor does a village's name, or one that the kecamatan goes behind
        ("bau sampah di kp pulo gebang", "Pulo Gebang"),
        ("banjir kampung bali mester", "Bali Mester"),
        ("gelap di kampung rawa buaya, cengkareng", "Rawa Buaya"),
        ("kel jati pulo gadung gelap", "Jati"),
        ("jati, pulo gadung, gelap", "Jati"),
        # nor an ordinary word behind it
        ("SDN 03 Menteng atap roboh", "Menteng"),
        ("menteng dalem banjir", "Menteng Dalam"),
        # an ordinary word that alone is written as a name, or stands behind people
        ("got di dekat Kartini mampet", "Kartini"),
        ("warga kartini kebanjiran", "Kartini"),
        # short names with a letter wrong, where a name has to stand
        ("sampah di kelurahan Plit", "Pluit"),
        ("sampah di kel. Koa, kec. Koja", "Koja"),
        ("sampah di galr", "Galur"),
        ("lampu mati Gaulr, Johar Baru", "Galur"),
        ("lampu mati, kec Kembangan, Jgolo", "Joglo"),
        ("lampu mati di makasaar", "Makasar"),
        ("lampu mati Tangki kec Taman Suri", "Tangki"),
    ],
)
def test_a_kelurahan_is_found_as_people_write_it(text: str, kelurahan: str) -> None:
    assert place(text).kelurahan == kelurahan


@pytest.mark.parametrize(
    ("text", "kelurahan", "others"),
    [
        ("banjir di Gunung Sahari", "Gunung Sahari Utara", {"Gunung Sahari Selatan"}),
        ("banjir di kelurahan Gunung Sahari", "Gunung Sahari Utara", {"Gunung Sahari Selatan"}),
        ("banjir di Rawa Badak, Koja", "Rawa Badak Utara", {"Rawa Badak Selatan", "Koja"}),
        ("banjir di kedoya", "Kedoya Utara", {"Kedoya Selatan", "Kebon Jeruk"}),
    ],
)
def test_a_name_without_its_side_is_a_question(text: str, kelurahan: str, others: set[str]) -> None:
    found = place(text)
    assert found.kelurahan == kelurahan
    assert found.confidence < ASK
    assert {name_of(other.area_code) for other in found.candidates} >= others


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("gandaria city macet", "Kebayoran Lama Utara"),
        ("kampung bayam gelap", "Papanggo"),
        ("di pgc banyak pkl", "Cililitan"),
        ("waduk pluit penuh sampah", "Pluit"),
        ("pulau pramuka gelap", "Pulau Panggang"),
        ("lampu mati cipinang elok", "Cipinang Muara"),
        ("got mampet keb lama utara", "Kebayoran Lama Utara"),
        ("kelurahan Kebon Pala banjir", "Kebon Pala"),
        ("kebon pala kampung melayu banjir", "Kampung Melayu"),
    ],
)
def test_a_well_known_place_is_found_in_small_letters(text: str, kelurahan: str) -> None:
    assert place(text).kelurahan == kelurahan


@pytest.mark.parametrize(
    "text",
    [
        "anak saya dirawat di rumah sakit belum dilayani",
        "saldo BNI bansos kosong",
        "PAM Jaya mati dari kemarin",
        "sudah lapor DPRD, tolong KPK periksa",
        "naik tija lama banget",
        "taman kota gelap",
        "kantor pos tutup",
        "depan sma ada lubang",
        "dekat masjid at taqwa ada lubang",
        "kelurahan baru buka jam 9",
        "LURAH BARU GA RESPONSIF",
        "kelurahan tengah direnovasi",
        "lampu baru rt 5 mati",
        "warga rt 5 tengah demo",
    ],
)
def test_what_stands_in_many_places_is_none(text: str) -> None:
    assert told_by(words_of(text), PACK).confidence < ASK


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("depan KPK ada lubang", "Guntur"),
        ("halte BNN kotor", "Cawang"),
        ("Rumah Sakit Jakarta antri lama", "Karet Semanggi"),
        ("masjid istiqlal parkir liar", "Pasar Baru"),
        ("Kelurahan Baru banjir", "Baru"),
        ("kelurahan tengah, kramat jati", "Tengah"),
    ],
)
def test_an_office_is_a_place_where_something_is_beside_it(text: str, kelurahan: str) -> None:
    assert (place(text).kelurahan, place(text).confidence >= ASK) == (kelurahan, True)


@pytest.mark.parametrize("text", ["kebon pala banjir", "bintaro jaya sektor 9 banjir", "plumpang kebakaran"])
def test_a_well_known_place_in_several_kelurahan_is_a_question(text: str) -> None:
    assert place(text).confidence < ASK


@pytest.mark.parametrize("text", ["Jawa Barat banjir", "macet di jawa barat", "cuaca di jawa tengah"])
def test_a_province_is_no_kelurahan_with_a_wrong_letter(text: str) -> None:
    assert told_by(words_of(text), PACK).area is None


def test_its_kecamatan_says_which_side_is_meant() -> None:
    found = place("banjir di Gunung Sahari, Kemayoran")
    assert (found.kelurahan, found.confidence >= ASK) == ("Gunung Sahari Selatan", True)


@pytest.mark.parametrize(
    "text", ["Jl. Benyamin Sueb, Kec. Kemayoran, Menara Kemayoran", "Jl. Cikini Raya, kecamatan Menteng"]
)
def test_a_part_of_another_name_is_no_kelurahan_beside_its_kecamatan(text: str) -> None:
    assert place(text).confidence < 0.8


@pytest.mark.parametrize(
    "text",
    [
        "pju blok L mati",
        "juru parkir di mini market",
        "kelapa sawit",
        "diskon dari toko",
        "kelurahan kami",
        "sel tahanan",
        "rw 5 barat",
    ],
)
def test_what_only_begins_like_an_area_is_none(text: str) -> None:
    told = told_by(words_of(text), PACK)
    assert told.area is None


@pytest.mark.parametrize(
    ("wrong", "kelurahan"),
    [
        ("got mampet di kel. Pejagaln", "Pejagalan"),
        ("banjir di kelurahan Srengsneg Sawah", "Srengseng Sawah"),
        ("sampah di Cipinang Mellayu", "Cipinang Melayu"),
        ("lampu mati, Tomnag, Grogol Petamburan", "Tomang"),
        ("pohon tumbang di pondok ranggo cipayung", "Pondok Ranggon"),
        ("lampu mati di kebn sirih", "Kebon Sirih"),
        ("got mampet rawajti", "Rawajati"),
        # the wrong letter makes another word, or stands in the first of three
        ("sampah numpuk di kebon kacnag", "Kebon Kacang"),
        ("lampu mati di sumur baut", "Sumur Batu"),
        ("jalan rusak di cipinnag besar selatan", "Cipinang Besar Selatan"),
        ("got mampet di kebayoran laam utara", "Kebayoran Lama Utara"),
        ("lampu mati Gunung Sahri Selatan", "Gunung Sahari Selatan"),
        # names that are ordinary words, where only a place can stand
        ("lampu mati kelurahan Seradng", "Serdang"),
        ("sampah di daerah geolra", "Gelora"),
        ("pohon tumbang RT 5 RW 3 Keagunagn", "Keagungan"),
        ("got bau di kenrai", "Kenari"),
        ("sampah menumpuk, Tnagki, Taman Sari", "Tangki"),
    ],
)
def test_one_wrong_letter_anywhere_in_a_name_is_forgiven(wrong: str, kelurahan: str) -> None:
    assert place(wrong).kelurahan == kelurahan


def test_a_wrong_letter_beside_kelurahan_or_kecamatan_is_sure_and_alone_less() -> None:
    beside, within, alone = (
        place(text).confidence for text in ("di kel. Tomnag", "Tomnag, Grogol Petamburan", "di Tomnag")
    )
    assert min(beside, within) >= 0.7
    assert alone < ASK
    assert place("di kel. Tomang").confidence > beside


@pytest.mark.parametrize(
    "words", ["kamar gelap", "jalan pasir", "kapal rusak", "kepala sakit", "lagi menang", "serang", "taman dari batu",
              "gedung2 gelap", "hari senin 21", "blok L gelap", "KK baru belum jadi"]
)  # fmt: skip
def test_ordinary_words_are_no_names_with_a_wrong_letter(words: str) -> None:
    found = place_of(told_by(words_of(words), PACK), PACK)
    assert found is None or found.area_code is None


@pytest.mark.parametrize("text", ["#rawamagunbanjir", "banjir dirawamangun", "#banjirrawamangun"])
def test_a_name_written_together_with_other_words_is_found(text: str) -> None:
    found = normalize(text, pack=PACK).place
    assert found is not None
    assert found.kelurahan == "Rawamangun"


def test_a_streets_number_is_no_wrong_letter_of_the_name_before_it() -> None:
    assert place("lampu mati jalan kampung bali I").confidence < ASK
    assert place("Jl Kebon Kacang Barat V Rorotan banjir").kelurahan == "Rorotan"


def test_a_name_that_is_an_ordinary_word_with_a_wrong_letter_is_asked_about() -> None:
    assert place("sampah di daerah geolra").confidence < ASK
    assert place("dia sedang di desa penari").confidence < 0.8


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("macet di Jl. Guru Mughni No 7, Setiabudi", "Karet Semanggi"),
        ("lampu mati di depan RSCM", "Kenari"),
        ("lubang di bawah flyover senen", "Senen"),
        ("banjir di seberang kokas", "Menteng Dalam"),
        ("pohon tumbang di perumahan Green Garden", "Kedoya Utara"),
        ("trotoar rusak di depan stasiun tebet", "Tebet Timur"),
        ("halte buaran atapnya bocor", "Klender"),
        ("banyak PKL di halte Pakin", "Penjaringan"),
        ("tawuran di depan SMA 8", "Bukit Duri"),
        ("JIS macet parah", "Papanggo"),
        ("di dufan antri panjang", "Ancol"),
        ("jakarta garden city lampu mati", "Cakung Timur"),
        ("citra garden 2 banjir", "Pegadungan"),
        ("di kebun binatang banyak sampah", "Ragunan"),
        ("simpang guntur macet", "Guntur"),
        ("jl sudirmn macet", "Karet Tengsin"),
        ("jl senopti gelap", "Senayan"),
        ("jl radio dlm raya no 5 gelap", "Gandaria Utara"),
        ("jalan kampung janis banjir", "Pekojan"),
        ("jalan kota bambu raya macet", "Kota Bambu Utara"),
        ("jalan di panjaitan macet", "Cipinang Cempedak"),
        ("SMAN 3 jakarta pagarnya roboh", "Setia Budi"),
        ("parkir liar depan rsud budi asih", "Cawang"),
        ("rumah sakit budhi asih macet", "Cawang"),
        ("lampu padam jl komplek depag rt 2 rw 3", "Kedaung Kali Angke"),
        ("got mampet Jalan Dalam Toko Tiga Seberang", "Glodok"),
    ],
)
def test_landmarks_and_streets_tell_the_kelurahan(text: str, kelurahan: str) -> None:
    assert place(text).kelurahan == kelurahan


@pytest.mark.parametrize(
    "text", ["lampu mati di Jl. Ahmad Yani", "lubang di Jalan Cempaka Putih Raya", "Jl. Kebon Jeruk Raya gelap",
             "Jl. Gatot Subroto macet", "jalan mawar rusak"]
)  # fmt: skip
def test_a_streets_name_alone_is_asked_about(text: str) -> None:
    found = place(text)
    assert found.confidence < ASK
    assert "Cempaka Putih," not in (found.address_string or "")


def test_a_long_road_has_its_kelurahan_as_candidates_and_its_kecamatan_narrows_it() -> None:
    whole, narrowed = place("Jl. Rasuna Said berlubang"), place("Jl. Rasuna Said berlubang, Setiabudi")
    assert len(whole.candidates) >= 3
    assert all(candidate.source == "text" for candidate in whole.candidates)
    assert narrowed.kecamatan == "Setiabudi"
    assert narrowed.confidence >= ASK


@pytest.mark.parametrize(
    "text",
    [
        "jl pangeran jayakrta macet",
        "jalan gunung shari banjir",
        "jl panjang raya arterri",
        "Jl. Tomang Raay",
    ],
)
def test_a_street_with_one_wrong_letter_is_the_street(text: str) -> None:
    right = (
        text.replace("jayakrta", "jayakarta")
        .replace("shari", "sahari")
        .replace("arterri", "arteri")
        .replace("Raay", "Raya")
    )
    assert place(text).area_code == place(right).area_code
    assert place(text).confidence < ASK


@pytest.mark.parametrize(
    "text",
    ["macet di Jl. Gatot Subroto arah Slipi", "pohon tumbang menuju ke Kampung Melayu", "banjir arah Kapuk"],
)
def test_where_a_road_leads_is_no_sure_place(text: str) -> None:
    assert place(text).confidence < ASK


def test_where_a_road_leads_gives_way_to_the_place_beside_it() -> None:
    assert place("lampu mati di Cawang arah Tanjung Priok").kelurahan == "Cawang"


def test_where_a_road_leads_does_not_narrow_the_road() -> None:
    found = place("jl raya kalibata arah pasar minggu berlubang")
    assert found.kelurahan == "Kalibata"
    assert found.confidence < ASK


@pytest.mark.parametrize(
    "text",
    [
        "Menteng banjir. tolong Menteng",
        "kuningan lagi kuningan lagi",
        "Koja banjir, tolong Koja",
        "Senen macet. Senen!",
    ],
)
def test_what_is_said_twice_is_no_surer(text: str) -> None:
    assert place(text).confidence < ASK


def test_two_streets_mean_where_they_meet() -> None:
    found = place("perempatan Jl. Kwini II dan Jl. Abdul Rahman Saleh")
    assert found.kelurahan == "Senen"


def test_a_homonym_is_settled_by_the_kecamatan_or_asked() -> None:
    alone, settled = place("lampu mati jl bima"), place("lampu mati jl bima, cengkareng")
    assert alone.confidence < ASK
    assert settled.kelurahan == "Rawa Buaya"


def test_a_landmark_next_door_keeps_the_name_with_that_alternative() -> None:
    found = place("depan pasar Rumput, Manggarai")
    assert found.kelurahan == "Manggarai"
    assert [name_of(each.area_code) for each in found.candidates] == ["Pasar Manggis"]
    assert not is_enough(found, PACK)
    assert is_enough(place("depan pasar Rumput, kel. Manggarai"), PACK)


def test_a_photo_far_from_the_words_is_a_conflict() -> None:
    found = place("lampu mati di Koja", photo=MENTENG)
    assert found.conflict
    assert (found.conflict.first.source, found.conflict.second.source) == ("photo", "text")
    assert found.conflict.metres > 5000
    assert not is_enough(found, PACK)


def test_pin_and_photo_far_apart_are_a_conflict_and_near_each_other_none() -> None:
    near = Position(lat=MENTENG.lat + 0.001, long=MENTENG.long)
    assert place("lampu mati", pin=MENTENG, photo=KOJA).conflict
    assert place("lampu mati", pin=MENTENG, photo=near).conflict is None


def test_two_that_agree_outvote_the_third() -> None:
    for found in (
        place("lampu mati di Koja", pin=KOJA, photo=MENTENG),
        place("lampu mati di Menteng", pin=KOJA, photo=Position(lat=KOJA.lat, long=KOJA.long)),
    ):
        assert found.conflict is None
        assert found.lat == KOJA.lat
        assert found.candidates


def test_a_streets_guess_is_no_conflict() -> None:
    assert place("lampu mati di Jl. Gatot Subroto", pin=KOJA).conflict is None


def test_a_pin_turned_round_is_set_right_and_zero_is_none() -> None:
    found = place("lampu mati", pin=Position(lat=MENTENG.long, long=MENTENG.lat))
    assert (found.lat, found.kecamatan) == (MENTENG.lat, "Menteng")
    assert place_of(told_by(words_of("lampu"), PACK), PACK, pin=Position(lat=0, long=0)) is None


def test_explain_tells_alternatives_and_conflict() -> None:
    facts = PhotoFacts(readable=True, position=MENTENG)
    told = explain(normalize("lampu jalan mati di Koja", photos=[facts], pack=PACK), PACK)
    assert told["missing"] == ["place"]
    assert told["conflict"]["metres"] > 5000  # type: ignore[index]
    assert told["place_alternatives"][0]["source"] == "text"  # type: ignore[index]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Prof. Dr. Soepomo", "supomo raya"), ("R.E. Martadinata", "re martadinata"), ("Raya Ragunan", "Ragunan Raya"),
     ("Dharmawangsa", "Darmawangsa"), ("Warakas IV", "warakas 4"), ("Komplek Depag", "depag"), ("Jend. Sudirman", "sudirman")],
)  # fmt: skip
def test_spellings_of_one_street_meet(one: str, other: str) -> None:
    assert street_key(words_of(one).tokens) == street_key(words_of(other).tokens)


@given(st.sampled_from(NAMES), st.data())
def test_every_name_is_found_with_one_letter_wrong(name: str, data: st.DataObject) -> None:
    small = name.replace(" ", "").lower()
    spot = data.draw(st.integers(0, len(small) - 2))
    letter = data.draw(st.sampled_from("aeiounrst"))
    changed = data.draw(
        st.sampled_from(
            [
                small[:spot] + small[spot + 1 :],
                small[:spot] + letter + small[spot:],
                small[:spot] + letter + small[spot + 1 :],
                small[:spot] + small[spot + 1] + small[spot] + small[spot + 2 :],
            ]
        )
    )
    if changed != small:
        index, part = spellings([small]), data.draw(st.integers(1, len(changed) - 1))
        assert is_one_off(small, changed)
        assert small in right_spellings(index, changed)
        assert len(small) <= SHORT or may_lead(index)(changed[:part]) or may_end(index)(f"{changed[part:]}12")


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(NAMES),
        st.sampled_from(STREETS),
        st.sampled_from(MARKS),
        st.sampled_from(
            ["Jl.", "gang", "kel.", "kec.", "depan", "RT 5 RW 3", ",", "No. 7", "jaksel", "raya", "#"]
        ),
        st.text(max_size=12),
    ),
    max_size=12,
).map(" ".join)
POINTS = st.none() | st.builds(Position, lat=st.floats(-6.5, -5.0), long=st.floats(106.2, 107.1))


@settings(max_examples=150, deadline=None)
@given(TEXTS, POINTS, POINTS)
def test_any_words_and_points_give_a_place_that_can_be_looked_up(
    text: str, pin: Position | None, photo: Position | None
) -> None:
    found = place_of(told_by(words_of(text), PACK), PACK, pin=pin, photo=photo)
    if found is None:
        return
    assert 0 <= found.confidence <= 1
    assert found.area_code is None or found.area_code in PACK.areas
    for candidate in found.candidates:
        assert candidate.area_code in PACK.areas
        assert 0 <= candidate.confidence <= 1
        assert candidate.area_code != found.area_code or candidate.source != found.source
    if found.conflict:
        assert found.conflict.metres > 500


def test_of_a_thousand_names_the_first_are_weighed() -> None:
    words = words_of("Koja " * 1_000)
    strange = strange_in(words, lexicon(PACK).known)
    assert len(mentions_in(words, list(words.tokens), gazetteer(PACK), (), strange)) == MOST_NAMES
    assert place("Koja " * 1_000).kecamatan == "Koja"


@pytest.mark.parametrize(
    ("text", "kelurahan", "confidence"),
    [
        ("Jl. Kwini No 3 Jakarta Pusat 10410", "Senen", 0.6),
        ("Jl. Kemang Timur No 8, RT 3/RW 4, Jakarta Selatan, DKI Jakarta 12730, Indonesia", "Bangka", 0.6),
        ("Jl. Gatot Subroto macet, Jakarta 12780", "Pancoran", 0.6),
        ("lampu mati di jl anggrek no 5 kode pos 12420", "Gandaria Selatan", 0.55),
        ("sampah numpuk di Menteng 10310", "Menteng", 0.55),
        ("pju mati di Jakarta Selatan 12730", "Bangka", 0.45),
        ("jalan rusak, kodepos 13220", "Rawamangun", 0.45),
        # a name is surer than a code
        ("kel. Cikini, Menteng, Jakarta Pusat 10310", "Cikini", 0.9),
    ],
)
def test_a_postal_code_is_of_a_kelurahan(text: str, kelurahan: str, confidence: float) -> None:
    found = told_by(words_of(text), PACK)
    assert found.area
    assert (found.area.name, found.confidence) == (kelurahan, confidence)


@pytest.mark.parametrize("text", ["tagihan saya 12730 rupiah", "nomor tiket 12730", "sudah 10310 hari"])
def test_any_other_number_is_no_postal_code(text: str) -> None:
    assert told_by(words_of(text), PACK).area is None


@pytest.mark.parametrize(
    ("text", "service", "kelurahan"),
    [
        ("got mampet di tebet barat, dan lampu mati di menteng dalam", "saluran", "Tebet Barat"),
        ("lampu mati di tebet barat dan sampah numpuk di menteng dalam", "sampah", "Menteng Dalam"),
        ("Di klender ada parkir liar trus di pondok bambu ada sampah numpuk", "sampah", "Pondok Bambu"),
        ("There is a pothole in Kayu Manis and the street light is broken in Utan Kayu Selatan", "jalan_rusak",
         "Kayu Manis"),
        ("sampah numpuk depan Grand Indonesia dan lampu jalan mati depan Pasar Rumput", "sampah", "Kebon Melati"),
        ("Di jl radio dalam banyak lubang; di Kebon Sirih lampu jalan mati", "lampu_jalan", "Kebon Sirih"),
        # one place for both
        ("Kapuk, Cengkareng: lampu jalan mati, sampah numpuk", "sampah", "Kapuk"),
        ("lampu jalan mati di Kapuk, dan sampah menumpuk di depan rumah", "lampu_jalan", "Kapuk"),
    ],
)  # fmt: skip
def test_of_two_problems_at_two_places_the_first_ones_place(text: str, service: str, kelurahan: str) -> None:
    draft = normalize(text, pack=PACK)
    assert draft.service
    assert draft.place
    assert (draft.service.service_code, draft.place.kelurahan) == (service, kelurahan)


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("lampu jalan mati di jl Mawar RT 5 RW 3, got mampet di jl Melati RT 6 RW 3, Kel. Kapuk", "jl Mawar"),
        ("Kelurahan Kapuk. Lampu mati depan masjid, sampah numpuk di jl Melati", "jl Melati"),
        ("lampu mati di gang Haji Jum dan sampah numpuk di depan SD, kelurahan Kapuk", "gang Haji Jum"),
        ("got mampet di jl Mawar trus parkir liar di jl Melati kelurahan Kapuk", "jl Mawar"),
        ("Kel Kapuk: pohon tumbang di jl Mawar; sampah menumpuk di jl Melati", "jl Melati"),
        (
            "Saya warga Kapuk melaporkan lampu jalan mati di Jl. Mawar. Selain itu, got mampet di Jl. Melati.",
            "Jl. Melati",
        ),
    ],
)
def test_an_address_may_be_of_two_problems(text: str, street: str) -> None:
    draft = normalize(text, pack=PACK)
    assert draft.place
    assert draft.place.kelurahan == "Kapuk"
    assert draft.place.confidence >= ASK
    assert (draft.place.address_string or "").startswith(street)


def test_of_two_problems_the_street_of_one_and_the_market_of_the_other_do_not_mix() -> None:
    draft = normalize("lampu mati di jl cipinang jaya 2, sampah numpuk di depan pasar rumput", pack=PACK)
    assert draft.place
    assert draft.place.address_string == "jl cipinang jaya 2"


@pytest.mark.parametrize("text", ["anak saya ditolak SMA 13", "KIP anak saya tidak cair sejak lulus smp 14"])
def test_a_school_that_is_spoken_of_is_a_question(text: str) -> None:
    assert told_by(words_of(text), PACK).confidence < ASK


@pytest.mark.parametrize(
    "text",
    [
        *(
            "siswa sma 3 orang tawuran",
            "rumah sakit penuh",
            "sma negeri pagarnya roboh",
            "lampu jalan di pos RT mati",
        ),
        *("sma 3 bulan belum dibayar", "di sma 12 juta diminta uang masuk", "SMA 2 km dari rumah tidak diterima"),
        *("halte pintu kacanya pecah", "halte jembatan penyeberangan licin"),
    ],
)
def test_what_a_place_is_alone_is_no_place(text: str) -> None:
    assert told_by(words_of(text), PACK).area is None


@pytest.mark.parametrize(
    ("text", "kelurahan"),
    [
        ("pasar induk beras cpinang becek", "Pisangan Timur"),
        ("stasiun palmerha banyak pkl", "Gelora"),
        ("pasar jaya cijntung sampahnya numpuk", "Gedong"),
        ("parkir liar depan universitas trisaktti", "Tomang"),
    ],
)
def test_a_place_with_a_wrong_letter_is_a_question(text: str, kelurahan: str) -> None:
    found = told_by(words_of(text), PACK)
    assert found.area
    assert found.confidence < ASK
    assert kelurahan in {found.area.name, *(PACK.areas[each.area_code].name for each in found.candidates)}


@pytest.mark.parametrize(
    "text", ["pasar kami banjir", "stasiun radio mati lampu", "taman bermain rusak", "rs penuh"]
)
def test_no_place_is_made_of_ordinary_words_behind_what_it_is(text: str) -> None:
    assert told_by(words_of(text), PACK).area is None


def test_a_number_behind_a_place_is_no_wrong_letter() -> None:
    assert told_by(words_of("banjir di kompleks setu indah V"), PACK).confidence >= ASK


@pytest.mark.parametrize(
    "text", ["rsud jakarta utara antre lama", "rs jakarta selatan kotor", "rsud jakarta penuh"]
)
def test_a_hospital_of_a_city_is_not_the_one_called_jakarta(text: str) -> None:
    assert told_by(words_of(text), PACK).landmark is None


def test_a_place_whose_name_is_ordinary_words_is_a_question() -> None:
    assert told_by(words_of("tiap hari ada pasar pagi, macet"), PACK).confidence < ASK
    assert told_by(words_of("pasar pagi di jl mawar macet"), PACK).landmark is None
