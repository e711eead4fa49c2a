"""Danger to life is told from risk, from what is over, and from words that only sound like it."""

import pytest

from normalizer.tokens import plain, words_of
from normalizer.urgency import danger_in


def danger(text: str) -> str | None:
    return danger_in([plain(token) for token in words_of(text).tokens])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kabel PLN putus di depan warung, nyetrum", "wire"),
        ("kabel listrik menjuntai ke jalan di gang 3", "wire"),
        ("tiang lampu di taman nyetrum, anak2 pada main di situ", "wire"),
        ("kabelnya terkelupas pak, di tiang dekat mushola", "wire"),
        ("trafo meledak barusan di ujung gang", "wire"),
        ("ada anak kesetrum tiang listrik", "wire"),
        ("live wire on the pavement in front of the school", "wire"),
        ("downed power line across our street", "wire"),
        ("exposed wires at the bus stop, sparks when it rains", "wire"),
        ("bau gas menyengat di rumah sebelah", "gas"),
        ("tabung gas bocor di warteg, tolong cepat", "gas"),
        ("pipa gas bocor kena galian", "gas"),
        ("strong smell of gas in the stairwell", "gas"),
        ("gas leak near the market", "gas"),
        ("KEBAKARAN di gang 3 kampung bali, api membesar", "fire"),
        ("rumah tetangga kebakaran pak tolong", "fire"),
        ("rumah warga terbakar, damkar belum datang", "fire"),
        ("ono kobongan nang mburi omahku", "fire"),
        ("keluar api dari gardu listrik", "fire"),
        ("there is a fire in the building behind ours", "fire"),
        ("a car on fire at the petrol station", "fire"),
        ("kecelakaan di jl sudirman, motor sama bus", "injured"),
        ("kecelakaan motor di depan itc", "injured"),
        ("anak terjebak di lift rusun lantai 4", "trapped"),
        ("ada lansia terjebak banjir, minta dievakuasi", "trapped"),
        ("kami sekeluarga terjebak di lantai dua, butuh perahu karet", "trapped"),
        ("pengendara motor tertimpa pohon di jalan raya", "trapped"),
        ("tukang kejepit di galian, tolong", "trapped"),
        ("people trapped in the elevator at the station", "trapped"),
        ("family stranded on the roof, need rescue", "trapped"),
        ("tembok sekolah roboh menimpa murid", "collapse"),
        ("pohon besar menimpa rumah warga", "collapse"),
        ("pohon tumbang nimpa mobil dan orang di dalamnya", "collapse"),
        ("jembatan ambruk di kali krukut", "collapse"),
        ("atap kelas ambruk pagi ini", "collapse"),
        ("tanggul jebol air masuk kampung", "collapse"),
        ("tiang listrik miring mau roboh ke arah rumah", "collapse"),
        ("tembok pembatas hampir roboh, di bawahnya orang jualan", "collapse"),
        ("tanah longsor di belakang rumah kami", "collapse"),
        ("the wall next to the school is about to collapse", "collapse"),
        ("a tree fell on my neighbour's house", "collapse"),
        ("the roof collapsed on two stalls", "collapse"),
        ("anak hanyut di kali ciliwung", "water"),
        ("bocah tenggelam di kolam bekas galian", "water"),
        ("motor sama orangnya terseret arus banjir", "water"),
        ("nenek kecebur got yang tidak ada tutupnya", "water"),
        ("air setinggi dada dan terus naik di rw 7", "water"),
        ("a child fell into an open manhole", "water"),
        ("somebody is drowning in the reservoir", "water"),
        ("ada kecelakaan truk, korban tergeletak di jalan", "injured"),
        ("pejalan kaki tertabrak di zebra cross, luka parah", "injured"),
        ("orang pingsan di halte, butuh ambulans", "injured"),
        ("ada tawuran bawa celurit di bawah flyover", "injured"),
        ("a motorcyclist is injured and unconscious", "injured"),
        ("there was a car crash, someone is bleeding", "injured"),
        ("mayat mengapung di kali ciliwung", "injured"),
        ("ada orang mati di kolong jembatan", "injured"),
        ("tunawisma meninggal di emperan toko", "injured"),
        ("nemu bayi dibuang di depan mushola", "injured"),
        ("there is a dead body in the canal", "injured"),
        ("sedang tawuran, pada bawa golok", "injured"),
        ("apinya udah gede banget", "fire"),
        ("asap tebel dari ruko sebelah", "fire"),
        ("elpiji meleduk di warung", "gas"),
        ("gasnya bocor di warteg", "gas"),
        ("lift mati, ada ibu ibu di dalam", "trapped"),
        ("kepala bocah nyangkut di pagar", "trapped"),
        ("lansia ga bisa keluar rumah, banjir setinggi dada", "water"),
        ("balita kejeblos ke gorong gorong", "water"),
        ("pemotor masuk got", "water"),
        ("pohonnya jatoh nimpa tukang bakso", "collapse"),
        ("pohon mau roboh ke arah rumah", "collapse"),
        ("pohon tumbang kena motor", "collapse"),
        ("kabel pln ngelewer sampai tanah", "wire"),
        ("kabel nyentuh pagar besi, kalo dipegang nyetrum", "wire"),
    ],
)
def test_danger_to_life_is_named(text: str, kind: str) -> None:
    assert danger(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "jalan rusak berlubang",
        "tetangga bakar sampah tiap sore",
        "listrik mati dari semalam",
        "kena tilang padahal lampu hijau",
        "lahan bekas kebakaran jadi tempat sampah",
        "dulu pernah kebakaran di sini, sekarang kosong",
        "kebakaran bulan lalu, puingnya belum diangkut",
        "minta bantuan untuk korban kebakaran",
        "pos pemadam kebakaran jalannya berlubang",
        "mobil pemadam kebakaran tidak bisa lewat karena parkir liar",
        "hidran kebakaran di depan pasar kering",
        "mohon sosialisasi kebakaran untuk warga rw 3",
        "tetangga kebakaran jenggot waktu ditegur",
        "tidak ada kebakaran, cuma asap sate",
        "ditakutkan saat hujan dan angin roboh menimpa rumah",
        "kalau kebakaran, mobil tidak bisa masuk gang",
        "api sudah padam, tinggal bersih-bersih",
        "terjebak macet dua jam di perempatan",
        "warga banyak terjebak pinjol",
        "takut roboh pak pohonnya sudah tua",
        "pohon ini rawan tumbang",
        "khawatir pohonnya menimpa kabel",
        "jangan sampai ada yang kesetrum",
        "ranting menyentuh kabel, dikhawatirkan konslet",
        "sering terjadi kecelakaan karena lampunya mati",
        "jalan licin, banyak kecelakaan di sini",
        "rawan kecelakaan di tikungan itu",
        "lubang ini bisa menyebabkan kecelakaan",
        "rawan kecelakaan, mohon dipasang rambu",
        "hampir tertabrak karena tidak ada trotoar",
        "tolong difogging, ada yang demam berdarah",
        "pohon roboh di tengah makam",
        "saluran ambrol, air tidak mengalir",
        "kabel telkom semrawut menjuntai",
        "kabel internet putus dari kemarin",
        "sampah hanyut sampai ke pintu air",
        "got tertimbun tanah",
        "kucing kecebur got",
        "tagihan air naik",
        "banjir semata kaki di depan rumah",
        "fire hydrant is leaking",
        "cars parked in the fire lane",
        "stuck in traffic every morning at this light",
        "someone could get hurt, please fix the sidewalk",
        "afraid the tree may fall on a car one day",
        "collapsed sidewalk at the corner",
        "the gas station has no sidewalk",
        "street light out for two weeks",
        "panas banget kayak kebakaran",
        "petasan meledak tiap malam",
        "parkir liar bikin emosi meledak",
        "sandal anak saya jatuh ke got",
        "kucing tetangga nyemplung got",
        "ikan mati mengapung di danau",
        "tiang listrik ditabrak truk sampai miring",
        "portal ditabrak mobil",
        "plang nama jalan roboh",
        "harga ambruk, pedagang menjerit",
        "asap hitam dari knalpot bus",
        "harus nunggu ada korban meninggal dulu?",
        "santunan kematian belum cair, ayah saya meninggal bulan lalu",
        "mobil jenazah rusak",
        "adanya tawuran tiap malam minggu bikin takut",
    ],
)
def test_risk_nuisance_and_what_is_over_are_no_danger(text: str) -> None:
    assert danger(text) is None


def test_a_danger_beside_a_worry_is_one_all_the_same() -> None:
    assert danger("takut anak saya kena, kabel PLN putus di depan rumah") == "wire"


def test_what_is_said_of_something_else_takes_no_danger_back() -> None:
    assert danger("lampu tidak nyala, kabel listrik putus di jalan") == "wire"
    assert danger("BAHAYA kabel listrik putus di depan TK") == "wire"
    assert danger("ada kejadian kebakaran di gang kami") == "fire"
    assert danger("the street light is not working, live wire hanging down") == "wire"


def test_a_danger_deep_in_a_long_story_is_left_to_its_reader() -> None:
    assert danger("saya mau cerita " + "dari awal " * 40 + "rumah terbakar") is None
