"""The house of a module's own that its tests share, as the module's OFFICERS and SETTINGS say; a test that needs
another one says so beside it."""

from collections.abc import Iterator

import httpx
import pytest

from router.house import House
from tests.wire.desk_rooms import browser, log_in, open_desk, serving


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> House:
    officers, settings = getattr(request.module, "OFFICERS", {}), getattr(request.module, "SETTINGS", {})
    return open_desk(tmp_path_factory.mktemp("rooms"), officers, **settings)


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    with serving(house) as served:
        yield served


@pytest.fixture(scope="module")
def clients(request: pytest.FixtureRequest, address: str) -> Iterator[dict[str, httpx.Client]]:
    """One browser for each of OFFICERS, logged in."""
    opened = {name: browser(address) for name in request.module.OFFICERS}
    for name, client in opened.items():
        assert log_in(client, name).status_code == 200
    yield opened
    for client in opened.values():
        client.close()
