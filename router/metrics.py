"""What operators watch: counts and times of this process, and the states of everything at the moment of asking."""

import platform
import shutil
import tomllib
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from channels import CHANNELS
from channels.protocol import Accept
from config.settings import ROOT
from normalizer.schema import TemporaryFailure
from router.house import House
from router.in_time import InTime
from store import counts
from store.database import sqlite_module
from store.journal import Entry, Journal
from store.models import Delivery

disable_created_metrics()  # type: ignore[no-untyped-call]

# the promises stand among the edges: 25 ms; 100 ms, 150 ms, 1 s, 2 s, 10 s, 60 s, 10 min
KEEPING = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ANSWERING = (0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 3600, 21_600)
SENDING = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 90)

REGISTRY = CollectorRegistry()  # of this process alone

ProcessCollector(registry=REGISTRY)
accept_seconds = Histogram(
    "lapor_accept_seconds",
    "From the call of accept() until the message was on fsync'd disk",
    ["channel"],
    registry=REGISTRY,
    buckets=KEEPING,
)
refused = Counter(
    "lapor_refused", "Messages that could not be kept: their provider was told so", ["channel"], registry=REGISTRY
)
done = Counter("lapor_worked_off", "Kept messages that had their effect", ["channel"], registry=REGISTRY)
sends = Counter(
    "lapor_sends",
    "Tries to send that ended, by what was written down: sent, waiting, unknown, failed",
    ["channel", "outcome"],
    registry=REGISTRY,
)
repeated = Counter(
    "lapor_sends_repeated",
    "Sent once more after a silence, because the provider cannot tell whether it has it",
    ["channel"],
    registry=REGISTRY,
)
send_seconds = Histogram(
    "lapor_send_seconds",
    "How long a provider took to take a message, or to refuse it",
    ["channel"],
    registry=REGISTRY,
    buckets=SENDING,
)
acknowledgement_seconds = Histogram(
    "lapor_acknowledgement_seconds",
    "From the moment that a report's first message came in until the provider took the acknowledgement",
    ["channel"],
    registry=REGISTRY,
    buckets=ANSWERING,
)
Info("lapor_build", "What runs here", registry=REGISTRY).info(
    {
        "version": tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
        "python": platform.python_version(),
        "sqlite": sqlite_module().sqlite_version,
    }
)
for _channel in CHANNELS:  # a rate needs the nought before the first one
    for _each in (repeated, send_seconds, acknowledgement_seconds):
        _each.labels(_channel)
    for _outcome in ("sent", "waiting", "unknown", "failed"):
        sends.labels(_channel, _outcome)


# --- what happens in this process -------------------------------------------------------------------------


def timed(channel: str, accept: Accept) -> Accept:
    """The same accept(), timed and counted."""
    took, refuse = accept_seconds.labels(channel).observe, refused.labels(channel).inc
    done.labels(channel)

    async def accept_timed(*, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        began = perf_counter()
        try:
            await accept(external_id=external_id, lane=lane, raw=raw, meta=meta)
        except TemporaryFailure:
            refuse()
            raise
        took(perf_counter() - began)

    return accept_timed


def worked_off(entries: Iterable[Entry]) -> None:
    for channel, count in Tally(entry.channel for entry in entries).items():
        done.labels(channel).inc(count)


@contextmanager
def sending(row: Delivery) -> Iterator[None]:
    """Around a provider's send; the hand-over to our own desk goes over no wire."""
    if row.channel == "desk":
        yield
        return
    came_in = _came_in(row)  # asked before: behind the send nothing may go wrong that is not the provider's
    began = perf_counter()
    try:
        yield
    finally:
        _observed(send_seconds, row.channel)(perf_counter() - began)
    if came_in is not None:
        waited = datetime.now(UTC) - came_in
        _observed(acknowledgement_seconds, row.channel)(max(waited.total_seconds(), 0.0))


@cache
def _observed(histogram: Histogram, channel: str) -> Callable[[float], None]:
    return histogram.labels(channel).observe


def _came_in(row: Delivery) -> datetime | None:
    """When the first message came in, if this is its acknowledgement: what was owed when that was decided."""
    report = row.report
    is_first = report is not None and row.address_id is not None and row.created_at == report.acknowledged_at
    return report.requested_at if report is not None and is_first else None


def sent_again(channel: str) -> None:
    repeated.labels(channel).inc()


def written_down(ended: Iterable[tuple[str, str]]) -> None:
    """How tries ended, by channel and what was written down, behind the commit."""
    for (channel, outcome), count in Tally(ended).items():
        sends.labels(channel, outcome).inc(count)


# --- what stands where, at the moment of asking -----------------------------------------------------------


def scrape(house: House, journal: Journal, in_time: InTime) -> bytes:
    """Everything, in Prometheus' text format. What cannot be told is left out, and `lapor_part_up` says so."""
    parts: dict[str, Callable[[], list[Metric]]] = {
        "journal": lambda: _of_journal(journal, house.now()),
        "database": lambda: _of_database(house),
        "disk": lambda: [_one("lapor_disk_free_bytes", "Free bytes under DATA_DIR", _free(house))],
    }
    answers = in_time.ask(parts)
    up = {(part,): float(isinstance(answer, list)) for part, answer in answers.items()}
    told = [metric for answer in answers.values() if isinstance(answer, list) for metric in answer]
    told += [_accepted(), _many("lapor_part_up", "Whether this part could be asked just now", ["part"], up)]
    now = CollectorRegistry()
    now.register(_Told(told))
    return generate_latest(REGISTRY) + generate_latest(now)


@dataclass(eq=False, slots=True)
class _Told:
    """What prometheus_client calls a collector."""

    metrics: list[Metric]

    def collect(self) -> Iterator[Metric]:
        return iter(self.metrics)


def _accepted() -> Metric:
    """Every accept() is in the histogram: a counter beside it would cost each message its time once more."""
    metric = CounterMetricFamily(
        "lapor_accepted", "Messages kept and thanked, repeats included", None, ["channel"]
    )
    for sample in next(iter(accept_seconds.collect())).samples:
        if sample.name.endswith("_count"):
            metric.add_metric([sample.labels["channel"]], sample.value)
    return metric


def _of_journal(journal: Journal, now: datetime) -> list[Metric]:
    states = {(state,): count for state, count in journal.counts().items()}
    oldest = journal.oldest_waiting()
    return [
        _many("lapor_journal_entries", "Kept messages of this server, by state", ["state"], states),
        _one(
            "lapor_journal_oldest_waiting_seconds",
            "Age of the oldest kept message that had no effect yet, 0 when there is none",
            _age(oldest, now),
        ),
    ]


def _of_database(house: House) -> list[Metric]:
    with house.store.read() as session:
        owed, reports = counts.count_deliveries(session), counts.count_reports(session)
        photos, guesses = counts.count_photos(session), counts.count_guesses(session)
    ages = {(channel,): 0.0 for channel in CHANNELS}
    ages |= {(channel,): _age(oldest, house.now()) for channel, oldest in owed.oldest.items()}
    by_state = {key: count for key, count in owed.counts.items() if count}
    by_status = {(status,): count for status, count in reports.items()}
    by_photo = {(state,): photos.get(state, 0) for state in ("owed", "lost")}
    return [
        _many("lapor_deliveries", "What we owe or owed, by channel and state", ["channel", "state"], by_state),
        _many("lapor_oldest_owed_seconds", "Age of the oldest delivery still owed", ["channel"], ages),
        _many("lapor_reports", "Reports by status", ["status"], by_status),
        _many("lapor_photos", "Photos still to be fetched, or lost", ["state"], by_photo),
        _guesses(guesses),
    ]


def _guesses(outcomes: Mapping[str, int]) -> Metric:
    words = "Guessed services that an official moved on as they were, or changed"
    metric = CounterMetricFamily("lapor_service_guesses", words, None, ["outcome"])
    for outcome, count in outcomes.items():
        metric.add_metric([outcome], count)
    return metric


def _free(house: House) -> int:
    return shutil.disk_usage(house.settings.data_dir).free


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value)


def _many(name: str, words: str, labels: list[str], values: Mapping[Any, float]) -> Metric:
    metric = GaugeMetricFamily(name, words, labels=labels)
    for key, value in sorted(values.items()):
        metric.add_metric(list(key), value)
    return metric
