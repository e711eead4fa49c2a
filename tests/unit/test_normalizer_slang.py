"""Words as people type them: slang, Betawi, Javanese, Sundanese, hashtags, capitals, pictures find their service."""

from pathlib import Path

import pytest

from config.pack import load_pack
from normalizer.normalize import normalize

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")

MESSAGES = {
    "jalan_rusak": (
        "jln dpn rmh ane ancur bgt min, ban motor ampe bocor",
        "JALAN RAYA BEKASI TIMUR PADA BOLONG SEMUA TLG DITAMBEL",
        "#jalanrusak tolong dong diaspal, jeglongan semua",
        "dalan nang ngarep omahku jeglong pak, mbebayani",
        "jalanna butut pisan kang, loba lubang",
        "ati2 ada 🕳 gede di tengah jalan",
    ),
    "trotoar": (
        "trotoar depan mal pada copot ubinnya, orang lewat kesandung mulu",
        "guiding block buat tunanetra ketutup pot bunga",
        "motor pada naik trotoar tiap sore, pejalan kaki kena klakson",
    ),
    "jembatan_jpo": (
        "jpo goyang kalo dilewatin, platnya udah karatan",
        "lift jpo rusak, nenek2 pada naik tangga",
        "jembatan kayu di kampung reyot mau ambruk",
    ),
    "lampu_jalan": (
        "pju mati 3 tiang min, peteng dedet",
        "gang ane gelap bener kagak ada lampunya bang",
        "lampu jalan kedip2 dr kmrn",
        "PENERANGAN JALAN PADAM TOTAL, RAWAN BEGAL",
    ),
    "kabel_utilitas": (
        "kabel2 provider semrawut kayak benang kusut",
        "tiang wifi doyong ke arah genteng tetangga",
        "kabel ngelewer ampe kena kepala orang",
    ),
    "galian_proyek": (
        "galian kabel ga dirapiin lagi, dibiarin nganga",
        "bekas galian pam cuma ditutup tanah doang",
        "kontraktor kabur, puing proyek ditinggal di pinggir jalan",
    ),
    "banjir": (
        "banjir sedengkul bang, motor kelelep",
        "#banjirjakarta rumah kerendem dari subuh",
        "banyu mlebu omah, wis sak pinggang",
        "rob masuk kampung nelayan lagi, air laut naik",
    ),
    "saluran": (
        "got depan rumah buntet min, aernya kagak jalan",
        "tutup gorong2 ilang dicolong, ati2 kejeblos",
        "kali udah dangkal bgt penuh lumpur minta dikeruk",
        "turap kali longsor deket rumah warga",
    ),
    "sampah": (
        "sampah kagak diangkut2 udah 2 minggu, baunye ampun",
        "runtah numpuk di pinggir jalan, bau pisan",
        "ranting bekas tebangan kaga diangkut2, numpuk depan rumah",
        "tps penuh meluber sampe jalan",
    ),
    "bakar_sampah": (
        "tetangga bakarin sampah mulu tiap magrib",
        "asep bakaran sampah masuk kamar, anak ane asma",
        "ada yg ngobong uwuh saben sore",
    ),
    "pencemaran": (
        "pabrik buang limbah ke kali, ikannya mati semua",
        "udara jakarta polusi parah min, batuk terus",
        "septic tank tetangga luber ke jalan",
    ),
    "pohon": (
        "poon gede depan rumah mau rubuh min",
        "ranting nyentuh kabel, mohon dipangkas ya pak",
        "tangkal gede rubuh nutup jalan",
        "wit mangga ambruk kena angin",
    ),
    "taman": (
        "ayunan di rptra patah, anak2 kecewa",
        "rumput taman tinggi banget kaya hutan",
        "taman kota kumuh, bangkunya pada copot",
    ),
    "pemakaman": (
        "makam bapak saya ambles di tpu, minta dibenerin",
        "biaya gali makam di tpu mahal banget, pungli ya?",
        "kuburan kebanjiran tiap ujan",
    ),
    "parkir_liar": (
        "kang parkir getok 20rb depan atm",
        "tetangga markir mobil di jalan, ga punya garasi",
        "mobil box parkir seenak jidat nutup gerbang",
    ),
    "lalu_lintas": (
        "bangjo mati dari pagi, semrawut",
        "motor pada nglawan arah di kolong flyover",
        "minta dipasang polisi tidur, pada ngebut di gang sekolah",
        "macet total tiap sore, ga ada polisi yang ngatur",
    ),
    "angkutan_umum": (
        "nunggu tj sejam kagak dateng2",
        "jaklingko ugal2an, nolak penumpang lansia",
        "saldo kartu kepotong dua kali pas tap out di halte",
    ),
    "pkl": (
        "pkl pada gelar lapak di trotoar, pejalan kaki minggir",
        "tukang sate jualan di badan jalan bikin macet",
        "warung tenda makan bahu jalan tiap malem",
    ),
    "ketertiban": (
        "tetangga karaokean ampe jam 2 pagi, kagak bisa tidur",
        "bocah2 main petasan tiap malem kaget mulu",
        "pemuda mabok miras di pos ronda teriak2",
        "knalpot brong balap liar tiap malming",
    ),
    "rokok": (
        "bapak2 ngerokok di dalem angkot ada bayi",
        "banyak yg ngevape di halte padahal dilarang",
        "pegawai ngebul rokok di ruang tunggu puskesmas",
    ),
    "reklame": (
        "spanduk caleg masih nempel di tiang2, kotor bgt",
        "baliho mau roboh ketiup angin di perempatan",
        "tembok jpo dicoret pilok anak2",
    ),
    "bangunan": (
        "tetangga bangun ruko tanpa izin, tembok ane retak",
        "gubuk liar di bantaran kali makin banyak",
        "rumah kosong mau ambruk bahaya warga",
    ),
    "kebakaran": (
        "TOLONG RUMAH KEBAKAR DI GANG SEMPIT",
        "ada uler gede di kamar mandi min, takut",
        "cincin nyangkut di jari udah bengkak",
        "odeng bersarang di atap, anak ane disengat",
        "bau gas bocor dari rumah kosong",
    ),
    "hewan": (
        "anjing liar gigit bocah di gang, takut rabies",
        "kucing jalanan beranak mulu, tolong disteril",
        "bangkai tikus di got bau banget",
        "monyet lepas masuk kampung ganggu warga",
    ),
    "ppks": (
        "orgil telanjang di pinggir jalan bawa batu",
        "pengamen maksa di lampu merah, banyak anak kecil ngemis",
        "kakek2 terlantar tidur di emperan toko",
    ),
    "bansos": (
        "pkh ane belom cair dari januari",
        "yang kaya malah dapet bansos, janda miskin kagak",
        "klj nenek saya kok dicoret ya min",
    ),
    "kjp_pendidikan": (
        "kjp anak ane kapan cair min",
        "ijazah adek ditahan sekolah gara2 nunggak spp",
        "atap kelas sdn bocor, murid kebasahan",
    ),
    "kesehatan": (
        "antri di puskesmas dari subuh dokternya telat",
        "rsud nolak bapak saya katanya kamar penuh",
        "bpjs nonaktif padahal mau cuci darah",
    ),
    "dbd": (
        "nyamuk banyak bgt min minta fogging",
        "tiga bocah kena dbd di rt kami",
        "reungit loba pisan, minta disemprot",
    ),
    "kependudukan": (
        "ktp ane ilang, blanko abis mulu di dukcapil",
        "pecah kk kok lama bener ya",
        "akte lahir anak belom jadi2",
    ),
    "ketenagakerjaan": (
        "bos kagak bayar gaji 2 bulan, thr juga kagak",
        "di phk sepihak pesangon ga dikasih",
        "ada loker ppsu ga min, nganggur setaun",
    ),
    "rusun": (
        "lift rusun mati seminggu, lantai 16 min",
        "antri unit rusunawa udah 3 taun",
        "atap rumah emak bocor mau ambruk, minta bedah rumah",
    ),
    "air_bersih": (
        "aer pam mati mulu min, mandi pake galon",
        "cai ledeng keruh bau karat",
        "pipa pdam pecah air muncrat ke jalan",
    ),
    "listrik": (
        "mati lampu lagi mati lampu lagi, sekampung gelap",
        "trafo meletup bunyi kenceng, listrik padam",
        "listrik njeglek terus tiap sore",
    ),
    "internet": (
        "jakwifi lemot parah ga bisa connect",
        "warga nolak tower bts takut radiasi",
        "cctv perempatan mati udah lama",
    ),
    "perizinan": (
        "ngurus nib di oss error mulu",
        "izin praktek bidan di ptsp belum terbit2",
        "izin usaha dipersulit terus",
    ),
    "pajak": (
        "pbb naik gila2an, minta keringanan dong",
        "antri samsat bayar pajak motor 5 jam",
        "njop salah di sppt saya",
    ),
    "umkm_pasar": (
        "gas melon langka, pangkalan kosong",
        "kios pasar bocor, retribusi mahal",
        "mau pinjam modal usaha kecil lewat jakpreneur caranya gimana",
    ),
    "petugas": (
        "petugas loket jutek, ditanya malah bentak",
        "dimintain duit rokok sama oknum satpol pp",
        "ppsu nongkrong doang ga nyapu2",
    ),
    "layanan_kelurahan": (
        "kantor kelurahan tutup jam 2, warga disuruh balik besok",
        "pak rt ga mau ttd surat pengantar",
        "minta pemilihan ketua rw ulang, iuran rt ga transparan",
    ),
    "kekerasan": (
        "tetangga gebukin istrinya tiap malem, tolong",
        "anak kecil disiksa bapak tirinya",
        "saya dilecehkan di krl",
    ),
    "kriminal": (
        "motor ane ilang digondol maling",
        "bocah bawa celurit mau tawuran",
        "ada yg jual tramadol di warung kosmetik",
    ),
    "aset": (
        "tanah pemprov diserobot buat kontrakan",
        "ptsl sertifikat tanah belum jadi 2 taun",
        "lahan pemda dikuasai oknum, disewain",
    ),
    "wisata_hiburan": (
        "diskotik buka ampe pagi pas puasa",
        "tiket masuk ragunan kemahalan min",
        "panti pijat plus plus deket sekolah",
    ),
    "olahraga_budaya": (
        "lapangan futsal rptra ringnya patah",
        "gor disewain mahal, warga ga bisa main badminton",
        "gedung cagar budaya dibongkar diem2",
    ),
    "fasum": (
        "wc umum jorok pesing kagak ada airnya",
        "portal gang digembok, ambulans ga bisa masuk",
        "gapura mau rubuh",
    ),
    "lainnya": ("surat saya ke gubernur belum dibalas", "saya mau ajukan audiensi dengan wali kota"),
}


def meant(text: str) -> str | None:
    draft = normalize(text, pack=PACK)
    return draft.service.service_code if draft.service else None


@pytest.mark.parametrize(("service", "text"), [(code, text) for code, texts in MESSAGES.items() for text in texts])
def test_slang_finds_its_service(service: str, text: str) -> None:
    assert meant(text) == service


ROUNDABOUT = {
    "jalan_rusak": (
        "jalanan kayak permukaan bulan",
        "aspal udah gundul tinggal batu",
        "jalan ancur pak",
        "JALANAN HANCURRRR",
        "jl jelek banget depan sd",
        "jl bolong2 depan pasar",
    ),
    "trotoar": ("ubin kuning buat orang buta pada ilang",),
    "jembatan_jpo": ("fly over retak retak", "beton jembatan ngelupas keliatan besinya"),
    "kabel_utilitas": ("kabele mudun nganti cedhak sirah",),
    "galian_proyek": ("habis gali kabel langsung ditinggal aja", "lobang bekas pasang pipa belum ditutup"),
    "banjir": ("omahku kelem banyu", "jalanan jadi kali kalo ujan", "air udah semeter min"),
    "saluran": ("bak kontrol amblas", "pintu air macet ga bisa dibuka", "got mampet, airnya balik ke rumah"),
    "pencemaran": ("bengkel buang oli ke got", "pabrik tahu buang limbah ke selokan"),
    "parkir_liar": ("mobil nangkring di depan pager rumah saya", "truk pada ngetem di pinggir jalan"),
    "lalu_lintas": ("lampu stopan ga nyala",),
    "rokok": ("sopir angkot ngudud",),
    "kekerasan": ("anak di bawah umur dipaksa nikah", "perempuan diseret pacarnya"),
    "kriminal": ("rumah kebobolan", "mayat mengapung di kali"),
    "listrik": ("voltase turun lampu redup di rumah",),
    "perizinan": ("slf gedung",),
    "kjp_pendidikan": ("sekolah minta uang gedung",),
    "olahraga_budaya": ("gedung tua bersejarah mau dirobohin",),
}


@pytest.mark.parametrize(
    ("service", "text"), [(code, text) for code, texts in ROUNDABOUT.items() for text in texts]
)
def test_a_problem_told_in_pictures_and_by_what_it_does_finds_its_service(service: str, text: str) -> None:
    assert meant(text) == service


def test_every_service_is_said_in_slang_here() -> None:
    assert MESSAGES.keys() == PACK.services.keys() - {"bukan_aduan"}
