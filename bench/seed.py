"""Owes deliveries without messages: reports of their own, and for each one answer or one hand-over due now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from bench import wording
from bench.server import Server
from config.keys import read_keys
from config.settings import Settings
from router.codes import new_code
from store.database import Store, open_store
from store.models import Address, Base, Delivery, Report, Reporter

TEXT = "Terima kasih! Laporan {code} (Lampu jalan mati, Manggarai) diteruskan ke Dinas Bina Marga. Status: {link}"
QUEUES = {"sms": "replies", "desk": "deliver-dbm"}


def store_of(server: Server) -> Store:
    """The server's own store, opened with its settings and keys."""
    given = {name.lower(): value for name, value in server.settings.items()}
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type, call-arg]
    return open_store(settings, read_keys(settings))


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A report as it was made: its id and its reporter's address, and the row."""

    report: int
    address: int
    row: dict[str, Any]


def report_problems(store: Store, first: int, count: int) -> list[Told]:
    """In one transaction so many reports, each of a citizen of its own, from number `first` on."""
    now = datetime.now(UTC)
    with store.write() as session:
        reporters = _insert(session, Reporter, [{"language": "id", "created_at": now}] * count)
        people = [wording.citizen(number) for number in range(first, first + count)]
        addresses = _insert(
            session,
            Address,
            [
                {
                    "reporter_id": reporter,
                    "channel": "sms",
                    "lookup": store.sealer.lookups("sms", number)[0],
                    "sealed": store.sealer.seal(number),
                    "account": wording.NUMBER,
                    "created_at": now,
                }
                for reporter, number in zip(reporters, people, strict=True)
            ],
        )
        rows = [_report(reporter, address, now) for reporter, address in zip(reporters, addresses, strict=True)]
        reports = _insert(session, Report, rows)
    told = zip(reports, addresses, rows, strict=True)
    return [Told(report=report, address=address, row=row) for report, address, row in told]


def owe(store: Store, channel: str, told: Sequence[Told]) -> None:
    """In one transaction a delivery for each of these, on `sms` or `desk`, due now."""
    now = datetime.now(UTC)
    with store.write() as session:
        _insert(session, Delivery, [_delivery(channel, each, now) for each in told])


def _insert(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> list[int]:
    statement = insert(model).returning(model.id, sort_by_parameter_order=True)  # type: ignore[attr-defined]
    return list(session.scalars(statement, rows))


def _report(reporter: int, address: int, now: datetime) -> dict[str, Any]:
    return {
        "code": f"{new_code()}{address}",
        "status": "assigned",
        "service_code": "lampu_jalan",
        "description": wording.TEXTS[0],
        "public_description": wording.TEXTS[0],
        "sources": {},
        "agency_id": "dbm",
        "language": "id",
        "channel": "sms",
        "reporter_id": reporter,
        "address_id": address,
        "requested_at": now,
        "acknowledged_at": now,
        "updated_at": now,
    }


def _delivery(channel: str, told: Told, now: datetime) -> dict[str, Any]:
    is_reply = channel == "sms"
    return {
        "report_id": told.report,
        "address_id": told.address if is_reply else None,
        "agency_id": None if is_reply else told.row["agency_id"],
        "channel": channel,
        "queue": QUEUES[channel],
        "text": TEXT.format(code=told.row["code"], link="http://localhost/r") if is_reply else "",
        "subject": "",
        "buttons": [],
        "state": "waiting",
        "next_attempt_at": now,
        "created_at": now,
        "updated_at": now,
    }
