"""Accounts of a lurah, camat or wali kota: made with the area's name, code or alias."""

from datetime import timedelta
from pathlib import Path

import pytest

import run_bots
from config.pack import load_pack
from config.settings import ROOT, read_settings
from desk.areas import area_named
from router.house import open_house
from store import accounts

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
def test_the_list_says_who_is_locked_out_invited_or_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bots.main(["user", "add", "sistem", "--role", "officer", "--agency", "dbm", "--key"]) == 0
    assert run_bots.main(["user", "add", "sri", "--role", "triage"]) == 0
    house = open_house(read_settings())
    with house.store.write() as session:
        for name, days in (("dewi", 2), ("rudi", -1)):
            accounts.add_officer(session, name, "triage", None, now=house.now())
            officer = accounts.find_officer(session, name)
            assert officer is not None
            officer.invitation, officer.invited_until = name, house.now() + timedelta(days=days)
        sri = accounts.find_officer(session, "sri")
        assert sri is not None
        sri.locked_at = house.now()
    capsys.readouterr()
    assert run_bots.main(["user", "list"]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert "; invited until 20" in said["dewi"]
    assert said["rudi"].endswith("; the invitation has run out")
    assert said["sri"].endswith("; locked")
    assert said["sistem"].endswith("; API key")


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
