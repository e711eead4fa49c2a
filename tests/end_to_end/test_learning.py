"""A city whose desk corrects: `learn` by the command line, and the next citizen is understood."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from town import PLACE, Town, code_in, report

from normalizer.normalize import normalize
from router.house import House
from store.officials import LearnedModel
from tests.unit.houses import new_town
from tests.unit.lessons import judged
from tests.wire.desk_rooms import add_officer, add_report, browser, hidden, log_in, move, serving

pytest.importorskip("sklearn", reason="LEFT OUT: scikit-learn (extra `learn`) is not installed")

LOCAL = "selamat sore, tolong gluduk dekat lapangan bulu tangkis dibetulkan, becek semua"
SECRETS = {"secret_key": "s" * 32, "contact_key": "c" * 32}


@dataclass(frozen=True, kw_only=True)
class City:
    house: House
    town: Town

    def explained(self) -> dict[str, Any]:
        said = self.town.run("explain", LOCAL)
        assert said.returncode == 0, said.stderr
        told: dict[str, Any] = json.loads(said.stdout)
        return told


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.long),
        pytest.param("postgresql", marks=[pytest.mark.servers, pytest.mark.long]),
    ]
)
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    """A city with reports that the desk judged: corrected by HTTP where the normalizer was wrong or silent."""
    settings: dict[str, str] = {}
    if request.param == "postgresql":
        settings = {"database_url": a_database(request.getfixturevalue("postgres_url")), **SECRETS}
    house = new_town(tmp_path, public_url="http://127.0.0.1", **settings).house
    town = Town(folder=tmp_path, env={name.upper(): value for name, value in settings.items()})
    let_the_desk_judge(house)
    yield City(house=house, town=town)
    town.stop()
    town.client.close()
    house.store.engine.dispose()


def a_database(server: str) -> str:
    with closing(psycopg.connect(server.replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute("CREATE DATABASE learning")
    return server.rpartition("/")[0] + "/learning"


def let_the_desk_judge(house: House) -> None:
    add_officer(house, "sri", "triage")
    wrong: list[tuple[str, str]] = []
    for text, truth in judged(210):
        guess = normalize(text, pack=house.pack).service
        said = {"source": "text", "confidence": guess.confidence if guess else 0.0, "alternatives": []}
        code = add_report(
            house,
            description=text,
            public_description=text,
            service_code=guess.service_code if guess else None,
            sources={"service": said},
        )
        if guess and guess.service_code == truth:
            move(house, code, "accepted")
        else:
            wrong.append((code, truth))
    assert len(wrong) > 50
    with serving(house) as address, browser(address) as client:
        page = log_in(client, "sri")
        for code, truth in wrong:
            fields = {"csrf": hidden(page, "csrf"), "seen": "1", "service_code": truth}
            page = client.post(f"/desk/r/{code}/service", data=fields)
            assert "Jenis masalah sudah diperbaiki" in page.text


def test_what_the_desk_corrects_is_understood_after_learning_and_forgotten_when_asked(city: City) -> None:
    before = city.explained()
    assert before["service_code"] != "saluran"
    assert before["learned"] is None

    tried = city.town.run("learn", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "It would be kept, but this was a dry run. The lexicon goes on alone." in tried.stdout
    assert city.explained() == before

    said = city.town.run("learn")
    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    assert lines[0].startswith("210 reports of 210 people were judged by officials: ")
    assert [line for line in lines if line.startswith("saluran ") and " 70 " in line]
    assert [line for line in lines if line.startswith("Kept: model ")]
    with city.house.store.read() as session:
        row = session.query(LearnedModel).one()
    assert row.figures["low"] > 0
    after = city.explained()
    assert (after["service_code"], after["learned"]) == ("saluran", row.version)

    city.town.start()
    citizen = "+6281200000777"
    city.town.say("sms", citizen, LOCAL, **PLACE)
    code = code_in(city.town.answer("sms", citizen, within=40))
    assert report(city.town, code)["service_code"] == "saluran"
    assert report(city.town, code)["agency_id"] == "dsda"
    city.town.stop()

    assert city.town.run("learn", "--forget").stdout == f"Learned model {row.version} is removed.\n"
    assert city.explained() == before
    assert city.town.run("verify").returncode == 0


def test_learn_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    """Without scikit-learn: an empty folder of its name is found first, and has nothing in it."""
    (tmp_path / "hidden" / "sklearn").mkdir(parents=True)
    (tmp_path / "hidden" / "sklearn" / "__init__.py").write_text("raise ImportError('not here')")
    town = Town(folder=tmp_path, env={"PYTHONPATH": str(tmp_path / "hidden")})
    assert town.run("migrate").returncode == 0
    said = town.run("learn")
    assert (said.returncode, said.stdout) == (1, "")
    (line,) = said.stderr.splitlines()
    assert "--extra learn" in line
    assert town.run("explain", LOCAL).returncode == 0


def test_learn_with_too_few_judgements_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    assert town.run("migrate").returncode == 0
    said = town.run("learn")
    assert (said.returncode, said.stderr) == (0, "")
    assert "Not learned: 0 judged reports are too few, 200 are needed. The lexicon goes on alone." in said.stdout
    assert not (tmp_path / "data" / "learned").exists()
