"""The same house on PostgreSQL and Valkey, with deliveries carried by two `work` processes."""

from collections.abc import Callable

import pytest
from redis import Redis
from town import CHANNELS, PLACE, TEXT, Town, code_in, eventually, jpeg, new_citizen, report

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str):
    """A server and two workers that share nothing but the database, Redis, photos and keys."""
    env = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "test-secret-key-0123456789",
        "CONTACT_KEY": "test-contact-key-0123456789",
    }
    each = Town(folder=tmp_path_factory.mktemp("city"), env=env)
    refused = each.run("serve")
    assert refused.returncode == 1
    assert "migrate" in refused.stderr
    assert each.run("migrate").returncode == 0
    each.start()
    each.work()
    each.work()
    yield each
    each.stop()
    each.client.close()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_complaint_goes_all_the_way_through_the_workers(city: Town, channel: str) -> None:
    citizen = new_citizen(channel)
    city.say(channel, citizen, TEXT, photos=(jpeg(),), **PLACE)
    code = code_in(city.answer(channel, citizen, within=40))
    assert report(city, code)["agency_id"] == "dbm"

    city.update(code, "IN_PROGRESS", "Tim menuju lokasi")
    city.update(code, "FIXED", "Lampu diganti")

    assert "Tim menuju lokasi" in city.answer(channel, citizen, 2)
    assert "Lampu diganti" in city.answer(channel, citizen, 3)
    assert len(city.answers(channel, citizen)) == 3


def test_with_one_worker_killed_the_other_goes_on(city: Town) -> None:
    city.workers[0].kill()
    citizen = new_citizen("sms")
    city.say("sms", citizen, TEXT)

    assert code_in(city.answer("sms", citizen, within=40))


def test_redis_emptied_loses_nothing(city: Town, redis_url: str) -> None:
    citizens = [new_citizen("whatsapp") for _ in range(10)]
    for citizen in citizens:
        city.say("whatsapp", citizen, TEXT)
        Redis.from_url(redis_url).flushall()

    for citizen in citizens:
        eventually(lambda c=citizen: city.answers("whatsapp", c), within=90, what="answered all the same")
        assert len(city.answers("whatsapp", citizen)) == 1


def test_without_keys_the_server_says_which_one_is_missing(
    new_town: Callable[..., Town], postgres_url: str
) -> None:
    refused = new_town(DATABASE_URL=postgres_url).run("serve")

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "SECRET_KEY" in refused.stderr
