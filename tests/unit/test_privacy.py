"""Personal data goes out of the public text, and what says what, where and when stays."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.privacy import public_description

GONE = [
    ("NIK saya 3171234567890001 ya", "NIK saya [NIK] ya"),
    ("KTP 3171 2345 6789 0001", "KTP [NIK]"),
    ("nik: 31.71.23.456789.0001", "nik: [NIK]"),
    ("kk 317123-456789-0001", "kk [NIK]"),
    ("NIK 3171 23456789 0001", "NIK [NIK]"),
    ("npwp 01.234.567.8-901.000", "npwp [nomor]"),
    ("paspor A1234567", "paspor [nomor]"),
    ("hubungi 0812-3456-7890", "hubungi [telepon]"),
    ("WA +62 812 3456 7890 segera", "WA [telepon] segera"),
    ("62812 3456 7890", "[telepon]"),
    ("wa: 812-3456-7890", "wa: [telepon]"),
    ("(+62) 812-3456-7890", "[telepon]"),
    ("+62(0)812 3456 7890", "[telepon]"),
    ("0812.3456.7890", "[telepon]"),
    ("0812 \u2013 3456 \u2013 7890", "[telepon]"),
    ("08 12 34 56 78 90", "[telepon]"),
    ("0 8 1 2 3 4 5 6 7 8 9 0", "[telepon]"),
    ("telp (021) 5551234", "telp [telepon]"),
    ("(021) 555 1234", "[telepon]"),
    ("kantor 021-5551234", "kantor [telepon]"),
    ("+65 9123 4567", "[telepon]"),
    ("kirim ke budi.s@example.co.id", "kirim ke [email]"),
    ("budi [at] example [dot] com", "[email]"),
    ("budi at gmail.com", "[email]"),
    ("mobil B 1234 XYZ parkir", "mobil [plat nomor] parkir"),
    ("motor b4321kjh", "motor [plat nomor]"),
    ("d 1234 abc ngebut", "[plat nomor] ngebut"),
    ("AB-1234-CD di trotoar", "[plat nomor] di trotoar"),
    ("nopol: F 1 A", "nopol: [plat nomor]"),
    ("plat nomor b 2345", "plat nomor [plat nomor]"),
    ("truk Bernopol L 8123 BP", "truk Bernopol [plat nomor]"),
    ("a.n. Budi Santoso, RT 3", "a.n. [nama], RT 3"),
    ("a/n SITI AMINAH Jl. Mawar 3", "a/n [nama] Jl. Mawar 3"),
    ("atas nama Ibu Sri Wahyuni", "atas nama Ibu [nama]"),
    ("KIS anak saya atas nama dewi lestari belum aktif", "KIS anak saya atas nama [nama] belum aktif"),
    ("nama saya andi warga sini", "nama saya [nama] warga sini"),
    ("nama saya budi santoso dari rt 5", "nama saya [nama] dari rt 5"),
    ("My name is John Smith and the road is broken", "My name is [nama] and the road is broken"),
    ("Nama: Budi Santoso Alamat: Jl. Mawar", "Nama: [nama] Alamat: Jl. Mawar"),
    ("nama : joko widodo, jl melati", "nama : [nama], jl melati"),
    ("perkenalkan saya Rina dari Warakas", "perkenalkan saya [nama] dari Warakas"),
    ("Terima kasih. Hormat saya, Budi", "Terima kasih. Hormat saya, [nama]"),
    ("ttd Slamet Riyadi", "ttd [nama]"),
    ("an. Siti Aminah", "an. [nama]"),
    ("Hubungi Ibu Sulastri 08123456789", "Hubungi Ibu [nama] [telepon]"),
    ("hubungi ibu sulami tukinem 08123456789", "hubungi ibu [nama] [telepon]"),
    ("Pak RT Bambang tidak mau", "Pak RT [nama] tidak mau"),
    ("Pak RT 05 Waluyo tidak mau", "Pak RT 05 [nama] tidak mau"),
    ("pak bambang tolong", "pak [nama] tolong"),
    ("PAK BAMBANG TOLONG SALURAN MAMPET", "PAK [nama] TOLONG SALURAN MAMPET"),
    ("Yth. Bapak Gubernur Pramono", "Yth. Bapak Gubernur [nama]"),
    ("depan rumah Pak Tarigan Jl. Mawar 3", "depan rumah Pak [nama] Jl. Mawar 3"),
    ("milik H. Abdul Malik, Hj. Nur", "milik H. [nama], Hj. [nama]"),
    ("Bpk.Slamet dan sdr. Widodo", "Bpk. [nama] dan sdr. [nama]"),
    ("kata Mr. Smith and Mrs Jones", "kata Mr. [nama] and Mrs [nama]"),
    ("Saya Waluyo, warga RT 3", "Saya [nama], warga RT 3"),
    ("Selamat pagi, saya rina dari Warakas", "Selamat pagi, saya [nama] dari Warakas"),
    ("From: John Smith <a@b.id>", "From: [nama] <[email]>"),
    ("Lampu mati. Terima kasih, Budi Santoso", "Lampu mati. Terima kasih, [nama]"),
    ("cc @budi_s", "cc [akun]"),
    ("chat wa.me/6281234567890", "chat [akun]"),
    ("https://t.me/budi_s lihat", "[akun] lihat"),
    ("foto di https://www.instagram.com/budi.s/", "foto di [akun]"),
    ("ig: budi.s", "ig: [akun]"),
    ("rekening BCA 1234567890", "rekening BCA [rekening]"),
    ("no rek 123-456-7890", "no rek [rekening]"),
    ("lahir 12-03-1980", "lahir [tanggal lahir]"),
    ("TTL: Jakarta, 12 Maret 1980", "TTL: Jakarta, [tanggal lahir]"),
    ("nomor pelanggan 123456789012", "nomor pelanggan [nomor]"),
    ("0-8-1-2-3-4-5-6-7-8-9-0", "[telepon]"),
    ("tlp rumah: 789-1234", "tlp rumah: [telepon]"),
    ("a.n budi santoso, RT 3", "a.n [nama], RT 3"),
    ("nama gue Budi dari rt 5", "nama gue [nama] dari rt 5"),
    ("namaku rina", "namaku [nama]"),
    ("tukang parkir namanya Dedi galak", "tukang parkir namanya [nama] galak"),
]


@pytest.mark.parametrize(("text", "public"), GONE)
def test_personal_data_is_taken_out(text: str, public: str) -> None:
    assert public_description(text) == public


@pytest.mark.parametrize(
    "text",
    [
        "Jl. Mawar No. 12 RT 003/RW 09",
        "RT 021 RW 005, gang 0210",
        "-6.175392, 106.827153",
        "6.175392 106.827153",
        "https://maps.google.com/?q=-6.175392,106.827153",
        "https://www.google.com/maps/@-6.175392,106.827153,17z",
        "https://maps.app.goo.gl/AbC123",
        "lampu mati @Jl. Mawar dekat pasar",
        "Blok B 12 RT 3 RW 4",
        "TOLONG JL MAWAR B 12 DPN MASJID BLOK A 10 JL MELATI",
        "banjir 50 cm sejak 2019, kerugian 1.500.000",
        "pungli Rp 150.000.000 atau Rp1500000000",
        "tol KM 12+500 arah Bogor, KM 8 B 200 m",
        "08.30-09.45 WIB, 08-11-2025 10.30",
        "bus 6A, JAK 10, JAK 112, S21, L13E, rute B 11 AB, koridor 13",
        "laporan 7K3XQ9 belum selesai",
        "Atas nama warga RT 05 RW 03 Kelurahan Manggarai",
        "Nama jalan: Mawar",
        "nama saya tidak terdaftar",
        "nama gue dicoret, a.n warga RT 5",
        "jalan yang namanya Kenanga, warung namanya Sederhana",
        "telp 112 atau telpon 1500164, dana 2000000000 rupiah",
        "kenapa nama saya tercantum dua kali",
        "sudah sejak b 2019 sd 2021 begini",
        "tanpa mengurangi rasa hormat saya",
        "Pak RT dan Pak RW 05 sudah tahu",
        "Yth. Bapak Gubernur, Bu Lurah Manggarai, Pak Camat Tebet",
        "Pak Wali Kota, Ibu Kepala Dinas, Bapak/Ibu petugas",
        "Pak Tolong Jalan Rusak, bu mohon dibantu",
        "PAK MOHON SALURAN DI DEPAN SEKOLAH DIPERBAIKI",
        "Jl. H. Nawi, Jalan Haji Agus Salim, Gang Haji Ilyas",
        "Jl. KH Mas Mansyur, Jalan Raya Haji Nawi, Jl. Dr. Soetomo",
        "macet di Haji Nawi arah Blok A",
        "Mas Mansyur street is flooded",
        "Pasar Minggu, RS Haji, SMK Bunda, warung Bu Tiwi",
        "Ibu Kota Jakarta, ibu saya sakit, ibu hamil",
        "Saya Warga Tebet. Saya Melaporkan banjir",
        "Terima kasih, Dishub",
        "Kode pos 12850, lantai 3 unit 1204",
    ],
)
def test_what_says_the_place_stays(text: str) -> None:
    assert public_description(text) == text


@given(st.text())
def test_any_text_can_be_made_public(text: str) -> None:
    assert isinstance(public_description(text), str)


@given(st.sampled_from(GONE), st.sampled_from(["jalan rusak di RT 3, ", "min tolong! ", "", "\n"]))
def test_twice_is_no_more_than_once(case: tuple[str, str], before: str) -> None:
    once = public_description(before + case[0])
    assert public_description(once) == once


PIECES = (
    "Pak",
    "bu",
    "H.",
    "Mr",
    "RT",
    "05",
    "Saya",
    "From:",
    "terima kasih,",
    "Jl.",
    "Bambang",
    "[telepon]",
    "\n",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=40), st.sampled_from(["", " ", ". "]))
def test_titles_and_names_in_any_order_leave_no_known_name_behind_a_title(pieces: list[str], between: str) -> None:
    told = public_description(between.join([*pieces, "\nHubungi Pak Bambang di sini"]))
    assert told.endswith(("Pak [nama] di sini", "[nama]"))


@given(
    st.from_regex(r"\A08[1-9][0-9]{7,10}\Z"),
    st.sampled_from(["", " ", "-", "."]),
    st.integers(min_value=2, max_value=5),
)
def test_a_mobile_number_goes_however_it_is_grouped(number: str, separator: str, size: int) -> None:
    groups = [number[:4], *(number[at : at + size] for at in range(4, len(number), size))]
    told = public_description(f"hubungi {separator.join(groups)} ya")
    assert told == "hubungi [telepon] ya"


@given(
    st.sampled_from(["B", "D", "F", "L", "N", "AB", "AD", "BE", "BK", "DK", "KT", "DD"]),
    st.integers(min_value=100, max_value=9999),
    st.sampled_from(["XY", "QZ", "KJH", "UVX"]),
    st.sampled_from(["", " ", "-"]),
)
def test_a_plate_goes_in_every_region(area: str, number: int, letters: str, separator: str) -> None:
    plate = separator.join([area, str(number), letters])
    assert public_description(f"mobil {plate} parkir") == "mobil [plat nomor] parkir"


@given(
    st.floats(min_value=-6.4, max_value=-5.1).map(lambda lat: f"{lat:.6f}"),
    st.floats(min_value=106.6, max_value=107.0).map(lambda long: f"{long:.6f}"),
    st.sampled_from([", ", " ", ","]),
)
def test_coordinates_stay(lat: str, long: str, separator: str) -> None:
    text = f"di {lat}{separator}{long} dekat pasar"
    assert public_description(text) == text


@given(
    st.integers(min_value=1, max_value=30),
    st.integers(min_value=1, max_value=20),
    st.integers(min_value=1, max_value=999),
)
def test_rt_rw_and_house_numbers_stay(rt: int, rw: int, house: int) -> None:
    for text in (
        f"Jl. Kenanga No. {house} RT {rt:03}/RW {rw:03}",
        f"rt {rt} rw {rw} no {house}",
        f"RT.{rt:02} RW.{rw:02} Blok C{house}",
    ):
        assert public_description(text) == text


def test_a_long_hostile_text_costs_little() -> None:
    dice = random.Random(7)
    for unit in (
        "pak ",
        "Pak RT ",
        "H. ",
        "Saya A ",
        "from: ",
        "terima kasih, ",
        "Jl. KH ",
        "bu a ",
        "a.n. A ",
        "0812 ",
        "lahir di a ",
        "nama : a ",
        "B 1 ",
        "3171 ",
        "a@",
        "wa.me/",
    ):
        assert public_description(unit * 2000) is not None
    assert public_description("".join(dice.choice(string.digits + " .-") for _ in range(20_000))) is not None
