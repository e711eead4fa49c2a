"""A whole message becomes a draft, and the draft the object that `explain` prints."""

import csv
import json
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.normalize import explain, normalize
from normalizer.schema import Draft, PhotoFacts, Position

ROOT = Path(__file__).resolve().parents[2]
PACK = load_pack(ROOT / "config" / "jakarta")
ROUTING = ROOT.parent / "shared" / "data" / "categories" / "routing_cases.csv"
MANGGARAI = "ada jalan berlubang besar di Jl. Manggarai Utara, Kelurahan Manggarai, Tebet, bahaya motor jatuh"


def understood(text: str, **more: object) -> Draft:
    return normalize(text, pack=PACK, **more)  # type: ignore[arg-type]


def test_explain_gives_exactly_the_promised_object() -> None:
    told = explain(understood(MANGGARAI), PACK)
    assert list(told) == [
        "is_report", "service_code", "service_name", "confidence", "alternatives", "agency_id", "agency_responsible",
        "lat", "long", "address_string", "area_code", "kelurahan", "kecamatan", "kota", "place_source",
        "place_confidence", "language", "urgent", "danger", "not_report", "missing", "public_description", "learned",
        "place_alternatives", "conflict",
    ]  # fmt: skip
    assert told["service_code"] == "jalan_rusak"
    assert told["agency_id"] == "dbm"
    assert told["agency_responsible"] == "Dinas Bina Marga"
    assert (told["kelurahan"], told["kecamatan"], told["area_code"]) == ("Manggarai", "Tebet", "31.74.01.1007")
    assert told["kota"] == "Kota Administrasi Jakarta Selatan"
    assert (told["place_source"], told["missing"], told["language"]) == ("text", [], "id")
    assert json.loads(json.dumps(told)) == told


def test_a_draft_holds_the_further_problems_that_it_names() -> None:
    assert [guess.service_code for guess in understood("got mampet, lampu jalan juga mati").also] == [
        "lampu_jalan"
    ]
    assert understood("got mampet jadi banjir").also == ()
    assert understood("terima kasih, lampu jalan dan got sudah diperbaiki").also == ()


def test_an_unsure_draft_names_no_agency_and_says_what_is_missing() -> None:
    told = explain(understood("tolong segera ditindaklanjuti ya pak"), PACK)
    assert told["service_code"] is None
    assert told["agency_id"] is None
    assert told["place_source"] == "none"
    assert told["missing"] == ["service", "place"]


def test_a_service_in_english_has_its_english_name() -> None:
    told = explain(understood("huge pothole on the road in Manggarai"), PACK)
    assert told["language"] == "en"
    assert told["service_name"] == PACK.services["jalan_rusak"].name_en


@pytest.mark.parametrize(
    "text",
    [
        "terima kasih banyak pak",
        "selamat pagi",
        "ok",
        "Thank you!",
        "terima kasih, lampunya sudah menyala",
        "PINJAMAN ONLINE cair 5 menit klik link",
        "",
        "   \n",
        "tes",
    ],
)
def test_thanks_greetings_and_advertising_report_nothing(text: str) -> None:
    draft = understood(text)
    assert not draft.is_report
    assert draft.missing == ()
    assert explain(draft, PACK)["service_code"] == "bukan_aduan"
    assert explain(draft, PACK)["agency_id"] is None


@pytest.mark.parametrize(
    "text",
    [
        "selamat pagi, jalan rusak",
        "terima kasih, tapi lampunya belum menyala",
        "air masuk rumah",
        "tolong pak",
        "spanduk pinjaman online dipaku di pohon",
        "di depan rumah saya sudah seminggu begini terus dan tidak ada yang datang",
    ],
)
def test_a_greeting_does_not_hide_a_report(text: str) -> None:
    assert understood(text).is_report


def test_a_photo_or_a_pin_without_words_is_a_report() -> None:
    assert understood("", photos=(PhotoFacts(readable=True),)).is_report
    assert understood("", pin=Position(lat=-6.1754, long=106.8272)).is_report
    assert not understood("", photos=(PhotoFacts(readable=False),)).is_report


def test_the_first_photo_with_a_position_says_the_place() -> None:
    photos = (PhotoFacts(readable=True), PhotoFacts(readable=True, position=Position(lat=-6.1754, long=106.8272)))
    draft = understood("jalan berlubang", photos=photos)
    assert draft.place
    assert (draft.place.source, draft.place.kelurahan) == ("photo", "Gambir")
    assert draft.missing == ()


def test_the_subject_counts_as_words() -> None:
    draft = understood("Mohon segera ditangani", subject="Got mampet di Manggarai")
    assert draft.service
    assert draft.service.service_code == "saluran"
    assert draft.place
    assert draft.place.kelurahan == "Manggarai"


def test_quoted_mail_is_kept_and_not_understood() -> None:
    text = "Lampu jalan mati di Manggarai\n\nPada Sel, 3 Nov 2026 Lapor <a@b.id> menulis:\n> banjir banjir banjir di Ancol"
    draft = understood(text)
    assert draft.service
    assert draft.service.service_code == "lampu_jalan"
    assert draft.place
    assert draft.place.kelurahan == "Manggarai"
    assert "Ancol" in draft.description
    assert "Ancol" not in draft.public_description


def test_the_name_of_a_place_is_no_problem() -> None:
    draft = understood("lampu jalan mati di Lubang Buaya")
    assert draft.service
    assert draft.service.service_code == "lampu_jalan"
    assert "kebakaran" not in [guess.service_code for guess in draft.alternatives]


def test_danger_is_flagged_urgent() -> None:
    live = understood("kabel listrik putus nyetrum orang di Warakas")
    assert (live.urgent, live.danger) == (True, "wire")
    hole = understood("jalan berlubang di Warakas")
    assert (hole.urgent, hole.danger) == (False, None)


def test_personal_data_stays_in_and_goes_out_of_the_public_text() -> None:
    draft = understood("jalan rusak, hubungi Budi 081234567890")
    assert "081234567890" in draft.description
    assert "081234567890" not in draft.public_description


@settings(deadline=None)
@given(st.text(), st.text(max_size=40), st.sampled_from([None, "id", "en", "xx", ""]))
def test_any_text_is_understood_somehow(text: str, subject: str, language: str | None) -> None:
    draft = understood(text, subject=subject, language=language)
    told = explain(draft, PACK)
    assert "\x00" not in draft.description
    assert json.loads(json.dumps(told)) == told


# Pieces of what the patterns look for, and of what only looks like it.
PIECES = [
    "jl ", "jalan ", "gang ", "RT 1/", "rt rw ", "r. t ", "RT dua puluh ", "Rukun Tetangga ", "RW ", "x", "vi", "i ", "belas ", "kel ", "kelurahan", "kec. ",
    "di", "rawa ", "Gunung Sahari ", "karet ", "No. 1-", "Blok A", "Kav. ", "km 5,", "1.000.000 ", "0812-3456-", "3174 ",
    "-6.175 ", "6\u00b010'", "S 6.1 ", "106,8 BT", "geo:", "!3d-6.1754", "mlat=", "QRFG+", "waze.com/ul/h", "osm.org/go/", "%2C",
    "https://", "maps.app.goo.gl/", "a@", "a@b.c ", "#jalanrusak", "RT @a: ", "> ", "-- \n", "On ", " wrote:\n", "From:\n",
    "Pak Budi ", "a.n. ", "nama saya ", "B 1234 ", "b a n ", "b.a.n.", "\u200b", "\u0430a", "\u0336", "\u0301\u0302", "\uff2a",
    "\U0001d5ee", "\u202e", "\U0001f525", "\u2028", "\n", "_", "0", "a", " ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_mixture_of_what_is_looked_for_is_understood_somehow(text: str) -> None:
    told = explain(understood(text), PACK)
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("unit", PIECES)
def test_a_hostile_length_costs_little(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = perf_counter()
    understood(text)
    assert perf_counter() - start < 30  # no measure of speed: what it must not do is hang


def test_the_routing_cases_come_out_right() -> None:
    if not ROUTING.exists():
        pytest.skip(f"not here: {ROUTING}")
    with ROUTING.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [(row, explain(understood(row["text"]), PACK)) for row in rows]
    services = [found["service_code"] == row["category"] for row, found in told]
    places = [
        found["area_code"] == row["kode"]
        for row, found in told
        if row["kelurahan"].lower() in row["text"].lower() and row["kode"]
    ]
    assert sum(services) / len(services) >= 0.9
    assert all(places)
