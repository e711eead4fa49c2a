"""Reports are told from greetings, thanks, news, reviews, advertising and chatter; in doubt it is a report."""

from pathlib import Path

import pytest

from config.pack import load_pack
from normalizer.normalize import normalize
from normalizer.phrases import finder
from normalizer.schema import Draft, PhotoFacts, Position

PACK = load_pack(Path(__file__).resolve().parents[2] / "config" / "jakarta")
PHOTO = PhotoFacts(readable=True)
PIN = Position(lat=-6.1754, long=106.8272)


def understood(text: str, **more: object) -> Draft:
    return normalize(text, pack=PACK, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "link", ["https://maps.app.goo.gl/AbC123", "https://goo.gl/maps/x", "https://waze.com/ul/x"]
)
def test_a_maps_link_alone_begins_a_report_and_names_no_problem(link: str) -> None:
    draft = understood(link)
    assert draft.is_report
    assert draft.missing == ("service", "place")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("...", "empty"),
        ("halo min", "greeting"),
        ("Assalamualaikum, selamat pagi pak", "greeting"),
        ("good morning", "greeting"),
        ("terima kasih banyak pak", "thanks"),
        ("makasih min", "thanks"),
        ("thank you very much", "thanks"),
        ("sudah diperbaiki, terima kasih", "thanks"),
        ("Alhamdulillah lampunya sudah menyala, makasih ya pak", "thanks"),
        ("the pothole has been fixed, thanks", "thanks"),
        ("terima kasih, pohonnya sudah dipotong", "thanks"),
        ("makasih ya sampahnya udah diangkut tadi pagi", "thanks"),
        ("suwun pak, dalane wis apik", "thanks"),
        ("thanks, the street light works now", "thanks"),
        ("terima kasih untuk tim yang sudah memangkas pohon", "thanks"),
        ("terima kasih laporan saya cepat ditanggapi", "thanks"),
        ("selamat hari raya idul fitri, maaf lahir batin", "greeting"),
        ("baik pak, terima kasih informasinya", "thanks"),
        ("keren pasukan oranye", "thanks"),
        ("bansos sudah cair, alhamdulillah terima kasih", "thanks"),
        ("@budi Selamat pagi Kak. Jadwal lengkap dapat diakses di aplikasi", "news"),
        ("samsat buka sampai jam berapa?", "question"),
        ("jual rumah murah, nego, minat hubungi wa", "advertising"),
        ("sebarkan pesan ini ke sepuluh grup", "news"),
        ("jam berapa puskesmas buka?", "question"),
        ("kelurahan hari sabtu buka tidak ya", "question"),
        ("what time does the library open", "question"),
        ("hai kak, boleh bantu isi kuesioner untuk tugas kuliah?", "spam"),
        ("Aplikasinya mudah digunakan bahkan oleh orang awam", "news"),
        ("forum dialog ini awal dari diskusi terbuka berkesinambungan", "news"),
        ("PINJAMAN ONLINE cair 5 menit klik link", "advertising"),
        ("slot gacor maxwin malam ini https://contoh.example/x", "advertising"),
        ("anjing goblok lu semua", "abuse"),
        ("kampret", "abuse"),
        ("RT @media_kota: Ribuan warga mengungsi akibat banjir bandang di Nepal https://t.co/abc", "news"),
        ("Gubernur meninjau lokasi, kata dia penanganan akan dipercepat. Selengkapnya https://t.co/abc", "news"),
        (
            "Diskominfo menggelar sosialisasi aplikasi pengaduan, acara dihadiri camat dan lurah #KotaHebat #PelayananPublik",
            "news",
        ),
        (
            "Yuk sampaikan aspirasi dan pengaduan melalui kanal lapor! Simak infografis berikut #LayananKami",
            "news",
        ),
        ("aplikasi ini sangat bagus dan mudah digunakan, bintang 5", "news"),
        ("Death toll from the Colorado floods rises to nine, officials said https://t.co/abc", "news"),
        ("Pray for the Philippines! Donate to the relief effort here https://t.co/abc #PrayForManila", "news"),
        ("Presiden dan DPR bahas revisi kabinet, partai oposisi kritik keras", "news"),
        ("wkwkwk lucu banget sih filmnya haha pacarku sampai nangis lol", "spam"),
    ],
)
def test_what_is_no_report_is_named(text: str, kind: str) -> None:
    draft = understood(text)
    assert (draft.not_report, draft.is_report) == (kind, False)
    assert draft.service
    assert draft.service.service_code == "bukan_aduan"
    assert draft.missing == ()


@pytest.mark.parametrize(
    "text",
    [
        "selamat pagi, jalan rusak",
        "halo kak, kabelnya menjuntai",
        "selamat pagi kak, air pam keruh",
        "mantap petugasnya cepat, tapi kabelnya masih menjuntai",
        "mantap pak sudah diaspal, baru seminggu udah ngelupas",
        "terima kasih sudah diperbaiki. Sekarang giliran trotoarnya dong",
        "terima kasih atas tindak lanjutnya. Yang di sebelahnya juga bolong",
        "terima kasih, semoga sampah di gang kami sudah diangkut besok",
        "kalau sudah diperbaiki kabari ya, terima kasih",
        "apa harus viral dulu?",
        "terima kasih pak sudah ditertibkan pedagangnya, sekarang balik lagi",
        "lihat foto https://photos.app.goo.gl/abc sampah numpuk",
        "mantap jiwa trotoarnya dipake parkir semua",
        "luar biasa ya trotoar jadi parkiran",
        "makasih sudah diperbaiki, sekarang kabelnya njuntai",
        "puskesmas buka jam berapa sih, saya jam 9 masih digembok",
        "nomor telepon ambulans berapa, ada yang pingsan",
        "anjing kebakaran woy",
        "login jaki gagal terus, jadi lapor wa saja: pohon tumbang",
        "websitenya dukcapil error mulu mau cetak KK",
        "status laporan dalam penanganan udah sebulan",
        "silahkan lihat sendiri sampahnya",
        "kedai india asapnya masuk rumah",
        "pagi pak, mau tanya kapan bansos cair?",
        "bagaimana cara urus ktp hilang, sudah dua kali ditolak loket",
        "apakah benar tidak bisa pindah sekolah di tengah semester?",
        "terima kasih, tapi lampunya belum menyala",
        "sudah diperbaiki tapi rusak lagi, terima kasih",
        "belum diperbaiki sampai sekarang, terima kasih",
        "jalan raya Kemang sudah waktunya diaspal ulang, banyak lubang. terima kasih",
        "lampu jalan harusnya sudah diperbaiki, makasih",
        "trotoar rusak sudah dijanjikan diperbaiki, terima kasih",
        "dalane wis wayahe diaspal, matur nuwun",
        "it should have been fixed long ago, thank you",
        "saya kurang puas dengan jawaban petugas itu",
        "galian sudah selesai trotoar hancur. terima kasih",
        "semua gang sudah diaspal kecuali gang saya, terima kasih",
        "air sudah surut, lumpurnya menumpuk di jalan, terima kasih",
        "the leak was fixed, the road is broken. thank you",
        "air masuk rumah",
        "tolong pak",
        "banjir",
        "bau",
        "anjing banjir lagi ini jalan, goblok banget yang bikin got",
        "BANGSAT lampu jalan mati sebulan di gang saya",
        "spanduk pinjaman online dipaku di pohon",
        "di depan rumah saya sudah seminggu begini terus dan tidak ada yang datang",
        "RT 05 RW 03 lampu mati",
        "@kota_kita lampu jalan mati di Jl. Manggarai Utara https://t.co/abc #lampumati",
        "RT @kota_kita: tolong, got mampet di Jl. Manggarai Utara RT 5 Tebet, airnya masuk rumah kami",
        "aplikasinya error terus, mohon diperbaiki karena saya tidak bisa daftar antrean puskesmas",
        "presiden lewat, jalan di depan rumah kami ditutup seharian, mohon ditertibkan",
        "Pothole in front of my house, please fix it",
        "Street light out at the corner",
        "dead rat in the park",
        "petugas bilang besok, katanya sudah disurvey, padahal sampah belum diangkut",
        "omahku kebanjiran pak, tulung",
        "pasar rumput",
        "12",
    ],
)
def test_a_report_stays_a_report(text: str) -> None:
    draft = understood(text)
    assert (draft.not_report, draft.is_report) == (None, True)


def test_a_photo_or_a_pin_speaks_for_a_report() -> None:
    for shown in ({"photos": (PHOTO,)}, {"pin": PIN}):
        assert understood("", **shown).not_report is None
        assert understood("pagi min", **shown).not_report is None
        assert understood("aplikasi ini bagus", **shown).not_report is None


def test_thanks_with_a_photo_of_the_repair_are_thanks() -> None:
    assert understood("sudah diperbaiki, terima kasih", photos=(PHOTO,)).not_report == "thanks"


def test_an_unreadable_photo_says_nothing() -> None:
    assert understood("pagi min", photos=(PhotoFacts(readable=False),)).not_report == "greeting"


def test_what_is_no_report_is_not_urgent() -> None:
    draft = understood("RT @media_kota: Kebakaran hutan di California, ribuan mengungsi https://t.co/abc")
    assert (draft.not_report, draft.urgent, draft.danger) == ("news", False, None)


def test_phrases_may_have_gaps_and_open_ends() -> None:
    find = finder({"done": "sudah ~ beres / lampu*", "late": "belum beres"})
    told = [
        (each.name, each.phrase, each.begins, each.ends)
        for each in find(["sudah", "hampir", "semua", "beres", "lampunya"])
    ]
    assert told == [("done", "sudah ~ beres", 0, 4), ("done", "lampu*", 4, 5)]
    assert not list(find(["sudah", "satu", "dua", "tiga", "empat", "beres"]))
    assert [each.name for each in find(["belum", "beres"])] == ["late"]


def test_a_phrase_may_name_one_of_several_words() -> None:
    find = finder({"fell": "jatuh|masuk ke kali|got"})
    assert [each.phrase for each in find(["masuk", "ke", "got"])] == ["masuk ke got"]
    assert not list(find(["jatuh", "ke", "kasur"]))
