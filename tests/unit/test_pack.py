"""The city pack: read whole, checked, quick."""

import shutil
import tomllib
from pathlib import Path

import pytest

from config.pack import PackError, load_pack

ROOT = Path(__file__).resolve().parents[2]
JAKARTA = ROOT / "config" / "jakarta"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of Jakarta's pack that a test may spoil."""
    return Path(shutil.copytree(JAKARTA, tmp_path / "city"))


def test_jakarta_has_its_agencies_services_and_areas() -> None:
    pack = load_pack(JAKARTA)
    assert (len(pack.agencies), len(pack.services), len(pack.areas)) == (46, 48, 317)
    assert pack.agencies["dbm"].name == "Dinas Bina Marga"
    assert pack.services["jalan_rusak"].agency_id == "dbm"
    assert pack.services["bukan_aduan"].agency_id is None
    assert pack.areas["31.74.01.1007"].name == "Manggarai"
    assert pack.settings["emergency"] == "112"


def test_every_service_that_is_a_report_has_words_and_two_names() -> None:
    for service in load_pack(JAKARTA).services.values():
        assert service.name
        assert service.name_en
        assert service.group
        if service.code not in {"lainnya", "bukan_aduan"}:
            assert len(service.words) > 10, service.code


def test_every_area_lies_in_its_parents_and_in_the_city() -> None:
    pack = load_pack(JAKARTA)
    box = pack.settings["bounds"]
    for area in pack.areas.values():
        assert box["south"] <= area.lat <= box["north"], area
        assert box["west"] <= area.long <= box["east"], area
        if area.level == "kelurahan":
            assert area.kecamatan == pack.areas[area.code[:8]].name
            assert area.kota == pack.areas[area.code[:5]].name


def test_landmarks_and_streets_lie_in_known_kelurahan() -> None:
    pack = load_pack(JAKARTA)
    assert len(pack.landmarks) > 3000
    assert {landmark.area_code for landmark in pack.landmarks} <= pack.areas.keys()
    assert {code for street in pack.streets for code in street.area_codes} <= pack.areas.keys()


def test_a_second_load_gives_the_same_object() -> None:
    assert load_pack(JAKARTA) is load_pack(JAKARTA)


def test_a_broken_file_is_named(copied: Path) -> None:
    (copied / "services.toml").write_text("[jalan_rusak\n", encoding="utf-8")
    with pytest.raises(PackError, match=r"services\.toml"):
        load_pack(copied)


def test_an_unknown_agency_is_named(copied: Path) -> None:
    services = (copied / "services.toml").read_text(encoding="utf-8")
    (copied / "services.toml").write_text(services.replace('agency = "dbm"', 'agency = "nobody"', 1), "utf-8")
    with pytest.raises(PackError, match="nobody"):
        load_pack(copied)


def test_an_unknown_area_of_a_neighbourhood_is_named(copied: Path) -> None:
    (copied / "neighbourhoods.toml").write_text('"Atlantis" = "99.99"\n', encoding="utf-8")
    with pytest.raises(PackError, match="Atlantis"):
        load_pack(copied)


def test_a_text_that_one_language_lacks_is_named(copied: Path) -> None:
    (copied / "texts" / "id.toml").write_text('only_here = "ya"\n', encoding="utf-8")
    (copied / "texts" / "en.toml").write_text("", encoding="utf-8")
    with pytest.raises(PackError, match="only_here"):
        load_pack(copied)


@pytest.mark.parametrize(
    "days", ["", "journal_days = 0", 'journal_days = "14"', "journal_days = 1.5", "journal_days = true"]
)
def test_a_journal_that_keeps_no_whole_days_is_named(copied: Path, days: str) -> None:
    city = (copied / "city.toml").read_text(encoding="utf-8")
    (copied / "city.toml").write_text(city.replace("journal_days = 14", days, 1), encoding="utf-8")
    with pytest.raises(PackError, match="journal_days"):
        load_pack(copied)


@pytest.mark.parametrize(
    ("was", "says", "named"),
    [
        ("metres = 75\n", "", "lacks metres"),
        ("metres = 75\n", "metres = 0\n", "metres of other"),
        ("days = 30\n", "days = 30.5\n", "days of other"),
        ("days = 30\n", "days = 5000\n", "days of other"),
        ("finished_days = 3", "finished_days = -1", "finished_days"),
        ("[joins.services]", "[joins.services]\nhantu = { metres = 5, days = 1 }", "unknown service: hantu"),
        ("banjir = { metres = 400, days = 2 }", "banjir = { metres = 400 }", "days of banjir"),
        ('never = [\n  "kekerasan"', 'never = [\n  "naga"', "unknown service: naga"),
    ],
)
def test_what_is_wrong_with_nearness_is_named(copied: Path, was: str, says: str, named: str) -> None:
    city = (copied / "city.toml").read_text(encoding="utf-8")
    before, joins, entries = city.partition("\n[joins]\n")
    assert was in entries
    (copied / "city.toml").write_text(before + joins + entries.replace(was, says, 1), encoding="utf-8")
    with pytest.raises(PackError, match=named):
        load_pack(copied)


def test_each_service_has_its_own_nearness() -> None:
    pack = load_pack(JAKARTA)
    assert pack.nearness("banjir") == (400, 2)
    assert pack.nearness("lampu_jalan") == pack.nearness(None) == (75, 30)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"city\.toml"):
        load_pack(tmp_path / "nowhere")


def test_the_share_alike_files_carry_licence_and_credit() -> None:
    odbl = JAKARTA / "odbl"
    licence = (odbl / "LICENSE").read_text(encoding="utf-8")
    assert "Open Database License (ODbL)" in licence
    assert "10.4 Choice of law" in licence
    assert "© OpenStreetMap contributors" in (odbl / "README.md").read_text(encoding="utf-8")


def test_all_toml_of_the_pack_is_valid() -> None:
    for path in JAKARTA.rglob("*.toml"):
        assert isinstance(tomllib.loads(path.read_text(encoding="utf-8")), dict)


def test_words_for_a_service_that_is_not_there_are_named(copied: Path) -> None:
    (copied / "words" / "jv.toml").write_text("[dalan_rusak]\nbolong = 1.0\n", encoding="utf-8")
    with pytest.raises(PackError, match=r"words/jv\.toml names an unknown service: dalan_rusak"):
        load_pack(copied)


def test_words_of_another_language_join_those_that_are_there(copied: Path) -> None:
    (copied / "words" / "jv.toml").write_text('[jalan_rusak]\n"dalan ambyar" = 3.0\n', encoding="utf-8")
    words = load_pack(copied).services["jalan_rusak"].words
    assert words["dalan ambyar"] == 3.0
    assert words["jalan rusak"] == 3.0


def test_alternatives_are_written_out(copied: Path) -> None:
    (copied / "words" / "zz.toml").write_text('[pohon]\n"kayu|batang tua|hampir_roboh" = 2.0\n', encoding="utf-8")
    words = load_pack(copied).services["pohon"].words
    assert {"kayu tua", "kayu hampir roboh", "batang tua", "batang hampir roboh"} <= words.keys()


def test_a_service_that_brings_an_unknown_one_is_named(copied: Path) -> None:
    file = copied / "services.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\nbrings = ["rain"]\n', encoding="utf-8")
    with pytest.raises(PackError, match="brings an unknown service: rain"):
        load_pack(copied)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reports = 20", "reports = 1", "reports of surge is no whole number, or too small"),
        ("reports = 20", 'reports = "20"', "reports of surge is no whole number"),
        ("minutes = 30", "minutes = 0", "minutes of surge is no whole number, or too small"),
        ("digest_hours = 3", "digest_hours = true", "digest_hours of surge is no whole number"),
        ("ends_after_minutes = 60", "ends_after_minutes = 0.5", "ends_after_minutes of surge is no whole number"),
        ("reports = 10", "reports = 0", "reports of surge.of.kebakaran is no whole number, or too small"),
        ("reports = 10", "people = 10", "surge.of.kebakaran has no figure 'people'"),
        ('services = ["banjir"', 'services = ["banjirr"', "surge names an unknown service: banjirr"),
        ("[surge.of.kebakaran]", "[surge.of.api]", "surge names an unknown service: api"),
    ],
)
def test_surge_that_makes_no_sense_is_named(copied: Path, old: str, new: str, said: str) -> None:
    city = copied / "city.toml"
    assert old in city.read_text()
    city.write_text(city.read_text().replace(old, new))
    with pytest.raises(PackError, match=said):
        load_pack(copied)


def test_service_has_its_own_surge_or_that_of_all() -> None:
    pack = load_pack(JAKARTA)
    assert (pack.surge_of("banjir"), pack.surge_of("kebakaran")) == ((20, 30), (10, 30))
