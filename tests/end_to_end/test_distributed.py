"""The same house on PostgreSQL and Valkey, with deliveries carried by two `work` processes."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from town import API_KEY, CHANNELS, PLACE, ROOT, TEXT, Town, code_in, eventually, jpeg, new_citizen, report

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


# --- agencies outside the desk ------------------------------------------------------------------------------

RUBBISH = "sampah menumpuk sudah seminggu di Jl. Manggarai Utara {n}, Kelurahan Manggarai"
MAILBOX = "sampah@dlh.example"


def open_way(city: Town, *how: str) -> None:
    added = city.run("agency", "add", "dlh", *how)
    assert added.returncode == 0, added.stderr


def test_an_agencys_own_program_takes_reports_from_its_queue_and_answers(
    city: Town, redis_url: str, tmp_path: Path
) -> None:
    program = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "agency-queue.md").read_text(), re.DOTALL)
    assert program
    (tmp_path / "agency.py").write_text(program[1])
    open_way(city, "--queue")
    citizen = new_citizen("whatsapp")
    city.say("whatsapp", citizen, RUBBISH.format(n=11))
    code = code_in(city.answer("whatsapp", citizen, within=40))
    queue = Queue("agency-dlh", connection=Redis.from_url(redis_url), serializer="json")
    eventually(lambda: queue.job_ids, what="the job waits in the agency's own queue")
    assert queue.job_ids[0].startswith("delivery-")

    env = {**os.environ, "REDIS_URL": redis_url, "LAPOR_URL": city.url, "LAPOR_KEY": API_KEY}
    with (tmp_path / "log").open("w") as log:
        theirs = subprocess.Popen([sys.executable, "agency.py"], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        eventually(
            lambda: report(city, code)["extended_status"] == "accepted", what=(tmp_path / "log").read_text()
        )
    finally:
        theirs.terminate()
        theirs.wait(20)
    assert "Lingkungan Hidup" in city.answer("whatsapp", citizen, 2)
    city.update(code, "FIXED", "Sampah diangkut")
    assert "Sampah diangkut" in city.answer("whatsapp", citizen, 3)


def test_an_agency_does_a_reports_whole_life_from_its_mailbox(city: Town) -> None:
    open_way(city, "--mail", MAILBOX)
    citizen = new_citizen("telegram")
    city.say("telegram", citizen, RUBBISH.format(n=57), photos=(jpeg("brown", 400),))
    code = code_in(city.answer("telegram", citizen, within=40))

    first = mail_of(city, code, 1)
    assert "sampah menumpuk" in first["text"]
    link = re.search(rf"{re.escape(city.url)}(/a/\S+)", first["text"])
    assert link
    assert code in city.client.get(link[1]).text
    city.say("email", MAILBOX, "PROSES tim berangkat siang ini", reply_to=first["id"])
    assert "tim berangkat" in city.answer("telegram", citizen, 2)
    answer = mail_of(city, code, 2)
    assert "Dikerjakan" in answer["text"]

    city.say("email", MAILBOX, "SELESAI. Sampah diangkut", photos=(jpeg("green", 500),), reply_to=answer["id"])
    assert "Sampah diangkut" in city.answer("telegram", citizen, 3)
    page = city.client.get(link[1]).text
    assert "Sesudah" in page
    city.say("telegram", citizen, "belum, masih ada sisa")
    again = mail_of(city, code, 4)
    assert "masih ada sisa" in again["text"]
    city.say("email", MAILBOX, "Selesai: sisa diangkut", reply_to=again["id"])
    assert "sisa diangkut" in city.answer("telegram", citizen, 5)
    city.say("telegram", citizen, "sudah bersih, terima kasih")
    eventually(lambda: report(city, code)["status"] == "closed")
    assert MAILBOX in city.run("agency", "list").stdout
    said = city.run("agency", "log", "dlh").stdout
    assert re.search(rf"mail#\d+ delivery \d+ {code} report.assigned: sent after \d+ tries: <lapor\.", said)
    assert link[1] not in city.log()


def mail_of(city: Town, code: str, number: int) -> dict[str, Any]:
    """The nth mail about a report in the agency's mailbox."""

    def look() -> list[dict[str, Any]]:
        mails = [m for m in city.thread("email", MAILBOX) if m["direction"] == "out" and code in m["text"]]
        return mails[number - 1 :]

    return eventually(look, within=40, what=f"mail {number} about the report")[0]


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
