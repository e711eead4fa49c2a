"""Accounts of a lurah, camat or wali kota: made with the area's name, code or alias."""

from pathlib import Path

import pytest

import run_bots
from config.pack import load_pack
from config.settings import ROOT
from desk.areas import area_named

JAKARTA = ROOT / "config" / "jakarta"


@pytest.mark.parametrize(
    ("agency_id", "said", "code"),
    [
        ("kelurahan", "Manggarai", "31.74.01.1007"),
        ("kelurahan", " manggarai ", "31.74.01.1007"),
        ("kelurahan", "31.74.01.1007", "31.74.01.1007"),
        ("kecamatan", "Tebet", "31.74.01"),
        ("kelurahan", "Kebayoran Lama Utara", "31.74.05.1001"),
        ("walikota", "Jaksel", "31.74"),
        ("walikota", "Kepulauan Seribu", "31.01"),
    ],
)
def test_an_area_is_named_as_people_name_it(agency_id: str, said: str, code: str) -> None:
    assert area_named(load_pack(JAKARTA), agency_id, said) == code


@pytest.mark.parametrize(
    ("agency_id", "said"),
    [
        ("kelurahan", "Jaksel"),
        ("kelurahan", "31.74.01"),
        ("kecamatan", "Manggarai"),
        ("kelurahan", ""),
        ("kelurahan", "Atlantis"),
        ("dbm", "Manggarai"),
        (None, "Manggarai"),
    ],
)
def test_an_area_of_another_level_or_agency_is_refused(agency_id: str | None, said: str) -> None:
    with pytest.raises(LookupError):
        area_named(load_pack(JAKARTA), agency_id, said)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SANDBOX", "off")
    assert run_bots.main(["migrate"]) == 0


@pytest.mark.usefixtures("installed")
def test_the_command_keeps_the_area_and_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    add = ["user", "add", "ibu lurah", "--role", "officer", "--agency", "kelurahan"]
    assert run_bots.main([*add, "--area", "Manggarai"]) == 0
    add[2] = "pak lurah"
    assert run_bots.main(add) == 0  # as before: all of the agency's reports
    capsys.readouterr()
    assert run_bots.main(["user", "list"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == ["ibu lurah officer kelurahan Manggarai (31.74.01.1007)", "pak lurah officer kelurahan"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "officer", "--agency", "dbm", "--area", "Manggarai"], "an area goes with one of the agencies"),
        (["--role", "triage", "--area", "Manggarai"], "an area goes with one of the agencies"),
        (["--role", "officer", "--agency", "kelurahan", "--area", "Atlantis"], "names none"),
    ],
)
def test_an_account_that_cannot_be_is_one_line_and_is_not_made(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    capsys.readouterr()
    assert run_bots.main(["user", "add", "x", *options]) == 1
    assert said in capsys.readouterr().err
    assert run_bots.main(["user", "list"]) == 0
    assert capsys.readouterr().out == ""
