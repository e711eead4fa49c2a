"""The operators' port of a running installation: what Prometheus reads, and why a server is not ready."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from town import CHANNELS, PLACE, TEXT, Town, eventually, new_citizen

from tests.faults.crowd import all_is_quiet, counted, looking_into

DOORS = ("sms", "email", "telegram", "x")  # WhatsApp comes in by SMS's


def ops(town: Town, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{town.ops}{path}", timeout=20)


def figures(town: Town) -> dict[tuple[str, str], float]:
    """By name and channel, other labels summed up."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(ops(town, "/metrics").text):
        for sample in family.samples:
            key = sample.name, sample.labels.get("channel", "")
            found[key] = found.get(key, 0) + sample.value
    return found


def test_one_complaint_on_each_channel_is_seen_all_the_way(town: Town) -> None:
    citizens = {channel: new_citizen(channel) for channel in CHANNELS}
    before = figures(town)
    for channel, citizen in citizens.items():
        town.say(channel, citizen, TEXT, **PLACE)
    for channel, citizen in citizens.items():
        town.answer(channel, citizen)
    eventually(lambda: all_is_quiet(town), what="everything is done")
    after = figures(town)
    grown = {key: value - before.get(key, 0) for key, value in after.items()}

    assert [door for door in DOORS if grown["lapor_accepted_total", door] < 1] == []
    assert [door for door in DOORS if grown["lapor_worked_off_total", door] < 1] == []
    for name in ("lapor_sends_total", "lapor_send_seconds_count", "lapor_acknowledgement_seconds_count"):
        assert {channel: grown[name, channel] for channel in CHANNELS} == dict.fromkeys(CHANNELS, 1), name
    assert [channel for channel in CHANNELS if grown["lapor_deliveries", channel] != 1] == []
    assert after["lapor_journal_oldest_waiting_seconds", ""] == 0
    assert after["lapor_refused_total", "sms"] == 0
    assert counted(town, "lapor_reports") == len(CHANNELS)


def test_a_scrape_is_prometheus_own_text(town: Town) -> None:
    answer = ops(town, "/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE lapor_accept_seconds histogram" in answer.text
    assert 'lapor_build_info{python="3.' in answer.text


def test_ready_says_why_not_and_being_alive_is_another_question(town: Town) -> None:
    assert (ops(town, "/readyz").status_code, ops(town, "/readyz").json()) == (200, {"ready": True, "reasons": []})
    with looking_into(town) as ours:
        version = ours.scalar(text("SELECT version_num FROM alembic_version"))
        ours.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    not_ready = ops(town, "/readyz")
    with looking_into(town) as ours:
        ours.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    assert not_ready.status_code == 503
    assert not_ready.json()["reasons"] == ["database: the schema is not this version's: run_bots.py migrate"]
    assert town.client.get("/healthz").status_code == 200
    assert ops(town, "/readyz").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"ids": 5}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("path", ["/replay", "/forgotten"])
def test_what_is_no_question_of_a_command_is_refused(town: Town, path: str, body: bytes) -> None:
    answer = httpx.post(f"http://127.0.0.1:{town.ops}{path}", content=body, timeout=20)

    assert answer.status_code == 400
