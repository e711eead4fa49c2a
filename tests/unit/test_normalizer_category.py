"""Words become a service: at least two messages of our own for each, and silence where the words do not suffice."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.category import also_said, guess_service
from normalizer.schema import Guess
from normalizer.tokens import words_of

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")

MESSAGES = {
    "jalan_rusak": (
        "jalan depan gang kami bolong gede banget, udah 3 motor jatoh",
        "Aspal di tikungan amblas dan bergelombang, mohon segera diperbaiki",
        "huge pothole in the middle of the road, a scooter fell yesterday",
        "dalane bolong akeh, mohon ditambal pak",
    ),
    "trotoar": (
        "ubin trotoar pada lepas, nenek saya kesandung",
        "The sidewalk is broken and a wheelchair cannot pass",
        "bollard di trotoar hilang jadi motor naik terus ke trotoar",
    ),
    "jembatan_jpo": (
        "JPO lantainya keropos, takut jeblos",
        "railing jembatan penyeberangan karatan dan hampir copot",
        "the footbridge stairs are broken",
    ),
    "lampu_jalan": (
        "lampu PJU mati satu gang, gelap bgt kalo malem rawan",
        "penerangan jalan umum padam sejak seminggu yang lalu",
        "street light has been out for two weeks, very dark",
    ),
    "kabel_utilitas": (
        "kabel telkom kendor sampe nyangkut di atap mobil",
        "tiang internet miring mau roboh ke rumah warga",
        "low hanging cables over the alley, they touch my head",
    ),
    "galian_proyek": (
        "bekas galian pipa ga diaspal lagi, dibiarin gitu aja",
        "sisa material proyek numpuk di pinggir jalan",
        "road works left a trench open for a month",
    ),
    "banjir": (
        "banjir selutut di rumah, air belum surut dari subuh",
        "Genangan air tinggi tiap hujan sebentar, pompa tidak jalan",
        "our street is flooded, water up to the knee",
        "banjir",
        "ada banjir di dekat rumah saya",
    ),
    "saluran": (
        "got mampet penuh lumpur, airnya ga ngalir",
        "tutup gorong-gorong pecah, bahaya anak kecil bisa masuk",
        "the drain is clogged and overflows",
    ),
    "sampah": (
        "sampah numpuk udah seminggu ga diangkut baunya minta ampun",
        "Warga buang sampah sembarangan di lahan kosong, jadi TPS liar",
        "garbage has not been collected for ten days",
    ),
    "bakar_sampah": (
        "tetangga tiap sore bakar sampah asapnya masuk rumah",
        "Ada yang bakar ban bekas, asap hitam pekat bikin sesak",
        "someone burns garbage behind our house every night",
    ),
    "pencemaran": (
        "pabrik tahu buang limbah ke kali, airnya hitam berbusa",
        "Bau menyengat dari pabrik kimia tiap malam",
        "factory smoke makes us cough, air pollution is terrible",
    ),
    "pohon": (
        "pohon miring banget takut tumbang kena rumah",
        "mohon pemangkasan dahan pohon yang sudah rimbun",
        "a big tree fell and blocks the road",
    ),
    "taman": (
        "ayunan di taman RPTRA patah, bahaya buat anak anak",
        "rumput liar di taman kota sudah tinggi ga dipotong",
        "the playground slide in the park is broken",
    ),
    "pemakaman": (
        "makam ibu saya di TPU ditumpang tanpa izin keluarga",
        "TPU minta pungutan buat gali makam",
        "cemetery is dirty and graves are broken",
    ),
    "parkir_liar": (
        "mobil parkir sembarangan nutupin gang tiap malem",
        "jukir liar minta 10rb depan minimarket",
        "cars illegally parked on both sides, ambulance cannot pass",
    ),
    "lalu_lintas": (
        "lampu merah perempatan mati bikin macet parah",
        "motor pada lawan arah tiap pagi, ga ada yang jaga",
        "traffic light is not working at the junction",
    ),
    "angkutan_umum": (
        "supir jaklingko ngebut ugal-ugalan, penumpang ketakutan",
        "halte busway atapnya bocor",
        "the bus driver did not stop at my bus stop",
    ),
    "pkl": (
        "pedagang kaki lima makan badan jalan sampe macet",
        "PKL jualan di trotoar depan stasiun, ga bisa lewat",
        "street vendors block the whole sidewalk",
    ),
    "ketertiban": (
        "tetangga karaokean tiap malem sampe jam 2, berisik",
        "anak muda nongkrong mabuk mabukan di pos ronda",
        "loud music every night from the cafe, we cannot sleep",
    ),
    "rokok": (
        "banyak yang merokok di dalam puskesmas padahal ada larangan",
        "orang ngerokok di halte",
        "people smoking inside the hospital",
    ),
    "reklame": (
        "spanduk liar dipaku di pohon sepanjang jalan",
        "tembok dicoret-coret grafiti",
        "illegal banners everywhere on the poles",
    ),
    "bangunan": (
        "ada bangunan tanpa IMB didirikan di atas saluran",
        "rumah tetangga bangun lantai 4 tanpa izin, tembok saya retak",
        "a building is going up without a permit",
    ),
    "kebakaran": (
        "KEBAKARAN di gang sempit tolong cepat damkar",
        "ada ular masuk kamar mandi tolong evakuasi",
        "there is a fire in the house next door",
        "ada sarang tawon di plafon",
    ),
    "hewan": (
        "anjing liar banyak, gigit anak saya, takut rabies",
        "bangkai kucing di pinggir jalan udah bau",
        "stray dogs attack people at night",
    ),
    "ppks": (
        "ada ODGJ ngamuk telanjang di pinggir jalan",
        "pengemis dan anak jalanan banyak di lampu merah",
        "homeless people sleeping under the bridge",
    ),
    "bansos": (
        "saya janda miskin belum pernah dapat bansos",
        "nama saya ilang dari DTKS, sembako ga cair lagi",
        "when will the social assistance be paid",
    ),
    "kjp_pendidikan": (
        "KJP anak saya belum cair 3 bulan",
        "sekolah minta pungutan uang seragam mahal",
        "PPDB online error ga bisa daftar SMP",
        "my son's school asks illegal fees",
    ),
    "kesehatan": (
        "antri di puskesmas 4 jam, dokter ga ada",
        "RSUD nolak pasien BPJS",
        "the hospital refused my father",
    ),
    "dbd": (
        "banyak warga kena demam berdarah, mohon fogging",
        "jentik nyamuk di bak penampungan",
        "dengue cases in our alley, please send fogging",
    ),
    "kependudukan": (
        "KTP saya 2 bulan belum jadi, blanko habis terus",
        "urus akta kelahiran anak dipersulit",
        "my ID card has not been printed",
    ),
    "ketenagakerjaan": (
        "gaji belum dibayar 3 bulan oleh perusahaan",
        "kena PHK ga dapet pesangon",
        "my employer has not paid my salary",
    ),
    "rusun": (
        "lift rusunawa rusak sebulan, lansia naik tangga 15 lantai",
        "tunggakan sewa rusun mohon keringanan",
        "rent arrears in public housing",
    ),
    "air_bersih": (
        "air PAM mati dari kemarin",
        "air keran keruh bau lumpur",
        "no water from the tap since yesterday",
    ),
    "listrik": (
        "mati lampu dari jam 3 sore satu RT",
        "gardu listrik meledak, listrik padam",
        "power outage since last night",
    ),
    "internet": (
        "jakwifi di rptra ga nyambung",
        "ada tower BTS dibangun deket rumah tanpa sosialisasi",
        "the JakWifi hotspot is down",
    ),
    "perizinan": (
        "izin usaha di PTSP udah 2 bulan belum terbit",
        "pengajuan NIB di OSS ditolak terus",
        "my business permit application is stuck",
    ),
    "pajak": (
        "PBB naik 300 persen, mohon keringanan",
        "antri bayar pajak kendaraan di samsat lama",
        "property tax bill is wrong",
    ),
    "umkm_pasar": (
        "kios pasar bocor, pedagang rugi",
        "gas 3 kg langka, harga naik",
        "mau ikut pelatihan jakpreneur umkm",
    ),
    "petugas": (
        "petugas kelurahan minta uang pelicin buat surat",
        "oknum dishub pungli sopir truk",
        "an officer asked for a bribe",
    ),
    "layanan_kelurahan": (
        "pelayanan kantor kelurahan lambat, loket kosong jam kerja",
        "pak RT ga mau tanda tangan surat pengantar",
        "kantor kecamatan tutup jam 2 siang",
    ),
    "kekerasan": (
        "tetangga mukulin istrinya tiap malem, tolong",
        "anak kecil disiksa ayah tirinya",
        "my neighbour beats his wife, KDRT",
    ),
    "kriminal": (
        "tawuran pelajar bawa celurit tiap malam minggu",
        "motor saya dicuri di parkiran",
        "drug dealing in the alley behind the school",
    ),
    "aset": (
        "tanah pemda diserobot orang buat bangun kontrakan",
        "lahan aset pemprov terbengkalai disewakan oknum",
        "city land is being occupied illegally",
    ),
    "wisata_hiburan": (
        "tiket masuk ancol kemahalan",
        "diskotik buka sampai pagi di bulan ramadan",
        "karaoke plus plus berkedok panti pijat",
    ),
    "olahraga_budaya": (
        "lapangan bola rusak ga bisa dipake",
        "gedung cagar budaya mau dibongkar",
        "kolam renang GOR kotor",
    ),
    "fasum": (
        "toilet umum di alun-alun rusak dan kotor",
        "gapura RW mau roboh",
        "portal gang ditutup warga ga bisa lewat",
        "musholla umum atapnya bocor",
    ),
}


def guess(text: str) -> tuple[str | None, tuple[Guess, ...]]:
    first, others = guess_service(PACK, words_of(text).tokens)
    return first.service_code if first else None, others


@pytest.mark.parametrize(("service", "text"), [(code, text) for code, texts in MESSAGES.items() for text in texts])
def test_a_plain_message_finds_its_service(service: str, text: str) -> None:
    assert guess(text)[0] == service


def test_every_service_that_words_can_name_has_a_message_here() -> None:
    assert MESSAGES.keys() == PACK.services.keys() - {"lainnya", "bukan_aduan"}


@pytest.mark.parametrize(
    "text", ["", "halo min", "tolong segera ditindak", "xyzzy plugh", "saya warga sini", "?!", "123 456"]
)
def test_too_few_words_make_no_service(text: str) -> None:
    assert guess(text)[0] is None


def test_confidence_lies_between_0_and_1_and_falls() -> None:
    first, others = guess_service(
        PACK, words_of("parkir liar dan sampah menumpuk, jalan rusak, got mampet").tokens
    )
    sure = [guess.confidence for guess in (first, *others) if guess]
    assert sure == sorted(sure, reverse=True)
    assert all(0 < confidence <= 1 for confidence in sure)
    assert len(others) == 3


def test_two_problems_make_one_service_and_an_alternative() -> None:
    service, others = guess("parkir liar di trotoar, sampah juga menumpuk")
    assert service == "parkir_liar"
    assert "sampah" in [other.service_code for other in others]


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("jalan rusak di depan sekolah", "jalan_rusak"),
        ("lampu jalan mati dekat puskesmas", "lampu_jalan"),
        ("sampah menumpuk di samping pasar", "sampah"),
        ("pothole near the school", "jalan_rusak"),
    ],
)
def test_what_stands_after_near_is_not_the_problem(text: str, service: str) -> None:
    assert guess(text)[0] == service


@pytest.mark.parametrize(
    ("text", "not_this"),
    [
        ("aspal hancur habis banjir", "banjir"),
        ("lampu merah mati", "lampu_jalan"),
        ("polisi tidur terlalu tinggi", "kriminal"),
        ("pohon rawan tumbang", "kriminal"),
    ],
)
def test_a_word_in_an_exclude_does_not_count(text: str, not_this: str) -> None:
    assert guess(text)[0] not in {None, not_this}


def also(text: str) -> list[str]:
    tokens = words_of(text).tokens
    return [guess.service_code for guess in also_said(PACK, tokens, guess_service(PACK, tokens)[0])]


@pytest.mark.parametrize(
    ("text", "service", "further"),
    [
        ("lampu jalan mati dan jalan berlubang di gang kami", "lampu_jalan", ["jalan_rusak"]),
        ("parkir liar di trotoar, sampah juga menumpuk", "parkir_liar", ["sampah"]),
        ("pju mati, got mampet, sampah numpuk ga diangkut", "lampu_jalan", ["sampah", "saluran"]),
        ("jalan rusak parah, kabel juga menjuntai", "jalan_rusak", ["kabel_utilitas"]),
        ("pkl dan parkir liar makin parah", "pkl", ["parkir_liar"]),
    ],
)
def test_further_problems_of_one_message(text: str, service: str, further: list[str]) -> None:
    assert guess(text)[0] == service
    assert also(text) == further


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("got mampet jadi banjir", "saluran"),
        ("banjir gara gara selokan tersumbat", "saluran"),
        ("pohon tumbang menimpa kabel listrik", "pohon"),
        ("ranting pohon kena kabel telkom, takut putus", "pohon"),
        ("pohon rimbun nutupin lampu pju jadi gelap", "pohon"),
        ("sampah numpuk bau banyak lalat", "sampah"),
        ("parkir liar bikin macet", "parkir_liar"),
        ("pkl jualan di trotoar bikin macet", "pkl"),
        ("lampu jalan mati rawan begal", "lampu_jalan"),
        ("bakar sampah asapnya polusi bikin sesak", "bakar_sampah"),
        ("galian kabel bikin jalan rusak", "galian_proyek"),
        ("KTP saya belum jadi padahal buat daftar sekolah anak", "kependudukan"),
    ],
)
def test_the_cause_is_the_service_and_what_it_brings_no_further_problem(text: str, service: str) -> None:
    assert guess(text)[0] == service
    assert also(text) == []


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("bukan soal sampah tapi lampu jalan mati", "lampu_jalan"),
        ("di sini tidak banjir, cuma jalannya rusak", "jalan_rusak"),
        ("bukan hanya macet, parkir liarnya juga parah", "parkir_liar"),
        ("jalan berlubang sudah ditambal tapi sekarang lampu pju mati", "lampu_jalan"),
        ("pohon sudah dipangkas, sekarang sampahnya numpuk ga diangkut", "sampah"),
        ("jalan rusak sudah diperbaiki tapi sekarang bolong lagi", "jalan_rusak"),
        ("tidak ada penerangan jalan di gang kami", "lampu_jalan"),
        ("air pam tidak mengalir dari pagi", "air_bersih"),
        ("PJU kami sudah pernah diperbaiki tapi masih sering mati", "lampu_jalan"),
        ("jalan di atas saluran air berlubang", "jalan_rusak"),
        ("sampah tidak diangkut seminggu", "sampah"),
    ],
)
def test_what_is_denied_or_done_is_not_the_problem(text: str, service: str) -> None:
    assert guess(text)[0] == service


@pytest.mark.parametrize("text", ["tidak banjir", "disini tidak ada banjir", "bukan sampah"])
def test_what_is_only_denied_is_no_service(text: str) -> None:
    assert guess(text)[0] is None


@pytest.mark.parametrize("text", ["pak gluduk kami rusak lagi nih", "depan warung pak haji"])
def test_a_weak_hint_alone_is_no_service(text: str) -> None:
    assert guess(text)[0] is None


def test_what_is_done_is_less_sure_than_what_is_not() -> None:
    (done, _), (open_, _) = (
        guess_service(PACK, text.split()) for text in ("got mampet sudah diperbaiki", "got mampet")
    )
    assert open_ is not None
    assert done is None or done.confidence < open_.confidence - 0.1


@pytest.mark.parametrize("asked", ["sudah waktunya diaspal", "seharusnya sudah diaspal", "sudah minta diaspal"])
def test_what_should_be_done_is_not_done(asked: str) -> None:
    (first, _), (done, _) = (
        guess_service(PACK, f"jalan berlubang {said}".split()) for said in (asked, "sudah diaspal")
    )
    assert first is not None
    assert first.service_code == "jalan_rusak"
    assert done is None or done.confidence < first.confidence


_WORDS = st.sampled_from(
    [
        *[
            "jalan",
            "rusak",
            "got",
            "mampet",
            "banjir",
            "sampah",
            "bukan",
            "tidak",
            "sudah",
            "diperbaiki",
            "tapi",
            "pohon",
            "depan",
        ],
        "",
    ]
)


@given(st.one_of(st.lists(_WORDS, max_size=30), st.text().map(lambda text: list(words_of(text).tokens))))
def test_any_words_give_known_services_with_a_confidence_and_further_ones_apart(tokens: list[str]) -> None:
    first, others = guess_service(PACK, tokens)
    further = also_said(PACK, tokens, first)
    told = [guess for guess in (first, *others, *further) if guess]
    assert {guess.service_code for guess in told} <= PACK.services.keys()
    assert all(0 <= guess.confidence <= 1 for guess in told)
    assert len({guess.service_code for guess in further} - {first.service_code if first else None}) == len(further)


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("air pam tidak keluar", "air_bersih"),
        ("truk sampah ga dateng dateng", "sampah"),
        ("dokter puskesmas tidak datang", "kesehatan"),
        ("cat jembatan ngelupas", "jembatan_jpo"),
        ("surat pindah datang belum jadi", "kependudukan"),
    ],
)
def test_what_comes_and_goes_is_no_move_and_paint_is_no_cat(text: str, service: str) -> None:
    guess, others = guess_service(PACK, list(words_of(text).tokens))
    assert guess is not None
    assert guess.service_code == service
    assert service == "kependudukan" or "kependudukan" not in {other.service_code for other in others}
