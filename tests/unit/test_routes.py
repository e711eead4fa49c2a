"""Who owns a problem: the pack's rules by service, place, words and time; and what admins took."""

import csv
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.pack import Pack, PackError, load_pack
from config.settings import ROOT
from normalizer.normalize import normalize
from router.agencies import agency_for, fitting, instead, lies_in

JAKARTA = ROOT / "config" / "jakarta"
CASES = ROOT.parent / "shared" / "data" / "categories" / "routing_cases.csv"
NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)  # 12.00 in Jakarta


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of Jakarta's pack that a test may change."""
    return Path(shutil.copytree(JAKARTA, tmp_path / "city"))


def with_rules(folder: Path, rules: str) -> Pack:
    (folder / "routes.toml").write_text(rules, encoding="utf-8")
    return load_pack(folder)


def understood(text: str, pack: Pack) -> str | None:
    draft = normalize(text, pack=pack)
    service = draft.service.service_code if draft.service else None
    return agency_for(pack, service, draft.place.area_code if draft.place else None, text, at=NOON)


# --- Jakarta's own rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "agency_id"),
    [
        ("jalan tol dalam kota berlubang di km 5 Pancoran", "pu"),
        ("pothole on the toll road near Pancoran", "pu"),
        ("aspal rusak di bawah jalan tol Kuningan Barat", "dbm"),
        ("lubang besar di dekat pintu keluar tol Kuningan", "dbm"),
        ("jalan rusak dekat stasiun Manggarai", "dbm"),
        ("eskalator stasiun Manggarai mati", "kci"),
        ("sampah di rel kereta dekat Manggarai", "kci"),
        ("KRL telat terus di stasiun Tebet", "kci"),
        ("bus transjakarta penuh di halte depan stasiun Tebet", "transjakarta"),
        ("halte transjakarta Kuningan Barat atapnya bocor", "transjakarta"),
        ("lampu mati di halte busway Manggarai", "transjakarta"),
        ("angkot ngetem di Terminal Kampung Melayu bikin macet", "dishub"),
        ("jaklingko ngebut di depan terminal Kampung Melayu", "transjakarta"),
        ("lift stasiun MRT Blok A rusak", "mrt"),
        ("tiang listrik miring di Jl Tebet Barat, mau roboh", "pln"),
        ("kabel internet semrawut dekat tiang listrik Tebet Barat", "dbm"),
        ("kabel listrik putus menjuntai ke jalan di Kelurahan Bangka, ada percikan api", "pln"),
        ("kabel listrik semrawut di Jl. Kemang Raya, Kelurahan Bangka", "dbm"),
        ("mainan RPTRA Manggarai rusak", "pppapp"),
    ],
)
def test_words_name_the_body_that_owns_it_and_a_place_nearby_does_not(text: str, agency_id: str) -> None:
    assert understood(text, load_pack(JAKARTA)) == agency_id


def test_nine_of_ten_real_cases_come_to_the_agency_that_acted() -> None:
    if not CASES.exists():
        pytest.skip(f"not here: {CASES}")
    with CASES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pack = load_pack(JAKARTA)
    right = [understood(row["text"], pack) == row["handled_by"] for row in rows]
    assert sum(right) / len(right) >= 0.9


# --- area, words, time ----------------------------------------------------------------------------------------

BY_AREA = """
[[route]]
services = ["sampah"]
areas = ["31.74.01"]
agency = "kecamatan"
[[route]]
areas = ["31.74"]
agency = "walikota"
"""


@pytest.mark.parametrize(
    ("service", "area", "agency_id"),
    [
        ("sampah", "31.74.01.1007", "kecamatan"),
        ("sampah", "31.74.01", "kecamatan"),
        ("sampah", "31.74.02.1001", "walikota"),  # the first that fits, not the narrowest
        ("pohon", "31.74.01.1007", "walikota"),
        ("sampah", "31.71.01.1001", "dlh"),
        ("sampah", None, "dlh"),
        ("bukan_aduan", "31.74.01.1007", None),
        (None, "31.74.01.1007", None),
        ("no_such", "31.74.01.1007", None),
    ],
)
def test_a_rule_holds_in_its_area_and_all_that_lies_in_it(
    copied: Path, service: str | None, area: str | None, agency_id: str | None
) -> None:
    assert agency_for(with_rules(copied, BY_AREA), service, area, at=NOON) == agency_id


def test_a_code_that_begins_alike_is_another_area() -> None:
    assert lies_in("31.74.01.1007", "31.74.01")
    assert not lies_in("31.74.011", "31.74.01")
    assert not lies_in("31.74", "31.74.01")


def test_words_count_in_any_spelling_but_not_inside_of_what_speaks_against_them(copied: Path) -> None:
    rule = '[[route]]\nservices = ["sampah"]\nwords = "kali / tepi ~ situ"\nunless = "berkali kali"\nagency = "dsda"\n'
    pack = with_rules(copied, rule)
    said = {
        text: agency_for(pack, "sampah", None, text, at=NOON)
        for text in (
            "Sampah di KALI!",
            "sudah berkali-kali lapor",
            "berkali kali, di kali itu",
            "tepi danau situ",
            "",
        )
    }
    assert list(said.values()) == ["dsda", "dlh", "dsda", "dsda", "dlh"]


@pytest.mark.parametrize(
    ("condition", "hour", "agency_id"),
    [
        ('hours = "22:00-05:00"', "2026-03-02T21:59", "dishub"),
        ('hours = "22:00-05:00"', "2026-03-02T22:00", "satpolpp"),
        ('hours = "22:00-05:00"', "2026-03-03T04:59", "satpolpp"),
        ('hours = "22:00-05:00"', "2026-03-03T05:00", "dishub"),
        ('hours = "07:30-16:00"', "2026-03-03T12:00", "satpolpp"),
        ('hours = "07:30-16:00"', "2026-03-03T16:00", "dishub"),
        ("from = 2026-03-20\nuntil = 2026-03-24", "2026-03-19T23:59", "dishub"),
        ("from = 2026-03-20\nuntil = 2026-03-24", "2026-03-20T00:00", "satpolpp"),
        ("from = 2026-03-20\nuntil = 2026-03-24", "2026-03-24T23:59", "satpolpp"),
        ("from = 2026-03-20\nuntil = 2026-03-24", "2026-03-25T00:00", "dishub"),
    ],
)
def test_a_rule_holds_on_its_days_and_hours_of_the_citys_clock(
    copied: Path, condition: str, hour: str, agency_id: str
) -> None:
    pack = with_rules(copied, f'[[route]]\nservices = ["parkir_liar"]\n{condition}\nagency = "satpolpp"\n')
    at = datetime.fromisoformat(f"{hour}+07:00").astimezone(UTC)
    assert agency_for(pack, "parkir_liar", None, at=at) == agency_id


def test_further_rules_that_fit_come_behind_the_first(copied: Path) -> None:
    pack = with_rules(copied, BY_AREA)
    found = fitting(pack, "sampah", "31.74.01.1007", "", NOON)
    assert [route.agency_id for route in found] == ["kecamatan", "walikota"]


@pytest.mark.parametrize(
    ("area", "agency_id"),
    [("31.74.01.1007", "kelurahan"), ("31.74.01", "kecamatan"), ("31.74", "walikota"), (None, None), ("?", None)],
)
def test_a_local_report_goes_to_the_office_of_the_area_that_is_known(
    area: str | None, agency_id: str | None
) -> None:
    assert agency_for(load_pack(JAKARTA), "fasum", area, at=NOON) == agency_id


# --- a pack that cannot be right ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('agency = "dbm"', "rule 1: says nothing but an agency"),
        ('agency = "dbm"\nunless = "x"', "rule 1: says nothing but an agency"),
        ('agency = "dbm"\nword = "tol"', "rule 1: unknown: word"),
        ('words = "tol"', "rule 1: agency is missing"),
        ('agency = "dbm"\nwords = " / "', "rule 1: words is missing or no text"),
        ('agency = "dbm"\nservices = "sampah"', "rule 1: services is no list"),
        ('agency = "dbm"\nservices = []', "rule 1: services is no list"),
        ('agency = "dbm"\nhours = "22-5-7"', "rule 1"),
        ('agency = "dbm"\nhours = "05:00-05:00"', "rule 1: hours are no part of a day"),
        ('agency = "dbm"\nfrom = "tomorrow"', "rule 1: from is no day"),
        ('agency = "dbm"\nfrom = 2026-03-02\nuntil = 2026-03-01', "rule 1: ends before it begins"),
        ('agency = "nobody"\nwords = "tol"', "rule 1 names an unknown agency: nobody"),
        ('agency = "dbm"\nservices = ["rain"]', "rule 1 names an unknown service: rain"),
        ('agency = "dbm"\nareas = ["99.99"]', r"rule 1 names an unknown area: 99\.99"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_named(copied: Path, rule: str, said: str) -> None:
    with pytest.raises(PackError, match=said):
        with_rules(copied, f"[[route]]\n{rule}\n")


def test_a_rule_under_another_heading_is_no_silent_nothing(copied: Path) -> None:
    with pytest.raises(PackError, match="unknown: routes"):
        with_rules(copied, '[[routes]]\nagency = "dbm"\nwords = "tol"\n')


@pytest.mark.parametrize(
    ("figure", "spoilt"),
    [
        ('coordinator = "biropem"', 'coordinator = "nobody"'),
        ("recurs_times = 5", "recurs_times = 0"),
        ("recurs_days = 30", "recurs_days = 1.5"),
        ("recurs_share = 0.8", "recurs_share = 80"),
    ],
)
def test_a_figure_of_routing_that_cannot_be_meant_is_named(copied: Path, figure: str, spoilt: str) -> None:
    city = (copied / "city.toml").read_text(encoding="utf-8")
    assert figure in city
    (copied / "city.toml").write_text(city.replace(figure, spoilt), encoding="utf-8")
    with pytest.raises(PackError, match=figure.split(maxsplit=1)[0]):
        load_pack(copied)


# --- what admins took -----------------------------------------------------------------------------------------


def test_a_rule_that_an_admin_took_says_who_has_an_agencys_reports_of_a_service(copied: Path) -> None:
    taken = {("sampah", "dlh"): "satpolpp"}
    pack = with_rules(copied, '[[route]]\nservices = ["sampah"]\nwords = "kali"\nagency = "dsda"\n')
    assert agency_for(pack, "sampah", None, "sampah", at=NOON, taken=taken) == "satpolpp"
    assert agency_for(pack, "sampah", None, "sampah di kali", at=NOON, taken=taken) == "dsda"
    assert agency_for(pack, "pencemaran", None, "bau", at=NOON, taken=taken) == "dlh"


def test_a_taken_rule_to_an_agency_that_is_gone_leaves_it_to_the_desk() -> None:
    taken = {("sampah", "dlh"): "dissolved"}
    assert agency_for(load_pack(JAKARTA), "sampah", None, at=NOON, taken=taken) is None


def test_taken_rules_are_followed_one_after_the_other_and_never_in_a_circle() -> None:
    taken = {("sampah", "dlh"): "satpolpp", ("sampah", "satpolpp"): "kelurahan", ("pohon", "dlh"): "dbm"}
    assert instead("sampah", "dlh", taken) == "kelurahan"
    assert instead("sampah", "dlh", taken | {("sampah", "kelurahan"): "dlh"}) == "kelurahan"
    assert instead("sampah", "dlh", {("sampah", "dlh"): "dlh"}) == "dlh"
