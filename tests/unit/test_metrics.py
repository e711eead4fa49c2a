"""What operators see: counts and times of this process, states of everything; a part that is away hides no other."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from town import free_port

from channels import CHANNELS
from config.settings import Settings
from normalizer.schema import Attachment, CannotTell, PermanentFailure, TemporaryFailure
from router.house import open_house
from router.in_time import InTime
from router.journal import accept_for, work_off
from router.metrics import REGISTRY, scrape
from router.outbox import deliver_due
from store.counts import count_deliveries, count_photos, count_reports
from store.journal import Journal
from store.models import Delivery
from tests.unit.houses import NO_PLACE, WHOLE, Town, new_town
from tests.unit.test_outbox import UNSURE, Provider


@pytest.fixture
def journal(tmp_path: Path, town: Town) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "data" / "journal", town.clock)) as made:
        yield made


class Grown:
    """How much a figure of this process has grown since: other tests count in it too."""

    def __init__(self) -> None:
        self._before: dict[str, float] = self._all()

    @staticmethod
    def _all() -> dict[str, float]:
        samples = (sample for family in REGISTRY.collect() for sample in family.samples)
        return {f"{s.name}{sorted(s.labels.items())}": s.value for s in samples}

    def by(self, name: str, **labels: str) -> float:
        key = f"{name}{sorted(labels.items())}"
        return self._all().get(key, 0.0) - self._before.get(key, 0.0)


def told(town: Town, journal: Journal) -> dict[str, float]:
    """A scrape as Prometheus reads it: `name{label,label}` with the labels' values in their names' order."""
    text = scrape(town.house, journal, InTime()).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {f"{s.name}{{{','.join(v for _, v in sorted(s.labels.items()))}}}": s.value for s in found}


# --- what happens in this process ---------------------------------------------------------------------------


async def test_what_was_kept_is_counted_and_timed_per_channel(town: Town, journal: Journal) -> None:
    grown, accept = Grown(), accept_for(journal, "email", lambda: None)
    for number in ("1", "2", "2"):
        await accept(external_id=number, lane="a", raw=b"raw", meta={})

    assert grown.by("lapor_accept_seconds_count", channel="email") == 3
    assert grown.by("lapor_accept_seconds_sum", channel="email") > 0
    assert grown.by("lapor_refused_total", channel="email") == 0
    assert told(town, journal)["lapor_accepted_total{email}"] >= 3


async def test_what_could_not_be_kept_is_counted_as_refused_and_still_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    grown, accept = Grown(), accept_for(journal, "email", lambda: None)
    journal.close()
    with pytest.raises(TemporaryFailure):
        await accept(external_id="1", lane="a", raw=b"raw", meta={})

    assert grown.by("lapor_refused_total", channel="email") == 1
    assert grown.by("lapor_accept_seconds_count", channel="email") == 0


def test_what_had_its_effect_is_counted_per_channel(town: Town, journal: Journal) -> None:
    grown = Grown()
    for number, channel in enumerate(("sms", "sms", "x")):
        journal.put(channel=channel, external_id=f"{number}", lane="a", raw=b"", meta={}).result()
    work_off(town.house, journal)

    assert [grown.by("lapor_worked_off_total", channel=c) for c in ("sms", "x", "email")] == [2, 1, 0]


async def test_tries_are_counted_by_what_was_written_down(town: Town) -> None:
    grown, provider = Grown(), Provider()
    for number in range(4):
        town.tell(WHOLE, sender=f"+62{number}")
    provider.answers = [None, TemporaryFailure("busy"), PermanentFailure("no such number"), UNSURE]
    await deliver_due(town.house, provider.connections)

    by_outcome = {
        outcome: grown.by("lapor_sends_total", channel="sms", outcome=outcome)
        for outcome in ("sent", "waiting", "failed", "unknown")
    }
    assert by_outcome == dict.fromkeys(by_outcome, 1)


async def test_a_providers_time_is_taken_whether_it_takes_the_message_or_not(town: Town) -> None:
    grown, provider = Grown(), Provider()
    town.tell(WHOLE, sender="+621")
    town.tell(WHOLE, sender="+622")
    provider.answers = [None, PermanentFailure("no such number")]
    await deliver_due(town.house, provider.connections)

    assert grown.by("lapor_send_seconds_count", channel="sms") == 2
    assert grown.by("lapor_send_seconds_count", channel="desk") == 0


@pytest.mark.parametrize(("found", "repeated"), [(CannotTell.CANNOT_TELL, 1), (None, 0), ("id", 0)])
async def test_only_what_a_provider_cannot_tell_is_counted_as_sent_again(
    town: Town, found: CannotTell | str | None, repeated: int
) -> None:
    grown, provider = Grown(), Provider()
    town.tell(WHOLE)
    provider.answers, provider.found = [UNSURE], [found]
    await deliver_due(town.house, provider.connections)
    town.clock.on(minutes=1)
    await deliver_due(town.house, provider.connections)

    assert grown.by("lapor_sends_repeated_total", channel="sms") == repeated


async def test_an_acknowledgement_is_timed_from_when_the_message_came_in(town: Town) -> None:
    grown, provider = Grown(), Provider()
    town.clock.at = datetime.now(UTC) - timedelta(seconds=45)
    town.tell(WHOLE)
    await deliver_due(town.house, provider.connections)
    town.clock.on(seconds=1)
    town.move("in_progress", notes="Tim berangkat")  # another answer, no acknowledgement
    await deliver_due(town.house, provider.connections)

    assert len(provider.sent) == 2
    assert grown.by("lapor_acknowledgement_seconds_count", channel="sms") == 1
    assert grown.by("lapor_acknowledgement_seconds_sum", channel="sms") >= 45
    assert grown.by("lapor_acknowledgement_seconds_bucket", channel="sms", le="30.0") == 0
    assert grown.by("lapor_acknowledgement_seconds_bucket", channel="sms", le="600.0") == 1


def test_every_channel_has_its_noughts_before_its_first_message(town: Town, journal: Journal) -> None:
    seen = told(town, journal)

    assert [channel for channel in CHANNELS if f"lapor_sends_total{{{channel},failed}}" not in seen] == []
    assert [channel for channel in CHANNELS if f"lapor_sends_repeated_total{{{channel}}}" not in seen] == []


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("lapor_accept_seconds", (0.025,)),
        ("lapor_acknowledgement_seconds", (0.1, 0.15, 1.0, 2.0, 10.0, 60.0, 600.0)),
    ],
)
def test_the_promises_are_edges_of_the_buckets(name: str, edges: tuple[float, ...]) -> None:
    REGISTRY._names_to_collectors[name].labels("sms")  # type: ignore[attr-defined]  # it shows itself once used
    samples = [s for family in REGISTRY.collect() for s in family.samples if s.name == f"{name}_bucket"]

    assert {float(s.labels["le"]) for s in samples} >= set(edges)


# --- what stands where --------------------------------------------------------------------------------------

STATES = ("waiting", "sending", "unknown", "failed", "sent", "delivered", "delivered")


def with_deliveries_in_all_states(town: Town) -> None:
    for number, state in enumerate(STATES):
        town.tell(WHOLE, sender=f"+62{number}", attachments=(Attachment(ref="p1"),) * (number == 0))
        with town.house.store.write() as session:
            session.execute(update(Delivery).where(Delivery.report_id == number + 1).values(state=state))
        town.clock.on(minutes=1)


def counts_are_right(town: Town) -> None:
    with_deliveries_in_all_states(town)
    with town.house.store.read() as session:
        owed, reports, photos = count_deliveries(session), count_reports(session), count_photos(session)
    of_one = {"waiting": 1, "sending": 1, "unknown": 1, "failed": 1, "done": 3}

    assert owed.counts == {(channel, s): n for channel in ("sms", "desk") for s, n in of_one.items()}
    assert {channel: at.minute for channel, at in owed.oldest.items()} == {"sms": 0, "desk": 0}
    assert reports == {"assigned": len(STATES)}
    assert photos == {"owed": 1}


def test_deliveries_reports_and_photos_are_counted_by_state(town: Town) -> None:
    counts_are_right(town)


@pytest.mark.servers
def test_on_postgresql_they_are_counted_alike(postgres_url: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE counted")
    url = postgres_url.rsplit("/", 1)[0] + "/counted"
    town = new_town(tmp_path, database_url=url, secret_key="s" * 20, contact_key="c" * 20)
    counts_are_right(town)
    town.house.store.engine.dispose()


def test_a_scrape_tells_states_and_ages(town: Town, journal: Journal) -> None:
    with_deliveries_in_all_states(town)
    town.tell(NO_PLACE, sender="+629")
    journal.put(channel="sms", external_id="1", lane="a", raw=b"", meta={}).result()
    town.clock.on(minutes=3)
    seen = told(town, journal)

    assert seen["lapor_journal_entries{waiting}"] == 1
    assert seen["lapor_journal_oldest_waiting_seconds{}"] == 180
    assert seen["lapor_deliveries{sms,done}"] == 3
    assert seen["lapor_oldest_owed_seconds{sms}"] == (len(STATES) + 3) * 60
    assert seen["lapor_oldest_owed_seconds{email}"] == 0
    assert (seen["lapor_reports{assigned}"], seen["lapor_reports{received}"]) == (len(STATES), 1)
    assert (seen["lapor_photos{owed}"], seen["lapor_photos{lost}"]) == (1, 0)
    assert seen["lapor_disk_free_bytes{}"] > 0
    assert {seen[f"lapor_part_up{{{part}}}"] for part in ("database", "journal", "disk")} == {1}


def test_with_nothing_to_do_the_ages_are_nought(town: Town, journal: Journal) -> None:
    seen = told(town, journal)

    assert seen["lapor_journal_oldest_waiting_seconds{}"] == 0
    assert {seen[f"lapor_oldest_owed_seconds{{{channel}}}"] for channel in CHANNELS} == {0}


def test_while_the_database_is_away_everything_else_is_told(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://lapor@127.0.0.1:{free_port()}/lapor"
    settings = Settings(
        _env_file=None, data_dir=tmp_path, database_url=url, secret_key="s" * 20, contact_key="c" * 20
    )
    house = open_house(settings)
    with closing(Journal(tmp_path / "journal")) as journal:
        journal.put(channel="sms", external_id="1", lane="a", raw=b"", meta={}).result()
        text = scrape(house, journal, InTime()).decode()

    assert 'lapor_part_up{part="database"} 0.0' in text
    assert 'lapor_journal_entries{state="waiting"} 1.0' in text
    assert "lapor_deliveries" not in text


def test_while_the_journal_is_closed_everything_else_is_told(town: Town, journal: Journal) -> None:
    town.tell(WHOLE)
    journal.close()
    seen = told(town, journal)

    assert (seen["lapor_part_up{journal}"], seen["lapor_reports{assigned}"]) == (0, 1)


def test_what_hangs_is_left_behind_and_asked_once() -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def hang() -> str:
        asked.append("hang")
        goes_on.wait()
        return "late"

    in_time = InTime(0.05)
    for _ in range(3):
        answers = in_time.ask({"hang": hang, "quick": lambda: "quick"})
        assert isinstance(answers["hang"], TimeoutError)
        assert answers["quick"] == "quick"
    assert asked == ["hang"]

    goes_on.set()
    assert InTime(60.0).ask({"hang": hang}) == {"hang": "late"}
