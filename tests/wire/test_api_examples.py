"""The page of examples (docs/api-examples.md): every line is run with curl against a house that is served."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from config.settings import ROOT
from tests.wire.desk_rooms import add_report
from tests.wire.test_web_channel import Room, room_in

PAGE = (ROOT / "docs" / "api-examples.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
BEGINS = {
    "services.json": "[{",
    "geojson": '{"type": "FeatureCollection"',
    "reports.csv": "code,",
    "feed.atom": "<?xml",
    "map.json": '{"zoom":11',
    "cap.atom": "<?xml",
    "servicerequestupdates.json": "[{",
    "subscriptions.json": '[{"subscription_id"',
    "requests.json": '[{"token"',
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("examples")) as room:
        add_report(room.house)
        yield room


@pytest.mark.skipif(not shutil.which("curl"), reason="LEFT OUT: no curl on this machine")
@pytest.mark.parametrize("line", LINES)
def test_an_example_does_what_the_page_says(room: Room, line: str) -> None:
    assert line.startswith("curl -s ")
    env = {**os.environ, "AT": str(room.http.base_url).rstrip("/"), "KEY": "key-of-all"}
    ran = subprocess.run(["sh", "-c", f"{line} --fail --noproxy '*'"], capture_output=True, text=True, env=env)
    begins = next(said for name, said in BEGINS.items() if name in line)
    assert (ran.returncode, ran.stdout[: len(begins)]) == (0, begins), ran.stderr


def test_every_kind_of_example_is_there() -> None:
    assert all(any(name in line for line in LINES) for name in BEGINS)
